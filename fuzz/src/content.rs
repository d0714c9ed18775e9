//! Bundles made from bytes, and the round trip through the writer.

use std::collections::BTreeMap;

use barrow_format::{
    AlignedBytes, AssetSpec, Bundle, BundleSpec, BundleWriter, Column, Compression, Frequency,
    LogicalType, MemorySink, PhysicalType, Provenance, Schema, Stamp, Values, Version,
};

/// Two assets, two value columns, a provenance; all columns raw, or compressed.
pub(crate) fn small_bundle(compression: Compression) -> AlignedBytes {
    let rows: Vec<(u8, i64, f64, u32)> = vec![
        (0, 10, 1.5, 7),
        (0, 20, f64::NAN, 8),
        (0, 40, 2.5, 9),
        (1, 20, -0.0, 1),
        (1, 30, 9.25, u32::MAX),
    ];
    write(&by_asset(rows), compression)
}

/// Compressed columns, among whose series are such that take several blocks.
pub(crate) fn compressed_bundle() -> AlignedBytes {
    let long = (0..5_000i64).map(|row| (2, row * 60, f64::from(u8::MAX) / 4.0, 7));
    let short = [(0, 10, 1.5, 7), (0, 20, f64::NAN, 8), (1, 20, -0.0, 1), (1, 30, 9.25, u32::MAX)];
    write(&by_asset(short.into_iter().chain(long)), Compression::Auto)
}

type Rows = BTreeMap<String, BTreeMap<i64, (f64, u32)>>;

fn by_asset(rows: impl IntoIterator<Item = (u8, i64, f64, u32)>) -> Rows {
    let mut assets = Rows::new();
    for (asset, time, price, count) in rows {
        assets.entry(format!("A{asset:03}")).or_default().insert(time, (price, count));
    }
    assets
}

fn write(assets: &Rows, compression: Compression) -> AlignedBytes {
    let schema = Schema::new(
        vec![
            Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
            Column::new("close", PhysicalType::F64, LogicalType::Price),
            Column::new("trades", PhysicalType::U32, LogicalType::Plain),
        ],
        Frequency::Irregular,
        "UTC",
        Stamp::BarEnd,
        "",
    )
    .expect("a possible schema");
    let spec = BundleSpec {
        schema,
        assets: assets.iter().map(|(s, rows)| AssetSpec::new(s, rows.len() as u64)).collect(),
        adjustments: Vec::new(),
        provenance: Provenance { tool: "fuzz".to_owned(), sources: Vec::new() },
    };
    let sink = MemorySink::new();
    let columns = [compression; 3];
    let writer = BundleWriter::compressed(spec, &sink, &columns).expect("a possible spec");
    for (place, rows) in assets.values().enumerate() {
        let times: Vec<i64> = rows.keys().copied().collect();
        let closes: Vec<f64> = rows.values().map(|row| row.0).collect();
        let counts: Vec<u32> = rows.values().map(|row| row.1).collect();
        // Backwards, so that the order of writing is not that of the file.
        writer.put(place, 2, Values::U32(&counts)).expect("written");
        writer.put(place, 1, Values::F64(&closes)).expect("written");
        writer.put(place, 0, Values::I64(&times)).expect("written");
    }
    writer.finish().expect("all series were given");
    AlignedBytes::copy_of(&sink.into_bytes())
}

/// Rows of 16 bytes (asset u8, unused, time i16, count u32, price f64): what is written is what is read.
pub fn roundtrip(input: &[u8]) {
    let rows = input.chunks_exact(16).map(|row| {
        let time = i64::from(i16::from_le_bytes([row[2], row[3]]));
        let count = u32::from_le_bytes([row[4], row[5], row[6], row[7]]);
        let mut price = [0; 8];
        price.copy_from_slice(&row[8..]);
        (row[0], time, f64::from_le_bytes(price), count)
    });
    let assets = by_asset(rows);
    let compressions = [Compression::None, Compression::Zstd, Compression::Auto];
    let versions = compressions.map(|compression| roundtrip_as(&assets, compression));
    assert!(versions.iter().all(|version| *version == versions[0]), "one content, one version");
}

fn roundtrip_as(assets: &Rows, compression: Compression) -> Version {
    let bundle = Bundle::open(write(assets, compression)).expect("what was written opens");
    let found = bundle.verify();
    assert!(found.ok(), "{:?}", found.bad);
    assert_eq!(bundle.asset_count() as usize, assets.len());
    for (symbol, rows) in assets {
        let asset = bundle.asset(symbol).expect("a look-up").expect("it was written");
        let series = [0, 1, 2].map(|column| bundle.read_series(column, asset).expect("a series"));
        let times = series[0].values().as_i64().expect("i64");
        let closes = series[1].values().as_f64().expect("f64");
        let counts = series[2].values().as_u32().expect("u32");
        assert!(times.iter().eq(rows.keys()));
        let bits = |value: &f64| value.to_bits();
        assert!(closes.iter().map(bits).eq(rows.values().map(|row| bits(&row.0))));
        assert!(counts.iter().eq(rows.values().map(|row| &row.1)));
    }
    bundle.version()
}
