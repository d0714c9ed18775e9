//! Searches whose points depend on their place alone: grid, random, Sobol, Halton, Latin hypercube.

mod halton;
mod search;
mod sobol;

use std::sync::Arc;

use self::halton::Halton;
pub(super) use self::search::SequenceSearch;
use self::sobol::Sobol;
use super::draws::{Draws, Use};
use super::scale::exact_count;
use super::space::Space;
use crate::Error;
use crate::params::Params;

/// Draws from a space are repeated this often before it counts as empty.
pub(super) const TRIES_MAX: u64 = 10_000;

/// Points numbered from 0, each a function of the space, the seed and its number: any of them can be
/// computed on any thread at any time.
#[derive(Debug, Clone)]
pub struct Sequence {
    space: Arc<Space>,
    seed: u64,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Grid,
    Random,
    Sobol(Sobol),
    Halton(Halton),
    /// For each coordinate the stratum of each point.
    LatinHypercube(Vec<Vec<u32>>),
}

impl Sequence {
    /// The most points of a Latin hypercube.
    pub const STRATA_MAX: u64 = 10_000_000;

    /// Returns every point of a grid, in its order.
    ///
    /// # Errors
    /// As [`Space::check_grid`].
    pub fn grid(space: Arc<Space>) -> Result<Sequence, Error> {
        space.check_grid()?;
        Ok(Sequence { space, seed: 0, kind: Kind::Grid })
    }

    /// Returns uniform draws.
    pub fn random(space: Arc<Space>, seed: u64) -> Sequence {
        Sequence { space, seed, kind: Kind::Random }
    }

    /// Returns the Sobol sequence with the direction numbers of Joe and Kuo (2008) and Owen's
    /// scrambling. In every block of 2^k points that starts at a multiple of 2^k, each coordinate has
    /// one point in each of 2^k equal intervals.
    pub fn sobol(space: Arc<Space>, seed: u64) -> Sequence {
        let sobol = Sobol::new(space.dims().len(), seed);
        Sequence { space, seed, kind: Kind::Sobol(sobol) }
    }

    /// Returns the Halton sequence with randomly permuted digits (Owen 2017).
    pub fn halton(space: Arc<Space>, seed: u64) -> Sequence {
        let halton = Halton::new(space.dims().len(), seed);
        Sequence { space, seed, kind: Kind::Halton(halton) }
    }

    /// Returns a Latin hypercube: `count` points, one in each of `count` equal intervals of each
    /// coordinate (`McKay`, Beckman and Conover 1979). Keeps 4 bytes for each point and coordinate.
    ///
    /// # Errors
    /// [`Error::BadSearch`] beyond [`Sequence::STRATA_MAX`] points.
    pub fn latin_hypercube(space: Arc<Space>, seed: u64, count: u64) -> Result<Sequence, Error> {
        let last = u32::try_from(count).ok().filter(|_| count <= Sequence::STRATA_MAX);
        let last = last.ok_or_else(|| Error::BadSearch {
            search: "lhs",
            name: "trials".to_owned(),
            expected: "at most 10000000, as many points as a Latin hypercube may have",
            found: count.to_string(),
        })?;
        let stratum = |dim: u64| {
            let mut strata: Vec<u32> = (0..last).collect();
            Draws::new(seed, Use::Scramble, dim).shuffle(&mut strata);
            strata
        };
        let strata = (0..space.dims().len() as u64).map(stratum).collect();
        Ok(Sequence { space, seed, kind: Kind::LatinHypercube(strata) })
    }

    /// Returns the space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Returns the number of points; `None` where there is no end.
    pub fn len(&self) -> Option<u64> {
        match &self.kind {
            Kind::Grid => Some(self.space.len()),
            Kind::Sobol(_) => Some(sobol::POINTS),
            Kind::LatinHypercube(strata) => Some(strata.first().map_or(1, |all| all.len() as u64)),
            Kind::Random | Kind::Halton(_) => None,
        }
    }

    /// Tells whether there is no point at all.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    fn is_grid(&self) -> bool {
        matches!(self.kind, Kind::Grid)
    }

    /// Returns point `index`; `None` where it breaks a constraint. A random point is drawn again until
    /// it breaks none, [`None`] after 10000 draws.
    pub fn params(&self, index: u64) -> Option<Params> {
        let admitted = |params: Params| Some(params).filter(|params| self.space.admits(params));
        let dims = self.space.dims().len();
        match &self.kind {
            Kind::Grid => admitted(self.space.point(index)),
            Kind::Random => {
                let mut draws = Draws::new(self.seed, Use::Uniform, index);
                uniform(&self.space, &mut draws)
            }
            Kind::Sobol(sobol) => admitted(self.space.at(&sobol.point(index))),
            Kind::Halton(halton) => admitted(self.space.at(&halton.point(index))),
            Kind::LatinHypercube(strata) => {
                let mut draws = Draws::new(self.seed, Use::Uniform, index);
                let mut cube = Vec::with_capacity(dims);
                for strata in strata {
                    let at = usize::try_from(index % (strata.len().max(1) as u64)).unwrap_or(0);
                    let stratum = strata.get(at).copied().unwrap_or(0);
                    cube.push(
                        (f64::from(stratum) + draws.open()) / exact_count(strata.len() as u64),
                    );
                }
                admitted(self.space.at(&cube))
            }
        }
    }

    /// Returns the seed of the run at point `index`.
    pub fn trial_seed(&self, index: u64) -> u64 {
        trial_seed(self.seed, index)
    }
}

/// The seed of the run of trial `id`.
pub(super) fn trial_seed(seed: u64, id: u64) -> u64 {
    Draws::new(seed, Use::TrialSeed, id).bits()
}

/// A uniform draw that keeps the constraints; `None` after [`TRIES_MAX`].
pub(super) fn uniform(space: &Space, draws: &mut Draws) -> Option<Params> {
    for _ in 0..TRIES_MAX {
        let cube: Vec<f64> = space.dims().iter().map(|_| draws.unit()).collect();
        let params = space.at(&cube);
        if space.admits(&params) {
            return Some(params);
        }
    }
    None
}
