//! Studies: the journals of searches.

use std::path::PathBuf;

use barrow_engine::{Ended, Study};
use barrow_store::Journal;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::performance::metrics_dict;
use super::settings::params_dict;
use crate::error::Result;

/// Reads a study: what it is of, and its trials in the order in which they were asked for.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn read_study(
    py: Python<'_>,
    path: PathBuf,
) -> Result<(Bound<'_, PyDict>, Vec<Bound<'_, PyDict>>)> {
    let read = || Study::open(Journal::existing(&path)?);
    let study = py.detach(read)?;
    let identity = PyDict::new(py);
    for (name, value) in study.identity().map_or(&[][..], |identity| &identity.facts) {
        identity.set_item(name, value)?;
    }
    let mut trials = Vec::new();
    for (ask, end) in study.trials() {
        let trial = PyDict::new(py);
        trial.set_item("id", ask.id)?;
        trial.set_item("params", params_dict(py, &ask.params)?)?;
        trial.set_item("budget", ask.budget)?;
        trial.set_item("bracket", ask.bracket)?;
        trial.set_item("rung", ask.rung)?;
        trial.set_item("resumes", ask.resumes)?;
        let (state, error) = match end {
            Some(Ended::Done(_)) => ("done", None),
            Some(Ended::Failed(error)) => ("failed", Some(error.as_str())),
            Some(Ended::Skipped) => ("skipped", None),
            None => ("open", None),
        };
        trial.set_item("state", state)?;
        trial.set_item("error", error)?;
        let metrics = match end {
            Some(Ended::Done(done)) => Some(metrics_dict(py, &done.metrics, done.final_equity)?),
            _ => None,
        };
        trial.set_item("metrics", metrics)?;
        trials.push(trial);
    }
    Ok((identity, trials))
}
