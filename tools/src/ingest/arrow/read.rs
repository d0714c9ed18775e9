//! Reading values of an Arrow array.

use ::parquet::data_type::ByteArray;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::super::typed::Values;
use super::texts;

const DAY_MS: i64 = 86_400_000;

/// The values of an array, nulls and all.
///
/// # Errors
///
/// For types that have no conversion.
pub(super) fn read(array: &ArrayRef) -> Result<Values, ArrowError> {
    Ok(match array.data_type() {
        DataType::Float16 => {
            floats::<Float16Type>(array, <Float16Type as ArrowPrimitiveType>::Native::to_f64)
        }
        DataType::Float32 => floats::<Float32Type>(array, f64::from),
        DataType::Float64 => floats::<Float64Type>(array, |value| value),
        DataType::Boolean => {
            Values::Integers(array.as_boolean().iter().map(|value| value.map(i64::from)).collect())
        }
        DataType::Int8 => integers::<Int8Type>(array, i64::from),
        DataType::Int16 => integers::<Int16Type>(array, i64::from),
        DataType::Int32 => integers::<Int32Type>(array, i64::from),
        DataType::Int64 => integers::<Int64Type>(array, |value| value),
        DataType::UInt8 => integers::<UInt8Type>(array, i64::from),
        DataType::UInt16 => integers::<UInt16Type>(array, i64::from),
        DataType::UInt32 => integers::<UInt32Type>(array, i64::from),
        DataType::UInt64 => wide::<UInt64Type>(array, i128::from),
        DataType::Decimal32(..) => wide::<Decimal32Type>(array, i128::from),
        DataType::Decimal64(..) => wide::<Decimal64Type>(array, i128::from),
        DataType::Decimal128(..) => wide::<Decimal128Type>(array, |value| value),
        DataType::Date32 => integers::<Date32Type>(array, i64::from),
        DataType::Date64 => integers::<Date64Type>(array, |value| value.div_euclid(DAY_MS)),
        DataType::Timestamp(TimeUnit::Second, _) => {
            integers::<TimestampSecondType>(array, |value| value)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            integers::<TimestampMillisecondType>(array, |value| value)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            integers::<TimestampMicrosecondType>(array, |value| value)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            integers::<TimestampNanosecondType>(array, |value| value)
        }
        _ => {
            let texts = texts(array)?.into_iter();
            Values::Texts(texts.map(|text| text.map(ByteArray::from)).collect())
        }
    })
}

/// The value of each row, if there is one.
fn options<T: ArrowPrimitiveType, V>(
    array: &ArrayRef,
    convert: impl Fn(T::Native) -> V,
) -> Vec<Option<V>> {
    array.as_primitive::<T>().iter().map(|value| value.map(&convert)).collect()
}

fn floats<T: ArrowPrimitiveType>(array: &ArrayRef, convert: impl Fn(T::Native) -> f64) -> Values {
    let array = array.as_primitive::<T>();
    if array.null_count() == 0 {
        return Values::Floats(array.values().iter().map(|value| convert(*value)).collect());
    }
    let value = |value: Option<T::Native>| value.map_or(f64::NAN, &convert);
    Values::Floats(array.iter().map(value).collect())
}

fn integers<T: ArrowPrimitiveType>(array: &ArrayRef, convert: impl Fn(T::Native) -> i64) -> Values {
    Values::Integers(options::<T, i64>(array, convert))
}

fn wide<T: ArrowPrimitiveType>(array: &ArrayRef, convert: impl Fn(T::Native) -> i128) -> Values {
    Values::Wide(options::<T, i128>(array, convert))
}
