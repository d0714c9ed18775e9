//! Small symmetric matrices.

/// A square matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    size: usize,
    values: Vec<f64>,
}

impl Matrix {
    pub(super) fn identity(size: usize) -> Matrix {
        let mut matrix = Matrix { size, values: vec![0.0; size * size] };
        (0..size).for_each(|at| matrix.set(at, at, 1.0));
        matrix
    }

    pub(super) fn get(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.size + column]
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.size + column] = value;
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// Adds `weight v v'`.
    pub(super) fn add_outer(&mut self, v: &[f64], weight: f64) {
        for (row, left) in self.values.chunks_exact_mut(self.size).zip(v) {
            row.iter_mut().zip(v).for_each(|(value, right)| *value += weight * left * right);
        }
    }

    pub(super) fn times(&self, v: &[f64]) -> Vec<f64> {
        let rows = self.values.chunks_exact(self.size);
        rows.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum()).collect()
    }

    pub(super) fn transposed_times(&self, v: &[f64]) -> Vec<f64> {
        let column = |at| (0..self.size).map(|row| self.get(row, at) * v[row]).sum();
        (0..self.size).map(column).collect()
    }
}

/// The eigenvectors, as columns, and eigenvalues of a symmetric matrix (Jacobi's rotations, cyclic).
pub(super) fn eigen(matrix: &Matrix) -> (Matrix, Vec<f64>) {
    let size = matrix.size;
    let mut a = matrix.clone();
    let mut axes = Matrix::identity(size);
    for _ in 0..60 {
        let pairs = (0..size).flat_map(|row| (row + 1..size).map(move |column| (row, column)));
        let off: f64 = pairs.clone().map(|(row, column)| a.get(row, column).abs()).sum();
        let all: f64 = (0..size).map(|at| a.get(at, at).abs()).sum();
        if off <= 1e-16 * all {
            break;
        }
        for (p, q) in pairs {
            rotate(&mut a, &mut axes, p, q);
        }
    }
    let values = (0..size).map(|at| a.get(at, at)).collect();
    (axes, values)
}

/// Makes entry (`row`, `column`) zero.
fn rotate(matrix: &mut Matrix, axes: &mut Matrix, row: usize, column: usize) {
    let pivot = matrix.get(row, column);
    if pivot == 0.0 {
        return;
    }
    let theta = (matrix.get(column, column) - matrix.get(row, row)) / (2.0 * pivot);
    let sign = if theta < 0.0 { -1.0 } else { 1.0 };
    let tangent = sign / (theta.abs() + libm::sqrt(theta * theta + 1.0));
    let cosine = 1.0 / libm::sqrt(tangent * tangent + 1.0);
    let sine = tangent * cosine;
    let turn = |left: f64, right: f64| (cosine * left - sine * right, sine * left + cosine * right);
    for at in 0..matrix.size {
        let (left, right) = turn(matrix.get(at, row), matrix.get(at, column));
        matrix.set(at, row, left);
        matrix.set(at, column, right);
    }
    for at in 0..matrix.size {
        let (left, right) = turn(matrix.get(row, at), matrix.get(column, at));
        matrix.set(row, at, left);
        matrix.set(column, at, right);
        let (left, right) = turn(axes.get(at, row), axes.get(at, column));
        axes.set(at, row, left);
        axes.set(at, column, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::draws::{Draws, Use};

    /// A random symmetric matrix is put together again from its parts.
    #[test]
    fn the_parts_make_the_whole() {
        let mut draws = Draws::new(8, Use::Breed, 0);
        for size in 1..9 {
            let mut matrix = Matrix::identity(size);
            for _ in 0..size {
                let v: Vec<f64> = (0..size).map(|_| draws.normal()).collect();
                matrix.add_outer(&v, draws.normal());
            }
            let (axes, values) = eigen(&matrix);
            for row in 0..size {
                for column in 0..size {
                    let part = |at| axes.get(row, at) * values[at] * axes.get(column, at);
                    let sum: f64 = (0..size).map(part).sum();
                    assert!((sum - matrix.get(row, column)).abs() < 1e-10, "{size}");
                    let same: f64 =
                        (0..size).map(|at| axes.get(row, at) * axes.get(column, at)).sum();
                    let expected = if row == column { 1.0 } else { 0.0 };
                    assert!((same - expected).abs() < 1e-12, "{size}");
                }
            }
        }
    }
}
