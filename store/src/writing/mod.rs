//! Writing: from bars that are new to a version that is published.

pub(crate) mod base;
pub(crate) mod batch;
pub(crate) mod batches;
pub(crate) mod compact;
pub(crate) mod draft;
pub(crate) mod draft_calendar;
pub(crate) mod draft_series;
pub(crate) mod entries;
pub(crate) mod installation;
pub(crate) mod pack;
pub(crate) mod placed;
pub(crate) mod publish;
pub(crate) mod raw_copy;
pub(crate) mod republish;
pub(crate) mod revision;
pub(crate) mod revision_problem;
pub(crate) mod sink;
pub(crate) mod tails;
pub(crate) mod tiers;
