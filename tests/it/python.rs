//! Promise: the Python package builds with `pip install ./python` and keeps its own promises, which are in `python/tests`.
//!
//! Method: a virtual environment in the target folder, kept between runs; the package is built into it by pip, with the crates
//! that these tests are built of already; then its tests run, and its types are checked.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use barrow_tests::{barrow_path, checkout, note};

const NEEDED: &str = "the Python package needs CPython 3.11 or newer with `venv` and `pip`: install it \
                      (`apt-get install python3-venv`), or name its program in `BARROW_PYTHON`";

/// The Python that the machine has, if it will do.
fn interpreter() -> Result<PathBuf, String> {
    let named = std::env::var_os("BARROW_PYTHON").filter(|name| !name.is_empty());
    let python = named.map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let program = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    let shown = python.display();
    match Command::new(&python).args(["-c", program]).output() {
        Err(error) => Err(format!("{NEEDED}: `{shown}` cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{NEEDED}: `{shown}` is older or lacks them\n{said}"))
        }
        Ok(_) => Ok(python),
    }
}

/// The target folder that these tests were built into.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps").to_owned()
}

/// Runs a command; panics with all that it said when it fails.
fn run(command: &mut Command) -> String {
    // Settings of the machine that would change what is built or found.
    for name in ["PYTHONPATH", "PYTHONHOME", "RUSTFLAGS", "BARROW_ROOT", "VIRTUAL_ENV"] {
        command.env_remove(name);
    }
    let output = command.output().expect("the program can be run");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = write!(said, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{said}");
    said
}

/// Makes the environment, unless it is there and works.
fn environment(python: &Path) -> PathBuf {
    let folder = target().join("python");
    let own = folder.join("bin/python");
    let works = Command::new(&own).args(["-m", "pip", "--version"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder));
    }
    folder.join("bin")
}

#[test]
fn the_package_builds_and_its_tests_pass() {
    let python = interpreter().unwrap_or_else(|problem| panic!("{problem}"));
    let programs = environment(&python);
    let package = checkout().join("python");
    let pip = || {
        let mut command = Command::new(programs.join("python"));
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        command
    };
    run(pip().arg("-r").arg(package.join("tests/requirements.txt")));
    let build = "--locked --profile dev";
    run(pip()
        .args(["--no-deps", "--force-reinstall"])
        .arg(&package)
        .env("MATURIN_PEP517_ARGS", build)
        .env("CARGO_TARGET_DIR", target()));
    // From the tests' own folder, so that the installed package is found and not its sources.
    let tested = run(Command::new(programs.join("pytest"))
        .args(["-q", "-p", "no:cacheprovider"])
        .env("BARROW_COMMAND", barrow_path())
        .current_dir(package.join("tests")));
    note(tested.lines().last().unwrap_or_default());
    let cache = target().join("python/mypy");
    run(Command::new(programs.join("mypy")).arg("--cache-dir").arg(cache).current_dir(&package));
}
