//! Aligned columns for reading.

use std::io::{BufWriter, Write};

use barrow_format::LogicalType;
use barrow_store::ValuesBuf;
use barrow_store::query::Batch;

use super::text::write_value;
use super::{Output, Shape};
use crate::instant::shown;
use crate::numbers::shortest;
use crate::printer::Printer;
use crate::table::{Align, Sheet};

pub(super) struct TableOutput<'l, W: Write> {
    shape: Shape<'l>,
    sheet: Sheet,
    out: BufWriter<W>,
    printer: Printer,
}

impl<'l, W: Write> TableOutput<'l, W> {
    pub(super) fn new(shape: Shape<'l>, sink: W, printer: Printer) -> Self {
        let mut heads = Vec::new();
        heads.extend(shape.with_symbol.then_some(("symbol", Align::Left)));
        heads.extend(shape.with_time.then_some(("time", Align::Left)));
        heads.extend(shape.columns.iter().map(|column| (column.name.as_str(), Align::Right)));
        let sheet = Sheet::new(heads);
        Self { shape, sheet, out: BufWriter::new(sink), printer }
    }
}

impl<W: Write> Output for TableOutput<'_, W> {
    fn write(&mut self, batch: &Batch) -> anyhow::Result<()> {
        // Digits behind the point are the same all down a column, so that points stand in line.
        let places: Vec<Option<usize>> = batch.columns.iter().map(places).collect();
        for (row, asset, time) in self.shape.rows(batch) {
            let mut cells = Vec::new();
            cells.extend(asset.map(|asset| self.shape.symbols[asset].to_owned()));
            cells.extend(time.map(|time| shown(time, self.shape.by_date).to_string()));
            for ((data, column), places) in
                batch.columns.iter().zip(&self.shape.columns).zip(&places)
            {
                cells.push(cell(data, row, column.logical, *places)?);
            }
            self.sheet.row(cells);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.sheet.print(&mut self.out, self.printer, "")?;
        Ok(self.out.flush()?)
    }
}

fn cell(
    data: &ValuesBuf,
    row: usize,
    logical: LogicalType,
    places: Option<usize>,
) -> anyhow::Result<String> {
    if let (ValuesBuf::F64(values), Some(places)) = (data, places) {
        return Ok(crate::numbers::fixed(values[row], places));
    }
    let mut text = Vec::new();
    if !write_value(&mut text, data, row, logical)? {
        return Ok("-".to_owned());
    }
    Ok(String::from_utf8(text)?)
}

/// The digits behind the point that the values of a column need, if few suffice.
fn places(data: &ValuesBuf) -> Option<usize> {
    let ValuesBuf::F64(values) = data else { return None };
    let needed = values
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| shortest(*value).split_once('.').map_or(0, |(_, fraction)| fraction.len()))
        .max()?;
    let is_plain = values.iter().all(|value| !value.is_finite() || !shortest(*value).contains('e'));
    (is_plain && needed <= 8).then_some(needed)
}
