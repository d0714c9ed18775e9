//! Writing answers: as a table for people, CSV, JSON, Parquet or Arrow.

use std::io::Write;

use arrow_array::RecordBatch;
use datafusion::arrow::csv::WriterBuilder as CsvBuilder;
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder as JsonBuilder};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::database::Answer;
use crate::error::{Error, Result};

/// How an answer is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// Aligned columns for reading; held in memory whole.
    Table,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object with the rows in it; `null` where a value is missing.
    Json,
    /// An Apache Parquet file, compressed with zstd.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
}

/// Writes at most `limit` rows of an answer to `sink` and returns how many those were.
///
/// # Errors
///
/// [`Error::Query`] when the answer breaks off, [`Error::Write`] when the sink fails or the format
/// cannot hold a type.
pub fn write<W: Write + Send>(
    answer: Answer,
    format: Format,
    limit: Option<usize>,
    mut sink: W,
) -> Result<usize> {
    let schema = answer.schema();
    let mut rows = Rows { answer, left: limit.unwrap_or(usize::MAX), taken: 0 };
    match format {
        Format::Table => {
            let batches = rows.by_ref().collect::<Result<Vec<_>>>()?;
            let table = pretty_format_batches_with_schema(schema, &batches).map_err(failed)?;
            writeln!(sink, "{table}").map_err(failed)?;
        }
        Format::Csv => {
            let mut writer = CsvBuilder::new().with_header(true).build(&mut sink);
            writer.write(&RecordBatch::new_empty(schema)).map_err(failed)?;
            for batch in &mut rows {
                writer.write(&batch?).map_err(failed)?;
            }
        }
        Format::Json => {
            sink.write_all(b"{\"rows\":").map_err(failed)?;
            let builder = JsonBuilder::new().with_explicit_nulls(true);
            let mut writer = builder.build::<_, JsonArray>(&mut sink);
            for batch in &mut rows {
                writer.write(&batch?).map_err(failed)?;
            }
            writer.finish().map_err(failed)?;
            sink.write_all(b"}\n").map_err(failed)?;
        }
        Format::Parquet => {
            let level = ZstdLevel::try_new(3).map_err(failed)?;
            let properties =
                WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
            let mut writer =
                ArrowWriter::try_new(&mut sink, schema, Some(properties)).map_err(failed)?;
            for batch in &mut rows {
                writer.write(&batch?).map_err(failed)?;
            }
            writer.close().map_err(failed)?;
        }
        Format::Arrow => {
            let plain = plain_schema(&schema);
            let mut writer = FileWriter::try_new(&mut sink, &plain).map_err(failed)?;
            for batch in &mut rows {
                writer.write(&plain_batch(&batch?, &plain)?).map_err(failed)?;
            }
            writer.finish().map_err(failed)?;
        }
    }
    sink.flush().map_err(failed)?;
    Ok(rows.taken)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Write(Box::new(error))
}

/// The batches of an answer up to a number of rows.
struct Rows {
    answer: Answer,
    left: usize,
    taken: usize,
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let batch = self.answer.next()?;
        Some(batch.map(|batch| {
            let batch = batch.slice(0, batch.num_rows().min(self.left));
            self.left -= batch.num_rows();
            self.taken += batch.num_rows();
            batch
        }))
    }
}

/// A schema whose dictionaries are plain: the file format has one dictionary a column, and each
/// asset's batches have their own.
fn plain_schema(schema: &arrow_schema::Schema) -> arrow_schema::Schema {
    use arrow_schema::{DataType, Field, Fields};
    let plain = |field: &std::sync::Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, values) => {
            std::sync::Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone()))
        }
        _ => field.clone(),
    };
    let fields: Fields = schema.fields().iter().map(plain).collect();
    arrow_schema::Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn plain_batch(batch: &RecordBatch, schema: &arrow_schema::Schema) -> Result<RecordBatch> {
    use datafusion::arrow::compute::cast;
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()).map_err(failed));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let rows = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = std::sync::Arc::new(schema.clone());
    RecordBatch::try_new_with_options(schema, columns, &rows).map_err(failed)
}
