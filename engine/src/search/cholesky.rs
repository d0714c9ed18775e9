//! Positive definite matrices as products of a triangle and its mirror image.

/// The lower triangle of a square matrix by columns: column `j` holds rows `j` to the last.
pub(super) type Triangle = Vec<Vec<f64>>;

/// The lower triangle `L` of `A = L L'` (Cholesky), by columns.
#[derive(Debug, Clone)]
pub(super) struct Cholesky {
    columns: Triangle,
}

impl Cholesky {
    /// Factors a symmetric matrix given by its lower triangle; `None` unless it is positive definite. Costs
    /// `n^3 / 6` multiplications.
    pub(super) fn of(mut columns: Triangle) -> Option<Cholesky> {
        for at in 0..columns.len() {
            let (done, rest) = columns.split_at_mut(at + 1);
            let column = &mut done[at];
            let pivot = libm::sqrt(column[0]);
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            for value in column.iter_mut() {
                *value /= pivot;
            }
            for (below, next) in rest.iter_mut().enumerate() {
                subtract(next, column[below + 1], &column[below + 1..]);
            }
        }
        Some(Cholesky { columns })
    }

    /// Adds a row and column: `row` has the entries beside those so far, `corner` stands on the diagonal. What
    /// rounding would take below `least` of the corner stays there.
    pub(super) fn extend(&mut self, mut row: Vec<f64>, corner: f64, least: f64) {
        self.solve_lower(&mut row);
        let left = corner - dot(&row, &row);
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
        self.columns.push(vec![libm::sqrt(left.max(least * corner))]);
    }

    /// Replaces `v` by the solution of `L x = v`.
    pub(super) fn solve_lower(&self, v: &mut [f64]) {
        for (at, column) in self.columns.iter().enumerate() {
            let x = v[at] / column[0];
            v[at] = x;
            subtract(&mut v[at + 1..], x, &column[1..]);
        }
    }

    /// Replaces `v` by the solution of `L L' x = v`.
    pub(super) fn solve(&self, v: &mut [f64]) {
        self.solve_lower(v);
        for (at, column) in self.columns.iter().enumerate().rev() {
            v[at] = (v[at] - dot(&column[1..], &v[at + 1..])) / column[0];
        }
    }

    /// The logarithm of the determinant of `A`.
    pub(super) fn log_determinant(&self) -> f64 {
        2.0 * self.columns.iter().map(|column| libm::log(column[0])).sum::<f64>()
    }

    /// The lower triangle of the inverse of `A`. Costs `n^3 / 3` multiplications.
    pub(super) fn inverse(&self) -> Triangle {
        let count = self.columns.len();
        let inverted = |at: usize| {
            let mut unit = vec![0.0; count - at];
            unit[0] = 1.0;
            for (place, column) in self.columns[at..].iter().enumerate() {
                let x = unit[place] / column[0];
                unit[place] = x;
                subtract(&mut unit[place + 1..], x, &column[1..]);
            }
            unit
        };
        let lower: Triangle = (0..count).map(inverted).collect();
        let entry = |row: usize, at: usize| dot(&lower[row], &lower[at][row - at..]);
        (0..count).map(|at| (at..count).map(|row| entry(row, at)).collect()).collect()
    }
}

fn subtract(from: &mut [f64], factor: f64, values: &[f64]) {
    from.iter_mut().zip(values).for_each(|(x, value)| *x -= factor * value);
}

/// The sum of products in four interleaved parts, which is the same on every machine and not one long chain.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut parts = [0.0; 4];
    let (left, right) = (left.chunks(4), right.chunks(4));
    for (left, right) in left.zip(right) {
        for (part, (a, b)) in parts.iter_mut().zip(left.iter().zip(right)) {
            *part += a * b;
        }
    }
    (parts[0] + parts[1]) + (parts[2] + parts[3])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::search::draws::{Draws, Use};

    /// `B B'` plus the unit matrix, for a random square `B`.
    fn positive(count: usize, draws: &mut Draws) -> Vec<Vec<f64>> {
        let rows: Vec<Vec<f64>> =
            (0..count).map(|_| (0..count).map(|_| draws.normal()).collect()).collect();
        let entry = |i: usize, j: usize| {
            let product: f64 = rows[i].iter().zip(&rows[j]).map(|(a, b)| a * b).sum();
            product + if i == j { 1.0 } else { 0.0 }
        };
        (0..count).map(|i| (0..count).map(|j| entry(i, j)).collect()).collect()
    }

    fn lower(full: &[Vec<f64>]) -> Triangle {
        (0..full.len()).map(|at| full[at..].iter().map(|row| row[at]).collect()).collect()
    }

    /// Gauss and Jordan's elimination with the largest pivot: the inverse and the determinant.
    pub(in crate::search) fn eliminated(full: &[Vec<f64>]) -> (Vec<Vec<f64>>, f64) {
        let count = full.len();
        let mut rows: Vec<Vec<f64>> = full.to_vec();
        for (at, row) in rows.iter_mut().enumerate() {
            row.extend((0..count).map(|column| if column == at { 1.0 } else { 0.0 }));
        }
        let mut determinant = 1.0;
        for at in 0..count {
            let largest = |a: &usize, b: &usize| rows[*a][at].abs().total_cmp(&rows[*b][at].abs());
            let pivot = (at..count).max_by(largest).unwrap();
            if pivot != at {
                determinant = -determinant;
                rows.swap(at, pivot);
            }
            determinant *= rows[at][at];
            let scaled: Vec<f64> = rows[at].iter().map(|x| x / rows[at][at]).collect();
            for (other, row) in rows.iter_mut().enumerate() {
                let factor = row[at];
                if other != at {
                    row.iter_mut().zip(&scaled).for_each(|(x, y)| *x -= factor * y);
                }
            }
            rows[at] = scaled;
        }
        (rows.into_iter().map(|row| row[count..].to_vec()).collect(), determinant)
    }

    #[test]
    fn solutions_inverse_and_determinant_are_those_of_elimination() {
        let mut draws = Draws::new(5, Use::Breed, 0);
        for count in 1..14 {
            let full = positive(count, &mut draws);
            let factor = Cholesky::of(lower(&full)).unwrap();
            let (inverse, determinant) = eliminated(&full);
            let off = (factor.log_determinant() - determinant.ln()).abs();
            assert!(off < 1e-9, "{count}: {off}");
            for (at, column) in factor.inverse().iter().enumerate() {
                for (row, value) in column.iter().enumerate() {
                    assert!((value - inverse[at + row][at]).abs() < 1e-9, "{count}");
                }
            }
            let v: Vec<f64> = (0..count).map(|_| draws.normal()).collect();
            let mut x = v.clone();
            factor.solve(&mut x);
            for (row, expected) in full.iter().zip(&v) {
                let found: f64 = row.iter().zip(&x).map(|(a, b)| a * b).sum();
                assert!((found - expected).abs() < 1e-9, "{count}");
            }
        }
        assert!(Cholesky::of(vec![vec![1.0, 2.0], vec![1.0]]).is_none());
        assert!(Cholesky::of(vec![vec![f64::NAN]]).is_none());
    }

    #[test]
    fn a_row_at_a_time_is_the_same_as_all_at_once() {
        let full = positive(9, &mut Draws::new(6, Use::Breed, 0));
        let mut grown = Cholesky::of(lower(&full[..4])).unwrap();
        for at in 4..9 {
            grown.extend(full[at][..at].to_vec(), full[at][at], 0.0);
        }
        let whole = Cholesky::of(lower(&full)).unwrap();
        let (grown, whole) = (grown.columns.concat(), whole.columns.concat());
        assert!(grown.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-10));
    }
}
