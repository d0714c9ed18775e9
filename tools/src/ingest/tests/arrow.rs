//! Arrow IPC files: the types they may have, and the bytes they may not.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int16Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, TimestampMicrosecondArray, TimestampSecondArray, UInt32Array, UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{Field, Schema};
use barrow_format::PhysicalType;

use super::*;

/// Days 15706 to 15708 are 2013-01-01 to 2013-01-03.
const DAYS: [i32; 3] = [15706, 15707, 15708];

fn file(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let schema = batches[0].schema();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), array.null_count() > 0));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(schema, arrays).unwrap()
}

/// Times and symbols in one of their types.
fn keys(kind: usize) -> (ArrayRef, ArrayRef) {
    let seconds = DAYS.iter().map(|day| i64::from(*day) * 86_400);
    let time: ArrayRef = match kind {
        0 => Arc::new(Date32Array::from(DAYS.to_vec())),
        1 => Arc::new(Date64Array::from_iter_values(seconds.map(|second| second * 1000))),
        2 => Arc::new(TimestampSecondArray::from_iter_values(seconds).with_timezone("UTC")),
        3 => Arc::new(TimestampMicrosecondArray::from_iter_values(seconds.map(|s| s * 1_000_000))),
        _ => Arc::new(StringArray::from(vec!["2013-01-01", "2013-01-02", "2013-01-03"])),
    };
    let symbols = vec!["A", "A", "B"];
    let symbol: ArrayRef = match kind {
        0 => Arc::new(symbols.into_iter().collect::<DictionaryArray<Int32Type>>()),
        1 => Arc::new(StringViewArray::from(symbols)),
        2 => Arc::new(LargeStringArray::from(symbols)),
        _ => Arc::new(StringArray::from(symbols)),
    };
    (time, symbol)
}

#[test]
fn every_type_gives_what_text_gives() {
    let place = Place::new();
    let text =
        "symbol,date,close,volume\nA,2013-01-01,1.5,10\nA,2013-01-02,2.25,20\nB,2013-01-03,3,30\n";
    place.write("t.csv", text);
    let expected = place.ingest(&["t.csv"]).version();
    for kind in 0..5 {
        let (time, symbol) = keys(kind);
        let close: ArrayRef = match kind {
            0 => Arc::new(Float64Array::from(vec![1.5, 2.25, 3.0])),
            1 => Arc::new(Float32Array::from(vec![1.5, 2.25, 3.0])),
            _ => {
                let decimals = Decimal128Array::from(vec![150, 225, 300]);
                Arc::new(decimals.with_precision_and_scale(10, 2).unwrap())
            }
        };
        let volume: ArrayRef = match kind {
            0 => Arc::new(Int64Array::from(vec![10, 20, 30])),
            1 => Arc::new(UInt64Array::from(vec![10, 20, 30])),
            _ => Arc::new(Int16Array::from(vec![10, 20, 30])),
        };
        let whole =
            batch(vec![("close", close), ("date", time), ("symbol", symbol), ("volume", volume)]);
        let compressions = [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];
        place.write("one.bin", file(std::slice::from_ref(&whole), compressions[kind % 3]));
        assert_eq!(place.ingest(&["one.bin"]).version(), expected, "kind {kind}");
        // The same in batches of a row each.
        let rows: Vec<RecordBatch> = (0..3).map(|row| whole.slice(row, 1)).collect();
        place.write("three.feather", file(&rows, compressions[(kind + 1) % 3]));
        assert_eq!(place.ingest(&["three.feather"]).version(), expected, "kind {kind}");
    }
    let summary = place.try_run("bars", &["one.bin"], IngestOptions::default()).unwrap();
    assert_eq!(summary.recognised, "Arrow, long, a symbol column; daily; columns close, volume");
}

#[test]
fn nulls_and_integers() {
    let place = Place::new();
    let (time, symbol) = keys(0);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("date", time),
        ("ticker", symbol),
        ("close", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
        ("trades", Arc::new(UInt32Array::from(vec![1, 2, u32::MAX]))),
        ("rank", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
        ("halted", Arc::new(BooleanArray::from(vec![true, false, false]))),
        ("vwap", Arc::new(Float64Array::from(vec![None, Some(2.5), None]))),
    ];
    place.write("n.arrow", file(&[batch(columns)], None));
    let lease = place.ingest(&["n.arrow"]);
    let physical = |name: &str| {
        let schema = lease.schema();
        schema.columns()[schema.column_index(name).unwrap()].physical
    };
    assert_eq!(physical("trades"), PhysicalType::U32);
    assert_eq!(physical("rank"), PhysicalType::F64, "an integer column with nulls");
    assert_eq!(physical("halted"), PhysicalType::U8);
    // close, halted, rank, trades, vwap
    assert_eq!(rows(&lease, "A"), ["2013-01-01 1 1 1 1 NaN", "2013-01-02 2 0 NaN 2 2.5"]);
    assert_eq!(rows(&lease, "B"), ["2013-01-03 3 0 3 4294967295 NaN"]);
}

#[test]
fn an_asset_a_file_and_wide() {
    let place = Place::new();
    let (time, _) = keys(0);
    let prices = |name, values: [f64; 3]| -> (&str, ArrayRef) {
        (name, Arc::new(Float64Array::from(values.to_vec())))
    };
    let alone = batch(vec![("date", time.clone()), prices("close", [1.0, 2.0, 3.0])]);
    place.write("f/ABC.feather", file(&[alone], None));
    assert_eq!(rows(&place.ingest(&["f"]), "ABC").len(), 3);
    let wide =
        batch(vec![("date", time), prices("X", [1.0, 2.0, 3.0]), prices("Y", [4.0, 5.0, 6.0])]);
    place.write("w.arrow", file(&[wide], None));
    assert_eq!(
        rows(&place.ingest(&["w.arrow"]), "Y"),
        ["2013-01-01 4", "2013-01-02 5", "2013-01-03 6"]
    );
}

/// Every byte of small files, changed in several ways, and every length: an error or a bundle, never a
/// panic, and no more memory than the file is worth.
#[test]
fn hostile_bytes_are_errors() {
    let place = Place::new();
    let (time, symbol) = keys(0);
    let close: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]));
    let whole = batch(vec![("date", time), ("symbol", symbol), ("close", close)]);
    let (mut refused, mut taken) = (0, 0);
    let mut check = |bytes: &[u8]| {
        place.write("h.arrow", bytes);
        let sources = source::find(&[place.path("h.arrow")], &IngestOptions::default()).unwrap();
        if sources.sources[0].kind != source::Kind::Arrow {
            return;
        }
        match typed::plan(&sources.sources[0], &IngestOptions::default()) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
    };
    for compression in [None, Some(CompressionType::LZ4_FRAME)] {
        let good = file(std::slice::from_ref(&whole), compression);
        for at in 8..good.len() {
            for change in [0xff, 0x01] {
                let mut bytes = good.clone();
                bytes[at] ^= change;
                check(&bytes);
            }
        }
        for len in (8..good.len()).step_by(7) {
            check(&good[..len]);
        }
    }
    assert!(refused > 300 && taken > 300, "{refused} refused, {taken} taken");
}

/// Lengths that a writer never writes: each is refused before it is believed.
#[test]
fn claims_beyond_the_file_are_refused() {
    let place = Place::new();
    let (time, _) = keys(0);
    let close: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 3]));
    let good = file(&[batch(vec![("date", time), ("close", close)])], Some(CompressionType::ZSTD));
    place.write("ABC.arrow", &good);
    let version = place.ingest(&["ABC.arrow"]).version().to_string();
    // Compressed buffers begin with their length in memory: 24 bytes for closes, 12 for dates. The same
    // numbers stand in other places too, where they do no harm.
    let claims: Vec<usize> = (0..good.len() - 8)
        .filter(|at| {
            let word = &good[*at..*at + 8];
            word == 24i64.to_le_bytes() || word == 12i64.to_le_bytes()
        })
        .collect();
    let mut refused = 0;
    for at in claims {
        for claim in [i64::MAX, 1 << 50, 1 << 33, -2] {
            let mut bytes = good.clone();
            bytes[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            place.write("ABC.arrow", bytes);
            match place.try_run("bars", &["ABC.arrow"], IngestOptions::default()) {
                Ok(summary) => assert_eq!(summary.version, version, "{claim} at {at}"),
                Err(IngestError::Damaged { .. }) => refused += 1,
                Err(error) => panic!("{claim} at {at}: {error}"),
            }
        }
    }
    // A buffer that compression does not shorten is stored as it is, without such a length: one of the two at least has one.
    assert!(refused >= 4, "{refused} claims were refused");
}
