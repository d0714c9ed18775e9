//! The bodies of the fuzz targets. Each takes any bytes and panics exactly when a promise is broken.
//!
//! `fuzz/corpus/TARGET/` has saved inputs; `cargo test` replays them on the pinned toolchain.
//! `fuzz/README.md` tells how to fuzz on it without any other tool, and what was found.

mod block;
mod content;
#[cfg(feature = "whole")]
mod csv;
#[cfg(feature = "store")]
mod operations;
#[cfg(feature = "store")]
mod query;
mod sealed;
#[cfg(feature = "store")]
mod segmented;

use barrow_format::{AlignedBytes, Bundle, Compression};

pub use crate::block::decode_block;
pub use crate::content::roundtrip;
#[cfg(feature = "whole")]
pub use crate::csv::ingest_csv;
#[cfg(feature = "store")]
pub use crate::operations::{hostile_catalog, pool_ops};
#[cfg(feature = "store")]
pub use crate::query::query_plan;
pub use crate::sealed::sealed_bundle;
#[cfg(feature = "store")]
pub use crate::segmented::segmented_bundle;

/// Any bytes: opening, reading and verifying never panic.
pub fn open_bundle(input: &[u8]) {
    if let Ok(bundle) = Bundle::open(AlignedBytes::copy_of(input)) {
        read_everything(&bundle);
        let _ = bundle.verify();
        read_everything(&bundle.checking_pages());
    }
}

/// A bundle with changes: the input is a list of (offset u16 times 7, value), applied to a whole bundle, once
/// raw and once compressed. Whatever differs from the original is noticed by opening or by verification, and what is read
/// of pages that were checked is what was written.
pub fn mutate_bundle(input: &[u8]) {
    mutate(input, &content::small_bundle(Compression::None));
    mutate(input, &content::small_bundle(Compression::Auto));
}

fn mutate(input: &[u8], whole: &AlignedBytes) {
    let mut damaged = AlignedBytes::copy_of(whole.as_ref());
    let len = whole.as_ref().len();
    for change in input.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) * 7 % len;
        damaged.as_mut()[at] = change[2];
    }
    let same = damaged.as_ref() == whole.as_ref();
    let noticed = match Bundle::open(damaged) {
        Err(_) => true,
        Ok(bundle) => {
            read_everything(&bundle);
            let noticed = !bundle.verify().ok();
            let original = Bundle::open(whole.clone()).expect("it was just written");
            assert_same(&bundle.checking_pages(), &original);
            noticed
        }
    };
    assert_eq!(noticed, !same, "a changed byte is noticed, an unchanged bundle is whole");
}

/// Asserts that whatever a bundle that checks its pages hands out is what the original has.
fn assert_same(bundle: &Bundle<AlignedBytes>, original: &Bundle<AlignedBytes>) {
    if let Ok(calendar) = bundle.calendar() {
        assert_eq!(calendar, original.calendar().expect("a calendar"));
    }
    for ordinal in 0..original.asset_count() {
        let there = original.asset_at(ordinal).expect("an asset");
        let Ok(asset) = bundle.asset_at(ordinal) else { continue };
        assert_eq!(asset.row_range(), there.row_range());
        if let Ok(symbol) = bundle.symbol(asset) {
            assert_eq!(symbol, original.symbol(there).expect("a symbol"));
        }
        for index in 0..original.schema().columns().len() {
            if bundle.check_rows(index, asset.row_range()).is_err() && bundle.column(index).is_ok()
            {
                continue;
            }
            if let Ok(series) = bundle.read_series(index, asset) {
                let expected = original.read_series(index, there).expect("a series");
                assert!(series.values().as_bytes() == expected.values().as_bytes());
            }
        }
    }
}

/// Uses everything that a reader offers.
fn read_everything(bundle: &Bundle<AlignedBytes>) {
    let columns = bundle.schema().columns().len();
    let _ = bundle.calendar();
    let _ = bundle.adjustments();
    let _ = bundle.provenance();
    let _ = bundle.parts();
    for index in 0..columns {
        let _ = bundle.check_rows(index, 0..bundle.local_rows());
        let _ = bundle.column(index);
        let _ = bundle.column_stats(index);
        let _ = bundle.local_values(index, 0..bundle.local_rows().min(8192));
    }
    for ordinal in 0..bundle.asset_count().min(64) {
        let Ok(asset) = bundle.asset_at(ordinal) else { continue };
        let _ = bundle.symbol(asset).map(|symbol| bundle.asset(symbol));
        let _ = bundle.metadata(asset);
        let _ = bundle.segments(asset);
        for index in 0..columns {
            let _ = bundle.series(index, asset);
            let _ = bundle.read_series(index, asset);
            let _ = bundle.series_stats(index, asset);
            let _ = bundle.series_zones(index, asset).map(Iterator::count);
            // A buffer of a block or two, whatever number of rows the file claims.
            let rows = asset.rows().min(8192);
            let mut out = AlignedBytes::zeroed(8 * 8192);
            let width = bundle.schema().columns()[index].physical.width();
            let _ = bundle.read_rows(index, asset, 0..rows, &mut out.as_mut()[..rows * width]);
        }
    }
}
