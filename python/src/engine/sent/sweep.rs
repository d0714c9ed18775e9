//! A sweep's report as parts, and made of them again.

use barrow_engine::{CacheUse, Failure, Partial, SearchSummary, TimeStyle, wire};
use barrow_format::Stamp;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{FORM, asked, ended, framed, points, read_trials, whole};
use crate::bundle::Bundle;
use crate::engine::maker::Maker;
use crate::engine::plan::Plan;
use crate::engine::searched::Searched;
use crate::engine::settings::Settings;
use crate::engine::space::Space;
use crate::engine::sweep::SweepReport;
use crate::error::Result;

/// What a report has that does not follow from what was searched.
#[derive(FromPyObject, IntoPyObject)]
pub(super) struct Found {
    #[pyo3(item)]
    form: u32,
    #[pyo3(item)]
    strategy: String,
    /// An ask of the fixed parameters.
    #[pyo3(item)]
    fixed: Vec<u8>,
    #[pyo3(item)]
    period: (i64, i64),
    #[pyo3(item)]
    bars: (usize, u64),
    /// A frame for each.
    #[pyo3(item)]
    trials: Vec<u8>,
    #[pyo3(item)]
    best: Option<usize>,
    #[pyo3(item)]
    failed: Vec<(u64, String)>,
    #[pyo3(item)]
    counts: (u64, u64),
    #[pyo3(item)]
    elapsed_seconds: f64,
    #[pyo3(item)]
    workers: usize,
    #[pyo3(item)]
    cache: (u64, u64, u64, usize, usize, usize),
    #[pyo3(item)]
    search: Option<Summary>,
}

/// Id, budget, bracket, rung, continued trial and objective of a trial of a part.
type Part = (u64, f64, u32, u32, Option<u64>, Option<f64>);

/// What a search did.
#[derive(FromPyObject, IntoPyObject)]
struct Summary {
    #[pyo3(item)]
    method: String,
    #[pyo3(item)]
    counts: (u64, u64, u64),
    #[pyo3(item)]
    partial: Vec<Part>,
    /// A frame with the ask of each.
    #[pyo3(item)]
    points: Vec<u8>,
    #[pyo3(item)]
    rungs: Vec<(u32, u32, Option<u64>)>,
    #[pyo3(item)]
    best_violation: Option<f64>,
    #[pyo3(item)]
    notes: Vec<String>,
}

impl Found {
    /// Takes a report apart.
    fn of(report: &barrow_engine::SweepReport) -> std::io::Result<Self> {
        let use_ = &report.cache;
        let cache = (use_.hits, use_.misses, use_.evictions);
        Ok(Self {
            form: FORM,
            strategy: report.strategy.clone(),
            fixed: asked(0, &report.fixed),
            period: (report.start, report.end),
            bars: (report.bars, report.asset_bars),
            trials: framed(report.trials.iter().map(ended))?,
            best: report.best,
            failed: report.failed.iter().map(|one| (one.index, one.error.clone())).collect(),
            counts: (report.skipped, report.not_run),
            elapsed_seconds: report.elapsed_seconds,
            workers: report.workers,
            cache: (cache.0, cache.1, cache.2, use_.entries, use_.bytes, use_.budget_bytes),
            search: report.search.as_ref().map(Summary::of).transpose()?,
        })
    }
}

impl Summary {
    fn of(search: &SearchSummary) -> std::io::Result<Self> {
        let partial = search.partial.iter().map(|one| {
            let Partial { id, budget, bracket, rung, resumes, value } = *one;
            (id, budget, bracket, rung, resumes, value)
        });
        Ok(Self {
            method: search.method.clone(),
            counts: (search.seed, search.asked, search.resumed),
            partial: partial.collect(),
            points: framed(search.points.iter().map(|(id, params)| asked(*id, params)))?,
            rungs: search.rungs.clone(),
            best_violation: search.best_violation,
            notes: search.notes.clone(),
        })
    }

    fn joined(self) -> Option<SearchSummary> {
        let (seed, asked, resumed) = self.counts;
        let partial =
            self.partial.into_iter().map(|(id, budget, bracket, rung, resumes, value)| Partial {
                id,
                budget,
                bracket,
                rung,
                resumes,
                value,
            });
        Some(SearchSummary {
            method: self.method,
            seed,
            asked,
            resumed,
            partial: partial.collect(),
            points: points(&self.points)?,
            rungs: self.rungs,
            limits: Vec::new(),
            best_violation: self.best_violation,
            notes: self.notes,
        })
    }
}

#[pymethods]
impl SweepReport {
    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let searched = &self.searched;
        let parts = (
            searched.bundle.clone_ref(py),
            searched.maker.given(py)?,
            searched.given_space.clone_ref(py),
            Settings { backtest: searched.backtest.clone() },
            searched.plan.clone(),
            searched.code.clone(),
            Found::of(&self.report).map_err(PyErr::from)?,
        );
        let again = py.import("barrow._barrow")?.getattr("found_sweep")?;
        Ok((again, parts.into_pyobject(py)?))
    }
}

/// Makes a report of what was searched and what was found.
#[pyfunction]
#[pyo3(signature = (bundle, strategy, space, settings, plan, code, found))]
pub(crate) fn found_sweep(
    bundle: &Bound<'_, Bundle>,
    strategy: &Bound<'_, PyAny>,
    space: &Bound<'_, Space>,
    settings: &Settings,
    plan: &Plan,
    code: Option<String>,
    found: &Bound<'_, PyAny>,
) -> Result<SweepReport> {
    let searched = Searched::of(bundle, Maker::of(strategy)?, space, settings, plan, code);
    let report = whole(found, |found| joined(&searched, found))?;
    Ok(SweepReport { report, searched })
}

fn joined(searched: &Searched, found: Found) -> Option<barrow_engine::SweepReport> {
    let (lease, backtest) = (&searched.lease, &searched.backtest);
    let trials = read_trials(&found.trials)?;
    let best = found.best.filter(|place| *place < trials.len());
    let (hits, misses, evictions, entries, bytes, budget_bytes) = found.cache;
    let search = match found.search {
        Some(search) => {
            Some(SearchSummary { limits: searched.plan.limits.clone(), ..search.joined()? })
        }
        None => None,
    };
    let failed = found.failed.into_iter().map(|(index, error)| Failure { index, error });
    Some(barrow_engine::SweepReport {
        bundle: lease.name().to_owned(),
        version: lease.version(),
        strategy: found.strategy,
        space: barrow_engine::Space::clone(&searched.space),
        fixed: wire::read_ask(&found.fixed)?.params,
        objective: *searched.plan.objectives.first()?,
        cash: backtest.cash,
        commission: backtest.commission,
        slippage: backtest.slippage,
        seed: backtest.seed,
        start: found.period.0,
        end: found.period.1,
        bars: found.bars.0,
        asset_bars: found.bars.1,
        trials,
        best,
        failed: failed.collect(),
        skipped: found.counts.0,
        not_run: found.counts.1,
        elapsed_seconds: found.elapsed_seconds,
        workers: found.workers,
        cache: CacheUse { hits, misses, evictions, entries, bytes, budget_bytes },
        time_style: match lease.schema().stamp() {
            Stamp::Session => TimeStyle::Session,
            _ => TimeStyle::Instant,
        },
        search,
    })
}
