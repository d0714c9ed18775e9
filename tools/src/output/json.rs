//! JSON: `{"bundle": .., "version": .., "rows": [{"symbol": .., "time": .., ..}, ..]}`, streamed, a row a
//! line; `null` where a value is missing.

use std::io::{self, BufWriter, Write};

use barrow_store::query::Batch;

use super::text::{is_json_number, write_value};
use super::{Output, Shape};
use crate::instant::shown;

pub(super) struct JsonOutput<'l, W: Write> {
    shape: Shape<'l>,
    /// Symbols and column names as JSON texts.
    symbols: Vec<String>,
    names: Vec<String>,
    is_first: bool,
    out: BufWriter<W>,
}

impl<'l, W: Write> JsonOutput<'l, W> {
    pub(super) fn new(shape: Shape<'l>, sink: W) -> io::Result<Self> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let symbols = shape.symbols.iter().map(|symbol| quoted(symbol)).collect();
        let names = shape.columns.iter().map(|column| quoted(&column.name)).collect();
        let mut out = BufWriter::with_capacity(1 << 16, sink);
        let (bundle, version) = (quoted(&shape.bundle), quoted(&shape.version));
        write!(out, "{{\"bundle\":{bundle},\"version\":{version},\"rows\":[")?;
        Ok(Self { shape, symbols, names, is_first: true, out })
    }
}

impl<W: Write> Output for JsonOutput<'_, W> {
    fn write(&mut self, batch: &Batch) -> anyhow::Result<()> {
        for (row, asset, time) in self.shape.rows(batch) {
            let separator = if self.is_first { "\n{" } else { ",\n{" };
            self.is_first = false;
            self.out.write_all(separator.as_bytes())?;
            let mut comma = "";
            if let Some(asset) = asset {
                write!(self.out, "\"symbol\":{}", self.symbols[asset])?;
                comma = ",";
            }
            if let Some(time) = time {
                write!(self.out, "{comma}\"time\":\"{}\"", shown(time, self.shape.by_date))?;
                comma = ",";
            }
            for (place, data) in batch.columns.iter().enumerate() {
                write!(self.out, "{comma}{}:", self.names[place])?;
                comma = ",";
                let logical = self.shape.columns[place].logical;
                if !(is_json_number(data, row) && write_value(&mut self.out, data, row, logical)?) {
                    self.out.write_all(b"null")?;
                }
            }
            self.out.write_all(b"}")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        writeln!(self.out, "\n]}}")?;
        Ok(self.out.flush()?)
    }
}
