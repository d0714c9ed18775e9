//! What the types of Arrow columns become.

use arrow_schema::{DataType, TimeUnit};
use barrow_format::PhysicalType;

use super::super::typed::Conversion;

/// How values of a type become numbers, times or symbols; `None` for nested columns and types that
/// bundles do not hold.
pub(super) fn conversion(kind: &DataType) -> Option<Conversion> {
    Some(match kind {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Conversion::Float,
        DataType::Boolean | DataType::UInt8 => Conversion::Integer(PhysicalType::U8),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => {
            Conversion::Integer(PhysicalType::I32)
        }
        DataType::UInt16 | DataType::UInt32 => Conversion::Integer(PhysicalType::U32),
        DataType::Int64 => Conversion::Integer(PhysicalType::I64),
        DataType::UInt64 => Conversion::Unsigned64,
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale) => {
            Conversion::Decimal { scale: u32::try_from(*scale).ok()? }
        }
        DataType::Date32 | DataType::Date64 => Conversion::Date,
        DataType::Timestamp(unit, zone) => {
            let unit_ns = match unit {
                TimeUnit::Second => 1_000_000_000,
                TimeUnit::Millisecond => 1_000_000,
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1,
            };
            // With a zone, values are instants; without one, what a clock showed.
            Conversion::Stamp { unit_ns, utc: zone.is_some() }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Conversion::Text,
        DataType::Dictionary(_, values) => match conversion(values)? {
            Conversion::Text => Conversion::Text,
            _ => return None,
        },
        _ => return None,
    })
}
