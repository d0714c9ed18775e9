//! [`Stretch`]: neighbouring rows of one asset that a scan yields, and how they are chosen.

use std::ops::Range;

use barrow_format::{Asset, Stats};
use barrow_store::Lease;

use crate::predicate::Pushed;

/// Neighbouring rows of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) asset: Asset,
    /// Rows within the asset.
    pub(crate) rows: Range<usize>,
}

/// What a scan yields, and what it was spared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) stretches: Vec<Stretch>,
    /// Rows of the bundle that statistics ruled out.
    pub(crate) skipped_rows: usize,
    /// Assets that are looked at.
    pub(crate) assets: usize,
}

impl Chosen {
    /// Chooses rows by what was pushed down, at most `limit`.
    ///
    /// # Errors
    ///
    /// Those of the store: a damaged record.
    pub(crate) fn of(
        lease: &Lease,
        pushed: &Pushed,
        limit: Option<usize>,
    ) -> barrow_store::Result<Self> {
        let mut chosen = Self::default();
        let mut left = limit.unwrap_or(usize::MAX);
        for asset in assets(lease, pushed)? {
            if left == 0 {
                break;
            }
            chosen.assets += 1;
            // An empty span is none to look for.
            let (from, to) = pushed.times;
            if from > to {
                continue;
            }
            let whole = lease.bars(asset).rows();
            let rows = lease.bars(asset).within(from..=to)?.rows();
            let within = rows.start - whole.start..rows.end - whole.start;
            let before = chosen.stretches.len();
            chosen.skip(lease, asset, within, pushed)?;
            for stretch in &mut chosen.stretches[before..] {
                stretch.rows.end = stretch.rows.end.min(stretch.rows.start.saturating_add(left));
                left -= stretch.rows.len();
            }
            chosen.stretches.retain(|stretch| !stretch.rows.is_empty());
        }
        Ok(chosen)
    }

    /// Takes the rows that statistics do not rule out.
    fn skip(
        &mut self,
        lease: &Lease,
        asset: Asset,
        rows: Range<usize>,
        pushed: &Pushed,
    ) -> barrow_store::Result<()> {
        let mut ruled_out: Vec<Range<usize>> = Vec::new();
        for comparison in &pushed.comparisons {
            let mut judge = |rows: Range<usize>, stats: &Stats| {
                if !comparison.may_pass(stats) {
                    ruled_out.push(rows);
                }
            };
            let bundle = lease.bundle();
            let corrupt = |error| barrow_store::Error::Corrupt {
                path: lease.path().to_owned(),
                source: std::sync::Arc::new(error),
            };
            let column = comparison.column;
            judge(0..asset.rows(), &bundle.series_stats(column, asset).map_err(corrupt)?);
            let mut start = 0usize;
            for (count, stats) in bundle.series_zones(column, asset).map_err(corrupt)? {
                let end = start.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
                judge(start..end, &stats);
                start = end;
            }
        }
        ruled_out.sort_by_key(|rows| rows.start);
        let mut next = rows.start;
        for gap in ruled_out.into_iter().chain(std::iter::once(rows.end..rows.end)) {
            let end = gap.start.clamp(next, rows.end);
            if end > next {
                self.stretches.push(Stretch { asset, rows: next..end });
            }
            let behind = gap.end.clamp(end, rows.end);
            self.skipped_rows += behind - end;
            next = behind;
        }
        Ok(())
    }

    pub(crate) fn rows(&self) -> usize {
        self.stretches.iter().map(|stretch| stretch.rows.len()).sum()
    }

    /// The stretches in `count` parts of about as many rows, in order; none of them is empty unless all are.
    pub(crate) fn parts(&self, count: usize) -> Vec<Vec<Stretch>> {
        let share = self.rows().div_ceil(count.max(1)).max(1);
        let mut parts = vec![Vec::new()];
        let mut room = share;
        for stretch in &self.stretches {
            let mut rows = stretch.rows.clone();
            while !rows.is_empty() {
                if room == 0 {
                    parts.push(Vec::new());
                    room = share;
                }
                let end = rows.end.min(rows.start.saturating_add(room));
                if let Some(part) = parts.last_mut() {
                    part.push(Stretch { asset: stretch.asset, rows: rows.start..end });
                }
                room -= end - rows.start;
                rows.start = end;
            }
        }
        parts
    }
}

/// The assets that may have rows, in symbol order.
fn assets(lease: &Lease, pushed: &Pushed) -> barrow_store::Result<Vec<Asset>> {
    let Some(symbols) = &pushed.symbols else { return lease.assets().collect() };
    let mut found = Vec::with_capacity(symbols.len());
    for symbol in symbols {
        match lease.asset(symbol) {
            Ok(asset) => found.push(asset),
            Err(barrow_store::Error::UnknownSymbol { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
