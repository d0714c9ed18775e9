//! A bundle that is revised step by step, beside a naive model of its content: a map from asset and day to values. The model
//! is written in one go by [`BundleWriter`] into memory, to compare versions, and read back value by value.

use std::collections::{BTreeMap, BTreeSet};

use barrow_format::{
    Adjustment, AdjustmentKind, AssetSpec, BundleSpec, BundleWriter, Column, Compression,
    LogicalType, MemorySink, PhysicalType, Provenance, Schema, Values, Version,
};
use proptest::prelude::*;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::pool::BundlePool;
use crate::testing::{self, DAY};
use crate::writing::batch::AssetBars;
use crate::writing::publish::{Published, StageOptions};
use crate::writing::revision::Revision;
use crate::writing::revision_problem::RevisionProblem as Problem;

/// A bar: close, and the columns that came later; missing values are `None`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) close: f64,
    pub(super) lots: u32,
    pub(super) later: Vec<Option<f32>>,
}

/// All content: the number of later columns, bars by asset and day, dividends by asset and day.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) later: usize,
    pub(super) assets: BTreeMap<String, BTreeMap<i64, Bar>>,
    pub(super) dividends: BTreeMap<(String, i64), f64>,
}

pub(super) const NAN: f32 = f32::from_bits(0x7fc0_0000);

impl Model {
    pub(super) fn later_column(place: usize) -> Column {
        Column::new(format!("later{place}"), PhysicalType::F32, LogicalType::Plain)
    }

    pub(super) fn schema(&self) -> Schema {
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
    pub(super) fn in_one_go(&self, sink: &impl barrow_format::Sink) -> barrow_format::Written {
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

    pub(super) fn version(&self) -> Version {
        self.in_one_go(&MemorySink::new()).version
    }
}

/// Some bars as columns.
pub(super) struct Given {
    pub(super) times: Vec<i64>,
    pub(super) closes: Vec<f64>,
    pub(super) lots: Vec<u32>,
    pub(super) later: Vec<Vec<f32>>,
}

impl Given {
    pub(super) fn of(bars: &BTreeMap<i64, Bar>) -> Self {
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

    pub(super) fn columns(&self, later: usize) -> Vec<(String, Values<'_>)> {
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

pub(super) fn give(
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
pub(super) enum Step {
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

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
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

pub(super) fn bar(seed: u8, asset: u8, day: i64, later: usize) -> Bar {
    let number = i16::from(seed) * 7 + i16::from(asset) * 31 + i16::try_from(day).unwrap();
    let close = if number % 13 == 0 { f64::NAN } else { f64::from(number) / 4.0 };
    let value = |place: usize| {
        let place = i16::try_from(place).unwrap();
        (number % 3 != 0).then(|| f32::from(number + place * 100))
    };
    Bar { close, lots: u32::from(number.unsigned_abs()), later: (0..later).map(value).collect() }
}

/// A catalog, the model of its one bundle, and what the last correction replaced.
pub(super) struct Played {
    pub(super) catalog: Catalog,
    pub(super) model: Model,
    pub(super) replaced: Option<(String, BTreeMap<i64, Bar>)>,
}

impl Played {
    pub(super) fn symbol(asset: u8) -> String {
        format!("S{asset}")
    }

    pub(super) fn revise(&self) -> Revision {
        self.catalog.revise("b", &StageOptions::default()).unwrap()
    }

    pub(super) fn play(&mut self, step: &Step) {
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

    pub(super) fn append(&mut self, assets: &[(u8, u8, u8)], seed: u8) -> Published {
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

    pub(super) fn correct(&mut self, asset: u8, days: &[u8], seed: u8) -> Published {
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
    pub(super) fn remove(&mut self, asset: u8, days: &[u8]) -> Option<Published> {
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

    pub(super) fn put(
        &mut self,
        symbol: &str,
        bars: &BTreeMap<i64, Bar>,
        corrects: bool,
    ) -> Published {
        let mut revision = self.revise();
        give(&mut revision, symbol, bars, self.model.later, corrects).unwrap();
        let known = self.model.assets.entry(symbol.to_owned()).or_default();
        known.extend(bars.iter().map(|(day, bar)| (*day, bar.clone())));
        revision.publish().unwrap()
    }

    /// Compares every value with the model.
    pub(super) fn check(&self) {
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

pub(super) fn begin(model: Model) -> (tempfile::TempDir, Played) {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let staging = catalog.stage("b").unwrap();
    let written = model.in_one_go(staging.sink());
    staging.publish(written).unwrap();
    (dir, Played { catalog, model, replaced: None })
}

pub(super) fn three_assets() -> Model {
    let bars = |asset, days: std::ops::Range<i64>| {
        (Played::symbol(asset), days.map(|day| (day, bar(3, asset, day, 0))).collect())
    };
    let assets = BTreeMap::from([bars(1, 0..9), bars(3, 2..30), bars(4, 0..0)]);
    Model { assets, ..Model::default() }
}
