//! Times: the layouts they are written in, the zones they are written for, nanoseconds UTC.

mod civil;
mod format;
mod reader;
mod zone;

pub use format::{EpochUnit, TimeFormat};

pub(crate) use civil::{Civil, DAY_NS, compact_days};
pub(crate) use format::slashed_parts;
pub(crate) use reader::{Granularity, TimeReader};
pub(crate) use zone::Zone;
