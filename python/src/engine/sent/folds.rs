//! The report of a walk-forward or a cross-validation as parts, and made of them again.
//!
//! Nothing of it needs the bundle or the strategy.

use barrow_engine::validation::{Split, Stability};
use barrow_engine::{FoldReport, FoldsReport, PathReport, TimeStyle, Trial};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{FORM, asked, ended, framed, points, read_trials, whole};
use crate::engine::cross::{self, CrossValidationReport};
use crate::engine::space::Space;
use crate::engine::walk::{self, WalkForwardReport};
use crate::error::Result;

/// First place and the one behind the last.
type Span = (usize, usize);

/// Test groups, their spans, those of what was fitted and chosen on, and the path of each group.
type Places = (Vec<usize>, Vec<Span>, Vec<Span>, Vec<Span>, Vec<usize>);

/// First and last time of what was fitted on, chosen on and judged.
type Periods = ((i64, i64), Option<(i64, i64)>, (i64, i64));

/// All that a report has but how its bars were cut.
#[derive(FromPyObject, IntoPyObject)]
struct Found {
    #[pyo3(item)]
    form: u32,
    /// Name and version of the bundle, the strategy, the method and the objective.
    #[pyo3(item)]
    texts: (String, String, String, String, String),
    #[pyo3(item)]
    space: Py<Space>,
    #[pyo3(item)]
    seed: u64,
    #[pyo3(item)]
    cash: f64,
    #[pyo3(item)]
    splits: Vec<Places>,
    #[pyo3(item)]
    periods: Vec<Periods>,
    /// A frame with the ask of what each fold chose.
    #[pyo3(item)]
    chosen: Vec<u8>,
    /// Frames of each fold's choice where it was fitted, judged and, if that is apart, chosen.
    #[pyo3(item)]
    figures: Vec<u8>,
    /// Of each fold the rank correlation, its trials, and those that failed.
    #[pyo3(item)]
    counts: Vec<(Option<f64>, u64, u64)>,
    #[pyo3(item)]
    folds_len: usize,
    /// Nanoseconds since 1970, eight bytes each.
    #[pyo3(item)]
    times: Vec<u8>,
    /// Of each path the folds and the equity, eight bytes each.
    #[pyo3(item)]
    paths: Vec<(Vec<usize>, Vec<u8>)>,
    /// A frame with the figures of each path.
    #[pyo3(item)]
    path_figures: Vec<u8>,
    #[pyo3(item)]
    stability: Option<(Option<f64>, f64, Vec<f64>)>,
    #[pyo3(item)]
    trials: u64,
    /// Whether times are written as dates.
    #[pyo3(item)]
    sessions: bool,
    #[pyo3(item)]
    workers: usize,
    #[pyo3(item)]
    elapsed_seconds: f64,
}

impl Found {
    /// Takes a report apart.
    fn of<C>(report: &FoldsReport<C>, space: Py<Space>) -> std::io::Result<Self> {
        let folds = &report.folds;
        let figures = folds.iter().flat_map(|fold| {
            [Some(&fold.on_train), Some(&fold.on_test), fold.on_validate.as_ref()]
                .into_iter()
                .flatten()
        });
        let path_trial = |(index, path): (u64, &PathReport)| {
            let metrics = path.metrics;
            ended(&Trial { index, metrics, final_equity: 0.0, final_cash: 0.0 })
        };
        let path = |path: &PathReport| {
            let equity = path.equity.iter().flat_map(|value| value.to_le_bytes()).collect();
            (path.folds.clone(), equity)
        };
        let stability = report.stability.as_ref();
        Ok(Self {
            form: FORM,
            texts: (
                report.bundle.clone(),
                report.version.to_string(),
                report.strategy.clone(),
                report.method.clone(),
                report.objective.to_string(),
            ),
            space,
            seed: report.search_seed,
            cash: report.cash,
            splits: folds.iter().map(|fold| places(&fold.split)).collect(),
            periods: folds.iter().map(|fold| (fold.train, fold.validate, fold.test)).collect(),
            chosen: framed((0..).zip(folds).map(|(at, fold)| asked(at, &fold.chosen)))?,
            figures: framed(figures.map(ended))?,
            counts: folds.iter().map(|it| (it.rank_correlation, it.trials, it.failed)).collect(),
            folds_len: report.folds_len,
            times: report.times.iter().flat_map(|time| time.to_le_bytes()).collect(),
            paths: report.paths.iter().map(path).collect(),
            path_figures: framed((0..).zip(&report.paths).map(path_trial))?,
            stability: stability.map(|it| (it.efficiency, it.profitable, it.drift.clone())),
            trials: report.trials,
            sessions: matches!(report.time_style, TimeStyle::Session),
            workers: report.workers,
            elapsed_seconds: report.elapsed_seconds,
        })
    }

    /// Makes the report again, and what was searched; `None` where parts do not fit together.
    fn joined<C>(self, cut: C) -> Option<(FoldsReport<C>, Py<Space>)> {
        let folds = self.folds()?;
        let times = eights(&self.times, i64::from_le_bytes)?;
        let figures = read_trials(&self.path_figures)?;
        if figures.len() != self.paths.len() {
            return None;
        }
        let path = |((folds, equity), trial): ((Vec<usize>, Vec<u8>), Trial)| {
            let equity = eights(&equity, f64::from_le_bytes)?;
            let fits = equity.len() == times.len();
            fits.then_some(PathReport { folds, metrics: trial.metrics, equity })
        };
        let paths: Option<Vec<_>> = self.paths.into_iter().zip(figures).map(path).collect();
        let (bundle, version, strategy, method, objective) = self.texts;
        let stable = |(efficiency, profitable, drift)| Stability { efficiency, profitable, drift };
        let report = FoldsReport {
            bundle,
            version: version.parse().ok()?,
            strategy,
            space: barrow_engine::Space::clone(&self.space.get().space),
            method,
            objective: objective.parse().ok()?,
            search_seed: self.seed,
            cash: self.cash,
            cut,
            folds,
            folds_len: self.folds_len,
            times,
            paths: paths?,
            stability: self.stability.map(stable),
            trials: self.trials,
            time_style: if self.sessions { TimeStyle::Session } else { TimeStyle::Instant },
            workers: self.workers,
            elapsed_seconds: self.elapsed_seconds,
        };
        Some((report, self.space))
    }

    fn folds(&self) -> Option<Vec<FoldReport>> {
        let chosen = points(&self.chosen)?;
        let len = self.splits.len();
        if [self.periods.len(), chosen.len(), self.counts.len()] != [len; 3] {
            return None;
        }
        let mut figures = read_trials(&self.figures)?.into_iter();
        let parts = self.splits.iter().zip(&self.periods).zip(chosen).zip(&self.counts);
        let fold = |(((split, periods), (_, chosen)), counts): (((&Places, &Periods), _), &_)| {
            let ((train, validate, test), (rank_correlation, trials, failed)) = (*periods, *counts);
            let (on_train, on_test) = (figures.next()?, figures.next()?);
            let on_validate = match validate {
                Some(_) => Some(figures.next()?),
                None => None,
            };
            Some(FoldReport {
                split: split_of(split),
                train,
                validate,
                test,
                chosen,
                on_train,
                on_validate,
                on_test,
                rank_correlation,
                trials,
                failed,
            })
        };
        parts.map(fold).collect()
    }
}

#[pymethods]
impl WalkForwardReport {
    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let found = Found::of(&self.report, self.space.clone_ref(py)).map_err(PyErr::from)?;
        let again = py.import("barrow._barrow")?.getattr("found_walk_forward")?;
        Ok((again, (self.cut.clone(), found).into_pyobject(py)?))
    }
}

/// Makes a report of how the bars were cut and of what was found.
#[pyfunction]
pub(crate) fn found_walk_forward(
    cut: walk::Cut,
    found: &Bound<'_, PyAny>,
) -> Result<WalkForwardReport> {
    let windows = cut.windows()?;
    let (report, space) = whole(found, |found: Found| found.joined(windows))?;
    Ok(WalkForwardReport { report, space, cut })
}

#[pymethods]
impl CrossValidationReport {
    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let found = Found::of(&self.report, self.space.clone_ref(py)).map_err(PyErr::from)?;
        let again = py.import("barrow._barrow")?.getattr("found_cross_validation")?;
        Ok((again, (cross::cut_of(self.report.cut), found).into_pyobject(py)?))
    }
}

/// Makes a report of how the bars were cut and of what was found.
#[pyfunction]
pub(crate) fn found_cross_validation(
    cut: cross::Cut,
    found: &Bound<'_, PyAny>,
) -> Result<CrossValidationReport> {
    let (report, space) = whole(found, |found: Found| found.joined(cross::purged(cut)))?;
    Ok(CrossValidationReport { report, space })
}

fn places(split: &Split) -> Places {
    let spans = |ranges: &[std::ops::Range<usize>]| -> Vec<Span> {
        ranges.iter().map(|range| (range.start, range.end)).collect()
    };
    let (test, train, validate) = (spans(&split.test), spans(&split.train), spans(&split.validate));
    (split.test_groups.clone(), test, train, validate, split.paths.clone())
}

fn split_of((test_groups, test, train, validate, paths): &Places) -> Split {
    let ranges = |spans: &[Span]| spans.iter().map(|(start, end)| *start..*end).collect();
    Split {
        test_groups: test_groups.clone(),
        test: ranges(test),
        train: ranges(train),
        validate: ranges(validate),
        paths: paths.clone(),
    }
}

/// Reads values of eight bytes; `None` where bytes are left over.
fn eights<T>(bytes: &[u8], read: fn([u8; 8]) -> T) -> Option<Vec<T>> {
    let (values, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| values.iter().map(|value| read(*value)).collect())
}
