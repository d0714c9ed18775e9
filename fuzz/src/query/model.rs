//! The naive model of a query: every bar on its own, no blocks, no threads, no statistics.

use std::collections::BTreeMap;

use barrow_format::Stamp;
use barrow_store::query::{Answer, Keys, Meant, Per, Period};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::aggregate::aggregate;
use super::expr::{Bar, Cond, Expr};
use super::market::{Asset, Market, matches};

const DAY_NS: i64 = 86_400_000_000_000;

/// The bundle that is joined on.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) market: Market,
    pub(super) symbol: Option<String>,
    pub(super) tolerance_ns: Option<i64>,
}

/// A query with what it is about.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) market: Market,
    pub(super) other: Option<Other>,
    pub(super) symbols: Vec<String>,
    /// A pattern that the group of an asset must, or must not, match.
    pub(super) group: Option<(&'static str, Meant)>,
    pub(super) from_ns: Option<i64>,
    pub(super) to_ns: Option<i64>,
    pub(super) resample: Option<Period>,
    pub(super) session_start_ns: i64,
    pub(super) filter: Option<Cond>,
    pub(super) select: Vec<Expr>,
    pub(super) aggregates: Vec<(&'static str, Option<Expr>)>,
    pub(super) ranked: Option<Expr>,
    pub(super) answer: Answer,
    pub(super) limit: Option<usize>,
}

/// A row of an answer.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) symbol: Option<String>,
    pub(super) time: Option<i64>,
    pub(super) values: Vec<f64>,
    /// Of aggregates: how large the values are that they are of. Sums are taken in another order, and err by that.
    pub(super) scales: Vec<f64>,
}

/// The expressions of different texts: two columns cannot have one name.
pub(super) fn distinct(all: Vec<Expr>) -> Vec<Expr> {
    let mut kept: Vec<Expr> = Vec::new();
    for one in all {
        if !kept.iter().any(|other| other.text() == one.text()) {
            kept.push(one);
        }
    }
    kept
}

/// The assets with their bars.
pub(super) type Assets = [(String, Vec<Bar>)];

/// What groups rows: an asset, a label.
type GroupKey = (Option<usize>, Option<i64>);

/// Which session or other period a timestamp belongs to: dates, and steps within them.
type Key = (Date, i64);

impl Model {
    /// The answer.
    pub(super) fn answer(&self) -> Vec<Row> {
        let assets = self.assets();
        let mut rows = match &self.answer {
            Answer::Rows => self.listed(&self.kept(&assets), &assets),
            Answer::Latest => {
                let kept = self.kept(&assets);
                let newest =
                    |place: usize| kept.iter().rfind(|(asset, _)| *asset == place).copied();
                let newest: Vec<_> = (0..assets.len()).filter_map(newest).collect();
                self.listed(&newest, &assets)
            }
            Answer::Top { count, per, .. } => self.top(&assets, *count, *per),
            Answer::Panel { .. } => self.panel(&assets),
            Answer::Groups { by, .. } => self.groups(&assets, *by),
        };
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        rows
    }

    fn chosen(&self, asset: &Asset) -> bool {
        let is_named = |pattern: &String| matches(pattern, &asset.symbol);
        let in_group = self.group.is_none_or(|(pattern, meant)| {
            let is_match = asset.group.is_some_and(|group| matches(pattern, group));
            is_match == (meant == Meant::Equal)
        });
        in_group && (self.symbols.is_empty() || self.symbols.iter().any(is_named))
    }

    /// Symbols and bars, resampled and joined, of the chosen assets.
    fn assets(&self) -> Vec<(String, Vec<Bar>)> {
        let labels =
            self.resample.map(|period| self.labels(period, self.market.stamp, &self.times()));
        let mut assets = Vec::new();
        for asset in self.market.assets.iter().filter(|asset| self.chosen(asset)) {
            let bar = |row: usize| Bar {
                time: asset.times[row],
                values: asset.columns.iter().map(|values| values[row]).collect(),
            };
            let mut bars: Vec<Bar> = (0..asset.times.len()).map(bar).collect();
            if let (Some(period), Some(labels)) = (self.resample, &labels) {
                let mut periods: BTreeMap<Key, Vec<Bar>> = BTreeMap::new();
                for bar in bars {
                    let key = self.key(period, self.market.stamp, bar.time);
                    periods.entry(key).or_default().push(bar);
                }
                bars = periods.iter().map(|(key, bars)| together(labels[key], bars)).collect();
            }
            for bar in &mut bars {
                self.join(&asset.symbol, bar);
            }
            assets.push((asset.symbol.clone(), bars));
        }
        assets
    }

    /// All timestamps of the bundle.
    fn times(&self) -> Vec<i64> {
        let mut times: Vec<i64> =
            self.market.assets.iter().flat_map(|asset| asset.times.clone()).collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    fn join(&self, symbol: &str, bar: &mut Bar) {
        let Some(other) = &self.other else { return };
        let symbol = other.symbol.as_deref().unwrap_or(symbol);
        let asset = other.market.assets.iter().find(|asset| asset.symbol == symbol);
        let known = asset.and_then(|asset| {
            let row = asset.times.partition_point(|time| *time <= bar.time).checked_sub(1)?;
            let age = bar.time - asset.times[row];
            let is_fresh = other.tolerance_ns.is_none_or(|tolerance| age <= tolerance);
            is_fresh.then(|| asset.columns.iter().map(|values| values[row]).collect())
        });
        bar.values.extend::<Vec<f64>>(known.unwrap_or(vec![f64::NAN; 8]));
    }

    fn zone(&self) -> TimeZone {
        TimeZone::get(self.market.zone).expect("a zone")
    }

    /// The date of the session that a timestamp belongs to.
    fn date(&self, stamp: Stamp, time: i64) -> Date {
        let at = |ns: i64| Timestamp::from_nanosecond(ns.into()).expect("a time");
        let instant = match stamp {
            Stamp::Session => return at(time).to_zoned(TimeZone::UTC).date(),
            Stamp::BarStart => at(time),
            Stamp::BarEnd => at(time - 1),
        };
        let wall: DateTime = instant.to_zoned(self.zone()).datetime();
        let start = self.session_start_ns;
        let shift = if start > DAY_NS / 2 { DAY_NS - start } else { -start };
        (wall + Span::new().nanoseconds(shift)).date()
    }

    /// The instant at which the session of a date begins.
    fn begin(&self, date: Date) -> i64 {
        let start = self.session_start_ns;
        let shift = if start > DAY_NS / 2 { start - DAY_NS } else { start };
        let wall = date.at(0, 0, 0, 0) + Span::new().nanoseconds(shift);
        let instant = self.zone().to_timestamp(wall).expect("a time");
        i64::try_from(instant.as_nanosecond()).expect("a time")
    }

    fn key(&self, period: Period, stamp: Stamp, time: i64) -> Key {
        let date = self.date(stamp, time);
        match period {
            Period::Session => (date, 0),
            Period::Week => {
                let days = date.weekday().to_monday_zero_offset();
                (date - Span::new().days(days), 0)
            }
            Period::Month => (date.first_of_month(), 0),
            Period::Quarter => {
                let behind = (date.month() - 1) % 3;
                (date.first_of_month() - Span::new().months(behind), 0)
            }
            Period::Year => (date.first_of_year(), 0),
            Period::Step { ns } => {
                let instant = time - i64::from(stamp == Stamp::BarEnd);
                (date, (instant - self.begin(date)) / ns)
            }
        }
    }

    /// The label of each period that has timestamps.
    fn labels(&self, period: Period, stamp: Stamp, times: &[i64]) -> BTreeMap<Key, i64> {
        let mut labels = BTreeMap::new();
        for &time in times {
            let date = self.date(stamp, time);
            let key = self.key(period, stamp, time);
            let midnight = date.at(0, 0, 0, 0).to_zoned(TimeZone::UTC).expect("a time");
            let mut label = i64::try_from(midnight.timestamp().as_nanosecond()).expect("a time");
            if let Period::Step { ns } = period {
                let start = self.begin(date) + key.1 * ns;
                let end = (start + ns).min(self.begin(date.tomorrow().expect("a date")));
                label = if stamp == Stamp::BarEnd { end } else { start };
            }
            // Later sessions of a week, month, quarter or year overwrite earlier ones.
            labels.insert(key, label);
        }
        labels
    }

    /// Assets and rows that lie in the time range and meet the filter.
    fn kept(&self, assets: &Assets) -> Vec<(usize, usize)> {
        let mut kept = Vec::new();
        for (place, (symbol, bars)) in assets.iter().enumerate() {
            for (row, bar) in bars.iter().enumerate() {
                let is_within = self.is_within(bar.time);
                let holds = || self.filter.as_ref().is_none_or(|f| f.at(symbol, bars, row));
                if is_within && holds() {
                    kept.push((place, row));
                }
            }
        }
        kept
    }

    fn is_within(&self, time: i64) -> bool {
        self.from_ns.is_none_or(|from| from <= time) && self.to_ns.is_none_or(|to| time <= to)
    }

    fn listed(&self, kept: &[(usize, usize)], assets: &Assets) -> Vec<Row> {
        let row = |&(place, row): &(usize, usize)| {
            let (symbol, bars) = &assets[place];
            Row {
                symbol: Some(symbol.clone()),
                time: Some(bars[row].time),
                values: self.select.iter().map(|expr| expr.at(symbol, bars, row)).collect(),
                scales: Vec::new(),
            }
        };
        kept.iter().map(row).collect()
    }

    fn top(&self, assets: &Assets, count: usize, per: Per) -> Vec<Row> {
        let by = self.ranked.as_ref().expect("a ranking");
        let mut lists: BTreeMap<i64, Vec<(f64, usize, usize)>> = BTreeMap::new();
        for (place, row) in self.kept(assets) {
            let (symbol, bars) = &assets[place];
            let value = by.at(symbol, bars, row);
            let list = if per == Per::All { 0 } else { bars[row].time };
            if !value.is_nan() {
                lists.entry(list).or_default().push((value, place, row));
            }
        }
        let mut kept = Vec::new();
        for mut list in lists.into_values() {
            // The sort is stable, and rows come by asset and time.
            list.sort_by(|a, b| b.0.partial_cmp(&a.0).expect("no missing value"));
            kept.extend(list.into_iter().take(count).map(|(_, place, row)| (place, row)));
        }
        self.listed(&kept, assets)
    }

    fn panel(&self, assets: &Assets) -> Vec<Row> {
        let value = self.ranked.as_ref().expect("a value");
        let mut times = self.times();
        if let Some(period) = self.resample {
            times = self.labels(period, self.market.stamp, &times).into_values().collect();
        }
        let kept: BTreeMap<(usize, i64), usize> = self
            .kept(assets)
            .into_iter()
            .map(|at| ((at.0, assets[at.0].1[at.1].time), at.1))
            .collect();
        let row = |time: i64| {
            let values = (0..assets.len()).map(|place| {
                let (symbol, bars) = &assets[place];
                let row = kept.get(&(place, time));
                row.map_or(f64::NAN, |row| value.at(symbol, bars, *row))
            });
            Row { symbol: None, time: Some(time), values: values.collect(), scales: Vec::new() }
        };
        times.into_iter().filter(|time| self.is_within(*time)).map(row).collect()
    }

    fn groups(&self, assets: &Assets, by: Keys) -> Vec<Row> {
        let (by_asset, period) = match by {
            Keys::Whole => (false, None),
            Keys::Asset => (true, None),
            Keys::Period(period) => (false, Some(period)),
            Keys::AssetAndPeriod(period) => (true, Some(period)),
        };
        // After resampling to dates, timestamps are dates.
        let (mut stamp, mut times) = (self.market.stamp, self.times());
        if let Some(before) = self.resample {
            times = self.labels(before, stamp, &times).into_values().collect();
            if !matches!(before, Period::Step { .. }) {
                stamp = Stamp::Session;
            }
        }
        let labels = period.map(|period| self.labels(period, stamp, &times));
        let mut groups: BTreeMap<GroupKey, Vec<(usize, usize)>> = BTreeMap::new();
        for (place, row) in self.kept(assets) {
            let time = assets[place].1[row].time;
            let label = period.map(|period| {
                let key = self.key(period, stamp, time);
                labels.as_ref().expect("labels")[&key]
            });
            groups.entry((by_asset.then_some(place), label)).or_default().push((place, row));
        }
        let row = |((place, label), rows): (&GroupKey, &Vec<(usize, usize)>)| {
            let each = self.aggregates.iter();
            let found = each.map(|(name, inner)| aggregate(name, inner.as_ref(), assets, rows));
            let (values, scales) = found.unzip();
            let symbol = place.map(|place| assets[place].0.clone());
            Row { symbol, time: *label, values, scales }
        };
        groups.iter().map(row).collect()
    }
}

/// One bar of several.
fn together(label: i64, bars: &[Bar]) -> Bar {
    let values = (0..bars[0].values.len()).map(|column| {
        let values: Vec<f64> =
            bars.iter().map(|bar| bar.values[column]).filter(|value| !value.is_nan()).collect();
        let found = match column {
            0 => values.first().copied(),
            1 => values.iter().copied().reduce(f64::max),
            2 => values.iter().copied().reduce(f64::min),
            4 => values.iter().copied().reduce(|sum, value| sum + value),
            _ => values.last().copied(),
        };
        found.unwrap_or(f64::NAN)
    });
    Bar { time: label, values: values.collect() }
}
