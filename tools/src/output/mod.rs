//! Where selected rows go: a table, CSV, JSON, Parquet or Arrow.

mod arrow;
mod csv;
mod file;
mod json;
mod parquet;
mod table;
mod text;
mod trials;

use std::io::Write;
use std::path::Path;

use barrow_format::Column;
use barrow_store::query::{Batch, Plan, Times};

pub(crate) use self::arrow::data_type as arrow_type;
pub(crate) use self::file::{WholeFile, is_stream, write_text};
pub(crate) use self::trials::{TrialFormat, write_trials};
use crate::hint::Complaint;
use crate::printer::Printer;

/// How rows are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for reading.
    Table,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object with the rows in it.
    Json,
    /// An Apache Parquet file.
    Parquet,
    /// An Arrow IPC file.
    #[value(alias = "feather", alias = "ipc")]
    Arrow,
}

impl Format {
    /// The format that a file name asks for.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "feather" | "ipc" => Some(Self::Arrow),
            "txt" => Some(Self::Table),
            _ => None,
        }
    }

    /// The format of an answer that goes to a file: a name without an ending, such as that of a pipe, asks for a table.
    fn of_answer(out: &Path) -> anyhow::Result<Self> {
        match Self::of(out) {
            Some(format) => Ok(format),
            None if out.extension().is_none() => Ok(Self::Table),
            None => {
                let message = format!("`{}` does not tell how to write the rows", out.display());
                let hint = "end the name in `.csv`, `.json`, `.parquet`, `.arrow` or `.txt` (a table), or choose with `--format`";
                Err(Complaint::new(message).hint(hint).into())
            }
        }
    }

    /// The format of an answer: the one that was asked for, else that of the file's name, else a table. What a terminal
    /// cannot show is refused where it would go to one.
    pub(crate) fn choose(
        asked: Option<Self>,
        out: Option<&Path>,
        printer: Printer,
    ) -> anyhow::Result<Self> {
        let json = printer.json.then_some(Self::Json);
        let format = match (asked.or(json), out) {
            (Some(format), _) => format,
            (None, Some(out)) => Self::of_answer(out)?,
            (None, None) => Self::Table,
        };
        let is_binary = matches!(format, Self::Parquet | Self::Arrow);
        if out.is_none() && is_binary && printer.stdout_is_terminal() {
            return Err(Complaint::new("a terminal cannot show this format")
                .hint("write it to a file with `--out FILE`")
                .into());
        }
        Ok(format)
    }
}

/// The file that an `--out` names, if it does: `-` is the standard output.
pub(crate) fn file_of(out: Option<&Path>) -> Option<&Path> {
    out.filter(|out| *out != Path::new("-"))
}

/// What all rows of an output have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'l> {
    /// `symbol` is a column of the output.
    pub(crate) with_symbol: bool,
    /// `time` is a column of the output.
    pub(crate) with_time: bool,
    /// Symbols of the assets that a batch refers to.
    pub(crate) symbols: Vec<&'l str>,
    /// Columns behind `symbol` and `time`.
    pub(crate) columns: Vec<&'l Column>,
    /// Timestamps are session labels, written as dates.
    pub(crate) by_date: bool,
    /// Bundle and version, recorded where the format has a place for it.
    pub(crate) bundle: String,
    pub(crate) version: String,
    /// The manifest of an export, as JSON, recorded likewise.
    pub(crate) manifest: Option<String>,
}

impl<'l> Shape<'l> {
    pub(crate) fn of(plan: &'l Plan) -> Self {
        let header = plan.header();
        Self {
            with_symbol: header.symbols.is_some(),
            with_time: header.times.is_some(),
            symbols: header.symbols.iter().flatten().map(String::as_str).collect(),
            columns: header.columns.iter().collect(),
            by_date: header.times == Some(Times::Sessions),
            bundle: plan.lease().name().to_owned(),
            version: plan.lease().version().to_string(),
            manifest: None,
        }
    }

    /// The rows of a batch: place, symbol and time of each, as far as rows have them.
    fn rows<'b>(
        &'b self,
        batch: &'b Batch,
    ) -> impl Iterator<Item = (usize, Option<usize>, Option<i64>)> + 'b {
        let mut assets = batch.assets();
        (0..batch.rows).map(move |row| {
            let asset = assets.next().filter(|_| self.with_symbol);
            (row, asset, batch.time.get(row).copied())
        })
    }
}

/// Takes rows batch by batch.
pub(crate) trait Output {
    /// Writes a batch.
    fn write(&mut self, batch: &Batch) -> anyhow::Result<()>;
    /// Writes what comes behind the last batch, and flushes.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// An output of `format` onto `sink`.
pub(crate) fn output<'a, W: Write + Send + 'a>(
    format: Format,
    shape: Shape<'a>,
    sink: W,
    printer: Printer,
) -> anyhow::Result<Box<dyn Output + 'a>> {
    Ok(match format {
        Format::Table => Box::new(table::TableOutput::new(shape, sink, printer)),
        Format::Csv => Box::new(csv::CsvOutput::new(shape, sink)?),
        Format::Json => Box::new(json::JsonOutput::new(shape, sink)?),
        Format::Parquet => Box::new(parquet::ParquetOutput::new(shape, sink)?),
        Format::Arrow => Box::new(arrow::ArrowOutput::new(&shape, sink)?),
    })
}

#[cfg(test)]
mod tests;
