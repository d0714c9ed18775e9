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
use std::time::Instant;

use barrow_store::Catalog;
use barrow_tests::numbered::{all, assert_nothing_stray, csv, newest, publish};
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

#[test]
fn killed_at_random_moments_the_command_leaves_the_old_or_the_new_version() {
    let folder = memory_folder();
    let catalog = Catalog::at(folder.path().join("root"));
    let source = |number: u32| folder.path().join(format!("{number}.csv"));
    let command = |number: u32| {
        let mut command = barrow_at(catalog.root());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if number % 4 == 3 {
            command.args(["prune", "b", "--keep", "2"]);
        } else {
            fs::write(source(number), csv(number, 400)).expect("a file");
            command.args(["ingest", "b"]).arg(source(number));
        }
        command
    };
    assert!(command(1).status().expect("it runs").success());
    let begun = Instant::now();
    assert!(command(2).status().expect("it runs").success());
    // About as long as a run takes, as far as it is known: longer after a kill, shorter after a run that was done first.
    let mut span = begun.elapsed();
    let mut random = Pcg64::seed_from_u64(1);
    let (mut old, mut number, mut killed, mut carried_out) = (2, 2, 0, 0);
    while killed < kills() {
        number += 1;
        let mut child = command(number).spawn().expect("it runs");
        let share = f64::from(u32::try_from(random.next_u64() >> 32).expect("32 bits"));
        let moment = span.mul_f64(share / f64::from(u32::MAX));
        std::thread::sleep(moment);
        child.kill().expect("it can be killed");
        let was_killed = !child.wait().expect("it ends").success();
        killed += u32::from(was_killed);
        span = span.mul_f64(if was_killed { 1.01 } else { 0.97 });
        let found = newest(&catalog, "b");
        assert!(found == old || found == number, "killed after {moment:?}: {found}, not {old}");
        carried_out += u32::from(found == number);
        old = found;
        let _ = fs::remove_file(source(number));
    }
    note(&format!("{killed} of {} runs killed, {carried_out} versions published", number - 2));
    all(&catalog, "b");
    let last = number + 4 - number % 4;
    assert!(command(last).status().expect("it runs").success());
    assert_eq!(newest(&catalog, "b"), last);
    assert_nothing_stray(&catalog, "b");
}
