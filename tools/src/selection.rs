//! Which rows a query or an export takes, and how they stream by: in batches of bounded size, asset
//! after asset, oldest first.

use std::ops::{ControlFlow, RangeInclusive};

use barrow_format::{Asset, Column, Schema, Stamp, Values};
use barrow_store::{Lease, nearest};

use crate::filter::{Filter, Rows};
use crate::hint::Complaint;
use crate::instant::{When, span};

/// Rows of a batch; also the rows that a filter judges at a time.
const BATCH_ROWS: usize = 1 << 16;

/// Flags that choose rows and columns.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SelectionArgs {
    /// Symbols, separated by commas [default: all]
    #[arg(short, long, value_delimiter = ',', value_name = "SYMBOLS")]
    pub(crate) assets: Vec<String>,
    /// Columns beside symbol and time, separated by commas [default: all]
    #[arg(short, long, value_delimiter = ',', value_name = "COLUMNS")]
    pub(crate) columns: Vec<String>,
    /// First date or instant (UTC): 2012-01-03, 2012-01, 2012, 2012-01-03T14:30:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: Option<When>,
    /// Last date or instant; a date, month or year is taken in whole
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<When>,
    /// Only rows where a condition holds: 'close > 100 and volume >= 1e6'
    #[arg(short = 'w', long = "filter", visible_alias = "where", value_name = "CONDITION")]
    pub(crate) filter: Option<String>,
}

/// Rows and columns of a lease.
#[derive(Clone, Debug)]
pub(crate) struct Selection<'l> {
    pub(crate) lease: &'l Lease,
    pub(crate) assets: Vec<Asset>,
    /// Places in the schema, `time` left out: it always comes along.
    columns: Vec<usize>,
    span: RangeInclusive<i64>,
    filter: Option<Filter>,
    /// Rows at most.
    pub(crate) limit: Option<usize>,
}

impl SelectionArgs {
    /// Looks up what the flags name.
    ///
    /// # Errors
    /// An unknown symbol, an unknown column, an unreadable condition.
    pub(crate) fn select<'l>(&self, lease: &'l Lease) -> anyhow::Result<Selection<'l>> {
        let schema = lease.schema();
        let filter = self.filter.as_ref().map(|text| Filter::parse(text, schema)).transpose()?;
        Ok(Selection {
            lease,
            assets: self.chosen_assets(lease)?,
            columns: self.chosen_columns(schema)?,
            span: span(self.from, self.to),
            filter,
            limit: None,
        })
    }

    /// The assets named, in symbol order and each once; all without names.
    fn chosen_assets(&self, lease: &Lease) -> anyhow::Result<Vec<Asset>> {
        if self.assets.is_empty() {
            return Ok(lease.assets().collect::<Result<_, _>>()?);
        }
        let mut chosen: Vec<Asset> =
            self.assets.iter().map(|symbol| lease.asset(symbol)).collect::<Result<_, _>>()?;
        chosen.sort_by_key(|asset| asset.ordinal());
        chosen.dedup_by_key(|asset| asset.ordinal());
        Ok(chosen)
    }

    fn chosen_columns(&self, schema: &Schema) -> anyhow::Result<Vec<usize>> {
        let names = || schema.columns().iter().map(|column| column.name.as_str());
        if self.columns.is_empty() {
            return Ok((1..schema.columns().len()).collect());
        }
        let mut chosen = Vec::new();
        for name in self.columns.iter().filter(|name| !matches!(name.as_str(), "time" | "symbol")) {
            let Some(index) = schema.column_index(name) else {
                let meant = nearest(name, names()).map(|name| format!("did you mean `{name}`? "));
                let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
                let hint =
                    format!("{}the columns are {}", meant.unwrap_or_default(), known.join(", "));
                return Err(Complaint::new(format!("there is no column `{name}`"))
                    .hint(hint)
                    .into());
            };
            if !chosen.contains(&index) {
                chosen.push(index);
            }
        }
        Ok(chosen)
    }
}

/// Values of one column, of any type.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    U8(Vec<u8>),
}

impl Data {
    fn like(values: Values<'_>) -> Self {
        match values {
            Values::F64(_) => Self::F64(Vec::new()),
            Values::F32(_) => Self::F32(Vec::new()),
            Values::I64(_) => Self::I64(Vec::new()),
            Values::I32(_) => Self::I32(Vec::new()),
            Values::U32(_) => Self::U32(Vec::new()),
            Values::U8(_) => Self::U8(Vec::new()),
        }
    }

    /// Takes the values at `rows`, or all of them.
    fn take(&mut self, values: Values<'_>, rows: Option<&[usize]>) {
        fn take<T: Copy>(into: &mut Vec<T>, from: &[T], rows: Option<&[usize]>) {
            match rows {
                None => into.extend_from_slice(from),
                Some(rows) => into.extend(rows.iter().map(|row| from[*row])),
            }
        }
        match (self, values) {
            (Self::F64(into), Values::F64(from)) => take(into, from, rows),
            (Self::F32(into), Values::F32(from)) => take(into, from, rows),
            (Self::I64(into), Values::I64(from)) => take(into, from, rows),
            (Self::I32(into), Values::I32(from)) => take(into, from, rows),
            (Self::U32(into), Values::U32(from)) => take(into, from, rows),
            (Self::U8(into), Values::U8(from)) => take(into, from, rows),
            // A column has one type in all of its bundle.
            _ => debug_assert!(false, "the values of a column have its type"),
        }
    }
}

/// Rows on their way out.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Runs of rows of one asset: its place in the selection and how many rows.
    pub(crate) runs: Vec<(usize, usize)>,
    /// Nanoseconds since the epoch, one a row.
    pub(crate) time: Vec<i64>,
    /// One a selected column.
    pub(crate) columns: Vec<Data>,
}

impl Batch {
    /// The place of each row's asset in the selection.
    pub(crate) fn assets(&self) -> impl Iterator<Item = usize> + '_ {
        self.runs.iter().flat_map(|(asset, rows)| std::iter::repeat_n(*asset, *rows))
    }
}

impl<'l> Selection<'l> {
    /// The selected columns, `time` left out.
    pub(crate) fn columns(&self) -> Vec<&'l Column> {
        self.columns.iter().map(|index| &self.lease.schema().columns()[*index]).collect()
    }

    /// The symbols of the selected assets, in order.
    pub(crate) fn symbols(&self) -> Vec<&'l str> {
        self.assets.iter().map(|asset| self.lease.symbol(*asset)).collect()
    }

    /// Whether timestamps are session labels, to be shown as dates.
    pub(crate) fn by_date(&self) -> bool {
        self.lease.schema().stamp() == Stamp::Session
    }

    /// Rows within the dates, whatever the filter and limit say.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn rows_in_span(&self) -> anyhow::Result<u64> {
        let mut rows = 0;
        for asset in &self.assets {
            rows += self.lease.bars(*asset).within(self.span.clone())?.len() as u64;
        }
        Ok(rows)
    }

    /// The same rows of one of the assets alone.
    pub(crate) fn of_asset(&self, asset: Asset) -> Self {
        Self { assets: vec![asset], ..self.clone() }
    }

    /// Whether no row is selected. Stops at the first.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn is_empty(&self) -> anyhow::Result<bool> {
        let mut is_empty = true;
        let first = Self { limit: Some(self.limit.unwrap_or(1).min(1)), ..self.clone() };
        first.stream(&mut |_| {
            is_empty = false;
            Ok(())
        })?;
        Ok(is_empty)
    }

    /// Hands every selected row to `take`, in batches, until the limit or until `take` fails.
    ///
    /// # Errors
    /// Those of the store and of `take`.
    pub(crate) fn stream(
        &self,
        take: &mut dyn FnMut(&Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut batch = Batch::default();
        let mut left = self.limit.unwrap_or(usize::MAX);
        for place in 0..self.assets.len() {
            let flow = self.stream_asset(place, &mut batch, &mut left, take)?;
            if flow.is_break() {
                break;
            }
        }
        if !batch.time.is_empty() {
            take(&batch)?;
        }
        Ok(())
    }

    fn stream_asset(
        &self,
        place: usize,
        batch: &mut Batch,
        left: &mut usize,
        take: &mut dyn FnMut(&Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<ControlFlow<()>> {
        let bars = self.lease.bars(self.assets[place]).within(self.span.clone())?;
        let all = (0..self.lease.schema().columns().len())
            .map(|index| bars.column_at(index))
            .collect::<Result<Vec<_>, _>>()?;
        let mut first = 0;
        while first < bars.len() {
            if *left == 0 {
                return Ok(ControlFlow::Break(()));
            }
            let len = (bars.len() - first).min(BATCH_ROWS - batch.time.len());
            let slices: Vec<Values<'_>> =
                all.iter().filter_map(|values| values.slice(first..first + len)).collect();
            self.gather(place, &slices, len, batch, left);
            first += len;
            if batch.time.len() >= BATCH_ROWS {
                take(batch)?;
                *batch = Batch::default();
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Adds the rows of `slices` (one a column of the schema) that the filter and the limit let through.
    fn gather(
        &self,
        place: usize,
        slices: &[Values<'_>],
        len: usize,
        batch: &mut Batch,
        left: &mut usize,
    ) {
        let symbol = self.lease.symbol(self.assets[place]);
        let mut picked = self
            .filter
            .as_ref()
            .map(|filter| filter.matches(Rows { symbol, columns: slices, len }));
        if picked.is_none() && *left < len {
            picked = Some((0..*left).collect());
        }
        if let Some(picked) = &mut picked {
            picked.truncate(*left);
        }
        let count = picked.as_ref().map_or(len, Vec::len);
        if count == 0 {
            return;
        }
        if batch.columns.is_empty() {
            batch.columns = self.columns.iter().map(|index| Data::like(slices[*index])).collect();
        }
        let picked = picked.as_deref();
        let mut time = Data::I64(std::mem::take(&mut batch.time));
        time.take(slices[0], picked);
        if let Data::I64(time) = time {
            batch.time = time;
        }
        for (data, index) in batch.columns.iter_mut().zip(&self.columns) {
            data.take(slices[*index], picked);
        }
        batch.runs.push((place, count));
        *left -= count;
    }
}
