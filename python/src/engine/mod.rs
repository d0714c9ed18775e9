//! Backtests, sweeps, walk-forward and validation.

mod arrays;
mod axes;
mod context;
mod crew;
mod error;
mod maker;
mod memory;
mod performance;
mod plan;
mod runner;
mod running;
mod scripted;
mod settings;
mod setup;
mod space;
mod study;
mod sweep;
pub(crate) mod validation;
mod walk;
mod watch;
mod weights;

pub(crate) use axes::space_axes;
pub(crate) use context::Context;
pub(crate) use crew::{ask_of, failed_end, figures_of};
pub(crate) use memory::Memory;
pub(crate) use performance::Performance;
pub(crate) use plan::Plan;
pub(crate) use runner::TrialRunner;
pub(crate) use running::run;
pub(crate) use settings::Settings;
pub(crate) use setup::{Series, Setup, Signal};
pub(crate) use space::Space;
pub(crate) use study::read_study;
pub(crate) use sweep::{SweepReport, search};
pub(crate) use walk::{WalkForwardReport, walk_forward};
pub(crate) use weights::Weights;
