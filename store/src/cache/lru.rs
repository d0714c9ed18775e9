//! Recency and weight as a pure data structure: no clock, no lock, no I/O.
//!
//! Entries form a doubly linked list from newest to oldest inside one vector; a table finds them by key. The caller
//! supplies the time as a **stamp**, a number that never decreases, so that several lists (the shards of a cache) can
//! agree on which of their oldest entries is the oldest of all.

use hashbrown::HashTable;

/// Marks the end of a list.
const NONE: usize = usize::MAX;

/// Values by key, ordered by when they were last used.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    table: HashTable<usize>,
    nodes: Vec<Node<K, V>>,
    free: Vec<usize>,
    newest: usize,
    oldest: usize,
}

#[derive(Debug)]
struct Node<K, V> {
    /// `None` while the node is free.
    entry: Option<(K, V)>,
    hash: u64,
    stamp: u64,
    newer: usize,
    older: usize,
}

impl<K: Eq, V> Lru<K, V> {
    /// Returns an empty list. The caller hashes keys, always in the same way.
    pub(crate) fn new() -> Self {
        Self {
            table: HashTable::new(),
            nodes: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// Returns how many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns the value of `key` and makes it the newest. `stamp` is asked for the time, given the entry's last stamp.
    pub(crate) fn touch(
        &mut self,
        hash: u64,
        key: &K,
        stamp: impl FnOnce(u64) -> u64,
    ) -> Option<&V> {
        let index = self.find(hash, key)?;
        self.nodes[index].stamp = stamp(self.nodes[index].stamp);
        if index != self.newest {
            self.unlink(index);
            self.link_newest(index);
        }
        self.nodes[index].entry.as_ref().map(|(_, value)| value)
    }

    /// Inserts an entry as the newest and returns the value it displaced.
    pub(crate) fn insert(&mut self, hash: u64, key: K, value: V, stamp: u64) -> Option<V> {
        let displaced = self.remove(hash, &key);
        let node = Node { entry: Some((key, value)), hash, stamp, newer: NONE, older: NONE };
        let index = if let Some(index) = self.free.pop() {
            self.nodes[index] = node;
            index
        } else {
            self.nodes.push(node);
            self.nodes.len() - 1
        };
        let nodes = &self.nodes;
        self.table.insert_unique(hash, index, |&other| nodes[other].hash);
        self.link_newest(index);
        displaced
    }

    /// Returns the stamp of the oldest entry.
    pub(crate) fn oldest_stamp(&self) -> Option<u64> {
        (self.oldest != NONE).then(|| self.nodes[self.oldest].stamp)
    }

    /// Removes and returns the oldest entry.
    pub(crate) fn pop_oldest(&mut self) -> Option<(K, V)> {
        let index = self.oldest;
        if index == NONE {
            return None;
        }
        if let Ok(place) = self.table.find_entry(self.nodes[index].hash, |&other| other == index) {
            place.remove();
        }
        self.release(index)
    }

    fn remove(&mut self, hash: u64, key: &K) -> Option<V> {
        let index = self.find(hash, key)?;
        if let Ok(place) = self.table.find_entry(hash, |&other| other == index) {
            place.remove();
        }
        self.release(index).map(|(_, value)| value)
    }

    fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let is_it = |&index: &usize| {
            self.nodes[index].entry.as_ref().is_some_and(|(candidate, _)| candidate == key)
        };
        self.table.find(hash, is_it).copied()
    }

    fn release(&mut self, index: usize) -> Option<(K, V)> {
        self.unlink(index);
        self.free.push(index);
        self.nodes[index].entry.take()
    }

    fn unlink(&mut self, index: usize) {
        let (newer, older) = (self.nodes[index].newer, self.nodes[index].older);
        match newer {
            NONE => self.newest = older,
            _ => self.nodes[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            _ => self.nodes[older].newer = newer,
        }
    }

    fn link_newest(&mut self, index: usize) {
        let second = std::mem::replace(&mut self.newest, index);
        self.nodes[index].newer = NONE;
        self.nodes[index].older = second;
        match second {
            NONE => self.oldest = index,
            _ => self.nodes[second].newer = index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8),
        Touch(u8),
        Pop,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0u8..12).prop_map(Step::Insert),
            4 => (0u8..12).prop_map(Step::Touch),
            2 => Just(Step::Pop),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// The list behaves like a vector that is searched and shifted.
        #[test]
        fn it_agrees_with_a_vector(steps in prop::collection::vec(step(), 0..80)) {
            let mut lru = Lru::new();
            let mut model: Vec<(u8, u64, u64)> = Vec::new();
            for (now, step) in (1u64..).zip(steps) {
                match step {
                    Step::Insert(key) => {
                        let displaced = model.iter().position(|entry| entry.0 == key);
                        let displaced = displaced.map(|at| model.remove(at).1);
                        model.push((key, now, now));
                        prop_assert_eq!(lru.insert(u64::from(key) % 5, key, now, now), displaced);
                    }
                    Step::Touch(key) => {
                        let found = model.iter().position(|entry| entry.0 == key);
                        let found = found.map(|at| model.remove(at));
                        model.extend(found.map(|entry| (entry.0, entry.1, now)));
                        let value = lru.touch(u64::from(key) % 5, &key, |last| {
                            assert!(found.is_some_and(|entry| entry.2 == last));
                            now
                        });
                        prop_assert_eq!(value.copied(), found.map(|entry| entry.1));
                    }
                    Step::Pop => {
                        let oldest = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(lru.oldest_stamp(), oldest.map(|entry| entry.2));
                        prop_assert_eq!(lru.pop_oldest(), oldest.map(|entry| (entry.0, entry.1)));
                    }
                }
                prop_assert_eq!(lru.len(), model.len());
            }
        }
    }
}
