//! What a remote can answer instead of what was asked for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use barrow_format::{Digest, Version};

use crate::error::Error;

/// What is wrong with a remote, or with what lies there.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The place refused something, or could not be reached.
    #[error("cannot {verb} `{key}` in `{remote}`")]
    Io {
        /// What was attempted, an infinitive: `read`, `write`, `list` ...
        verb: &'static str,
        /// The object or folder it was attempted on.
        key: String,
        /// The place.
        remote: String,
        /// What it answered.
        source: Arc<io::Error>,
    },

    /// Nobody has published a bundle of this name there.
    #[error("no bundle `{name}` in `{remote}`")]
    UnknownBundle {
        /// The name that was looked for.
        name: String,
        /// The place.
        remote: String,
    },

    /// Nobody has published such a version there.
    #[error("no version of bundle `{name}` starts with `{prefix}` in `{remote}`")]
    UnknownVersion {
        /// The bundle's name.
        name: String,
        /// The digits that were looked for.
        prefix: String,
        /// The place.
        remote: String,
    },

    /// A version cannot be asked for in these words: a remote knows versions by their digits alone.
    #[error("`{text}` does not name a version in `{remote}`: expected hexadecimal digits")]
    Moment {
        /// What stood after the `@`.
        text: String,
        /// The place.
        remote: String,
    },

    /// A document of the layout cannot be understood, or contradicts another.
    #[error("`{key}` in `{remote}` cannot be used: {problem}")]
    Document {
        /// The document.
        key: String,
        /// The place.
        remote: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The inventory of a part, or one of its objects, is not there.
    #[error("`{key}` is missing in `{remote}`, part `{part}` cannot be fetched")]
    Missing {
        /// The object that is not there.
        key: String,
        /// The place.
        remote: String,
        /// The part that needs it.
        part: Digest,
    },

    /// An object is not the one that its name says.
    #[error("`{key}` in `{remote}` is damaged: expected {what} {expected}, found {found}")]
    Damaged {
        /// The object.
        key: String,
        /// The place.
        remote: String,
        /// What was compared: `length` or `digest`.
        what: &'static str,
        /// What the inventory says.
        expected: String,
        /// What came.
        found: String,
    },

    /// What is so young may be what a push that is under way relies on.
    #[error(
        "an age of {} h is too low to prune a remote by: a push may rely on what is younger than {} h",
        .asked.as_secs() / 3600,
        .least.as_secs() / 3600
    )]
    AgeLimit {
        /// The age that was asked for.
        asked: Duration,
        /// The least.
        least: Duration,
    },

    /// Somebody asked for an end. What was moved is not moved again by the next attempt.
    #[error("the transfer was stopped")]
    Stopped,

    /// The objects are those that were published, but what they make up is not the version: nothing of it was kept.
    #[error("version `{version}` in `{remote}` is not sound")]
    Unsound {
        /// The version that was to be fetched.
        version: Version,
        /// The place.
        remote: String,
        /// What its files are instead.
        source: Box<Error>,
    },
}

impl RemoteError {
    /// Tells whether a document is at fault, which publishing anew writes again.
    pub(crate) fn is_document(&self) -> bool {
        matches!(self, Self::Document { .. })
    }

    /// Tells whether an object is not what it was, or gone.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Missing { .. })
    }

    pub(crate) fn boxed(self) -> Error {
        Error::Remote(Box::new(self))
    }
}
