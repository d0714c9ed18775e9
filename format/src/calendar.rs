//! The calendar: the distinct timestamps of all assets, ascending.

/// Unites ascending timestamp arrays. Arrays that bring nothing new cost one comparison with what is there;
/// the rest are kept as runs of doubling length and merged like a binary counter, so that the whole costs
/// O(n log n) however many assets there are and in whatever order they come.
#[derive(Debug, Default)]
pub(crate) struct CalendarBuilder {
    runs: Vec<Vec<i64>>,
}

impl CalendarBuilder {
    pub(crate) fn add(&mut self, times: &[i64]) {
        if times.is_empty() || self.runs.iter().any(|run| contains_all(run, times)) {
            return;
        }
        let mut run = times.to_vec();
        while let Some(last) = self.runs.pop_if(|last| last.len() <= 2 * run.len()) {
            run = union(&last, &run);
        }
        self.runs.push(run);
    }

    pub(crate) fn finish(self) -> Vec<i64> {
        self.runs.into_iter().rev().reduce(|a, b| union(&a, &b)).unwrap_or_default()
    }
}

/// Tells whether the ascending `part` lies wholly in the ascending `whole`.
pub(crate) fn contains_all(whole: &[i64], part: &[i64]) -> bool {
    let (Some(first), Some(last)) = (part.first(), part.last()) else { return true };
    let Ok(start) = whole.binary_search(first) else { return false };
    let Ok(end) = whole.binary_search(last) else { return false };
    let Some(span) = whole.get(start..=end) else { return false };
    if span.len() == part.len() {
        return span == part;
    }
    let mut rest = span.iter();
    span.len() > part.len() && part.iter().all(|time| rest.any(|other| other == time))
}

fn union(a: &[i64], b: &[i64]) -> Vec<i64> {
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(&&x), Some(&&y)) => {
                if x <= y {
                    a.next();
                }
                if y <= x {
                    b.next();
                }
                x.min(y)
            }
            (Some(_), None) => {
                out.extend(a);
                return out;
            }
            (None, _) => {
                out.extend(b);
                return out;
            }
        };
        out.push(next);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn calendar_is_the_union_in_any_order(sets in prop::collection::vec(prop::collection::btree_set(-50i64..50, 0..30), 0..8)) {
            let all: Vec<i64> = sets.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
            let mut forward = CalendarBuilder::default();
            let mut backward = CalendarBuilder::default();
            for set in &sets {
                forward.add(&set.iter().copied().collect::<Vec<_>>());
            }
            for set in sets.iter().rev() {
                backward.add(&set.iter().copied().collect::<Vec<_>>());
            }
            prop_assert_eq!(&forward.finish(), &all);
            prop_assert_eq!(&backward.finish(), &all);
        }
    }
}
