//! Promise: opening costs the same for 50 assets as for 5,000: nothing is decoded, built or allocated
//! per asset.
//!
//! Method: a counting allocator. The number of allocations and their bytes are compared between bundles
//! that differ in assets alone, for opening, for looking up an asset, and for reading its values.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use barrow_format::{AlignedBytes, Bundle, Schema};
use barrow_tests::content::{AssetContent, Content, DAY_NS, Series};

/// Counts what each thread allocates, so that tests that run at the same time do not disturb.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one only counts")]
// SAFETY: every call is handed to the system's allocator unchanged; counting touches thread-local
// cells without destructors, which allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size()));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` through `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work` and returns its allocations and their bytes.
fn allocations<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = (COUNT.get(), BYTES.get());
    let value = work();
    (value, COUNT.get() - before.0, BYTES.get() - before.1)
}

fn bundle_of(assets: usize) -> AlignedBytes {
    let asset = |i: usize| {
        let column = Series::F64(vec![1.0, 2.0, 3.0]);
        let time = Series::I64(vec![DAY_NS, 2 * DAY_NS, 3 * DAY_NS]);
        let mut series = vec![time];
        series.extend(std::iter::repeat_n(column, 5));
        AssetContent { symbol: format!("A{i:05}"), metadata: String::new(), series }
    };
    let content = Content {
        schema: Schema::daily(&[]).expect("a possible schema"),
        assets: (0..assets).map(asset).collect(),
        adjustments: Vec::new(),
        provenance: barrow_format::Provenance::default(),
    };
    content.write().expect("content can be written").0
}

#[test]
fn the_counter_counts() {
    let (_, count, bytes) = allocations(|| vec![0_u8; 1000]);
    assert_eq!((count, bytes), (1, 1000));
}

#[test]
fn opening_allocates_nothing_per_asset() {
    let (small, large) = (bundle_of(50), bundle_of(5_000));
    let (small, small_count, small_bytes) = allocations(|| Bundle::open(small).expect("it opens"));
    let (large, large_count, large_bytes) = allocations(|| Bundle::open(large).expect("it opens"));
    assert_eq!((small_count, small_bytes), (large_count, large_bytes));
    assert!(large_bytes < 16 * 1024, "{large_bytes} bytes to open a bundle of six columns");
    assert_eq!((small.asset_count(), large.asset_count()), (50, 5_000));
}

#[test]
fn reaching_a_value_allocates_nothing() {
    let bundle = Bundle::open(bundle_of(5_000)).expect("it opens");
    let (value, count, _) = allocations(|| {
        let asset = bundle.asset("A04321").expect("a look-up").expect("it is there");
        bundle.series(4, asset).expect("the closes").as_f64().expect("f64")[2]
    });
    assert_eq!((value, count), (3.0, 0));
}
