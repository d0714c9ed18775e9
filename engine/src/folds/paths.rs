//! The runs of the choices, one after the other.

use std::collections::BTreeMap;
use std::ops::Range;

use super::report::PathReport;
use crate::portal::Portal;
use crate::sweep::{Piece, stitch};
use crate::validation::Split;

/// Runs on test groups, by path and group.
pub(super) struct Paths {
    /// The ticks of each group.
    groups: BTreeMap<usize, Range<usize>>,
    /// For each path, by group: the fold that judged it, and the run.
    runs: Vec<BTreeMap<usize, (usize, Piece)>>,
}

impl Paths {
    /// Paths without a run, over the groups that splits test.
    pub(super) fn new(splits: &[Split]) -> Paths {
        let tested = |split: &Split| split.test_groups.clone().into_iter().zip(split.test.clone());
        let len = splits.iter().flat_map(|split| &split.paths).max().map_or(0, |last| last + 1);
        Paths {
            groups: splits.iter().flat_map(tested).collect(),
            runs: (0..len).map(|_| BTreeMap::new()).collect(),
        }
    }

    /// Adds the run of a fold's choice on the group at a place of its split.
    pub(super) fn add(&mut self, fold: usize, split: &Split, place: usize, piece: Piece) {
        self.runs[split.paths[place]].insert(split.test_groups[place], (fold, piece));
    }

    /// Joins each path, over the groups from the first on of which all paths have a run: all of them, but
    /// where the folds were cut short. Returns their times and the paths; no path without a group.
    ///
    /// Each run begins with what the one before ended with. Where groups overlap, a time belongs to
    /// the first of them, and the figures that need single fills are undefined.
    pub(super) fn joined(self, cash: f64, whole: &Portal<'_>) -> (Vec<i64>, Vec<PathReport>) {
        let is_run = |group: &usize| self.runs.iter().all(|run| run.contains_key(group));
        let groups = self.groups.iter().take_while(|(group, _)| is_run(group));
        let (mut times, mut seen, mut joined) = (Vec::new(), Vec::new(), 0);
        for (group, ticks) in groups {
            let from = ticks.start.max(joined);
            joined = ticks.end.max(joined);
            times.extend_from_slice(whole.times().get(from..ticks.end).unwrap_or(&[]));
            seen.push((*group, from - ticks.start));
        }
        if seen.is_empty() {
            return (times, Vec::new());
        }
        let overlap = seen.iter().any(|(_, skipped)| *skipped > 0);
        let join = |mut runs: BTreeMap<usize, (usize, Piece)>| {
            let mut folds = Vec::with_capacity(seen.len());
            let mut pieces = Vec::with_capacity(seen.len());
            for (group, skipped) in &seen {
                let Some((fold, piece)) = runs.remove(group) else { continue };
                folds.push(fold);
                pieces.push(piece.after(*skipped));
            }
            let (trial, equity) = stitch(cash, 0, whole.bars_per_year(), pieces.iter());
            let mut metrics = trial.metrics;
            if overlap {
                (metrics.turnover, metrics.exposure) = (None, None);
                (metrics.win_rate, metrics.profit_factor) = (None, None);
            }
            PathReport { folds, metrics, equity }
        };
        (times, self.runs.into_iter().map(join).collect())
    }
}
