//! Objects and parts that are damaged, and remotes that lie: nothing is published that is not what it says.

use crate::error::Error;
use crate::remote::{Remote, RemoteError, TransferOptions};
use crate::tests::machines::{Machine, Memory, OBJECT_BYTES, ONE, publisher};

#[test]
fn an_object_that_was_cut_off_in_the_remote_is_sent_again() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    here.push("b", &remote);
    let (objects, parts) = (remote.keys("objects/"), remote.keys("parts/"));
    remote.change(&objects[1], |bytes| bytes.truncate(100));
    let error = there.refused("b", &remote);
    assert!(
        matches!(&error, RemoteError::Damaged { key, what: "length", .. } if *key == objects[1]),
        "{error}"
    );
    for key in parts {
        remote.objects.lock().remove(&key);
    }
    let pushed = here.push("b", &remote);
    assert_eq!((pushed.parts_sent, pushed.bytes_sent), (1, 5000), "one object");
    there.fetch("b", &remote);
    assert_eq!(there.versions(), [here.newest()]);
}

#[test]
fn a_damaged_object_is_refused_and_names_itself() {
    let (here, remote) = (publisher(), Memory::default());
    here.push("b", &remote);
    for key in remote.keys("objects/") {
        let there = Machine::new();
        remote.change(&key, |bytes| bytes[10] ^= 1);
        let error = there.refused("b", &remote);
        let named = matches!(&error, RemoteError::Damaged { key: found, what: "digest", .. } if *found == key);
        assert!(named, "{error}");
        assert_eq!(there.catalog.names().unwrap(), [""; 0]);
        remote.change(&key, |bytes| bytes[10] ^= 1);
        there.fetch("b", &remote);
        assert_eq!(there.versions(), [here.newest()]);
    }
    let key = remote.keys("objects/").remove(0);
    let there = Machine::new();
    remote.change(&key, |bytes| bytes.push(0));
    assert!(matches!(there.refused("b", &remote), RemoteError::Damaged { what: "length", .. }));
    remote.objects.lock().remove(&key);
    let error = there.refused("b", &remote);
    assert!(matches!(&error, RemoteError::Missing { key: found, .. } if *found == key), "{error}");
}

#[test]
fn a_push_that_checks_mends_what_is_damaged() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    here.push("b", &remote);
    let keys = remote.keys("objects/");
    remote.change(&keys[0], |bytes| bytes[10] ^= 1);
    remote.objects.lock().remove(&keys[1]);
    assert_eq!(here.push("b", &remote).bytes_sent, 0, "it does not look");
    let check = TransferOptions { check: true, ..TransferOptions::default() };
    let pushed = here.catalog.push("b", &remote, &check).unwrap();
    assert!((5001..=10_000).contains(&pushed.bytes_sent), "two objects: {pushed:?}");
    there.fetch("b", &remote);
    assert_eq!(there.versions(), [here.newest()]);
    assert_eq!(here.catalog.push("b", &remote, &check).unwrap().bytes_sent, 0);
}

/// What a remote may do to what a machine has pushed to it.
type Lie = fn(&Memory, &Machine);

/// Lies about versions, and about their parts.
const LIES: [(&str, Lie); 12] = [
    ("names another version", |remote, here| {
        let other = here.catalog.history("b").unwrap()[1].version.to_string();
        remote.replace("bundles/b/versions", &here.newest().to_string(), &other);
    }),
    ("gives another version's files", |remote, here| {
        let old = here.catalog.history("b").unwrap()[1].version;
        here.push(&format!("b@{old}"), remote);
        let key = |version| format!("bundles/b/versions/{version}.json");
        let record = remote.objects.lock()[&key(old)].clone();
        remote.change(&key(here.newest()), |bytes| *bytes = record);
        let newest = here.newest().to_string();
        remote.replace(&key(here.newest()), &old.to_string(), &newest);
    }),
    ("leads out of the catalog", |remote, here| {
        let part = here.catalog.entry("b", here.newest()).unwrap().parts[0].digest;
        remote.replace("bundles/b/versions", &part.to_string(), "../../../../etc/passwd");
    }),
    ("points nowhere", |remote, here| {
        remote.replace("bundles/b/newest", &here.newest().to_string(), "../../x");
    }),
    ("points to what is not there", |remote, here| {
        remote.replace("bundles/b/newest", &here.newest().to_string(), &"0".repeat(64));
    }),
    ("counts rows wrongly", |remote, _| {
        remote.replace("bundles/b/versions", "\"rows\": 503", "\"rows\": 504");
    }),
    ("gives a length that is not so", |remote, _| {
        remote.replace("bundles/b/versions", "\"bytes\": ", "\"bytes\": 9");
    }),
    ("gives lengths that do not end", |remote, _| {
        remote.replace("bundles/b/versions", "\"bytes\": ", "\"bytes\": 922337");
        remote.replace("parts/", "\"bytes\":", "\"bytes\":922337");
    }),
    ("names no part", |remote, _| {
        let key = remote.keys("bundles/b/versions").remove(0);
        remote.change(&key, |bytes| {
            let mut record: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            record["parts"] = serde_json::Value::Array(Vec::new());
            *bytes = record.to_string().into_bytes();
        });
    }),
    ("lacks a part", |remote, _| {
        let key = remote.keys("parts/").remove(0);
        remote.objects.lock().remove(&key);
    }),
    ("exchanges two parts", |remote, _| {
        let keys = remote.keys("parts/");
        let mut objects = remote.objects.lock();
        let (first, second) = (objects[&keys[0]].clone(), objects[&keys[1]].clone());
        objects.insert(keys[0].clone(), second);
        objects.insert(keys[1].clone(), first);
    }),
    ("has no record", |remote, _| {
        let key = remote.keys("bundles/b/versions").remove(0);
        remote.objects.lock().remove(&key);
    }),
];

#[test]
fn a_remote_that_lies_publishes_nothing() {
    for (what, lie) in LIES {
        let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
        here.push("b", &remote);
        lie(&remote, &here);
        let error = there.refused("b", &remote);
        assert!(!error.to_string().is_empty(), "{what}");
        assert_eq!(there.catalog.names().unwrap(), [""; 0], "{what}: {error}");
        let sound = Memory::default();
        here.push("b", &sound);
        there.fetch("b", &sound);
        assert_eq!(there.newest(), here.newest(), "{what}");
        assert!(!there.files().iter().any(|path| path.contains("arriving")), "{what}");
    }
}

#[test]
fn other_bytes_under_right_hashes_are_not_the_version() {
    // Somebody who can write to the remote publishes another file, with inventory and objects that agree.
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let entry = here.catalog.entry("b", here.newest()).unwrap();
    for part in &entry.parts {
        here.push("b", &remote);
        let path = here.catalog.dir("b").part(part.digest);
        let mut bytes = std::fs::read(path).unwrap();
        let last = bytes.len() - 4096;
        bytes[last] ^= 1;
        let objects: Vec<_> = bytes.chunks(OBJECT_BYTES).map(barrow_format::Digest::of).collect();
        for (digest, chunk) in objects.iter().zip(bytes.chunks(OBJECT_BYTES)) {
            let key = format!("objects/{}/{digest}", &digest.to_string()[..2]);
            remote.write(&key, chunk).unwrap();
        }
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let key = format!("parts/{}.json", part.digest);
        let honest = remote.objects.lock()[&key].clone();
        remote.change(&key, |text| {
            let mut inventory: serde_json::Value = serde_json::from_slice(text).unwrap();
            inventory["objects"] = objects.into();
            *text = inventory.to_string().into_bytes();
        });
        let error = there.refused("b", &remote);
        assert!(matches!(error, RemoteError::Unsound { .. }), "{error}");
        assert_eq!(there.files(), ["root", "root/b"].map(str::to_owned)[..there.files().len()]);
        remote.change(&key, |text| *text = honest);
    }
    there.fetch("b", &remote);
    assert_eq!(there.versions(), [here.newest()]);
}

#[test]
fn a_part_that_is_damaged_here_is_loaded_again() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let old = here.catalog.history("b").unwrap()[1].clone();
    here.push(&format!("b@{}", old.version), &remote);
    there.fetch("b", &remote);
    let path = there.catalog.dir("b").part(old.parts[0].digest);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4096;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    here.push("b", &remote);
    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.parts, fetched.parts_fetched), (2, 2));
    assert_eq!(there.versions(), here.versions());
}

#[test]
fn what_is_damaged_here_is_not_pushed() {
    let (here, remote) = (publisher(), Memory::default());
    let entry = here.catalog.entry("b", here.newest()).unwrap();
    let path = here.catalog.dir("b").part(entry.parts[1].digest);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4096;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let error = here.catalog.push("b", &remote, &ONE).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(remote.keys("").is_empty());
}
