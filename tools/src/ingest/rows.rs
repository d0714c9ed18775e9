//! [`Rows`]: what has been read and arranged, in the order of the bundle, until it is in one.

use barrow_format::{BundleWriter, Values};
use barrow_store::FileSink;

use super::context::Context;
use super::error::IngestError;
use super::frequency::Gaps;

/// One asset among rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssetRows<'r> {
    pub(crate) symbol: &'r str,
    pub(crate) rows: u64,
    pub(crate) gaps: Gaps,
}

/// Takes an asset: its symbol and its columns, `time` first.
pub(crate) type TakeAsset<'t> = dyn FnMut(&str, &[Values<'_>]) -> Result<(), IngestError> + 't;

/// The rows of a run, by asset and time.
pub(crate) trait Rows: Send + Sync {
    /// Returns the assets, symbols ascending.
    fn assets(&self) -> Vec<AssetRows<'_>>;

    /// Writes every series of a new bundle, several at a time.
    ///
    /// # Errors
    ///
    /// When the sink fails, what lies on disk cannot be read, or the run is interrupted.
    fn write(
        &self,
        context: &Context<'_>,
        writer: &BundleWriter<'_, FileSink>,
    ) -> Result<(), IngestError>;

    /// Hands on asset after asset, symbols ascending.
    ///
    /// # Errors
    ///
    /// What `take` fails with, when what lies on disk cannot be read, or the run is interrupted.
    fn each_asset(
        &self,
        context: &Context<'_>,
        take: &mut TakeAsset<'_>,
    ) -> Result<(), IngestError>;
}
