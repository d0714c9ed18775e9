//! Promise: killed at any operation on the disk, or refused one, the command leaves a catalog that opens
//! at the old or at the new version, whole; the next writer sweeps what was left and publishes.
//!
//! Method: the store's layer of disk operations ends the process with SIGKILL at the n-th of them, for
//! n = 1, 2, ... until a run passes its last operation; likewise it refuses them with each error that
//! operating systems have for it. Versions are numbered: all their values are functions of one number.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Output;

use barrow_store::{BundlePool, Catalog};
use barrow_tests::numbered::{all, assert_nothing_stray, csv, csv_rows, newest};
use barrow_tests::{barrow_at, memory_folder};
use tempfile::TempDir;

const ROWS: usize = 5;
/// Rows of the sources that are appended.
const MORE: usize = 9;

/// Runs the command with a fault, and tells whether the fault struck.
fn run(root: &Path, args: &[&str], fault: &str) -> (Output, bool) {
    let mut command = barrow_at(root);
    command.args(args).current_dir(root).env("BARROW_FAULT", fault);
    let output = command.output().expect("the command runs");
    let struck = String::from_utf8_lossy(&output.stderr).contains("fault at operation");
    (output, struck)
}

/// A folder with the sources of three versions, and of rows that follow on those of the first.
fn sources() -> TempDir {
    let folder = memory_folder();
    for number in 1..=3 {
        fs::write(folder.path().join(format!("{number}.csv")), csv(number, ROWS)).expect("a file");
    }
    fs::write(folder.path().join("more.csv"), csv_rows(1, ROWS..MORE)).expect("a file");
    folder
}

/// One command, what stands before it, and what may stand after it.
///
/// In commands, `SOURCES` is the folder of the sources and `OLDEST` the oldest version of the bundle.
struct Case<'a> {
    /// The commands that are carried out before.
    before: &'a [&'a str],
    /// The command.
    command: &'a str,
    /// The newest version before, if there is one: its number and its rows.
    old: Option<(u32, usize)>,
    /// The newest version where the command is carried out.
    new: (u32, usize),
    /// Operations that the command has at least.
    operations: u32,
}

impl Case<'_> {
    /// A catalog in which only what stands before has happened.
    fn catalog(&self, sources: &Path) -> (TempDir, Catalog) {
        let folder = memory_folder();
        let root = folder.path().join("root");
        fs::create_dir(&root).expect("a folder");
        let catalog = Catalog::at(root);
        for command in self.before {
            done(&catalog, sources, command);
        }
        (folder, catalog)
    }

    fn run(&self, catalog: &Catalog, sources: &Path, fault: &str) -> (Output, bool) {
        carry_out(catalog, sources, self.command, fault)
    }

    /// Checks what a run left, and that it does not hinder the next ones.
    fn check(&self, catalog: &Catalog, sources: &Path, done_before: bool, context: &str) {
        let names = catalog.names().expect("the catalog can be listed");
        if names.is_empty() {
            assert!(self.old.is_none() && !done_before, "{context}: the bundle is lost");
        } else {
            let found = newest_with_rows(catalog);
            let old = self.old == Some(found) && !done_before;
            assert!(found == self.new || old, "{context}: version {found:?}");
            // Opens each version there is and looks at every value.
            assert!(all(catalog, "b").contains(&found.0), "{context}");
        }
        // The next writer sweeps, whatever it publishes; and the command itself can be repeated.
        done(catalog, sources, "ingest b SOURCES/3.csv");
        if !self.command.starts_with("fetch") {
            // What a fetch has loaded waits for the next one.
            assert_nothing_stray(catalog, "b");
        }
        let (again, struck) = self.run(catalog, sources, "");
        assert!(again.status.success() && !struck, "{context}: {again:?}");
        assert_nothing_stray(catalog, "b");
    }
}

/// Runs a command with a fault, and tells whether the fault struck.
fn carry_out(catalog: &Catalog, sources: &Path, command: &str, fault: &str) -> (Output, bool) {
    let mut command = command.replace("SOURCES", sources.to_str().expect("UTF-8"));
    if command.contains("OLDEST") {
        let history = catalog.history("b").expect("a history");
        let oldest = history.last().expect("a version").version.to_string();
        command = command.replace("OLDEST", &oldest);
    }
    let args: Vec<&str> = command.split(' ').collect();
    run(catalog.root(), &args, fault)
}

/// Runs a command that is to succeed.
fn done(catalog: &Catalog, sources: &Path, command: &str) {
    let (output, _) = carry_out(catalog, sources, command, "");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The number of the newest version, and the rows of each of its assets.
fn newest_with_rows(catalog: &Catalog) -> (u32, usize) {
    let number = newest(catalog, "b");
    let lease = BundlePool::new(0).lease(catalog, "b").expect("it opens");
    (number, lease.rows() / usize::try_from(lease.asset_count()).expect("few assets"))
}

const INGEST: &str = "ingest b SOURCES/2.csv";

fn first_ingestion() -> Case<'static> {
    Case { before: &[], command: INGEST, old: None, new: (2, ROWS), operations: 20 }
}

fn later_ingestion() -> Case<'static> {
    let before = &["ingest b SOURCES/1.csv"];
    Case { before, command: INGEST, old: Some((1, ROWS)), new: (2, ROWS), operations: 20 }
}

/// Fetches of version 2, into a catalog that has nothing and into one that has version 1.
fn fetches() -> [Case<'static>; 2] {
    const THERE: &str = "ingest b SOURCES/2.csv --root SOURCES/there";
    const PUSH: &str = "push b SOURCES/remote --root SOURCES/there";
    let case = |before: &'static [&'static str], old| Case {
        before,
        command: "fetch b SOURCES/remote --streams 1",
        old,
        new: (2, ROWS),
        operations: 20,
    };
    [
        case(const { &[THERE, PUSH] }, None),
        case(const { &[THERE, PUSH, "ingest b SOURCES/1.csv"] }, Some((1, ROWS))),
    ]
}

fn pruning() -> Case<'static> {
    let before = &["ingest b SOURCES/1.csv", "ingest b SOURCES/3.csv", "ingest b SOURCES/2.csv"];
    let newest = (2, ROWS);
    Case { before, command: "prune b --keep 1", old: Some(newest), new: newest, operations: 8 }
}

/// The commands that change what is there: append, correct, compact, restore.
fn revisions() -> [Case<'static>; 4] {
    const FIRST: &str = "ingest b SOURCES/1.csv";
    const APPEND: &str = "ingest b SOURCES/more.csv --append";
    let case = |before: &'static [&'static str], command, old, new| {
        let operations = 8;
        Case { before, command, old: Some(old), new, operations }
    };
    [
        case(const { &[FIRST] }, APPEND, (1, ROWS), (1, MORE)),
        case(const { &[FIRST] }, "ingest b SOURCES/2.csv --correct", (1, ROWS), (2, ROWS)),
        case(const { &[FIRST, APPEND] }, "compact b", (1, MORE), (1, MORE)),
        case(const { &[FIRST, INGEST] }, "restore b@OLDEST", (2, ROWS), (1, ROWS)),
    ]
}

fn killed_at_each_operation(case: &Case<'_>) {
    let sources = sources();
    for n in 1.. {
        let (_folder, catalog) = case.catalog(sources.path());
        let (output, struck) = case.run(&catalog, sources.path(), &format!("kill@{n}"));
        let context = format!("`{}` killed at operation {n}", case.command);
        assert_eq!(output.status.signal() == Some(9), struck, "{context}: {output:?}");
        case.check(&catalog, sources.path(), !struck, &context);
        if !struck {
            assert!(output.status.success(), "{context}: {output:?}");
            assert!(n > case.operations, "{context}: there are more operations than that");
            return;
        }
    }
}

#[test]
fn killed_at_each_operation_the_first_publication_leaves_a_whole_catalog() {
    killed_at_each_operation(&first_ingestion());
}

#[test]
fn killed_at_each_operation_a_later_publication_leaves_a_whole_catalog() {
    killed_at_each_operation(&later_ingestion());
}

#[test]
fn killed_at_each_operation_pruning_leaves_a_whole_catalog() {
    killed_at_each_operation(&pruning());
}

#[test]
fn killed_at_each_operation_revisions_leave_a_whole_catalog() {
    for case in revisions() {
        killed_at_each_operation(&case);
    }
}

#[test]
fn killed_at_each_operation_a_fetch_leaves_a_whole_catalog() {
    for case in fetches() {
        killed_at_each_operation(&case);
    }
}

#[test]
fn killed_while_sweeping_up_after_a_killed_writer_the_next_one_finishes() {
    let sources = sources();
    let case = later_ingestion();
    // The record is there, HEAD is not advanced: as much is left as there can be.
    let mut most = (0, 0);
    for n in 1..40 {
        let (_folder, catalog) = case.catalog(sources.path());
        case.run(&catalog, sources.path(), &format!("kill@{n}"));
        let left = files(catalog.root());
        if newest(&catalog, "b") == 1 && left > most.1 {
            most = (n, left);
        }
    }
    for n in 1..12 {
        let (_folder, catalog) = case.catalog(sources.path());
        case.run(&catalog, sources.path(), &format!("kill@{}", most.0));
        let (_, struck) = case.run(&catalog, sources.path(), &format!("kill@{n}"));
        assert!(struck);
        case.check(&catalog, sources.path(), false, &format!("killed twice, then at {n}"));
    }
}

/// How many files there are below a folder.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// Every error that a disk may have, in turn; the plus makes it last.
const REFUSALS: [(&str, &str); 7] = [
    ("enospc", "No space left"),
    ("enospc+", "No space left"),
    ("eio", "Input/output error"),
    ("eacces", "Permission denied"),
    ("erofs", "Read-only file system"),
    ("erofs+", "Read-only file system"),
    ("emfile", "Too many open files"),
];

fn refused_at_each_operation(case: &Case<'_>) {
    let sources = sources();
    for n in 1_u32.. {
        // Each operation meets one of them here, and all of them in the store's own tests.
        let turn = usize::try_from(n).expect("few operations") % REFUSALS.len();
        let (kind, words) = REFUSALS[turn];
        let (bare, lasting) = kind.strip_suffix('+').map_or((kind, ""), |bare| (bare, "+"));
        let (_folder, catalog) = case.catalog(sources.path());
        let (output, struck) = case.run(&catalog, sources.path(), &format!("{bare}@{n}{lasting}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let context = format!("`{}` refused operation {n} with {kind}: {said}", case.command);
        let done = output.status.success();
        if !done {
            assert_eq!(output.status.code(), Some(2), "{context}");
            assert!(said.contains("error: ") && said.contains(words), "{context}");
            assert!(said.contains("hint: "), "{context}");
        }
        case.check(&catalog, sources.path(), done, &context);
        if !struck {
            assert!(done && n > case.operations, "{context}");
            return;
        }
    }
}

#[test]
fn refused_at_each_operation_publications_fail_with_a_hint_and_can_be_repeated() {
    refused_at_each_operation(&first_ingestion());
    refused_at_each_operation(&later_ingestion());
    for case in fetches() {
        refused_at_each_operation(&case);
    }
}

#[test]
fn refused_at_each_operation_pruning_fails_with_a_hint_and_can_be_repeated() {
    refused_at_each_operation(&pruning());
}

#[test]
fn refused_at_each_operation_revisions_fail_with_a_hint_and_can_be_repeated() {
    for case in revisions() {
        refused_at_each_operation(&case);
    }
}
