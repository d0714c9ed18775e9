//! Where the checkout, the shared data and the command under test are.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The root of the checkout.
pub fn checkout() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests package lies in the checkout").to_path_buf()
}

/// A file or folder of the shared data that may stand beside the checkout, as `../shared/data/PATH`.
///
/// `None` when it is not there; that the caller's test did not run is then said on stderr, which
/// `cargo test -- --nocapture` shows and a failing test prints.
pub fn shared(path: &str) -> Option<PathBuf> {
    let beside = checkout().join("../shared/data").join(path);
    if beside.exists() {
        return Some(beside);
    }
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    note(&format!("SKIPPED: `{name}` needs `../shared/data/{path}`, which is not there"));
    None
}

/// Says on stderr what a test cannot say by passing: that it did not run, or what it counted.
#[expect(clippy::print_stderr, reason = "a test that did not run says so plainly")]
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// The `barrow` command, built from the same sources as the shipped binary, with an environment that
/// depends on nobody's settings.
///
/// Its standard input is closed; its output is to be read with [`Command::output`].
pub fn barrow() -> Command {
    command_at(&barrow_path())
}

/// The file of the `barrow` command under test.
pub fn barrow_path() -> PathBuf {
    built("barrow-under-test")
}

/// A program of this package, built with the tests.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("tests lie in PROFILE/deps");
    let binary = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.is_file(), "`{}` was built with the tests", binary.display());
    binary
}

/// A temporary folder, in memory where the machine offers that: flushing costs nothing there.
pub fn memory_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.or_else(|_| TempDir::new()).expect("a temporary folder")
}

/// A copy of the command, with the environment of [`barrow`].
pub fn command_at(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::arg0(&mut command, "barrow");
    for name in [
        "BARROW_ROOT",
        "BARROW_FAULT",
        "BARROW_OPEN",
        "BARROW_MOUNTS",
        "CLICOLOR_FORCE",
        "RUST_LOG",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").stdin(std::process::Stdio::null());
    command
}

/// [`barrow`] on the catalog `root`.
pub fn barrow_at(root: &Path) -> Command {
    let mut command = barrow();
    command.env("BARROW_ROOT", root);
    command
}
