//! The `barrow` command; everything it does lives in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    barrow_tools::run(std::env::args_os())
}
