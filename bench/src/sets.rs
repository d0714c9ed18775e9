//! Generated sets of bars: seeded walks in cents, each asset with a random stream of its own, so that one
//! asset can be made alone and the order of generation does not matter.
//!
//! Shape and distribution are those of the comparison script that the peers are measured with: start
//! between 8 and 400, steps of a normal walk, high and low around open and close, volume log-normal
//! and whole. Prices are rounded to cents, as an exchange's are.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Compression, Frequency, LogicalType, PhysicalType,
    Provenance, Schema, Sink, Stamp, Values, Written,
};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

const SEED: u64 = 20_240_117;
const MINUTE_NS: i64 = 60_000_000_000;
/// Nanoseconds of a day.
pub const DAY_NS: i64 = 86_400_000_000_000;
/// Minutes of a session, stamped 14:31 to 21:00 UTC.
const SESSION_BARS: usize = 390;
/// 2010-01-04, a Monday, in days since the epoch.
const FIRST_DAY: i64 = 14_613;

/// A set of equally long assets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Name, also of the bundle.
    pub name: &'static str,
    /// Number of the random stream.
    pub number: u64,
    /// Number of assets.
    pub assets: usize,
    /// Bars of each asset.
    pub bars: usize,
    /// Minute bars, else daily ones.
    pub minute: bool,
}

/// 50 assets, one year of daily bars.
pub const S: Set = Set { name: "S", number: 1, assets: 50, bars: 252, minute: false };
/// 3000 assets, ten years of daily bars.
pub const M: Set = Set { name: "M", number: 2, assets: 3000, bars: 2520, minute: false };
/// 100 assets, one year of minute bars.
pub const L: Set = Set { name: "L", number: 3, assets: 100, bars: 98_280, minute: true };
/// 500 assets, ten years of daily bars: one wide backtest.
pub const WIDE: Set = Set { name: "WIDE", number: 4, assets: 500, bars: 2520, minute: false };
/// 50,000 assets, a month of daily bars: what opening must not depend on.
pub const MANY: Set = Set { name: "MANY", number: 5, assets: 50_000, bars: 21, minute: false };

/// Open, high, low, close, volume of one asset.
pub type Bars = [Vec<f64>; 5];

impl Set {
    /// Symbol of the asset at place `index`.
    pub fn symbol(self, index: usize) -> String {
        format!("A{index:05}")
    }

    /// Rows of all assets together.
    pub fn rows(self) -> usize {
        self.assets * self.bars
    }

    /// The timestamps that all assets share, ns since the epoch: Monday to Friday, without holidays.
    pub fn times(self) -> Vec<i64> {
        let weekdays =
            (FIRST_DAY..).filter(|day| (day - FIRST_DAY) % 7 < 5).map(|day| day * DAY_NS);
        if !self.minute {
            return weekdays.take(self.bars).collect();
        }
        let first = (14 * 60 + 31) * MINUTE_NS;
        let stamps = (0..SESSION_BARS).map(|i| i64::try_from(i).unwrap_or_default() * MINUTE_NS);
        let stamps: Vec<i64> = stamps.collect();
        weekdays
            .flat_map(|day| stamps.iter().map(move |stamp| day + first + stamp))
            .take(self.bars)
            .collect()
    }

    /// The bars of the asset at place `index`.
    pub fn bars_of(self, index: usize) -> Bars {
        let stream = (SEED << 32) ^ (self.number << 24) ^ u64::try_from(index).unwrap_or_default();
        let mut walk = Walk { rng: Pcg64::seed_from_u64(stream), spare: None };
        let sigma = if self.minute { 0.0006 } else { 0.018 };
        let start = (walk.uniform() * (400.0_f64 / 8.0).ln() + 8.0_f64.ln()).exp();
        let drift = (0.5 - walk.uniform()) * sigma * 0.02;
        let median_volume = if self.minute { 2.0e3 } else { 8.0e5 };
        let cents = |price: f64| ((price * 100.0).round() / 100.0).max(0.01);
        let mut bars: Bars = Default::default();
        let (mut log_price, mut before) = (start.ln(), start);
        for bar in 0..self.bars {
            log_price += walk.normal() * sigma + drift;
            let close = log_price.exp().clamp(1.0, 4000.0);
            let gap = if bar == 0 { 0.0 } else { walk.normal() * sigma * 0.25 };
            let open = before * (1.0 + gap);
            let high = open.max(close) * (1.0 + walk.normal().abs() * sigma * 0.5);
            let low = open.min(close) * (1.0 - walk.normal().abs() * sigma * 0.5);
            let volume = (median_volume * (walk.normal() * 0.8).exp()).floor();
            let values = [cents(open), cents(high), cents(low), cents(close), volume];
            for (column, value) in bars.iter_mut().zip(values) {
                column.push(value);
            }
            before = close;
        }
        bars
    }

    /// The bars of all assets, made on all cores.
    pub fn all(self) -> Vec<Bars> {
        (0..self.assets).into_par_iter().map(|index| self.bars_of(index)).collect()
    }

    /// The schema of the set's bundle.
    pub fn schema(self) -> Result<Schema> {
        if !self.minute {
            return Ok(Schema::daily(&[])?);
        }
        let mut columns = vec![Column::new("time", PhysicalType::I64, LogicalType::Timestamp)];
        for name in ["open", "high", "low", "close"] {
            columns.push(Column::new(name, PhysicalType::F64, LogicalType::Price));
        }
        columns.push(Column::new("volume", PhysicalType::F64, LogicalType::Volume));
        let step = Frequency::Intraday { step_ns: MINUTE_NS };
        Ok(Schema::new(columns, step, "UTC", Stamp::BarEnd, "")?)
    }

    /// Writes the bundle of `all` from arrays, on the threads of the current pool.
    pub fn write<S: Sink>(self, times: &[i64], all: &[Bars], sink: &S) -> Result<Written> {
        self.write_as(times, all, sink, Compression::None)
    }

    /// Writes the bundle of `all` with every column stored in one way, on the threads of the current pool.
    pub fn write_as<S: Sink>(
        self,
        times: &[i64],
        all: &[Bars],
        sink: &S,
        compression: Compression,
    ) -> Result<Written> {
        let rows = u64::try_from(self.bars)?;
        let spec = BundleSpec {
            schema: self.schema()?,
            assets: (0..self.assets).map(|i| AssetSpec::new(self.symbol(i), rows)).collect(),
            adjustments: Vec::new(),
            provenance: Provenance { tool: "barrow-bench".to_owned(), sources: Vec::new() },
        };
        let columns = vec![compression; spec.schema.columns().len()];
        let writer = BundleWriter::compressed(spec, sink, &columns)?;
        all.par_iter().enumerate().try_for_each(|(asset, bars)| {
            writer.put(asset, 0, Values::I64(times))?;
            for (column, values) in bars.iter().enumerate() {
                writer.put(asset, column + 1, Values::F64(values))?;
            }
            Ok::<(), barrow_format::Error>(())
        })?;
        Ok(writer.finish()?)
    }

    /// Writes one CSV file an asset into `folder`, as the comparison script does.
    pub fn write_csv(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("create `{}`", folder.display()))?;
        let times = self.times();
        let stamps: Vec<String> = times.iter().map(|&time| self.stamp(time)).collect();
        (0..self.assets).into_par_iter().try_for_each(|index| {
            let [open, high, low, close, volume] = self.bars_of(index);
            let mut text = String::from("date,open,high,low,close,volume\n");
            for (i, stamp) in stamps.iter().enumerate() {
                let prices = [open[i], high[i], low[i], close[i]].map(|p| format!("{p:.2}"));
                writeln!(text, "{stamp},{},{:.0}", prices.join(","), volume[i])?;
            }
            let path = folder.join(format!("{}.csv", self.symbol(index)));
            fs::write(&path, text).with_context(|| format!("write `{}`", path.display()))
        })
    }

    /// Writes one file with a bar of each asset at a time.
    pub fn write_session_csv(self, path: &Path, time: i64) -> Result<()> {
        let stamp = self.stamp(time);
        let mut text = String::from("date,symbol,open,high,low,close,volume\n");
        for index in 0..self.assets {
            let close = 10 + index % 90;
            let symbol = self.symbol(index);
            writeln!(text, "{stamp},{symbol},{close}.00,{close}.50,{close}.00,{close}.25,1000")?;
        }
        fs::write(path, text).with_context(|| format!("write `{}`", path.display()))
    }

    fn stamp(self, time: i64) -> String {
        let (year, month, day) = civil(time.div_euclid(DAY_NS));
        let minutes = time.rem_euclid(DAY_NS) / MINUTE_NS;
        if !self.minute {
            return format!("{year:04}-{month:02}-{day:02}");
        }
        format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:00", minutes / 60, minutes % 60)
    }
}

/// Year, month and day of a day since the epoch, by counting: slow and plainly right.
fn civil(days: i64) -> (i64, i64, i64) {
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let (mut year, mut left) = (1970, days);
    while left >= 365 + i64::from(leap(year)) {
        left -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// A random stream of uniform and normal numbers.
struct Walk {
    rng: Pcg64,
    spare: Option<f64>,
}

impl Walk {
    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        // 53 bits are what an f64 holds, so neither step rounds.
        let bits = self.rng.next_u64() >> 11;
        let high = u32::try_from(bits >> 32).map_or(0.0, f64::from);
        let low = f64::from(u32::try_from(bits & 0xffff_ffff).unwrap_or_default());
        (high * 4_294_967_296.0 + low + 1.0) / 9_007_199_254_740_992.0
    }

    /// Standard normal, by Box and Muller.
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_weekdays_in_order() {
        let times = S.times();
        assert_eq!(times.len(), 252);
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(S.stamp(times[0]), "2010-01-04");
        assert_eq!(S.stamp(times[4]), "2010-01-08");
        assert_eq!(S.stamp(times[5]), "2010-01-11");
        assert_eq!(S.stamp(times[251]), "2010-12-21");
        let minutes = L.times();
        assert_eq!(minutes.len(), 98_280);
        assert_eq!(L.stamp(minutes[0]), "2010-01-04 14:31:00");
        assert_eq!(L.stamp(minutes[389]), "2010-01-04 21:00:00");
        assert_eq!(L.stamp(minutes[390]), "2010-01-05 14:31:00");
    }

    #[test]
    fn bars_are_possible_and_repeat() {
        for index in [0, 49] {
            let bars = S.bars_of(index);
            assert_eq!(bars, S.bars_of(index));
            let [open, high, low, close, volume] = &bars;
            for i in 0..252 {
                assert!(low[i] <= open[i].min(close[i]) && high[i] >= open[i].max(close[i]));
                assert!(((close[i] * 100.0).round() / 100.0 - close[i]).abs() < 1e-12);
                assert!(volume[i] >= 0.0 && volume[i].fract() == 0.0);
            }
        }
        assert_ne!(S.bars_of(0), S.bars_of(1));
    }
}
