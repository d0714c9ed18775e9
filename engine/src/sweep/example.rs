//! A strategy at some point of a space: for its name and parameters, and to refuse a wrong space before any work.

use super::Factory;
use crate::Error;
use crate::params::Params;
use crate::search::Space;
use crate::strategy::Strategy;

/// Builds the strategy of the first point of a grid that can be run.
pub(super) fn first_strategy(
    factory: &Factory<'_>,
    space: &Space,
) -> Result<Box<dyn Strategy + Send>, Error> {
    let mut broken = None;
    for index in 0..space.len() {
        let params = space.point(index);
        if !space.admits(&params) {
            continue;
        }
        match factory(&params) {
            Err(error @ Error::Constraint { .. }) => broken = broken.or(Some(error)),
            other => return other,
        }
    }
    let source = broken.unwrap_or(Error::NoAdmissiblePoint { tries: space.len() });
    Err(Error::NothingToRun { points: space.len(), source: Box::new(source) })
}

/// Returns name and all parameters of the strategy at some point that can be built.
pub(super) fn search_example(
    factory: &Factory<'_>,
    space: &Space,
) -> Result<(String, Params), Error> {
    let mut broken = None;
    for draw in 0..EXAMPLES_MAX {
        let mut stream = crate::stream::Stream::new(0, [draw, 5]);
        let cube: Vec<f64> = space.dims().iter().map(|_| stream.uniform()).collect();
        let params = space.at(&cube);
        if !space.admits(&params) {
            continue;
        }
        match factory(&params) {
            Ok(strategy) => return Ok((strategy.name().to_owned(), strategy.params())),
            Err(error @ Error::Constraint { .. }) => broken = Some(error),
            Err(error) => return Err(error),
        }
    }
    let source = broken.unwrap_or(Error::NoAdmissiblePoint { tries: EXAMPLES_MAX });
    Err(Error::NothingToRun { points: EXAMPLES_MAX, source: Box::new(source) })
}

const EXAMPLES_MAX: u64 = 10_000;
