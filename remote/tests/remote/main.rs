//! Promise: over an object store a remote is what it is in a directory; what a server refuses or breaks off is said as it is, without
//! anybody's password, and costs no more than to go on.
//!
//! Method: catalogs in folders of their own are machines; between them stand the store's own memory and a web server of this process
//! that keeps objects in memory too and misbehaves on demand. What lies there is compared with what a directory gets.

mod machine;
mod server;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use barrow_remote::object_store::http::HttpBuilder;
use barrow_remote::object_store::memory::InMemory;
use barrow_remote::object_store::path::Path;
use barrow_remote::object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use barrow_remote::{Error, ObjectStoreRemote};
use barrow_store::{
    DirectoryRemote, Remote, RemoteError, RemotePolicy, TransferOptions, prune_remote,
};

use crate::machine::{Machine, OBJECT_BYTES};
use crate::server::{Mood, Server};

const DAY: Duration = Duration::from_hours(24);

/// A store in memory, below a prefix.
fn memory() -> (ObjectStoreRemote, Arc<InMemory>) {
    let store = Arc::new(InMemory::new());
    let held: Arc<dyn ObjectStore> = store.clone();
    (ObjectStoreRemote::over(held, Path::from("bars/daily"), "memory"), store)
}

/// A web server without patience.
fn impatient(server: &Server, retries: usize) -> ObjectStoreRemote {
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(1), ..Default::default() };
    let retry = RetryConfig { backoff, max_retries: retries, ..RetryConfig::default() };
    let builder = HttpBuilder::new().with_url(server.url()).with_retry(retry);
    let store = builder.with_config(ClientConfigKey::AllowHttp, "true").build().expect("a store");
    ObjectStoreRemote::over(Arc::new(store), Path::default(), "web")
}

/// The keys of all objects below some folders, ascending.
fn keys(remote: &dyn Remote, folders: &[&str]) -> Vec<String> {
    let mut open: Vec<String> = folders.iter().copied().map(str::to_owned).collect();
    let mut keys = Vec::new();
    while let Some(folder) = open.pop() {
        for name in remote.list(&folder).expect("a listing") {
            let key = format!("{folder}/{name}");
            let object = remote.bytes_of(&key).expect("an answer");
            if object.is_some() { keys.push(key) } else { open.push(key) }
        }
    }
    keys.sort();
    keys
}

/// All that a remote has, by key.
fn contents(remote: &dyn Remote) -> Vec<(String, Vec<u8>)> {
    let keys = keys(remote, &["bundles", "parts", "objects"]);
    let read = |key: String| (key.clone(), remote.read(&key, 1 << 30).expect("an object"));
    keys.into_iter().map(read).collect()
}

/// The keys of a store, prefix included.
fn paths(store: Arc<InMemory>) -> Vec<String> {
    keys(&ObjectStoreRemote::over(store, Path::default(), "all"), &["bars"])
}

#[test]
fn what_lies_there_is_what_lies_in_a_directory_and_nothing_travels_twice() {
    let (here, there) = (Machine::new(), Machine::new());
    here.publish("b", 250_000);
    let ((remote, store), folder) = (memory(), tempfile::tempdir().unwrap());
    let directory = DirectoryRemote::at(folder.path());
    let sent = here.push("b", &remote);
    assert_eq!(sent, here.push("b", &directory));
    assert!(sent.bytes_sent > OBJECT_BYTES, "several objects: {sent:?}");
    assert_eq!(there.fetch("b", &remote).bytes_fetched, sent.bytes);

    here.append("b");
    let (more, again) = (here.push("b", &remote), here.push("b", &remote));
    assert_eq!((more.parts, more.parts_sent, again.bytes_sent), (2, 1, 0));
    here.push("b", &directory);
    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.parts, fetched.parts_fetched), (2, 1));
    assert_eq!(there.newest("b"), here.newest("b"));

    // Another bundle with the same rows needs nothing but its record.
    here.publish("c", 250_000);
    assert_eq!(here.push("c", &remote).bytes_sent, 0);
    here.push("c", &directory);
    assert_eq!(contents(&remote), contents(&directory));
    there.fetch("c", &remote);
    let listed = paths(store);
    assert!(!listed.is_empty() && listed.iter().all(|path| path.starts_with("bars/daily/")));
}

#[test]
fn objects_are_told_from_folders_and_from_what_is_not_there() {
    let (remote, store) = memory();
    assert_eq!(remote.list("objects").unwrap(), [""; 0]);
    assert_eq!(remote.bytes_of("objects/ab/abc").unwrap(), None);
    assert_eq!(remote.age_of("objects/ab/abc").unwrap(), None);
    let error = remote.read("objects/ab/abc", 10).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    remote.write("objects/ab/abc", b"of before").unwrap();
    remote.write("objects/ab/abc", b"0123456789").unwrap();
    remote.write("objects/abd", b"").unwrap();
    let mut listed = remote.list("objects").unwrap();
    listed.sort();
    assert_eq!(listed, ["ab", "abd"]);
    assert_eq!(remote.list("objects/ab").unwrap(), ["abc"]);
    assert_eq!(remote.bytes_of("objects/ab").unwrap(), None, "a folder is no object");
    assert_eq!(remote.bytes_of("objects/ab/abc").unwrap(), Some(10));
    assert_eq!(remote.read("objects/ab/abc", 4).unwrap(), b"0123");
    assert_eq!(remote.read("objects/ab/abc", 11).unwrap(), b"0123456789");
    assert_eq!(remote.read("objects/abd", 11).unwrap(), b"");
    assert!(remote.age_of("objects/ab/abc").unwrap().unwrap() < DAY);
    remote.write("../../out", b"x").unwrap();
    assert!(paths(store).iter().all(|path| path.starts_with("bars/daily/")));
    remote.remove("objects/ab/abc").unwrap();
    remote.remove("objects/ab/abc").unwrap();
    assert_eq!(remote.bytes_of("objects/ab/abc").unwrap(), None);
}

#[test]
fn calls_wait_on_the_threads_of_another_runtime_too() {
    let (remote, _) = memory();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let listed = runtime.block_on(async { remote.list("bundles") });
    assert_eq!(listed.unwrap(), [""; 0]);
}

/// A remote whose objects are so old.
#[derive(Debug)]
struct Aged<'a>(&'a ObjectStoreRemote, Duration);

impl Remote for Aged<'_> {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn bytes_of(&self, key: &str) -> io::Result<Option<u64>> {
        self.0.bytes_of(key)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn read(&self, key: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.0.read(key, bytes_max)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.write(key, bytes)
    }

    fn age_of(&self, key: &str) -> io::Result<Option<Duration>> {
        Ok(self.0.age_of(key)?.map(|age| age + self.1))
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.0.remove(key)
    }
}

#[test]
fn what_is_old_and_needed_by_nobody_is_pruned() {
    let ((remote, _), here) = (memory(), Machine::new());
    let mut versions = Vec::new();
    for rows in [100, 200, 300] {
        here.publish("b", rows);
        versions.push(here.push("b", &remote).version);
    }
    here.publish("c", 300);
    here.push("c", &remote);
    let policy = RemotePolicy { keep: Some(1), ..RemotePolicy::default() };
    let young = prune_remote(&remote, &policy).unwrap();
    assert_eq!((young.versions.len(), young.parts, young.objects, young.kept), (0, 0, 0, 4));
    let pruned = prune_remote(&Aged(&remote, 8 * DAY), &policy).unwrap();
    assert_eq!((pruned.versions.len(), pruned.parts, pruned.objects, pruned.kept), (2, 2, 2, 2));
    let there = Machine::new();
    assert_eq!(there.fetch("b", &remote).version, versions[2]);
    there.fetch("c", &remote);
    for version in &versions[..2] {
        let error = there.refused(&format!("b@{version}"), &remote);
        assert!(matches!(error, RemoteError::UnknownVersion { .. }), "{error}");
    }
}

#[test]
fn interrupted_at_any_request_transfers_go_on_where_they_stopped() {
    let here = Machine::new();
    here.publish("b", 300);
    here.append("b");
    let (mut pushes, mut fetches) = (0, 0);
    for answered in 0.. {
        let (server, there) = (Server::start(), Machine::new());
        let remote = impatient(&server, 0);
        server.set(Mood::Breaks { answered });
        let pushed = here.catalog.push("b", &remote, &TransferOptions::default());
        server.set(Mood::Sound);
        let before = server.writes();
        if pushed.is_err() {
            pushes += 1;
            let error = there.refused("b", &remote);
            assert!(matches!(error, RemoteError::UnknownBundle { .. }), "half of it: {error}");
        }
        here.push("b", &remote);
        let objects = before.iter().filter(|(key, _)| key.starts_with("objects/"));
        for (key, _) in objects {
            assert_eq!(server.writes()[key], 1, "`{key}` was there, after {answered} answers");
        }
        server.set(Mood::Breaks { answered });
        let fetched = there.catalog.fetch("b", &remote, &TransferOptions::default());
        server.set(Mood::Sound);
        if let Err(error) = &fetched {
            fetches += 1;
            assert!(matches!(error, barrow_store::Error::Remote(_)), "{error}");
            assert_eq!(there.catalog.names().unwrap(), [""; 0], "nothing is published");
        }
        there.fetch("b", &remote);
        assert_eq!(there.newest("b"), here.newest("b"));
        if pushed.is_ok() && fetched.is_ok() {
            break;
        }
    }
    assert!(pushes > 10 && fetches > 5, "{pushes} pushes and {fetches} fetches were interrupted");
}

#[test]
fn damage_is_named_and_mended() {
    let (here, there, server) = (Machine::new(), Machine::new(), Server::start());
    here.publish("b", 300);
    let remote = impatient(&server, 0);
    here.push("b", &remote);
    let key = server.change("objects/", |bytes| bytes[9] ^= 1);
    let error = there.refused("b", &remote);
    assert!(matches!(&error, RemoteError::Damaged { key: it, what: "digest", .. } if *it == key));
    server.change("objects/", |bytes| bytes.truncate(50));
    let error = there.refused("b", &remote);
    assert!(matches!(&error, RemoteError::Damaged { key: it, what: "length", .. } if *it == key));
    let check = TransferOptions { check: true, ..TransferOptions::default() };
    assert!(here.catalog.push("b", &remote, &check).unwrap().bytes_sent > 0);
    there.fetch("b", &remote);
}

#[test]
fn what_servers_answer_is_said() {
    let server = Server::start();
    let remote = impatient(&server, 1);
    remote.write("bundles/b/newest.json", b"{}").unwrap();
    let html = "<html>\n<title>no</title></html>";
    let xml = "<Error><Code>ExpiredToken</Code><Message>It has expired.</Message><Token-0>s3cr3t</Token-0></Error>";
    for (mood, kind, said) in [
        (Mood::Answers(403, html), io::ErrorKind::PermissionDenied, "403 Forbidden"),
        (
            Mood::Answers(401, "who is it?\nwho?"),
            io::ErrorKind::PermissionDenied,
            "401 Unauthorized, who is it?",
        ),
        (
            Mood::Answers(403, xml),
            io::ErrorKind::PermissionDenied,
            "403 Forbidden, ExpiredToken, It has expired.",
        ),
        (Mood::Answers(500, html), io::ErrorKind::Other, "500 Internal Server Error"),
        (Mood::Answers(404, html), io::ErrorKind::NotFound, "404 Not Found"),
    ] {
        server.set(mood);
        let error = remote.read("bundles/b/newest.json", 10).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let request = format!("GET {}/bundles/b/newest.json: {said}", server.url());
        assert_eq!(error.to_string(), request);
    }
    server.set(Mood::Cuts);
    let error = remote.read("bundles/b/newest.json", 10).unwrap_err();
    assert_eq!(error.to_string(), "end of file before message length reached");
    // Once more is enough for a server that could not answer once.
    server.set(Mood::Stumbles);
    assert_eq!(remote.read("bundles/b/newest.json", 10).unwrap(), b"{}");
    let gone = Server::start();
    let error = impatient(&gone.gone(), 1).read("bundles/b/newest.json", 10).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected, "{error}");
}

#[test]
fn a_web_server_without_webdav_is_read_only() {
    let (here, there, server) = (Machine::new(), Machine::new(), Server::start());
    here.publish("b", 300);
    let url = server.url().replace("http://", "http://reader:hunter2@");
    let remote = ObjectStoreRemote::at(&format!("{url}/bars/")).unwrap();
    assert_eq!(remote.describe(), format!("{}/bars/", server.url()));
    for status in [405, 501] {
        server.set(Mood::ReadOnly(status));
        let error = here.catalog.push("b", &remote, &TransferOptions::default()).unwrap_err();
        let shown = format!("{error:?} {remote:?} {:#}", source_of(&error));
        assert!(shown.contains("Unsupported") && shown.contains("is only read from"), "{shown}");
        assert!(shown.contains(&status.to_string()) && !shown.contains("hunter2"), "{shown}");
        assert!(
            matches!(remote.list("bundles"), Err(error) if error.kind() == io::ErrorKind::Unsupported)
        );
    }
    server.set(Mood::Sound);
    here.push("b", &remote);
    server.set(Mood::ReadOnly(501));
    assert_eq!(there.fetch("b", &remote).version, here.newest("b"));
    assert!(server.keys().iter().all(|key| key.starts_with("bars/")), "{:?}", server.keys());
    // "reader:hunter2", as RFC 7617 wants it.
    assert_eq!(server.authorization().unwrap(), "Basic cmVhZGVyOmh1bnRlcjI=");
}

fn source_of(error: &barrow_store::Error) -> String {
    let mut said = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        said = format!("{said}: {error}");
        next = error.source();
    }
    said
}

#[test]
fn ages_are_those_that_the_server_tells() {
    let server = Server::start();
    let remote = impatient(&server, 0);
    remote.write("parts/x.json", b"{}").unwrap();
    server.set(Mood::Written(Some("Mon, 23 Nov 2026 08:00:00 GMT")));
    let age = remote.age_of("parts/x.json").unwrap().unwrap();
    let written = Duration::from_hours(498_728);
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().abs_diff(written);
    assert!(age.abs_diff(since) < DAY / 24 || age.is_zero(), "{age:?}, {since:?}");
    server.set(Mood::Written(Some("Fri, 23 Nov 2096 08:00:00 GMT")));
    assert_eq!(remote.age_of("parts/x.json").unwrap(), Some(Duration::ZERO));
    server.set(Mood::Written(None));
    let error = remote.age_of("parts/x.json").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "who says nothing has nothing pruned");
}

#[test]
fn urls_name_remotes_and_nobody() {
    for (url, name) in [
        ("s3://bars/daily", "s3://bars/daily"),
        ("s3://key:s3cr3t@bars/daily", "s3://bars/daily"),
        ("gs://bars", "gs://bars"),
        ("http://one:s3cr3t@host:81/a%20b", "http://host:81/a%20b"),
    ] {
        let remote = ObjectStoreRemote::at(url);
        let remote = remote.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        assert_eq!(remote.describe(), name);
        assert_eq!(format!("{remote:?}"), format!("ObjectStoreRemote({name:?})"));
    }
    let refused = |url: &str| {
        let error = ObjectStoreRemote::at(url).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("s3cr3t"), "{error:?}");
        error
    };
    assert!(
        matches!(refused("sftp://one:s3cr3t@host/bars"), Error::Scheme { scheme } if scheme == "sftp")
    );
    assert!(matches!(refused("https://one:s3cr3t@host/bars?token=s3cr3t"), Error::Query { .. }));
    assert!(matches!(refused("https://one:s3cr3t@:x/bars"), Error::Url(_)));
    assert!(matches!(refused("s3:///bars"), Error::Store { .. }));
    assert!(matches!(refused("az://bars"), Error::Store { .. }), "no account");
}
