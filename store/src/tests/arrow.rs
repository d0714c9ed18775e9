//! Arrow batches: nothing is copied, and a batch outlives everything it was made from.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal64Type, Float32Type, Float64Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::bars::lease;
use crate::catalog::Catalog;
use crate::pool::BundlePool;
use crate::reading::lease::Lease;
use crate::testing::{self, DAY, Listing, publish};

fn two() -> [Listing; 3] {
    [Listing::new("A", 0..5), Listing::new("B", []), Listing::new("C", [1, 3, 4])]
}

fn assert_in_map(lease: &Lease, batch: &RecordBatch) {
    let map = lease.bundle().as_bytes().as_ptr_range();
    for (array, column) in batch.columns().iter().zip(lease.schema().columns()) {
        for buffer in array.to_data().buffers() {
            let slice = buffer.as_slice().as_ptr_range();
            assert!(map.start <= slice.start && slice.end <= map.end, "{}", column.name);
        }
        assert!(array.nulls().is_none());
    }
}

#[test]
fn a_batch_of_the_bundle_is_the_map() {
    let lease = lease(&two());
    let batch = lease.record_batch().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (8, 8));
    assert_in_map(&lease, &batch);
    let close = batch.column_by_name("close").unwrap().as_primitive::<Float64Type>();
    let whole = lease.f64("close").unwrap();
    assert_eq!(close.values().as_ptr(), whole.as_ptr());
    assert_eq!(close.values(), whole);
    let time = batch.column(0).as_primitive::<TimestampNanosecondType>();
    assert_eq!(time.timezone(), Some("UTC"));
    assert_eq!(time.values()[..5], [0, DAY, 2 * DAY, 3 * DAY, 4 * DAY]);
    let fee = batch.column_by_name("fee").unwrap();
    assert_eq!(fee.data_type(), &DataType::Decimal64(18, 2));
    assert_eq!(fee.as_primitive::<Decimal64Type>().value(6), 3);
    assert_eq!(batch.column_by_name("vwap").unwrap().as_primitive::<Float32Type>().value(1), 1.0);
}

#[test]
fn a_batch_of_an_asset_is_its_stretch_of_the_map() {
    let lease = lease(&two());
    for asset in lease.assets() {
        let asset = asset.unwrap();
        let batch = lease.asset_batch(asset).unwrap();
        assert_eq!(batch.num_rows(), asset.rows());
        if asset.rows() > 0 {
            assert_in_map(&lease, &batch);
            let close = batch.column_by_name("close").unwrap().as_primitive::<Float64Type>();
            assert_eq!(close.values().as_ptr(), lease.bars(asset).close().as_ptr());
        }
        let close = batch.column_by_name("close").unwrap().as_primitive::<Float64Type>();
        assert_eq!(close.values(), lease.bars(asset).close());
    }
}

#[test]
fn a_batch_outlives_lease_pool_and_file() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish(&catalog, "b", &two(), 1);
    let pool = BundlePool::new(1);
    let lease = pool.lease(&catalog, "b").unwrap();
    let expected = lease.f64("close").unwrap().to_vec();
    let snapshot = Arc::downgrade(lease.snapshot());
    let batch = lease.record_batch().unwrap();
    let column = batch.column_by_name("close").unwrap().slice(1, 3);
    drop((lease, pool));
    drop(dir);
    assert!(!catalog.root().exists());
    let close = batch.column_by_name("close").unwrap().as_primitive::<Float64Type>();
    assert_eq!(close.values(), expected.as_slice());
    drop(batch);
    assert!(snapshot.upgrade().is_some(), "one array is left");
    assert_eq!(column.as_primitive::<Float64Type>().values(), &expected[1..4]);
    drop(column);
    assert!(snapshot.upgrade().is_none(), "the last array unmaps");
}

#[test]
fn the_symbols_are_one_run_an_asset() {
    let lease = lease(&two());
    let batch = lease.record_batch_with_symbols().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (8, 9));
    let symbols = batch.column(0).as_run::<Int64Type>();
    assert_eq!(symbols.run_ends().values(), [5, 8]);
    let names: Vec<_> = symbols.values().as_string::<i32>().iter().flatten().collect();
    assert_eq!(names, ["A", "C"], "an asset without bars has no run");
    let close = batch.column_by_name("close").unwrap().as_primitive::<Float64Type>();
    assert_eq!(close.values().as_ptr(), lease.f64("close").unwrap().as_ptr());
}

#[test]
fn the_schema_says_where_the_batch_comes_from() {
    let lease = lease(&two());
    let schema = lease.arrow_schema();
    assert_eq!(schema, lease.record_batch().unwrap().schema());
    let metadata = schema.metadata();
    assert_eq!(metadata["barrow.bundle"], "b");
    assert_eq!(metadata["barrow.version"], lease.version().to_string());
    assert_eq!(metadata["barrow.frequency"], "daily");
    assert_eq!(metadata["barrow.time_zone"], "UTC");
    assert_eq!(metadata["barrow.stamp"], "session");
    assert!(schema.fields().iter().all(|field| !field.is_nullable()));
}
