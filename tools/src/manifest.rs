//! [`Manifest`]: all of a bundle but its rows, which an export carries along, so that ingesting the
//! export gives the same version back.
//!
//! Parquet and Arrow files hold it under the key [`KEY`] of their metadata, CSV has a JSON file beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use barrow_format::{
    AdjustmentKind, Column, Frequency, LogicalType, PhysicalType, Schema, SchemaError, Stamp,
};
use barrow_store::ValuesBuf;
use barrow_store::query::{Batch, Plan};
use serde::{Deserialize, Serialize};

/// The key of a file's metadata under which the manifest stands, as JSON.
pub(crate) const KEY: &str = "barrow.manifest";

/// The manifest of a folder of CSV files, in the folder.
const FOLDER_FILE: &str = "barrow.manifest.json";

/// What the manifest of a CSV file is called: the name of the file and this.
const SUFFIX: &str = ".manifest.json";

/// The version of the manifest's form.
const FORM: u32 = 1;

/// All of a bundle but its rows.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Manifest {
    /// Which form this is: 1.
    #[serde(rename = "manifest")]
    form: u32,
    /// Name of the bundle that was exported.
    pub(crate) bundle: String,
    /// Version that was exported, or that the exported part was taken from.
    pub(crate) version: String,
    /// The columns behind `time`, in order.
    columns: Vec<ColumnEntry>,
    frequency: FrequencyEntry,
    time_zone: String,
    timestamps: StampEntry,
    calendar: String,
    /// Assets that have metadata, or no rows.
    pub(crate) assets: Vec<AssetEntry>,
    pub(crate) adjustments: Vec<AdjustmentEntry>,
    /// Missing values of a CSV file that are not the usual NaN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) nans: Vec<NanEntry>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct ColumnEntry {
    name: String,
    physical: String,
    logical: LogicalEntry,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum LogicalEntry {
    Timestamp,
    Price,
    Volume,
    Plain,
    Decimal { scale: u8 },
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum FrequencyEntry {
    Daily,
    Intraday { step_ns: i64 },
    Irregular,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum StampEntry {
    Session,
    Start,
    End,
}

/// An asset with something to say beside its rows.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AssetEntry {
    pub(crate) symbol: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) metadata: String,
    /// The bundle has no rows of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) empty: bool,
}

/// A corporate action.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AdjustmentEntry {
    pub(crate) symbol: String,
    /// Nanoseconds since the epoch, UTC.
    pub(crate) time: i64,
    kind: KindEntry,
    pub(crate) value: f64,
}

impl AdjustmentEntry {
    /// What the action does.
    pub(crate) fn kind(&self) -> AdjustmentKind {
        match self.kind {
            KindEntry::Split => AdjustmentKind::Split,
            KindEntry::CashDividend => AdjustmentKind::CashDividend,
            KindEntry::Merger => AdjustmentKind::Merger,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum KindEntry {
    Split,
    CashDividend,
    Merger,
}

/// Neighbouring rows of one series whose missing values have the same bits.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct NanEntry {
    pub(crate) symbol: String,
    pub(crate) column: String,
    /// The first of them, counted from 0 within the asset's exported rows.
    pub(crate) row: u64,
    pub(crate) rows: u64,
    /// Of the NaN, as an integer of the column's width.
    pub(crate) bits: u64,
}

impl Manifest {
    /// The manifest of what a plan answers with.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn of(plan: &Plan) -> anyhow::Result<Self> {
        let lease = plan.lease();
        let mut assets = Vec::new();
        for asset in plan.assets() {
            let metadata = lease.metadata(*asset)?;
            let empty = asset.rows() == 0;
            if empty || !metadata.is_empty() {
                let symbol = lease.symbol(*asset).to_owned();
                assets.push(AssetEntry { symbol, metadata: metadata.to_owned(), empty });
            }
        }
        let chosen: BTreeMap<u32, &str> =
            plan.assets().iter().map(|asset| (asset.ordinal(), lease.symbol(*asset))).collect();
        let adjustments = lease.adjustments()?.into_iter().filter_map(|adjustment| {
            let symbol = (*chosen.get(&adjustment.asset)?).to_owned();
            let kind = match adjustment.kind {
                AdjustmentKind::Split => KindEntry::Split,
                AdjustmentKind::CashDividend => KindEntry::CashDividend,
                AdjustmentKind::Merger => KindEntry::Merger,
            };
            let (time, value) = (adjustment.time, adjustment.value);
            Some(AdjustmentEntry { symbol, time, kind, value })
        });
        let schema = lease.schema();
        Ok(Self {
            form: FORM,
            bundle: lease.name().to_owned(),
            version: lease.version().to_string(),
            columns: plan.header().columns.iter().map(ColumnEntry::of).collect(),
            frequency: match schema.frequency() {
                Frequency::Daily => FrequencyEntry::Daily,
                Frequency::Intraday { step_ns } => FrequencyEntry::Intraday { step_ns },
                Frequency::Irregular => FrequencyEntry::Irregular,
            },
            time_zone: schema.time_zone().to_owned(),
            timestamps: match schema.stamp() {
                Stamp::Session => StampEntry::Session,
                Stamp::BarStart => StampEntry::Start,
                Stamp::BarEnd => StampEntry::End,
            },
            calendar: schema.calendar_name().to_owned(),
            assets,
            adjustments: adjustments.collect(),
            nans: Vec::new(),
        })
    }

    /// Reads a manifest; `None` for other text and for forms of a later program.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok().filter(|manifest: &Self| manifest.form == FORM)
    }

    /// The manifest as a line of JSON.
    pub(crate) fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// The schema of the bundle, `time` first.
    ///
    /// # Errors
    /// When no bundle has such a schema.
    pub(crate) fn schema(&self) -> Result<Schema, SchemaError> {
        let mut columns = vec![Column::new("time", PhysicalType::I64, LogicalType::Timestamp)];
        for entry in &self.columns {
            let logical = entry.logical.logical();
            // A type that does not exist fits no meaning: the schema says so.
            let physical = entry.physical.parse().map_err(|_| SchemaError::Type {
                name: entry.name.clone(),
                logical,
                physical: PhysicalType::U8,
            })?;
            columns.push(Column::new(&entry.name, physical, logical));
        }
        let frequency = match self.frequency {
            FrequencyEntry::Daily => Frequency::Daily,
            FrequencyEntry::Intraday { step_ns } => Frequency::Intraday { step_ns },
            FrequencyEntry::Irregular => Frequency::Irregular,
        };
        let stamp = match self.timestamps {
            StampEntry::Session => Stamp::Session,
            StampEntry::Start => Stamp::BarStart,
            StampEntry::End => Stamp::BarEnd,
        };
        Schema::new(columns, frequency, self.time_zone.clone(), stamp, self.calendar.clone())
    }
}

impl ColumnEntry {
    fn of(column: &Column) -> Self {
        let logical = match column.logical {
            LogicalType::Timestamp => LogicalEntry::Timestamp,
            LogicalType::Price => LogicalEntry::Price,
            LogicalType::Volume => LogicalEntry::Volume,
            LogicalType::Plain => LogicalEntry::Plain,
            LogicalType::Decimal { scale } => LogicalEntry::Decimal { scale },
        };
        Self { name: column.name.clone(), physical: column.physical.name().to_owned(), logical }
    }
}

impl LogicalEntry {
    fn logical(self) -> LogicalType {
        match self {
            Self::Timestamp => LogicalType::Timestamp,
            Self::Price => LogicalType::Price,
            Self::Volume => LogicalType::Volume,
            Self::Plain => LogicalType::Plain,
            Self::Decimal { scale } => LogicalType::Decimal { scale },
        }
    }
}

/// Where the manifest of a CSV file, or of a folder of them, stands.
pub(crate) fn beside(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.join(FOLDER_FILE);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// Collects the missing values that an empty field does not stand for, from batches in the order of
/// rows.
#[derive(Debug, Default)]
pub(crate) struct OddNans {
    /// The asset of the last row and the rows of it so far.
    last: Option<(usize, u64)>,
    found: Vec<NanEntry>,
}

impl OddNans {
    /// Looks through a batch.
    pub(crate) fn note(&mut self, batch: &Batch, symbols: &[&str], columns: &[&Column]) {
        let mut start = 0;
        for &(asset, rows) in &batch.runs {
            let first = self.last.filter(|last| last.0 == asset).map_or(0, |last| last.1);
            for (data, column) in batch.columns.iter().zip(columns) {
                for row in start..start + rows {
                    if let Some(bits) = odd_nan(data, row) {
                        let row = first + (row - start) as u64;
                        self.add(symbols[asset], &column.name, row, bits);
                    }
                }
            }
            self.last = Some((asset, first + rows as u64));
            start += rows;
        }
    }

    fn add(&mut self, symbol: &str, column: &str, row: u64, bits: u64) {
        if let Some(last) = self.found.last_mut()
            && last.row + last.rows == row
            && (last.bits, last.column.as_str(), last.symbol.as_str()) == (bits, column, symbol)
        {
            last.rows += 1;
            return;
        }
        let (symbol, column) = (symbol.to_owned(), column.to_owned());
        self.found.push(NanEntry { symbol, column, row, rows: 1, bits });
    }

    /// What was found, by batch, asset, column and row.
    pub(crate) fn into_entries(self) -> Vec<NanEntry> {
        self.found
    }
}

fn odd_nan(data: &ValuesBuf, row: usize) -> Option<u64> {
    let (is_nan, bits, usual) = match data {
        ValuesBuf::F64(values) => (values[row].is_nan(), values[row].to_bits(), f64::NAN.to_bits()),
        ValuesBuf::F32(values) => {
            (values[row].is_nan(), values[row].to_bits().into(), f32::NAN.to_bits().into())
        }
        _ => return None,
    };
    (is_nan && bits != usual).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_nans_are_told_in_runs_over_batches() {
        let odd = f64::from_bits(f64::NAN.to_bits() | 7);
        let column = Column::new("x", PhysicalType::F64, LogicalType::Plain);
        let batch = |runs: &[(usize, usize)], values: &[f64]| Batch {
            rows: values.len(),
            runs: runs.to_vec(),
            time: vec![0; values.len()],
            columns: vec![ValuesBuf::F64(values.to_vec())],
        };
        let mut nans = OddNans::default();
        nans.note(&batch(&[(0, 1), (1, 2)], &[odd, 1.0, odd]), &["A", "B"], &[&column]);
        nans.note(&batch(&[(1, 3)], &[odd, f64::NAN, odd]), &["A", "B"], &[&column]);
        let found: Vec<_> = nans
            .into_entries()
            .into_iter()
            .map(|entry| (entry.symbol, entry.row, entry.rows, entry.bits == odd.to_bits()))
            .collect();
        let expected = [("A", 0, 1), ("B", 1, 2), ("B", 4, 1)];
        assert_eq!(found, expected.map(|(symbol, row, rows)| (symbol.to_owned(), row, rows, true)));
    }

    #[test]
    fn text_that_is_no_manifest_is_none() {
        for text in ["", "{}", "[1]", r#"{"manifest": 2}"#, "\u{0}"] {
            assert!(Manifest::read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
