//! Small Parquet files for tests, written by the library that reads them.

use std::sync::Arc;

use ::parquet::data_type::{
    ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    FloatType, Int32Type, Int64Type,
};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;

type Group<'g> = SerializedRowGroupWriter<'g, Vec<u8>>;

/// Writes one row group by `write`.
fn file(message: &str, write: impl FnOnce(&mut Group<'_>)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// Writes the next column; with levels, values are those that are not null.
fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T], levels: Option<&[i16]>) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, levels, None).unwrap();
    column.close().unwrap();
}

/// A long file: text symbols, microseconds, decimals, integers, floats with a null.
pub(crate) fn long() -> Vec<u8> {
    let message = "message bars {
        required binary symbol (STRING);
        required int64 ts (TIMESTAMP(MICROS, true));
        required fixed_len_byte_array(6) close (DECIMAL(12, 4));
        required int64 volume;
        required int32 trades (INTEGER(32, false));
        optional double vwap;
    }";
    let minute = |at: i64| 1_577_975_400_000_000 + at * 60_000_000;
    let decimal = |unscaled: i64| {
        let bytes: Vec<u8> = unscaled.to_le_bytes()[..6].iter().rev().copied().collect();
        FixedLenByteArray::from(bytes)
    };
    file(message, |group| {
        column::<ByteArrayType>(group, &["A", "A", "B"].map(ByteArray::from), None);
        column::<Int64Type>(group, &[minute(0), minute(1), minute(0)], None);
        let prices = [decimal(15_000), decimal(12_500), decimal(1_000_100)];
        column::<FixedLenByteArrayType>(group, &prices, None);
        column::<Int64Type>(group, &[300, 301, 5], None);
        column::<Int32Type>(group, &[7, 8, -1], None);
        column::<DoubleType>(group, &[0.5, 2.0], Some(&[0, 1, 1]));
    })
}

/// Two files of one asset: days since 1970, floats of 32 bits.
pub(crate) fn two_years() -> (Vec<u8>, Vec<u8>) {
    let message = "message bars { required int32 date (DATE); optional float close; }";
    let year = |day: i32, close: f32| {
        file(message, |group| {
            column::<Int32Type>(group, &[day], None);
            column::<FloatType>(group, &[close], Some(&[1]));
        })
    };
    (year(18_261, 1.5), year(18_263, 2.5))
}

/// A file of one good row, one with a negative price, and one without a day.
pub(crate) fn with_bad_rows() -> Vec<u8> {
    let message = "message bars { optional int32 day (DATE); required double close; }";
    file(message, |group| {
        column::<Int32Type>(group, &[18_261, 18_262], Some(&[1, 1, 0]));
        column::<DoubleType>(group, &[1.0, -1.0, 2.0], None);
    })
}
