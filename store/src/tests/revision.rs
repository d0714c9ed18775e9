//! Revisions: whatever way content came in, by appends, corrections and corrections back, new assets, new columns and
//! compaction, it is the content, with the version of the same ingested in one go.
//!
//! Method: the naive model is a map from asset and day to values. After every publication the model is written in one go
//! by [`BundleWriter`] into memory, and its version compared; at the end every value is read back.

use std::collections::{BTreeMap, BTreeSet};

use barrow_format::{
    Adjustment, AdjustmentKind, AssetSpec, BundleSpec, BundleWriter, Column, Compression, Encoding,
    LogicalType, MemorySink, PhysicalType, Provenance, Schema, Values, Version,
};
use proptest::prelude::*;

use crate::catalog::Catalog;
use crate::catalog::change::ChangeKind;
use crate::catalog::record::PartEntry;
use crate::error::Error;
use crate::instant::Instant;
use crate::pool::BundlePool;
use crate::reading::reader::Origin;
use crate::testing::{self, DAY};
use crate::writing::batch::AssetBars;
use crate::writing::publish::{Published, StageOptions};
use crate::writing::revision::Revision;
use crate::writing::revision_problem::RevisionProblem as Problem;

/// A bar: close, and the columns that came later; missing values are `None`.
#[derive(Debug, Clone, PartialEq)]
struct Bar {
    close: f64,
    lots: u32,
    later: Vec<Option<f32>>,
}

/// All content: the number of later columns, bars by asset and day, dividends by asset and day.
#[derive(Debug, Clone, Default)]
struct Model {
    later: usize,
    assets: BTreeMap<String, BTreeMap<i64, Bar>>,
    dividends: BTreeMap<(String, i64), f64>,
}

const NAN: f32 = f32::from_bits(0x7fc0_0000);

impl Model {
    fn later_column(place: usize) -> Column {
        Column::new(format!("later{place}"), PhysicalType::F32, LogicalType::Plain)
    }

    fn schema(&self) -> Schema {
        let mut columns = vec![
            Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
            Column::new("close", PhysicalType::F64, LogicalType::Price),
            Column::new("lots", PhysicalType::U32, LogicalType::Volume),
        ];
        columns.extend((0..self.later).map(Self::later_column));
        let daily = Schema::daily(&[]).unwrap();
        Schema::new(columns, daily.frequency(), "UTC", daily.stamp(), "").unwrap()
    }

    /// Writes everything in one go.
    fn in_one_go(&self, sink: &impl barrow_format::Sink) -> barrow_format::Written {
        let rows = |bars: &BTreeMap<i64, Bar>| u64::try_from(bars.len()).unwrap();
        let assets = self.assets.iter().map(|(symbol, bars)| AssetSpec::new(symbol, rows(bars)));
        let place = |symbol: &String| {
            u32::try_from(self.assets.keys().position(|other| other == symbol).unwrap()).unwrap()
        };
        let adjustments = self.dividends.iter().map(|((symbol, day), value)| Adjustment {
            asset: place(symbol),
            time: day * DAY,
            kind: AdjustmentKind::CashDividend,
            value: *value,
        });
        let spec = BundleSpec {
            schema: self.schema(),
            assets: assets.collect(),
            adjustments: adjustments.collect(),
            provenance: Provenance::default(),
        };
        let writer = BundleWriter::new(spec, sink).unwrap();
        for (asset, bars) in self.assets.values().enumerate() {
            let batch = Given::of(bars);
            for (column, (_, values)) in batch.columns(self.later).into_iter().enumerate() {
                writer.put(asset, column, values).unwrap();
            }
        }
        writer.finish().unwrap()
    }

    fn version(&self) -> Version {
        self.in_one_go(&MemorySink::new()).version
    }
}

/// Some bars as columns.
struct Given {
    times: Vec<i64>,
    closes: Vec<f64>,
    lots: Vec<u32>,
    later: Vec<Vec<f32>>,
}

impl Given {
    fn of(bars: &BTreeMap<i64, Bar>) -> Self {
        let width = bars.values().map(|bar| bar.later.len()).max().unwrap_or(0).max(8);
        let value = |bar: &Bar, place| bar.later.get(place).copied().flatten().unwrap_or(NAN);
        Self {
            times: bars.keys().map(|day| day * DAY).collect(),
            closes: bars.values().map(|bar| bar.close).collect(),
            lots: bars.values().map(|bar| bar.lots).collect(),
            later: (0..width)
                .map(|place| bars.values().map(|bar| value(bar, place)).collect())
                .collect(),
        }
    }

    fn columns(&self, later: usize) -> Vec<(String, Values<'_>)> {
        let mut columns = vec![
            ("time".to_owned(), Values::I64(&self.times)),
            ("close".to_owned(), Values::F64(&self.closes)),
            ("lots".to_owned(), Values::U32(&self.lots)),
        ];
        let later = (0..later)
            .map(|place| (Model::later_column(place).name, Values::F32(&self.later[place])));
        columns.extend(later);
        columns
    }
}

fn give(
    revision: &mut Revision,
    symbol: &str,
    bars: &BTreeMap<i64, Bar>,
    later: usize,
    corrects: bool,
) -> Result<(), Error> {
    let given = Given::of(bars);
    let columns = given.columns(later);
    let columns: Vec<(&str, Values<'_>)> =
        columns.iter().map(|(name, values)| (name.as_str(), *values)).collect();
    let bars = AssetBars { symbol, metadata: "", columns: &columns };
    if corrects { revision.correct(&bars) } else { revision.append(&bars) }
}

/// A step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// So many bars behind the last one of each of some assets, new ones included; as many of the bars that are there
    /// are given again.
    Append {
        assets: Vec<(u8, u8, u8)>,
        seed: u8,
    },
    /// Bars anywhere.
    Correct {
        asset: u8,
        days: Vec<u8>,
        seed: u8,
    },
    /// Bars go, as far as they are there.
    Remove {
        asset: u8,
        days: Vec<u8>,
    },
    /// The last correction is undone as far as bars were replaced.
    Undo,
    /// A dividend, new or with another value.
    Dividend {
        asset: u8,
        day: u8,
        value: u8,
    },
    /// A column that later bars may have.
    Column,
    Compact,
    /// All columns are compressed from now on.
    Compress,
    /// A revision that is begun and dropped.
    Abandon,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (prop::collection::vec((0u8..6, 0u8..4, 0u8..3), 1..5), any::<u8>())
        .prop_map(|(assets, seed)| Step::Append { assets, seed });
    let correct = (0u8..6, prop::collection::vec(0u8..60, 1..5), any::<u8>())
        .prop_map(|(asset, days, seed)| Step::Correct { asset, days, seed });
    let dividend = (0u8..6, 0u8..60, 1u8..5).prop_map(|(asset, day, value)| Step::Dividend {
        asset,
        day,
        value,
    });
    let remove = (0u8..6, prop::collection::vec(0u8..60, 1..40))
        .prop_map(|(asset, days)| Step::Remove { asset, days });
    let step = prop_oneof![
        8 => append, 4 => correct, 3 => remove, 2 => Just(Step::Undo), 1 => dividend, 1 => Just(Step::Column),
        1 => Just(Step::Compact), 1 => Just(Step::Compress), 1 => Just(Step::Abandon),
    ];
    prop::collection::vec(step, 1..14)
}

fn bar(seed: u8, asset: u8, day: i64, later: usize) -> Bar {
    let number = i16::from(seed) * 7 + i16::from(asset) * 31 + i16::try_from(day).unwrap();
    let close = if number % 13 == 0 { f64::NAN } else { f64::from(number) / 4.0 };
    let value = |place: usize| {
        let place = i16::try_from(place).unwrap();
        (number % 3 != 0).then(|| f32::from(number + place * 100))
    };
    Bar { close, lots: u32::from(number.unsigned_abs()), later: (0..later).map(value).collect() }
}

/// A catalog, the model of its one bundle, and what the last correction replaced.
struct Played {
    catalog: Catalog,
    model: Model,
    replaced: Option<(String, BTreeMap<i64, Bar>)>,
}

impl Played {
    fn symbol(asset: u8) -> String {
        format!("S{asset}")
    }

    fn revise(&self) -> Revision {
        self.catalog.revise("b", &StageOptions::default()).unwrap()
    }

    fn play(&mut self, step: &Step) {
        let published = match step {
            Step::Append { assets, seed } => self.append(assets, *seed),
            Step::Correct { asset, days, seed } => self.correct(*asset, days, *seed),
            Step::Remove { asset, days } => match self.remove(*asset, days) {
                Some(published) => published,
                None => return,
            },
            Step::Undo => match self.replaced.take() {
                Some((symbol, bars)) => self.put(&symbol, &bars, true),
                None => return,
            },
            Step::Dividend { asset, day, value } => {
                let (symbol, day, value) =
                    (Self::symbol(*asset), i64::from(*day), f64::from(*value));
                if !self.model.assets.contains_key(&symbol) {
                    return;
                }
                let mut revision = self.revise();
                let kind = AdjustmentKind::CashDividend;
                revision.correct_adjustment(&symbol, day * DAY, kind, value);
                self.model.dividends.insert((symbol, day), value);
                revision.publish().unwrap()
            }
            Step::Column if self.model.later < 4 => {
                let mut revision = self.revise();
                revision.add_column(&Model::later_column(self.model.later)).unwrap();
                self.model.later += 1;
                revision.publish().unwrap()
            }
            Step::Column => return,
            Step::Compact => {
                let before = self.catalog.head("b").unwrap();
                let published = self.catalog.compact("b", &StageOptions::default()).unwrap();
                assert_eq!(published.version, before.version);
                let entry = self.catalog.entry("b", published.version).unwrap();
                assert_eq!(entry.parts.len(), 1);
                published
            }
            Step::Compress => {
                let auto = vec![Compression::Auto; 3 + self.model.later];
                self.catalog.recompress("b", &auto, &StageOptions::default()).unwrap()
            }
            Step::Abandon => {
                let mut revision = self.revise();
                let new = BTreeMap::from([(1000, bar(1, 1, 1000, self.model.later))]);
                give(&mut revision, "S1", &new, self.model.later, false).unwrap();
                return;
            }
        };
        assert_eq!(published.version, self.model.version(), "after {step:?}");
        assert_eq!(self.catalog.head("b").unwrap().version, published.version);
    }

    fn append(&mut self, assets: &[(u8, u8, u8)], seed: u8) -> Published {
        let mut revision = self.revise();
        let later = self.model.later;
        let mut done = Vec::new();
        for &(asset, new, again) in assets {
            if done.contains(&asset) {
                continue;
            }
            done.push(asset);
            let bars = self.model.assets.entry(Self::symbol(asset)).or_default();
            let known = bars.iter().rev().take(usize::from(again));
            let mut given: BTreeMap<i64, Bar> =
                known.map(|(day, bar)| (*day, bar.clone())).collect();
            let last = bars.keys().next_back().copied().unwrap_or(0);
            for step in 0..i64::from(new) {
                let day = last + 1 + step * i64::from(1 + seed % 3);
                let bar = bar(seed, asset, day, later);
                given.insert(day, bar.clone());
                bars.insert(day, bar);
            }
            give(&mut revision, &Self::symbol(asset), &given, later, false).unwrap();
        }
        revision.publish().unwrap()
    }

    fn correct(&mut self, asset: u8, days: &[u8], seed: u8) -> Published {
        let later = self.model.later;
        let days = days.iter().map(|day| i64::from(*day));
        let given: BTreeMap<i64, Bar> =
            days.map(|day| (day, bar(seed, asset, day, later))).collect();
        let symbol = Self::symbol(asset);
        let known = self.model.assets.entry(symbol.clone()).or_default();
        let replaced = given.keys().filter_map(|day| Some((*day, known.get(day)?.clone())));
        self.replaced = Some((symbol.clone(), replaced.collect()));
        self.put(&symbol, &given, true)
    }

    /// Takes bars away; `None` where that is refused.
    fn remove(&mut self, asset: u8, days: &[u8]) -> Option<Published> {
        let symbol = Self::symbol(asset);
        let days: BTreeSet<i64> = days.iter().map(|day| i64::from(*day)).collect();
        let times: Vec<i64> = days.iter().map(|day| day * DAY).collect();
        let mut revision = self.revise();
        let Some(bars) = self.model.assets.get_mut(&symbol) else {
            let error = revision.remove(&symbol, &times).unwrap_err();
            let expected = Problem::NoAsset { symbol };
            assert!(matches!(error, Error::Revision { problem, .. } if problem == expected));
            return None;
        };
        revision.remove(&symbol, &times).unwrap();
        let before = bars.clone();
        bars.retain(|day, _| !days.contains(day));
        let removed = before.len() - bars.len();
        if removed > 0 && bars.is_empty() {
            if self.model.assets.len() == 1 {
                self.model.assets.insert(symbol, before);
                let error = revision.publish().unwrap_err();
                let nothing = Problem::NothingLeft;
                assert!(matches!(error, Error::Revision { problem, .. } if problem == nothing));
                return None;
            }
            self.model.assets.remove(&symbol);
            self.model.dividends.retain(|(other, _), _| *other != symbol);
        }
        let published = revision.publish().unwrap();
        assert_eq!(published.change.rows_removed, u64::try_from(removed).unwrap());
        Some(published)
    }

    fn put(&mut self, symbol: &str, bars: &BTreeMap<i64, Bar>, corrects: bool) -> Published {
        let mut revision = self.revise();
        give(&mut revision, symbol, bars, self.model.later, corrects).unwrap();
        let known = self.model.assets.entry(symbol.to_owned()).or_default();
        known.extend(bars.iter().map(|(day, bar)| (*day, bar.clone())));
        revision.publish().unwrap()
    }

    /// Compares every value with the model.
    fn check(&self) {
        let lease = BundlePool::new(1).lease(&self.catalog, "b").unwrap();
        assert_eq!(usize::try_from(lease.asset_count()).unwrap(), self.model.assets.len());
        for (symbol, bars) in &self.model.assets {
            let read = lease.bars(lease.asset(symbol).unwrap());
            let expected = Given::of(bars);
            for (name, values) in expected.columns(self.model.later) {
                let found = read.column(&name).unwrap();
                assert_eq!(found.as_bytes(), values.as_bytes(), "`{name}` of `{symbol}`");
                let last = read.last(2).column(&name).unwrap();
                let tail = values.slice(values.len().saturating_sub(2)..values.len()).unwrap();
                assert_eq!(last.as_bytes(), tail.as_bytes(), "the last of `{name}` of `{symbol}`");
            }
        }
        let verified = lease.verify(2);
        assert!(verified.ok(), "{:?}", verified.bad);
        let parts = &self.catalog.entry("b", lease.version()).unwrap().parts;
        let named = lease.bundle().parts().unwrap();
        assert_eq!(parts.len(), 1 + named.len());
    }
}

fn begin(model: Model) -> (tempfile::TempDir, Played) {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let staging = catalog.stage("b").unwrap();
    let written = model.in_one_go(staging.sink());
    staging.publish(written).unwrap();
    (dir, Played { catalog, model, replaced: None })
}

fn three_assets() -> Model {
    let bars = |asset, days: std::ops::Range<i64>| {
        (Played::symbol(asset), days.map(|day| (day, bar(3, asset, day, 0))).collect())
    };
    let assets = BTreeMap::from([bars(1, 0..9), bars(3, 2..30), bars(4, 0..0)]);
    Model { assets, ..Model::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn content_has_its_version_whatever_way_it_came(steps in steps()) {
        let (_dir, mut played) = begin(three_assets());
        for step in &steps {
            played.play(step);
        }
        played.check();
        let timeline = played.catalog.timeline("b").unwrap();
        prop_assert!(timeline.is_sorted_by(|new, old| new.generation > old.generation && new.published_ns >= old.published_ns));
    }
}

/// Counts what lies between two models by looking at every bar.
fn naive_difference(a: &Model, b: &Model) -> (u64, u64, u64, Vec<[u64; 3]>) {
    let (mut added, mut removed, mut changed) = (0, 0, 0);
    let later = a.later.max(b.later);
    let mut columns = vec![[0; 3]; 3 + later];
    let cells = |bar: &Bar| {
        let mut cells = vec![Some(0), Some(bar.close.to_bits()), Some(u64::from(bar.lots))];
        let place =
            |place| bar.later.get(place).copied().flatten().map(|it| u64::from(f32::to_bits(it)));
        cells.extend((0..later).map(place));
        cells
    };
    let present = |column: usize, cell: &Option<u64>| {
        cell.is_some_and(|bits| column != 1 || !f64::from_bits(bits).is_nan())
    };
    let symbols: BTreeSet<_> = a.assets.keys().chain(b.assets.keys()).collect();
    for symbol in symbols {
        let none = BTreeMap::new();
        let (x, y) = (a.assets.get(symbol).unwrap_or(&none), b.assets.get(symbol).unwrap_or(&none));
        let days: BTreeSet<_> = x.keys().chain(y.keys()).collect();
        for day in days {
            match (x.get(day).map(cells), y.get(day).map(cells)) {
                (Some(x), Some(y)) => {
                    let mut differs = false;
                    for (column, (x, y)) in x.iter().zip(&y).enumerate() {
                        // A column that only one of them has adds or removes values instead.
                        let one = column >= 3 + a.later.min(b.later);
                        if one {
                            columns[column][0] += u64::from(present(column, y));
                            columns[column][1] += u64::from(present(column, x));
                        } else if x != y {
                            columns[column][2] += 1;
                            differs = true;
                        }
                    }
                    changed += u64::from(differs);
                }
                (x, y) => {
                    let (side, bar) = if y.is_some() { (0, y) } else { (1, x) };
                    for (column, cell) in bar.unwrap().iter().enumerate() {
                        columns[column][side] += u64::from(present(column, cell));
                    }
                    added += u64::from(side == 0);
                    removed += u64::from(side == 1);
                }
            }
        }
    }
    (added, removed, changed, columns)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn differences_are_those_of_every_bar(before in steps(), after in steps(), alone: bool) {
        let (_dir, mut played) = begin(three_assets());
        for step in &before {
            played.play(step);
        }
        let (old, version) = (played.model.clone(), played.catalog.head("b").unwrap().version);
        for step in &after {
            played.play(step);
        }
        let pool = BundlePool::new(4);
        let lease = |spec: &str| pool.lease(&played.catalog, spec).unwrap();
        let first = lease(&format!("b@{version}"));
        let second = if alone {
            // Written anew, so that no file is shared and every bar is compared.
            let staging = played.catalog.stage("c").unwrap();
            let written = played.model.in_one_go(staging.sink());
            staging.publish(written).unwrap();
            lease("c")
        } else {
            lease("b")
        };
        for (a, b, x, y) in [(&first, &second, &old, &played.model), (&second, &first, &played.model, &old)] {
            let found = crate::Difference::between(a, b).unwrap();
            let counts: Vec<_> = found.columns.iter()
                .map(|it| [it.values_added, it.values_removed, it.values_changed]).collect();
            let expected = naive_difference(x, y);
            prop_assert_eq!((found.rows_added, found.rows_removed, found.rows_changed, counts), expected);
            prop_assert_eq!(found.is_empty(), a.version() == b.version());
        }
    }
}

#[test]
fn bars_that_are_there_are_passed_over_or_refused_with_their_time() {
    let (_dir, mut played) = begin(three_assets());
    let before = played.catalog.head("b").unwrap();
    let same = played.model.assets["S1"].clone();
    let published = played.put("S1", &same, false);
    assert!(published.unchanged && published.change.rows_added == 0);
    assert_eq!(played.catalog.head("b").unwrap(), before);

    let mut revision = played.revise();
    let other = BTreeMap::from([(8, bar(4, 1, 8, 0)), (9, bar(4, 1, 9, 0))]);
    let error = give(&mut revision, "S1", &other, 0, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bundle `b` cannot be revised: `S1` has a bar at 1970-01-09 with another `close`"
    );
    let early = BTreeMap::from([(1, bar(4, 3, 1, 0))]);
    let error = give(&mut revision, "S3", &early, 0, false).unwrap_err();
    let text = "`S3` has no bar at 1970-01-02, which lies before its last at 1970-01-30";
    assert!(error.to_string().ends_with(text), "{error}");
    // What was refused has left nothing behind.
    let new = BTreeMap::from([(9, bar(4, 1, 9, 0))]);
    give(&mut revision, "S1", &new, 0, false).unwrap();
    played.model.assets.get_mut("S1").unwrap().extend(new);
    let published = revision.publish().unwrap();
    assert_eq!(published.version, played.model.version());
    assert_eq!((published.change.kind, published.change.rows_added), (ChangeKind::Append, 1));
    played.check();
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_dir, played) = begin(three_assets());
    let mut revision = played.revise();
    let mut refused = |columns: &[(&str, Values<'_>)]| {
        let bars = AssetBars { symbol: "S9", metadata: "", columns };
        match revision.append(&bars) {
            Err(Error::Revision { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    };
    let time = ("time", Values::I64(&[0, DAY]));
    let lots = ("lots", Values::U32(&[1, 2]));
    assert!(matches!(refused(&[lots]), Problem::Rows { column, .. } if column == "lots"));
    assert!(matches!(refused(&[]), Problem::Rows { column, .. } if column == "time"));
    assert!(
        matches!(refused(&[time, time, lots]), Problem::Rows { column, .. } if column == "time")
    );
    assert!(matches!(
        refused(&[time, ("lots", Values::U32(&[1]))]),
        Problem::Rows { found: 1, .. }
    ));
    assert!(matches!(refused(&[time, ("x", Values::U32(&[1, 2]))]), Problem::NoColumn { .. }));
    assert!(matches!(
        refused(&[time, ("lots", Values::F64(&[1.0, 2.0]))]),
        Problem::ColumnType { .. }
    ));
    assert!(matches!(
        refused(&[("time", Values::I64(&[5, 5])), lots]),
        Problem::Order { row: 1, .. }
    ));
    assert!(matches!(refused(&[time]), Problem::NoMissing { column, .. } if column == "lots"));
    let mut add = |name: &str, physical| {
        let added = revision.add_column(&Column::new(name, physical, LogicalType::Plain));
        added.map_err(|error| match error {
            Error::Revision { problem, .. } => problem,
            other => panic!("{other}"),
        })
    };
    assert!(matches!(add("n", PhysicalType::I32), Err(Problem::NoMissing { .. })));
    assert!(matches!(add("close", PhysicalType::F64), Err(Problem::ColumnType { .. })));
    assert_eq!(add("x", PhysicalType::F64), Ok(()));
    let columns = [time, lots];
    let bars = AssetBars { symbol: "S9", metadata: "", columns: &columns };
    revision.append(&bars).unwrap();
    assert!(matches!(
        revision.append(&bars),
        Err(Error::Revision { problem: Problem::Twice { .. }, .. })
    ));
    revision.append_adjustment("S8", 0, AdjustmentKind::Split, 2.0);
    let error = revision.publish().unwrap_err();
    assert!(error.to_string().ends_with("there is no asset `S8` to adjust"), "{error}");
    assert_eq!(played.catalog.history("b").unwrap().len(), 1);
}

#[test]
fn an_adjustment_with_another_value_is_a_correction() {
    let (_dir, played) = begin(three_assets());
    let dividend = |value, corrects| {
        let mut revision = played.revise();
        let kind = AdjustmentKind::CashDividend;
        if corrects {
            revision.correct_adjustment("S3", DAY, kind, value);
        } else {
            revision.append_adjustment("S3", DAY, kind, value);
        }
        revision.publish()
    };
    assert_eq!(dividend(0.5, false).unwrap().change.adjustments_changed, 1);
    assert!(dividend(0.5, false).unwrap().unchanged);
    let error = dividend(0.75, false).unwrap_err().to_string();
    assert!(
        error.ends_with("has a cash dividend at 1970-01-02 with another value: 0.5, not 0.75"),
        "{error}"
    );
    assert_eq!(dividend(0.75, true).unwrap().change.kind, ChangeKind::Correct);
}

#[test]
fn slices_come_from_the_map_where_one_file_holds_them() {
    let (_dir, mut played) = begin(three_assets());
    let new = (30..32).map(|day| (day, bar(5, 3, day, 0))).collect();
    played.put("S3", &new, false);
    let lease = BundlePool::new(1).lease(&played.catalog, "b").unwrap();
    let bars = lease.bars(lease.asset("S3").unwrap());
    let origin = |bars: crate::Bars<'_>| bars.origin("close").unwrap();
    assert_eq!((bars.len(), origin(bars)), (30, Origin::Decoded));
    assert_eq!(origin(bars.first(28)), Origin::Mapped);
    assert_eq!(origin(bars.last(2)), Origin::Mapped);
    assert_eq!(origin(bars.last(3)), Origin::Decoded);
    let untouched = lease.bars(lease.asset("S1").unwrap());
    assert_eq!(origin(untouched), Origin::Mapped);
    assert_eq!(bars.last(2).time(), [30 * DAY, 31 * DAY]);
    let address = bars.last(2).time().as_ptr();
    assert_eq!(address, bars.last(2).time().as_ptr());
    assert_eq!(lease.f64("close").unwrap().len(), lease.rows());
}

#[test]
fn a_missing_or_damaged_part_is_named_and_the_rest_is_read() {
    let (_dir, mut played) = begin(three_assets());
    let base = played.catalog.entry("b", played.catalog.head("b").unwrap().version).unwrap();
    // Values that no other test has, whose series the process would share.
    let new = BTreeMap::from([(9, bar(177, 1, 9, 0))]);
    played.put("S9", &BTreeMap::from([(9, bar(5, 9, 9, 0))]), false);
    played.put("S1", &new, false);
    let path = played.catalog.dir("b").part(base.parts[0].digest);
    std::fs::remove_file(&path).unwrap();
    let lease = BundlePool::new(1).lease(&played.catalog, "b").unwrap();
    let bars = |symbol| lease.bars(lease.asset(symbol).unwrap());
    assert_eq!(bars("S9").column("close").unwrap().len(), 1);
    assert_eq!(bars("S1").last(1).column("close").unwrap().len(), 1);
    let error = bars("S1").column("close").unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open `{}`", path.display()));
    let verified = lease.verify(1);
    assert!(
        verified.bad.iter().any(|defect| defect.to_string().contains("part `")),
        "{:?}",
        verified.bad
    );
    std::fs::write(&path, "no bundle").unwrap();
    let lease = BundlePool::new(1).lease(&played.catalog, "b").unwrap();
    let error = lease.bars(lease.asset("S3").unwrap()).column("close").unwrap_err();
    assert!(matches!(&error, Error::Corrupt { path: named, .. } if *named == path), "{error}");
    // The next writer that needs the rows says so as well, and publishes nothing.
    let mut revision = played.revise();
    let same = played.model.assets["S3"].clone();
    assert!(give(&mut revision, "S3", &same, 0, false).is_err());
}

#[test]
fn versions_are_restored_and_read_as_of_a_moment() {
    let (_dir, mut played) = begin(three_assets());
    let first = played.catalog.head("b").unwrap().version;
    let second = played.put("S1", &BTreeMap::from([(9, bar(5, 1, 9, 0))]), false).version;
    let options = StageOptions::default();
    let restored = played.catalog.restore("b", first, &options).unwrap();
    assert_eq!((restored.generation, restored.parent), (3, Some(second)));
    assert_eq!(restored.change.kind, ChangeKind::Restore);
    assert!(played.catalog.restore("b", first, &options).unwrap().unchanged);
    let timeline = played.catalog.timeline("b").unwrap();
    let kinds: Vec<_> = timeline.iter().map(|it| (it.version.version, it.change.kind)).collect();
    let expected =
        [(first, ChangeKind::Restore), (second, ChangeKind::Append), (first, ChangeKind::Ingest)];
    assert_eq!(kinds, expected);
    for publication in &timeline {
        let moment = Instant(publication.published_ns);
        let found = played.catalog.version_at("b", moment).unwrap();
        assert_eq!(found, publication.version.version);
    }
    let before = Instant(timeline[2].published_ns - 1);
    assert!(matches!(played.catalog.version_at("b", before), Err(Error::NothingYet { .. })));
    let unknown = Version::from_bytes([1; 32]);
    let error = played.catalog.restore("b", unknown, &options).unwrap_err();
    assert!(matches!(error, Error::UnknownVersion { .. }), "{error}");
}

#[test]
fn a_compacted_version_keeps_its_place_and_its_readers() {
    let (_dir, mut played) = begin(three_assets());
    played.put("S1", &BTreeMap::from([(9, bar(5, 1, 9, 0))]), false);
    let pool = BundlePool::new(1);
    let old = pool.lease(&played.catalog, "b").unwrap();
    let before = played.catalog.history("b").unwrap();
    let compacted = played.catalog.compact("b", &StageOptions::default()).unwrap();
    assert!(!compacted.unchanged);
    assert_eq!(compacted.version, old.version());
    let after = played.catalog.history("b").unwrap();
    assert_eq!(after.len(), 2);
    assert_eq!((after[0].parts.len(), after[0].generation), (1, before[0].generation));
    assert_eq!(
        (after[0].change, after[0].published_ns),
        (before[0].change, before[0].published_ns)
    );
    let new = pool.lease(&played.catalog, "b").unwrap();
    assert_ne!(new.path(), old.path());
    let close = |lease: &crate::Lease| {
        let bars = lease.bars(lease.asset("S1").unwrap());
        bars.column("close").unwrap().as_bytes().to_vec()
    };
    assert_eq!(close(&old), close(&new));
    assert!(!old.path().exists(), "no version needs the file any more");
    assert!(played.catalog.compact("b", &StageOptions::default()).unwrap().unchanged);
}

#[test]
fn a_version_is_stored_in_another_way_and_stays_what_it_is() {
    let (_dir, mut played) = begin(three_assets());
    played.put("S1", &BTreeMap::from([(9, bar(5, 1, 9, 0))]), false);
    let history = played.catalog.history("b").unwrap();
    let options = StageOptions::default();
    let (auto, raw) = ([Compression::None, Compression::Auto, Compression::Zstd], []);
    for (wanted, stored) in [(&raw[..], 0), (&auto, 2), (&raw, 0)] {
        let published = played.catalog.recompress("b", wanted, &options).unwrap();
        assert_eq!((published.version, published.unchanged), (history[0].version, false));
        let lease = BundlePool::new(0).lease(&played.catalog, "b").unwrap();
        let blocks = (0..3).filter(|at| lease.bundle().encoding(*at) == Encoding::Blocks);
        assert_eq!(blocks.count(), stored);
        drop(lease);
        played.check();
        let again = played.catalog.recompress("b", wanted, &options).unwrap();
        assert!(again.unchanged, "{wanted:?}");
    }
    assert_eq!(played.catalog.history("b").unwrap().len(), history.len());
}

#[test]
fn what_is_appended_to_a_compressed_bundle_is_compressed_where_it_is_much() {
    let (_dir, mut played) = begin(three_assets());
    played.play(&Step::Compress);
    let stored = |played: &Played| {
        let lease = BundlePool::new(0).lease(&played.catalog, "b").unwrap();
        let version = lease.version();
        let parts = played.catalog.entry("b", version).unwrap().parts;
        let path = |part: &PartEntry| played.catalog.dir("b").part(part.digest);
        let encoding = |part: &PartEntry| {
            let pool = BundlePool::new(0);
            let file = pool.lease_file(path(part));
            (part.rows, file.map(|file| file.bundle().encoding(1)).unwrap())
        };
        parts.iter().map(encoding).collect::<Vec<_>>()
    };
    let days = |days: std::ops::Range<i64>| -> BTreeMap<i64, Bar> {
        days.map(|day| (day, bar(5, 1, day, 0))).collect()
    };
    // The first of parts is the head.
    played.put("S1", &days(9..11), false);
    assert_eq!(stored(&played)[0], (2, Encoding::Segments), "few rows are left as they are");
    played.put("S1", &days(11..16), false);
    let (head, others) = (stored(&played)[0], stored(&played)[1..].to_vec());
    assert_eq!(head, (0, Encoding::Segments));
    assert!(others.contains(&(5, Encoding::Blocks)), "{others:?}");
    for day in 16..80 {
        played.put("S1", &days(day..day + 1), false);
    }
    let parts = stored(&played);
    assert!(parts.len() < 16, "{parts:?}");
    let raw: u64 = parts.iter().filter(|it| it.1 != Encoding::Blocks).map(|it| it.0).sum();
    assert!(raw < 8, "tiers that are merged are compressed: {parts:?}");
    played.check();
}

#[test]
fn appends_write_in_proportion_and_leave_few_parts() {
    let (_dir, mut played) = begin(three_assets());
    let (mut written, mut most) = (0, 0);
    let mut all = Vec::new();
    for day in 9..309 {
        all.push(BTreeMap::from([(day, bar(5, 1, day, 0))]));
    }
    for bars in &all {
        let published = played.put("S1", bars, false);
        let entry = played.catalog.entry("b", published.version).unwrap();
        written += entry.parts[0].rows;
        most = most.max(entry.parts.len());
    }
    // 300 rows in files of 1, 8, 64 and 512 rows: each row is written once a level, and a level has seven files.
    assert!(written <= 300 * 4, "{written} rows written");
    assert!(most <= 7 * 3 + 2, "{most} parts");
    assert_eq!(played.catalog.head("b").unwrap().version, played.model.version());
    played.check();
}
