//! What a writer is told before the first value: [`BundleSpec`] with its assets, adjustments and
//! provenance.

use std::fmt;

use crate::{
    Digest, Schema,
    codec::{CodecError, Decoder, Encoder},
    error::Error,
    frozen::NAME_MAX,
};

/// One asset to write: its symbol and how many rows it will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetSpec {
    /// Symbol, 1 to 255 bytes, unique.
    pub symbol: String,
    /// Rows of the asset in every column.
    pub rows: u64,
    /// Free text about the asset, by convention a JSON object, or empty. A label: the content version does
    /// not cover it.
    pub metadata: String,
}

impl AssetSpec {
    /// Makes an asset without metadata.
    pub fn new(symbol: impl Into<String>, rows: u64) -> Self {
        Self { symbol: symbol.into(), rows, metadata: String::new() }
    }
}

/// What a corporate action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdjustmentKind {
    /// A split: the value is new shares per old share (7 for 7:1, 0.05 for 1:20).
    Split,
    /// A cash dividend: the value is the amount per share, in quote currency.
    CashDividend,
    /// A merger: the value is shares of the successor per old share.
    Merger,
}

impl AdjustmentKind {
    pub(crate) fn tag(self) -> u32 {
        match self {
            Self::Split => 0,
            Self::CashDividend => 1,
            Self::Merger => 2,
        }
    }

    pub(crate) fn from_tag(tag: u32) -> Option<Self> {
        match tag {
            0 => Some(Self::Split),
            1 => Some(Self::CashDividend),
            2 => Some(Self::Merger),
            _ => None,
        }
    }
}

impl fmt::Display for AdjustmentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Split => "split",
            Self::CashDividend => "cash dividend",
            Self::Merger => "merger",
        })
    }
}

/// One corporate action. It is stored beside the bars, which stay as they are: whoever reads both applies it, or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjustment {
    /// Place of the asset in symbol order.
    pub asset: u32,
    /// Timestamp of the ex-session (or ex-instant), nanoseconds since the epoch.
    pub time: i64,
    /// What it does.
    pub kind: AdjustmentKind,
    /// Ratio or amount, finite; see [`AdjustmentKind`].
    pub value: f64,
}

impl Adjustment {
    pub(crate) fn key(&self) -> (u32, i64, AdjustmentKind) {
        (self.asset, self.time, self.kind)
    }
}

/// One source that content came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceRecord {
    /// Name of the source, without the folder that differs by machine.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Rows that were taken from it.
    pub rows: u64,
}

/// Where content came from. It holds no time and no host, so that the same sources give the same file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Name and version of the program that wrote the bundle.
    pub tool: String,
    /// The sources; written sorted.
    pub sources: Vec<SourceRecord>,
}

impl Provenance {
    /// Returns the bytes of the provenance section, sources sorted.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut sources: Vec<&SourceRecord> = self.sources.iter().collect();
        sources.sort();
        let mut out = Encoder::default();
        out.string(&self.tool);
        out.u64(sources.len() as u64);
        for source in sources {
            out.string(&source.name);
            out.u64(source.bytes);
            out.raw(source.digest.as_bytes());
            out.u64(source.rows);
        }
        out.into_bytes()
    }

    /// Reads the bytes of a provenance section.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut input = Decoder::new(bytes);
        let tool = input.string()?;
        let count = input.count(8 + 8 + 32 + 8)?;
        let mut sources = Vec::with_capacity(count);
        for _ in 0..count {
            let name = input.string()?;
            let bytes = input.u64()?;
            let digest = Digest::from_bytes(input.array()?);
            sources.push(SourceRecord { name, bytes, digest, rows: input.u64()? });
        }
        input.finish()?;
        Ok(Self { tool, sources })
    }
}

/// All that is known of a bundle before its values: schema, assets with their row counts, adjustments,
/// provenance.
#[derive(Debug, Clone)]
pub struct BundleSpec {
    /// Columns and the meaning of timestamps.
    pub schema: Schema,
    /// Assets, ascending by the bytes of their symbols.
    pub assets: Vec<AssetSpec>,
    /// Corporate actions, in any order.
    pub adjustments: Vec<Adjustment>,
    /// Where the content comes from.
    pub provenance: Provenance,
}

impl BundleSpec {
    /// Checks what the file could not hold and sorts the adjustments.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        if u32::try_from(self.assets.len()).is_err() {
            return Err(Error::TooLarge { what: "more than 2^32 assets" });
        }
        for asset in &self.assets {
            if asset.symbol.is_empty() || asset.symbol.len() > NAME_MAX {
                return Err(Error::SymbolLength { symbol: asset.symbol.clone() });
            }
            if u32::try_from(asset.metadata.len()).is_err() {
                return Err(Error::TooLarge { what: "metadata of 4 GiB or more" });
            }
        }
        for pair in self.assets.windows(2) {
            if let [before, asset] = pair
                && before.symbol >= asset.symbol
            {
                let (before, symbol) = (before.symbol.clone(), asset.symbol.clone());
                return Err(Error::AssetOrder { before, symbol });
            }
        }
        for (index, adjustment) in self.adjustments.iter().enumerate() {
            if adjustment.asset as usize >= self.assets.len() {
                return Err(Error::Adjustment { index, what: "its asset does not exist" });
            }
            if !adjustment.value.is_finite() {
                return Err(Error::Adjustment { index, what: "its value is not finite" });
            }
        }
        self.adjustments.sort_by_key(Adjustment::key);
        let twice = self.adjustments.windows(2).position(
            |pair| matches!(pair, [before, adjustment] if before.key() == adjustment.key()),
        );
        match twice {
            Some(index) => Err(Error::Adjustment { index, what: "it comes twice" }),
            None => Ok(self),
        }
    }
}
