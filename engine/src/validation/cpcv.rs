//! Combinatorial purged cross-validation.

use std::ops::Range;

use super::needs;
use crate::Error;

/// How a stretch of bars is cut for combinatorial purged cross-validation.
///
/// The bars are cut into `groups` contiguous groups; each choice of `test_groups` of them is judged
/// by what was fitted on the rest, less the bars too close to a test group. Source: Lopez de Prado
/// (2018), "Advances in financial machine learning", chapters 7 and 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Number of groups.
    pub groups: usize,
    /// Groups that are judged together.
    pub test_groups: usize,
    /// Bars that a decision looks ahead: a holding period. A bar is not fitted on when the interval
    /// from it to so many bars later meets that of a test group. 0 purges nothing.
    pub holding: usize,
    /// Bars that are not fitted on before and after each test group.
    pub purge: usize,
    /// Bars that are not fitted on after each test group, beyond `purge`.
    pub embargo: usize,
}

/// One way to fit and to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The groups that are judged, ascending.
    pub test_groups: Vec<usize>,
    /// Their bars, one range a group.
    pub test: Vec<Range<usize>>,
    /// Bars that are fitted on: ascending ranges that do not touch.
    pub train: Vec<Range<usize>>,
    /// Bars that the choice is made on, as ranges; none: those fitted on.
    pub validate: Vec<Range<usize>>,
    /// For each test group, the path that its judgement belongs to.
    pub paths: Vec<usize>,
}

impl Purged {
    /// Returns the number of splits, `C(N, k)`.
    pub fn splits_len(&self) -> u64 {
        choose(self.groups, self.test_groups)
    }

    /// Returns the number of paths over the whole stretch, `C(N, k) k / N`.
    pub fn paths_len(&self) -> u64 {
        choose(self.groups.saturating_sub(1), self.test_groups.saturating_sub(1))
    }

    /// Returns the splits of `bars` bars in lexicographic order of their test groups. Path `p` of a
    /// group is the `p`-th split in which the group is judged.
    ///
    /// # Errors
    /// [`Error::Statistic`] unless `1 <= test_groups < groups <= bars` and there are at most 100,000
    /// splits.
    pub fn splits(&self, bars: usize) -> Result<Vec<Split>, Error> {
        const NAME: &str = "purged cross-validation";
        let (n, k) = (self.groups, self.test_groups);
        needs(k >= 1 && k < n, NAME, "1 to below `groups` test groups", k)?;
        needs(n <= bars, NAME, "at least one bar a group", bars)?;
        needs(self.splits_len() <= 100_000, NAME, "at most 100000 splits", self.splits_len())?;
        let mut splits = Vec::new();
        let mut judged = vec![0; n];
        let mut chosen: Vec<usize> = (0..k).collect();
        loop {
            let path = |group: &usize| {
                judged[*group] += 1;
                judged[*group] - 1
            };
            let paths = chosen.iter().map(path).collect();
            let test: Vec<Range<usize>> = chosen.iter().map(|g| self.group(*g, bars)).collect();
            let train = self.train(&test, bars);
            let validate = Vec::new();
            splits.push(Split { test_groups: chosen.clone(), test, train, validate, paths });
            let Some(moving) = (0..k).rev().find(|at| chosen[*at] < n - k + at) else {
                return Ok(splits);
            };
            chosen[moving] += 1;
            for at in moving + 1..k {
                chosen[at] = chosen[at - 1] + 1;
            }
        }
    }

    /// The bars of a group; groups differ in length by at most one bar.
    pub(crate) fn group(&self, group: usize, bars: usize) -> Range<usize> {
        group * bars / self.groups..(group + 1) * bars / self.groups
    }

    fn train(&self, test: &[Range<usize>], bars: usize) -> Vec<Range<usize>> {
        let mut free = vec![true; bars];
        for part in test {
            let before = part.start.saturating_sub(self.purge.max(self.holding));
            let after = part.end + (self.purge + self.embargo).max(self.holding);
            free[before..after.min(bars)].fill(false);
        }
        let mut train: Vec<Range<usize>> = Vec::new();
        for at in (0..bars).filter(|at| free[*at]) {
            match train.last_mut() {
                Some(last) if last.end == at => last.end = at + 1,
                _ => train.push(at..at + 1),
            }
        }
        train
    }
}

fn choose(n: usize, k: usize) -> u64 {
    if k > n {
        return 0;
    }
    let wide = |n: usize| u128::try_from(n).unwrap_or(0);
    let mut ways = 1_u128;
    for at in 0..k.min(n - k) {
        ways = ways.saturating_mul(wide(n - at)) / wide(at + 1);
    }
    u64::try_from(ways).unwrap_or(u64::MAX)
}
