//! One module a command: its flags, and what it does with the libraries.
//!
//! Each has `run(&Args, &Invocation) -> anyhow::Result<ExitStatus>`. Errors travel up as they are;
//! [`crate::hint`] words them for the terminal.

pub(crate) mod backtest;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod cross_validate;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod fetch;
pub(crate) mod folds;
pub(crate) mod history;
pub(crate) mod ingest;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod mount;
pub(crate) mod permutations;
pub(crate) mod pin;
pub(crate) mod prune;
pub(crate) mod prune_remote;
pub(crate) mod push;
pub(crate) mod query;
pub(crate) mod remote;
pub(crate) mod resampling;
pub(crate) mod restore;
pub(crate) mod search;
#[cfg(feature = "sql")]
pub(crate) mod sql;
pub(crate) mod study;
pub(crate) mod sweep;
pub(crate) mod verify;
pub(crate) mod walk_forward;
pub(crate) mod worker;
