//! [`Again`]: a search, or one in each of folds, over another bundle.

use barrow_engine::validation::{Purged, Windows};
use barrow_engine::{Cut as _, Error, FoldsReport, Portal};
use barrow_store::{Lease, SeriesCache};
use barrow_tools::market::Imagined;
use barrow_tools::permutation::without_choice;
use pyo3::prelude::*;

use super::cross::{self, purged};
use super::folds;
use super::maker::Maker;
use super::plan::Plan;
use super::searched::Searched;
use super::settings::Settings;
use super::space::Space;
use super::walk;
use crate::bundle::Bundle;
use crate::error::Result;

/// How bars are cut into folds, as the functions that run them take it.
#[derive(FromPyObject)]
pub(crate) enum Cut {
    /// Of a walk-forward.
    Windows(walk::Cut),
    /// Of a cross-validation.
    Purged(cross::Cut),
}

/// What is run over each bundle.
pub(crate) struct Again<'a> {
    pub(crate) space: Py<Space>,
    pub(crate) settings: &'a Settings,
    pub(crate) plan: &'a Plan,
    /// `None`: one search over all bars.
    pub(crate) cut: Option<&'a Cut>,
}

impl Again<'_> {
    /// The time from which moves change places among themselves.
    pub(crate) fn apart(
        &self,
        lease: &Lease,
        cache: &SeriesCache,
    ) -> std::result::Result<Option<i64>, Error> {
        let Some(Cut::Windows(cut)) = self.cut else { return Ok(None) };
        let portal = Portal::new(lease, cache, &self.settings.backtest.scope)?;
        cut.windows()?.judged_from(portal.times())
    }

    /// The objective over a market that might have been; `None` where it is undefined. `over` takes the bundle and returns a strategy
    /// for it, and who runs the trials.
    pub(crate) fn value(
        &self,
        py: Python<'_>,
        imagined: Imagined,
        over: &Bound<'_, PyAny>,
    ) -> Result<Option<f64>> {
        let bundle = Bound::new(py, Bundle::imagined(imagined))?;
        let (strategy, crew): (Bound<'_, PyAny>, Option<Bound<'_, PyAny>>) =
            over.call1((&bundle,))?.extract()?;
        let crew = crew.as_ref();
        let (space, settings, plan) = (self.space.bind(py), self.settings, self.plan);
        let Some(cut) = self.cut else {
            let maker = Maker::of(&strategy)?;
            let searched = Searched::of(&bundle, maker, space, settings, plan, None);
            return Ok(searched.found(py, None, crew, None)?.best_value());
        };
        let (strategy, space) = (&strategy, space.get());
        let bundle = bundle.get();
        let folds = folds::Searched { bundle, strategy, space, settings, plan, crew, show: None };
        match cut {
            Cut::Windows(cut) => out_of_sample::<Windows>(folds.run(py, cut.windows()?)?),
            Cut::Purged(cut) => out_of_sample::<Purged>(folds.run(py, purged(*cut))?),
        }
    }
}

fn out_of_sample<C>(found: std::result::Result<FoldsReport<C>, Error>) -> Result<Option<f64>> {
    Ok(found.map_or_else(without_choice, |report| Ok(report.out_of_sample()))?)
}
