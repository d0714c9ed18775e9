//! The command line: flags that all commands share, the commands, and the way from what was typed
//! to an exit status. Each command's own flags stand beside its code in `commands/`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use barrow_store::BundlePool;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

#[cfg(feature = "sql")]
use crate::commands::sql;
use crate::commands::{
    backtest, compact, completions, cross_validate, demo, diff, export, fetch, history, ingest,
    inspect, list, mount, pin, prune, prune_remote, push, query, restore, study, sweep, verify,
    walk_forward, worker,
};
use crate::hint;
use crate::invocation::{Invocation, default_root};
use crate::isolate::COMMAND;
use crate::log;
use crate::opening::OpeningArgs;
use crate::printer::{Printer, Verbosity};
use crate::status::ExitStatus;

/// Version-hashed bundles of market data: ingest, query, backtest and sweep.
///
/// A bundle is an immutable columnar file of bars, named by the SHA-256 of its content and mapped,
/// never loaded. Try `barrow demo` for a tour on real prices.
#[derive(Debug, Parser)]
#[command(name = "barrow", version, propagate_version = false, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 done; 1 the answer is no (verification failed, no such bundle or \
symbol); 2 usage or failure.\nA bundle is written NAME, NAME@VERSION (a unique prefix of its hash), NAME@2026-11-25 (as of a date, or a time as in 2026-11-25T12:00, UTC), or as the path of a .barrow file."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Flags of every command")]
struct Shared {
    /// Directory of the bundles [default: `barrow` in the platform's data directory]
    #[arg(long, global = true, env = "BARROW_ROOT", hide_env_values = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(flatten)]
    opening: OpeningArgs,
    /// Print the answer as JSON (schemas: docs/cli.md)
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more on stderr; twice for the events of the libraries
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ingest(Box<ingest::IngestArgs>),
    #[command(visible_alias = "list")]
    Ls(list::ListArgs),
    Inspect(inspect::InspectArgs),
    History(history::HistoryArgs),
    Diff(diff::DiffArgs),
    Restore(restore::RestoreArgs),
    Compact(compact::CompactArgs),
    Prune(prune::PruneArgs),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Push(push::PushArgs),
    Fetch(fetch::FetchArgs),
    PruneRemote(prune_remote::PruneRemoteArgs),
    Verify(verify::VerifyArgs),
    Mount(mount::MountArgs),
    Unmount(mount::UnmountArgs),
    Mounts(mount::MountsArgs),
    Query(Box<query::QueryArgs>),
    #[cfg(feature = "sql")]
    Sql(sql::SqlArgs),
    Export(export::ExportArgs),
    Backtest(backtest::BacktestArgs),
    Sweep(Box<sweep::SweepArgs>),
    WalkForward(Box<walk_forward::WalkForwardArgs>),
    CrossValidate(Box<cross_validate::CrossValidateArgs>),
    Study(study::StudyArgs),
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
}

/// Runs the command line `args`, program name first, and returns the exit status of the process.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    run_args(args.into_iter().collect()).into()
}

fn run_args(args: Vec<OsString>) -> ExitStatus {
    // Before anything is set up for the others: a worker is to be there at once.
    if args.get(1).is_some_and(|command| command == COMMAND) {
        return worker::run().unwrap_or_else(|error| {
            Printer::new(Verbosity::Normal, false).complain(format_args!("error: {error:#}"));
            ExitStatus::Failed
        });
    }
    let parsed = command().try_get_matches_from(args);
    let cli = match parsed.and_then(|found| Cli::from_arg_matches(&found)) {
        Ok(cli) => cli,
        Err(error) => return hint::report_usage(&error),
    };
    let shared = &cli.shared;
    let verbosity = match (shared.quiet, shared.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    log::start(verbosity, shared.verbose > 1);
    let invocation = Invocation {
        root: shared.root.clone().unwrap_or_else(default_root),
        root_is_given: shared.root.is_some(),
        opening: shared.opening.options(),
        printer: Printer::new(verbosity, shared.json),
    };
    let status = match dispatch(&cli.command, &invocation) {
        Ok(status) => status,
        Err(error) => hint::report(&error, &invocation),
    };
    // A mount goes with its last user, and the pool would be one until the process is gone without a word.
    BundlePool::global().clear();
    status
}

/// All commands. Numbers below zero are values, which are refused where they make no sense, and never flags.
fn command() -> clap::Command {
    fn with_negative_numbers(command: clap::Command) -> clap::Command {
        command.mut_subcommands(with_negative_numbers).mut_args(|arg| {
            if arg.get_action().takes_values() && !arg.is_allow_hyphen_values_set() {
                arg.allow_negative_numbers(true)
            } else {
                arg
            }
        })
    }
    with_negative_numbers(Cli::command())
}

fn dispatch(command: &Command, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Ingest(args) => ingest::run(args, invocation),
        Command::Ls(args) => list::run(args, invocation),
        Command::Inspect(args) => inspect::run(args, invocation),
        Command::History(args) => history::run(args, invocation),
        Command::Diff(args) => diff::run(args, invocation),
        Command::Restore(args) => restore::run(args, invocation),
        Command::Compact(args) => compact::run(args, invocation),
        Command::Prune(args) => prune::run(args, invocation),
        Command::Pin(args) => pin::run(args, invocation),
        Command::Unpin(args) => pin::run_unpin(args, invocation),
        Command::Push(args) => push::run(args, invocation),
        Command::Fetch(args) => fetch::run(args, invocation),
        Command::PruneRemote(args) => prune_remote::run(args, invocation),
        Command::Verify(args) => verify::run(args, invocation),
        Command::Mount(args) => mount::run(args, invocation),
        Command::Unmount(args) => mount::run_unmount(args, invocation),
        Command::Mounts(args) => mount::run_mounts(args, invocation),
        Command::Query(args) => query::run(args, invocation),
        #[cfg(feature = "sql")]
        Command::Sql(args) => sql::run(args, invocation),
        Command::Export(args) => export::run(args, invocation),
        Command::Backtest(args) => backtest::run(args, invocation),
        Command::Sweep(args) => sweep::run(args, invocation),
        Command::WalkForward(args) => walk_forward::run(args, invocation),
        Command::CrossValidate(args) => cross_validate::run(args, invocation),
        Command::Study(args) => study::run(args, invocation),
        Command::Demo(args) => demo::run(args, invocation),
        Command::Completions(args) => completions::run(args, invocation, self::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_is_documented() {
        let mut cli = command();
        cli.build();
        for command in cli.get_subcommands() {
            assert!(command.get_about().is_some(), "`{}` has no description", command.get_name());
            for argument in command.get_arguments() {
                let documented = argument.get_help().is_some() || argument.is_hide_set();
                assert!(documented, "`{} {}`", command.get_name(), argument.get_id());
            }
        }
    }
}
