//! [`imagine`]: a run again over markets that might have been.

use std::error::Error as StdError;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use barrow_engine::validation::{NoiseSpread, permutation_p_value};
use barrow_engine::{
    Backtest, Direction, Error, Objective, Params, Performance as Run, Progress, Workers,
};
use barrow_store::{Lease, SeriesCache};
use barrow_tools::market::{Imagined, Market};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arrays::figures;
use super::maker::Maker;
use super::performance::Performance;
use super::settings::{Settings, params_of};
use super::watch::{Watch, watched};
use crate::bundle::Bundle;
use crate::error::{Failure, Result, raised, whole_text};
use crate::opening::Place;
use crate::records::Record;

/// How markets are drawn, as Python gives it.
#[derive(FromPyObject)]
pub(crate) struct Draws {
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
    draws: Draws,
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
    let real = subject.real(py, run.result())?;
    let drawn = watched(py, show, |watch| {
        let market = subject.market()?;
        let draw = |draw| match share {
            None => market.permuted(draws.seed, draw),
            Some(share) => market.noisy(share, draws.seed, draw),
        };
        let values = subject.each(&draws, watch, &|number| draw(number).map_err(Refusal::of))?;
        Ok::<_, Refusal>((values, market.free()))
    })?;
    let (values, free) = drawn.map_err(|refusal| refusal.raised(py))?;
    let record = match share {
        None => {
            let p_value = subject.p_value(real, &values);
            Record::new(py, "PermutationTest")?.with("p_value", p_value)?.with("free", free)?
        }
        Some(share) => {
            let defined: Vec<f64> = values.iter().flatten().copied().collect();
            let NoiseSpread { median, low, same_sign } = NoiseSpread::of(real, &defined)?;
            Record::new(py, "NoiseTest")?
                .with("share", share)?
                .with("median", median)?
                .with("low", low)?
                .with("same_sign", same_sign)?
        }
    };
    let record = record
        .with("objective", subject.objective.to_string())?
        .with("real", real)?
        .with("values", figures(py, values.into_iter())?)?;
    Ok(record.made()?)
}

impl<'a> Subject<'a> {
    fn value(&self, run: &Run) -> Option<f64> {
        self.objective.metric.of(&run.metrics, run.final_equity)
    }

    /// The objective over the true market.
    fn real(&self, py: Python<'_>, run: &Run) -> Result<f64> {
        self.value(run).ok_or_else(|| {
            let text = format!("the run has no `{}` to compare with", self.objective.metric.name());
            raised(py, "StatisticError", &text, &[]).into()
        })
    }

    /// The chance of a value as good as the true one; one that is undefined is not as good.
    fn p_value(&self, real: f64, values: &[Option<f64>]) -> f64 {
        let sign = if self.objective.direction == Direction::Max { 1.0 } else { -1.0 };
        let oriented = values.iter().map(|value| value.map_or(f64::NEG_INFINITY, |v| v * sign));
        permutation_p_value(real * sign, &oriented.collect::<Vec<_>>())
    }

    fn market(&self) -> std::result::Result<Market<'a>, Refusal> {
        Market::read(self.lease, &self.backtest.scope, None).map_err(Refusal::of)
    }

    /// Runs over each market that `draw` makes of the numbers below the count: the objective, in the order of the numbers.
    fn each(
        &self,
        draws: &Draws,
        watch: &Watch,
        draw: &(dyn Fn(u64) -> std::result::Result<Imagined, Refusal> + Sync),
    ) -> std::result::Result<Vec<Option<f64>>, Refusal> {
        let (next, total, ended) = (AtomicU64::new(0), draws.count, Mutex::new(Vec::new()));
        let ended_now = || ended.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || {
            while !watch.cancel.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    break;
                }
                let outcome = draw(number).and_then(|imagined| self.run(&imagined));
                if outcome.is_err() {
                    next.store(total, Ordering::Relaxed);
                }
                let mut ended = ended_now();
                ended.push((number, outcome));
                let done = u64::try_from(ended.len()).unwrap_or(total);
                watch.show(Progress { done, total, best: None, folds: (0, 1) });
            }
        };
        // Strategies of Python are run one at a time, as in sweeps: they may share what they like.
        let hands = match (self.maker.is_scripted(), draws.workers) {
            (true, _) => 1,
            (false, 0) => Workers::available(),
            (false, workers) => workers,
        };
        std::thread::scope(|scope| {
            for _ in 1..hands {
                scope.spawn(work);
            }
            work();
        });
        let mut outcomes = std::mem::take(&mut *ended_now());
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn run(&self, imagined: &Imagined) -> std::result::Result<Option<f64>, Refusal> {
        let lease = &imagined.lease;
        let run = |maker: &Maker| -> std::result::Result<_, Error> {
            let mut strategy = maker.make(&self.params, lease)?;
            let run = self.backtest.run(lease, strategy.as_mut(), &SeriesCache::default());
            Ok(self.value(&run?))
        };
        if !self.maker.is_scripted() {
            return Ok(run(&self.maker)?);
        }
        // Attached once, not at every bar.
        let run = |py: Python<'_>| {
            let Some(over) = &self.over else { return Ok(run(&self.maker)?) };
            let name = imagined.path().to_string_lossy().into_owned();
            let bundle = Bundle::new(lease.clone(), Place { name, root: None, is_file: true });
            Ok(run(&Maker::of(&over.bind(py).call1((bundle,))?)?)?)
        };
        Python::attach(run).map_err(Refusal::Failure)
    }
}

/// Why a market could not be drawn or run over.
enum Refusal {
    Failure(Failure),
    /// In words.
    Market(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failure(error.into())
    }
}

impl Refusal {
    fn of(error: impl Deref<Target = dyn StdError + Send + Sync>) -> Self {
        match error.downcast_ref::<barrow_store::Error>() {
            Some(error) => Self::Failure(Failure::Store(error.clone())),
            None => Self::Market(whole_text(&*error)),
        }
    }

    fn raised(self, py: Python<'_>) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Market(text) => raised(py, "StatisticError", &text, &[]).into(),
        }
    }
}
