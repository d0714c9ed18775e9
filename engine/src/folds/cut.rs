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
}

impl Cut for Purged {
    fn splits(&self, times: &[i64]) -> Result<Vec<Split>, Error> {
        let splits = Purged::splits(self, times.len())?;
        let holds = splits.iter().all(|split| !split.train.is_empty());
        let (name, what) = ("purged cross-validation", "bars to fit on that purging leaves");
        needs(holds, name, what, "none")?;
        Ok(splits)
    }
}
