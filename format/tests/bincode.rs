//! The decoded sections have exactly the bytes that bincode's fixed-int little-endian configuration gives
//! the same values, so that any bincode can read them.

use barrow_format as format;
use bincode::{Decode, Encode, config};
use proptest::prelude::*;

#[derive(Debug, PartialEq, Encode, Decode)]
enum Physical {
    F64,
    F32,
    I64,
    I32,
    U32,
    U8,
}

#[derive(Debug, PartialEq, Encode, Decode)]
enum Logical {
    Timestamp,
    Price,
    Volume,
    Decimal { scale: u8 },
    Plain,
}

#[derive(Debug, PartialEq, Encode, Decode)]
struct Column {
    name: String,
    physical: Physical,
    logical: Logical,
}

#[derive(Debug, PartialEq, Encode, Decode)]
enum Frequency {
    Daily,
    Intraday { step_ns: i64 },
    Irregular,
}

#[derive(Debug, PartialEq, Encode, Decode)]
enum Stamp {
    Session,
    BarStart,
    BarEnd,
}

#[derive(Debug, PartialEq, Encode, Decode)]
struct Schema {
    columns: Vec<Column>,
    frequency: Frequency,
    time_zone: String,
    stamp: Stamp,
    calendar_name: String,
}

#[derive(Debug, PartialEq, Encode, Decode)]
struct Source {
    name: String,
    bytes: u64,
    digest: [u8; 32],
    rows: u64,
}

#[derive(Debug, PartialEq, Encode, Decode)]
struct Provenance {
    tool: String,
    sources: Vec<Source>,
}

fn fixed() -> impl config::Config {
    config::standard().with_fixed_int_encoding().with_little_endian().with_limit::<{ 1 << 20 }>()
}

fn schema() -> impl Strategy<Value = format::Schema> {
    let physical = prop::sample::select(format::PhysicalType::ALL.to_vec());
    let column = (physical, 0..5u8, 0..19u8).prop_map(|(physical, logical, scale)| {
        let (physical, logical) = match logical {
            0 => (format::PhysicalType::I64, format::LogicalType::Timestamp),
            1 => (physical, format::LogicalType::Price),
            2 => (physical, format::LogicalType::Volume),
            3 => (format::PhysicalType::I64, format::LogicalType::Decimal { scale }),
            _ => (physical, format::LogicalType::Plain),
        };
        (physical, logical)
    });
    let columns = prop::collection::btree_map("[a-z_]{1,9}\u{e9}?", column, 0..6);
    let frequency = prop_oneof![
        Just(format::Frequency::Daily),
        (1i64..1 << 50).prop_map(|step_ns| format::Frequency::Intraday { step_ns }),
        Just(format::Frequency::Irregular),
    ];
    let stamp = prop::sample::select(vec![
        format::Stamp::Session,
        format::Stamp::BarStart,
        format::Stamp::BarEnd,
    ]);
    (columns, frequency, "[A-Za-z/_]{0,20}", stamp, "[A-Z]{0,4}").prop_map(
        |(columns, frequency, zone, stamp, calendar)| {
            let time = format::Column::new(
                "time",
                format::PhysicalType::I64,
                format::LogicalType::Timestamp,
            );
            let rest = columns.into_iter().filter(|(name, _)| name != "time");
            let rest = rest
                .map(|(name, (physical, logical))| format::Column::new(name, physical, logical));
            let columns = std::iter::once(time).chain(rest).collect();
            format::Schema::new(columns, frequency, zone, stamp, calendar)
                .expect("the generated schema is possible")
        },
    )
}

fn mirror(schema: &format::Schema) -> Schema {
    let physical = |physical| match physical {
        format::PhysicalType::F64 => Physical::F64,
        format::PhysicalType::F32 => Physical::F32,
        format::PhysicalType::I64 => Physical::I64,
        format::PhysicalType::I32 => Physical::I32,
        format::PhysicalType::U32 => Physical::U32,
        format::PhysicalType::U8 => Physical::U8,
    };
    let logical = |logical| match logical {
        format::LogicalType::Timestamp => Logical::Timestamp,
        format::LogicalType::Price => Logical::Price,
        format::LogicalType::Volume => Logical::Volume,
        format::LogicalType::Decimal { scale } => Logical::Decimal { scale },
        format::LogicalType::Plain => Logical::Plain,
    };
    let columns = schema.columns().iter().map(|column| Column {
        name: column.name.clone(),
        physical: physical(column.physical),
        logical: logical(column.logical),
    });
    Schema {
        columns: columns.collect(),
        frequency: match schema.frequency() {
            format::Frequency::Daily => Frequency::Daily,
            format::Frequency::Intraday { step_ns } => Frequency::Intraday { step_ns },
            format::Frequency::Irregular => Frequency::Irregular,
        },
        time_zone: schema.time_zone().to_owned(),
        stamp: match schema.stamp() {
            format::Stamp::Session => Stamp::Session,
            format::Stamp::BarStart => Stamp::BarStart,
            format::Stamp::BarEnd => Stamp::BarEnd,
        },
        calendar_name: schema.calendar_name().to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn schemas_have_bincode_bytes(schema in schema()) {
        let bytes = bincode::encode_to_vec(mirror(&schema), fixed()).unwrap();
        prop_assert_eq!(schema.to_bytes(), bytes.clone());
        prop_assert_eq!(format::Schema::from_bytes(&bytes).unwrap(), schema);
    }

    #[test]
    fn provenance_has_bincode_bytes(tool in ".{0,20}", sources in prop::collection::vec((".{0,12}", any::<u64>(), any::<[u8; 32]>(), any::<u64>()), 0..5)) {
        let mut records: Vec<format::SourceRecord> = sources.into_iter().map(|(name, bytes, digest, rows)| {
            format::SourceRecord { name, bytes, digest: format::Digest::from_bytes(digest), rows }
        }).collect();
        records.sort();
        let sources = records.iter().map(|it| Source { name: it.name.clone(), bytes: it.bytes, digest: *it.digest.as_bytes(), rows: it.rows });
        let bytes = bincode::encode_to_vec(Provenance { tool: tool.clone(), sources: sources.collect() }, fixed()).unwrap();
        let provenance = format::Provenance { tool, sources: records };
        prop_assert_eq!(provenance.to_bytes(), bytes.clone());
        prop_assert_eq!(format::Provenance::from_bytes(&bytes).unwrap(), provenance);
    }

    /// Damaged bytes are judged as bincode judges them, but for what a schema itself forbids.
    #[test]
    fn damaged_bytes_are_judged_like_bincode(schema in schema(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = schema.to_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let ours = format::Schema::from_bytes(&bytes);
        let theirs = bincode::decode_from_slice::<Schema, _>(&bytes, fixed());
        let theirs = theirs.is_ok_and(|(_, used)| used == bytes.len());
        match ours {
            Ok(schema) => {
                prop_assert!(theirs);
                prop_assert_eq!(schema.to_bytes(), bytes);
            }
            Err(format::SchemaError::Codec(_)) => prop_assert!(!theirs),
            Err(_) => prop_assert!(theirs),
        }
    }
}
