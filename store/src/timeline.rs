//! The timeline of a bundle: every publication there was, and what was the newest at some moment.

use barrow_format::Version;

use crate::catalog::Catalog;
use crate::change::{Change, ChangeKind};
use crate::error::{Error, Result};
use crate::instant::Instant;
use crate::publish::{Published, StageOptions};
use crate::record::VersionEntry;
use crate::returns;

/// One publication: a version became the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Which publication of the bundle it was, counted from 1.
    pub generation: u64,
    /// When, in nanoseconds since 1970-01-01 00:00 UTC, by the clock of the publishing machine; along the timeline it
    /// never falls.
    pub published_ns: i64,
    /// The version that was the newest before; `None` for the first.
    pub parent: Option<Version>,
    /// What changed.
    pub change: Change,
    /// The version, as it was first published.
    pub version: VersionEntry,
}

impl Catalog {
    /// Returns every publication of a bundle whose version is still there, newest first. A version that became the newest
    /// several times is there as often. One small file is read for each.
    ///
    /// # Errors
    ///
    /// As [`Catalog::history`].
    pub fn timeline(&self, name: &str) -> Result<Vec<Publication>> {
        let versions = self.history(name)?;
        let mut again = Vec::new();
        for back in returns::read(&self.dir(name), self.horizon(name)?)? {
            let Some(version) = versions.iter().find(|entry| entry.version == back.version) else {
                continue;
            };
            again.push(Publication {
                generation: back.generation,
                published_ns: back.published_ns,
                parent: back.parent,
                change: back.change,
                version: version.clone(),
            });
        }
        let mut all: Vec<Publication> = versions.into_iter().map(first).collect();
        all.append(&mut again);
        all.sort_by_key(|publication| {
            (publication.generation, publication.published_ns, publication.version.version)
        });
        all.reverse();
        Ok(all)
    }

    /// Returns the version that was the newest at a moment: that of the last publication at or before it.
    ///
    /// # Errors
    ///
    /// [`Error::NothingYet`] when the bundle was first published later; as [`Catalog::timeline`].
    pub fn version_at(&self, name: &str, moment: Instant) -> Result<Version> {
        let timeline = self.timeline(name)?;
        let then = timeline.iter().find(|publication| publication.published_ns <= moment.0);
        then.map(|publication| publication.version.version).ok_or_else(|| {
            let first = timeline.last().map_or(0, |publication| publication.published_ns);
            Error::NothingYet { bundle: name.to_owned(), moment, first: Instant(first) }
        })
    }

    /// Makes an older version of a bundle the newest again. Its files are there already, so it costs next to nothing; the
    /// timeline tells of it.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownVersion`] when the bundle has no such version; [`Error::Corrupt`], [`Error::Io`] or
    /// [`Error::Mismatch`] when one of its files is missing or damaged; as [`Catalog::stage_with`].
    pub fn restore(
        &self,
        name: &str,
        version: Version,
        options: &StageOptions,
    ) -> Result<Published> {
        self.entry(name, version)?;
        self.stage_with(name, options)?.bring_back(version)
    }
}

fn first(entry: VersionEntry) -> Publication {
    Publication {
        generation: entry.generation,
        published_ns: entry.published_ns,
        parent: entry.parent,
        // Records of before there were revisions tell nothing else.
        change: entry.change.unwrap_or_else(|| Change {
            rows_added: entry.rows,
            assets_added: entry.assets,
            ..Change::of(ChangeKind::Ingest)
        }),
        version: entry,
    }
}
