//! What a lease keeps: the decoded series that it has lent slices of, until its last clone goes.
//!
//! Slots are filled once and never emptied, so a slice that was borrowed through `&Kept` stays valid for as long as that
//! lives, whatever the cache lets go of. No lock is taken, and a look-up is a few loads.

use std::sync::{Arc, OnceLock};

use barrow_format::Asset;

use crate::cache::decoded::Decoded;
use crate::reading::span::{BLOCK_ROWS, Span};

/// Assets of a page of slots: a lease that reads one asset of fifty thousand makes room for few.
const PAGE_ASSETS: usize = 64;

/// Series or blocks that are kept before there are pages. Most leases are taken to read an asset or two, and making and
/// dropping the slots of a page takes longer than finding the series in the cache.
const FIRST: usize = 8;

type Slot = OnceLock<Arc<Decoded>>;
type Page = OnceLock<Box<[Series]>>;

/// Decoded series and columns that one lease keeps.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The first that came, filled from the front. What is not here while one of them is empty is not kept.
    first: [OnceLock<(Place, Arc<Decoded>)>; FIRST],
    columns: OnceLock<Box<[KeptColumn]>>,
    column_count: usize,
    assets: usize,
}

/// What is kept: a series, or blocks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    column: usize,
    asset: usize,
    span: Option<Span>,
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
    /// Rows of more than two blocks, and the first of them: those that came first.
    long: OnceLock<(usize, Arc<Decoded>)>,
}

impl Kept {
    /// Returns a keeper of nothing, for a bundle of so many columns and assets.
    pub(crate) fn new(column_count: usize, assets: usize) -> Self {
        let first = [const { OnceLock::new() }; FIRST];
        Self { first, columns: OnceLock::new(), column_count, assets }
    }

    /// Returns a whole column, if it is kept.
    pub(crate) fn column(&self, column: usize) -> Option<&Arc<Decoded>> {
        self.columns.get()?.get(column)?.whole.get()
    }

    /// Keeps a whole column, unless one is kept already; returns what is kept.
    pub(crate) fn keep_column(&self, column: usize, decoded: Arc<Decoded>) -> &Arc<Decoded> {
        self.make_columns()[column].whole.get_or_init(|| decoded)
    }

    /// Returns a series, if it is kept.
    #[inline]
    pub(crate) fn series(&self, column: usize, asset: usize) -> Option<&Arc<Decoded>> {
        self.find(Place { column, asset, span: None }, |series| series.whole.get())
    }

    /// Keeps a series, unless one is kept already; returns what is kept.
    pub(crate) fn keep_series(
        &self,
        column: usize,
        asset: usize,
        decoded: Arc<Decoded>,
    ) -> &Arc<Decoded> {
        let place = Place { column, asset, span: None };
        self.keep_first(place, &decoded)
            .unwrap_or_else(|| self.make(place).whole.get_or_init(|| decoded))
    }

    /// Returns one or two blocks of a series, if they are kept.
    #[inline]
    pub(crate) fn span(&self, column: usize, asset: usize, span: Span) -> Option<&Arc<Decoded>> {
        let place = Place { column, asset, span: Some(span) };
        self.find(place, |series| series.spans.get()?.get(span.slot())?.get())
    }

    /// Keeps one or two blocks of a series, unless they are kept already; returns what is kept.
    pub(crate) fn keep_span(
        &self,
        column: usize,
        asset: Asset,
        span: Span,
        decoded: Arc<Decoded>,
    ) -> &Arc<Decoded> {
        let ordinal = usize::try_from(asset.ordinal()).unwrap_or(usize::MAX);
        let place = Place { column, asset: ordinal, span: Some(span) };
        self.keep_first(place, &decoded).unwrap_or_else(|| {
            let blocks = asset.rows().div_ceil(BLOCK_ROWS);
            let spans = self.make(place).spans.get_or_init(|| slots(2 * blocks));
            spans[span.slot()].get_or_init(|| decoded)
        })
    }

    /// Returns a long stretch of a series, if one is kept, and its first row.
    pub(crate) fn long(&self, column: usize, asset: usize) -> Option<(usize, &Arc<Decoded>)> {
        let pages = self.columns.get()?.get(column)?.pages.get()?;
        let page = pages.get(asset / PAGE_ASSETS)?.get()?;
        let (first, decoded) = page.get(asset % PAGE_ASSETS)?.long.get()?;
        Some((*first, decoded))
    }

    /// Keeps a long stretch of a series that begins at row `first`, unless one is kept already; returns what is kept.
    pub(crate) fn keep_long(
        &self,
        column: usize,
        asset: usize,
        (first, decoded): (usize, Arc<Decoded>),
    ) -> (usize, &Arc<Decoded>) {
        let series = self.make(Place { column, asset, span: None });
        let (first, decoded) = series.long.get_or_init(|| (first, decoded));
        (*first, decoded)
    }

    #[inline]
    fn find<'k>(
        &'k self,
        place: Place,
        of: impl FnOnce(&'k Series) -> Option<&'k Arc<Decoded>>,
    ) -> Option<&'k Arc<Decoded>> {
        for slot in &self.first {
            let (kept, decoded) = slot.get()?;
            if *kept == place {
                return Some(decoded);
            }
        }
        let pages = self.columns.get()?.get(place.column)?.pages.get()?;
        let page = pages.get(place.asset / PAGE_ASSETS)?.get()?;
        of(page.get(place.asset % PAGE_ASSETS)?)
    }

    /// Keeps something among the first, as long as there is room; who comes at once with the same gets the same.
    fn keep_first(&self, place: Place, decoded: &Arc<Decoded>) -> Option<&Arc<Decoded>> {
        let keep = |slot: &OnceLock<(Place, Arc<Decoded>)>| {
            slot.get_or_init(|| (place, Arc::clone(decoded)));
        };
        let kept = self.first.iter().inspect(|slot| keep(slot)).filter_map(OnceLock::get);
        kept.filter(|kept| kept.0 == place).map(|kept| &kept.1).next()
    }

    fn make(&self, place: Place) -> &Series {
        let column = &self.make_columns()[place.column];
        let pages = column.pages.get_or_init(|| slots(self.assets.div_ceil(PAGE_ASSETS)));
        let page = pages[place.asset / PAGE_ASSETS].get_or_init(|| slots(PAGE_ASSETS));
        &page[place.asset % PAGE_ASSETS]
    }

    fn make_columns(&self) -> &[KeptColumn] {
        self.columns.get_or_init(|| slots(self.column_count))
    }
}

fn slots<T: Default>(count: usize) -> Box<[T]> {
    (0..count).map(|_| T::default()).collect()
}

#[cfg(test)]
mod tests {
    use barrow_format::PhysicalType;

    use super::*;

    #[test]
    fn what_is_kept_first_stays_and_is_found_with_all_that_comes_later() {
        let kept = Kept::new(3, 200);
        let decoded = |byte: u8| {
            let fill = |out: &mut [u8]| {
                out.fill(byte);
                Ok(())
            };
            Arc::new(Decoded::fill(PhysicalType::U8, 1, fill).unwrap())
        };
        let all =
            || (0..3).flat_map(|column| (0..200).step_by(17).map(move |asset| (column, asset)));
        for (place, (column, asset)) in (0u8..).zip(all()) {
            assert!(kept.series(column, asset).is_none());
            assert_eq!(kept.keep_series(column, asset, decoded(place)).as_bytes(), [place]);
            assert_eq!(kept.keep_series(column, asset, decoded(255)).as_bytes(), [place]);
        }
        for (place, (column, asset)) in (0u8..).zip(all()) {
            assert_eq!(kept.series(column, asset).unwrap().as_bytes(), [place]);
            let span = Span::of(&(5000..5001)).unwrap();
            assert!(kept.span(column, asset, span).is_none());
        }
        assert!(kept.column(1).is_none());
        assert_eq!(kept.keep_column(1, decoded(7)).as_bytes(), [7]);
        assert!(kept.column(0).is_none() && kept.column(1).is_some());
    }
}
