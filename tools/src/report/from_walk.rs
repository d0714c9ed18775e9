//! From the result of a walk-forward to its page.

use barrow_engine::{Metric, Timestamp, Trial, WalkForwardReport};

use super::{CellKind, Fact, Head, Report, Section, StudySection, Table, Tile, searched};
use crate::commands::folds::rank_correlation;
use crate::metrics::{name, text, text_of};
use crate::numbers::{count, count_len, counted_len, fixed, percent, seconds};

impl Report {
    /// The page of a walk-forward.
    pub fn of_walk_forward(report: &WalkForwardReport) -> Self {
        let folds = counted_len(report.folds.len(), "fold");
        let (first, last) = (report.times.first(), report.times.last());
        let time = |ns: &i64| Timestamp::new(*ns, report.time_style).to_string();
        let metric = name(report.objective.metric);
        Self {
            title: format!("{} on {}: {folds} forward", report.strategy, report.bundle),
            subtitle: format!(
                "judged from {} to {} on what had no part in any choice, chosen by {metric}",
                first.map_or(String::new(), time),
                last.map_or(String::new(), time),
            ),
            labels: vec![
                Fact::new("search", &report.method),
                Fact::new("trials", count(report.trials)),
                Fact::new("time", seconds(report.elapsed_seconds)),
            ],
            sections: vec![Section::Study(Box::new(StudySection::of_walk_forward(report)))],
            footer: searched(
                (&report.bundle, report.version),
                (&report.strategy, report.objective),
                (&report.method, report.search_seed),
            ),
        }
    }
}

impl StudySection {
    /// What a page shows of a walk-forward.
    pub fn of_walk_forward(report: &WalkForwardReport) -> Self {
        let final_equity = report.equity().last().copied().unwrap_or(report.cash);
        let metrics = report.metrics();
        let figure = |metric| text_of(metric, &metrics, final_equity);
        let tile = |name: &str, value: String, note: &str| Tile {
            name: name.to_owned(),
            value,
            note: note.to_owned(),
            ..Tile::default()
        };
        let stability = report.stability.as_ref();
        let efficiency = stability.and_then(|stability| stability.efficiency);
        let profitable = stability.map_or("-".to_owned(), |s| percent(s.profitable));
        Self {
            heading: "Out of sample".to_owned(),
            note: "The equity of the test stretches, one after the other.".to_owned(),
            tiles: vec![
                tile("Final equity", fixed(final_equity, 0), "quote currency"),
                tile("Annual return", figure(Metric::AnnualReturn), "compound"),
                tile("Sharpe ratio", figure(Metric::Sharpe), "out of sample"),
                tile("Max drawdown", figure(Metric::MaxDrawdown), "out of sample"),
                tile(
                    "Efficiency",
                    efficiency.map_or("-".to_owned(), |e| fixed(e, 2)),
                    "mean out of sample over mean in sample",
                ),
                tile("Folds with a gain", profitable, "of the tests"),
            ],
            equity: report.times.iter().copied().zip(report.equity().iter().copied()).collect(),
            drawings: Vec::new(),
            tables: vec![fold_table(report), drift_table(report)],
        }
    }
}

fn fold_table(report: &WalkForwardReport) -> Table {
    let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
    let metric = report.objective.metric;
    let value = |trial: &Trial| text(metric, trial.value(report.objective));
    let columns = [
        ("Train from", CellKind::Text),
        ("Test from", CellKind::Text),
        ("Test to", CellKind::Text),
        ("Chosen", CellKind::Text),
        ("On train", CellKind::Number),
        ("On validation", CellKind::Number),
        ("On test", CellKind::Number),
        ("Return on test", CellKind::Gain),
        ("Rank correlation", CellKind::Number),
        ("Trials", CellKind::Number),
    ];
    let rows = report.folds.iter().map(|fold| {
        vec![
            time(fold.train.0),
            time(fold.test.0),
            time(fold.test.1),
            fold.chosen.to_string(),
            value(&fold.on_train),
            fold.on_validate.as_ref().map_or("-".to_owned(), value),
            value(&fold.on_test),
            text(Metric::TotalReturn, fold.on_test.metrics.total_return),
            rank_correlation(fold),
            count(fold.trials),
        ]
    });
    Table {
        heading: "Folds".to_owned(),
        note: "rank correlation: over all trials, between the stretch of the choice and the test"
            .to_owned(),
        columns: columns.map(|(name, kind)| Head { name: name.to_owned(), kind }).into(),
        rows: rows.collect(),
    }
}

fn drift_table(report: &WalkForwardReport) -> Table {
    let drift = report.stability.as_ref().map_or(&[][..], |stability| &stability.drift);
    let rows =
        report.space.dims().iter().zip(drift).map(|(dim, drift)| {
            vec![report.space.axes()[dim.axis].name().to_owned(), percent(*drift)]
        });
    Table {
        heading: "Drift of the choices".to_owned(),
        note: format!(
            "mean change from fold to fold over {} folds, as a share of the parameter's range",
            count_len(report.folds.len())
        ),
        columns: vec![
            Head { name: "Parameter".to_owned(), kind: CellKind::Text },
            Head { name: "Drift".to_owned(), kind: CellKind::Number },
        ],
        rows: rows.collect(),
    }
}
