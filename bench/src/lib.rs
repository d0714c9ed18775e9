//! Barrow's measurements: generated sets, timed rows, and the report that holds them against their bars.
//!
//! A *row* is one line of the table in `docs/measurements.md`: it is sampled at least ten times, and
//! its median stands beside a 95 % interval and, where there is one, the bar it has to meet. Rows live
//! in [`storage`], [`compressed`], [`reading`], [`short`], [`revisions`], [`engine`], [`mod@search`] and [`command`];
//! [`sets`] makes what they run over.
//!
//! Nothing here is a test: no run fails because it was slow.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error is that of the step named in its message"
)]

pub mod command;
pub mod compressed;
pub mod crews;
pub mod engine;
pub mod query;
pub mod reading;
pub mod report;
pub mod revisions;
pub mod search;
pub mod sets;
pub mod short;
pub mod stopwatch;
pub mod storage;
pub mod sweeps;
pub mod versions;
