//! Promise: an arrow2 array is the map itself, and keeps it alive.
//!
//! Method: publish a small bundle, import every column, compare addresses with the lease's own slices
//! and values with what was written, then drop the lease before the array.

use arrow2::array::{Array, PrimitiveArray};
use arrow2::datatypes::{DataType, TimeUnit};
use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Frequency, LogicalType, PhysicalType, Provenance,
    Schema, Stamp, Values,
};
use barrow_store::{Catalog, Lease};

const DAY_NS: i64 = 86_400_000_000_000;
const SYMBOLS: [(&str, usize); 2] = [("AAA", 5), ("BBB", 3)];

type AnyError = Box<dyn std::error::Error>;

fn time(rows: usize) -> Vec<i64> {
    (0..rows).map(|i| DAY_NS * i64::try_from(i).expect("small")).collect()
}

fn close(asset: usize, rows: usize) -> Vec<f64> {
    (0..rows).map(|i| 10.0 * f64::from(u8::try_from(asset * 100 + i).expect("small"))).collect()
}

fn count(asset: usize, rows: usize) -> Vec<u32> {
    (0..rows).map(|i| u32::try_from(asset * 7 + i).expect("small")).collect()
}

fn publish(root: &std::path::Path) -> Result<Lease, AnyError> {
    let column = |name: &str, physical, logical| Column { name: name.into(), physical, logical };
    let schema = Schema::new(
        vec![
            column("time", PhysicalType::I64, LogicalType::Timestamp),
            column("close", PhysicalType::F64, LogicalType::Price),
            column("cents", PhysicalType::I64, LogicalType::Decimal { scale: 2 }),
            column("trades", PhysicalType::U32, LogicalType::Plain),
        ],
        Frequency::Daily,
        "UTC",
        Stamp::Session,
        "",
    )?;
    let assets = SYMBOLS
        .iter()
        .map(|&(symbol, rows)| AssetSpec {
            symbol: symbol.into(),
            rows: rows as u64,
            metadata: String::new(),
        })
        .collect();
    let provenance = Provenance { tool: "test".into(), sources: Vec::new() };
    let catalog = Catalog::at(root);
    let staging = catalog.stage("small")?;
    let spec = BundleSpec { schema, assets, adjustments: Vec::new(), provenance };
    let writer = BundleWriter::new(spec, staging.sink())?;
    for (asset, &(_, rows)) in SYMBOLS.iter().enumerate() {
        writer.put(asset, 0, Values::I64(&time(rows)))?;
        writer.put(asset, 1, Values::F64(&close(asset, rows)))?;
        writer.put(asset, 2, Values::I64(&time(rows)))?;
        writer.put(asset, 3, Values::U32(&count(asset, rows)))?;
    }
    let written = writer.finish()?;
    staging.publish(written)?;
    Ok(catalog.lease("small")?)
}

fn primitive<T: arrow2::types::NativeType>(array: &dyn Array) -> &PrimitiveArray<T> {
    array.as_any().downcast_ref().expect("the column's own type")
}

#[test]
fn series_point_into_the_map() -> Result<(), AnyError> {
    let root = tempfile::tempdir()?;
    let lease = publish(root.path())?;
    for (i, &(symbol, rows)) in SYMBOLS.iter().enumerate() {
        let asset = lease.asset(symbol)?;
        let array = barrow_arrow2::series(&lease, asset, "close")?;
        let values = primitive::<f64>(array.as_ref()).values();
        assert_eq!(values.as_slice(), close(i, rows));
        assert_eq!(values.as_ptr(), lease.bars(asset).f64("close")?.as_ptr());
    }
    Ok(())
}

#[test]
fn whole_columns_point_into_the_map() -> Result<(), AnyError> {
    let root = tempfile::tempdir()?;
    let lease = publish(root.path())?;
    let chunk = barrow_arrow2::chunk(&lease)?;
    assert_eq!(chunk.len(), 8);
    for (column, array) in lease.schema().columns().iter().zip(chunk.arrays()) {
        let map = lease.column(&column.name)?.as_bytes().as_ptr();
        let ours = match array.data_type().to_physical_type() {
            arrow2::datatypes::PhysicalType::Primitive(p) => match p {
                arrow2::types::PrimitiveType::Float64 => {
                    primitive::<f64>(array.as_ref()).values().as_ptr().cast::<u8>()
                }
                arrow2::types::PrimitiveType::Int64 => {
                    primitive::<i64>(array.as_ref()).values().as_ptr().cast()
                }
                arrow2::types::PrimitiveType::UInt32 => {
                    primitive::<u32>(array.as_ref()).values().as_ptr().cast()
                }
                other => panic!("unexpected type {other:?}"),
            },
            other => panic!("unexpected type {other:?}"),
        };
        assert_eq!(ours, map, "column `{}`", column.name);
    }
    let expected: Vec<u32> = [count(0, 5), count(1, 3)].concat();
    let trades = barrow_arrow2::column(&lease, "trades")?;
    assert_eq!(primitive::<u32>(trades.as_ref()).values().as_slice(), expected);
    Ok(())
}

#[test]
fn an_array_outlives_its_lease() -> Result<(), AnyError> {
    let root = tempfile::tempdir()?;
    let lease = publish(root.path())?;
    let asset = lease.asset("BBB")?;
    let array = barrow_arrow2::series(&lease, asset, "close")?;
    let slice = array.sliced(1, 2);
    drop((array, lease));
    barrow_store::BundlePool::global().clear();
    let values = primitive::<f64>(slice.as_ref()).values();
    let copies: Vec<Box<dyn Array>> = (0..8).map(|_| slice.clone()).collect();
    std::thread::spawn(move || {
        for copy in copies {
            assert_eq!(primitive::<f64>(copy.as_ref()).values().as_slice(), &close(1, 3)[1..]);
        }
    })
    .join()
    .expect("no thread panics");
    assert_eq!(values.as_slice(), &close(1, 3)[1..]);
    Ok(())
}

#[test]
fn the_schema_says_what_the_arrays_are() -> Result<(), AnyError> {
    let root = tempfile::tempdir()?;
    let lease = publish(root.path())?;
    let schema = barrow_arrow2::schema(&lease);
    let asset = lease.asset("AAA")?;
    let chunk = barrow_arrow2::asset_chunk(&lease, asset)?;
    for (field, array) in schema.fields.iter().zip(chunk.arrays()) {
        assert_eq!(field.data_type(), array.data_type(), "column `{}`", field.name);
        assert_eq!(array.null_count(), 0);
    }
    let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    assert_eq!(schema.fields[0].data_type(), &utc);
    assert_eq!(schema.fields[2].metadata.get("barrow.scale"), Some(&"2".to_owned()));
    Ok(())
}

#[test]
fn an_unknown_column_is_an_error() -> Result<(), AnyError> {
    let root = tempfile::tempdir()?;
    let lease = publish(root.path())?;
    let asset = lease.asset("AAA")?;
    let store = |e: &barrow_arrow2::Error| matches!(e, barrow_arrow2::Error::Store(_));
    assert!(barrow_arrow2::series(&lease, asset, "vwap").as_ref().is_err_and(store));
    assert!(barrow_arrow2::column(&lease, "vwap").as_ref().is_err_and(store));
    Ok(())
}
