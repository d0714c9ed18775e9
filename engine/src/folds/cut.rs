//! Ways to cut a clock into folds.

use crate::Error;
use crate::validation::{Purged, Split, Windows, needs};

/// A way to cut a clock into folds.
pub trait Cut: Clone + Sync {
    /// Returns the folds of a clock: ascending times, ns since the epoch, UTC. Each has something to fit
    /// on and something to judge on.
    ///
    /// # Errors
    /// [`Error::Statistic`] when it cannot be cut this way.
    fn splits(&self, times: &[i64]) -> Result<Vec<Split>, Error>;

    /// Returns the time from which on bars are judged, where those before it are fitted on alone: a permuted market keeps the
    /// moves of both apart. `None` where bars of all of the clock are judged.
    ///
    /// # Errors
    /// As [`Cut::splits`].
    fn judged_from(&self, times: &[i64]) -> Result<Option<i64>, Error>;
}

impl Cut for Windows {
    /// Returns one split a fold; its test stretch is a group of its own, on the only path.
    fn splits(&self, times: &[i64]) -> Result<Vec<Split>, Error> {
        let folds = self.folds(times)?.into_iter().enumerate();
        let split = folds.map(|(number, fold)| Split {
            test_groups: vec![number],
            test: vec![fold.test],
            train: vec![fold.train],
            validate: Some(fold.validate).into_iter().filter(|ticks| !ticks.is_empty()).collect(),
            paths: vec![0],
        });
        Ok(split.collect())
    }

    fn judged_from(&self, times: &[i64]) -> Result<Option<i64>, Error> {
        Ok(self.folds(times)?.first().map(|fold| times[fold.test.start]))
    }
}

impl Cut for Purged {
    fn splits(&self, times: &[i64]) -> Result<Vec<Split>, Error> {
        let splits = Purged::splits(self, times.len())?;
        let holds = splits.iter().all(|split| !split.train.is_empty());
        let (name, what) = ("purged cross-validation", "bars to fit on that purging leaves");
        needs(holds, name, what, "none")?;
        Ok(splits)
    }

    fn judged_from(&self, _: &[i64]) -> Result<Option<i64>, Error> {
        Ok(None)
    }
}
