//! The door from strategies to bars: assets, clock and columns of one leased version.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use barrow_format::{Asset, Stamp, Version};
use barrow_store::{Derived, Lease, SeriesCache, SeriesKey, nearest};

use crate::Error;
use crate::annual::bars_per_year;
use crate::exact::ExactSums;
use crate::place::{Place, ticks_of};
use crate::setup::key_column;
use crate::time::TimeStyle;

/// The place of an asset among the assets of a run, which are in ascending order of their symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetIdx(u32);

impl AssetIdx {
    pub(crate) fn new(index: usize) -> AssetIdx {
        // A portal refuses more assets than this holds.
        AssetIdx(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the place, counting from 0.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which assets and which stretch of time a run covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// First time of the clock, ns since the epoch, UTC, inclusive; `None` is the bundle's start.
    pub from: Option<i64>,
    /// Last time of the clock, inclusive; `None` is the bundle's end.
    pub to: Option<i64>,
    /// Symbols in any order; `None` is all assets of the bundle.
    pub assets: Option<Vec<String>>,
}

impl Scope {
    /// Returns the assets in the bundle's order, each once.
    ///
    /// # Errors
    /// [`Error::Store`] when the bundle has no asset of a symbol; it names the nearest.
    pub fn assets_in(&self, lease: &Lease) -> Result<Vec<Asset>, Error> {
        let Some(symbols) = &self.assets else {
            return Ok(lease.assets().collect::<Result<Vec<Asset>, _>>()?);
        };
        let found = symbols.iter().map(|symbol| lease.asset(symbol));
        let mut found = found.collect::<Result<Vec<Asset>, _>>()?;
        found.sort_unstable_by_key(|asset| asset.ordinal());
        found.dedup_by_key(|asset| asset.ordinal());
        Ok(found)
    }
}

/// Bars of one leased version, prepared for any number of runs over the same scope.
///
/// The clock is the union of the chosen assets' timestamps, ascending, cut to the scope's period.
/// Bars before the period are not traded but remain visible as history. Building one takes time
/// linear in the number of assets, plus the rows of those with gaps; columns are mapped, not read.
/// It holds on to the running sums behind [`Setup::mean_cross`](crate::Setup::mean_cross) once they
/// were asked for, also when the cache has let go of them.
#[derive(Debug)]
pub struct Portal<'l> {
    lease: &'l Lease,
    cache: &'l SeriesCache,
    pub(crate) assets: Vec<AssetPlace<'l>>,
    times: Cow<'l, [i64]>,
    period: Range<u32>,
    bars_per_year: f64,
    asset_bars: u64,
    pub(crate) open: usize,
    pub(crate) close: usize,
    /// For each column of the bundle, once it was asked for.
    columns: Vec<Column<'l>>,
}

#[derive(Debug, Clone)]
pub(crate) struct AssetPlace<'l> {
    pub(crate) symbol: &'l str,
    pub(crate) asset: Asset,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Default)]
struct Column<'l> {
    series: OnceLock<Vec<&'l [f64]>>,
    sums: OnceLock<Vec<Arc<Derived>>>,
}

/// Columns and what is derived from them. A trait so that [`Setup`](crate::Setup) need not carry
/// the lifetime of the lease, in which a portal is invariant.
pub(crate) trait Source: fmt::Debug {
    /// Finds a column of `f64`.
    fn column(&self, name: &str) -> Result<usize, Error>;

    /// Returns a column of each asset; the first call makes the slices.
    fn series(&self, column: usize) -> Result<&[&[f64]], Error>;

    /// Returns the [`ExactSums`] of a column of each asset, from the cache or computed now.
    fn sums(&self, column: usize) -> Result<&[Arc<Derived>], Error>;

    /// Returns the content version that derived series belong to.
    fn version(&self) -> Version;

    /// Returns where they are kept.
    fn cache(&self) -> &SeriesCache;
}

impl<'l> Portal<'l> {
    /// Prepares the bars of a scope. Derived series are kept in `cache`.
    ///
    /// # Errors
    /// An unknown symbol, a bundle without `open` and `close` columns of `f64`, or
    /// [`Error::EmptyPeriod`].
    pub fn new(
        lease: &'l Lease,
        cache: &'l SeriesCache,
        scope: &Scope,
    ) -> Result<Portal<'l>, Error> {
        let schema = lease.schema();
        let calendar = lease.sessions()?;
        if u32::try_from(calendar.len()).is_err() {
            return Err(Error::ClockTooLong { ticks: calendar.len() });
        }
        let mut assets = chosen_assets(lease, calendar, scope)?;
        let (times, limits) = if scope.assets.is_some() {
            clock_of(calendar, &mut assets)
        } else {
            (Cow::Borrowed(calendar), 0..calendar.len())
        };
        let start = scope.from.map_or(0, |from| times.partition_point(|time| *time < from));
        let end = scope.to.map_or(times.len(), |to| times.partition_point(|time| *time <= to));
        let (start, end) = (start.max(limits.start), end.min(limits.end));
        if start >= end {
            let bundle = lease.name().to_owned();
            return Err(Error::EmptyPeriod { bundle, from: scope.from, to: scope.to });
        }
        // The calendar's length fits, so every place on it does.
        let tick = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let period = tick(start)..tick(end);
        let mut portal = Portal {
            lease,
            cache,
            assets,
            times,
            period,
            bars_per_year: bars_per_year(calendar),
            asset_bars: 0,
            open: 0,
            close: 0,
            columns: schema.columns().iter().map(|_| Column::default()).collect(),
        };
        portal.asset_bars = asset_bars(&portal.assets, &portal.period);
        (portal.open, portal.close) = (portal.column("open")?, portal.column("close")?);
        Ok(portal)
    }

    /// Returns a stretch of this portal's clock, as [`Portal::new`] would make it: `ticks` are places in
    /// [`Portal::times`], at least one. What was looked up already is not looked up again.
    pub(crate) fn stretch(&self, ticks: &Range<usize>) -> Portal<'l> {
        // The clock's length fits, so every place on it does.
        let tick = |at: usize| self.period.start + u32::try_from(at).unwrap_or(u32::MAX);
        let period = tick(ticks.start)..tick(ticks.end);
        Portal {
            assets: self.assets.clone(),
            times: self.times.clone(),
            asset_bars: asset_bars(&self.assets, &period),
            period,
            columns: self.columns.clone(),
            ..*self
        }
    }

    /// Returns the lease whose bars these are.
    pub fn lease(&self) -> &'l Lease {
        self.lease
    }

    /// Returns the content version of the bars.
    pub fn version(&self) -> Version {
        self.lease.version()
    }

    /// Returns the clock: ns since the epoch, UTC, ascending, never empty.
    pub fn times(&self) -> &[i64] {
        &self.times[self.period.start as usize..self.period.end as usize]
    }

    /// Returns how times of this bundle are written.
    pub fn time_style(&self) -> TimeStyle {
        match self.lease.schema().stamp() {
            Stamp::Session => TimeStyle::Session,
            _ => TimeStyle::Instant,
        }
    }

    /// Returns the number of bars of a year: see [`bars_per_year`](crate::bars_per_year).
    pub fn bars_per_year(&self) -> f64 {
        self.bars_per_year
    }

    /// Returns the number of bars of all assets within the period.
    pub fn asset_bars(&self) -> u64 {
        self.asset_bars
    }

    /// Returns the symbols of the run's assets, ascending.
    pub fn symbols(&self) -> impl ExactSizeIterator<Item = &'l str> {
        self.assets.iter().map(|asset| asset.symbol)
    }

    pub(crate) fn cache_of(&self) -> &'l SeriesCache {
        self.cache
    }

    pub(crate) fn period(&self) -> Range<u32> {
        self.period.clone()
    }

    pub(crate) fn all_times(&self) -> &[i64] {
        &self.times
    }
}

impl Source for Portal<'_> {
    fn column(&self, name: &str) -> Result<usize, Error> {
        let columns = self.lease.schema().columns();
        let is_f64 =
            |column: &&barrow_format::Column| column.physical == barrow_format::PhysicalType::F64;
        let found = columns.iter().position(|column| column.name == name);
        found.filter(|at| is_f64(&&columns[*at])).ok_or_else(|| {
            let known = columns.iter().filter(is_f64).map(|column| column.name.as_str());
            Error::MissingColumn {
                bundle: self.lease.name().to_owned(),
                column: name.to_owned(),
                nearest: nearest(name, known).filter(|near| *near != name).map(str::to_owned),
            }
        })
    }

    fn series(&self, column: usize) -> Result<&[&[f64]], Error> {
        let cell = &self.columns[column].series;
        if cell.get().is_none() {
            let name = &self.lease.schema().columns()[column].name;
            self.lease.prepare(name, self.assets.iter().map(|asset| asset.asset))?;
            let slices = self.assets.iter().map(|asset| self.lease.bars(asset.asset).f64(name));
            let slices: Vec<&[f64]> = slices.collect::<Result<_, _>>()?;
            // Another thread may have been faster with the same slices.
            let _ = cell.set(slices);
        }
        Ok(cell.get().map_or(&[], Vec::as_slice))
    }

    fn sums(&self, column: usize) -> Result<&[Arc<Derived>], Error> {
        let cell = &self.columns[column].sums;
        if cell.get().is_none() {
            let series = self.series(column)?;
            let mut key =
                SeriesKey::new(self.lease.version(), 0, key_column(column), "barrow.exact-sums");
            let sums = self.assets.iter().zip(series).map(|(asset, values)| {
                key.asset = asset.asset.ordinal();
                self.cache.get_or_insert(&key, || {
                    let sums = ExactSums::of(values);
                    let bytes = sums.bytes();
                    Derived::other(sums, bytes)
                })
            });
            let _ = cell.set(sums.collect());
        }
        Ok(cell.get().map_or(&[], Vec::as_slice))
    }

    fn version(&self) -> Version {
        self.lease.version()
    }

    fn cache(&self) -> &SeriesCache {
        self.cache
    }
}

/// The bars of all assets within a stretch of ticks.
fn asset_bars(assets: &[AssetPlace<'_>], period: &Range<u32>) -> u64 {
    assets.iter().map(|asset| asset.place.rows_in(period).len() as u64).sum()
}

/// Finds the assets of a scope and their places on the bundle's calendar.
fn chosen_assets<'l>(
    lease: &'l Lease,
    calendar: &[i64],
    scope: &Scope,
) -> Result<Vec<AssetPlace<'l>>, Error> {
    let handles = scope.assets_in(lease)?;
    let place = |asset: Asset| {
        let rows = u32::try_from(asset.rows()).unwrap_or(u32::MAX);
        let symbol = lease.symbol(asset);
        let start = asset.calendar_range().and_then(|range| u32::try_from(range.start).ok());
        let place = match start {
            Some(start) => Place::Span { start, rows },
            None if rows == 0 => Place::Span { start: 0, rows },
            None => Place::Ticks(
                ticks_of(lease.bars(asset).times()?, calendar)
                    .map_err(|time| Error::OffCalendar { symbol: symbol.to_owned(), time })?,
            ),
        };
        Ok(AssetPlace { symbol, asset, place })
    };
    handles.into_iter().map(place).collect()
}

/// Returns the union of the assets' timestamps and the stretch of it that has any: the calendar
/// itself where that is possible, else a clock of its own to which the places are moved.
fn clock_of<'l>(
    calendar: &'l [i64],
    assets: &mut [AssetPlace<'_>],
) -> (Cow<'l, [i64]>, Range<usize>) {
    let mut marks = vec![false; calendar.len()];
    for asset in &*assets {
        asset.place.mark(&mut marks);
    }
    let start = marks.iter().position(|mark| *mark).unwrap_or(0);
    let end = marks.iter().rposition(|mark| *mark).map_or(0, |last| last + 1);
    if marks[start..end.max(start)].iter().all(|mark| *mark) {
        return (Cow::Borrowed(calendar), start..end);
    }
    let mut count = 0;
    let ranks: Vec<u32> = marks
        .iter()
        .map(|mark| {
            let rank = count;
            count += u32::from(*mark);
            rank
        })
        .collect();
    for asset in assets {
        asset.place.move_to(&ranks);
    }
    let times = calendar.iter().zip(&marks).filter(|(_, mark)| **mark).map(|(time, _)| *time);
    let times: Vec<i64> = times.collect();
    let all = 0..times.len();
    (Cow::Owned(times), all)
}
