//! What can go wrong on the way from a lease to an array.

/// Why an array could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not hand out the values: an unknown column or symbol, or a corrupt bundle.
    #[error("read the values from the lease")]
    Store(#[from] barrow_store::Error),
    /// `arrow2` refused the array or the chunk.
    #[error("build the arrow2 array")]
    Arrow(#[from] arrow2::error::Error),
    /// A column has more rows than Arrow's signed 64-bit length can say.
    #[error("expected at most {max} rows, found {rows}", max = i64::MAX)]
    Length {
        /// Rows of the column.
        rows: usize,
    },
}
