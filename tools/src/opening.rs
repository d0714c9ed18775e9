//! How bundles are opened: the flags for it, which all commands share.

use barrow_store::{OpenMode, OpenOptions, Paging, VerifyReads};
use clap::ValueEnum;

/// How to open bundles.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OpeningArgs {
    /// How to open bundles: map the file, read a verified copy into memory, or mount what is compressed [default: map]
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "BARROW_OPEN",
        hide_env_values = true,
        value_name = "map|read|mount"
    )]
    open: Option<OpenMode>,
    /// The same as `--open mount`: decode what is compressed once a machine
    #[arg(long, global = true, hide_short_help = true)]
    mount: bool,
    /// What to compare before values are used for the first time: nothing, check words of pages, or SHA-256 digests of
    /// series [default: pages]
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "BARROW_VERIFY_READS",
        hide_env_values = true,
        value_name = "never|pages|digests"
    )]
    verify_reads: Option<VerifyReads>,
    /// How memory is to hold bundles: any of prefault, huge-pages, lock
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_delimiter = ',',
        value_name = "HOW",
        hide_possible_values = true
    )]
    paging: Vec<How>,
}

/// A wish about pages of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Bring all pages when a bundle is opened.
    Prefault,
    /// Ask for huge pages.
    HugePages,
    /// Keep all pages in memory.
    Lock,
}

impl OpeningArgs {
    /// Returns what the flags say.
    pub(crate) fn options(&self) -> OpenOptions {
        let mode = if self.mount { OpenMode::Mount } else { self.open.unwrap_or_default() };
        let verify = self.verify_reads.unwrap_or_default();
        let asked = |how| self.paging.contains(&how);
        let paging = Paging {
            prefault: asked(How::Prefault),
            huge_pages: asked(How::HugePages),
            lock: asked(How::Lock),
        };
        OpenOptions { mode, verify, paging, ..OpenOptions::default() }
    }
}
