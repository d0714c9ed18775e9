//! [`RevisionProblem`]: why bars or columns cannot be brought into a bundle.

use barrow_format::PhysicalType;
use thiserror::Error;

use crate::instant::Instant;

/// Why bars or columns cannot be brought into a bundle. Nothing was published then.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RevisionProblem {
    /// A bar to append is there already, with other values.
    #[error("`{symbol}` has a bar at {time} with another `{column}`")]
    BarDiffers {
        /// The asset.
        symbol: String,
        /// The bar's timestamp.
        time: Instant,
        /// The first column in which they differ.
        column: String,
    },
    /// A bar to append lies before the asset's last one, and is not there.
    #[error("`{symbol}` has no bar at {time}, which lies before its last at {last}")]
    BarBetween {
        /// The asset.
        symbol: String,
        /// The bar's timestamp.
        time: Instant,
        /// The asset's last timestamp.
        last: Instant,
    },
    /// An adjustment to append is there already, with another value.
    #[error("`{symbol}` has a {kind} at {time} with another value: {found}, not {given}")]
    AdjustmentDiffers {
        /// The asset.
        symbol: String,
        /// When it takes effect.
        time: Instant,
        /// What it does.
        kind: barrow_format::AdjustmentKind,
        /// Its value in the bundle, printed.
        found: String,
        /// The value given, printed.
        given: String,
    },
    /// Bars are to be removed of an asset that the bundle does not have.
    #[error("there is no asset `{symbol}`")]
    NoAsset {
        /// The symbol.
        symbol: String,
    },
    /// No bar would be left in the bundle.
    #[error("no bar would be left")]
    NothingLeft,
    /// An adjustment is of an asset that neither the bundle nor the revision has.
    #[error("there is no asset `{symbol}` to adjust")]
    AdjustmentAsset {
        /// The symbol.
        symbol: String,
    },
    /// An asset was given twice in one revision.
    #[error("`{symbol}` was given twice")]
    Twice {
        /// The asset.
        symbol: String,
    },
    /// Timestamps of a batch do not strictly ascend.
    #[error("timestamps of `{symbol}` do not ascend at row {row}")]
    Order {
        /// The asset.
        symbol: String,
        /// Row of the batch at which they fail to ascend.
        row: usize,
    },
    /// A batch has a column of another length than its timestamps, or twice, or no timestamps.
    #[error("column `{column}` of `{symbol}` has {found} rows, expected {expected}")]
    Rows {
        /// The asset.
        symbol: String,
        /// The column.
        column: String,
        /// Rows of the timestamps.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// A batch has a column that neither the bundle nor the revision has.
    #[error("there is no column `{column}`")]
    NoColumn {
        /// The column.
        column: String,
    },
    /// A column is of another type than the bundle's.
    #[error("column `{column}` holds {expected}, not {found}")]
    ColumnType {
        /// The column.
        column: String,
        /// Physical and logical type in the bundle.
        expected: String,
        /// Those given.
        found: String,
    },
    /// Integers have no missing value, so bars without one cannot be brought in, nor the column where bars are without.
    #[error("column `{column}` holds {physical}, which has no missing value")]
    NoMissing {
        /// The column.
        column: String,
        /// Its type.
        physical: PhysicalType,
    },
    /// Frequency, time zone, timestamp convention or calendar are not those of the bundle.
    #[error("its {what} is {expected}, not {found}")]
    Meaning {
        /// What differs.
        what: &'static str,
        /// In the bundle.
        expected: String,
        /// As given.
        found: String,
    },
}
