//! The Sobol sequence with Owen's scrambling.

use crate::search::draws::{Draws, Use};
use crate::search::scale::exact_count;

const TABLE: &str = include_str!("joe_kuo.txt");

/// The number of points, which are then exhausted.
pub(super) const POINTS: u64 = 1 << 32;

/// Direction numbers and scrambling seeds of each coordinate.
#[derive(Debug, Clone)]
pub(super) struct Sobol {
    dims: Vec<([u32; 32], u32)>,
}

impl Sobol {
    pub(super) fn new(dims: usize, seed: u64) -> Sobol {
        let mut draws = Draws::new(seed, Use::Scramble, 0);
        let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
        let first = std::array::from_fn(|at| 1 << (31 - at));
        let directions = std::iter::once(first).chain(rows.map(directions)).take(dims);
        Sobol { dims: directions.map(|numbers| (numbers, draws.seed())).collect() }
    }

    /// Returns point `index`, below [`POINTS`]; each coordinate in (0, 1).
    pub(super) fn point(&self, index: u64) -> Vec<f64> {
        let coordinate = |(directions, seed): &([u32; 32], u32)| {
            let mut sum = 0;
            for (at, direction) in directions.iter().enumerate() {
                if index >> at & 1 == 1 {
                    sum ^= direction;
                }
            }
            (exact_count(u64::from(scramble(sum, *seed))) + 0.5) / exact_count(POINTS)
        };
        self.dims.iter().map(coordinate).collect()
    }
}

/// The direction numbers of one row of the table: `d s a m_1 .. m_s` (Joe and Kuo 2008).
fn directions(row: &str) -> [u32; 32] {
    let mut numbers = row.split(' ').filter_map(|number| number.parse::<u32>().ok());
    let (_, degree, polynomial) = (numbers.next(), numbers.next(), numbers.next());
    let degree = usize::try_from(degree.unwrap_or(0)).unwrap_or(0);
    let polynomial = polynomial.unwrap_or(0);
    let mut directions = [0; 32];
    for (at, number) in numbers.take(32).enumerate() {
        directions[at] = number << (31 - at);
    }
    for at in degree..32 {
        let mut direction = directions[at - degree] ^ (directions[at - degree] >> degree);
        for back in 1..degree {
            if polynomial >> (degree - 1 - back) & 1 == 1 {
                direction ^= directions[at - back];
            }
        }
        directions[at] = direction;
    }
    directions
}

/// A nested uniform scramble: each bit is flipped by a hash of the bits above it (Laine and Karras's
/// permutation on reversed bits; B. Burley, "Practical hash-based Owen scrambling", 2020).
fn scramble(bits: u32, seed: u32) -> u32 {
    let mut x = bits.reverse_bits().wrapping_add(seed);
    for factor in [0x6c50_b47c_u32, 0xb82f_1e52, 0xc7af_e638, 0x8d22_f6e6] {
        x ^= x.wrapping_mul(factor);
    }
    x.reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Space;
    use crate::search::scale::whole;

    /// Rows of the table and the first coordinate, which needs none.
    const DIMS_MAX: usize = Space::AXES_MAX;

    /// The first points in Gray-code order are published widely; in natural order they are these.
    #[test]
    fn without_scrambling_it_is_the_sobol_sequence() {
        let plain = Sobol { dims: Sobol::new(3, 0).dims.iter().map(|(d, _)| (*d, 0)).collect() };
        let raw = |index: u64| -> Vec<f64> {
            let sum = |(directions, _): &([u32; 32], u32)| {
                let bits =
                    (0..32).filter(|at| index >> at & 1 == 1).fold(0, |s, at| s ^ directions[at]);
                f64::from(bits) / 4_294_967_296.0
            };
            plain.dims.iter().map(sum).collect()
        };
        let expected = [
            [0.0, 0.0, 0.0],
            [0.5, 0.5, 0.5],
            [0.25, 0.75, 0.75],
            [0.75, 0.25, 0.25],
            [0.125, 0.625, 0.375],
            [0.625, 0.125, 0.875],
            [0.375, 0.375, 0.625],
            [0.875, 0.875, 0.125],
        ];
        for (index, expected) in expected.iter().enumerate() {
            assert_eq!(raw(index as u64), expected, "{index}");
        }
    }

    #[test]
    fn every_coordinate_is_balanced_in_every_block() {
        let sobol = Sobol::new(DIMS_MAX, 5);
        assert_eq!(sobol.dims.len(), DIMS_MAX);
        for (power, block) in [(3_u32, 0_u64), (6, 3), (8, 1)] {
            let size = 1_u64 << power;
            let points: Vec<_> =
                (block * size..(block + 1) * size).map(|i| sobol.point(i)).collect();
            for dim in 0..DIMS_MAX {
                let mut cells: Vec<u64> = points
                    .iter()
                    .map(|p| whole(p[dim] * f64::from(1 << power)).unsigned_abs())
                    .collect();
                cells.sort_unstable();
                assert!(cells.iter().copied().eq(0..size), "coordinate {dim}, block of {size}");
            }
        }
    }

    #[test]
    fn the_first_two_coordinates_are_balanced_in_every_elementary_interval() {
        let sobol = Sobol::new(2, 11);
        for power in 1..=8_u32 {
            let points: Vec<_> = (0..1_u64 << power).map(|i| sobol.point(i)).collect();
            for left in 0..=power {
                let (wide, high) = (f64::from(1 << left), f64::from(1 << (power - left)));
                let mut cells: Vec<(i64, i64)> =
                    points.iter().map(|p| (whole(p[0] * wide), whole(p[1] * high))).collect();
                cells.sort_unstable();
                cells.dedup();
                assert_eq!(cells.len(), points.len(), "2^{left} by 2^{}", power - left);
            }
        }
    }

    #[test]
    fn seeds_scramble_differently() {
        assert_ne!(Sobol::new(4, 1).point(0), Sobol::new(4, 2).point(0));
    }
}
