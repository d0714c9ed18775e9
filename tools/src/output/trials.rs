//! The trials of a sweep as a file: a row a trial, parameters first, then figures.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use barrow_engine::{Metric, SweepReport, Trial, Value};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::csv::{field, write_csv_header};
use super::file::WholeFile;

/// How trials are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TrialFormat {
    Csv,
    Parquet,
    Json,
}

impl TrialFormat {
    /// The format that a file name asks for.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Writes all trials, in the order of the points: whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_trials(
    report: &SweepReport,
    path: &Path,
    format: TrialFormat,
) -> anyhow::Result<()> {
    let file = WholeFile::begin(path)?;
    let mut out = BufWriter::with_capacity(1 << 16, file.writer()?);
    match format {
        TrialFormat::Csv => write_csv(report, &mut out)?,
        TrialFormat::Parquet => write_parquet(report, &mut out)?,
        TrialFormat::Json => {
            serde_json::to_writer(&mut out, report)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    file.publish()?;
    Ok(())
}

/// The figures of a trial, in the order of the columns; `final_cash` is no metric.
fn figure_names() -> Vec<&'static str> {
    Metric::all().map(Metric::name).chain(["final_cash"]).collect()
}

fn figures(trial: &Trial) -> Vec<Option<f64>> {
    let metrics = Metric::all().map(|metric| metric.of(&trial.metrics, trial.final_equity));
    metrics.chain([Some(trial.final_cash)]).collect()
}

fn param_names(report: &SweepReport) -> Vec<&str> {
    report.space.axes().iter().map(barrow_engine::Axis::name).collect()
}

fn write_csv(report: &SweepReport, out: &mut impl Write) -> anyhow::Result<()> {
    let names = param_names(report);
    let header: Vec<&str> = names.iter().copied().chain(figure_names()).collect();
    write_csv_header(out, &header)?;
    for trial in &report.trials {
        let params = report.params(trial);
        let mut cells: Vec<String> = names
            .iter()
            .map(|name| params.get(name).map_or(String::new(), |value| field(&value.to_string())))
            .collect();
        cells.extend(
            figures(trial).iter().map(|value| value.map_or(String::new(), |v| v.to_string())),
        );
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

/// The values of one parameter over all trials, in the narrowest type that holds them all.
enum ParamColumn {
    Whole(Vec<i64>),
    Number(Vec<f64>),
    Truth(Vec<bool>),
    Text(Vec<ByteArray>),
}

impl ParamColumn {
    fn of(values: &[Value]) -> Self {
        if let Some(whole) = all(values, |value| match value {
            Value::Int(_) => value.as_i64(),
            _ => None,
        }) {
            return Self::Whole(whole);
        }
        if let Some(numbers) = all(values, |value| match value {
            Value::Int(_) | Value::Float(_) => value.as_f64(),
            _ => None,
        }) {
            return Self::Number(numbers);
        }
        if let Some(truths) = all(values, |value| match value {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }) {
            return Self::Truth(truths);
        }
        Self::Text(values.iter().map(|value| ByteArray::from(value.to_string().as_str())).collect())
    }
}

fn all<T>(values: &[Value], read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(read).collect()
}

fn write_parquet(report: &SweepReport, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let names = param_names(report);
    let mut params: Vec<Vec<Value>> = vec![Vec::new(); names.len()];
    for trial in &report.trials {
        let point = report.params(trial);
        for (values, name) in params.iter_mut().zip(&names) {
            values.extend(point.get(name).cloned());
        }
    }
    let params: Vec<ParamColumn> = params.iter().map(|values| ParamColumn::of(values)).collect();
    let mut fields = Vec::new();
    for (name, column) in names.iter().zip(&params) {
        let (physical, logical) = match column {
            ParamColumn::Whole(_) => (Physical::INT64, None),
            ParamColumn::Number(_) => (Physical::DOUBLE, None),
            ParamColumn::Truth(_) => (Physical::BOOLEAN, None),
            ParamColumn::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let builder = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(logical);
        fields.push(Arc::new(builder.build()?));
    }
    for name in figure_names() {
        let builder = Type::primitive_type_builder(name, Physical::DOUBLE)
            .with_repetition(Repetition::OPTIONAL);
        fields.push(Arc::new(builder.build()?));
    }
    let schema = Type::group_type_builder("trials").with_fields(fields).build()?;
    let metadata = [
        ("barrow.bundle", report.bundle.clone()),
        ("barrow.version", report.version.to_string()),
        ("barrow.strategy", report.strategy.clone()),
        ("barrow.fixed", report.fixed.to_string()),
    ];
    let properties = WriterProperties::builder()
        .set_created_by(format!("barrow {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_key_value_metadata(Some(
            metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec(),
        ));
    let mut writer =
        SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build()))?;
    let mut group = writer.next_row_group()?;
    for column in &params {
        match column {
            ParamColumn::Whole(values) => write_column::<Int64Type, _>(&mut group, values, None)?,
            ParamColumn::Number(values) => write_column::<DoubleType, _>(&mut group, values, None)?,
            ParamColumn::Truth(values) => write_column::<BoolType, _>(&mut group, values, None)?,
            ParamColumn::Text(values) => {
                write_column::<ByteArrayType, _>(&mut group, values, None)?;
            }
        }
    }
    let rows: Vec<Vec<Option<f64>>> = report.trials.iter().map(figures).collect();
    for place in 0..figure_names().len() {
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(row[place].is_some())).collect();
        let values: Vec<f64> = rows.iter().filter_map(|row| row[place]).collect();
        write_column::<DoubleType, _>(&mut group, &values, Some(&levels))?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

/// Writes the next column of a row group; `levels` tell which rows have a value.
pub(super) fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> anyhow::Result<()> {
    let Some(mut column) = group.next_column()? else {
        anyhow::bail!("more columns than the schema has");
    };
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()?;
    Ok(())
}
