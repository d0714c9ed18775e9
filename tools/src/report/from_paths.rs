//! From the result of a cross-validation to its page.

use barrow_engine::{CrossValidationReport, Metric, Timestamp, Trial};

use super::drawing::{Drawing, Span, Stroke, ranked};
use super::{CellKind, Fact, Head, Report, Section, StudySection, Table, Tile, searched};
use crate::commands::cross_validate::tested;
use crate::commands::folds::rank_correlation;
use crate::metrics::{name, text};
use crate::numbers::{count, count_len, counted_len, fixed, float_len, percent, seconds};

/// Corners of a line; more show nothing more.
const CORNERS_MAX: usize = 500;

impl Report {
    /// The page of a cross-validation.
    pub fn of_cross_validation(report: &CrossValidationReport) -> Self {
        let paths = counted_len(report.paths.len(), "path");
        Self {
            title: format!("{} on {}: {paths}", report.strategy, report.bundle),
            subtitle: format!(
                "{} in {} groups, {} judged at a time by what was fitted on the rest, chosen by {}",
                counted_len(report.times.len(), "bar"),
                report.cut.groups,
                report.cut.test_groups,
                name(report.objective.metric),
            ),
            labels: vec![
                Fact::new("search", &report.method),
                Fact::new("trials", count(report.trials)),
                Fact::new("time", seconds(report.elapsed_seconds)),
            ],
            sections: vec![Section::Study(Box::new(StudySection::of_cross_validation(report)))],
            footer: searched(
                (&report.bundle, report.version),
                (&report.strategy, report.objective),
                (&report.method, report.search_seed),
            ),
        }
    }
}

impl StudySection {
    /// What a page shows of a cross-validation.
    pub fn of_cross_validation(report: &CrossValidationReport) -> Self {
        let tile = |name: &str, value: String, note: &str| Tile {
            name: name.to_owned(),
            value,
            note: note.to_owned(),
            ..Tile::default()
        };
        let tiles = report.sharpe_spread().map(|spread| {
            let range = format!("{} to {}", fixed(spread.low, 2), fixed(spread.high, 2));
            let note =
                format!("mean {}, deviation {}", fixed(spread.mean, 2), fixed(spread.deviation, 2));
            vec![
                tile("Median Sharpe ratio", fixed(spread.median, 2), "over the paths"),
                tile("5 % to 95 %", range, &note),
                tile("Not above zero", percent(spread.not_above_zero), "of the paths"),
                tile("Paths", count_len(spread.paths), "each over the whole period"),
            ]
        });
        Self {
            heading: "Out of sample, in every combination".to_owned(),
            note: "Each path has of every group the run of parameters that were fitted without it."
                .to_owned(),
            tiles: tiles.unwrap_or_default(),
            equity: Vec::new(),
            drawings: [equities(report), ratios(report)].into_iter().flatten().collect(),
            tables: vec![path_table(report), split_table(report)],
        }
    }
}

/// The equity of all paths, one over the other.
fn equities(report: &CrossValidationReport) -> Option<Drawing> {
    let all = report.paths.iter().flat_map(|path| path.equity.iter().copied());
    let span = Span::over(all)?;
    let bars = report.times.len();
    let step = bars.div_ceil(CORNERS_MAX).max(1);
    let place = |at: usize| float_len(at) / float_len(bars.saturating_sub(1).max(1));
    let line = |path: &barrow_engine::PathReport| {
        let last = bars.saturating_sub(1);
        let corners = (0..bars).filter(|at| at % step == 0 || *at == last);
        let points = corners.map(|at| (place(at), span.share(path.equity[at]))).collect();
        Stroke { points, colour: "var(--accent)".to_owned(), width: 1.0 }
    };
    let (groups, mut first) = (report.groups(), 0);
    let below = groups.iter().map(|(from, _)| {
        first = report.times.partition_point(|time| time < from);
        (place(first), Timestamp::new(*from, report.time_style).to_string())
    });
    let below: Vec<(f64, String)> = below.collect();
    Some(Drawing {
        title: "Paths".to_owned(),
        note: "equity, quote currency; upright lines where groups begin".to_owned(),
        strokes: report.paths.iter().map(line).collect(),
        dots: Vec::new(),
        uprights: below.iter().map(|(place, _)| *place).collect(),
        below: below.into_iter().step_by(groups.len().div_ceil(6).max(1)).collect(),
        left: span.marks().into_iter().map(|(at, value)| (at, fixed(value, 0))).collect(),
    })
}

/// The Sharpe ratios of the paths in ascending order.
fn ratios(report: &CrossValidationReport) -> Option<Drawing> {
    let mut ratios: Vec<(f64, usize)> = report
        .paths
        .iter()
        .enumerate()
        .filter_map(|(number, path)| Some((path.metrics.sharpe?, number)))
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let values: Vec<f64> = ratios.iter().map(|(ratio, _)| *ratio).collect();
    ranked(
        "Sharpe ratios of the paths",
        "in ascending order; the line is zero",
        &values,
        0.0,
        &|at, ratio| format!("path {}: {}", ratios[at].1 + 1, fixed(ratio, 3)),
    )
}

fn path_table(report: &CrossValidationReport) -> Table {
    let columns = [
        ("Path", CellKind::Number),
        ("Sharpe ratio", CellKind::Number),
        ("Total return", CellKind::Gain),
        ("Max drawdown", CellKind::Number),
        ("Final equity", CellKind::Number),
    ];
    let rows = report.paths.iter().enumerate().map(|(number, path)| {
        vec![
            count_len(number + 1),
            text(Metric::Sharpe, path.metrics.sharpe),
            text(Metric::TotalReturn, path.metrics.total_return),
            text(Metric::MaxDrawdown, path.metrics.max_drawdown),
            path.equity.last().map_or("-".to_owned(), |equity| fixed(*equity, 0)),
        ]
    });
    Table {
        heading: "Paths".to_owned(),
        note: String::new(),
        columns: columns.map(|(name, kind)| Head { name: name.to_owned(), kind }).into(),
        rows: rows.collect(),
    }
}

fn split_table(report: &CrossValidationReport) -> Table {
    let value = |trial: &Trial| text(report.objective.metric, trial.value(report.objective));
    let columns = [
        ("Tested groups", CellKind::Text),
        ("Chosen", CellKind::Text),
        ("On train", CellKind::Number),
        ("On test", CellKind::Number),
        ("Return on test", CellKind::Gain),
        ("Rank correlation", CellKind::Number),
        ("Trials", CellKind::Number),
    ];
    let rows = report.folds.iter().map(|split| {
        vec![
            tested(split),
            split.chosen.to_string(),
            value(&split.on_train),
            value(&split.on_test),
            text(Metric::TotalReturn, split.on_test.metrics.total_return),
            rank_correlation(split),
            count(split.trials),
        ]
    });
    Table {
        heading: "Splits".to_owned(),
        note: "groups are counted from 1, the oldest; rank correlation: over all trials, between what was \
               fitted on and the test"
            .to_owned(),
        columns: columns.map(|(name, kind)| Head { name: name.to_owned(), kind }).into(),
        rows: rows.collect(),
    }
}
