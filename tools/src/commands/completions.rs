//! `barrow completions`: completion scripts for shells.

use std::io::Write;

use clap_complete::Shell;

use crate::invocation::Invocation;
use crate::status::ExitStatus;

/// Print a completion script for a shell
///
/// Load it from the shell's start-up file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow completions bash > ~/.local/share/bash-completion/completions/barrow\n  barrow completions zsh > \"${fpath[1]}/_barrow\"\n  barrow completions fish > ~/.config/fish/completions/barrow.fish"
)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    shell: Shell,
}

pub(crate) fn run(
    args: &CompletionsArgs,
    invocation: &Invocation,
    mut cli: clap::Command,
) -> anyhow::Result<ExitStatus> {
    // Generated into memory first: the generator panics where a write fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "barrow", &mut script);
    let mut out = invocation.printer.stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(ExitStatus::Done)
}
