//! Spaces, and searches over them.
//!
//! A [`Search`] is asked for trials and told how they ended; whoever runs them, on threads, in
//! processes or elsewhere, stands outside.
//!
//! ```
//! use std::sync::Arc;
//! use barrow_engine::search::{Goals, Next, Outcome, SearchPlan};
//! use barrow_engine::{Direction, Space};
//!
//! let space = Space::parse(["x=real(-1..1)", "n=int(1..9)"])?.with_constraints(["x * n < 5"])?;
//! let mut plan = SearchPlan::new("bohb:min=1/9".parse()?, 1, Goals::one(Direction::Min));
//! plan.cost_max = Some(20.0);
//! let mut search = plan.start(Arc::new(space))?;
//! while let Next::Run(ask) = search.ask()? {
//!     let x = ask.params.get("x").and_then(|x| x.as_f64()).unwrap_or(0.0);
//!     search.tell(ask.id, &Outcome::Done { values: vec![x * x + ask.budget], violation: 0.0 })?;
//! }
//! # Ok::<(), barrow_engine::Error>(())
//! ```

mod asha;
mod ask;
mod axis;
mod axis_text;
mod bracketed;
mod brackets;
mod cholesky;
mod cma;
mod constraint;
mod draws;
mod eigen;
mod forest;
mod gaussian;
mod genetic;
mod goals;
mod gp;
mod guard;
pub(crate) mod history;
mod importance;
mod improvement;
mod kde;
mod ledger;
mod method;
mod method_text;
mod model;
mod numbering;
mod pareto;
mod parzen;
mod plan;
mod plateau;
mod prune;
mod rank;
mod scale;
mod sequence;
mod space;
mod space_toml;
mod text;
mod tpe;
mod warp;

pub use ask::{Ask, Next, Note, Origin, Outcome, Remark, Search};
pub use axis::{Axis, Condition, Domain, Order, Scale};
pub use brackets::{Allocation, BracketPlan, brackets, budgets};
pub use cma::CmaSettings;
pub use constraint::Constraint;
pub use genetic::GeneticSettings;
pub use goals::{Goals, Limit, Side};
pub use gp::GpSettings;
pub use history::{
    Improvement, RungCorrelation, RungRow, convergence, rung_correlations, rung_table,
};
pub use importance::{Importance, importance};
pub use method::{Budgets, Guarding, Method};
pub use model::ModelSettings;
pub use pareto::{hypervolume, pareto_front};
pub use plan::SearchPlan;
pub use plateau::{Plateau, Slope, Surface, plateau, surface};
pub use prune::{Pruner, Pruning, Verdict};
pub use rank::spearman;
pub use sequence::Sequence;
pub use space::{Dim, Space};
pub use tpe::{GoodShare, TpeSettings};
