//! Versions that go to a remote and come back: whole or not at all, nothing twice, nothing that is not what it says.

use std::path::Path;
use std::time::Duration;

use barrow_format::Compression;

use crate::catalog::change::ChangeKind;
use crate::catalog::prune::{PruneMode, PrunePolicy};
use crate::error::Error;
use crate::remote::{DirectoryRemote, Remote, RemoteError};
use crate::testing::{self, Listing, append, publish, publish_small, tree};
use crate::tests::machines::{Machine, Memory, OBJECT_BYTES, ONE, publisher};
use crate::writing::publish::StageOptions;

#[test]
fn what_is_pushed_is_what_is_fetched() {
    let folder = testing::dir();
    let remote = DirectoryRemote::at(folder.path());
    let (here, there) = (publisher(), Machine::new());
    let pushed = here.push("b", &remote);
    let (parts, parts_sent) = (pushed.parts, pushed.parts_sent);
    assert_eq!((pushed.version, parts, parts_sent, pushed.newest), (here.newest(), 2, 2, true));
    let spared = pushed.bytes - pushed.bytes_sent;
    assert!(spared < 10_000, "all but a stretch that the parts have in common was sent: {spared}");
    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.version, fetched.parts_fetched), (here.newest(), 2));
    assert_eq!((fetched.bytes_fetched, fetched.bytes_resumed), (pushed.bytes, 0));
    assert!(fetched.newest && !fetched.unchanged);
    assert_eq!(there.versions(), [here.newest()]);

    let (ours, theirs) = (here.catalog.bundle("b").unwrap(), there.catalog.bundle("b").unwrap());
    assert_eq!((ours.rows, ours.assets, &ours.tool), (theirs.rows, theirs.assets, &theirs.tool));
    assert_eq!(ours.published_ns, theirs.published_ns, "the moment of publication stays");
    assert_eq!((theirs.generation, ours.generation), (1, 2));
    let entry = there.catalog.entry("b", there.newest()).unwrap();
    assert_eq!((entry.parent, entry.change.unwrap().kind), (None, ChangeKind::Fetch));
    assert_eq!(entry.change.unwrap().rows_added, 503);
    for part in &entry.parts {
        let bytes =
            |machine: &Machine| std::fs::read(machine.catalog.dir("b").part(part.digest)).unwrap();
        assert_eq!(bytes(&here), bytes(&there));
    }
    let again = there.fetch("b", &remote);
    assert_eq!((again.unchanged, again.parts_fetched, again.bytes_fetched), (true, 0, 0));
    let unfinished = tree(&folder.path().join(".unfinished"));
    assert!(unfinished.is_empty(), "{unfinished:?}");
}

#[test]
fn a_fetched_bundle_is_as_if_it_had_been_ingested_here() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    publish_small(&here.catalog, "b", 1);
    here.push("b", &remote);
    there.fetch("b", &remote);
    assert_eq!(here.files(), there.files(), "no file more or less");
    append(&here.catalog, "b", "A", &[7, 8]);
    append(&there.catalog, "b", "A", &[7, 8]);
    assert_eq!(here.newest(), there.newest());
    assert_eq!(here.files(), there.files());
}

#[test]
fn parts_that_are_there_are_not_sent_again() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    publish(&here.catalog, "b", &[Listing::new("A", 0..300)], 1);
    here.push("b", &remote);
    there.fetch("b", &remote);
    let first = remote.keys("objects/").len();
    assert!(first > 3, "{first} objects");
    remote.take_reads("");
    append(&here.catalog, "b", "A", &[300]);
    let pushed = here.push("b", &remote);
    assert_eq!((pushed.parts, pushed.parts_sent), (2, 1));
    let second = remote.keys("objects/").len();
    assert!(second > first);
    let writes = remote.writes.lock().clone();
    let written = |prefix: &str| -> Vec<u32> {
        writes.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, count)| *count).collect()
    };
    assert_eq!(written("objects/"), vec![1; second]);
    assert_eq!(written("parts/"), [1, 1]);

    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.parts, fetched.parts_fetched), (2, 1));
    let read: u32 = remote.take_reads("objects/").into_iter().sum();
    let uses: u32 = remote.uses().into_iter().sum();
    assert_eq!(uses - read, u32::try_from(first).unwrap(), "nothing of the first part");
    assert_eq!(there.versions(), here.versions());
    let (ours, theirs) = (here.newest(), there.newest());
    let (ours, theirs) =
        (here.catalog.entry("b", ours).unwrap(), there.catalog.entry("b", theirs).unwrap());
    assert_eq!(ours, theirs, "versions that follow each other there follow each other here");

    let again = here.push("b", &remote);
    assert_eq!((again.parts_sent, again.bytes_sent), (0, 0));
    assert_eq!(remote.writes.lock().clone(), writes, "nothing was written at all");
}

#[test]
fn a_chosen_version_lies_beside_the_newest() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    let versions: Vec<_> =
        (1..4).map(|seed| publish_small(&here.catalog, "b", seed).version).collect();
    for version in &versions {
        let pushed = here.push(&format!("b@{version}"), &remote);
        // The first makes the remote have a newest version.
        assert_eq!(pushed.newest, *version == versions[0]);
    }
    here.push("b", &remote);
    there.fetch("b", &remote);
    let fetched = there.fetch(&format!("b@{}", &versions[0].to_string()[..10]), &remote);
    assert_eq!((fetched.version, fetched.newest, fetched.unchanged), (versions[0], false, false));
    assert_eq!((there.newest(), there.catalog.head("b").unwrap().generation), (versions[2], 1));
    assert_eq!(there.versions(), [versions[0], versions[2]]);
    let timeline = there.catalog.timeline("b").unwrap();
    assert_eq!(timeline.iter().map(|it| it.generation).collect::<Vec<_>>(), [1, 0]);
    let moment = crate::Instant(i64::MAX);
    assert_eq!(there.catalog.version_at("b", moment).unwrap(), versions[2]);
    assert!(there.fetch(&format!("b@{}", versions[0]), &remote).unchanged);

    // The next writer leaves it where it is; restored, it is an ordinary version; pruned, it is gone.
    publish_small(&there.catalog, "b", 9);
    assert_eq!(there.versions().len(), 3);
    let restored = there.catalog.restore("b", versions[0], &StageOptions::default()).unwrap();
    assert_eq!((there.newest(), restored.generation), (versions[0], 3));
    assert_eq!(there.catalog.version_at("b", moment).unwrap(), versions[0]);
    publish_small(&there.catalog, "b", 10);
    let policy = PrunePolicy {
        keep: 1,
        published_before_ns: None,
        mode: PruneMode::Remove,
        wait: Duration::ZERO,
    };
    there.catalog.prune("b", &policy).unwrap();
    assert_eq!(there.versions(), [there.newest()]);
}

#[test]
fn the_newest_here_is_what_the_newest_there_is() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    let first = publish_small(&here.catalog, "b", 1).version;
    here.push("b", &remote);
    there.fetch("b", &remote);
    let second = publish_small(&here.catalog, "b", 2).version;
    here.push("b", &remote);
    assert_eq!(there.fetch("b", &remote).version, second);
    here.catalog.restore("b", first, &StageOptions::default()).unwrap();
    assert_eq!(here.push("b", &remote).bytes_sent, 0);
    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.version, fetched.newest, fetched.parts_fetched), (first, true, 0));
    assert_eq!(there.newest(), first);
    assert_eq!(there.versions(), [first, second]);
    // What was published here alone stays in the history.
    let own = publish_small(&there.catalog, "b", 7).version;
    there.fetch("b", &remote);
    assert_eq!(there.newest(), first);
    assert!(there.versions().contains(&own));
}

#[test]
fn what_is_not_there_is_said_to_be_not_there() {
    let (here, there, remote) = (Machine::new(), Machine::new(), Memory::default());
    assert!(matches!(there.refused("b", &remote), RemoteError::UnknownBundle { .. }));
    let first = publish_small(&here.catalog, "b", 1).version;
    here.push("b", &remote);
    let error = there.refused(&format!("b@{}", "0".repeat(64)), &remote);
    assert!(matches!(error, RemoteError::UnknownVersion { .. }), "{error}");
    let error = there.refused("b@0123456789", &remote);
    assert!(matches!(error, RemoteError::UnknownVersion { .. }), "{error}");
    let error = there.refused("b@2026-11-25", &remote);
    assert!(matches!(error, RemoteError::Moment { .. }), "{error}");
    for name in ["../b", "b/../c", ".b", "", "b.barrow", "a\\b"] {
        let error = there.catalog.fetch(name, &remote, &ONE).unwrap_err();
        assert!(matches!(error, Error::BundleName { .. }), "{name}: {error}");
        assert!(here.catalog.push(name, &remote, &ONE).is_err(), "{name}");
    }
    assert!(there.files().is_empty(), "{:?}", there.files());
    // A record of another name, left there by somebody: none of ours.
    remote.write("bundles/b/versions/..%2f..%2fx.json", b"{}").unwrap();
    let prefix = format!("b@{}", &first.to_string()[..8]);
    assert_eq!(there.fetch(&prefix, &remote).version, first);
}

#[test]
fn compressed_and_compacted_versions_travel_too() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    let listings = [Listing::new("A", 0..5000)];
    testing::publish_compressed(&here.catalog, "b", &listings, 1, Compression::Auto);
    append(&here.catalog, "b", "A", &[6000, 6001]);
    here.push("b", &remote);
    there.fetch("b", &remote);
    here.catalog.compact("b", &StageOptions::default()).unwrap();
    assert_eq!(here.push("b", &remote).parts_sent, 1, "the same version in another file");
    let other = Machine::new();
    assert_eq!(other.fetch("b", &remote).parts, 1);
    assert_eq!((other.versions(), there.versions()), (vec![here.newest()], vec![here.newest()]));
    assert!(there.fetch("b", &remote).unchanged, "it has the version, in the files of before");
}

#[test]
fn a_moment_to_come_is_not_believed() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    here.push("b", &remote);
    let entry = here.catalog.entry("b", here.newest()).unwrap();
    remote.replace("bundles/b/versions", &entry.published_ns.to_string(), "9223372036854775807");
    let before = crate::writing::publish::now_ns();
    there.fetch("b", &remote);
    let published_ns = there.catalog.bundle("b").unwrap().published_ns;
    assert!(published_ns >= before && published_ns <= crate::writing::publish::now_ns());
}

#[test]
fn the_layout_is_the_documented_one() {
    let (here, remote) = (Machine::new(), Memory::default());
    let version = publish_small(&here.catalog, "b", 1).version;
    here.push("b", &remote);
    let digest = here.catalog.entry("b", version).unwrap().parts[0].digest;
    let bytes = std::fs::read(here.catalog.dir("b").part(digest)).unwrap();
    let mut expected = vec![
        "bundles/b/newest.json".to_owned(),
        format!("bundles/b/versions/{version}.json"),
        format!("parts/{digest}.json"),
    ];
    for chunk in bytes.chunks(OBJECT_BYTES) {
        let digits = barrow_format::Digest::of(chunk).to_string();
        expected.push(format!("objects/{}/{digits}", &digits[..2]));
    }
    expected.sort();
    expected.dedup();
    assert_eq!(remote.keys(""), expected);
    let text = |key: &str| String::from_utf8(remote.objects.lock()[key].clone()).unwrap();
    let newest = format!("{{\"format\":\"barrow-newest/1\",\"version\":\"{version}\"}}\n");
    assert_eq!(text("bundles/b/newest.json"), newest);
    let record = here.catalog.dir("b").record(version);
    assert_eq!(text(&expected[1]), std::fs::read_to_string(Path::new(&record)).unwrap());
}
