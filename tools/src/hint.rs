//! From an error to what the user reads: `error:`, `caused by:`, `hint:` and an exit status.
//!
//! Libraries say what went wrong; only this module and the commands know the command line, so only
//! they say what to type next.

mod engine;
mod remote;

use std::error::Error as StdError;
use std::fmt;
use std::io;

use barrow_engine::Error as EngineError;
use barrow_format::Error as FormatError;
use barrow_store::query::{Part, Problem};
use barrow_store::{Error as StoreError, MountError, RemoteError, RevisionProblem, nearest};
use clap::error::ErrorKind;

use crate::ingest::IngestError;
use crate::invocation::Invocation;
use crate::printer::{Printer, Tone, Verbosity};
use crate::status::ExitStatus;

/// Numbers of errors that have no kind of their own, the same on every Unix.
const DEVICE_FAILED: i32 = 5;
const TOO_MANY_FILES_IN_SYSTEM: i32 = 23;
const TOO_MANY_FILES: i32 = 24;

/// A failure that a command words itself, with the next step for the user.
#[derive(Debug)]
pub(crate) struct Complaint {
    message: String,
    hint: Option<String>,
}

impl Complaint {
    /// The request cannot be carried out as written.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// Adds what to do about it, commands in backticks.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Complaint {}

/// Says what went wrong on stderr and returns the exit status that goes with it.
pub(crate) fn report(error: &anyhow::Error, invocation: &Invocation) -> ExitStatus {
    if is_broken_pipe(error) {
        // The reader has seen enough, as with `| head`.
        return ExitStatus::Done;
    }
    let printer = invocation.printer;
    printer.complain(format_args!("{} {error}", printer.err("error:", Tone::Bad)));
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // A wrapper that passes its cause on as it is would say everything twice.
        if !said.ends_with(&text) {
            printer.complain(format_args!("  {} {text}", printer.err("caused by:", Tone::Faint)));
        }
        said = text;
    }
    if let Some(hint) = error.chain().find_map(|cause| hint(cause, invocation)) {
        printer.complain(format_args!("\n{} {hint}", printer.err("hint:", Tone::Accent)));
    }
    status(error)
}

/// Prints what the parser of the command line has to say: help and version on stdout with status 0,
/// mistakes on stderr, in the words of all other errors, with status 2.
pub(crate) fn report_usage(error: &clap::Error) -> ExitStatus {
    if !error.use_stderr() {
        // A reader that went away before the help was out is no failure.
        let _ = error.print();
        return ExitStatus::Done;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitStatus::Failed;
    }
    let printer = Printer::new(Verbosity::Normal, false);
    let text = error.render().to_string().replace('\'', "`");
    let (mut said, mut hints, mut usage) = (Vec::new(), Vec::new(), None);
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let inner = line.trim_start();
        if let Some(hint) = inner.strip_prefix("tip: ") {
            hints.push(hint.to_owned());
        } else if let Some(rest) = inner.strip_prefix("Usage: ") {
            // The parser takes what the environment says for a flag that was typed.
            usage = Some(format!("the usage is `{}`", rest.replace("--root <DIR> ", "")));
        } else if !inner.starts_with("For more information") {
            said.push(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    hints.extend(usage);
    hints.extend(environment_hint(&said));
    if !cfg!(feature = "sql") && said.iter().any(|line| line.contains("subcommand `sql`")) {
        hints.insert(
            0,
            "SQL is in builds with the feature `sql`: `cargo build --features sql`".to_owned(),
        );
    }
    if hints.is_empty() {
        hints.push("`--help` says what can stand there".to_owned());
    }
    let (bad, accent) = (printer.err("error:", Tone::Bad), printer.err("hint:", Tone::Accent));
    printer.complain(format_args!("{bad} {}\n\n{accent} {}", said.join("\n"), hints.join("; ")));
    ExitStatus::Failed
}

/// Says that a flag which is wrong may not have been typed.
fn environment_hint(said: &[&str]) -> Option<String> {
    let flags = [
        ("`--root ", "BARROW_ROOT"),
        ("`--open ", "BARROW_OPEN"),
        ("`--verify-reads ", "BARROW_VERIFY_READS"),
    ];
    let is_said = |flag: &str| said.iter().any(|line| line.contains(flag));
    let wrong = flags
        .into_iter()
        .find(|(flag, variable)| is_said(flag) && std::env::var_os(variable).is_some());
    wrong.map(|(_, variable)| {
        format!("`{variable}` in the environment stands for that flag where it is not given")
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |kind| kind == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| broken(error.kind()))
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|error| error.io_error_kind().is_some_and(broken))
    })
}

fn status(error: &anyhow::Error) -> ExitStatus {
    let is_no = error.chain().any(|cause| match of_store(cause) {
        Some(
            StoreError::UnknownBundle { .. }
            | StoreError::UnknownSymbol { .. }
            | StoreError::NoMatch { .. }
            | StoreError::UnknownVersion { .. },
        ) => true,
        Some(StoreError::Remote(error)) => matches!(
            **error,
            RemoteError::UnknownBundle { .. } | RemoteError::UnknownVersion { .. }
        ),
        // A bundle file that is not there.
        Some(StoreError::Io { source, .. }) => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    });
    if is_no { ExitStatus::No } else { ExitStatus::Failed }
}

/// The error of the store that an error is, by itself or as one of the engine.
fn of_store<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a StoreError> {
    match error.downcast_ref::<EngineError>() {
        Some(EngineError::Store(error)) => Some(error),
        _ => error.downcast_ref::<StoreError>(),
    }
}

/// What to do about one error of the chain.
fn hint(error: &(dyn StdError + 'static), invocation: &Invocation) -> Option<String> {
    if let Some(complaint) = error.downcast_ref::<Complaint>() {
        return complaint.hint.clone();
    }
    if let Some(error) = of_store(error) {
        return store_hint(error, invocation);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return io_hint(error);
    }
    if let Some(error) = error.downcast_ref::<EngineError>() {
        return engine::hint(error);
    }
    error.downcast_ref::<IngestError>()?.hint().map(str::to_owned)
}

fn store_hint(error: &StoreError, invocation: &Invocation) -> Option<String> {
    asked_hint(error, invocation).or_else(|| found_hint(error)).or_else(|| version_hint(error))
}

/// What to do about names and expressions that mean nothing.
fn asked_hint(error: &StoreError, invocation: &Invocation) -> Option<String> {
    Some(match error {
        StoreError::UnknownBundle { nearest: Some(nearest), .. } => {
            format!("did you mean `{nearest}`? `barrow ls` lists the bundles")
        }
        StoreError::UnknownBundle { name, .. } => {
            let elsewhere = if invocation.root_is_given {
                "`barrow ls` lists the bundles that there are"
            } else {
                "`--root DIR` or `BARROW_ROOT` names another catalog"
            };
            format!("`barrow ingest {name} FILES` makes it; {elsewhere}")
        }
        StoreError::UnknownSymbol { bundle, nearest, .. } => {
            let meant = nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`? "));
            let meant = meant.unwrap_or_default();
            format!("{meant}`barrow inspect {bundle}` lists the symbols; case counts")
        }
        StoreError::NoMatch { bundle, .. } => {
            format!("`barrow inspect {bundle}` lists the symbols; case counts")
        }
        StoreError::UnknownColumn { column, available, .. } => {
            let known = available.iter().map(String::as_str);
            match nearest(column, known) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "numbers that are computed go into `--select`".to_owned(),
            }
        }
        StoreError::Expression { part, at, source, .. } => expression_hint(*part, *at, source),
        StoreError::DuplicateColumn { name } => {
            format!("give one of them another name: `--select 'other = {name}'`")
        }
        StoreError::Period { .. } => {
            "a period is a multiple of the bars, or `session`, `week`, `month`, `quarter` or `year`"
                .to_owned()
        }
        _ => return None,
    })
}

/// What to do about the state of files, locks and the machine.
fn found_hint(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::Damaged { .. } | StoreError::SeriesDigest(_) => {
            "take the file from a copy, or ingest its sources again; `barrow verify` lists all damage"
                .to_owned()
        }
        StoreError::Remote(problem) => return Some(remote::hint(problem)),
        StoreError::NotMapped { .. } => {
            "`--mount` maps a decoded copy; or do without `zero_copy`".to_owned()
        }
        StoreError::Mount(problem) => match **problem {
            MountError::Room { .. } => {
                "`barrow unmount NAME` makes room; BARROW_MOUNT_BYTES allows more".to_owned()
            }
            _ => "BARROW_MOUNTS names another folder".to_owned(),
        },
        StoreError::Io { verb: "lock in memory", .. } => {
            "`ulimit -l` is how much memory may be locked; do without `--paging lock`".to_owned()
        }
        StoreError::BadJournal { .. } => {
            "`--study` takes a file that does not exist yet, or one of an earlier run; `barrow study ls DIR` finds those"
                .to_owned()
        }
        StoreError::Locked { .. } => {
            "`--wait` waits until the other writer is done; readers need not wait".to_owned()
        }
        StoreError::Io { source, .. } => return io_hint(source),
        StoreError::Corrupt { source, .. }
            if matches!(**source, FormatError::Magic { .. } | FormatError::TooShort { .. }) =>
        {
            "bundle files are made by `barrow ingest NAME FILES`, which reads files of other kinds"
                .to_owned()
        }
        StoreError::Corrupt { .. } | StoreError::Mismatch { .. } => {
            "take the file from a copy, or ingest its sources again".to_owned()
        }
        StoreError::Head { .. } => {
            "open a version by its hash as `NAME@VERSION`; ingesting anew repairs the page"
                .to_owned()
        }
        _ => return None,
    })
}

/// What to do about the operating system's refusals that somebody can do something about.
fn io_hint(error: &io::Error) -> Option<String> {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on that disk, then run the command again; `barrow prune NAME --keep N --dry-run` \
             shows what old versions take"
        }
        io::ErrorKind::FileTooLarge => {
            "a limit on the size of files is set (`ulimit -f`), or the disk cannot hold larger ones"
        }
        io::ErrorKind::PermissionDenied => {
            "check owner and mode of that path; writing needs the right to write in the bundle's \
             folders, reading does not"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "that disk is mounted read-only: bundles on it can be read; write to another with `--root DIR`"
        }
        _ => match error.raw_os_error() {
            Some(TOO_MANY_FILES | TOO_MANY_FILES_IN_SYSTEM) => {
                "raise the limit of open files with `ulimit -n`, then run the command again"
            }
            Some(DEVICE_FAILED) => {
                "the device failed: copy what matters elsewhere, and check it with `barrow verify NAME`"
            }
            _ => return None,
        },
    };
    Some(advice.to_owned())
}

fn version_hint(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::UnknownVersion { bundle, .. } | StoreError::VersionSyntax { text: bundle } => {
            let bundle = match error {
                StoreError::UnknownVersion { .. } => bundle.as_str(),
                _ => "NAME",
            };
            format!("`barrow history {bundle}` lists the versions")
        }
        StoreError::NothingYet { bundle, .. } | StoreError::Pruned { bundle, .. } => {
            format!("`barrow history {bundle}` lists when versions were published, in UTC")
        }
        StoreError::Revision { bundle, problem } => return revision_hint(bundle, problem),
        StoreError::AmbiguousVersion { bundle, .. } => {
            format!("give more digits; `barrow history {bundle}` lists the versions")
        }
        _ => return None,
    })
}

fn revision_hint(bundle: &str, problem: &RevisionProblem) -> Option<String> {
    Some(match problem {
        RevisionProblem::BarDiffers { .. } | RevisionProblem::BarBetween { .. } => {
            "`--correct` in the place of `--append` replaces bars by asset and time".to_owned()
        }
        RevisionProblem::AdjustmentDiffers { .. } => {
            "`--correct` in the place of `--append` replaces splits and dividends".to_owned()
        }
        RevisionProblem::NoAsset { .. } => {
            format!("`barrow inspect {bundle}` lists the symbols; case counts")
        }
        RevisionProblem::Meaning { what, .. } => format!(
            "`barrow inspect {bundle}` shows the {what}; the flag that names another must go, or \
             the sources belong into a bundle of their own"
        ),
        RevisionProblem::ColumnType { .. } | RevisionProblem::NoMissing { .. } => format!(
            "`barrow inspect {bundle}` lists the columns; leave one of the source out with `--drop \
             COLUMN`, or name it with `--map`"
        ),
        _ => return None,
    })
}

fn expression_hint(part: Part, at: usize, problem: &Problem) -> String {
    let at = format!("at character {}", at + 1);
    let example = match part {
        Part::Filter => "--filter 'close > 100 and time >= 2012-01-03'",
        Part::Select => "--select 'close, ret = close / lag(close, 1) - 1'",
        Part::Aggregates => "--agg 'mean(close), range = max(high - low)'",
        Part::Rank => "--by 'close * volume'",
        _ => "--panel 'close / lag(close, 1) - 1'",
    };
    match problem {
        Problem::UnknownColumn { nearest: Some(nearest), .. }
        | Problem::UnknownFunction { nearest: Some(nearest), .. } => {
            format!("{at}: did you mean `{nearest}`?")
        }
        Problem::Character { character: '&' | '|' } => {
            format!("{at}: conditions join with `and`, `or` and `not`")
        }
        _ => format!("{at}; for example `{example}`"),
    }
}
