//! [`Searched`]: all that a sweep or a search is of, and how it is run.

use std::path::Path;
use std::sync::Arc;

use barrow_engine::search::{Goals, SearchPlan};
use barrow_engine::{
    Backtest, Crew, Crews as _, Error, Hunt, Params, Portal, Study, Sweep, Threads, Workers,
};
use barrow_store::{Journal, Lease, SeriesCache};
use pyo3::prelude::*;

use super::crew::Outside;
use super::maker::Maker;
use super::plan::Plan;
use super::settings::Settings;
use super::space::Space;
use super::watch::{Stop, Watch, tell, watched};
use crate::bundle::Bundle;
use crate::error::Result;

/// All that a search is of.
#[derive(Debug)]
pub(crate) struct Searched {
    pub(crate) bundle: Py<Bundle>,
    pub(crate) lease: Lease,
    pub(crate) maker: Arc<Maker>,
    pub(crate) given_space: Py<Space>,
    pub(crate) space: Arc<barrow_engine::Space>,
    pub(crate) backtest: Backtest,
    pub(crate) plan: Plan,
    /// What tells a strategy of Python from others of its name.
    pub(crate) code: Option<String>,
}

impl Searched {
    pub(crate) fn of(
        bundle: &Bound<'_, Bundle>,
        maker: Maker,
        space: &Bound<'_, Space>,
        settings: &Settings,
        plan: &Plan,
        code: Option<String>,
    ) -> Self {
        Self {
            bundle: bundle.clone().unbind(),
            lease: bundle.get().lease().clone(),
            maker: Arc::new(maker),
            given_space: space.clone().unbind(),
            space: Arc::clone(&space.get().space),
            backtest: settings.backtest.clone(),
            plan: plan.clone(),
            code,
        }
    }

    /// Runs the search, trials by a crew of Python where there is one.
    pub(crate) fn found(
        &self,
        py: Python<'_>,
        study: Option<&Path>,
        crew: Option<&Bound<'_, PyAny>>,
        show: Option<&Bound<'_, PyAny>>,
    ) -> Result<barrow_engine::SweepReport> {
        let Some(crew) = crew else {
            return Ok(watched(py, show, |watch| self.run(study, watch))??);
        };
        let crew = Outside::new(crew, self.plan.terms)?;
        let show = show.map(|show| show.clone().unbind());
        // Led by Python, on this thread, which sees Ctrl-C by itself.
        Ok(py.detach(|| self.run_outside(&crew, study, show.as_ref()))?)
    }

    pub(crate) fn make(
        &self,
        params: &Params,
        stop: Option<&Stop>,
    ) -> std::result::Result<Box<dyn barrow_engine::Strategy + Send>, Error> {
        self.maker.make(params, &self.lease, stop)
    }

    pub(crate) fn cache(&self) -> &SeriesCache {
        self.bundle.get().cache()
    }

    pub(crate) fn workers(&self) -> std::result::Result<Arc<Workers>, Error> {
        // Python runs one thread at a time.
        Workers::shared(if self.maker.is_scripted() { 1 } else { self.plan.workers })
    }

    fn run(
        &self,
        study: Option<&Path>,
        watch: &Watch,
    ) -> std::result::Result<barrow_engine::SweepReport, Error> {
        let (cancel, workers) = (Some(&*watch.cancel), self.workers()?);
        let cache = self.cache();
        let factory = |params: &Params| self.make(params, Some(&watch.cancel));
        let progress = |progress| watch.show(progress);
        if self.plan.is_plain_grid() && study.is_none() {
            let sweep = Sweep {
                progress: Some(&progress),
                cancel,
                ..Sweep::new(self.backtest.clone(), self.plan.objectives[0])
            };
            return sweep.run_with(&self.lease, &factory, &self.space, cache, &workers);
        }
        let portal = Portal::new(&self.lease, cache, &self.backtest.scope)?;
        let terms = self.plan.terms;
        let crew = Threads::new(&self.backtest, &portal, &factory, &workers, terms, cancel);
        let hunt = Hunt { progress: Some(&progress), cancel, ..self.hunt()? };
        self.hunted(&hunt, &portal, &crew, study)
    }

    fn run_outside(
        &self,
        outside: &Outside,
        study: Option<&Path>,
        show: Option<&Py<PyAny>>,
    ) -> std::result::Result<barrow_engine::SweepReport, Error> {
        let portal = Portal::new(&self.lease, self.cache(), &self.backtest.scope)?;
        let progress = |progress| tell(show, progress);
        let hunt = Hunt { progress: Some(&progress), ..self.hunt()? };
        let crew = outside.over(&self.backtest, std::slice::from_ref(&portal));
        self.hunted(&hunt, &portal, crew.as_ref(), study)
    }

    fn hunt(&self) -> std::result::Result<Hunt<'_>, Error> {
        let directions = self.plan.objectives.iter().map(|objective| objective.direction);
        let goals = Goals::several(directions.collect())?;
        let mut plan = SearchPlan::new(self.plan.method.clone(), self.plan.seed, goals);
        (plan.trials_max, plan.cost_max) = (self.plan.trials, self.plan.cost);
        Ok(Hunt {
            backtest: &self.backtest,
            objectives: self.plan.objectives.clone(),
            limits: self.plan.limits.clone(),
            plan,
            round: self.plan.round,
            progress: None,
            cancel: None,
        })
    }

    fn hunted(
        &self,
        hunt: &Hunt<'_>,
        portal: &Portal<'_>,
        crew: &dyn Crew,
        study: Option<&Path>,
    ) -> std::result::Result<barrow_engine::SweepReport, Error> {
        let open = |path| -> std::result::Result<Study, Error> {
            let study = Study::open(Journal::open(path)?)?;
            Ok(match &self.code {
                Some(code) => study.of("strategy code", code),
                None => study,
            })
        };
        let mut study = study.map(open).transpose()?;
        let factory = |params: &Params| self.make(params, None);
        hunt.run(portal, &factory, &self.space, crew, study.as_mut())
    }
}
