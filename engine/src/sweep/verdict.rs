//! Whether the best trial of a sweep is more than the luckiest.

use super::report::SweepReport;
use super::{Factory, Trial};
use crate::Error;
use crate::backtest::Backtest;
use crate::metrics::Metrics;
use crate::portal::Portal;
use crate::validation::{
    Moments, ReturnMatrix, Studentise, Superiority, block_length, deflated_sharpe, haircut,
    overfitting_probability,
};
use crate::workers::Workers;

/// Overfitting statistics of a sweep: see [`crate::validation`] for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Trials that were tried, those that failed included.
    pub trials: u64,
    /// Trials whose returns were looked at.
    pub sampled: usize,
    /// How many independent ones those amount to.
    pub effective_trials: f64,
    /// Moments of the best trial's returns.
    pub best: Moments,
    /// Probability that its Sharpe ratio is above zero.
    pub probabilistic: f64,
    /// The same after as many trials as there were; `None` when their ratios do not vary.
    pub deflated: Option<f64>,
    /// The same after the effective number of trials.
    pub deflated_effective: Option<f64>,
    /// Returns until its ratio is above zero with 95 % confidence.
    pub min_track_record: Option<f64>,
    /// Adjusted p-value of the best (Holm), among the trials.
    pub holm: f64,
    /// Probability of backtest overfitting; `None` for too few bars.
    pub overfitting: Option<f64>,
    /// Blocks that history was cut into for it.
    pub blocks: usize,
    /// White's reality check against holding cash.
    pub reality_check: f64,
    /// Hansen's test against holding cash, consistent form.
    pub superiority: f64,
    /// Resamples of the two tests.
    pub resamples: usize,
}

impl Verdict {
    /// The most trials whose returns are looked at.
    pub const SAMPLED_MAX: usize = 200;

    /// Runs a sample of the trials again, the best among them, and tests their returns. The sample
    /// is spread evenly over the trials in their order.
    ///
    /// # Errors
    /// [`Error::Statistic`] for fewer than two trials with returns that vary, and no best trial.
    pub fn of(
        report: &SweepReport,
        backtest: &Backtest,
        portal: &Portal<'_>,
        factory: &Factory<'_>,
        workers: &Workers,
    ) -> Result<Verdict, Error> {
        let best = report.best.ok_or(Error::NothingToJudge)?;
        let chosen = sample(&report.trials, best);
        let curves = workers.ordered(chosen.len() as u64, |at| {
            let place = usize::try_from(at).unwrap_or(0);
            let params = report.params(&report.trials[chosen[place]]);
            let mut strategy = factory(&params)?;
            let performance = backtest.run_on(portal, strategy.as_mut())?;
            Ok::<Vec<f64>, Error>(returns(&performance.equity))
        });
        let curves = curves.into_iter().collect::<Result<Vec<_>, _>>()?;
        let place = chosen.iter().position(|at| *at == best).unwrap_or(0);
        let moments = Moments::of(&curves[place])?;
        let matrix = ReturnMatrix::from_columns(&curves)?;
        let per_period = portal.bars_per_year().sqrt();
        let ratio = |metrics: &Metrics| metrics.sharpe.map(|annual| annual / per_period);
        let ratios: Vec<f64> = report.trials.iter().filter_map(|t| ratio(&t.metrics)).collect();
        let tried = report.points_len() - report.skipped - report.not_run;
        let trials = crate::validation::number(usize::try_from(tried).unwrap_or(usize::MAX));
        let effective_trials = matrix.effective_trials();
        let variance = variance(&ratios);
        let blocks = [16, 12, 8, 4].into_iter().find(|blocks| matrix.rows() >= blocks * 10);
        let blocks = blocks.filter(|_| matrix.columns() > 1);
        let overfitting = blocks.and_then(|n| overfitting_probability(&matrix, n).ok());
        let block = block_length(&curves[place]).unwrap_or(1.0).max(1.0);
        let tests = Superiority::draw(&matrix, block, RESAMPLES, report.seed)?;
        let adjusted = haircut(&ratios, moments.periods);
        let own = ratio(&report.trials[best].metrics).unwrap_or(moments.sharpe);
        let at = ratios.iter().position(|ratio| *ratio == own).unwrap_or(0);
        Ok(Verdict {
            trials: tried,
            sampled: matrix.columns(),
            effective_trials,
            best: moments,
            probabilistic: moments.probabilistic_sharpe(0.0),
            deflated: deflated_sharpe(&moments, trials, variance).ok(),
            deflated_effective: deflated_sharpe(&moments, effective_trials, variance).ok(),
            min_track_record: moments.min_track_record(0.0, 0.95),
            holm: adjusted.holm.get(at).copied().unwrap_or(1.0),
            overfitting: overfitting.map(|found| found.probability),
            blocks: blocks.unwrap_or(0),
            reality_check: tests.reality_check().p_value,
            superiority: tests.consistent(Studentise::Yes).p_value,
            resamples: RESAMPLES,
        })
    }
}

const RESAMPLES: usize = 500;

fn returns(equity: &[(i64, f64)]) -> Vec<f64> {
    equity.windows(2).map(|pair| pair[1].1 / pair[0].1 - 1.0).collect()
}

/// Places spread evenly, the best included; trials that never traded have no returns to test.
fn sample(trials: &[Trial], best: usize) -> Vec<usize> {
    let traded = |at: &usize| trials[*at].metrics.sharpe.is_some();
    let all: Vec<usize> = (0..trials.len()).filter(traded).collect();
    let step = all.len().div_ceil(Verdict::SAMPLED_MAX).max(1);
    let mut chosen: Vec<usize> = all.into_iter().step_by(step).collect();
    if let Err(at) = chosen.binary_search(&best) {
        chosen.insert(at, best);
    }
    chosen
}

fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let n = crate::validation::number(values.len());
    let centre = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / (n - 1.0)
}
