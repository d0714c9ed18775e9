//! [`Plan`]: how a space is searched.

use barrow_engine::search::{Limit, Method};
use barrow_engine::{Error, Objective, Terms};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::runner::terms_of;
use crate::error::{Result, raised};
use crate::words::several;

/// Method, seed, ends, objectives and limits of a search.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) method: Method,
    pub(crate) seed: u64,
    pub(crate) trials: Option<u64>,
    pub(crate) cost: Option<f64>,
    pub(crate) round: Option<usize>,
    pub(crate) objectives: Vec<Objective>,
    pub(crate) limits: Vec<Limit>,
    /// Threads; 0 is one a core.
    pub(crate) workers: usize,
    pub(crate) terms: Terms,
    /// The texts that it was made of, and is pickled as.
    given: Given,
}

/// Search, objectives and limits as they were written, the most seconds of a trial, and the part.
#[derive(Debug, Clone)]
struct Given {
    search: String,
    objectives: Vec<String>,
    limits: Vec<String>,
    time_limit: Option<f64>,
    part: String,
}

impl Plan {
    /// The first objective.
    pub(crate) fn first_objective(&self) -> std::result::Result<Objective, Error> {
        self.objectives.first().copied().ok_or(Error::NoObjective)
    }

    /// Tells whether every point of a grid is run, by the shortest way.
    pub(crate) fn is_plain_grid(&self) -> bool {
        let open = self.trials.is_none() && self.cost.is_none() && self.round.is_none();
        let plain =
            self.limits.is_empty() && self.terms.time_max.is_none() && self.objectives.len() == 1;
        self.method == Method::Grid && open && plain
    }
}

#[pymethods]
impl Plan {
    #[new]
    #[pyo3(signature = (
        search, objectives, seed=0, trials=None, cost=None, round=None, limits=None, workers=0, time_limit=None,
        part="spread"
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]
    fn new(
        py: Python<'_>,
        search: &str,
        objectives: Vec<String>,
        seed: u64,
        trials: Option<u64>,
        cost: Option<f64>,
        round: Option<usize>,
        limits: Option<&Bound<'_, PyAny>>,
        workers: usize,
        time_limit: Option<f64>,
        part: &str,
    ) -> Result<Self> {
        let method: Method = match search.strip_prefix("genetic") {
            Some(settings) => format!("nsga2{settings}").parse()?,
            None => search.parse()?,
        };
        if trials.is_none() && cost.is_none() && method != Method::Grid {
            let name = method.name();
            let text = format!(
                "`{name}` does not end by itself: say how far it shall go, `trials=200`, or `cost=50` in whole runs"
            );
            return Err(raised(py, "SettingError", &text, &[]).into());
        }
        let limits = limits.map_or_else(|| Ok(Vec::new()), several)?;
        let (search, part) = (search.to_owned(), part.to_owned());
        let given = Given { search, objectives, limits, time_limit, part };
        let (objectives, limits) = (objectives_of(&given.objectives)?, limits_of(&given.limits)?);
        let terms = terms_of(seed, time_limit, &given.part)?;
        Ok(Self { method, seed, trials, cost, round, objectives, limits, workers, terms, given })
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.seed
    }

    #[getter]
    fn workers(&self) -> usize {
        self.workers
    }

    /// The first objective, as it was written.
    #[getter]
    fn objective(&self) -> &str {
        // There is one: without any, none is made.
        self.given.objectives.first().map_or("", String::as_str)
    }

    #[getter]
    fn time_limit(&self) -> Option<f64> {
        self.given.time_limit
    }

    #[getter]
    fn part(&self) -> &str {
        &self.given.part
    }

    /// With which arguments a pickle makes it again.
    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let given = &self.given;
        let more = PyDict::new(py);
        more.set_item("seed", self.seed)?;
        more.set_item("trials", self.trials)?;
        more.set_item("cost", self.cost)?;
        more.set_item("round", self.round)?;
        more.set_item("limits", &given.limits)?;
        more.set_item("workers", self.workers)?;
        more.set_item("time_limit", given.time_limit)?;
        more.set_item("part", &given.part)?;
        Ok(((&given.search, &given.objectives).into_pyobject(py)?, more))
    }
}

/// Reads objectives.
fn objectives_of(texts: &[String]) -> std::result::Result<Vec<Objective>, Error> {
    if texts.is_empty() {
        return Err(Error::NoObjective);
    }
    texts.iter().map(|text| text.parse()).collect()
}

/// Reads limits.
fn limits_of(texts: &[String]) -> std::result::Result<Vec<Limit>, Error> {
    texts.iter().map(|text| text.parse()).collect()
}
