//! Small bundles made in a temporary directory, from data that the tests also keep for themselves.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use barrow_format::{
    Adjustment, AssetSpec, BundleSpec, BundleWriter, MemorySink, Provenance, Schema, Values,
};
use barrow_store::{BundlePool, Lease};
use proptest::prelude::*;

/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// The bars of all assets as plain rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Market {
    pub(crate) assets: Vec<AssetBars>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AssetBars {
    pub(crate) symbol: String,
    pub(crate) bars: Vec<Bar>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    pub(crate) time: i64,
    pub(crate) open: f64,
    /// In hundredths, or [`NO_CLOSE`].
    pub(crate) close_cents: i64,
}

/// A close that is NaN.
pub(crate) const NO_CLOSE: i64 = i64::MIN;

impl Bar {
    pub(crate) fn close(&self) -> f64 {
        if self.close_cents == NO_CLOSE { f64::NAN } else { cents(self.close_cents) }
    }
}

/// A count as an f64.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// The f64 that a price of so many hundredths is read as.
pub(crate) fn cents(value: i64) -> f64 {
    format!("{value}e-2").parse().unwrap()
}

impl Market {
    /// A market from closes in hundredths; `None` is a day without a bar. Opens are a cent higher.
    pub(crate) fn of(closes: &[(&str, &[Option<i64>])]) -> Market {
        let asset = |(symbol, closes): &(&str, &[Option<i64>])| AssetBars {
            symbol: (*symbol).to_owned(),
            bars: (0_i64..)
                .zip(closes.iter())
                .filter_map(|(day, close)| {
                    let close_cents = (*close)?;
                    Some(Bar { time: day * DAY, open: cents(close_cents + 1), close_cents })
                })
                .collect(),
        };
        Market { assets: closes.iter().map(asset).collect() }
    }

    /// All timestamps, ascending.
    pub(crate) fn clock(&self) -> Vec<i64> {
        let times = self.assets.iter().flat_map(|asset| asset.bars.iter().map(|bar| bar.time));
        times.collect::<BTreeSet<i64>>().into_iter().collect()
    }

    /// The market as it was known after `time`.
    pub(crate) fn until(&self, time: i64) -> Market {
        let mut market = self.clone();
        for asset in &mut market.assets {
            asset.bars.retain(|bar| bar.time <= time);
        }
        market
    }

    /// Writes the bundle and leases it. The file is gone afterwards, the lease stays valid.
    pub(crate) fn lease(&self) -> Lease {
        self.lease_with(Vec::new())
    }

    /// As [`Market::lease`], with splits and dividends.
    pub(crate) fn lease_with(&self, adjustments: Vec<Adjustment>) -> Lease {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = directory.path().join(format!("market-{number}.barrow"));
        std::fs::write(&path, self.bytes(adjustments)).unwrap();
        BundlePool::new(1).lease_file(&path).unwrap()
    }

    fn bytes(&self, adjustments: Vec<Adjustment>) -> Vec<u8> {
        let sink = MemorySink::new();
        let spec = BundleSpec {
            schema: Schema::daily(&[]).unwrap(),
            assets: self
                .assets
                .iter()
                .map(|asset| AssetSpec::new(&asset.symbol, asset.bars.len() as u64))
                .collect(),
            adjustments,
            provenance: Provenance { tool: "engine tests".to_owned(), sources: Vec::new() },
        };
        let writer = BundleWriter::new(spec, &sink).unwrap();
        for (at, asset) in self.assets.iter().enumerate() {
            let column = |of: fn(&Bar) -> f64| asset.bars.iter().map(of).collect::<Vec<f64>>();
            let times: Vec<i64> = asset.bars.iter().map(|bar| bar.time).collect();
            writer.put(at, 0, Values::I64(&times)).unwrap();
            writer.put(at, 1, Values::F64(&column(|bar| bar.open))).unwrap();
            writer.put(at, 2, Values::F64(&column(|bar| bar.open.max(bar.close())))).unwrap();
            writer.put(at, 3, Values::F64(&column(|bar| bar.open.min(bar.close())))).unwrap();
            writer.put(at, 4, Values::F64(&column(Bar::close))).unwrap();
            writer.put(at, 5, Values::F64(&column(|_| 1000.0))).unwrap();
        }
        writer.finish().unwrap();
        sink.into_bytes()
    }
}

/// Bars (present, open, close), first day, whether all are present.
type Random = (Vec<(bool, i64, i64)>, usize, bool);

/// Random markets: up to `assets` assets on a calendar of up to `days` days, with and without gaps,
/// late starts and early ends; closes of few distinct values, so that means are often equal.
pub(crate) fn markets(assets: usize, days: usize) -> impl Strategy<Value = Market> {
    let bar = (any::<bool>(), 900_i64..1_100, 995_i64..1_006);
    let asset =
        (prop::collection::vec(bar, 1..=days), 0..days, prop_oneof![Just(true), any::<bool>()]);
    prop::collection::vec(asset, 1..=assets).prop_map(|assets| {
        let asset = |(at, (bars, start, gap_free)): (usize, Random)| AssetBars {
            symbol: format!("S{at}"),
            bars: (i64::try_from(start).unwrap()..)
                .zip(bars)
                .enumerate()
                .filter(|(row, (_, (present, ..)))| *row == 0 || gap_free || *present)
                .map(|(_, (day, (_, open, close_cents)))| Bar {
                    time: day * DAY,
                    open: cents(open),
                    close_cents,
                })
                .collect(),
        };
        Market { assets: assets.into_iter().enumerate().map(asset).collect() }
    })
}
