//! From an error to what the user reads: `error:`, `caused by:`, `hint:` and an exit status.
//!
//! Libraries say what went wrong; only this module knows the command line, so only it says what
//! to type next.

use std::error::Error as StdError;
use std::fmt;

use crate::printer::{Printer, Tone};
use crate::status::ExitStatus;

/// A failure that a command words itself, with the next step for the user.
#[derive(Debug)]
pub(crate) struct Complaint {
    message: String,
    hint: Option<String>,
    status: ExitStatus,
}

impl Complaint {
    /// The request cannot be carried out as written; exit status 2.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, status: ExitStatus::Failed }
    }

    /// The answer is no; exit status 1.
    pub(crate) fn no(message: impl Into<String>) -> Self {
        Self { status: ExitStatus::No, ..Self::new(message) }
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
