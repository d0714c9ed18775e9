//! [`Asset`]: one asset of a bundle, and how it is found and checked.

use std::ops::Range;

use crate::{
    Bundle, SectionKind,
    error::Error,
    frozen::NAME_MAX,
    record::{AssetRecord, GAP_FREE},
    symbol,
};

/// One asset of one bundle: a checked, copyable handle.
///
/// A handle is made by the bundle it belongs to; another bundle notices that it is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    ordinal: u32,
    gap_free: bool,
    row_start: usize,
    rows: usize,
    first_time: i64,
    last_time: i64,
    calendar_start: usize,
    calendar_end: usize,
    bundle: u64,
}

impl Asset {
    /// Returns the place of the asset in symbol order, from 0.
    #[inline]
    pub fn ordinal(self) -> u32 {
        self.ordinal
    }

    /// Returns the number of the asset's rows.
    #[inline]
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Returns the rows of the asset in every column of the bundle.
    #[inline]
    pub fn row_range(self) -> Range<usize> {
        self.row_start..self.row_start + self.rows
    }

    /// Returns the first timestamp, or `None` when the asset has no rows.
    #[inline]
    pub fn first_time(self) -> Option<i64> {
        (self.rows > 0).then_some(self.first_time)
    }

    /// Returns the last timestamp, or `None` when the asset has no rows.
    #[inline]
    pub fn last_time(self) -> Option<i64> {
        (self.rows > 0).then_some(self.last_time)
    }

    /// Returns the stretch of the calendar from the asset's first timestamp to its last.
    #[inline]
    pub fn calendar_span(self) -> Range<usize> {
        self.calendar_start..self.calendar_end
    }

    /// Returns the stretch of the calendar that the asset's rows are, one to one; `None` when it has gaps.
    #[inline]
    pub fn calendar_range(self) -> Option<Range<usize>> {
        self.gap_free.then(|| self.calendar_span())
    }
}

impl<B: AsRef<[u8]>> Bundle<B> {
    /// Finds an asset by its symbol: one hash and, as a rule, one or two comparisons; `None` when the
    /// bundle does not have it.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when the asset's record, or the index, is damaged.
    pub fn asset(&self, symbol: &str) -> Result<Option<Asset>, Error> {
        let slots = self.records::<u32>(SectionKind::SymbolIndex)?;
        for at in symbol::probe(symbol, slots.len()) {
            self.touch(self.bytes_of(SectionKind::SymbolIndex, at..at + 1))?;
            let Some(ordinal) = slots.get(at).and_then(|slot| slot.checked_sub(1)) else { break };
            let record = self.asset_record(ordinal)?;
            if self.string(ordinal, record.symbol_at, record.symbol_len)? == symbol {
                return self.check_asset(ordinal, record).map(Some);
            }
        }
        // A damaged index must not hide an asset: a miss is confirmed in the sorted records.
        match self.search(symbol)? {
            None => Ok(None),
            Some(ordinal) => Err(Error::Record {
                kind: SectionKind::SymbolIndex,
                index: u64::from(ordinal),
                offset: self.section(SectionKind::SymbolIndex).offset,
                what: "the index leads past an asset that is there",
            }),
        }
    }

    /// Returns the asset at a place in symbol order.
    ///
    /// # Errors
    ///
    /// [`Error::NoAsset`] when there are not so many, [`Error::Record`] when its record is damaged.
    pub fn asset_at(&self, ordinal: u32) -> Result<Asset, Error> {
        let record = self.asset_record(ordinal)?;
        self.check_asset(ordinal, record)
    }

    /// Tells whether a handle was made by this bundle.
    pub fn owns(&self, asset: Asset) -> bool {
        asset.bundle == self.stamp()
    }

    /// Returns the symbol at a place in symbol order.
    ///
    /// # Errors
    ///
    /// [`Error::NoAsset`] or [`Error::Record`].
    pub fn symbol_at(&self, ordinal: u32) -> Result<&str, Error> {
        let record = self.asset_record(ordinal)?;
        self.string(ordinal, record.symbol_at, record.symbol_len)
    }

    /// Returns the symbol of an asset.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when the asset's record is damaged.
    pub fn symbol(&self, asset: Asset) -> Result<&str, Error> {
        self.symbol_at(asset.ordinal)
    }

    /// Returns the metadata of an asset: by convention a JSON object, or empty.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when the asset's record is damaged.
    pub fn metadata(&self, asset: Asset) -> Result<&str, Error> {
        let record = self.asset_record(asset.ordinal)?;
        self.string(asset.ordinal, record.metadata_at, record.metadata_len)
    }

    pub(crate) fn asset_record(&self, ordinal: u32) -> Result<&AssetRecord, Error> {
        let records = self.records::<AssetRecord>(SectionKind::Assets)?;
        let place = ordinal as usize;
        self.touch(self.bytes_of(SectionKind::Assets, place..place.saturating_add(1)))?;
        records.get(ordinal as usize).ok_or_else(|| Error::NoAsset { ordinal, assets: self.assets })
    }

    /// A number by which handles of this bundle are known.
    fn stamp(&self) -> u64 {
        let digest = self.digest();
        let (first, _) = digest.as_bytes().as_chunks::<8>();
        first.first().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn string(&self, ordinal: u32, at: u64, len: u32) -> Result<&str, Error> {
        let strings = self.section(SectionKind::Strings);
        let end = at.checked_add(u64::from(len)).filter(|&end| end <= strings.len);
        if let Some(end) = end {
            self.touch(strings.offset + at..strings.offset + end)?;
        }
        let bytes = end.and_then(|end| self.range(strings.offset + at..strings.offset + end));
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let what = "its symbol or metadata is outside the strings or not UTF-8";
        text.ok_or_else(|| self.damaged(SectionKind::Assets, ordinal as usize, what))
    }

    fn check_asset(&self, ordinal: u32, record: &AssetRecord) -> Result<Asset, Error> {
        let narrow = |value: u64| usize::try_from(value).ok();
        let calendar_len = self.section(SectionKind::Calendar).len / size_of::<i64>() as u64;
        let fits =
            record.row_start.checked_add(record.rows).is_some_and(|end| end <= self.rows as u64)
                && record.calendar_start <= record.calendar_end
                && record.calendar_end <= calendar_len
                && record.calendar_end - record.calendar_start >= record.rows
                && (1..=NAME_MAX).contains(&(record.symbol_len as usize))
                && record.flags & !GAP_FREE == 0
                && record.check == record.check_word(ordinal);
        let gap_free = record.flags & GAP_FREE != 0;
        let even = record.calendar_end.wrapping_sub(record.calendar_start) == record.rows;
        let what = "its check word or its ranges are not right";
        let places = (fits && gap_free == even).then(|| {
            Some(Asset {
                ordinal,
                gap_free,
                row_start: narrow(record.row_start)?,
                rows: narrow(record.rows)?,
                first_time: record.first_time,
                last_time: record.last_time,
                calendar_start: narrow(record.calendar_start)?,
                calendar_end: narrow(record.calendar_end)?,
                bundle: self.stamp(),
            })
        });
        places.flatten().ok_or_else(|| self.damaged(SectionKind::Assets, ordinal as usize, what))
    }

    /// Searches the sorted records for a symbol.
    fn search(&self, symbol: &str) -> Result<Option<u32>, Error> {
        let (mut low, mut high) = (0, self.assets);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.symbol_at(middle)?.cmp(symbol) {
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}
