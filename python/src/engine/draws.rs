//! [`imagine`] and [`permuted`]: a run, a search or folds again over markets that might have been.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use barrow_engine::validation::NoiseSpread;
use barrow_engine::{Backtest, Error, Objective, Params, Performance as Run, Progress, Workers};
use barrow_store::{Lease, SeriesCache};
use barrow_tools::draws::Draws;
use barrow_tools::market::{self, Imagined, Market};
use barrow_tools::permutation::{Permutation, PermutationTest};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::again::{Again, Cut};
use super::arrays::figures;
use super::maker::Maker;
use super::performance::Performance;
use super::plan::Plan;
use super::settings::{Settings, params_of};
use super::space::Space;
use super::watch::{Stop, watched};
use crate::bundle::Bundle;
use crate::error::{Failure, Result, raised, whole_text};
use crate::records::Record;

/// How markets are drawn, as Python gives it.
#[derive(FromPyObject)]
pub(crate) struct Asked {
    #[pyo3(item)]
    count: u64,
    #[pyo3(item)]
    seed: u64,
    #[pyo3(item)]
    objective: String,
    /// Threads of built-in strategies; 0: one for each processor.
    #[pyo3(item)]
    workers: usize,
}

/// What is run over each market.
struct Subject<'a> {
    lease: &'a Lease,
    maker: Maker,
    /// What makes the strategy's maker of a bundle, where that depends on the bundle.
    over: Option<Py<PyAny>>,
    params: Params,
    backtest: &'a Backtest,
    objective: Objective,
}

/// Compares a run with the same over other markets: those with noise of a share, or without a share those whose moves are in another
/// order. Returns a record, `NoiseTest` or `PermutationTest`.
#[pyfunction]
#[pyo3(signature = (run, strategy, over, params, settings, draws, *, share=None, show=None))]
#[expect(clippy::too_many_arguments, reason = "they are those of a run and of draws")]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn imagine<'py>(
    py: Python<'py>,
    run: &Performance,
    strategy: &Bound<'py, PyAny>,
    over: Option<Py<PyAny>>,
    params: &Bound<'py, PyDict>,
    settings: &Settings,
    draws: Asked,
    share: Option<f64>,
    show: Option<&Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    if let Some(share) = share.filter(|share| !(share.is_finite() && *share > 0.0)) {
        let text = format!("a share of noise is a number above zero, found {share}");
        return Err(raised(py, "SettingError", &text, &[]).into());
    }
    let (maker, params) = (Maker::of(strategy)?, params_of(params)?);
    let (objective, backtest) = (draws.objective.parse()?, &settings.backtest);
    let subject = Subject { lease: run.lease(), maker, over, params, backtest, objective };
    let real = found(py, "run", objective, subject.value(run.result()))?;
    let Some(share) = share else {
        let test = subject.drawn(py, &draws, show, &|all, stop| {
            let Subject { lease, backtest, objective, .. } = subject;
            let (scope, seed) = (&backtest.scope, draws.seed);
            Permutation { lease, scope, apart: None, objective, real, seed }
                .test(all, &|imagined| subject.run(imagined, stop))
        })?;
        return test_record(py, test);
    };
    let values = subject.drawn(py, &draws, show, &|all, stop| {
        let market = Market::read(subject.lease, &backtest.scope, None)?;
        all.each(&|draw| subject.run(market.noisy(share, draws.seed, draw)?, stop))
    })?;
    let defined: Vec<f64> = values.iter().flatten().copied().collect();
    let NoiseSpread { median, low, same_sign } = NoiseSpread::of(real, &defined)?;
    let record = Record::new(py, "NoiseTest")?
        .with("objective", objective.to_string())?
        .with("real", real)?
        .with("share", share)?
        .with("values", figures(py, values.into_iter())?)?
        .with("median", median)?
        .with("low", low)?
        .with("same_sign", same_sign)?;
    Ok(record.made()?)
}

/// Compares the objective of a search, or with a cut that of folds out of sample, with what the same comes to over markets whose
/// moves are in another order, one after the other. `over` makes the strategy of a market's bundle, and the crew or `None`.
/// Returns a record, `PermutationTest`.
#[pyfunction]
#[pyo3(signature = (bundle, _strategy, space, settings, plan, cut, real, count, seed, over, *, show=None))]
#[expect(clippy::too_many_arguments, reason = "they are those of a search and of draws")]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn permuted<'py>(
    py: Python<'py>,
    bundle: &Bundle,
    _strategy: &Bound<'py, PyAny>,
    space: Bound<'py, Space>,
    settings: &Settings,
    plan: &Plan,
    cut: Option<Cut>,
    real: Option<f64>,
    count: u64,
    seed: u64,
    over: Py<PyAny>,
    show: Option<Py<PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    let objective = plan.first_objective()?;
    let real = compared(py, plan, cut.is_some(), real)?;
    let (lease, scope) = (bundle.lease(), &settings.backtest.scope);
    let again = Again { space: space.unbind(), settings, plan, cut: cut.as_ref() };
    let (cancel, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let draws = Draws { count, at_once: 1, cancel: &cancel, progress: &|_| {} };
    let one = |py: Python<'_>, imagined: Imagined| {
        let value = again.value(py, imagined, over.bind(py))?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // On the thread that Ctrl-C comes to, so that it is not lost where it comes while this is shown.
        if let Some(show) = &show {
            show.call1(py, (done, count, None::<f64>))?;
        }
        Ok::<_, Failure>(value)
    };
    let test = py.detach(|| {
        let apart = again.apart(lease, bundle.cache())?;
        Permutation { lease, scope, apart, objective, real, seed }
            .test(&draws, &|imagined| Ok(Python::attach(|py| one(py, imagined))?))
    });
    test_record(py, test.map_err(|refusal: Refusal| refusal.raised(py))?)
}

/// Returns what the permuted markets of these numbers come to, and the share of ticks whose moves can change places: what
/// [`permuted`] does, for a process that has some of the markets.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are those of a search and of draws")]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn permuted_values<'py>(
    py: Python<'py>,
    bundle: &Bundle,
    _strategy: &Bound<'py, PyAny>,
    space: Bound<'py, Space>,
    settings: &Settings,
    plan: &Plan,
    cut: Option<Cut>,
    seed: u64,
    draws: Vec<u64>,
    over: Bound<'py, PyAny>,
) -> Result<(Vec<Option<f64>>, f64)> {
    let (lease, scope) = (bundle.lease(), &settings.backtest.scope);
    let again = Again { space: space.unbind(), settings, plan, cut: cut.as_ref() };
    let market = py.detach(|| {
        let apart = again.apart(lease, bundle.cache())?;
        Ok(Market::read(lease, scope, apart)?)
    });
    let market = market.map_err(|refusal: Refusal| refusal.raised(py))?;
    let one = |draw: u64| {
        let imagined = py.detach(|| market.permuted(seed, draw));
        let imagined = imagined.map_err(|error| Refusal::from(error).raised(py))?;
        again.value(py, imagined, &over)
    };
    Ok((draws.into_iter().map(one).collect::<Result<_>>()?, market.free()))
}

/// Makes a record, `PermutationTest`, of the values over all markets.
#[pyfunction]
pub(crate) fn permutation_record<'py>(
    py: Python<'py>,
    plan: &Plan,
    real: f64,
    values: Vec<Option<f64>>,
    free: f64,
) -> Result<Bound<'py, PyAny>> {
    test_record(py, PermutationTest::of(plan.first_objective()?, real, values, free))
}

/// Returns the first objective over the true market, of a search or with `folds` out of sample, where there is one.
#[pyfunction]
pub(crate) fn compared(py: Python<'_>, plan: &Plan, folds: bool, real: Option<f64>) -> Result<f64> {
    found(py, if folds { "result" } else { "sweep" }, plan.first_objective()?, real)
}

/// The objective over the true market.
fn found(py: Python<'_>, what: &str, objective: Objective, real: Option<f64>) -> Result<f64> {
    real.ok_or_else(|| {
        let text = format!("the {what} has no `{}` to compare with", objective.metric.name());
        raised(py, "StatisticError", &text, &[]).into()
    })
}

/// Makes a record of a test.
fn test_record(py: Python<'_>, test: PermutationTest) -> Result<Bound<'_, PyAny>> {
    let record = Record::new(py, "PermutationTest")?
        .with("objective", test.objective.to_string())?
        .with("real", test.real)?
        .with("values", figures(py, test.values.into_iter())?)?
        .with("p_value", test.p_value)?
        .with("free", test.free)?;
    Ok(record.made()?)
}

/// Reads a record of a test.
pub(crate) fn test_of(record: &Bound<'_, PyAny>) -> Result<PermutationTest> {
    let objective: Objective = record.getattr("objective")?.extract::<String>()?.parse()?;
    let values: PyReadonlyArray1<'_, f64> = record.getattr("values")?.extract()?;
    let values = values.as_array().iter().map(|v| Some(*v).filter(|v| !v.is_nan())).collect();
    let (real, free) = (record.getattr("real")?.extract()?, record.getattr("free")?.extract()?);
    Ok(PermutationTest::of(objective, real, values, free))
}

impl Subject<'_> {
    fn value(&self, run: &Run) -> Option<f64> {
        self.objective.metric.of(&run.metrics, run.final_equity)
    }

    /// Draws on a thread of its own, shows progress and looks for signals meanwhile.
    fn drawn<T: Send>(
        &self,
        py: Python<'_>,
        asked: &Asked,
        show: Option<&Bound<'_, PyAny>>,
        draw: &(dyn Fn(&Draws<'_>, &Stop) -> std::result::Result<T, Refusal> + Sync),
    ) -> Result<T> {
        // Strategies of Python are run one at a time, as in sweeps: they may share what they like.
        let at_once = match (self.maker.is_scripted(), asked.workers) {
            (true, _) => 1,
            (false, 0) => Workers::available(),
            (false, workers) => workers,
        };
        let (count, total) = (asked.count, asked.count);
        let drawn = watched(py, show, |watch| {
            let progress = |done| watch.show(Progress { done, total, best: None, folds: (0, 1) });
            let cancel = &watch.cancel;
            draw(&Draws { count, at_once, cancel, progress: &progress }, cancel)
        })?;
        drawn.map_err(|refusal| refusal.raised(py))
    }

    fn run(&self, imagined: Imagined, stop: &Stop) -> std::result::Result<Option<f64>, Refusal> {
        let run = |maker: &Maker, lease: &Lease| -> std::result::Result<_, Error> {
            let mut strategy = maker.make(&self.params, lease, Some(stop))?;
            let run = self.backtest.run(lease, strategy.as_mut(), &SeriesCache::default());
            Ok(self.value(&run?))
        };
        if !self.maker.is_scripted() {
            return Ok(run(&self.maker, &imagined.lease)?);
        }
        // Attached once, not at every bar.
        let run = |py: Python<'_>| {
            let Some(over) = &self.over else { return Ok(run(&self.maker, &imagined.lease)?) };
            let lease = imagined.lease.clone();
            let maker = over.bind(py).call1((Bundle::imagined(imagined),))?;
            Ok(run(&Maker::of(&maker)?, &lease)?)
        };
        Python::attach(run).map_err(Refusal::Failure)
    }
}

/// Why a market could not be drawn or run over.
pub(crate) enum Refusal {
    Failure(Failure),
    /// In words.
    Market(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<market::Error> for Refusal {
    fn from(error: market::Error) -> Self {
        match error.downcast_ref::<barrow_store::Error>() {
            Some(error) => Self::Failure(Failure::Store(error.clone())),
            None => Self::Market(whole_text(&*error)),
        }
    }
}

impl Refusal {
    fn raised(self, py: Python<'_>) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Market(text) => raised(py, "StatisticError", &text, &[]).into(),
        }
    }
}
