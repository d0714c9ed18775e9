//! The returns of many trials over one clock.

use super::{mean, needs, number};
use crate::Error;

/// Per-period returns, one row a period, one column a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnMatrix {
    columns: usize,
    /// Row after row.
    values: Vec<f64>,
}

impl ReturnMatrix {
    /// Builds a matrix from its values, row after row.
    ///
    /// # Errors
    /// [`Error::Statistic`] without a column, for a last row that is not whole, or a value that is
    /// not finite.
    pub fn new(columns: usize, values: Vec<f64>) -> Result<ReturnMatrix, Error> {
        needs(columns > 0, NAME, "at least one column", columns)?;
        needs(values.len().is_multiple_of(columns), NAME, "rows of equal length", values.len())?;
        let odd = values.iter().find(|value| !value.is_finite());
        needs(odd.is_none(), NAME, "finite values", odd.unwrap_or(&0.0))?;
        Ok(ReturnMatrix { columns, values })
    }

    /// Builds a matrix from its columns.
    ///
    /// # Errors
    /// As [`ReturnMatrix::new`], and when the columns differ in length.
    pub fn from_columns(columns: &[Vec<f64>]) -> Result<ReturnMatrix, Error> {
        let rows = columns.first().map_or(0, Vec::len);
        let odd = columns.iter().find(|column| column.len() != rows);
        needs(odd.is_none(), NAME, "columns of equal length", odd.map_or(0, Vec::len))?;
        let row = |at: usize| columns.iter().map(move |column| column[at]);
        ReturnMatrix::new(columns.len(), (0..rows).flat_map(row).collect())
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Returns one period of all trials.
    pub fn row(&self, at: usize) -> &[f64] {
        &self.values[at * self.columns..(at + 1) * self.columns]
    }

    /// Returns one trial, oldest first.
    pub fn column(&self, at: usize) -> Vec<f64> {
        self.values.iter().skip(at).step_by(self.columns).copied().collect()
    }

    /// Returns the mean of each column.
    pub(crate) fn means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.columns];
        for row in self.values.chunks_exact(self.columns) {
            means.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let rows = number(self.rows());
        for sum in &mut means {
            *sum /= rows;
        }
        means
    }

    /// Returns how many independent trials the columns amount to: the participation ratio of the
    /// eigenvalues of their correlation matrix, `N^2 / sum of squared correlations`, from 1 (all
    /// alike) to N. Columns that do not vary are left out. Costs `O(T N^2)`.
    pub fn effective_trials(&self) -> f64 {
        let mut unit = Vec::new();
        for at in 0..self.columns {
            let mut column = self.column(at);
            let centre = mean(&column);
            for value in &mut column {
                *value -= centre;
            }
            let length = column.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 0.0 {
                for value in &mut column {
                    *value /= length;
                }
                unit.push(column);
            }
        }
        let correlation = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut squares = 0.0;
        for (at, a) in unit.iter().enumerate() {
            squares += 1.0;
            squares += unit[..at].iter().map(|b| 2.0 * correlation(a, b).powi(2)).sum::<f64>();
        }
        if unit.is_empty() { 0.0 } else { number(unit.len()).powi(2) / squares }
    }
}

const NAME: &str = "a matrix of returns";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_the_same_numbers() {
        let matrix =
            ReturnMatrix::from_columns(&[vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]]).unwrap();
        assert_eq!((matrix.rows(), matrix.columns()), (3, 2));
        assert_eq!((matrix.row(1), matrix.column(1)), (&[2.0, 5.0][..], vec![4.0, 5.0, 6.0]));
        assert_eq!(matrix.means(), [2.0, 5.0]);
        assert!(ReturnMatrix::new(2, vec![1.0; 3]).is_err());
        assert!(ReturnMatrix::new(1, vec![f64::NAN]).is_err());
    }

    #[test]
    fn trials_count_as_many_as_they_differ() {
        let (a, b) = (vec![1.0, -1.0, 1.0, -1.0], vec![1.0, 1.0, -1.0, -1.0]);
        let alike = ReturnMatrix::from_columns(&[a.clone(), a.clone(), a.clone()]).unwrap();
        assert!((alike.effective_trials() - 1.0).abs() < 1e-12);
        let apart = ReturnMatrix::from_columns(&[a, b, vec![0.0; 4]]).unwrap();
        assert!((apart.effective_trials() - 2.0).abs() < 1e-12);
    }
}
