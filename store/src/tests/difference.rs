//! Differences: what two versions are said to differ by is what a comparison of every bar finds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::pool::BundlePool;
use crate::tests::played::{Bar, Model, begin, steps, three_assets};

/// Counts what lies between two models by looking at every bar.
fn naive_difference(a: &Model, b: &Model) -> (u64, u64, u64, Vec<[u64; 3]>) {
    let (mut added, mut removed, mut changed) = (0, 0, 0);
    let later = a.later.max(b.later);
    let mut columns = vec![[0; 3]; 3 + later];
    let cells = |bar: &Bar| {
        let mut cells = vec![Some(0), Some(bar.close.to_bits()), Some(u64::from(bar.lots))];
        let place =
            |place| bar.later.get(place).copied().flatten().map(|it| u64::from(f32::to_bits(it)));
        cells.extend((0..later).map(place));
        cells
    };
    let present = |column: usize, cell: &Option<u64>| {
        cell.is_some_and(|bits| column != 1 || !f64::from_bits(bits).is_nan())
    };
    let symbols: BTreeSet<_> = a.assets.keys().chain(b.assets.keys()).collect();
    for symbol in symbols {
        let none = BTreeMap::new();
        let (x, y) = (a.assets.get(symbol).unwrap_or(&none), b.assets.get(symbol).unwrap_or(&none));
        let days: BTreeSet<_> = x.keys().chain(y.keys()).collect();
        for day in days {
            match (x.get(day).map(cells), y.get(day).map(cells)) {
                (Some(x), Some(y)) => {
                    let mut differs = false;
                    for (column, (x, y)) in x.iter().zip(&y).enumerate() {
                        // A column that only one of them has adds or removes values instead.
                        let one = column >= 3 + a.later.min(b.later);
                        if one {
                            columns[column][0] += u64::from(present(column, y));
                            columns[column][1] += u64::from(present(column, x));
                        } else if x != y {
                            columns[column][2] += 1;
                            differs = true;
                        }
                    }
                    changed += u64::from(differs);
                }
                (x, y) => {
                    let (side, bar) = if y.is_some() { (0, y) } else { (1, x) };
                    for (column, cell) in bar.unwrap().iter().enumerate() {
                        columns[column][side] += u64::from(present(column, cell));
                    }
                    added += u64::from(side == 0);
                    removed += u64::from(side == 1);
                }
            }
        }
    }
    (added, removed, changed, columns)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn differences_are_those_of_every_bar(before in steps(), after in steps(), alone: bool) {
        let (_dir, mut played) = begin(three_assets());
        for step in &before {
            played.play(step);
        }
        let (old, version) = (played.model.clone(), played.catalog.head("b").unwrap().version);
        for step in &after {
            played.play(step);
        }
        let pool = BundlePool::new(4);
        let lease = |spec: &str| pool.lease(&played.catalog, spec).unwrap();
        let first = lease(&format!("b@{version}"));
        let second = if alone {
            // Written anew, so that no file is shared and every bar is compared.
            let staging = played.catalog.stage("c").unwrap();
            let written = played.model.in_one_go(staging.sink());
            staging.publish(written).unwrap();
            lease("c")
        } else {
            lease("b")
        };
        for (a, b, x, y) in [(&first, &second, &old, &played.model), (&second, &first, &played.model, &old)] {
            let found = crate::Difference::between(a, b).unwrap();
            let counts: Vec<_> = found.columns.iter()
                .map(|it| [it.values_added, it.values_removed, it.values_changed]).collect();
            let expected = naive_difference(x, y);
            prop_assert_eq!((found.rows_added, found.rows_removed, found.rows_changed, counts), expected);
            prop_assert_eq!(found.is_empty(), a.version() == b.version());
        }
    }
}
