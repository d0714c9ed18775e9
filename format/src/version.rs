//! The content version: the root of a tree of SHA-256 values whose leaves are the digests of the series.

use sha2::{Digest as _, Sha256};
use zerocopy::IntoBytes;

use crate::{Adjustment, Digest, Version, frozen::VERSION_DOMAIN};

/// Computes the content version, asset by asset. It depends on content alone: not on encodings, parts,
/// places in the file, metadata or provenance.
#[derive(Debug)]
pub(crate) struct VersionBuilder {
    hasher: Sha256,
}

impl VersionBuilder {
    pub(crate) fn new(schema: &[u8], assets: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(VERSION_DOMAIN);
        hasher.update(Digest::of(schema).as_bytes());
        hasher.update(assets.to_le_bytes());
        Self { hasher }
    }

    /// Adds the next asset in symbol order, with the digests of its series in column order.
    pub(crate) fn asset(&mut self, symbol: &str, rows: u64, series: impl Iterator<Item = Digest>) {
        update_symbol(&mut self.hasher, symbol);
        self.hasher.update(rows.to_le_bytes());
        for digest in series {
            self.hasher.update(digest.as_bytes());
        }
    }

    /// Adds calendar and adjustments, the latter sorted by symbol, time and kind.
    pub(crate) fn finish<'a>(
        mut self,
        calendar: &[i64],
        adjustments: impl Iterator<Item = (&'a str, Adjustment)>,
    ) -> Version {
        self.hasher.update(Digest::of(calendar.as_bytes()).as_bytes());
        let mut actions = Sha256::new();
        for (symbol, adjustment) in adjustments {
            update_symbol(&mut actions, symbol);
            actions.update(adjustment.time.to_le_bytes());
            actions.update(adjustment.kind.tag().to_le_bytes());
            actions.update(adjustment.value.to_bits().to_le_bytes());
        }
        self.hasher.update(actions.finalize());
        Version::from_bytes(self.hasher.finalize().into())
    }
}

fn update_symbol(hasher: &mut Sha256, symbol: &str) {
    hasher.update((symbol.len() as u64).to_le_bytes());
    hasher.update(symbol);
}
