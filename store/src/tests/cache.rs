//! The cache of derived series against a simple model, and its promises under many threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use barrow_format::Version;
use proptest::prelude::*;

use crate::cache::byte_cache::CacheStats;
use crate::cache::{Derived, SeriesCache, SeriesKey};

/// What an entry of `count` floats counts.
fn charge(count: usize) -> usize {
    256 + 8 * count
}

fn key(number: u32) -> SeriesKey {
    SeriesKey::new(Version::from_bytes([9; 32]), number, 4, "test")
}

fn floats(count: usize) -> Derived {
    Derived::F64(vec![1.5; count])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// The cache holds what a list ordered by last use would hold, whichever shards the keys fall into.
    #[test]
    fn it_agrees_with_a_list(
        requests in prop::collection::vec((0u32..24, 0usize..200), 0..120),
        budget in 0usize..12_000,
    ) {
        let cache = SeriesCache::new(budget);
        let mut model: Vec<(u32, usize)> = Vec::new();
        let mut expected = CacheStats { budget_bytes: budget, ..CacheStats::default() };
        for (number, count) in requests {
            let found = model.iter().position(|entry| entry.0 == number);
            let value = cache.get_or_insert(&key(number), || floats(count));
            let held = found.map(|at| model.remove(at));
            prop_assert_eq!(value.as_f64().unwrap().len(), held.map_or(count, |entry| entry.1));
            expected.hits += u64::from(held.is_some());
            expected.misses += u64::from(held.is_none());
            match held {
                Some(entry) => model.push(entry),
                None if charge(count) <= budget => model.push((number, count)),
                None => {}
            }
            let bytes = |model: &[(u32, usize)]| model.iter().map(|it| charge(it.1)).sum::<usize>();
            while bytes(&model) > budget {
                model.remove(0);
                expected.evictions += 1;
            }
            expected.entries = model.len();
            expected.bytes = bytes(&model);
            prop_assert_eq!(cache.stats(), expected);
        }
        for number in 0..24 {
            let held = model.iter().any(|entry| entry.0 == number);
            prop_assert_eq!(cache.get(&key(number)).is_some(), held);
        }
        cache.clear();
        prop_assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
    }
}

#[test]
fn every_part_of_the_key_counts() {
    let cache = SeriesCache::default();
    let base = key(1);
    let others = [
        SeriesKey { version: Version::from_bytes([8; 32]), ..base.clone() },
        SeriesKey { asset: SeriesKey::ALL_ASSETS, ..base.clone() },
        SeriesKey { column: 5, ..base.clone() },
        SeriesKey { function: "other".to_owned().into(), ..base.clone() },
        base.clone().with_params([0, 0, 0, 1]),
    ];
    cache.get_or_insert(&base, || floats(1));
    for other in &others {
        assert!(cache.get(other).is_none());
    }
    assert!(cache.get(&base).is_some());
    assert_eq!(cache.stats().budget_bytes, 2 << 30);
}

#[test]
fn values_come_back_as_what_they_are() {
    let float = Derived::F64(vec![1.0, 2.0]);
    assert_eq!((float.as_f64(), float.as_i64()), (Some(&[1.0, 2.0][..]), None));
    let integer = Derived::I64(vec![1, 2, 3]);
    assert_eq!((integer.as_i64(), integer.as_i128()), (Some(&[1, 2, 3][..]), None));
    let wide = Derived::I128(vec![1 << 100]);
    assert_eq!((wide.as_i128(), wide.as_f64()), (Some(&[1 << 100][..]), None));
    let other = Derived::other("text".to_owned(), 4);
    assert_eq!(other.downcast_ref::<String>().map(String::as_str), Some("text"));
    assert!(other.downcast_ref::<u8>().is_none() && float.downcast_ref::<Vec<f64>>().is_none());
    let bytes = [float, integer, wide, other].map(|value| value.bytes());
    assert_eq!(bytes, [16, 24, 16, 4]);
}

#[test]
fn sixteen_threads_compute_each_value_once() {
    let cache = SeriesCache::default();
    let (computed, barrier) = (AtomicU64::new(0), Barrier::new(16));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                barrier.wait();
                for number in 0..100 {
                    let value = cache.get_or_insert(&key(number), || {
                        computed.fetch_add(1, Ordering::Relaxed);
                        Derived::I64(vec![i64::from(number)])
                    });
                    assert_eq!(value.as_i64(), Some(&[i64::from(number)][..]));
                }
            });
        }
    });
    assert_eq!(computed.load(Ordering::Relaxed), 100);
    assert_eq!((cache.stats().misses, cache.stats().hits), (100, 1500));
}

#[test]
fn a_failed_or_panicking_computation_is_tried_again() {
    let cache = SeriesCache::default();
    assert_eq!(cache.get_or_try_insert(&key(1), || Err("no")).unwrap_err(), "no");
    let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        cache.get_or_insert(&key(1), || panic!("on purpose"));
    }));
    assert!(attempt.is_err());
    let value = cache.get_or_insert(&key(1), || floats(3));
    assert_eq!(value.as_f64().map(<[f64]>::len), Some(3));
    assert_eq!((cache.stats().hits, cache.stats().misses), (0, 3));
}

#[test]
fn those_who_wait_for_a_failing_computation_try_their_own() {
    let cache = SeriesCache::default();
    let attempts = AtomicU64::new(0);
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let outcome = cache.get_or_try_insert(&key(1), || {
                        let attempt = attempts.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        if attempt < 3 { Err(()) } else { Ok(floats(1)) }
                    });
                    u64::from(outcome.is_err())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>()
    });
    assert_eq!((failed, attempts.load(Ordering::SeqCst)), (3, 4));
}

#[test]
fn a_computation_may_use_the_cache() {
    let cache = SeriesCache::default();
    let outer = cache.get_or_insert(&key(1), || {
        let inner = cache.get_or_insert(&key(2), || floats(5));
        Derived::F64(inner.as_f64().unwrap().iter().map(|value| value * 2.0).collect())
    });
    assert_eq!(outer.as_f64(), Some(&[3.0; 5][..]));
    assert_eq!(cache.stats().entries, 2);
}

#[test]
fn an_evicted_value_lives_as_long_as_someone_holds_it() {
    let cache = SeriesCache::new(charge(10));
    let first = cache.get_or_insert(&key(1), || floats(10));
    cache.get_or_insert(&key(2), || floats(10));
    assert!(cache.get(&key(1)).is_none());
    assert_eq!(Arc::strong_count(&first), 1);
    assert_eq!(first.as_f64(), Some(&[1.5; 10][..]));
}
