//! What the process says when it ends.

use std::process::ExitCode;

/// How a command ended: the exit status of the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitStatus {
    /// The work is done; status 0.
    Done,
    /// The question was understood and the answer is no: a verification failed, or there is no
    /// such bundle, version or symbol; status 1.
    No,
    /// The command line is wrong, or something failed on the way; status 2.
    Failed,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Done => Self::SUCCESS,
            ExitStatus::No => Self::from(1),
            ExitStatus::Failed => Self::from(2),
        }
    }
}
