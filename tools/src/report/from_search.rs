//! What a page shows of how a sweep was searched: convergence, parallel coordinates, rungs, the weight
//! of each parameter, and whether the best is more than luck.

use barrow_engine::{Direction, Params, SweepReport, Trial, Verdict};

use super::drawing::{Dot, Drawing, Span, Stroke};
use super::heat::Ramp;
use super::{CellKind, Head, StudySection, Table, Tile};
use crate::metrics::{name, text};
use crate::numbers::{count, count_len, fixed, float_len, percent};

/// More lines than this are a thicket.
const LINES_MAX: usize = 400;

impl StudySection {
    /// How the space was searched.
    pub fn of_search(report: &SweepReport) -> Self {
        let mut values: Vec<f64> = report.trials.iter().map(|trial| value(report, trial)).collect();
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let ramp = Ramp::over(&values, report.objective.direction == Direction::Min);
        let mut section =
            StudySection { heading: "The search".to_owned(), ..StudySection::default() };
        if let Some(search) = &report.search {
            let notes = [String::new()].into_iter().chain(search.notes.clone());
            let notes = notes.collect::<Vec<_>>().join("; ");
            let (asked, partial) = (count(search.asked), count_len(search.partial.len()));
            section.note = format!(
                "{}, seed {}: {asked} trials, {partial} of them of a part of the period{notes}",
                search.method, search.seed
            );
        }
        if let (Some(span), Some(ramp)) = (Span::over(values.iter().copied()), ramp) {
            section.drawings.push(convergence(report, span, &ramp));
            section.drawings.push(parallel(report, &ramp));
            section.drawings.extend(rungs(report));
            section.tables.push(importance(report));
        }
        section
    }

    /// Whether the best trial is more than the luckiest.
    pub fn of_verdict(verdict: &Verdict, report: &SweepReport) -> Self {
        let tile = |name: &str, value: String, note: String| Tile {
            name: name.to_owned(),
            value,
            note,
            ..Tile::default()
        };
        let optional = |value: Option<f64>| value.map_or("-".to_owned(), percent);
        let trials = count(verdict.trials);
        let periods = verdict.min_track_record.map_or("-".to_owned(), |n| fixed(n.ceil(), 0));
        Self {
            heading: "Is it more than luck?".to_owned(),
            note: format!(
                "Statistics on the returns of {} trials; ratios are per bar. Source of each: the documentation of \
                 the engine's `validation`.",
                count_len(verdict.sampled)
            ),
            tiles: vec![
                tile(
                    "Deflated Sharpe ratio",
                    optional(verdict.deflated),
                    format!("chance of skill after {trials} trials"),
                ),
                tile(
                    "... of independent trials",
                    optional(verdict.deflated_effective),
                    format!("they amount to {}", fixed(verdict.effective_trials, 1)),
                ),
                tile(
                    "Probabilistic Sharpe ratio",
                    percent(verdict.probabilistic),
                    "if it had been the only trial".to_owned(),
                ),
                tile(
                    "Overfitting (PBO)",
                    optional(verdict.overfitting),
                    format!("{} blocks of history", verdict.blocks),
                ),
                tile(
                    "Superior ability",
                    format!("p {}", fixed(verdict.superiority, 3)),
                    "Hansen, against cash".to_owned(),
                ),
                tile(
                    "Reality check",
                    format!("p {}", fixed(verdict.reality_check, 3)),
                    "White, against cash".to_owned(),
                ),
                tile(
                    "Adjusted p-value",
                    fixed(verdict.holm, 3),
                    format!("Holm, {} trials", count_len(report.trials.len())),
                ),
                tile("Shortest track record", periods, "bars to 95 % confidence".to_owned()),
            ],
            ..StudySection::default()
        }
    }
}

fn value(report: &SweepReport, trial: &Trial) -> f64 {
    trial.value(report.objective).unwrap_or(f64::NAN)
}

fn convergence(report: &SweepReport, span: Span, ramp: &Ramp) -> Drawing {
    let metric = report.objective.metric;
    let last = float_len(report.trials.len().saturating_sub(1).max(1));
    let (mut best, mut line, mut dots) = (None, Vec::new(), Vec::new());
    let step = report.trials.len().div_ceil(1500).max(1);
    let order = report.order();
    let kept = if order.limits.is_empty() { "" } else { " that keeps the limits" };
    for (at, trial) in report.trials.iter().enumerate() {
        let x = float_len(at) / last;
        let own = value(report, trial);
        if order.violation(trial) == 0.0 && report.objective.better(Some(own), best) {
            if let Some(before) = best {
                line.push((x, span.share(before)));
            }
            best = Some(own);
            line.push((x, span.share(own)));
        }
        if own.is_finite() && at % step == 0 {
            let tip = format!("{}: {}", report.params(trial), text(metric, Some(own)));
            dots.push(Dot { at: (x, span.share(own)), colour: ramp.colour(own), tip });
        }
    }
    line.extend(best.map(|best| (1.0, span.share(best))));
    let marks = span.marks().into_iter();
    Drawing {
        title: "Convergence".to_owned(),
        note: format!("{} of each whole trial in order, and the best so far{kept}", name(metric)),
        strokes: vec![Stroke { points: line, colour: "var(--ink)".to_owned(), width: 1.5 }],
        dots,
        below: vec![(0.0, "1".to_owned()), (1.0, count_len(report.trials.len()))],
        left: marks.map(|(height, value)| (height, text(metric, Some(value)))).collect(),
        uprights: Vec::new(),
    }
}

/// Where a trial lies on each coordinate of the space, 0 to 1; NaN where a parameter is inactive.
fn coordinates(report: &SweepReport, trial: &Trial) -> Vec<f64> {
    let vector = report.space.encode(&report.params(trial));
    let levels = report.space.dims().iter().map(|dim| dim.levels);
    let share = |(x, levels): (f64, Option<usize>)| match levels {
        Some(levels) => x / float_len(levels.saturating_sub(1).max(1)),
        None => x,
    };
    vector.into_iter().zip(levels).map(share).collect()
}

fn parallel(report: &SweepReport, ramp: &Ramp) -> Drawing {
    let metric = report.objective.metric;
    let dims = report.space.dims();
    let axes = dims.len() + 1;
    let place = |at: usize| float_len(at) / float_len(axes.saturating_sub(1).max(1));
    let mut values: Vec<(f64, &Trial)> =
        report.trials.iter().map(|trial| (value(report, trial), trial)).collect();
    values.retain(|(value, _)| value.is_finite());
    let span = Span::over(values.iter().map(|(value, _)| *value));
    let step = values.len().div_ceil(LINES_MAX).max(1);
    let best = report.best_trial().map(|best| best.index);
    let kept = |(at, (_, trial)): (usize, &(f64, &Trial))| {
        at.is_multiple_of(step) || Some(trial.index) == best
    };
    let mut shown: Vec<(f64, &Trial)> =
        values.iter().enumerate().filter(|it| kept(*it)).map(|(_, it)| *it).collect();
    // The best last, so that nothing lies over it.
    shown.sort_by(|a, b| a.0.total_cmp(&b.0));
    if report.objective.direction == Direction::Min {
        shown.reverse();
    }
    let stroke = |(own, trial): &(f64, &Trial)| {
        let mut points: Vec<(f64, f64)> = coordinates(report, trial)
            .into_iter()
            .enumerate()
            .filter(|(_, y)| !y.is_nan())
            .map(|(at, y)| (place(at), y))
            .collect();
        points.extend(span.map(|span| (1.0, span.share(*own))));
        Stroke { points, colour: ramp.colour(*own), width: 1.0 }
    };
    let mut below: Vec<(f64, String)> = dims
        .iter()
        .enumerate()
        .map(|(at, dim)| (place(at), report.space.axes()[dim.axis].name().to_owned()))
        .collect();
    below.push((1.0, name(metric).to_owned()));
    Drawing {
        title: "Parallel coordinates".to_owned(),
        note: format!(
            "{} trials, yellow best; each axis from its lowest value up",
            count_len(shown.len())
        ),
        strokes: shown.iter().map(stroke).collect(),
        dots: Vec::new(),
        below,
        left: Vec::new(),
        uprights: (0..axes).map(place).collect(),
    }
}

/// The way of each point through the budgets.
fn rungs(report: &SweepReport) -> Option<Drawing> {
    let search = report.search.as_ref().filter(|search| !search.partial.is_empty())?;
    let whole = search.points.iter().zip(&search.rungs).filter_map(|((id, _), rung)| {
        let at = report.trials.binary_search_by_key(id, |trial| trial.index).ok()?;
        Some((*id, rung.1, rung.2, value(report, &report.trials[at])))
    });
    let partial = search.partial.iter();
    let partial = partial.map(|p| (p.id, p.rung, p.resumes, p.value.unwrap_or(f64::NAN)));
    let mut runs: Vec<(u64, u32, Option<u64>, f64)> = partial.chain(whole).collect();
    runs.sort_by_key(|run| run.0);
    let top = runs.iter().map(|run| run.1).max().unwrap_or(0).max(1);
    let span = Span::over(runs.iter().map(|run| run.3))?;
    let place = |rung: u32| f64::from(rung) / f64::from(top);
    let better = |value: f64| {
        let share = span.share(value);
        if report.objective.direction == Direction::Min { 1.0 - share } else { share }
    };
    let (mut strokes, mut counts) = (Vec::new(), vec![0_usize; top as usize + 1]);
    for (_, rung, resumes, value) in &runs {
        counts[*rung as usize] += 1;
        let before = resumes.and_then(|id| runs.binary_search_by_key(&id, |run| run.0).ok());
        if let Some(before) = before.map(|at| runs[at])
            && before.3.is_finite()
            && value.is_finite()
            && strokes.len() < LINES_MAX * 2
        {
            let points = vec![(place(before.1), better(before.3)), (place(*rung), better(*value))];
            strokes.push(Stroke { points, colour: "var(--accent)".to_owned(), width: 0.7 });
        }
    }
    let dots = runs.iter().filter(|run| run.3.is_finite()).take(2000);
    let dots = dots.map(|run| Dot {
        at: (place(run.1), better(run.3)),
        colour: "var(--ink)".to_owned(),
        tip: format!("trial {}: {}", run.0, text(report.objective.metric, Some(run.3))),
    });
    let below = counts.iter().enumerate().map(|(rung, runs)| {
        let budget = search.partial.iter().find(|p| p.rung as usize == rung).map(|p| p.budget);
        let budget = budget.map_or("whole".to_owned(), percent);
        (place(u32::try_from(rung).unwrap_or(0)), format!("{budget}: {} runs", count_len(*runs)))
    });
    Some(Drawing {
        title: "Rungs".to_owned(),
        note: "each point's way through the budgets, better upwards".to_owned(),
        strokes,
        dots: dots.collect(),
        below: below.collect(),
        left: Vec::new(),
        uprights: (0..=top).map(place).collect(),
    })
}

/// How much of the variation of the objective each parameter explains alone: the engine's analysis, of at
/// most [`RESULTS_MAX`] trials spread evenly, so that the page of a large sweep does not take a minute.
fn importance(report: &SweepReport) -> Table {
    let step = report.trials.len().div_ceil(RESULTS_MAX).max(1);
    let results: Vec<(Params, f64)> = report
        .trials
        .iter()
        .step_by(step)
        .map(|trial| (report.params(trial), value(report, trial)))
        .collect();
    let rows = barrow_engine::search::importance(&report.space, &results, report.seed);
    let rows = rows.into_iter().map(|row| {
        vec![row.param, percent(row.share), format!("\u{b1} {}", percent(row.deviation))]
    });
    let number = |name: &str| Head { name: name.to_owned(), kind: CellKind::Number };
    Table {
        heading: "Weight of each parameter".to_owned(),
        note: "share of the variation of the objective's ranks that it explains alone, over a forest of \
               trees (functional ANOVA, Hutter et al. 2014)"
            .to_owned(),
        columns: vec![
            Head { name: "Parameter".to_owned(), kind: CellKind::Text },
            number("Share"),
            number("Over trees"),
        ],
        rows: rows.collect(),
    }
}

/// Trials that the weights are estimated from.
const RESULTS_MAX: usize = 2000;
