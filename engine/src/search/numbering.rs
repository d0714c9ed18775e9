//! The numbers of a grid's points, also where some parameters are inactive in some of them.

use std::collections::BTreeMap;

use super::axis::Axis;

/// How many points lie behind each choice.
///
/// An axis matters to later ones only by making them inactive, so the state behind a choice is the
/// set of axes that earlier values have made inactive: one bit each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbering {
    /// Points from axis `k` on, given the inactive axes among them. Empty without conditions.
    counts: BTreeMap<(usize, u128), u64>,
    /// For each axis: the later axes that depend on it.
    children: Vec<Vec<usize>>,
    len: u64,
}

impl Default for Numbering {
    /// The space without axes, which has one point.
    fn default() -> Numbering {
        Numbering { counts: BTreeMap::new(), children: Vec::new(), len: 1 }
    }
}

impl Numbering {
    /// Counts the points; 0 of them when an axis is continuous.
    pub(super) fn of(axes: &[Axis]) -> Numbering {
        let depends = |child: &Axis, parent: &Axis| {
            child.conditions().iter().any(|condition| condition.parent == parent.name())
        };
        let children: Vec<Vec<usize>> = axes
            .iter()
            .map(|parent| (0..axes.len()).filter(|at| depends(&axes[*at], parent)).collect())
            .collect();
        let mut numbering = Numbering { counts: BTreeMap::new(), children, len: 0 };
        if axes.iter().any(|axis| axis.count().is_none()) {
            return numbering;
        }
        numbering.len = if numbering.plain() {
            let counts = axes.iter().filter_map(Axis::count);
            counts.fold(1, u64::saturating_mul)
        } else {
            numbering.count(axes, 0, 0)
        };
        numbering
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// No axis is ever inactive.
    fn plain(&self) -> bool {
        self.children.iter().all(Vec::is_empty)
    }

    fn count(&mut self, axes: &[Axis], at: usize, inactive: u128) -> u64 {
        if at == axes.len() {
            return 1;
        }
        // Bits of axes already walked no longer matter: dropping them keeps the states few.
        let inactive = inactive & (u128::MAX << at);
        if let Some(count) = self.counts.get(&(at, inactive)) {
            return *count;
        }
        let count = if inactive & bit(at) != 0 {
            let after = inactive | self.all_children(at);
            self.count(axes, at + 1, after)
        } else if self.children[at].is_empty() {
            let rest = self.count(axes, at + 1, inactive);
            axes[at].count().unwrap_or(0).saturating_mul(rest)
        } else {
            let places = 0..axes[at].count().unwrap_or(0);
            places.fold(0, |sum: u64, place| {
                let after = inactive | self.ruled_out(axes, at, place);
                sum.saturating_add(self.count(axes, at + 1, after))
            })
        };
        self.counts.insert((at, inactive), count);
        count
    }

    fn all_children(&self, at: usize) -> u128 {
        self.children[at].iter().fold(0, |mask, child| mask | bit(*child))
    }

    /// The axes that value `place` of axis `at` makes inactive.
    fn ruled_out(&self, axes: &[Axis], at: usize, place: u64) -> u128 {
        let Some(value) = axes[at].value(place) else { return 0 };
        let ruled_out = |child: &&usize| {
            let conditions = axes[**child].conditions().iter();
            conditions.filter(|c| c.parent == axes[at].name()).any(|c| !c.allows(&value))
        };
        self.children[at].iter().filter(ruled_out).fold(0, |mask, child| mask | bit(*child))
    }

    fn known(&self, axes: &[Axis], at: usize, inactive: u128) -> u64 {
        if at == axes.len() {
            return 1;
        }
        self.counts.get(&(at, inactive & (u128::MAX << at))).copied().unwrap_or(1)
    }

    /// Where point `index` lies on each axis.
    pub(super) fn places(&self, axes: &[Axis], index: u64) -> Vec<Option<u64>> {
        let mut places = vec![None; axes.len()];
        if self.len() == 0 {
            return places;
        }
        let mut rest = index % self.len();
        if self.plain() {
            for (axis, place) in axes.iter().zip(&mut places).rev() {
                let count = axis.count().unwrap_or(1).max(1);
                *place = Some(rest % count);
                rest /= count;
            }
            return places;
        }
        let mut inactive = 0;
        for at in 0..axes.len() {
            if inactive & bit(at) != 0 {
                inactive |= self.all_children(at);
            } else if self.children[at].is_empty() {
                let behind = self.known(axes, at + 1, inactive).max(1);
                places[at] = Some(rest / behind);
                rest %= behind;
            } else {
                for place in 0..axes[at].count().unwrap_or(0) {
                    let after = inactive | self.ruled_out(axes, at, place);
                    let behind = self.known(axes, at + 1, after);
                    if rest < behind {
                        places[at] = Some(place);
                        inactive = after;
                        break;
                    }
                    rest -= behind;
                }
            }
        }
        places
    }
}

fn bit(at: usize) -> u128 {
    1 << at
}
