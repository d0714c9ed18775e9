//! What a strategy declares before the first tick.

use std::ops::Range;
use std::sync::Arc;

use barrow_store::{Derived, SeriesKey};

use crate::Error;
use crate::exact::{self, ExactSums};
use crate::indicator::{Indicator, evaluate};
use crate::portal::{AssetIdx, AssetPlace, Source};
use crate::signal::Changes;
use crate::strategy::Driver;

/// A column that a strategy reads: what [`Setup::field`] returns. Valid for the run it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field(pub(crate) usize);

/// An indicator that a strategy reads: what [`Setup::indicator`] returns. Valid for the run it came
/// from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series(pub(crate) usize);

/// A value whose changes a strategy is told: what [`Setup::mean_cross`] and [`Setup::changes`]
/// return. Valid for the run it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(pub(crate) usize);

/// The declarations of a run, made in [`Strategy::on_start`](crate::Strategy::on_start).
#[derive(Debug)]
pub struct Setup<'a> {
    source: &'a dyn Source,
    assets: &'a [AssetPlace<'a>],
    period: Range<u32>,
    cash: f64,
    seed: u64,
    declared: Declared<'a>,
    spare: Spare,
    when: When,
}

/// When the changes of a signal are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// As it is declared, for all assets.
    AtOnce,
    /// Later, asset by asset: see [`Declared::driven_by`].
    Later,
}

/// Where a signal comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    Cross { sums: &'a [Arc<Derived>], fast: usize, slow: usize },
    Changes(Series),
}

/// What drives a strategy, of one asset.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Driven<'a> {
    /// Changes of whether one mean is above another.
    Cross { sums: &'a ExactSums, fast: usize, slow: usize },
    /// Changes of these values; all rows.
    Changes(&'a [f64]),
    /// These values themselves; all rows.
    Values(&'a [f64]),
}

/// Buffers that outlive a run, so that the next one need not allocate them.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    pub(crate) changes: Vec<Changes>,
    levels: Vec<u8>,
}

impl Spare {
    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.changes.iter().map(Changes::bytes).sum::<usize>() + self.levels.capacity()
    }
}

/// What was declared, by the number in each handle.
#[derive(Debug, Default)]
pub(crate) struct Declared<'a> {
    /// Column of the bundle and its slices by asset.
    pub(crate) fields: Vec<(usize, &'a [&'a [f64]])>,
    pub(crate) series: Vec<Vec<Arc<Derived>>>,
    pub(crate) signals: Vec<Changes>,
    /// Of each signal.
    origins: Vec<Origin<'a>>,
}

impl Declared<'_> {
    /// Returns what drives a strategy, of the asset at place `at`.
    pub(crate) fn driven_by(&self, driver: Driver, at: usize) -> Driven<'_> {
        let values = |series: Series| self.series[series.0][at].as_f64().unwrap_or(&[]);
        match driver {
            Driver::Values(series) => Driven::Values(values(series)),
            Driver::Changes(signal) => match self.origins[signal.0] {
                Origin::Changes(series) => Driven::Changes(values(series)),
                Origin::Cross { sums, fast, slow } => match sums[at].downcast_ref() {
                    Some(sums) => Driven::Cross { sums, fast, slow },
                    None => Driven::Changes(&[]),
                },
            },
        }
    }

    /// Returns the values of each declared indicator, by asset.
    pub(crate) fn series_by_asset(&self) -> Vec<Vec<&[f64]>> {
        self.series
            .iter()
            .map(|by_asset| by_asset.iter().map(|values| values.as_f64().unwrap_or(&[])).collect())
            .collect()
    }
}

impl<'a> Setup<'a> {
    pub(crate) fn new(
        source: &'a dyn Source,
        assets: &'a [AssetPlace<'a>],
        period: Range<u32>,
        (cash, seed): (f64, u64),
        spare: Spare,
    ) -> Setup<'a> {
        let declared = Declared::default();
        Setup { source, assets, period, cash, seed, declared, spare, when: When::AtOnce }
    }

    /// As [`Setup::new`], but the changes of signals are left for [`Declared::driven_by`].
    pub(crate) fn deferred(
        source: &'a dyn Source,
        assets: &'a [AssetPlace<'a>],
        period: Range<u32>,
        cash_and_seed: (f64, u64),
    ) -> Setup<'a> {
        // Deferred, nothing is left in the buffers.
        let spare = Spare::default();
        Setup { when: When::Later, ..Setup::new(source, assets, period, cash_and_seed, spare) }
    }

    /// What was declared, and the buffers that are left.
    pub(crate) fn finish(self) -> (Declared<'a>, Spare) {
        (self.declared, self.spare)
    }

    /// Returns the assets of the run, in ascending order of their symbols.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = AssetIdx> + use<> {
        (0..self.assets.len()).map(AssetIdx::new)
    }

    /// Returns an asset's symbol.
    pub fn symbol(&self, asset: AssetIdx) -> &'a str {
        self.assets[asset.index()].symbol
    }

    /// Returns the asset with a symbol, if the run has it. Binary search.
    pub fn find(&self, symbol: &str) -> Option<AssetIdx> {
        self.assets.binary_search_by(|asset| asset.symbol.cmp(symbol)).ok().map(AssetIdx::new)
    }

    /// Returns the starting cash, quote currency.
    pub fn cash(&self) -> f64 {
        self.cash
    }

    /// Returns the seed of the run: the only source of randomness a strategy may use.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Declares a column for [`Context::history`](crate::Context::history).
    ///
    /// # Errors
    /// [`Error::MissingColumn`] when the bundle has no such column of `f64`.
    pub fn field(&mut self, name: &str) -> Result<Field, Error> {
        let column = self.source.column(name)?;
        let known = self.declared.fields.iter().position(|(declared, _)| *declared == column);
        if let Some(at) = known {
            return Ok(Field(at));
        }
        self.declared.fields.push((column, self.source.series(column)?));
        Ok(Field(self.declared.fields.len() - 1))
    }

    /// Declares an indicator of a column, for all assets of the run. It is computed over all rows of
    /// each asset, once as long as the cache keeps it, whatever the period and the number of runs.
    ///
    /// # Errors
    /// When the column cannot be read.
    pub fn indicator<I: Indicator>(
        &mut self,
        field: Field,
        indicator: &I,
    ) -> Result<Series, Error> {
        let (column, series) = self.declared.fields[field.0];
        let (version, cache) = (self.source.version(), self.source.cache());
        let mut key = SeriesKey::new(version, 0, key_column(column), indicator.name())
            .with_params(indicator.params());
        let mut derived = Vec::with_capacity(series.len());
        for (asset, values) in self.assets.iter().zip(series) {
            key.asset = asset.asset.ordinal();
            derived.push(cache.get_or_insert(&key, || Derived::F64(evaluate(indicator, values))));
        }
        self.declared.series.push(derived);
        Ok(Series(self.declared.series.len() - 1))
    }

    /// Declares that the strategy wants to know when an indicator's value changes, by
    /// [`Context::changes`](crate::Context::changes): at the asset's first bar of the period with a
    /// value (not NaN), and at each bar whose value differs from the last one told.
    pub fn changes(&mut self, series: Series) -> Signal {
        self.declared.origins.push(Origin::Changes(series));
        if self.when == When::Later {
            return Signal(self.declared.origins.len() - 1);
        }
        let mut changes = self.spare.changes.pop().unwrap_or_default();
        changes.reset(&self.period);
        for (at, (asset, derived)) in
            self.assets.iter().zip(&self.declared.series[series.0]).enumerate()
        {
            let rows = asset.place.rows_in(&self.period);
            let values = derived.as_f64().and_then(|values| values.get(rows.clone()));
            changes.add_values(AssetIdx::new(at), &asset.place, rows.start, values.unwrap_or(&[]));
        }
        changes.sort();
        self.declared.signals.push(changes);
        Signal(self.declared.signals.len() - 1)
    }

    /// Declares the crossing of two moving averages of a column, decided exactly.
    ///
    /// The value of an asset is 1 after a bar at which the mean of its last `fast` values is greater
    /// than the mean of its last `slow`, else 0: also when they are equal, when it has fewer than
    /// `slow` bars, or when one of the values is not finite. [`Context::changes`](crate::Context::changes)
    /// tells of changes, beginning from 0 before the period.
    ///
    /// Values count as the shortest decimals that read back as them, and the means are compared
    /// without any rounding, so equal means are always recognised. Costs less than a nanosecond a
    /// bar, as the running sums behind it are shared through the cache.
    ///
    /// # Errors
    /// [`Error::BadWindow`] unless `1 <= fast <= slow`.
    pub fn mean_cross(&mut self, field: Field, fast: usize, slow: usize) -> Result<Signal, Error> {
        if fast == 0 || fast > slow {
            return Err(Error::BadWindow { name: "fast", window: fast, max: slow });
        }
        let (column, _) = self.declared.fields[field.0];
        let sums = self.source.sums(column)?;
        self.declared.origins.push(Origin::Cross { sums, fast, slow });
        if self.when == When::Later {
            return Ok(Signal(self.declared.origins.len() - 1));
        }
        let mut changes = self.spare.changes.pop().unwrap_or_default();
        changes.reset(&self.period);
        let levels = &mut self.spare.levels;
        for (at, (asset, sums)) in self.assets.iter().zip(sums).enumerate() {
            let rows = asset.place.rows_in(&self.period);
            if let Some(sums) = sums.downcast_ref::<ExactSums>() {
                exact::levels(sums, fast, slow, rows.clone(), levels);
                changes.add_levels(AssetIdx::new(at), &asset.place, rows.start, levels);
            }
        }
        changes.sort();
        self.declared.signals.push(changes);
        Ok(Signal(self.declared.signals.len() - 1))
    }
}

pub(crate) fn key_column(column: usize) -> u32 {
    u32::try_from(column).unwrap_or(u32::MAX)
}
