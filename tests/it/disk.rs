//! Promise: on a disk that is full, read-only or without permission, and in a process without file
//! descriptors or killed at a random moment, nothing published is lost, and the error says what to do.
//!
//! Method: the real command under the real limits of the operating system. Where a machine does not
//! permit one of them, the test says so; each error is injected in `crash.rs` in any case.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use barrow_store::{BundlePool, Catalog, Lease};
use barrow_tests::numbered::{
    all, assert_nothing_stray, csv, csv_rows, newest, number_of, publish,
};
use barrow_tests::{barrow_at, barrow_path, command_at, memory_folder, note};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a script of the shell, in which `$barrow` is the command.
fn shell(program: &[&str], script: &str, root: &Path) -> Output {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(["sh", "-c", script]);
    command.env("barrow", barrow_path()).env("BARROW_ROOT", root).env("NO_COLOR", "1");
    command.current_dir(root).stdin(Stdio::null()).output().expect("a shell")
}

#[test]
fn out_of_file_descriptors_the_command_says_so_and_nothing_is_lost() {
    let folder = memory_folder();
    let catalog = Catalog::at(folder.path());
    publish(&catalog, "b", 1, 5).expect("published");
    fs::write(folder.path().join("2.csv"), csv(2, 5)).expect("a file");
    let (mut failed, mut done) = (0, 0);
    for limit in 4..24 {
        let script = format!("ulimit -n {limit}; exec \"$barrow\" ingest b 2.csv");
        let output = shell(&["env"], &script, folder.path());
        let found = newest(&catalog, "b");
        if output.status.success() {
            assert_eq!(found, 2, "with {limit} descriptors: {}", said(&output));
            done += 1;
        } else {
            assert!(found == 1 || done > 0, "with {limit} descriptors");
            failed += 1;
            if said(&output).contains("Too many open files") && output.status.code() == Some(2) {
                assert!(said(&output).contains("ulimit -n"), "{}", said(&output));
            }
        }
        assert_nothing_stray(&catalog, "b");
    }
    assert!(failed > 0 && done > 0, "{failed} failed, {done} done");
}

#[test]
fn on_a_full_disk_the_command_says_so_and_pruning_makes_room() {
    let folder = memory_folder();
    for number in 1..=9 {
        fs::write(folder.path().join(format!("{number}.csv")), csv(number, 60)).expect("a file");
    }
    // A disk of its own, which goes when the script ends.
    let script = r#"
        mkdir disk && mount -t tmpfs -o size=320k tmpfs disk || exit 77
        full=0
        for n in 1 2 3 4 5 6 7 8 9; do
            if ! "$barrow" --root disk/root ingest b $n.csv 2>error; then full=$n; break; fi
        done
        test $full -gt 2 || exit 3
        cat error >&2
        "$barrow" --root disk/root verify b || exit 4
        test $("$barrow" --root disk/root history b --json | grep -o generation | wc -l) = $((full - 1)) || exit 5
        "$barrow" --root disk/root prune b --keep 1 || exit 6
        "$barrow" --root disk/root ingest b $full.csv || exit 7
        "$barrow" --root disk/root verify b || exit 8
        test -z "$(find disk -name '.tmp*')" || exit 9
    "#;
    let output = shell(&["unshare", "--mount", "--map-root-user"], script, folder.path());
    match output.status.code() {
        Some(0) => {
            assert!(said(&output).contains("No space left on device"), "{}", said(&output));
            assert!(said(&output).contains("barrow prune NAME --keep N"), "{}", said(&output));
        }
        Some(1 | 77) => {
            note("SKIPPED: no disk may be mounted here; a limit on file size stands for it");
        }
        other => unreachable!("the script ended with {other:?}: {}", said(&output)),
    }
}

#[test]
fn at_the_limit_of_file_size_the_command_says_so_and_nothing_is_lost() {
    let folder = memory_folder();
    let catalog = Catalog::at(folder.path());
    publish(&catalog, "b", 1, 5).expect("published");
    fs::write(folder.path().join("2.csv"), csv(2, 2_000)).expect("a file");
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$barrow\" ingest b 2.csv";
    let output = shell(&["env"], script, folder.path());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("hint: a limit on the size of files"), "{}", said(&output));
    assert_eq!(all(&catalog, "b"), [1]);
    assert_nothing_stray(&catalog, "b");
}

/// Somebody without rights to run the command as, and a copy of the command that they may run.
///
/// Root is refused nothing, so tests that run as root become `nobody`.
fn nobody(folder: &Path) -> Option<(PathBuf, u32)> {
    let probe = folder.join("probe");
    fs::create_dir(&probe).expect("a folder");
    fs::set_permissions(&probe, Permissions::from_mode(0o555)).expect("mine");
    if fs::write(probe.join("file"), "").is_err() {
        return None;
    }
    fs::remove_file(probe.join("file")).expect("mine");
    let copy = folder.join("barrow");
    fs::copy(barrow_path(), &copy).expect("a copy");
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).expect("mine");
    Some((copy, 65_534))
}

#[test]
fn without_permission_to_write_reading_works_and_writing_says_what_is_missing() {
    let place = memory_folder();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("mine");
    let nobody = nobody(place.path());
    let root = place.path().join("root");
    let catalog = Catalog::at(&root);
    publish(&catalog, "b", 1, 5).expect("published");
    publish(&catalog, "b", 2, 5).expect("published");
    fs::write(place.path().join("3.csv"), csv(3, 5)).expect("a file");
    let mut folders = vec![root.clone(), root.join("b")];
    folders.extend(["parts", "versions", "leases"].map(|name| root.join("b").join(name)));
    let mode = |mode: u32| {
        for folder in &folders {
            fs::set_permissions(folder, Permissions::from_mode(mode)).expect("mine");
        }
    };
    let run = |args: &[&str]| {
        let mut command = match &nobody {
            Some((copy, user)) => {
                let mut command = command_at(copy);
                command.uid(*user).env("BARROW_ROOT", &root);
                command
            }
            None => barrow_at(&root),
        };
        command.args(args).current_dir(place.path()).output().expect("the command runs")
    };
    mode(0o555);
    let verified = run(&["verify", "b"]);
    let listed = run(&["history", "b"]);
    let rehearsed = run(&["prune", "b", "--keep", "1", "--dry-run"]);
    let refused =
        [run(&["ingest", "b", "3.csv"]), run(&["prune", "b", "--keep", "1"]), run(&["pin", "b"])];
    mode(0o755);
    for output in [verified, listed, rehearsed] {
        assert!(output.status.success(), "{}", said(&output));
    }
    for output in refused {
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains("Permission denied"), "{}", said(&output));
        assert!(said(&output).contains("hint: check owner and mode"), "{}", said(&output));
    }
    assert_eq!(all(&catalog, "b"), [2, 1]);
    assert_nothing_stray(&catalog, "b");
}

/// How many times the command is killed at random: `BARROW_TEST_KILLS`, or a few dozen.
fn kills() -> u32 {
    std::env::var("BARROW_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(40)
}

/// One of the commands that change a bundle, and what they may leave: the number and the rows of the newest version.
struct Change {
    args: Vec<String>,
    /// What there is to read before, as a file.
    source: Option<String>,
    new: (u32, usize),
}

/// Rows of each asset of what is ingested.
const ROWS: usize = 300;
/// Rows that an append adds to those.
const MORE: usize = 40;

impl Change {
    /// The `turn`-th command, where a bundle is as `old` says. Each follows on what the one before may have left.
    fn of(turn: u32, old: (u32, usize), catalog: &Catalog) -> Self {
        let (number, rows) = old;
        let change = |args: &[&str], source, new| {
            let args = args.iter().map(|arg| (*arg).to_owned()).collect();
            Self { args, source, new }
        };
        match turn % 7 {
            0 => change(&["prune", "b", "--keep", "3"], None, old),
            1 | 4 => {
                let source = csv_rows(number, rows..rows + MORE);
                change(&["ingest", "b", "SOURCE", "--append"], Some(source), (number, rows + MORE))
            }
            2 => {
                let source = csv(turn, rows);
                change(&["ingest", "b", "SOURCE", "--correct"], Some(source), (turn, rows))
            }
            3 => change(&["compact", "b"], None, old),
            5 => {
                let history = catalog.history("b").expect("a history");
                let oldest = history.last().expect("a version");
                let spec = format!("b@{}", oldest.version);
                let lease = BundlePool::new(0).lease(catalog, &spec).expect("it opens");
                change(&["restore", &spec], None, (number_of(&lease), rows_of(&lease)))
            }
            _ => change(&["ingest", "b", "SOURCE"], Some(csv(turn, ROWS)), (turn, ROWS)),
        }
    }

    fn command(&self, catalog: &Catalog, source: &Path) -> Command {
        if let Some(text) = &self.source {
            fs::write(source, text).expect("a file");
        }
        let mut command = barrow_at(catalog.root());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let source = source.to_str().expect("UTF-8");
        command.args(self.args.iter().map(|arg| if arg == "SOURCE" { source } else { arg }));
        command
    }
}

/// The rows of each asset of a numbered version.
fn rows_of(lease: &Lease) -> usize {
    lease.rows() / usize::try_from(lease.asset_count()).expect("few assets")
}

#[test]
fn killed_at_random_moments_each_command_leaves_the_old_or_the_new_version() {
    let folder = memory_folder();
    let catalog = Catalog::at(folder.path().join("root"));
    let source = folder.path().join("source.csv");
    publish(&catalog, "b", 1, ROWS).expect("published");
    // About as long as a run of each command takes, as far as it is known: longer after a kill, shorter after a run that
    // was done first.
    let mut spans = [Duration::from_millis(40); 7];
    let mut random = Pcg64::seed_from_u64(1);
    let mut old = (1, ROWS);
    let (mut turn, mut killed, mut published) = (1, 0, 0);
    let mut kinds = [0; 7];
    while killed < kills() {
        turn += 1;
        let kind = usize::try_from(turn % 7).expect("small");
        let change = Change::of(turn, old, &catalog);
        let mut child = change.command(&catalog, &source).spawn().expect("it runs");
        let share = f64::from(u32::try_from(random.next_u64() >> 32).expect("32 bits"));
        let moment = spans[kind].mul_f64(share / f64::from(u32::MAX));
        std::thread::sleep(moment);
        child.kill().expect("it can be killed");
        let was_killed = !child.wait().expect("it ends").success();
        killed += u32::from(was_killed);
        kinds[kind] += u32::from(was_killed);
        spans[kind] = spans[kind].mul_f64(if was_killed { 1.03 } else { 0.9 });
        let found = (
            newest(&catalog, "b"),
            rows_of(&BundlePool::new(0).lease(&catalog, "b").expect("it opens")),
        );
        let args = &change.args;
        assert!(found == old || found == change.new, "{args:?} killed after {moment:?}: {found:?}");
        assert!(was_killed || found == change.new, "{args:?} was carried out: {found:?}");
        published += u32::from(found != old);
        old = found;
    }
    note(&format!(
        "{killed} of {turn} runs killed ({kinds:?} by kind), {published} versions published"
    ));
    assert!(kinds.iter().all(|&kind| kind > 0), "{kinds:?}: each command was killed");
    all(&catalog, "b");
    let last = Change::of(turn + 13 - turn % 7, old, &catalog);
    assert!(last.command(&catalog, &source).status().expect("it runs").success());
    assert_eq!(newest(&catalog, "b"), last.new.0);
    let pruned = Change::of(0, last.new, &catalog);
    assert!(pruned.command(&catalog, &source).status().expect("it runs").success());
    assert_nothing_stray(&catalog, "b");
}
