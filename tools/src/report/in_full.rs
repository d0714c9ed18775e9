//! The page of a sweep with what only new runs tell: the best trial in full, and whether it is more than luck.

use std::fmt;

use barrow_engine::{Backtest, Error, Factory, Params, Portal, SweepReport, Verdict, Workers};
use barrow_store::{Lease, SeriesCache};

use super::{Report, RunSection, Section, StudySection};

/// What trials of a sweep are run again with: the same as before.
pub struct Rerun<'a> {
    /// Settings of each trial.
    pub backtest: &'a Backtest,
    /// The bars.
    pub lease: &'a Lease,
    /// Derived series.
    pub cache: &'a SeriesCache,
    /// Makes the strategy of a trial.
    pub factory: &'a Factory<'a>,
    /// Who runs.
    pub workers: &'a Workers,
}

impl fmt::Debug for Rerun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rerun").field("backtest", self.backtest).finish_non_exhaustive()
    }
}

impl Report {
    /// The page of a sweep, with `top` trials in its table, what statistics say of the best trial, and its
    /// backtest. Runs up to [`Verdict::SAMPLED_MAX`] trials again.
    ///
    /// # Errors
    /// When the best trial cannot be run again.
    pub fn of_sweep_in_full(
        report: &SweepReport,
        top: usize,
        rerun: &Rerun<'_>,
    ) -> Result<Self, Error> {
        let mut page = Self::of_sweep(report, top);
        let Some(best) = report.best_trial() else { return Ok(page) };
        let params = report.params(best);
        if let Some(verdict) = rerun.verdict(report)? {
            let section = StudySection::of_verdict(&verdict, report);
            page.sections.push(Section::Study(Box::new(section)));
        }
        let mut section = rerun.section(&params)?;
        "The best trial".clone_into(&mut section.heading);
        section.note = params.to_string();
        page.sections.push(Section::Run(Box::new(section)));
        Ok(page)
    }
}

impl Rerun<'_> {
    /// What statistics say of the best; `None` where they are not defined, as of a single trial.
    fn verdict(&self, report: &SweepReport) -> Result<Option<Verdict>, Error> {
        let portal = Portal::new(self.lease, self.cache, &self.backtest.scope)?;
        Ok(Verdict::of(report, self.backtest, &portal, self.factory, self.workers).ok())
    }

    fn section(&self, params: &Params) -> Result<RunSection, Error> {
        let mut strategy = (self.factory)(params)?;
        let performance = self.backtest.run(self.lease, strategy.as_mut(), self.cache)?;
        Ok(RunSection::of(&performance, self.lease)?)
    }
}
