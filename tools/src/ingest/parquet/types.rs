//! What the types of Parquet columns become.

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use ::parquet::schema::types::ColumnDescriptor;
use barrow_format::PhysicalType;

use super::super::typed::Conversion;

/// How values of a column become numbers, times or symbols, by its type; `None` for nested columns and
/// types that bundles do not hold.
impl Conversion {
    pub(crate) fn of(column: &ColumnDescriptor) -> Option<Self> {
        if column.max_rep_level() > 0 || column.max_def_level() > 1 {
            return None;
        }
        let stamp = |unit_ns, utc| Some(Self::Stamp { unit_ns, utc });
        match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Timestamp(stamped)), _) => {
                let unit_ns = match stamped.unit {
                    TimeUnit::MILLIS => 1_000_000,
                    TimeUnit::MICROS => 1_000,
                    TimeUnit::NANOS => 1,
                };
                return stamp(unit_ns, stamped.is_adjusted_to_u_t_c);
            }
            (None, ConvertedType::TIMESTAMP_MILLIS) => return stamp(1_000_000, true),
            (None, ConvertedType::TIMESTAMP_MICROS) => return stamp(1_000, true),
            (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => return Some(Self::Date),
            (Some(LogicalType::Time(_)), _) => return None,
            _ => {}
        }
        if let Some(LogicalType::Decimal(decimal)) = column.logical_type_ref() {
            return Some(Self::Decimal { scale: u32::try_from(decimal.scale).ok()? });
        }
        if column.converted_type() == ConvertedType::DECIMAL {
            return Some(Self::Decimal { scale: u32::try_from(column.type_scale()).ok()? });
        }
        match column.physical_type() {
            Type::DOUBLE | Type::FLOAT => Some(Self::Float),
            Type::BOOLEAN => Some(Self::Integer(PhysicalType::U8)),
            Type::INT32 => Some(Self::Integer(match integer(column) {
                Some((8, false)) => PhysicalType::U8,
                Some((_, false)) => PhysicalType::U32,
                _ => PhysicalType::I32,
            })),
            Type::INT64 => match integer(column) {
                Some((_, false)) => Some(Self::Unsigned64),
                _ => Some(Self::Integer(PhysicalType::I64)),
            },
            Type::INT96 => Some(Self::Int96),
            Type::BYTE_ARRAY => Some(Self::Text),
            Type::FIXED_LEN_BYTE_ARRAY => None,
        }
    }
}

/// Bits and sign of an integer column.
fn integer(column: &ColumnDescriptor) -> Option<(i8, bool)> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Integer(found)), _) => Some((found.bit_width, found.is_signed)),
        (None, ConvertedType::UINT_8) => Some((8, false)),
        (None, ConvertedType::UINT_16) => Some((16, false)),
        (None, ConvertedType::UINT_32) => Some((32, false)),
        (None, ConvertedType::UINT_64) => Some((64, false)),
        _ => None,
    }
}
