//! What an attacker would try with a file, one test each: every digest is right, and what stands in the
//! file is impossible. Each is refused with a typed error before anything is believed, which
//! shows in that these tests end at once and within ordinary memory.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use barrow_format::{
    AlignedBytes, AssetSpec, BlockError, Bundle, BundleSpec, BundleWriter, Compression, Error,
    MemorySink, PhysicalType, Provenance, Schema, SchemaError, SectionKind, Values, decode_block,
};

mod sealed;
use sealed::seal;

/// Two assets of three daily bars each.
fn bundle(compression: Compression) -> Vec<u8> {
    let spec = BundleSpec {
        schema: Schema::daily(&[]).unwrap(),
        assets: vec![AssetSpec::new("A", 3), AssetSpec::new("B", 3)],
        adjustments: Vec::new(),
        provenance: Provenance { tool: "test".into(), sources: Vec::new() },
    };
    let sink = MemorySink::new();
    let writer = BundleWriter::compressed(spec, &sink, &[compression; 6]).unwrap();
    for asset in 0..2 {
        writer.put(asset, 0, Values::I64(&[1, 2, 3])).unwrap();
        for column in 1..6 {
            writer.put(asset, column, Values::F64(&[1.0, 2.0, 3.0])).unwrap();
        }
    }
    writer.finish().unwrap();
    sink.into_bytes()
}

/// Sets a number in the first page.
fn set(bytes: &mut [u8], at: usize, value: u64, width: usize) {
    bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// Where the entry of a kind of section stands in the directory, and its offset and length.
fn entry(bytes: &[u8], kind: SectionKind) -> (usize, usize, usize) {
    let bundle = Bundle::open(AlignedBytes::copy_of(bytes)).unwrap();
    let index = bundle.sections().iter().position(|section| section.kind == kind).unwrap();
    let section = bundle.sections()[index];
    let narrow = |value: u64| usize::try_from(value).unwrap();
    (index, narrow(section.offset), narrow(section.len))
}

fn refused(bytes: &[u8]) -> Error {
    Bundle::open(AlignedBytes::copy_of(bytes)).map(|_| ()).unwrap_err()
}

#[test]
fn sections_that_overlap() {
    let good = bundle(Compression::None);
    let (strings, offset, _) = entry(&good, SectionKind::Strings);
    let (assets, ..) = entry(&good, SectionKind::Assets);
    assert_eq!(assets, strings + 1);
    let mut bytes = good.clone();
    set(&mut bytes, 128 + 64 * assets + 8, offset as u64, 8);
    seal(&mut bytes, None);
    assert!(matches!(refused(&bytes), Error::SectionGeometry { kind: SectionKind::Assets, .. }));
    // A section over the directory itself: a circle.
    let mut bytes = good;
    set(&mut bytes, 128 + 64 * assets + 8, 0, 8);
    seal(&mut bytes, None);
    assert!(matches!(refused(&bytes), Error::SectionGeometry { offset: 0, .. }));
}

#[test]
fn counts_near_the_largest_number() {
    let good = bundle(Compression::None);
    // Field of the first page, its place and width.
    let fields = [(12, 4), (16, 8), (24, 8), (32, 4), (36, 4), (72, 8)];
    for (at, width) in fields {
        for value in [u64::MAX, u64::MAX - 7, 1 << 63, (1 << 61) + 1, 1 << 31] {
            let mut bytes = good.clone();
            set(&mut bytes, at, value, width);
            if bytes != good {
                seal(&mut bytes, None);
                refused(&bytes);
            }
        }
    }
    for index in 0..11 {
        for (field, width) in [(0, 4), (4, 4), (8, 8), (16, 8)] {
            for value in [u64::MAX, u64::MAX - 4095, 1 << 63, (1 << 61) + 4096] {
                let mut bytes = good.clone();
                set(&mut bytes, 128 + 64 * index + field, value, width);
                if bytes != good {
                    seal(&mut bytes, None);
                    refused(&bytes);
                }
            }
        }
    }
    // An asset of nearly all the rows that there can be.
    let (assets, offset, _) = entry(&good, SectionKind::Assets);
    for field in [0, 8, 24, 32, 56, 64] {
        let mut bytes = good.clone();
        set(&mut bytes, offset + field, u64::MAX - 3, 8);
        seal(&mut bytes, Some(assets));
        let opened = Bundle::open(AlignedBytes::copy_of(&bytes)).unwrap();
        assert!(opened.asset_at(0).and_then(|asset| opened.symbol(asset).map(|_| ())).is_err());
        assert!(!opened.verify().ok());
    }
}

#[test]
fn alignment_off() {
    let good = bundle(Compression::None);
    for index in 0..11 {
        for shift in [1, 4, 8, 512] {
            let mut bytes = good.clone();
            let at = 128 + 64 * index + 8;
            let offset = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            set(&mut bytes, at, offset + shift, 8);
            seal(&mut bytes, None);
            assert!(matches!(refused(&bytes), Error::SectionGeometry { .. }), "section {index}");
        }
    }
    // The same bytes at an address at which they cannot be used in place.
    let mut shifted = AlignedBytes::zeroed(good.len() + 4);
    shifted.as_mut()[4..].copy_from_slice(&good);
    let opened = Bundle::open(&shifted.as_ref()[4..]);
    assert!(matches!(opened.map(|_| ()), Err(Error::Alignment { .. })));
}

#[test]
fn sections_that_come_twice() {
    let good = bundle(Compression::None);
    for index in 1..11 {
        let mut bytes = good.clone();
        let (before, own) = (128 + 64 * (index - 1), 128 + 64 * index);
        // The kind of the section before; then the whole entry of it.
        bytes.copy_within(before..before + 4, own);
        seal(&mut bytes, None);
        refused(&bytes);
        let mut bytes = good.clone();
        bytes.copy_within(before..before + 64, own);
        seal(&mut bytes, None);
        refused(&bytes);
    }
}

#[test]
fn hostile_bincode() {
    let good = bundle(Compression::None);
    let (schema, offset, len) = entry(&good, SectionKind::Schema);
    for at in (offset..offset + len).step_by(4) {
        for value in [u64::MAX, 1 << 60, 1 << 32, 0xffff_ffff] {
            let mut bytes = good.clone();
            let width = 8.min(offset + len - at);
            set(&mut bytes, at, value, width);
            if bytes == good {
                continue;
            }
            seal(&mut bytes, Some(schema));
            // Words that are letters of a name may become others; lengths and tags may not.
            if let Ok(opened) = Bundle::open(AlignedBytes::copy_of(&bytes)) {
                assert!(!opened.verify().ok(), "byte {}", at - offset);
            }
        }
    }
    let count = |value: u64| {
        let mut bytes = good.clone();
        set(&mut bytes, offset, value, 8);
        seal(&mut bytes, Some(schema));
        refused(&bytes)
    };
    for value in [u64::MAX, 1 << 40, 7, 0] {
        let error = count(value);
        let found = matches!(error, Error::Schema(SchemaError::Codec(_) | SchemaError::NoTime));
        assert!(found, "{value} columns: {error:?}");
    }
    let (provenance, offset, _) = entry(&good, SectionKind::Provenance);
    // Length of the tool's name, then the count of sources behind it.
    for at in [offset, offset + 8 + 4] {
        let mut bytes = good.clone();
        set(&mut bytes, at, u64::MAX / 2, 8);
        seal(&mut bytes, Some(provenance));
        let opened = Bundle::open(AlignedBytes::copy_of(&bytes)).unwrap();
        assert!(opened.provenance().is_err());
    }
}

#[test]
fn decompression_bombs() {
    // 256 MiB of zeros in some ten thousand bytes, where a block holds 32 KiB at most.
    let bomb = zstd::bulk::compress(&vec![0; 256 << 20], 3).unwrap();
    assert!(bomb.len() < 64 << 10);
    for codec in [2, 3] {
        let mut block = vec![codec];
        block.extend_from_slice(&bomb);
        let mut out = vec![0; 4096 * 8];
        let outcome = decode_block(&block, PhysicalType::F64, 4096, &mut out);
        assert!(matches!(outcome, Err(BlockError::Frame { .. })), "{outcome:?}");
    }
    // A zone record that claims more rows or bytes than there are.
    let good = bundle(Compression::Zstd);
    let (zones, offset, len) = entry(&good, SectionKind::Zones);
    assert!(len >= 64, "compressed columns have zones");
    for field in [24, 32, 40] {
        for value in [u64::MAX, 1 << 40, 4097, 0] {
            let mut bytes = good.clone();
            set(&mut bytes, offset + field, value, 8);
            seal(&mut bytes, Some(zones));
            let Ok(opened) = Bundle::open(AlignedBytes::copy_of(&bytes)) else { continue };
            let mut out = AlignedBytes::zeroed(24);
            let read =
                opened.asset_at(0).and_then(|asset| opened.read_rows(0, asset, 0..3, out.as_mut()));
            assert!(read.is_err(), "field {field}, value {value}");
            assert!(!opened.verify().ok());
        }
    }
}

#[test]
fn symbols_are_text_and_never_paths() {
    let symbols = ["../../etc/passwd", "/abs", "C:\\x", "a\0b", "..", ". "];
    let mut sorted = symbols.to_vec();
    sorted.sort_unstable();
    let spec = BundleSpec {
        schema: Schema::daily(&[]).unwrap(),
        assets: sorted.iter().map(|symbol| AssetSpec::new(*symbol, 0)).collect(),
        adjustments: Vec::new(),
        provenance: Provenance::default(),
    };
    let sink = MemorySink::new();
    let writer = BundleWriter::new(spec, &sink).unwrap();
    for asset in 0..symbols.len() {
        writer.put(asset, 0, Values::I64(&[])).unwrap();
        for column in 1..6 {
            writer.put(asset, column, Values::F64(&[])).unwrap();
        }
    }
    writer.finish().unwrap();
    let opened = Bundle::open(AlignedBytes::copy_of(&sink.into_bytes())).unwrap();
    for symbol in symbols {
        let asset = opened.asset(symbol).unwrap().unwrap();
        assert_eq!(opened.symbol(asset).unwrap(), symbol);
    }
}
