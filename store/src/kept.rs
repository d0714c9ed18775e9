//! What a lease keeps: the decoded series that it has lent slices of, until its last clone goes.
//!
//! Slots are filled once and never emptied, so a slice that was borrowed through `&Kept` stays valid for as long as that
//! lives, whatever the cache lets go of. No lock is taken, and a look-up is three loads.

use std::sync::{Arc, OnceLock};

use barrow_format::Asset;

use crate::decoded::Decoded;
use crate::span::{BLOCK_ROWS, Span};

/// Assets of a page of slots: a lease that reads one asset of fifty thousand makes room for few.
const PAGE_ASSETS: usize = 64;

type Slot = OnceLock<Arc<Decoded>>;
type Page = OnceLock<Box<[Series]>>;

/// Decoded series and columns that one lease keeps.
#[derive(Debug)]
pub(crate) struct Kept {
    columns: Box<[KeptColumn]>,
    assets: usize,
}

#[derive(Debug, Default)]
struct KeptColumn {
    whole: Slot,
    /// Pages of series, one an asset, in symbol order.
    pages: OnceLock<Box<[Page]>>,
}

#[derive(Debug, Default)]
struct Series {
    whole: Slot,
    /// By the slots of [`Span`].
    spans: OnceLock<Box<[Slot]>>,
}

impl Kept {
    /// Returns a keeper of nothing, for a bundle of so many columns and assets.
    pub(crate) fn new(columns: usize, assets: usize) -> Self {
        Self { columns: (0..columns).map(|_| KeptColumn::default()).collect(), assets }
    }

    /// Returns a whole column, if it is kept.
    pub(crate) fn column(&self, column: usize) -> Option<&Arc<Decoded>> {
        self.columns.get(column)?.whole.get()
    }

    /// Keeps a whole column, unless one is kept already; returns what is kept.
    pub(crate) fn keep_column(&self, column: usize, decoded: Arc<Decoded>) -> &Arc<Decoded> {
        self.columns[column].whole.get_or_init(|| decoded)
    }

    /// Returns a series, if it is kept.
    #[inline]
    pub(crate) fn series(&self, column: usize, asset: usize) -> Option<&Arc<Decoded>> {
        self.find(column, asset)?.whole.get()
    }

    /// Keeps a series, unless one is kept already; returns what is kept.
    pub(crate) fn keep_series(
        &self,
        column: usize,
        asset: usize,
        decoded: Arc<Decoded>,
    ) -> &Arc<Decoded> {
        self.make(column, asset).whole.get_or_init(|| decoded)
    }

    /// Returns one or two blocks of a series, if they are kept.
    #[inline]
    pub(crate) fn span(&self, column: usize, asset: usize, span: Span) -> Option<&Arc<Decoded>> {
        self.find(column, asset)?.spans.get()?.get(span.slot())?.get()
    }

    /// Keeps one or two blocks of a series of so many rows, unless they are kept already; returns what is kept.
    pub(crate) fn keep_span(
        &self,
        column: usize,
        asset: Asset,
        span: Span,
        decoded: Arc<Decoded>,
    ) -> &Arc<Decoded> {
        let place = usize::try_from(asset.ordinal()).unwrap_or(usize::MAX);
        let blocks = asset.rows().div_ceil(BLOCK_ROWS);
        let spans = self.make(column, place).spans.get_or_init(|| slots(2 * blocks));
        spans[span.slot()].get_or_init(|| decoded)
    }

    #[inline]
    fn find(&self, column: usize, asset: usize) -> Option<&Series> {
        let page = self.columns.get(column)?.pages.get()?.get(asset / PAGE_ASSETS)?.get()?;
        page.get(asset % PAGE_ASSETS)
    }

    fn make(&self, column: usize, asset: usize) -> &Series {
        let pages =
            self.columns[column].pages.get_or_init(|| slots(self.assets.div_ceil(PAGE_ASSETS)));
        let page = pages[asset / PAGE_ASSETS].get_or_init(|| slots(PAGE_ASSETS));
        &page[asset % PAGE_ASSETS]
    }
}

fn slots<T: Default>(count: usize) -> Box<[T]> {
    (0..count).map(|_| T::default()).collect()
}
