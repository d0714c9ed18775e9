//! Values as text that reads back as the same value.

use std::io::{self, Write};

use barrow_format::LogicalType;
use barrow_store::ValuesBuf;

/// Writes the value of `row`; nothing for a missing one. Returns whether there was one.
pub(super) fn write_value(
    out: &mut impl Write,
    data: &ValuesBuf,
    row: usize,
    logical: LogicalType,
) -> io::Result<bool> {
    match data {
        ValuesBuf::F64(values) if values[row].is_nan() => return Ok(false),
        ValuesBuf::F32(values) if values[row].is_nan() => return Ok(false),
        ValuesBuf::F64(values) => write!(out, "{}", values[row])?,
        ValuesBuf::F32(values) => write!(out, "{}", values[row])?,
        ValuesBuf::I64(values) => match logical {
            LogicalType::Decimal { scale } => write_decimal(out, values[row], scale)?,
            _ => write!(out, "{}", values[row])?,
        },
        ValuesBuf::I32(values) => write!(out, "{}", values[row])?,
        ValuesBuf::U32(values) => write!(out, "{}", values[row])?,
        ValuesBuf::U8(values) => write!(out, "{}", values[row])?,
    }
    Ok(true)
}

/// Whether a value has a JSON number: infinities have none.
pub(super) fn is_json_number(data: &ValuesBuf, row: usize) -> bool {
    match data {
        ValuesBuf::F64(values) => values[row].is_finite(),
        ValuesBuf::F32(values) => values[row].is_finite(),
        _ => true,
    }
}

/// Writes `stored / 10^scale`, exactly, with `scale` digits behind the point.
fn write_decimal(out: &mut impl Write, stored: i64, scale: u8) -> io::Result<()> {
    let sign = if stored < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", stored.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let point = if scale == 0 { "" } else { "." };
    write!(out, "{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(data: &ValuesBuf, logical: LogicalType) -> String {
        let mut out = Vec::new();
        let present = write_value(&mut out, data, 0, logical).unwrap();
        if present { String::from_utf8(out).unwrap() } else { "missing".to_owned() }
    }

    #[test]
    fn values_read_back() {
        assert_eq!(
            text(&ValuesBuf::F64(vec![0.1 + 0.2]), LogicalType::Plain),
            "0.30000000000000004"
        );
        assert_eq!(text(&ValuesBuf::F64(vec![4_131_000.0]), LogicalType::Volume), "4131000");
        assert_eq!(text(&ValuesBuf::F64(vec![f64::NAN]), LogicalType::Plain), "missing");
        assert_eq!(text(&ValuesBuf::F32(vec![1.1]), LogicalType::Price), "1.1");
        let decimal = LogicalType::Decimal { scale: 2 };
        assert_eq!(text(&ValuesBuf::I64(vec![-5]), decimal), "-0.05");
        assert_eq!(text(&ValuesBuf::I64(vec![12_345]), decimal), "123.45");
        assert_eq!(text(&ValuesBuf::I64(vec![7]), LogicalType::Decimal { scale: 0 }), "7");
    }
}
