//! Promise: damage never goes unnoticed and never panics. Every changed byte of a bundle is caught by
//! opening or by verification, and every truncation is an error.
//!
//! Method: a small bundle with every section filled; each of its bytes is changed in turn, in several
//! ways; each length below its own is tried. What still opens is also read through every access path,
//! which may refuse but not panic.

use barrow_format::{AlignedBytes, Bundle, SectionKind};
use barrow_tests::content::{Content, Shape};
use proptest::prelude::*;

/// Uses everything that a reader offers; answers may be errors, never panics.
fn read_everything(bundle: &Bundle<AlignedBytes>) {
    let columns = bundle.schema().columns().len();
    let _ = bundle.calendar();
    let _ = bundle.adjustments();
    let _ = bundle.provenance();
    for index in 0..columns {
        let _ = bundle.column(index);
        let _ = bundle.column_stats(index);
    }
    for ordinal in 0..bundle.asset_count().min(64) {
        let Ok(asset) = bundle.asset_at(ordinal) else { continue };
        let _ = bundle.symbol(asset);
        let _ = bundle.metadata(asset);
        for index in 0..columns {
            let _ = bundle.series(index, asset);
            let _ = bundle.series_stats(index, asset);
            let _ = bundle.series_digest(index, asset);
            let _ = bundle.series_zones(index, asset).map(Iterator::count);
        }
    }
    for symbol in ["AAPL", "IBM", "NEW", "", "nobody"] {
        let _ = bundle.asset(symbol);
    }
}

/// Whether opening or verification noticed that these bytes are not what was written.
fn noticed(bytes: AlignedBytes) -> bool {
    match Bundle::open(bytes) {
        Err(_) => true,
        Ok(bundle) => {
            read_everything(&bundle);
            !bundle.verify().ok()
        }
    }
}

#[test]
fn the_bundle_under_test_is_whole_and_uses_every_section() {
    let (bytes, _) = Content::small().write().expect("content can be written");
    let bundle = Bundle::open(bytes).expect("it opens");
    assert!(bundle.verify().ok());
    let empty: Vec<_> = bundle.sections().iter().filter(|s| s.len == 0).map(|s| s.kind).collect();
    assert_eq!(empty, [SectionKind::Zones], "only long series have zones");
}

#[test]
fn every_changed_byte_is_caught() {
    let (bytes, _) = Content::small().write().expect("content can be written");
    let whole = bytes.as_ref();
    let mut missed = Vec::new();
    for at in 0..whole.len() {
        // One bit in every byte, another pattern by place; all bits of page 0 are tried below.
        let flip = 1 << (at % 8);
        let mut damaged = AlignedBytes::copy_of(whole);
        damaged.as_mut()[at] ^= flip;
        if !noticed(damaged) {
            missed.push((at, flip));
        }
    }
    assert!(missed.is_empty(), "changed bytes that nobody noticed: {missed:?}");
}

#[test]
fn every_changed_bit_of_the_first_page_is_caught_by_opening() {
    let (bytes, _) = Content::small().write().expect("content can be written");
    for bit in 0..8 * 4096 {
        let mut damaged = bytes.clone();
        damaged.as_mut()[bit / 8] ^= 1 << (bit % 8);
        assert!(Bundle::open(damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let (bytes, _) = Content::small().write().expect("content can be written");
    let whole = bytes.as_ref();
    for len in 0..whole.len() {
        // Only page boundaries and their neighbours, and the whole first page byte by byte.
        if len > 4097 && !(len % 4096 <= 1 || len % 4096 == 4095) {
            continue;
        }
        let cut = AlignedBytes::copy_of(&whole[..len]);
        assert!(Bundle::open(cut).is_err(), "the first {len} bytes opened");
    }
    let mut longer = whole.to_vec();
    longer.extend([0; 4096]);
    assert!(Bundle::open(AlignedBytes::copy_of(&longer)).is_err(), "bytes behind the end");
}

#[test]
fn misaligned_bytes_are_an_error_and_not_undefined() {
    let (bytes, _) = Content::small().write().expect("content can be written");
    let mut shifted = AlignedBytes::zeroed(bytes.as_ref().len() + 1);
    shifted.as_mut()[1..].copy_from_slice(bytes.as_ref());
    if let Ok(bundle) = Bundle::open(&shifted.as_ref()[1..]) {
        assert!(bundle.column(1).is_err(), "an f64 cannot lie at an odd address");
    }
}

#[test]
fn verification_names_what_is_bad() {
    let (bytes, _) = Content::small().write().expect("content can be written");
    let bundle = Bundle::open(bytes.clone()).expect("it opens");
    let ibm = bundle.asset("IBM").expect("a look-up").expect("IBM is there");
    let close = bundle.schema().column_index("close").expect("a close");
    let whole = bytes.as_ref();
    let address = bundle.series(close, ibm).expect("a series").as_bytes().as_ptr();
    let at = address.addr() - bundle.as_bytes().as_ptr().addr();
    let mut damaged = AlignedBytes::copy_of(whole);
    damaged.as_mut()[at + 6] ^= 4;
    let found = Bundle::open(damaged).expect("data is not read by opening").verify();
    let [defect] = found.bad.as_slice() else { panic!("one defect, found {:?}", found.bad) };
    assert_eq!(defect.section, SectionKind::Data);
    assert_eq!(defect.column.as_deref(), Some("close"));
    assert_eq!(defect.symbol.as_deref(), Some("IBM"));
    assert_eq!(defect.offset, at as u64);
}

#[test]
fn one_changed_byte_is_named_once() {
    let (bytes, _) = Content::small().write().expect("content can be written");
    let whole = bytes.as_ref();
    let mut opened = 0;
    for at in 0..whole.len() {
        let mut damaged = AlignedBytes::copy_of(whole);
        damaged.as_mut()[at] ^= 16;
        let Ok(bundle) = Bundle::open(damaged) else { continue };
        let found = bundle.verify().bad;
        opened += 1;
        // A digest of a series that was changed itself speaks of the series, too.
        let (first, others) = found.split_first().expect("a changed byte is found");
        let expected = usize::from(first.section == SectionKind::Series);
        assert!(others.len() <= expected, "byte {at}: {first} and {others:?}");
    }
    assert!(opened > whole.len() / 2, "most damage is found by looking, not by opening");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..Default::default() })]

    /// Random damage of random bundles: several bytes, a copied stretch, or a cut end.
    #[test]
    fn random_damage_is_caught(
        seed: u64,
        assets in 1..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let shape = Shape { assets, rows_max: 20, columns: 4, adjustments: 3 };
        let (bytes, _) = Content::random(seed, shape).write().expect("content can be written");
        let mut damaged = bytes.as_ref().to_vec();
        for (place, value) in &changes {
            let at = place.index(damaged.len());
            damaged[at] = *value;
        }
        if let Some(place) = cut {
            let len = place.index(damaged.len());
            damaged.truncate(len);
        }
        prop_assume!(damaged != bytes.as_ref());
        prop_assert!(noticed(AlignedBytes::copy_of(&damaged)));
    }

    /// Bytes that never were a bundle, with and without its first bytes.
    #[test]
    fn foreign_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..9_000), magic: bool) {
        if magic && bytes.len() >= 12 {
            bytes[..12].copy_from_slice(b"\x89BRW\r\n\x1a\n\x01\0\0\0");
        }
        prop_assert!(Bundle::open(AlignedBytes::copy_of(&bytes)).is_err());
    }
}
