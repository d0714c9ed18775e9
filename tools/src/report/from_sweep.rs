//! From the result of a sweep to what the page shows of it.

use barrow_engine::{Direction, LIBRARY_VERSION, Metric, Params, SweepReport, Trial};

use super::from_run::{heads, title};
use super::{
    Axis, CellKind, Fact, Mood, Report, Section, StudySection, SweepSection, Table, Tile,
    TrialPoint,
};
use crate::metrics::{is_share, name, text, text_of};
use crate::numbers::{
    count, count_len, counted_len, fixed, float, float_len, percent, rate, seconds,
};

/// Metrics of the table of best trials, after the objective.
const COLUMNS: [Metric; 6] = [
    Metric::TotalReturn,
    Metric::AnnualReturn,
    Metric::Sharpe,
    Metric::MaxDrawdown,
    Metric::WinRate,
    Metric::Fills,
];

impl Report {
    /// The page of a sweep, with `top` trials in its table.
    pub fn of_sweep(report: &SweepReport, top: usize) -> Self {
        let time = |ns| barrow_engine::Timestamp::new(ns, report.time_style);
        let axes = report.space.axes().iter();
        let mut labels: Vec<Fact> =
            axes.map(|axis| Fact::new(axis.name(), axis_text(axis))).collect();
        labels.extend(report.fixed.iter().map(|(name, value)| Fact::new(name, value.to_string())));
        labels.extend([
            Fact::new("cash", fixed(report.cash, 0)),
            Fact::new("commission", report.commission.to_string()),
            Fact::new("slippage", report.slippage.to_string()),
        ]);
        let limits = report.order().limits.iter();
        labels.extend(limits.map(|limit| Fact::new("limit", limit.to_string())));
        Self {
            title: format!(
                "{} on {}: {} trials",
                report.strategy,
                report.bundle,
                count_len(report.trials.len())
            ),
            subtitle: format!(
                "{} to {}, {} bars, searched for the {} {}",
                time(report.start),
                time(report.end),
                count_len(report.bars),
                if report.objective.direction == Direction::Max { "highest" } else { "lowest" },
                name(report.objective.metric)
            ),
            labels,
            sections: vec![
                Section::Sweep(Box::new(SweepSection::of(report, top))),
                Section::Study(Box::new(StudySection::of_search(report))),
            ],
            footer: vec![
                Fact::new("Bundle", &report.bundle),
                Fact::new("Version", report.version.to_string()),
                Fact::new("Strategy", format!("{} {}", report.strategy, report.fixed)),
                Fact::new("Space", space_text(report)),
                Fact::new("Objective", report.objective.to_string()),
                Fact::new(
                    "Costs",
                    format!("commission {}, slippage {}", report.commission, report.slippage),
                ),
                Fact::new("Seed", report.seed.to_string()),
                Fact::new("Made by", format!("barrow {LIBRARY_VERSION}")),
            ],
        }
    }
}

impl SweepSection {
    /// What a page shows of a sweep, with `top` trials in its table.
    pub fn of(report: &SweepReport, top: usize) -> Self {
        let metric = report.objective.metric;
        let axes: Vec<Axis> = report
            .space
            .axes()
            .iter()
            .map(|axis| Axis { name: axis.name().to_owned(), values: axis_values(axis) })
            .collect();
        let points = report.trials.iter().map(|trial| TrialPoint {
            places: places(report, &axes, trial),
            objective: trial.value(report.objective).unwrap_or(f64::NAN),
        });
        Self {
            heading: "Sweep".to_owned(),
            note: space_text(report),
            tiles: tiles(report),
            objective: name(metric).to_owned(),
            objective_is_share: is_share(metric),
            smaller_is_better: report.objective.direction == Direction::Min,
            trials: points.collect(),
            axes,
            best: best_table(report, top),
        }
    }
}

/// The values of an axis as they read; those of a scale or of many in bins, by the lower end of each.
fn axis_values(axis: &barrow_engine::Axis) -> Vec<String> {
    let values = axis.values();
    if !values.is_empty() {
        return values.iter().map(ToString::to_string).collect();
    }
    let low = |bin: usize| axis.at((float_len(bin) + 0.5) / float_len(BINS));
    (0..BINS).map(|bin| low(bin).map_or(String::new(), |value| short(&value))).collect()
}

/// Bins of a scale on a map.
const BINS: usize = 12;

fn short(value: &barrow_engine::Value) -> String {
    match value {
        barrow_engine::Value::Float(number) => {
            let digits = if number.abs() >= 100.0 { 0 } else { 3 };
            fixed(*number, digits)
        }
        other => other.to_string(),
    }
}

/// Where a trial lies on each axis: by its values, in bins where the axis is a scale.
fn places(report: &SweepReport, axes: &[Axis], trial: &Trial) -> Vec<usize> {
    let params = report.params(trial);
    let vector = report.space.encode(&params);
    let mut places = vec![0; axes.len()];
    for (at, (axis, shown)) in report.space.axes().iter().zip(axes).enumerate() {
        let listed = axis.values();
        let value = params.get(axis.name());
        places[at] = if listed.is_empty() {
            let dim = report.space.dims().iter().position(|dim| dim.axis == at);
            dim.map_or(0, |dim| bin(vector[dim], shown.values.len()))
        } else {
            value.and_then(|value| listed.iter().position(|known| known == value)).unwrap_or(0)
        };
    }
    places
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of one")]
fn bin(x: f64, bins: usize) -> usize {
    if x.is_nan() { 0 } else { ((x * float_len(bins)) as usize).min(bins.saturating_sub(1)) }
}

fn axis_text(axis: &barrow_engine::Axis) -> String {
    let values = axis.values();
    match values {
        [] => match (axis.at(0.0), axis.at(1.0)) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            _ => String::new(),
        },
        [one] => one.to_string(),
        [first, .., last] => format!("{first} to {last} ({} values)", values.len()),
    }
}

fn space_text(report: &SweepReport) -> String {
    let axes: Vec<String> = report
        .space
        .axes()
        .iter()
        .map(|axis| format!("{} {}", axis.name(), axis_text(axis)))
        .collect();
    axes.join(", ")
}

fn tiles(report: &SweepReport) -> Vec<Tile> {
    let metric = report.objective.metric;
    let best = report.best_trial();
    let value = best.and_then(|trial| trial.value(report.objective));
    let mut values: Vec<f64> =
        report.trials.iter().filter_map(|trial| trial.value(report.objective)).collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied();
    let gains = report.trials.iter().filter(|trial| trial.metrics.total_return > Some(0.0)).count();
    let trials = float_len(report.trials.len());
    let visits = trials * float(report.asset_bars);
    let tile = |name: &str, value: String, note: String| Tile {
        name: name.to_owned(),
        value,
        note,
        mood: Mood::Plain,
    };
    vec![
        tile(
            &format!("Best {}", name(metric)),
            text(metric, value),
            best.map_or(String::new(), |trial| report.params(trial).to_string()),
        ),
        tile(
            &format!("Median {}", name(metric)),
            text(metric, median),
            "over all trials".to_owned(),
        ),
        tile(
            "Trials",
            count_len(report.trials.len()),
            match (report.skipped, report.failed.len()) {
                (0, 0) => format!("{} parameters", report.space.axes().len()),
                (skipped, 0) => format!("{} points skipped", count(skipped)),
                (skipped, failed) => {
                    format!("{} skipped, {} failed", count(skipped), count_len(failed))
                }
            },
        ),
        tile(
            "With a gain",
            percent(float_len(gains) / trials.max(1.0)),
            "of the trials".to_owned(),
        ),
        tile("Time", seconds(report.elapsed_seconds), counted_len(report.workers, "worker")),
        tile(
            "Trials a second",
            fixed(trials / report.elapsed_seconds.max(1e-9), 0),
            rate(visits, report.elapsed_seconds, "bars"),
        ),
    ]
}

fn best_table(report: &SweepReport, top: usize) -> Table {
    let objective = report.objective.metric;
    let others: Vec<Metric> = COLUMNS.into_iter().filter(|metric| *metric != objective).collect();
    let mut columns = vec![("#".to_owned(), CellKind::Number)];
    columns
        .extend(report.space.axes().iter().map(|axis| (axis.name().to_owned(), CellKind::Number)));
    columns.push((title(name(objective)), CellKind::Number));
    columns.extend(others.iter().map(|metric| {
        let kind = match metric {
            Metric::TotalReturn | Metric::AnnualReturn => CellKind::Gain,
            _ => CellKind::Number,
        };
        (title(name(*metric)), kind)
    }));
    columns.push(("Final equity".to_owned(), CellKind::Number));
    let row = |(place, (params, trial)): (usize, (Params, &Trial))| {
        let figure = |metric| text_of(metric, &trial.metrics, trial.final_equity);
        let mut cells = vec![count_len(place + 1)];
        cells.extend(
            report
                .space
                .axes()
                .iter()
                .map(|axis| params.get(axis.name()).map_or(String::new(), ToString::to_string)),
        );
        cells.push(figure(objective));
        cells.extend(others.iter().map(|metric| figure(*metric)));
        cells.push(fixed(trial.final_equity, 2));
        cells
    };
    let leaders = report.leaders(top);
    let columns: Vec<(&str, CellKind)> =
        columns.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    Table {
        heading: "Best trials".to_owned(),
        note: format!("{} of {}", count_len(leaders.len()), count_len(report.trials.len())),
        columns: heads(&columns),
        rows: leaders.into_iter().enumerate().map(row).collect(),
    }
}
