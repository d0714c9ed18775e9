//! Rows of a CSV export.

use std::fs::File;
use std::io::BufReader;

use ::csv::{ByteRecord, ReaderBuilder};
use barrow_format::{Column, LogicalType, Schema, ValuesBuf};
use jiff::Timestamp;
use jiff::civil::Date;

use super::super::error::IngestError;
use super::super::problem::Problem;
use super::super::source::{Source, io_error};
use super::super::time::DAY_NS;
use super::rows::{Piece, ROWS, Wanted};

/// Whether the header is that of an export of `schema`.
pub(super) fn fits(
    source: &Source,
    schema: &Schema,
    with_symbol: bool,
) -> Result<bool, IngestError> {
    let mut header = ByteRecord::new();
    let read = reader(source)?.read_byte_record(&mut header);
    let symbol = with_symbol.then_some("symbol");
    let names = schema.columns().iter().map(|column| column.name.as_str());
    Ok(read.is_ok() && symbol.into_iter().chain(names).map(str::as_bytes).eq(header.iter()))
}

fn reader(source: &Source) -> Result<::csv::Reader<BufReader<File>>, IngestError> {
    let file = File::open(&source.path).map_err(io_error("open", &source.path))?;
    let file = BufReader::with_capacity(1 << 18, file);
    Ok(ReaderBuilder::new().has_headers(false).from_reader(file))
}

/// Hands on the rows; of one asset where `symbol` is given, else the first field tells the asset.
pub(super) fn read(
    source: &Source,
    schema: &Schema,
    wanted: Wanted,
    symbol: Option<&str>,
    take: &mut dyn FnMut(Piece) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let mut reader = reader(source)?;
    let mut record = ByteRecord::new();
    let damaged = |error: ::csv::Error| IngestError::Damaged {
        file: source.name.clone(),
        source: Box::new(error),
    };
    // The header.
    reader.read_byte_record(&mut record).map_err(damaged)?;
    let mut piece = Piece::empty(schema);
    let mut rows = 0;
    while reader.read_byte_record(&mut record).map_err(damaged)? {
        let line = record.position().map_or(0, ::csv::Position::line);
        let blame = |column: &str, value: &[u8], problem| IngestError::Row {
            file: source.name.clone(),
            line,
            column: column.to_owned(),
            value: String::from_utf8_lossy(value).into_owned(),
            problem,
        };
        let mut fields = record.iter();
        let symbol = if let Some(symbol) = symbol {
            symbol
        } else {
            let field = fields.next().unwrap_or_default();
            std::str::from_utf8(field).map_err(|_| blame("symbol", field, Problem::NotUtf8))?
        };
        piece.push_symbol(symbol);
        if wanted == Wanted::All {
            for ((buffer, column), field) in
                piece.columns.iter_mut().zip(schema.columns()).zip(fields)
            {
                push(buffer, column, field)
                    .map_err(|problem| blame(&column.name, field, problem))?;
            }
        }
        rows += 1;
        if rows == ROWS {
            take(std::mem::replace(&mut piece, Piece::empty(schema)))?;
            rows = 0;
        }
    }
    take(piece)
}

/// Reads a field as exports write it, exactly.
fn push(buffer: &mut ValuesBuf, column: &Column, field: &[u8]) -> Result<(), Problem> {
    let text = std::str::from_utf8(field).map_err(|_| Problem::NotUtf8)?;
    let is_float = matches!(buffer, ValuesBuf::F64(_) | ValuesBuf::F32(_));
    if text.is_empty() && !is_float {
        return Err(Problem::Missing);
    }
    let no_number = || Problem::NotANumber;
    let inexact = |_| Problem::NotExact;
    match buffer {
        ValuesBuf::F64(values) if text.is_empty() => values.push(f64::NAN),
        ValuesBuf::F32(values) if text.is_empty() => values.push(f32::NAN),
        ValuesBuf::F64(values) => values.push(text.parse().map_err(|_| no_number())?),
        ValuesBuf::F32(values) => values.push(text.parse().map_err(|_| no_number())?),
        ValuesBuf::I64(values) => values.push(match column.logical {
            LogicalType::Timestamp => instant(text)
                .ok_or_else(|| Problem::NotATime { layout: "2012-01-03T14:30:00Z".to_owned() })?,
            LogicalType::Decimal { scale } => decimal(text, scale).ok_or_else(no_number)?,
            _ => text.parse().map_err(inexact)?,
        }),
        ValuesBuf::I32(values) => values.push(text.parse().map_err(inexact)?),
        ValuesBuf::U32(values) => values.push(text.parse().map_err(inexact)?),
        ValuesBuf::U8(values) => values.push(text.parse().map_err(inexact)?),
    }
    Ok(())
}

/// Nanoseconds of a date (its midnight) or of an instant with its offset.
fn instant(text: &str) -> Option<i64> {
    if text.len() == 10 {
        let date: Date = text.parse().ok()?;
        let days = date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days();
        return i64::from(days).checked_mul(DAY_NS);
    }
    let instant: Timestamp = text.parse().ok()?;
    i64::try_from(instant.as_nanosecond()).ok()
}

/// The integer that `text` is times 10 to the `scale`, if it is one.
fn decimal(text: &str, scale: u8) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::from(scale);
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > scale || !plain(whole) || !plain(fraction) {
        return None;
    }
    let stored: i128 = format!("{whole}{fraction:0<scale$}").parse().ok()?;
    i64::try_from(if negative { -stored } else { stored }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(decimal("123.45", 2), Some(12_345));
        assert_eq!(decimal("-0.05", 2), Some(-5));
        assert_eq!(decimal("7", 0), Some(7));
        assert_eq!(decimal("7.5", 3), Some(7_500));
        assert_eq!(decimal("-9.223372036854775808", 18), Some(i64::MIN));
        for wrong in ["", "-", ".5", "1.234", "1e2", "9223372036854775808", "1.2.3", "+1"] {
            assert_eq!(decimal(wrong, 2), None, "{wrong}");
        }
    }

    #[test]
    fn instants_are_read_as_they_are_written() {
        use crate::instant::shown;
        for ns in
            [0, 1, -1, i64::MIN, i64::MAX, 1_325_601_060_050_000_000, -DAY_NS, 20_000 * DAY_NS]
        {
            assert_eq!(instant(&shown(ns, false).to_string()), Some(ns));
            assert_eq!(instant(&shown(ns, true).to_string()), Some(ns));
        }
        for wrong in ["", "2012", "2012-02-30", "2012-01-03T14:30:00", "9999-01-01T00:00:00Z"] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
    }
}
