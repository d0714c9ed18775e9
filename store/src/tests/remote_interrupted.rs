//! Transfers that are interrupted, refused or stopped: they lose nothing, and go on where they stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;

use crate::catalog::Catalog;
use crate::catalog::prune::{PruneMode, PrunePolicy};
use crate::disk::fault::{Fault, Kind, during};
use crate::error::Error;
use crate::remote::{DirectoryRemote, Fetched, Progress, RemoteError, TransferOptions};
use crate::testing::{self, publish_small, tree};
use crate::tests::machines::{Machine, Memory, ONE, publisher};

#[test]
fn interrupted_at_any_call_a_push_goes_on_where_it_stopped() {
    let here = publisher();
    for answered in 1.. {
        let (remote, there) = (Memory::default(), Machine::new());
        remote.break_after(answered);
        let outcome = here.catalog.push("b", &remote, &ONE);
        let (calls, objects) = (remote.calls.load(Ordering::Relaxed), remote.keys("objects/"));
        if let Err(error) = &outcome {
            assert!(matches!(error, Error::Remote(_)), "{error}");
            // Whatever is there is not half a version: a fetch finds all of it or none.
            remote.break_after(0);
            let found = there.catalog.fetch("b", &remote, &ONE);
            assert!(
                matches!(&found, Err(Error::Remote(error)) if matches!(**error, RemoteError::UnknownBundle { .. })),
                "{answered}: {found:?}"
            );
        }
        remote.break_after(0);
        here.push("b", &remote);
        let written = |key: &String| remote.writes.lock()[key];
        let twice = objects.iter().map(written).filter(|&count| count > 1).count();
        // The object whose answer got lost is not there, since this remote does nothing then.
        assert_eq!(twice, 0, "after {answered} calls");
        there.fetch("b", &remote);
        assert_eq!(there.newest(), here.newest());
        if outcome.is_ok() {
            assert!(calls <= answered && answered > 15, "{answered}");
            return;
        }
    }
}

#[test]
fn interrupted_at_any_call_a_fetch_goes_on_where_it_stopped() {
    let (here, remote) = (publisher(), Memory::default());
    here.push("b", &remote);
    let clean = {
        let there = Machine::new();
        there.fetch("b", &remote);
        there.files()
    };
    for answered in 1.. {
        let there = Machine::new();
        remote.take_reads("");
        remote.break_after(answered);
        let outcome = there.catalog.fetch("b", &remote, &ONE);
        remote.break_after(0);
        if outcome.is_ok() {
            assert!(answered > 10, "{answered}");
            return;
        }
        assert!(matches!(outcome, Err(Error::Remote(_))), "{outcome:?}");
        assert_eq!(there.catalog.names().unwrap(), [""; 0], "nothing is published");
        let before = remote.reads.lock().clone();
        let loaded = before.iter().filter(|(key, _)| key.starts_with("objects/")).count();
        let fetched = there.fetch("b", &remote);
        assert_eq!(fetched.bytes_resumed > 0, loaded > 0, "after {answered} calls");
        assert_eq!(fetched.bytes_resumed + fetched.bytes_fetched, fetched.bytes);
        assert_eq!(remote.take_reads("objects/"), remote.uses(), "after {answered} calls");
        assert_eq!((there.versions(), there.files()), (vec![here.newest()], clean.clone()));
    }
}

#[test]
fn what_an_interrupted_fetch_left_is_believed_only_where_it_hashes() {
    let (here, remote) = (publisher(), Memory::default());
    here.push("b", &remote);
    let there = Machine::new();
    remote.break_after(8);
    there.catalog.fetch("b", &remote, &ONE).unwrap_err();
    remote.break_after(0);
    let arriving = there.catalog.dir("b").arriving();
    let begun = std::fs::read_dir(arriving).unwrap().next().unwrap();
    let path = begun.unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    bytes.extend([7; 5000]);
    std::fs::write(&path, bytes).unwrap();
    let fetched = there.fetch("b", &remote);
    assert!(fetched.bytes_resumed > 0 && fetched.bytes_fetched > 0, "{fetched:?}");
    assert_eq!(there.versions(), [here.newest()]);
}

#[test]
fn refused_any_operation_on_the_disk_push_and_fetch_lose_nothing_and_can_be_tried_again() {
    let here = publisher();
    let clean = {
        let (folder, there) = (testing::dir(), Machine::new());
        let remote = DirectoryRemote::at(folder.path());
        here.push("b", &remote);
        there.fetch("b", &remote);
        (tree(folder.path()), there.files())
    };
    for (refusal, lasting) in [(Errno::IO, false), (Errno::NOSPC, true), (Errno::ROFS, true)] {
        for first in 1.. {
            let (folder, there) = (testing::dir(), Machine::new());
            let remote = DirectoryRemote::at(folder.path().join("remote"));
            let fault = Fault { kind: Kind::Refuse(refusal), first, lasting };
            let run = || {
                here.catalog.push("b", &remote, &ONE)?;
                there.catalog.fetch("b", &remote, &ONE)
            };
            let (outcome, operations) = during(fault, run);
            let context = format!("{refusal:?} at operation {first} of {operations}");
            let published = there.catalog.names().unwrap() == ["b"];
            assert!(published || outcome.is_err(), "{context}");
            if published {
                assert_eq!(there.versions(), [here.newest()], "{context}");
            }
            here.push("b", &remote);
            there.fetch("b", &remote);
            drop(there.catalog.stage("b").unwrap());
            assert_eq!(there.versions(), [here.newest()], "{context}");
            let mut left = there.files();
            // What could not be removed at the end goes with the next pruning.
            left.retain(|path| !path.contains("arriving"));
            assert_eq!(left, clean.1, "{context}");
            if first > operations {
                assert!(outcome.is_ok() && operations > 60, "{context}");
                assert_eq!(tree(&folder.path().join("remote")), clean.0, "{context}");
                break;
            }
        }
    }
}

#[test]
fn several_fetches_at_once_load_once() {
    let (here, remote) = (publisher(), Arc::new(Memory::default()));
    here.push("b", &*remote);
    for spec in ["b".to_owned(), format!("b@{}", here.newest())] {
        let there = Machine::new();
        remote.take_reads("");
        let options = TransferOptions { wait: Duration::MAX, ..TransferOptions::default() };
        let fetch = || {
            // As processes do: nothing is shared but the directory.
            let catalog = Catalog::at(there.catalog.root());
            catalog.fetch(&spec, &*remote, &options).unwrap()
        };
        let fetched: Vec<Fetched> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(fetch)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(fetched.iter().filter(|it| !it.unchanged).count(), 1);
        assert!(fetched.iter().all(|it| it.version == here.newest() && it.newest));
        assert_eq!(remote.take_reads("objects/"), remote.uses());
        assert_eq!(there.versions(), [here.newest()]);
    }
}

#[test]
fn pruning_removes_what_an_interrupted_fetch_left() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    publish_small(&there.catalog, "b", 1);
    let clean = there.files();
    here.push("b", &remote);
    remote.break_after(8);
    there.catalog.fetch("b", &remote, &ONE).unwrap_err();
    assert!(there.catalog.dir("b").arriving().is_dir());
    let policy = PrunePolicy {
        keep: 9,
        published_before_ns: None,
        mode: PruneMode::Remove,
        wait: Duration::ZERO,
    };
    there.catalog.prune("b", &policy).unwrap();
    assert_eq!(there.files(), clean);
}

#[test]
fn progress_adds_up() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let seen = Mutex::new(Vec::new());
    let watch = |progress: Progress| seen.lock().push(progress);
    let options = TransferOptions { watch: Some(&watch), streams: 1, ..TransferOptions::default() };
    let check = |bytes: u64| {
        let seen = std::mem::take(&mut *seen.lock());
        assert!(seen.len() > 5 && seen.iter().all(|it| it.total_bytes == bytes));
        assert!(seen.is_sorted_by_key(|it| it.done_bytes));
        assert_eq!(seen.last().unwrap().done_bytes, bytes);
    };
    check(here.catalog.push("b", &remote, &options).unwrap().bytes);
    check(there.catalog.fetch("b", &remote, &options).unwrap().bytes);
}

#[test]
fn a_transfer_that_is_stopped_goes_on_later() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let stop = AtomicBool::new(false);
    let watch = |progress: Progress| stop.store(progress.done_bytes > 20_000, Ordering::Relaxed);
    let options = TransferOptions { stop: Some(&stop), watch: Some(&watch), ..ONE };
    let stopped = |error: Error| {
        assert!(matches!(error, Error::Remote(error) if matches!(*error, RemoteError::Stopped)));
    };
    stopped(here.catalog.push("b", &remote, &options).unwrap_err());
    assert_eq!(remote.keys("objects/").len(), 5);
    let pushed = here.push("b", &remote);
    assert!(pushed.bytes - pushed.bytes_sent >= 25_000);
    stop.store(false, Ordering::Relaxed);
    stopped(there.catalog.fetch("b", &remote, &options).unwrap_err());
    assert_eq!(there.fetch("b", &remote).bytes_resumed, 25_000);
    assert_eq!(there.versions(), [here.newest()]);
}
