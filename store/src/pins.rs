//! Pins: the decoded series that a lease has lent slices of, kept until the last clone of the lease goes.
//!
//! Slots are filled once and never emptied, so a slice that was borrowed through `&Pins` stays valid for as long as the
//! pins live, whatever the cache lets go of. No lock is taken, and a look-up is three loads.

use std::sync::{Arc, OnceLock};

use crate::decoded::Decoded;

/// Assets of a page of slots: a lease that reads one asset of fifty thousand makes room for few.
const PAGE_ASSETS: usize = 64;

type Slot = OnceLock<Arc<Decoded>>;
type Page = OnceLock<Box<[Slot]>>;

/// What one lease has pinned.
#[derive(Debug)]
pub(crate) struct Pins {
    columns: Box<[ColumnPins]>,
    assets: usize,
}

#[derive(Debug, Default)]
struct ColumnPins {
    whole: Slot,
    /// Pages of slots, one slot an asset, in symbol order.
    pages: OnceLock<Box<[Page]>>,
}

impl Pins {
    /// Returns pins that hold nothing, for a bundle of so many columns and assets.
    pub(crate) fn new(columns: usize, assets: usize) -> Self {
        Self { columns: (0..columns).map(|_| ColumnPins::default()).collect(), assets }
    }

    /// Returns a whole column, if it is pinned.
    pub(crate) fn column(&self, column: usize) -> Option<&Arc<Decoded>> {
        self.columns.get(column)?.whole.get()
    }

    /// Pins a whole column, unless it is pinned already; returns what is pinned.
    pub(crate) fn pin_column(&self, column: usize, decoded: Arc<Decoded>) -> &Arc<Decoded> {
        self.columns[column].whole.get_or_init(|| decoded)
    }

    /// Returns a series, if it is pinned.
    #[inline]
    pub(crate) fn series(&self, column: usize, asset: usize) -> Option<&Arc<Decoded>> {
        let page = self.columns.get(column)?.pages.get()?.get(asset / PAGE_ASSETS)?.get()?;
        page.get(asset % PAGE_ASSETS)?.get()
    }

    /// Pins a series, unless it is pinned already; returns what is pinned.
    pub(crate) fn pin_series(
        &self,
        column: usize,
        asset: usize,
        decoded: Arc<Decoded>,
    ) -> &Arc<Decoded> {
        let pages =
            self.columns[column].pages.get_or_init(|| slots(self.assets.div_ceil(PAGE_ASSETS)));
        let page = pages[asset / PAGE_ASSETS].get_or_init(|| slots(PAGE_ASSETS));
        page[asset % PAGE_ASSETS].get_or_init(|| decoded)
    }
}

fn slots<T>(count: usize) -> Box<[OnceLock<T>]> {
    (0..count).map(|_| OnceLock::new()).collect()
}
