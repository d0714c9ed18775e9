//! Promise: compressed bundles stay what they are: the writer writes those of the newest revision byte for byte, anybody
//! can read those of every revision by docs/format.md alone, and no damage of theirs goes unnoticed.
//!
//! Method: the golden files of `tests/golden/v1.1` and `v1.2` have builders, immutable like the files. A second
//! decoder, written after the page and with nothing of the library's, reads every block of them. Each bit
//! of the smaller file is changed in turn, and each length below its own is tried.

use barrow_format::{
    AlignedBytes, Bundle, Column, Compression, Digest, Encoding, Frequency, LogicalType,
    PhysicalType, Provenance, Schema, Stamp,
};
use barrow_tests::content::{AssetContent, Content, Series};

use crate::golden::{NEWEST, assert_written, golden};

/// The folders of the revisions that had these files, the newest last, and the digests in each.
const REVISIONS: [(&str, &str); 2] = [
    ("v1.1", include_str!("../golden/v1.1/SHA256SUMS")),
    (NEWEST, include_str!("../golden/v1.2/SHA256SUMS")),
];

/// The `step`-th number of a sequence that looks random, below `below`.
fn noise(step: i32, below: u32) -> i32 {
    let word = u32::from_le_bytes(step.to_le_bytes()).wrapping_mul(0x9e37_79b1);
    let word = (word ^ word >> 15).wrapping_mul(0x85eb_ca77);
    i32::try_from((word ^ word >> 13) % below).expect("below 2^31")
}

const COLUMNS: [(&str, PhysicalType, Compression); 10] = [
    ("time", PhysicalType::I64, Compression::Auto),
    ("close", PhysicalType::F64, Compression::Auto),
    ("volume", PhysicalType::F64, Compression::Auto),
    ("fraction", PhysicalType::F64, Compression::Auto),
    ("plain", PhysicalType::U32, Compression::None),
    ("noise", PhysicalType::U8, Compression::Auto),
    ("pattern", PhysicalType::I32, Compression::Zstd),
    ("planes", PhysicalType::F32, Compression::Zstd),
    ("flag", PhysicalType::U8, Compression::Auto),
    ("ratio", PhysicalType::F32, Compression::Auto),
];

fn schema() -> Schema {
    let column = |(name, physical, _)| {
        let logical = if name == "time" { LogicalType::Timestamp } else { LogicalType::Plain };
        Column::new(name, physical, logical)
    };
    let columns = COLUMNS.into_iter().map(column).collect();
    let frequency = Frequency::Intraday { step_ns: 60_000_000_000 };
    Schema::new(columns, frequency, "UTC", Stamp::BarEnd, "").expect("a possible schema")
}

/// Series of `rows` rows: sessions of 390 minutes, a walk in cents with missing values and one wild price,
/// whole volumes, fractions that no decimal is, noise, patterns, constants.
fn asset(symbol: &str, rows: i32) -> AssetContent {
    let time = |i: i32| (i64::from(i / 390) * 1440 + i64::from(i % 390) + 871) * 60_000_000_000;
    let mut cents = 12_345;
    let mut close: Vec<f64> = (0..rows)
        .map(|i| {
            cents += noise(i, 41) - 20;
            f64::from(cents) / 100.0
        })
        .collect();
    for (place, value) in [
        (1, f64::from_bits(0x7ff8_0000_0000_beef)),
        (2, f64::from_bits(0x7ff8_0000_0000_beef)),
        (3, -0.0),
        (77, f64::INFINITY),
        (4100, 1.0 / 3.0),
        (4101, 1e15),
    ] {
        if let Some(slot) = close.get_mut(place) {
            *slot = value;
        }
    }
    let mut sum = 7_000_000;
    let fractions = (0..rows)
        .map(|i| {
            sum += noise(i, 2_001) - 1_000;
            f64::from(sum) / f64::from(noise(i + 3, 1_000) + 7_919)
        })
        .collect();
    let list = |of: &dyn Fn(i32) -> f64| Series::F64((0..rows).map(of).collect());
    let byte = |value: i32| u8::try_from(value).expect("a byte");
    let cents = |i: i32| f64::from(noise(i, 2000)) / 100.0;
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is meant")]
    let narrow = |value: f64| value as f32;
    let series = vec![
        Series::I64((0..rows).map(time).collect()),
        Series::F64(close),
        list(&|i| f64::from(noise(i, 1000)) * f64::from(noise(i + 7, 1000))),
        Series::F64(fractions),
        Series::U32((0..rows).map(|i| u32::try_from(i).expect("not negative")).collect()),
        Series::U8((0..rows).map(|i| byte(noise(i, 256))).collect()),
        Series::I32((0..rows).map(|i| noise(i % 5, 1_000_000) - 500_000).collect()),
        Series::F32((0..rows).map(|i| narrow(f64::from(noise(i, 90)) / 8.0)).collect()),
        Series::U8(vec![7; usize::try_from(rows).expect("not negative")]),
        Series::F32((0..rows).map(|i| narrow(cents(i))).collect()),
    ];
    AssetContent { symbol: symbol.to_owned(), metadata: String::new(), series }
}

fn content(assets: Vec<AssetContent>) -> Content {
    let provenance = Provenance { tool: "golden 1.1".to_owned(), sources: Vec::new() };
    Content { schema: schema(), assets, adjustments: Vec::new(), provenance }
}

/// Long series, exactly a block, one row, and none.
fn build_blocks() -> Content {
    content(vec![asset("EMPTY", 0), asset("EXACT", 4_096), asset("LONG", 9_000), asset("ONE", 1)])
}

/// As small as it can be with every column and some codecs.
fn build_small_blocks() -> Content {
    content(vec![asset("A", 90), asset("B", 3)])
}

/// Name of the file, and what builds its content.
type Golden = (&'static str, fn() -> Content);

const GOLDEN: [Golden; 2] =
    [("blocks.barrow", build_blocks), ("small_blocks.barrow", build_small_blocks)];

fn compression() -> [Compression; 10] {
    COLUMNS.map(|(_, _, compression)| compression)
}

fn read(name: &str) -> AlignedBytes {
    AlignedBytes::copy_of(&golden(NEWEST, REVISIONS[1].1, name))
}

#[test]
fn the_writer_writes_the_golden_bytes() {
    for (name, build) in GOLDEN {
        let (bytes, _) = build().write_compressed(&compression()).expect("it can be written");
        assert_written(name, bytes.as_ref());
    }
}

#[test]
fn the_reader_reads_the_golden_values() {
    for (revision, sums) in REVISIONS {
        for (name, build) in GOLDEN {
            let content = build();
            let bytes = AlignedBytes::copy_of(&golden(revision, sums, name));
            let bundle = Bundle::open(bytes).expect("a golden file opens").checking_pages();
            let found = bundle.verify();
            assert!(found.ok(), "`{name}`: {found:?}");
            crate::roundtrip::assert_holds(&bundle, &content);
            let (_, raw) = content.write().expect("it can be written");
            assert_eq!(bundle.version(), raw.version, "the version is that of the content");
        }
    }
}

/// Whether opening or verification noticed that these bytes are not what was written.
fn noticed(bytes: AlignedBytes) -> bool {
    // Most changes are seen by the digests of the sections, which take less time than the rest.
    let bad = |bundle: Bundle<_>| !bundle.verify_sections().is_empty() || !bundle.verify().ok();
    Bundle::open(bytes).map_or(true, bad)
}

#[test]
fn every_changed_bit_is_caught() {
    let whole = read("small_blocks.barrow");
    let bundle = Bundle::open(whole.clone()).expect("a golden file opens");
    let mut ends: Vec<u64> = bundle.sections().iter().map(|s| s.offset + s.len).collect();
    ends.push(4096);
    let missed_from = &|first: usize, step: usize| {
        let mut damaged = whole.clone();
        let mut missed = Vec::new();
        for at in (first..whole.as_ref().len()).step_by(step) {
            // All bits of what is stored, one of each byte of the zeros between sections.
            let place = at as u64;
            let end = ends.iter().copied().filter(|end| *end <= place).max().unwrap_or(0);
            let zeros = end > 4096 && place < end.next_multiple_of(4096);
            for bit in (0..8).filter(|bit| !zeros || *bit == at % 8) {
                damaged.as_mut()[at] ^= 1 << bit;
                if !noticed(damaged.clone()) {
                    missed.push((at, bit));
                }
                damaged.as_mut()[at] ^= 1 << bit;
            }
        }
        missed
    };
    let missed = std::thread::scope(|scope| {
        let halves = [0, 1].map(|first| scope.spawn(move || missed_from(first, 2)));
        halves.map(|half| half.join().expect("no panic")).concat()
    });
    assert!(missed.is_empty(), "changed bits that nobody noticed: {missed:?}");
}

#[test]
fn a_changed_bit_of_a_block_is_refused_by_reading_it() {
    let whole = read("small_blocks.barrow");
    let bundle = Bundle::open(whole.clone()).expect("a golden file opens");
    let asset = bundle.asset("A").expect("a look-up").expect("A is there");
    let close = bundle.schema().column_index("close").expect("a close");
    let column = columns(whole.as_ref())[close];
    let first = usize::try_from(column.offset).expect("a small file");
    for bit in 0..8 * 20 {
        let mut damaged = whole.clone();
        damaged.as_mut()[first + bit / 8] ^= 1 << (bit % 8);
        let bundle = Bundle::open(damaged).expect("data is not read by opening");
        let error = bundle.read_series(close, asset).expect_err("a damaged block");
        let text = error.to_string();
        assert!(text.contains("`close`") && text.contains("`A`"), "{text}");
        let found = bundle.verify();
        let [defect] = found.bad.as_slice() else { panic!("one defect, found {:?}", found.bad) };
        assert_eq!((defect.column.as_deref(), defect.offset), (Some("close"), column.offset));
    }
}

#[test]
fn every_truncation_is_an_error() {
    let whole = read("small_blocks.barrow");
    for len in 0..whole.as_ref().len() {
        let cut = AlignedBytes::copy_of(&whole.as_ref()[..len]);
        assert!(Bundle::open(cut).is_err(), "the first {len} bytes opened");
    }
}

/// What the page says of a column record.
#[derive(Clone, Copy)]
struct ColumnPlace {
    offset: u64,
    encoding: u32,
    zone_start: u64,
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Where the section of a kind begins, by the directory.
fn section_at(bytes: &[u8], kind: usize) -> usize {
    usize::try_from(u64_at(bytes, 128 + 64 * (kind - 1) + 8)).expect("a small file")
}

fn columns(bytes: &[u8]) -> Vec<ColumnPlace> {
    let start = section_at(bytes, 2);
    let record = |index: usize| {
        let at = start + 64 * index;
        let encoding = u32::from_le_bytes(bytes[at + 16..at + 20].try_into().expect("four bytes"));
        let (offset, zone_start) = (u64_at(bytes, at), u64_at(bytes, at + 56));
        ColumnPlace { offset, encoding, zone_start }
    };
    (0..COLUMNS.len()).map(record).collect()
}

#[test]
fn blocks_are_what_the_page_says() {
    let mut seen = [0; 7];
    for (name, build) in GOLDEN {
        let bytes = read(name);
        let bytes = bytes.as_ref();
        assert_eq!(bytes[8..12], [1, 0, 2, 0], "major 1, minor 2");
        let zones = section_at(bytes, 9);
        for (index, place) in columns(bytes).into_iter().enumerate() {
            let (column, physical, compression) = COLUMNS[index];
            let raw = compression == Compression::None;
            assert_eq!(place.encoding, u32::from(!raw), "{column}");
            if raw {
                continue;
            }
            let mut zone = usize::try_from(place.zone_start).expect("a small file");
            let mut next = place.offset;
            for asset in build().assets {
                let series = asset.series[index].values();
                for start in (0..series.len()).step_by(4096) {
                    let values = series.slice(start..series.len().min(start + 4096));
                    let values = values.expect("in range");
                    let record = zones + 64 * zone;
                    let offset = u64_at(bytes, record + 32);
                    let len = u64_at(bytes, record + 40);
                    assert_eq!(offset, next, "blocks follow one another");
                    let first = usize::try_from(offset).expect("a small file");
                    let block = &bytes[first..first + usize::try_from(len).expect("small")];
                    let digest = Digest::of(block);
                    assert_eq!(bytes[record + 48..record + 64], digest.as_bytes()[..16]);
                    let found = naive::decode(block, physical, values.len());
                    assert!(found == values.as_bytes(), "{name} {column} {}", asset.symbol);
                    seen[usize::from(block[0])] += 1;
                    (zone, next) = (zone + 1, offset + len);
                }
            }
        }
    }
    assert!(seen.iter().all(|&count| count > 0), "every codec is in the golden files: {seen:?}");
    assert_eq!(Encoding::Blocks.name(), "blocks");
}

/// A decoder of blocks after docs/format.md, slow and plain. It trusts its input.
mod naive {
    use barrow_format::PhysicalType;

    struct Reader<'a>(&'a [u8]);

    impl<'a> Reader<'a> {
        fn take(&mut self, len: usize) -> &'a [u8] {
            let (taken, rest) = self.0.split_at(len);
            self.0 = rest;
            taken
        }

        fn byte(&mut self) -> usize {
            usize::from(self.take(1)[0])
        }

        fn varint(&mut self) -> u64 {
            let byte = self.take(1)[0];
            let low = u64::from(byte & 127);
            if byte < 128 { low } else { low | self.varint() << 7 }
        }

        fn count(&mut self) -> usize {
            usize::try_from(self.varint()).expect("small")
        }

        fn signed(&mut self) -> i64 {
            let value = self.varint();
            let half = (value / 2).cast_signed();
            if value.is_multiple_of(2) { half } else { -half - 1 }
        }
    }

    fn zstd(frame: &[u8], len: usize) -> Vec<u8> {
        let bytes = zstd::decode_all(frame).expect("a frame");
        assert_eq!(bytes.len(), len);
        bytes
    }

    fn bit(packed: &[u8], place: usize) -> u64 {
        u64::from(packed[place / 8] >> (place % 8) & 1)
    }

    fn integers(reader: &mut Reader<'_>, n: usize) -> Vec<i64> {
        let order = reader.byte();
        let heads: Vec<i64> = (0..order).map(|_| reader.signed()).collect();
        let (base, step, low_bits) = (reader.signed(), reader.varint(), reader.byte());
        let m = n - order;
        let mut place = 0;
        let exceptions: Vec<(usize, i64)> = (0..reader.count())
            .map(|_| {
                place += reader.count();
                (place, reader.signed())
            })
            .collect();
        let kind = reader.byte();
        let packed = reader.take((m * low_bits).div_ceil(8));
        let highs = match kind {
            0 => vec![0; m],
            1 => reader.take(m).to_vec(),
            _ => zstd(reader.take(reader.0.len()), m),
        };
        let mut values: Vec<i64> = (0..m)
            .map(|i| {
                let low = (0..low_bits).map(|j| bit(packed, i * low_bits + j) << j).sum::<u64>();
                let units = low + (u64::from(highs[i]) << low_bits);
                base.wrapping_add(units.wrapping_mul(step).cast_signed())
            })
            .collect();
        for (place, residual) in exceptions {
            values[place] = residual;
        }
        for head in heads.into_iter().rev() {
            let mut sum = head;
            let mut sums = vec![sum];
            for value in values {
                sum = sum.wrapping_add(value);
                sums.push(sum);
            }
            values = sums;
        }
        values
    }

    fn decimals(reader: &mut Reader<'_>, physical: PhysicalType, n: usize) -> Vec<u8> {
        let power = (0..reader.byte()).fold(1u64, |power, _| power * 10);
        let width = physical.width();
        let mut end = 0;
        let runs: Vec<(usize, usize, &[u8])> = (0..reader.count())
            .map(|_| {
                let start = end + reader.count();
                end = start + reader.count();
                (start, end, reader.take(width))
            })
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "digits and power are exact")]
        let float = |digits: i64| digits as f64 / power as f64;
        let mut bytes: Vec<u8> = integers(reader, n)
            .into_iter()
            .flat_map(|digits| float_bytes(float(digits), physical))
            .collect();
        for (start, end, value) in runs {
            for place in start..end {
                bytes[place * width..(place + 1) * width].copy_from_slice(value);
            }
        }
        bytes
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is meant")]
    fn float_bytes(value: f64, physical: PhysicalType) -> Vec<u8> {
        match physical {
            PhysicalType::F64 => value.to_le_bytes().to_vec(),
            _ => (value as f32).to_le_bytes().to_vec(),
        }
    }

    fn float_bits(value: i64, width: usize) -> Vec<u8> {
        let flipped = if value < 0 { !value } else { value };
        let mut bytes = flipped.to_le_bytes()[..width].to_vec();
        if value < 0 {
            bytes[width - 1] |= 0x80;
        }
        bytes
    }

    pub(crate) fn decode(block: &[u8], physical: PhysicalType, n: usize) -> Vec<u8> {
        let width = physical.width();
        let mut reader = Reader(&block[1..]);
        let bytes = match block[0] {
            0 => reader.take(n * width).to_vec(),
            1 => reader.take(width).repeat(n),
            2 => zstd(reader.take(reader.0.len()), n * width),
            3 => {
                let planes = zstd(reader.take(reader.0.len()), n * width);
                (0..n * width).map(|i| planes[i % width * n + i / width]).collect()
            }
            4 => integers(&mut reader, n)
                .into_iter()
                .flat_map(|value| value.to_le_bytes()[..width].to_vec())
                .collect(),
            5 => decimals(&mut reader, physical, n),
            codec => {
                assert_eq!(codec, 6, "a codec of the page");
                let values = integers(&mut reader, n).into_iter();
                values.flat_map(|value| float_bits(value, width)).collect()
            }
        };
        assert!(reader.0.is_empty(), "bytes are left over");
        bytes
    }
}
