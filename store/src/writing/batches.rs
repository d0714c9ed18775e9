//! The batches of a revision, each of another asset.

use std::fmt;
use std::hash::BuildHasher as _;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::writing::batch::Batch;

/// Batches by symbol. They come in any order, and are put in that of the symbols once, when all are there.
#[derive(Default)]
pub(crate) struct Batches {
    /// In the order in which they came, each with the place of its symbol.
    all: Vec<(Range<usize>, Batch)>,
    /// All symbols, one behind the other.
    symbols: String,
    /// Places among them, found by symbol.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Batches {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn contains(&self, symbol: &str) -> bool {
        let is_own = |place: &usize| self.symbols[self.all[*place].0.clone()] == *symbol;
        self.places.find(self.hasher.hash_one(symbol), is_own).is_some()
    }

    /// Adds the batch of an asset that has none yet.
    pub(crate) fn insert(&mut self, symbol: &str, batch: Batch) {
        let Self { all, symbols, places, hasher } = self;
        let (place, start) = (all.len(), symbols.len());
        symbols.push_str(symbol);
        all.push((start..symbols.len(), batch));
        let hash = hasher.hash_one(symbol);
        let hash_of = |place: &usize| hasher.hash_one(&symbols[all[*place].0.clone()]);
        places.insert_unique(hash, place, hash_of);
    }

    /// Returns all of them, as they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Batch> {
        self.all.iter().map(|(_, batch)| batch)
    }

    /// Returns all of them, symbols ascending.
    pub(crate) fn sorted(&self) -> Vec<(&str, &Batch)> {
        let all = self.all.iter();
        let mut all: Vec<_> =
            all.map(|(symbol, batch)| (&self.symbols[symbol.clone()], batch)).collect();
        // Most often they came in this order, which a stable sort takes one look at.
        all.sort_by_key(|(symbol, _)| *symbol);
        all
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}
