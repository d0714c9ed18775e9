//! CSV: `symbol,time,...`, one line a row, empty where a value is missing.

use std::io::{self, BufWriter, Write};

use barrow_format::LogicalType;
use barrow_store::ValuesBuf;
use barrow_store::query::Batch;

use super::text::write_value;
use super::{Output, Shape};
use crate::instant::shown;

pub(super) struct CsvOutput<'l, W: Write> {
    shape: Shape<'l>,
    /// Symbols as they stand in a field.
    symbols: Vec<String>,
    out: BufWriter<W>,
}

impl<'l, W: Write> CsvOutput<'l, W> {
    pub(super) fn new(shape: Shape<'l>, sink: W) -> io::Result<Self> {
        let symbols = shape.symbols.iter().map(|symbol| field(symbol)).collect();
        let mut out = BufWriter::with_capacity(1 << 16, sink);
        let mut names: Vec<&str> = Vec::new();
        names.extend(shape.with_symbol.then_some("symbol"));
        names.extend(shape.with_time.then_some("time"));
        names.extend(shape.columns.iter().map(|column| column.name.as_str()));
        write_csv_header(&mut out, &names)?;
        Ok(Self { shape, symbols, out })
    }
}

/// Writes the header line.
pub(super) fn write_csv_header<S: AsRef<str>>(out: &mut impl Write, names: &[S]) -> io::Result<()> {
    let names: Vec<String> = names.iter().map(|name| field(name.as_ref())).collect();
    writeln!(out, "{}", names.join(","))
}

impl<W: Write> Output for CsvOutput<'_, W> {
    fn write(&mut self, batch: &Batch) -> anyhow::Result<()> {
        for (row, asset, time) in self.shape.rows(batch) {
            let mut comma: &[u8] = b"";
            if let Some(asset) = asset {
                self.out.write_all(self.symbols[asset].as_bytes())?;
                comma = b",";
            }
            if let Some(time) = time {
                self.out.write_all(comma)?;
                write!(self.out, "{}", shown(time, self.shape.by_date))?;
                comma = b",";
            }
            for (data, column) in batch.columns.iter().zip(&self.shape.columns) {
                self.out.write_all(comma)?;
                comma = b",";
                if let (ValuesBuf::I64(times), LogicalType::Timestamp) = (data, column.logical) {
                    write!(self.out, "{}", shown(times[row], false))?;
                    continue;
                }
                write_value(&mut self.out, data, row, column.logical)?;
            }
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}

/// Text as a field: in quotes where it has commas, quotes or line ends.
pub(super) fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("BRK.B"), "BRK.B");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
