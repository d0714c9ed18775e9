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

use barrow_store::Catalog;
use barrow_tests::numbered::{all, assert_nothing_stray, csv, newest};
use barrow_tests::{barrow_at, memory_folder};
use tempfile::TempDir;

const ROWS: usize = 5;

/// Runs the command with a fault, and tells whether the fault struck.
fn run(root: &Path, args: &[&str], fault: &str) -> (Output, bool) {
    let mut command = barrow_at(root);
    command.args(args).current_dir(root).env("BARROW_FAULT", fault);
    let output = command.output().expect("the command runs");
    let struck = String::from_utf8_lossy(&output.stderr).contains("fault at operation");
    (output, struck)
}

/// A folder with the sources of three versions.
fn sources() -> TempDir {
    let folder = memory_folder();
    for number in 1..=3 {
        fs::write(folder.path().join(format!("{number}.csv")), csv(number, ROWS)).expect("a file");
    }
    folder
}

/// Publishes version `number` by the command.
fn ingest(root: &Path, sources: &Path, number: u32) {
    let source = sources.join(format!("{number}.csv"));
    let output = barrow_at(root).arg("ingest").arg("b").arg(source).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// One command, what stands before it, and what may stand after it.
struct Case<'a> {
    /// The versions that are published before.
    before: &'a [u32],
    /// The command; `SOURCES` stands for the folder of the sources.
    args: &'a [&'a str],
    /// The newest version where the command is carried out.
    new: u32,
    /// Operations that the command has at least.
    operations: u32,
}

impl Case<'_> {
    /// A catalog in which only what stands before has happened.
    fn catalog(&self, sources: &Path) -> (TempDir, Catalog) {
        let folder = memory_folder();
        let root = folder.path().join("root");
        fs::create_dir(&root).expect("a folder");
        for number in self.before {
            ingest(&root, sources, *number);
        }
        (folder, Catalog::at(root))
    }

    fn run(&self, catalog: &Catalog, sources: &Path, fault: &str) -> (Output, bool) {
        let sources = sources.to_str().expect("UTF-8");
        let args: Vec<String> = self.args.iter().map(|a| a.replace("SOURCES", sources)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(catalog.root(), &args, fault)
    }

    /// Checks what a run left, and that it does not hinder the next ones.
    fn check(&self, catalog: &Catalog, sources: &Path, done: bool, context: &str) {
        let names = catalog.names().expect("the catalog can be listed");
        if names.is_empty() {
            assert!(self.before.is_empty() && !done, "{context}: the bundle is lost");
        } else {
            let found = newest(catalog, "b");
            let old = self.before.last().is_some_and(|old| *old == found) && !done;
            assert!(found == self.new || old, "{context}: version {found}");
            for number in all(catalog, "b") {
                assert!(number == self.new || self.before.contains(&number), "{context}");
            }
        }
        // The next writer sweeps, whatever it publishes; and the command itself can be repeated.
        ingest(catalog.root(), sources, 3);
        assert_nothing_stray(catalog, "b");
        let (again, struck) = self.run(catalog, sources, "");
        assert!(again.status.success() && !struck, "{context}");
        assert_nothing_stray(catalog, "b");
    }
}

fn ingest_case(before: &[u32]) -> Case<'_> {
    Case { before, args: &["ingest", "b", "SOURCES/2.csv"], new: 2, operations: 20 }
}

fn prune_case() -> Case<'static> {
    let args = &["prune", "b", "--keep", "1"];
    Case { before: &[1, 3, 2], args, new: 2, operations: 8 }
}

fn killed_at_each_operation(case: &Case<'_>) {
    let sources = sources();
    for n in 1.. {
        let (_folder, catalog) = case.catalog(sources.path());
        let (output, struck) = case.run(&catalog, sources.path(), &format!("kill@{n}"));
        let context = format!("{:?} killed at operation {n}", case.args);
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
    killed_at_each_operation(&ingest_case(&[]));
}

#[test]
fn killed_at_each_operation_a_later_publication_leaves_a_whole_catalog() {
    killed_at_each_operation(&ingest_case(&[1]));
}

#[test]
fn killed_at_each_operation_pruning_leaves_a_whole_catalog() {
    killed_at_each_operation(&prune_case());
}

#[test]
fn killed_while_sweeping_up_after_a_killed_writer_the_next_one_finishes() {
    let sources = sources();
    let case = ingest_case(&[1]);
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
        let context = format!("{:?} refused operation {n} with {kind}: {said}", case.args);
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
    refused_at_each_operation(&ingest_case(&[]));
    refused_at_each_operation(&ingest_case(&[1]));
}

#[test]
fn refused_at_each_operation_pruning_fails_with_a_hint_and_can_be_repeated() {
    refused_at_each_operation(&prune_case());
}
