//! Markets that might have been, as bundles in memory: the bars of a lease with their moves in another order,
//! or with noise on their returns.

use std::path::Path;

use anyhow::Context as _;
use barrow_engine::Scope;
use barrow_engine::validation::{Ohlc, Reordered, Reordering};
use barrow_format::{
    Asset, AssetSpec, BundleSpec, BundleWriter, Column, LogicalType, MemorySink, PhysicalType,
    Provenance, Schema, Values,
};
use barrow_store::{BundlePool, Lease};
use tempfile::NamedTempFile;

use crate::hint::Complaint;
use crate::scratch;

/// Why a market could not be read or made: what kept it is in its chain, as an error of the store.
pub type Error = anyhow::Error;

/// The bars of some assets, as they were.
#[derive(Debug)]
pub struct Market<'l> {
    lease: &'l Lease,
    assets: Vec<Bars<'l>>,
    /// For each tick of the calendar, which others its moves may change places with.
    kinds: Vec<Option<u64>>,
    schema: Schema,
}

#[derive(Debug)]
struct Bars<'l> {
    asset: Asset,
    times: &'l [i64],
    /// Places on the calendar.
    ticks: Vec<usize>,
    prices: Ohlc,
}

/// A market that might have been. Its file, in memory where the system has such files, goes with it.
#[derive(Debug)]
pub struct Imagined {
    /// Its bars.
    pub lease: Lease,
    file: NamedTempFile,
}

impl Imagined {
    /// Where other processes find the bars.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

impl<'l> Market<'l> {
    /// Reads the bars of a scope's assets. Moves within its period change places among each other: those that
    /// begin a day (UTC) with such, as a night lies in them, and those from `apart` on with such.
    ///
    /// # Errors
    /// When the bars cannot be read, or a price is not above zero.
    pub fn read(lease: &'l Lease, scope: &Scope, apart: Option<i64>) -> anyhow::Result<Market<'l>> {
        let calendar = lease.timestamps()?;
        let is_within = |time: i64| {
            scope.from.is_none_or(|from| time >= from) && scope.to.is_none_or(|to| time <= to)
        };
        let day = |time: i64| time.div_euclid(86_400_000_000_000);
        let kind = |(at, time): (usize, &i64)| {
            let begins = at == 0 || day(calendar[at - 1]) != day(*time);
            let behind = apart.is_some_and(|apart| *time >= apart);
            is_within(*time).then_some(u64::from(begins) + 2 * u64::from(behind))
        };
        let handles = scope.assets_in(lease)?;
        let assets = handles.into_iter().map(|asset| Bars::read(lease, asset));
        Ok(Market {
            lease,
            assets: assets.collect::<anyhow::Result<_>>()?,
            kinds: calendar.iter().enumerate().map(kind).collect(),
            schema: numbers_of(lease.schema())?,
        })
    }

    /// The share of the period's ticks whose moves can change places.
    pub fn free(&self) -> f64 {
        let within = self.kinds.iter().flatten().count();
        let free = self.reordering(0, 0).free();
        crate::numbers::float_len(free) / crate::numbers::float_len(within.max(1))
    }

    /// The market with its moves in another order, the same for all assets.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn permuted(&self, seed: u64, draw: u64) -> anyhow::Result<Imagined> {
        let order = self.reordering(seed, draw);
        self.imagined(|bars| Ok(order.apply(&bars.prices, &bars.ticks)?))
    }

    /// The market with noise on the returns of its closes, the same for all assets at a tick: see
    /// [`Ohlc::with_noise`].
    ///
    /// # Errors
    /// As [`Market::permuted`].
    pub fn noisy(&self, sigma: f64, seed: u64, draw: u64) -> anyhow::Result<Imagined> {
        let noise = Ohlc::noise(self.kinds.len(), seed, draw);
        self.imagined(|bars| {
            let own: Vec<f64> = bars.ticks.iter().map(|tick| noise[*tick]).collect();
            let noisy = bars.prices.with_noise(sigma, &own)?;
            let factors = noisy.close.iter().zip(&bars.prices.close).map(|(new, old)| new / old);
            let (factors, rows) = (factors.collect(), (0..bars.ticks.len()).collect());
            Ok(Reordered { bars: noisy, rows, factors })
        })
    }

    fn reordering(&self, seed: u64, draw: u64) -> Reordering {
        let ticks: Vec<&[usize]> = self.assets.iter().map(|bars| &bars.ticks[..]).collect();
        Reordering::draw(&ticks, &self.kinds, seed, draw)
    }

    /// Writes a bundle whose bars are those that `change` makes of the market's, and leases it.
    fn imagined(
        &self,
        change: impl Fn(&Bars<'l>) -> anyhow::Result<Reordered>,
    ) -> anyhow::Result<Imagined> {
        let spec = |bars: &Bars<'_>| AssetSpec::new(self.lease.symbol(bars.asset), bars.rows());
        let sink = MemorySink::new();
        let spec = BundleSpec {
            schema: self.schema.clone(),
            assets: self.assets.iter().map(spec).collect(),
            adjustments: Vec::new(),
            provenance: Provenance { tool: "imagined".to_owned(), sources: Vec::new() },
        };
        let writer = BundleWriter::new(spec, &sink)?;
        for (place, bars) in self.assets.iter().enumerate() {
            // A single bar has no move.
            let changed = if bars.times.len() < 2 { bars.unchanged() } else { change(bars)? };
            writer.put(place, 0, Values::I64(bars.times))?;
            for (at, column) in self.schema.columns().iter().enumerate().skip(1) {
                let values = self.values(bars, &changed, column)?;
                writer.put(place, at, Values::F64(&values))?;
            }
        }
        writer.finish()?;
        let said = || format!("cannot write a market to `{}`", scratch::folder().display());
        let file = scratch::file(&sink.into_bytes()).with_context(said)?;
        Ok(Imagined { lease: BundlePool::new(1).lease_file(file.path())?, file })
    }

    /// A column of changed bars: the prices, other prices moved along with them, and what else belongs to a
    /// bar.
    fn values(
        &self,
        bars: &Bars<'_>,
        changed: &Reordered,
        column: &Column,
    ) -> anyhow::Result<Vec<f64>> {
        let own = match column.name.as_str() {
            "open" => &changed.bars.open,
            "high" => &changed.bars.high,
            "low" => &changed.bars.low,
            "close" => &changed.bars.close,
            name => {
                let old = self.lease.bars(bars.asset).f64(name)?;
                let is_price = column.logical == LogicalType::Price;
                let value = |(row, factor): (&usize, &f64)| {
                    if is_price { old[*row] * factor } else { old[*row] }
                };
                return Ok(changed.rows.iter().zip(&changed.factors).map(value).collect());
            }
        };
        Ok(own.clone())
    }
}

impl<'l> Bars<'l> {
    fn read(lease: &'l Lease, asset: Asset) -> anyhow::Result<Bars<'l>> {
        let bars = lease.bars(asset);
        let times = bars.times()?;
        let calendar = lease.timestamps()?;
        let ticks = times.iter().map(|time| calendar.partition_point(|other| other < time));
        let has = |name: &str| lease.schema().column_index(name).is_some();
        let (open, close) = (bars.f64("open")?.to_vec(), bars.f64("close")?.to_vec());
        let or = |name: &str, other: fn(f64, f64) -> f64| -> anyhow::Result<Vec<f64>> {
            if has(name) {
                return Ok(bars.f64(name)?.to_vec());
            }
            Ok(open.iter().zip(&close).map(|(open, close)| other(*open, *close)).collect())
        };
        let (high, low) = (or("high", f64::max)?, or("low", f64::min)?);
        let all = [&open, &high, &low, &close];
        let odd =
            all.iter().flat_map(|prices| prices.iter()).find(|p| !(p.is_finite() && **p > 0.0));
        if let Some(odd) = odd {
            let symbol = lease.symbol(asset);
            let said =
                format!("`{symbol}` has a price of {odd}: moves are ratios of prices above zero");
            let hint = format!(
                "leave it out with `--assets`; `barrow query {} --assets {symbol} --filter \
                 'not (low > 0)'` shows the bars",
                lease.name()
            );
            return Err(Complaint::new(said).hint(hint).into());
        }
        let prices = Ohlc { open, high, low, close };
        Ok(Bars { asset, times, ticks: ticks.collect(), prices })
    }

    fn rows(&self) -> u64 {
        self.times.len() as u64
    }

    fn unchanged(&self) -> Reordered {
        let rows: Vec<usize> = (0..self.times.len()).collect();
        Reordered { bars: self.prices.clone(), factors: vec![1.0; rows.len()], rows }
    }
}

/// The same schema with time and columns of numbers alone: those that strategies read.
fn numbers_of(schema: &Schema) -> anyhow::Result<Schema> {
    let columns = schema.columns().iter().enumerate();
    let columns = columns.filter(|(at, column)| *at == 0 || column.physical == PhysicalType::F64);
    let columns = columns.map(|(_, column)| column.clone()).collect();
    let (zone, stamp) = (schema.time_zone(), schema.stamp());
    Ok(Schema::new(columns, schema.frequency(), zone, stamp, schema.calendar_name())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DAY, Small};

    #[test]
    fn imagined_markets_are_consistent_bundles_with_the_same_times() {
        let small = Small::new();
        let lease = &small.lease;
        let scope = Scope { from: Some(100 * DAY), ..Scope::default() };
        let market = Market::read(lease, &scope, None).unwrap();
        // The day on which the third asset begins has a move of two assets only, as those before.
        assert!((market.free() - 1.0).abs() < 1e-12);
        let of = |lease: &Lease, symbol: &str, column: &str| {
            lease.bars(lease.asset(symbol).unwrap()).f64(column).unwrap().to_vec()
        };
        for imagined in [market.permuted(3, 0).unwrap(), market.noisy(0.2, 3, 0).unwrap()] {
            let new = &imagined.lease;
            assert_eq!(new.calendar(), lease.calendar());
            for symbol in ["AAA", "BBB", "CCC"] {
                let asset = new.asset(symbol).unwrap();
                assert_eq!(new.bars(asset).time(), lease.bars(lease.asset(symbol).unwrap()).time());
                assert_ne!(of(new, symbol, "close"), of(lease, symbol, "close"));
                let column = |name: &str| of(new, symbol, name);
                let (open, close) = (column("open"), column("close"));
                for (at, (high, low)) in column("high").iter().zip(column("low")).enumerate() {
                    assert!(low <= open[at].min(close[at]) && *high >= open[at].max(close[at]));
                }
            }
        }
        let permuted = market.permuted(3, 1).unwrap();
        assert_eq!(of(&permuted.lease, "AAA", "close")[..100], of(lease, "AAA", "close")[..100]);
        let [before, after] = [lease, &permuted.lease].map(|lease| of(lease, "AAA", "extra"));
        let sorted = |values: &[f64]| {
            let mut bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
            bits.sort_unstable();
            bits
        };
        assert_eq!(sorted(&before), sorted(&after), "what belongs to a bar is there once");
        assert_ne!(format!("{before:?}"), format!("{after:?}"));
        assert_eq!(market.permuted(3, 1).unwrap().lease.version(), permuted.lease.version());
        let path = permuted.path().to_owned();
        assert!(path.exists());
        drop(permuted);
        assert!(!path.exists());
    }
}
