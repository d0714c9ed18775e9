//! The Halton sequence with randomly permuted digits (A. Owen, "A randomized Halton algorithm in R",
//! 2017).

use crate::search::draws::{Draws, Use};
use crate::search::scale::exact_count;

/// Digits beyond this add less than an `f64` resolves.
const RESOLUTION: f64 = 1e-16;

/// For each coordinate its prime base and a permutation of the digits for each position.
#[derive(Debug, Clone)]
pub(super) struct Halton {
    dims: Vec<(u64, Vec<Vec<u64>>)>,
}

impl Halton {
    pub(super) fn new(dims: usize, seed: u64) -> Halton {
        let primes = (2_u64..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
        let coordinate = |(stream, base): (u64, u64)| {
            let mut draws = Draws::new(seed, Use::Scramble, stream);
            let mut permutations = Vec::new();
            let mut weight = 1.0;
            while weight > RESOLUTION {
                let mut digits: Vec<u64> = (0..base).collect();
                draws.shuffle(&mut digits);
                permutations.push(digits);
                weight /= exact_count(base);
            }
            (base, permutations)
        };
        Halton { dims: (0..).zip(primes).take(dims).map(coordinate).collect() }
    }

    /// Returns point `index`; each coordinate in [0, 1).
    pub(super) fn point(&self, index: u64) -> Vec<f64> {
        let coordinate = |(base, permutations): &(u64, Vec<Vec<u64>>)| {
            let mut rest = index;
            let mut weight = 1.0;
            let mut sum = 0.0;
            for digits in permutations {
                weight /= exact_count(*base);
                let digit = usize::try_from(rest % base).unwrap_or(0);
                sum += weight * exact_count(digits[digit]);
                rest /= base;
            }
            // Rounding may reach the end, which belongs to no cell.
            f64::min(sum, 1.0 - f64::EPSILON / 2.0)
        };
        self.dims.iter().map(coordinate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::scale::whole;

    #[test]
    fn every_coordinate_is_balanced_in_blocks_of_powers_of_its_base() {
        let halton = Halton::new(5, 9);
        for (dim, base) in [2_u64, 3, 5, 7, 11].into_iter().enumerate() {
            let size = base * base;
            for block in 0..3 {
                let mut cells: Vec<u64> = (block * size..(block + 1) * size)
                    .map(|i| whole(halton.point(i)[dim] * exact_count(size) + 1e-9).unsigned_abs())
                    .collect();
                cells.sort_unstable();
                assert!(cells.into_iter().eq(0..size), "base {base}, block {block}");
            }
        }
    }
}
