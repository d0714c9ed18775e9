//! `barrow mount`, `barrow unmount` and `barrow mounts`: raw copies that all processes of a machine share.

use std::io::Write;

use barrow_store::{MountEntry, Mounts, OpenMode, OpenOptions, Origin};
use serde::Serialize;

use crate::hint::Complaint;
use crate::instant::{shown, to_the_second};
use crate::invocation::Invocation;
use crate::numbers::{bytes, counted_len};
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

/// Decode a version once for all processes of this machine
///
/// A version that is compressed or lies in many parts is written as one raw file into a folder in memory,
/// and every process that opens the bundle with `--mount` maps that file. It stays until `barrow unmount`,
/// or until room is needed while nobody uses it. A version that is one raw file needs no mount.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The folder is BARROW_MOUNTS, else /dev/shm/barrow-UID; BARROW_MOUNT_BYTES bounds what all mounts take
together [default: half of its file system].

Examples:
  barrow mount us-daily && barrow sweep us-daily --mount --strategy sma-cross --param fast=5..50
  barrow mount us-daily@3f2a")]
pub(crate) struct MountArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
}

/// Remove the mount of a version
///
/// A mount that a process uses goes when the last one that does lets go of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  barrow unmount us-daily\n  barrow unmount --all")]
pub(crate) struct UnmountArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE", required_unless_present = "all")]
    bundle: Option<String>,
    /// Remove all mounts
    #[arg(long, conflicts_with = "bundle")]
    all: bool,
}

/// List the mounts of this machine
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  barrow mounts\n  barrow mounts --json")]
pub(crate) struct MountsArgs {}

#[derive(Serialize)]
struct Answer {
    folder: String,
    mounts: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    version: String,
    source: String,
    path: String,
    bytes: u64,
    used: String,
    kept: bool,
    held: bool,
}

impl From<MountEntry> for Row {
    fn from(entry: MountEntry) -> Self {
        Self {
            version: entry.version.to_string(),
            source: entry.source.to_string(),
            path: entry.path.display().to_string(),
            bytes: entry.bytes,
            used: shown(entry.used_ns, false).to_string(),
            kept: entry.kept,
            held: entry.held,
        }
    }
}

pub(crate) fn run(args: &MountArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    // Opened as it is, so that the answer is about the version and not about a mount of it.
    let plain = OpenOptions { mode: OpenMode::Map, ..invocation.opening };
    let lease = invocation.catalog().lease_with(&args.bundle, &plain)?;
    let mut columns = lease.schema().columns().iter();
    let is_raw =
        columns.all(|column| lease.origin(&column.name).is_ok_and(|it| it == Origin::Mapped));
    let printer = invocation.printer;
    if is_raw {
        printer.say(format_args!("`{}` is one raw file, which needs no mount", lease.name()));
        return print(Vec::new(), invocation);
    }
    let entry = Mounts::shared().keep(&lease)?;
    printer.say(format_args!(
        "{}@{} is mounted as `{}`",
        lease.name(),
        lease.version().short(),
        entry.path.display()
    ));
    if printer.json { print(vec![entry], invocation) } else { Ok(ExitStatus::Done) }
}

pub(crate) fn run_unmount(
    args: &UnmountArgs,
    invocation: &Invocation,
) -> anyhow::Result<ExitStatus> {
    let mounts = Mounts::shared();
    let versions = match &args.bundle {
        Some(bundle) => {
            let plain = OpenOptions { mode: OpenMode::Map, ..invocation.opening };
            vec![invocation.catalog().lease_with(bundle, &plain)?.version()]
        }
        None => mounts.entries()?.into_iter().map(|entry| entry.version).collect(),
    };
    let mut removed = Vec::new();
    for version in versions {
        removed.extend(mounts.unmount(version)?);
    }
    if let (Some(bundle), true) = (&args.bundle, removed.is_empty()) {
        let complaint = Complaint::new(format!("`{bundle}` is not mounted"));
        return Err(complaint.hint("`barrow mounts` lists what is").into());
    }
    let printer = invocation.printer;
    let held = removed.iter().filter(|entry| entry.held).count();
    printer.say(format_args!("{} removed", counted_len(removed.len() - held, "mount")));
    if held > 0 {
        let held = counted_len(held, "mount");
        printer.say(format_args!("{held} in use, to go with the last process that uses it"));
    }
    if printer.json { print(removed, invocation) } else { Ok(ExitStatus::Done) }
}

pub(crate) fn run_mounts(
    _args: &MountsArgs,
    invocation: &Invocation,
) -> anyhow::Result<ExitStatus> {
    let entries = Mounts::shared().entries()?;
    if entries.is_empty() && !invocation.printer.json {
        let folder = Mounts::shared().folder().display();
        invocation.printer.say(format_args!("nothing is mounted in `{folder}`"));
    }
    print(entries, invocation)
}

/// Prints mounts, as a table or as JSON.
fn print(entries: Vec<MountEntry>, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let rows: Vec<Row> = entries.into_iter().map(Row::from).collect();
    let printer = invocation.printer;
    if printer.json {
        let folder = Mounts::shared().folder().display().to_string();
        printer.json(&Answer { folder, mounts: rows })?;
    } else if !rows.is_empty() {
        let mut sheet = Sheet::new([
            ("version", Align::Left),
            ("size", Align::Right),
            ("used (UTC)", Align::Left),
            ("stays", Align::Left),
            ("path", Align::Left),
        ]);
        for row in &rows {
            let stays = match (row.kept, row.held) {
                (true, true) => "kept, in use",
                (true, false) => "kept",
                (false, true) => "in use",
                (false, false) => "left over",
            };
            sheet.row([
                row.version[..12].to_owned(),
                bytes(row.bytes),
                to_the_second(&row.used),
                stays.to_owned(),
                row.path.clone(),
            ]);
        }
        let mut out = printer.stdout();
        sheet.print(&mut out, printer, "")?;
        out.flush()?;
    }
    Ok(ExitStatus::Done)
}
