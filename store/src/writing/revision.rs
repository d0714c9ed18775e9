//! Revisions: the next version of a bundle, made of the one before and what is new.

use barrow_format::{
    AdjustmentKind, Column, Frequency, Provenance, Schema, Stamp, Values, ValuesBuf,
};
use smallvec::{SmallVec, smallvec};

use crate::catalog::change::{Change, ChangeKind};
use crate::error::{Error, Result};
use crate::reading::segments::Files;
use crate::writing::base::Base;
use crate::writing::batch::{AssetBars, Batch, Weaving};
use crate::writing::batches::Batches;
use crate::writing::draft::Draft;
use crate::writing::publish::{Published, Staging};
use crate::writing::revision_problem::RevisionProblem as Problem;

/// An adjustment to bring in.
#[derive(Debug, Clone)]
pub(crate) struct GivenAdjustment {
    pub(crate) symbol: String,
    pub(crate) time: i64,
    pub(crate) kind: AdjustmentKind,
    pub(crate) value: f64,
    /// Whether it may replace one that is there with another value.
    pub(crate) corrects: bool,
}

/// The next version of a bundle in the making: bars, assets, columns and adjustments are brought in, and one version is
/// published whose parent is the newest one.
///
/// Nothing of the version before is rewritten, and of its bars next to nothing is read: the file that is published holds
/// the new bars and an index of all, which refers to the files that hold the rest. So the cost follows the number of assets
/// and the new bars. Small files are taken into the new one from time to time, so that there are never many
/// (`docs/architecture.md` says how many, and what that costs). The version depends on the content alone: it is that of the
/// whole content ingested in one go.
///
/// The bundle's writer lock is held until the revision is published or dropped.
///
/// # Examples
///
/// ```
/// use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Provenance, Schema, Values};
/// use barrow_store::{AssetBars, Catalog, StageOptions};
///
/// # let folder = tempfile::tempdir()?;
/// let catalog = Catalog::at(folder.path());
/// # let spec = BundleSpec {
/// #     schema: Schema::daily(&[])?,
/// #     assets: vec![AssetSpec::new("AAPL", 1)],
/// #     adjustments: vec![],
/// #     provenance: Provenance::default(),
/// # };
/// # let staging = catalog.stage("us")?;
/// # let writer = BundleWriter::new(spec, staging.sink())?;
/// # writer.put(0, 0, Values::I64(&[0]))?;
/// # for column in 1..6 {
/// #     writer.put(0, column, Values::F64(&[1.5]))?;
/// # }
/// # let written = writer.finish()?;
/// # staging.publish(written)?;
/// // A bundle `us` with one bar of AAPL, at 1970-01-01.
/// const DAY: i64 = 86_400_000_000_000;
/// let mut revision = catalog.revise("us", &StageOptions::default())?;
/// let columns = [("time", Values::I64(&[DAY, 2 * DAY])), ("close", Values::F64(&[2.5, 3.5]))];
/// revision.append(&AssetBars { symbol: "AAPL", metadata: "", columns: &columns })?;
/// let published = revision.publish()?;
/// assert_eq!((published.generation, published.change.rows_added), (2, 2));
///
/// let lease = catalog.lease("us")?;
/// assert_eq!(lease.bars(lease.asset("AAPL")?).close(), [1.5, 2.5, 3.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Revision {
    pub(crate) base: Base,
    /// The columns of the version to come: those of the version before, then the new ones.
    pub(crate) columns: Vec<Column>,
    /// The values of all batches, by column.
    pub(crate) fresh: Vec<ValuesBuf>,
    pub(crate) batches: Batches,
    pub(crate) adjustments: Vec<GivenAdjustment>,
    pub(crate) provenance: Provenance,
    corrects: bool,
    staging: Staging,
}

/// What a revision does with bars that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Append,
    Correct,
}

impl Revision {
    pub(crate) fn over(staging: Staging, base: Base) -> Self {
        let columns = base.head.schema().columns().to_vec();
        let fresh = columns.iter().map(|column| ValuesBuf::new(column.physical)).collect();
        let (batches, provenance) = (Batches::default(), Provenance::default());
        let adjustments = Vec::new();
        Self { base, columns, fresh, batches, adjustments, provenance, corrects: false, staging }
    }

    /// Returns the schema of the version before.
    pub fn schema(&self) -> &Schema {
        self.base.head.schema()
    }

    /// Names the sources of what is brought in, and the program that does.
    pub fn set_provenance(&mut self, provenance: Provenance) {
        self.provenance = provenance;
    }

    /// Checks that bars of another schema mean the same: frequency, time zone, timestamp convention and calendar.
    ///
    /// # Errors
    ///
    /// [`Error::Revision`] with the first that differs.
    pub fn check_meaning(&self, schema: &Schema) -> Result<()> {
        let own = self.schema();
        let same = |what, expected: String, found: String| {
            if expected == found {
                return Ok(());
            }
            Err(self.problem(Problem::Meaning { what, expected, found }))
        };
        let frequency = |frequency: Frequency| frequency.to_string();
        let stamp = |stamp: Stamp| stamp.to_string();
        same("frequency", frequency(own.frequency()), frequency(schema.frequency()))?;
        same("time zone", own.time_zone().to_owned(), schema.time_zone().to_owned())?;
        same("timestamp convention", stamp(own.stamp()), stamp(schema.stamp()))?;
        same("calendar", own.calendar_name().to_owned(), schema.calendar_name().to_owned())
    }

    /// Adds a column behind those there are, missing in all bars but those of later batches that have it. A column that
    /// is there with the same type is none to add.
    ///
    /// # Errors
    ///
    /// [`Error::Revision`]: the column is there with another type, or it is one of integers, which have no missing value.
    /// [`Error::Corrupt`] wraps why there can be no such column.
    pub fn add_column(&mut self, column: &Column) -> Result<()> {
        let described = |it: &Column| format!("{} on {}", it.logical, it.physical);
        if let Some(known) = self.columns.iter().find(|known| known.name == column.name) {
            if known == column {
                return Ok(());
            }
            let (expected, found) = (described(known), described(column));
            let column = column.name.clone();
            return Err(self.problem(Problem::ColumnType { column, expected, found }));
        }
        if !column.physical.has_missing() {
            let (column, physical) = (column.name.clone(), column.physical);
            return Err(self.problem(Problem::NoMissing { column, physical }));
        }
        let mut columns = self.columns.clone();
        columns.push(column.clone());
        self.merged_schema(columns)?;
        let mut buffer = ValuesBuf::new(column.physical);
        buffer.extend_missing(self.fresh.first().map_or(0, |times| times.values().len()));
        self.columns.push(column.clone());
        self.fresh.push(buffer);
        Ok(())
    }

    /// Brings in bars behind an asset's last one, or of a new asset. Bars that are there already must have the same values,
    /// bit for bit, in the columns given; they are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Revision`] says why the bars cannot be brought in; [`Error::Corrupt`], [`Error::Io`] or [`Error::Mismatch`]
    /// when bars that are there cannot be read. The revision is as it was before the call.
    pub fn append(&mut self, bars: &AssetBars<'_>) -> Result<()> {
        self.bring_in(bars, Mode::Append)
    }

    /// Brings in bars of an asset, new or not, wherever they lie in time: a bar that is there is replaced, in the columns
    /// given.
    ///
    /// # Errors
    ///
    /// As [`Revision::append`].
    pub fn correct(&mut self, bars: &AssetBars<'_>) -> Result<()> {
        self.bring_in(bars, Mode::Correct)
    }

    /// Takes bars of an asset away: those at these times, ascending; where it has none, nothing goes. An asset goes with the
    /// last of its bars, and its adjustments with it.
    ///
    /// # Errors
    ///
    /// [`Error::Revision`] when there is no such asset, when it was given already, or when the times do not ascend;
    /// [`Error::Corrupt`], [`Error::Io`] or [`Error::Mismatch`] when its times cannot be read.
    pub fn remove(&mut self, symbol: &str, times: &[i64]) -> Result<()> {
        let owned = || symbol.to_owned();
        if self.batches.contains(symbol) {
            return Err(self.problem(Problem::Twice { symbol: owned() }));
        }
        if let Some(row) = times.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(self.problem(Problem::Order { symbol: owned(), row: row + 1 }));
        }
        let asset = self.base.head.asset(symbol).map_err(Error::corrupt(&self.base.path))?;
        let Some(asset) = asset else {
            return Err(self.problem(Problem::NoAsset { symbol: owned() }));
        };
        let batch = Batch::removing(self.files(), asset, times)?;
        self.batches.insert(symbol, batch);
        self.corrects = true;
        Ok(())
    }

    /// Brings in an adjustment; one of the same asset, time and kind must not be there with another value.
    ///
    /// What is wrong with it shows when the revision is published.
    pub fn append_adjustment(&mut self, symbol: &str, time: i64, kind: AdjustmentKind, value: f64) {
        let symbol = symbol.to_owned();
        self.adjustments.push(GivenAdjustment { symbol, time, kind, value, corrects: false });
    }

    /// Brings in an adjustment; one of the same asset, time and kind is replaced.
    pub fn correct_adjustment(
        &mut self,
        symbol: &str,
        time: i64,
        kind: AdjustmentKind,
        value: f64,
    ) {
        self.corrects = true;
        let symbol = symbol.to_owned();
        self.adjustments.push(GivenAdjustment { symbol, time, kind, value, corrects: true });
    }

    /// Publishes the version: writes one file (two where the bundle is compressed and there is much to write) and makes it
    /// the bundle's newest version. Where nothing changes, nothing is published.
    ///
    /// # Errors
    ///
    /// [`Error::Revision`] when an adjustment cannot be brought in; as [`Staging::publish`]. After an error, the version
    /// that was the newest still is.
    pub fn publish(self) -> Result<Published> {
        let kind = if self.corrects { ChangeKind::Correct } else { ChangeKind::Append };
        let draft = Draft::of(&self, Change::of(kind))?;
        let Some(draft) = draft else { return self.staging.unchanged() };
        let change = draft.change;
        let (written, pack) =
            draft.write(&self, (self.staging.sink(), &self.staging.pack_path()))?;
        self.staging.publish_change(written, pack, change)
    }

    /// Returns the name of the bundle.
    pub fn name(&self) -> &str {
        self.staging.name()
    }

    pub(crate) fn files(&self) -> Files<'_> {
        self.base.files()
    }

    /// Returns the schema with other columns.
    pub(crate) fn merged_schema(&self, columns: Vec<Column>) -> Result<Schema> {
        let own = self.schema();
        let schema = Schema::new(
            columns,
            own.frequency(),
            own.time_zone(),
            own.stamp(),
            own.calendar_name(),
        );
        schema.map_err(|error| Error::corrupt(&self.base.path)(error.into()))
    }

    fn bring_in(&mut self, bars: &AssetBars<'_>, mode: Mode) -> Result<()> {
        let start = self.fresh.first().map_or(0, |times| times.values().len());
        let given = self.check_batch(bars)?;
        let rows = start..start + given.rows;
        for (buffer, values) in self.fresh.iter_mut().zip(&given.columns) {
            match values {
                Some(values) => buffer.extend(*values),
                None => buffer.extend_missing(given.rows),
            }
        }
        let weaving = Weaving {
            files: self.base.files(),
            bundle: self.staging.name(),
            symbol: bars.symbol,
            columns: &self.columns,
            given: &given.columns,
            rows,
        };
        let old = self.base.head.asset(bars.symbol).map_err(Error::corrupt(&self.base.path));
        let woven = old.and_then(|old| match mode {
            Mode::Append => weaving.append(old, &mut self.fresh),
            Mode::Correct => weaving.correct(old, &mut self.fresh),
        });
        match woven {
            Ok(mut batch) => {
                bars.metadata.clone_into(&mut batch.metadata);
                self.corrects |= mode == Mode::Correct;
                self.batches.insert(bars.symbol, batch);
                Ok(())
            }
            Err(error) => {
                for buffer in &mut self.fresh {
                    buffer.truncate(start);
                }
                Err(error)
            }
        }
    }

    /// Checks the shape of a batch and puts its columns in the order of the schema to come.
    fn check_batch<'b>(&self, bars: &AssetBars<'b>) -> Result<GivenColumns<'b>> {
        let symbol = || bars.symbol.to_owned();
        if self.batches.contains(bars.symbol) {
            return Err(self.problem(Problem::Twice { symbol: symbol() }));
        }
        let mut columns: SmallVec<[_; 8]> = smallvec![None; self.columns.len()];
        let times = bars.columns.iter().find(|(name, _)| *name == barrow_format::frozen::TIME);
        let expected = times.map_or(0, |(_, times)| times.len());
        let wrong = |column: &str, found| {
            let (symbol, column) = (symbol(), column.to_owned());
            Err(self.problem(Problem::Rows { symbol, column, expected, found }))
        };
        for (name, values) in bars.columns {
            let place = self.columns.iter().position(|column| column.name == *name);
            let Some(place) = place else {
                return Err(self.problem(Problem::NoColumn { column: (*name).to_owned() }));
            };
            let physical = self.columns[place].physical;
            if physical != values.physical() {
                let (expected, found) = (physical.to_string(), values.physical().to_string());
                let column = (*name).to_owned();
                return Err(self.problem(Problem::ColumnType { column, expected, found }));
            }
            if values.len() != expected || columns[place].is_some() {
                return wrong(name, values.len());
            }
            columns[place] = Some(*values);
        }
        let Some(times) = columns.first().copied().flatten().and_then(Values::as_i64) else {
            return wrong(barrow_format::frozen::TIME, 0);
        };
        if let Some(row) = times.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(self.problem(Problem::Order { symbol: symbol(), row: row + 1 }));
        }
        Ok(GivenColumns { rows: expected, columns })
    }

    pub(crate) fn problem(&self, problem: Problem) -> Error {
        Error::Revision { bundle: self.staging.name().to_owned(), problem }
    }
}

/// The columns of a batch, in the order of the schema to come.
struct GivenColumns<'b> {
    rows: usize,
    columns: SmallVec<[Option<Values<'b>>; 8]>,
}
