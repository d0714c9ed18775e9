//! Which parts a new file takes in: size-tiered merging.
//!
//! A part is of level `l` when it holds at least 4^l live rows and fewer than 4^(l+1). Whoever writes rows looks at the
//! level that they make together: where three parts of it are there already, their rows are copied into the new file, and
//! those of all smaller parts with them. They then count four times as much, so the file is of a higher level, and the same
//! question is asked again.
//!
//! So a level never has more than three parts, a row is copied at most once a level, and both the number of parts and the
//! bytes written for each byte of rows grow with the logarithm of the bundle: after a year of daily appends there are
//! at most thirteen parts, and each row was written three times. A last rule holds when corrections have killed most rows of
//! many parts: of more than 64, the smallest are taken in.
//!
//! Every version lists each part for each asset. So larger levels would copy rows less often, but daily appends, which are
//! of one row an asset, would cost more: with levels of 8 a year of them took a sixth more time.

/// How many parts of a level are taken in together with a new one.
const FANOUT: usize = 4;
/// Parts that are left at most.
const PARTS_KEPT_MAX: usize = 64;

/// Returns, for parts of so many live rows each, which ones a file with `fresh` new rows takes in. `merges` tells for each
/// whether it may be.
pub(crate) fn absorbed(live: &[u64], fresh: u64, merges: &[bool]) -> Vec<bool> {
    let mut taken = vec![false; live.len()];
    let mut rows = fresh;
    loop {
        let at = level(rows);
        let open = |taken: &[bool], place: usize| !taken[place] && merges[place];
        let places = 0..live.len();
        let equal = places.clone().filter(|&p| open(&taken, p) && level(live[p]) == at).count();
        if equal + 1 < FANOUT {
            break;
        }
        for place in places {
            if open(&taken, place) && level(live[place]) <= at {
                taken[place] = true;
                rows = rows.saturating_add(live[place]);
            }
        }
    }
    let mut left: Vec<usize> = (0..live.len()).filter(|&place| !taken[place]).collect();
    left.sort_by_key(|&place| (!merges[place], live[place], place));
    let too_many = left.len().saturating_sub(PARTS_KEPT_MAX);
    for place in left.into_iter().take(too_many) {
        taken[place] = merges[place];
    }
    taken
}

fn level(rows: u64) -> u32 {
    rows.checked_ilog(4).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Appends files of so many rows one after the other; returns the most parts there were, and the rows written.
    fn play(appends: impl Iterator<Item = u64>, mut parts: Vec<u64>) -> (usize, u64) {
        let (mut most, mut written) = (0, 0);
        for fresh in appends {
            let taken = absorbed(&parts, fresh, &vec![true; parts.len()]);
            let merged: u64 =
                parts.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(rows, _)| rows).sum();
            let mut kept = taken.iter().map(|taken| !taken);
            parts.retain(|_| kept.next().unwrap());
            parts.push(fresh + merged);
            written += fresh + merged;
            most = most.max(parts.len());
        }
        (most, written)
    }

    #[test]
    fn a_year_of_days_is_few_parts_and_few_writes_of_each_row() {
        let (most, written) = play((0..250).map(|_| 3000), vec![3000 * 2520]);
        assert!(most <= 13, "{most} parts");
        assert!(written <= 250 * 3000 * 7 / 2, "{written} rows");
        let (most, written) = play((0..10_000).map(|_| 1), vec![]);
        assert!(most <= 3 * 7 + 1, "{most} parts");
        assert!(written <= 10_000 * 7, "{written} rows");
    }

    proptest! {
        #[test]
        fn parts_are_few_and_rows_are_copied_seldom(appends in prop::collection::vec(prop_oneof![1u64..10, 1u64..10_000], 1..400)) {
            let total: u64 = appends.iter().sum();
            let levels = u64::from(level(total)) + 1;
            let (most, written) = play(appends.iter().copied(), vec![]);
            prop_assert!(most as u64 <= 3 * levels + 1);
            prop_assert!(written <= total * (levels + 1));
        }

        #[test]
        fn parts_that_may_not_be_merged_stay(live in prop::collection::vec(0u64..1000, 0..200), merges in any::<u64>(), fresh in 0u64..100) {
            let merges: Vec<bool> = (0..live.len()).map(|i| merges >> (i % 64) & 1 == 1).collect();
            let taken = absorbed(&live, fresh, &merges);
            prop_assert!(taken.iter().zip(&merges).all(|(taken, merges)| *merges || !taken));
        }
    }
}
