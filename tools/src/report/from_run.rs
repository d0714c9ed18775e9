//! From the result of a backtest to what the page shows of it.

use barrow_engine::{LIBRARY_VERSION, Metric, Performance};
use barrow_store::{Error, Lease};

use super::exposure::{AssetResult, marked};
use super::trades::{Trade, round_trips};
use super::{CellKind, Fact, Head, Mood, Report, RunSection, Section, Table, Tile};
use crate::metrics::{LISTED, name, text_of};
use crate::numbers::{count_len, counted_len, fixed, percent, shortest};

/// Rows of the tables.
const FILLS_SHOWN: usize = 40;
const ASSETS_SHOWN: usize = 20;
/// Best and worst trades, each.
const TRADES_SHOWN: usize = 10;

impl Report {
    /// The page of a backtest over `lease`.
    ///
    /// # Errors
    /// When the bundle, whose closes are read again for the exposure, cannot be read.
    pub fn of_run(performance: &Performance, lease: &Lease) -> Result<Self, Error> {
        let section = RunSection::of(performance, lease)?;
        let start = performance.timestamp(performance.start());
        let end = performance.timestamp(performance.end());
        let mut labels: Vec<Fact> = parameters(performance);
        labels.extend(costs(performance));
        Ok(Self {
            title: format!("{} on {}", performance.strategy, performance.bundle),
            subtitle: format!(
                "{start} to {end}, {}, {}",
                counted_len(performance.bars(), "bar"),
                counted_len(performance.symbols.len(), "asset")
            ),
            labels,
            sections: vec![Section::Run(Box::new(section))],
            footer: footer(performance),
        })
    }
}

impl RunSection {
    /// What a page shows of a backtest over `lease`.
    ///
    /// # Errors
    /// When the bundle cannot be read.
    pub fn of(performance: &Performance, lease: &Lease) -> Result<Self, Error> {
        let (exposure, assets) = marked(performance, lease)?;
        let figure = |metric| text_of(metric, &performance.metrics, performance.final_equity);
        let metrics =
            LISTED.into_iter().map(|metric| Fact::new(title(name(metric)), figure(metric)));
        Ok(Self {
            heading: "Backtest".to_owned(),
            note: String::new(),
            tiles: tiles(performance),
            cash: performance.cash,
            equity: performance.equity.clone(),
            long: exposure.long,
            short: exposure.short,
            metrics: metrics.collect(),
            assets: assets_table(assets),
            trades: trades_table(performance),
            fills: fills_table(performance),
        })
    }
}

/// The parameters as facts.
pub(super) fn parameters(performance: &Performance) -> Vec<Fact> {
    performance.params.iter().map(|(name, value)| Fact::new(name, value.to_string())).collect()
}

fn costs(performance: &Performance) -> [Fact; 3] {
    [
        Fact::new("cash", fixed(performance.cash, 0)),
        Fact::new("commission", performance.commission.to_string()),
        Fact::new("slippage", performance.slippage.to_string()),
    ]
}

fn footer(performance: &Performance) -> Vec<Fact> {
    vec![
        Fact::new("Bundle", &performance.bundle),
        Fact::new("Version", performance.version.to_string()),
        Fact::new("Strategy", format!("{} {}", performance.strategy, performance.params)),
        Fact::new(
            "Costs",
            format!("commission {}, slippage {}", performance.commission, performance.slippage),
        ),
        Fact::new("Seed", performance.seed.to_string()),
        Fact::new("Made by", format!("barrow {LIBRARY_VERSION}")),
    ]
}

/// With a capital letter.
pub(super) fn title(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn mood(value: Option<f64>) -> Mood {
    match value {
        Some(value) if value > 0.0 => Mood::Good,
        Some(value) if value < 0.0 => Mood::Bad,
        _ => Mood::Plain,
    }
}

fn tiles(performance: &Performance) -> Vec<Tile> {
    let metrics = &performance.metrics;
    let figure = |metric| text_of(metric, metrics, performance.final_equity);
    let tile = |metric: Metric, note: String, mood: Mood| Tile {
        name: title(name(metric)),
        value: figure(metric),
        note,
        mood,
    };
    vec![
        tile(
            Metric::TotalReturn,
            format!("{} a year", figure(Metric::AnnualReturn)),
            mood(metrics.total_return),
        ),
        // In whole units, so that millions have room in a tile.
        Tile {
            name: title(name(Metric::FinalEquity)),
            value: fixed(performance.final_equity, 0),
            note: format!("from {}", fixed(performance.cash, 0)),
            mood: Mood::Plain,
        },
        tile(Metric::Sharpe, format!("Sortino {}", figure(Metric::Sortino)), Mood::Plain),
        tile(
            Metric::MaxDrawdown,
            format!("over {}", figure(Metric::MaxDrawdownLength)),
            Mood::Plain,
        ),
        tile(Metric::Volatility, "a year".to_owned(), Mood::Plain),
        tile(Metric::WinRate, format!("{} closed trades", figure(Metric::Trades)), Mood::Plain),
    ]
}

fn assets_table(mut assets: Vec<AssetResult>) -> Table {
    let total = assets.len();
    assets.sort_by(|a, b| b.profit.abs().total_cmp(&a.profit.abs()));
    assets.truncate(ASSETS_SHOWN);
    assets.sort_by(|a, b| b.profit.total_cmp(&a.profit));
    let rows = assets.iter().map(|asset| {
        vec![
            asset.symbol.clone(),
            fixed(asset.profit, 2),
            count_len(asset.fills),
            fixed(asset.commission, 2),
            shortest(asset.position),
            fixed(asset.close, 2),
        ]
    });
    Table {
        heading: "By asset".to_owned(),
        note: shown_of(assets.len(), total, "largest gains and losses"),
        columns: heads(&[
            ("Asset", CellKind::Text),
            ("Profit", CellKind::Gain),
            ("Fills", CellKind::Number),
            ("Commission", CellKind::Number),
            ("Position", CellKind::Number),
            ("Last close", CellKind::Number),
        ]),
        rows: rows.collect(),
    }
}

fn trades_table(performance: &Performance) -> Table {
    let mut all = round_trips(performance);
    all.retain(|trade| trade.closed.is_some());
    all.sort_by(|a, b| b.profit.total_cmp(&a.profit));
    let total = all.len();
    if total > 2 * TRADES_SHOWN {
        all.drain(TRADES_SHOWN..total - TRADES_SHOWN);
    }
    let gain = |trade: &Trade| {
        let sign = if trade.is_long { 1.0 } else { -1.0 };
        percent(sign * (trade.exit / trade.entry - 1.0))
    };
    let rows = all.iter().map(|trade| {
        vec![
            performance.symbol(trade.asset).to_owned(),
            if trade.is_long { "long" } else { "short" }.to_owned(),
            performance.timestamp(trade.opened).to_string(),
            trade.closed.map_or(String::new(), |time| performance.timestamp(time).to_string()),
            shortest(trade.quantity),
            fixed(trade.entry, 2),
            fixed(trade.exit, 2),
            gain(trade),
            fixed(trade.profit, 2),
        ]
    });
    Table {
        heading: "Closed trades".to_owned(),
        note: if total > 2 * TRADES_SHOWN {
            format!("the {TRADES_SHOWN} best and {TRADES_SHOWN} worst of {}", count_len(total))
        } else {
            "from flat to flat, after commission".to_owned()
        },
        columns: heads(&[
            ("Asset", CellKind::Text),
            ("Side", CellKind::Text),
            ("Opened", CellKind::Text),
            ("Closed", CellKind::Text),
            ("Quantity", CellKind::Number),
            ("Entry", CellKind::Number),
            ("Exit", CellKind::Number),
            ("Price change", CellKind::Gain),
            ("Profit", CellKind::Gain),
        ]),
        rows: rows.collect(),
    }
}

fn fills_table(performance: &Performance) -> Table {
    let total = performance.fills.len();
    let shown = performance.fills.iter().rev().take(FILLS_SHOWN);
    let rows: Vec<Vec<String>> = shown
        .map(|fill| {
            vec![
                performance.timestamp(fill.time).to_string(),
                performance.symbol(fill.asset).to_owned(),
                if fill.quantity > 0.0 { "buy" } else { "sell" }.to_owned(),
                shortest(fill.quantity.abs()),
                fixed(fill.price, 4),
                fixed((fill.quantity * fill.price).abs(), 2),
                fixed(fill.commission, 2),
            ]
        })
        .collect();
    Table {
        heading: "Fills".to_owned(),
        note: shown_of(rows.len(), total, "newest first"),
        columns: heads(&[
            ("Time", CellKind::Text),
            ("Asset", CellKind::Text),
            ("Side", CellKind::Text),
            ("Quantity", CellKind::Number),
            ("Price", CellKind::Number),
            ("Worth", CellKind::Number),
            ("Commission", CellKind::Number),
        ]),
        rows,
    }
}

/// `20 of 1,234, largest ...` or just how they are ordered.
fn shown_of(shown: usize, total: usize, order: &str) -> String {
    if shown < total {
        format!("{} of {}, {order}", count_len(shown), count_len(total))
    } else {
        order.to_owned()
    }
}

pub(super) fn heads(columns: &[(&str, CellKind)]) -> Vec<Head> {
    columns.iter().map(|(name, kind)| Head::new(*name, *kind)).collect()
}
