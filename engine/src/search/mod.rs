//! Spaces, and searches over them.
//!
//! A [`Search`] is asked for trials and told how they ended; whoever runs them, on threads, in
//! processes or elsewhere, stands outside.

mod ask;
mod axis;
mod axis_text;
mod constraint;
mod draws;
mod goals;
mod numbering;
mod plan;
mod scale;
mod sequence;
mod space;
mod space_toml;

pub use ask::{Ask, Next, Note, Origin, Outcome, Remark, Search};
pub use axis::{Axis, Condition, Domain, Order, Scale};
pub use constraint::Constraint;
pub use goals::{Goals, Limit, Side};
pub use plan::{Method, SearchPlan};
pub use sequence::Sequence;
pub use space::{Dim, Space};
