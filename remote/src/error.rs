//! [`Error`]: why a URL names no remote.

use thiserror::Error;

/// The result of naming a remote.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a URL names no remote. What a place answers later is an [`std::io::Error`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no URL. It is not repeated, since a password may stand in it.
    #[error("the remote is not named by a URL")]
    Url(#[from] url::ParseError),

    /// Objects are not reached over this protocol.
    #[error("a remote over `{scheme}` is not known")]
    Scheme {
        /// What stands before the `://`.
        scheme: String,
    },

    /// The URL has a part that would be of no effect.
    #[error("`{remote}` is followed by a query or a fragment, which a remote has not")]
    Query {
        /// The URL without it.
        remote: String,
    },

    /// The URL and the settings of the environment name no store.
    #[error("`{remote}` names no remote: {problem}")]
    Store {
        /// The URL, without a password.
        remote: String,
        /// What is wrong.
        problem: String,
    },
}
