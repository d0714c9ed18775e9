//! The timeline of a bundle: every publication there was, and what was the newest at some moment.

use barrow_format::Version;

use crate::catalog::Catalog;
use crate::catalog::change::{Change, ChangeKind};
use crate::catalog::problems::NameProblem;
use crate::catalog::record::VersionEntry;
use crate::catalog::returns;
use crate::catalog::spec::Spec;
use crate::error::{Error, Result};
use crate::instant::Instant;
use crate::writing::publish::{Published, StageOptions};

/// One publication: a version became the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Which publication of the bundle it was, counted from 1; 0 of a version that was fetched beside the newest.
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
    /// several times is there as often, and one that was fetched beside the newest is there too, behind the others. One
    /// small file is read for each.
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
    /// [`Error::NothingYet`] when the bundle was first published later; [`Error::Pruned`] when versions of about that time
    /// were pruned; as [`Catalog::timeline`].
    pub fn version_at(&self, name: &str, moment: Instant) -> Result<Version> {
        let mut timeline = self.timeline(name)?;
        timeline.retain(|publication| publication.generation > 0);
        let bundle = || name.to_owned();
        let later = timeline.iter().take_while(|publication| publication.published_ns > moment.0);
        let (later, then) = match later.count() {
            0 => (None, timeline.first()),
            count => (timeline.get(count - 1), timeline.get(count)),
        };
        let before = later.and_then(|publication| publication.parent);
        match (then, before) {
            // What came next did not come after this version: one in between was pruned.
            (Some(then), Some(before)) if then.version.version != before => {
                Err(Error::Pruned { bundle: bundle(), moment })
            }
            (Some(then), _) => Ok(then.version.version),
            (None, Some(_)) => Err(Error::Pruned { bundle: bundle(), moment }),
            (None, None) => {
                let first = timeline.last().map_or(0, |publication| publication.published_ns);
                let (moment, first) = (moment.second(), Instant(first).second());
                Err(Error::NothingYet { bundle: bundle(), moment, first })
            }
        }
    }

    /// Returns the bundle and the version that `spec` means: `name`, `name@digits` or `name@date`.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`], also of the path of a bundle file, which is of no catalog; [`Error::VersionSyntax`]; as
    /// [`Catalog::head`], [`Catalog::version`] and [`Catalog::version_at`].
    pub fn resolve<'s>(&self, spec: &'s str) -> Result<(&'s str, Version)> {
        Ok(match Spec::parse(spec)? {
            Spec::Newest(name) => (name, self.head(name)?.version),
            Spec::Pinned { name, prefix } => (name, self.version(name, prefix)?),
            Spec::AsOf { name, moment } => (name, self.version_at(name, moment)?),
            Spec::File(_) => {
                let problem = NameProblem::FileSuffix;
                return Err(Error::BundleName { name: spec.to_owned(), problem });
            }
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
