//! What the commands about remotes share: which remote, and how far the transfer is.

use std::time::Instant;

use barrow_store::{DirectoryRemote, Progress, Remote};
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::verify::bytes_rate;
use crate::hint::Complaint;
use crate::numbers::{bytes, duration};
use crate::printer::Printer;

/// Where to, or where from.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoteArgs {
    /// Directory of the remote; in a build with the feature object-store also its URL: `s3://bucket/bars`,
    /// `https://host/bars`
    #[arg(value_name = "REMOTE")]
    remote: String,
    /// Objects of 8 MiB that are under way at once, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    streams: u16,
}

impl RemoteArgs {
    /// Names the remote. No I/O.
    pub(crate) fn open(&self) -> Result<Box<dyn Remote>, Complaint> {
        remote_at(&self.remote)
    }

    pub(crate) fn streams(&self) -> usize {
        usize::from(self.streams)
    }
}

/// Names the remote at a directory or a URL. No I/O.
pub(crate) fn remote_at(text: &str) -> Result<Box<dyn Remote>, Complaint> {
    match directory_at(text)? {
        Some(directory) => Ok(Box::new(directory)),
        None => store_at(text),
    }
}

/// Names the remote at a directory, as it is or as a `file://`; `None` for other URLs. No I/O.
pub(crate) fn directory_at(text: &str) -> Result<Option<DirectoryRemote>, Complaint> {
    match text.split_once("://") {
        None => Ok(Some(DirectoryRemote::at(text))),
        Some(("file", path)) if path.starts_with('/') => Ok(Some(DirectoryRemote::at(path))),
        Some(("file", _)) => Err(Complaint::new(format!("`{text}` names no directory"))
            .hint("a directory is written as it is, or as `file:///srv/bars`")),
        Some(_) => Ok(None),
    }
}

/// Names the remote at a URL of an object store.
#[cfg(feature = "object-store")]
fn store_at(url: &str) -> Result<Box<dyn Remote>, Complaint> {
    let opened = barrow_remote::ObjectStoreRemote::at(url);
    let remote = opened.map_err(|error| {
        Complaint::new(format!("{:#}", anyhow::Error::from(error))).hint(
            "a remote is a directory, or at a URL like `s3://bucket/bars`, `gs://bucket/bars`, `az://container/bars` or \
             `https://host/bars`; its settings are those of the environment that begin with AWS_, GOOGLE_ and AZURE_",
        )
    })?;
    Ok(Box::new(remote))
}

/// Says that this build reaches directories only.
#[cfg(not(feature = "object-store"))]
fn store_at(url: &str) -> Result<Box<dyn Remote>, Complaint> {
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    Err(Complaint::new(format!("this build reaches no remote over `{scheme}`")).hint(
        "`cargo build --release --features object-store --bin barrow` makes one that does; the Python package does, \
         by `barrow.push`, `barrow.fetch` and `barrow.remote.prune`",
    ))
}

/// Shows how far a transfer is, in bytes.
pub(crate) struct TransferBar {
    bar: ProgressBar,
    started: Instant,
}

impl TransferBar {
    pub(crate) fn new(printer: Printer) -> Self {
        let bar = printer.bar(0, "");
        let template = "{bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, started: Instant::now() }
    }

    pub(crate) fn show(&self, progress: Progress) {
        self.bar.set_length(progress.total_bytes);
        self.bar.set_position(progress.done_bytes);
    }

    pub(crate) fn elapsed_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Takes the bar away, and says what became of these bytes in which time.
    pub(crate) fn done(&self, verb: &str, moved_bytes: u64) -> String {
        self.bar.finish_and_clear();
        let elapsed = self.started.elapsed();
        let rate = bytes_rate(moved_bytes, elapsed.as_secs_f64());
        format!("{} {verb} in {} ({rate})", bytes(moved_bytes), duration(elapsed))
    }
}
