//! Bayesian optimisation: a Gaussian process of all results, and the point of the most expected improvement.

use std::cmp::Ordering;
use std::sync::Arc;

use super::ask::{Origin, Remark};
use super::draws::{Draws, Use};
use super::gaussian::{Process, Sample, Shape};
use super::improvement::log_improvement;
use super::ledger::{Entry, Ledger, Proposer, Slot, Step};
use super::scale::exact_count;
use super::sequence::Sequence;
use super::space::{Dim, Space};
use super::warp::warp;
use crate::Error;
use crate::params::Params;

/// Settings of the Gaussian process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpSettings {
    /// Results before the model is used; until then points come from Sobol's sequence.
    pub startup: u32,
    /// Uniform candidates for each proposal; half as many more are drawn around the best results. A grid of no
    /// more points than that is looked at point by point.
    pub candidates: u32,
}

impl Default for GpSettings {
    fn default() -> Self {
        GpSettings { startup: 10, candidates: 512 }
    }
}

/// The most results that are learnt from: half of them the best, the others the latest.
const RESULTS_MAX: usize = 256;

/// The most pending trials that are believed in, the latest.
const PENDING_MAX: usize = 256;

/// Candidates are drawn around so many of the best results, and climb from so many of the best candidates.
const CENTRES: usize = 4;

/// Rounds of the climb, draws of each from each place, and how wide they are in the first.
const ROUNDS: u32 = 10;
const TRIES: u32 = 8;
const WIDTH: f64 = 0.1;

/// Candidates around a result lie so many widths off, each half of the one before.
const WIDTHS: u32 = 8;

#[derive(Debug)]
pub(super) struct Gp {
    settings: GpSettings,
    /// What is asked for before there is a model.
    first: Sequence,
    /// Width of a cell of whole numbers and lists; 0 for a continuous coordinate.
    cells: Vec<f64>,
    /// Trials that ended at the rung that counts, in the order in which they were told.
    told: Vec<u64>,
    /// The shape that was fitted last, and to how many of those.
    fitted: Option<(usize, Shape)>,
}

/// A point that may be proposed.
#[derive(Debug, Clone)]
struct Candidate {
    log_gain: f64,
    vector: Vec<f64>,
    params: Params,
}

/// What candidates are judged by.
struct Judge<'a> {
    process: Process,
    /// The least mean at a point that ran.
    best: f64,
    ledger: &'a Ledger,
    rung: u32,
}

impl Gp {
    pub(super) fn new(settings: GpSettings, space: &Arc<Space>, seed: u64) -> Gp {
        let cell = |dim: &Dim| match space.axes()[dim.axis].count() {
            Some(count) if dim.levels.is_none() => 1.0 / exact_count(count),
            _ => 0.0,
        };
        let cells = space.dims().iter().map(cell).collect();
        let first = Sequence::sobol(Arc::clone(space), seed);
        Gp { settings, first, cells, told: Vec::new(), fitted: None }
    }

    /// Adds a result.
    pub(super) fn observe(&mut self, id: u64) {
        self.told.push(id);
    }

    /// The shape for the results so far. It is found anew as often as they grow by a sixteenth; until then that
    /// of the earlier ones holds, which are the same however often it was asked for.
    fn shape(&mut self, ledger: &Ledger) -> &Shape {
        let count = self.told.len();
        let stride = (count / 16).next_power_of_two();
        let count = count - count % stride;
        if self.fitted.as_ref().is_none_or(|(of, _)| *of != count) {
            self.fitted = None;
        }
        let told = &self.told[..count];
        &self.fitted.get_or_insert_with(|| (count, Shape::fit(&sample(told, ledger)))).1
    }

    /// The admissible point of the most expected improvement among candidates anywhere, around the best results,
    /// and on the way up from the best of both.
    fn candidate(&self, judge: &Judge<'_>, draws: &mut Draws) -> Option<Params> {
        let space = &judge.ledger.space;
        let mut pool: Vec<Candidate> = Vec::new();
        let points =
            Some(space.len()).filter(|count| *count <= u64::from(self.settings.candidates));
        match points.filter(|_| !space.is_empty()) {
            Some(count) => pool.extend((0..count).filter_map(|at| judge.of(space.point(at)))),
            None => {
                for _ in 0..self.settings.candidates {
                    let cube: Vec<f64> = space.dims().iter().map(|_| draws.unit()).collect();
                    pool.extend(judge.of(space.at(&cube)));
                }
            }
        }
        let mut centres = self.told.clone();
        centres.sort_by(|left, right| judge.ledger.order(*left, *right));
        for entry in centres.iter().take(CENTRES).filter_map(|id| judge.ledger.entry(*id)) {
            for at in 0..self.settings.candidates.div_ceil(8) {
                let width = WIDTH * libm::exp2(-f64::from(at % WIDTHS));
                pool.extend(judge.of(self.beside(&entry.vector, width, space, draws)));
            }
        }
        pool.sort_by(|left, right| right.log_gain.total_cmp(&left.log_gain));
        pool.truncate(CENTRES);
        let climbed = pool.into_iter().map(|start| self.climb(start, judge, draws));
        let better = |best: Candidate, next: Candidate| {
            if next.log_gain > best.log_gain { next } else { best }
        };
        climbed.reduce(better).map(|best| best.params)
    }

    /// What candidates are judged by; `None` before there is enough to learn from.
    fn judge<'a>(&mut self, rung: u32, ledger: &'a Ledger) -> Option<Judge<'a>> {
        let ended = self.told.iter().filter(|id| !ledger.score(**id).is_failed()).count();
        let startup = usize::try_from(self.settings.startup).unwrap_or(usize::MAX).max(1);
        if ended < startup || ledger.space.dims().is_empty() {
            return None;
        }
        let sample = sample(&self.told, ledger);
        if sample.values.iter().all(|value| *value == 0.0) {
            return None;
        }
        let mut process = Process::new(sample, self.shape(ledger));
        let pending = ledger.entries().filter(|(_, at)| at.rung == rung && at.score.is_none());
        let pending: Vec<&Entry> = pending.map(|(_, entry)| entry).collect();
        for entry in &pending[pending.len().saturating_sub(PENDING_MAX)..] {
            process.believe(&filled(&entry.vector, &ledger.space));
        }
        let best = process.means().into_iter().fold(f64::INFINITY, f64::min);
        Some(Judge { process, best, ledger, rung })
    }

    fn climb(&self, start: Candidate, judge: &Judge<'_>, draws: &mut Draws) -> Candidate {
        let mut best = start;
        for round in 0..ROUNDS {
            let width = WIDTH * libm::exp2(-f64::from(round));
            for _ in 0..TRIES {
                let next = self.beside(&best.vector, width, &judge.ledger.space, draws);
                if let Some(next) = judge.of(next).filter(|next| next.log_gain > best.log_gain) {
                    best = next;
                }
            }
        }
        best
    }

    /// A point near another: each coordinate moved or left, at least one moved.
    fn beside(&self, vector: &[f64], width: f64, space: &Space, draws: &mut Draws) -> Params {
        let always = draws.below(vector.len());
        let share = libm::fmax(0.3, 1.0 / exact_count(vector.len() as u64));
        let moved = |(at, x): (usize, &f64)| {
            let moves = draws.unit() < share || at == always;
            match space.dims()[at].levels {
                Some(levels) if moves || x.is_nan() => exact_count(draws.below(levels) as u64),
                None if x.is_nan() => draws.unit(),
                // A step shorter than a cell would seldom leave it.
                None if moves => {
                    let width = libm::fmax(width, self.cells[at]);
                    (x + width * draws.normal()).clamp(0.0, 1.0)
                }
                _ => *x,
            }
        };
        let moved: Vec<f64> = vector.iter().enumerate().map(moved).collect();
        space.decode(&moved)
    }
}

impl Judge<'_> {
    /// What a point is worth; `None` where it breaks a constraint or was asked for before.
    fn of(&self, params: Params) -> Option<Candidate> {
        let space = &self.ledger.space;
        if !space.admits(&params) || self.ledger.seen(self.rung, &params) {
            return None;
        }
        let vector = space.encode(&params);
        let (mean, deviation) = self.process.predict(&filled(&vector, space));
        let log_gain = log_improvement(self.best, mean, deviation);
        Some(Candidate { log_gain, vector, params })
    }
}

/// Fills the gaps of inactive coordinates: numbers with the middle, levels with one more of their own. What makes
/// them inactive is a coordinate too, by which such points are apart from the others in any case.
fn filled(vector: &[f64], space: &Space) -> Vec<f64> {
    let fill = |(x, dim): (&f64, &Dim)| match dim.levels {
        _ if !x.is_nan() => *x,
        Some(levels) => exact_count(levels as u64),
        None => 0.5,
    };
    vector.iter().zip(space.dims()).map(fill).collect()
}

/// The results that are learnt from, of at most so many.
fn sample(told: &[u64], ledger: &Ledger) -> Sample {
    let used = bounded(told.to_vec(), RESULTS_MAX, |left, right| ledger.order(*left, *right));
    let scores: Vec<_> = used.iter().map(|id| ledger.score(*id)).collect();
    let dims = ledger.space.dims();
    let entries = used.iter().filter_map(|id| ledger.entry(*id));
    let rows: Vec<Vec<f64>> = entries.map(|entry| filled(&entry.vector, &ledger.space)).collect();
    Sample {
        columns: (0..dims.len()).map(|at| rows.iter().map(|row| row[at]).collect()).collect(),
        levels: dims.iter().map(|dim| dim.levels.is_some()).collect(),
        values: warp(&scores),
    }
}

/// At most `count` trials, ascending: of more, half the best in this order and half the latest others.
fn bounded(mut ids: Vec<u64>, count: usize, order: impl Fn(&u64, &u64) -> Ordering) -> Vec<u64> {
    if ids.len() > count {
        ids.sort_by(order);
        let mut others = ids.split_off(count / 2);
        others.sort_unstable();
        ids.extend_from_slice(&others[others.len() - (count - count / 2)..]);
    }
    ids.sort_unstable();
    ids
}

impl Proposer for Gp {
    fn slot(&mut self, _: &Ledger) -> Step {
        Step::Run(Slot::whole(0))
    }

    /// From what ended at the rung of the slot.
    fn propose(
        &mut self,
        id: u64,
        slot: &Slot,
        ledger: &Ledger,
    ) -> Result<(Params, Origin), Error> {
        if let Some(judge) = self.judge(slot.rung, ledger) {
            let mut draws = Draws::new(ledger.seed, Use::Proposal, id);
            if let Some(params) = self.candidate(&judge, &mut draws) {
                return Ok((params, Origin::Model));
            }
        } else {
            let first = self.first.params(id);
            if let Some(params) = first.filter(|params| !ledger.seen(slot.rung, params)) {
                return Ok((params, Origin::Sequence));
            }
        }
        let mut draws = Draws::new(ledger.seed, Use::Uniform, id);
        ledger.uniform(slot.rung, &mut draws)
    }

    fn learn(&mut self, id: u64, _: &Ledger) -> Option<Remark> {
        self.observe(id);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Direction;
    use crate::search::{Goals, Next, Outcome, Search, SearchPlan};

    fn search(texts: &[&str], settings: &str) -> Box<dyn Search> {
        let space = Space::parse(texts.iter().copied()).unwrap();
        let space = space.with_constraints(["x + y <= 1.25"]).unwrap();
        let plan = SearchPlan::new(settings.parse().unwrap(), 3, Goals::one(Direction::Min));
        plan.start(Arc::new(space)).unwrap()
    }

    /// Trials fail where `x` is below 0.2; the best is at 0.6 and 0.3, on level `b`.
    fn outcome(params: &Params) -> Outcome {
        let number = |name| params.get(name).and_then(crate::params::Value::as_f64).unwrap();
        let (x, y) = (number("x"), number("y"));
        if x < 0.2 {
            return Outcome::Failed;
        }
        let level = if params.get("k").unwrap().to_string() == "b" { 0.0 } else { 0.5 };
        let bowl = (x - 0.6) * (x - 0.6) + (y - 0.3) * (y - 0.3) + level;
        // An inactive number costs nothing; an active one is best at 4.
        let more = params.get("n").map_or(0.0, |n| 0.05 * (n.as_f64().unwrap() - 4.0).abs());
        Outcome::Done { values: vec![bowl + more], violation: 0.0 }
    }

    const TEXTS: [&str; 4] = ["x=real(0..1)", "y=real(0..1)", "k=a,b,c", "n=int(1..9) if k=b"];

    /// Conditions, levels, a constraint, failures, and five trials in flight: the best is found.
    #[test]
    fn the_bottom_of_a_mixed_bowl_is_found() {
        let mut search = search(&TEXTS, "gp:startup=6,candidates=128");
        let mut open = Vec::new();
        let mut best = f64::INFINITY;
        for _ in 0..60 {
            let Next::Run(ask) = search.ask().unwrap() else { panic!("no trial") };
            assert!(!open.iter().any(|(_, params)| *params == ask.params), "asked for twice");
            open.push((ask.id, ask.params));
            if open.len() == 5 {
                let (id, params) = open.remove(0);
                let outcome = outcome(&params);
                if let Outcome::Done { values, .. } = &outcome {
                    best = best.min(values[0]);
                }
                search.tell(id, &outcome).unwrap();
            }
        }
        assert!(best < 0.01, "{best}");
    }

    /// Of a grid every point is asked for once, whatever the results, the best ones early.
    #[test]
    fn a_small_grid_is_walked_once() {
        let mut search = search(&["x=0..1:0.1", "y=0..1:0.1", "k=b"], "gp:startup=5");
        let mut seen = std::collections::BTreeMap::new();
        // Of each column those at or below the line.
        let admitted = (0..=10).map(|x: i64| (12 - x).clamp(0, 10) + 1).sum::<i64>();
        for turn in 0..admitted {
            let Next::Run(ask) = search.ask().unwrap() else { panic!("no trial") };
            search.tell(ask.id, &outcome(&ask.params)).unwrap();
            assert_eq!(seen.insert(ask.params.to_string(), turn), None, "{}", ask.params);
        }
        let found = seen["k=b x=0.6 y=0.3"];
        assert!(found < 25, "{found}");
    }

    #[test]
    fn half_of_the_results_are_the_best_and_half_the_latest() {
        // The smaller the id, the better; told in another order.
        let told: Vec<u64> = (0..20).rev().collect();
        assert_eq!(bounded(told.clone(), 6, u64::cmp), [0, 1, 2, 17, 18, 19]);
        assert_eq!(bounded(told.clone(), 7, u64::cmp), [0, 1, 2, 16, 17, 18, 19]);
        assert_eq!(bounded(told, 20, u64::cmp), (0..20).collect::<Vec<u64>>());
    }

    #[test]
    fn inactive_coordinates_are_filled_alike() {
        let space = Space::parse(["s=off,on", "p=real(0..1) if s=on", "k=a,b if s=on"]).unwrap();
        assert_eq!(filled(&[0.0, f64::NAN, f64::NAN], &space), [0.0, 0.5, 2.0]);
        assert_eq!(filled(&[1.0, 0.25, 0.0], &space), [1.0, 0.25, 0.0]);
    }
}
