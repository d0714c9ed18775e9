//! [`Content`]: what a bundle holds, as plain vectors. It is the naive model that files are compared
//! with, and the builder of the small bundles that tests use.

use std::collections::{BTreeMap, BTreeSet};

use barrow_format::{
    Adjustment, AdjustmentKind, AlignedBytes, AssetSpec, BundleSpec, BundleWriter, Column,
    Compression, Digest, Frequency, LogicalType, MemorySink, PhysicalType, Provenance, Schema,
    Sink, SourceRecord, Stamp, Values, Written,
};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// A day in nanoseconds.
pub const DAY_NS: i64 = 86_400_000_000_000;

/// The values of one series.
#[derive(Debug, Clone)]
pub enum Series {
    /// f64.
    F64(Vec<f64>),
    /// f32.
    F32(Vec<f32>),
    /// i64.
    I64(Vec<i64>),
    /// i32.
    I32(Vec<i32>),
    /// u32.
    U32(Vec<u32>),
    /// u8.
    U8(Vec<u8>),
}

impl Series {
    /// The values as the writer takes them.
    pub fn values(&self) -> Values<'_> {
        match self {
            Self::F64(v) => Values::F64(v),
            Self::F32(v) => Values::F32(v),
            Self::I64(v) => Values::I64(v),
            Self::I32(v) => Values::I32(v),
            Self::U32(v) => Values::U32(v),
            Self::U8(v) => Values::U8(v),
        }
    }

    /// Changes the lowest bit of the value at `row`.
    pub fn flip(&mut self, row: usize) {
        match self {
            Self::F64(v) => v[row] = f64::from_bits(v[row].to_bits() ^ 1),
            Self::F32(v) => v[row] = f32::from_bits(v[row].to_bits() ^ 1),
            Self::I64(v) => v[row] ^= 1,
            Self::I32(v) => v[row] ^= 1,
            Self::U32(v) => v[row] ^= 1,
            Self::U8(v) => v[row] ^= 1,
        }
    }

    /// `rows` values whose bits are random: among floats, NaN of any payload, infinities and both zeros.
    fn random(physical: PhysicalType, rows: usize, rng: &mut Pcg64) -> Self {
        let odd = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE / 2.0];
        let mut word = || rng.next_u64();
        let words: Vec<u64> = (0..rows).map(|_| word()).collect();
        let narrow = |w: &u64| u32::try_from(w >> 32).expect("32 bits");
        let float = |w: &u64| match usize::try_from(w % 16).expect("small") {
            i if i < odd.len() => odd[i],
            _ => f64::from_bits(*w),
        };
        match physical {
            PhysicalType::F64 => Self::F64(words.iter().map(float).collect()),
            PhysicalType::F32 => {
                Self::F32(words.iter().map(|w| f32::from_bits(narrow(w))).collect())
            }
            PhysicalType::I64 => Self::I64(words.iter().map(|w| w.cast_signed()).collect()),
            PhysicalType::I32 => Self::I32(words.iter().map(|w| narrow(w).cast_signed()).collect()),
            PhysicalType::U32 => Self::U32(words.iter().map(narrow).collect()),
            PhysicalType::U8 => Self::U8(words.iter().map(|w| w.to_le_bytes()[7]).collect()),
        }
    }
}

/// One asset: its symbol, its metadata, and its series in the order of the columns.
#[derive(Debug, Clone)]
pub struct AssetContent {
    /// Symbol.
    pub symbol: String,
    /// Metadata, or empty.
    pub metadata: String,
    /// One series a column; the first is i64, the timestamps.
    pub series: Vec<Series>,
}

impl AssetContent {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.times().len()
    }

    /// The timestamps.
    pub fn times(&self) -> &[i64] {
        self.series[0].values().as_i64().expect("column 0 is the time")
    }
}

/// All that a bundle holds.
#[derive(Debug, Clone)]
pub struct Content {
    /// The schema.
    pub schema: Schema,
    /// Assets, in symbol order.
    pub assets: Vec<AssetContent>,
    /// Adjustments.
    pub adjustments: Vec<Adjustment>,
    /// Provenance.
    pub provenance: Provenance,
}

/// How large a random [`Content`] is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Number of assets.
    pub assets: usize,
    /// No asset has more rows.
    pub rows_max: usize,
    /// Columns beside `time`.
    pub columns: usize,
    /// Adjustments, at most.
    pub adjustments: usize,
}

impl Content {
    /// Content whose every detail is drawn from `seed`: column types, symbols, gaps, values.
    pub fn random(seed: u64, shape: Shape) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let schema = random_schema(shape.columns, &mut rng);
        let mut symbols = BTreeSet::new();
        while symbols.len() < shape.assets {
            symbols.insert(random_symbol(&mut rng));
        }
        let assets: Vec<AssetContent> = symbols
            .into_iter()
            .map(|symbol| random_asset(symbol, &schema, shape.rows_max, &mut rng))
            .collect();
        let adjustments = random_adjustments(&assets, shape.adjustments, &mut rng);
        let sources = (0..below(&mut rng, 3))
            .map(|i| SourceRecord {
                name: format!("source-{i}.csv"),
                bytes: rng.next_u64() >> 20,
                digest: Digest::of(&rng.next_u64().to_le_bytes()),
                rows: rng.next_u64() >> 40,
            })
            .collect();
        let provenance = Provenance { tool: "barrow-tests".to_owned(), sources };
        Self { schema, assets, adjustments, provenance }
    }

    /// Daily bars of three assets with a split, a gap, and one extra column with missing values: the
    /// bundle that reads like real ones.
    pub fn small() -> Self {
        let schema = Schema::daily(&["vwap"]).expect("a possible schema");
        let asset = |symbol: &str, sessions: &[u8], first_close: f64| {
            let time = sessions.iter().map(|&s| i64::from(s) * DAY_NS).collect();
            let close: Vec<f64> =
                sessions.iter().map(|&s| first_close + f64::from(s) * 0.25).collect();
            let shifted = |by: f64| Series::F64(close.iter().map(|c| c + by).collect());
            let vwap =
                close.iter().enumerate().map(|(i, c)| if i % 3 == 1 { f64::NAN } else { *c });
            let volume = sessions.iter().map(|&s| f64::from(s) * 100.0).collect();
            let series = vec![
                Series::I64(time),
                shifted(-0.125),
                shifted(0.5),
                shifted(-0.5),
                shifted(0.0),
                Series::F64(volume),
                Series::F64(vwap.collect()),
            ];
            AssetContent { symbol: symbol.to_owned(), metadata: String::new(), series }
        };
        let mut assets = vec![
            asset("AAPL", &[1, 2, 3, 4, 7, 8, 9, 10], 190.0),
            asset("IBM", &[1, 2, 4, 7, 8, 10], 160.0),
            asset("NEW", &[8, 9, 10], 12.0),
        ];
        assets[0].metadata.push_str(r#"{"exchange":"XNAS"}"#);
        let split =
            Adjustment { asset: 0, time: 7 * DAY_NS, kind: AdjustmentKind::Split, value: 4.0 };
        let source = SourceRecord {
            name: "small.csv".to_owned(),
            bytes: 1234,
            digest: Digest::of(b"small.csv"),
            rows: 17,
        };
        let provenance = Provenance { tool: "barrow-tests".to_owned(), sources: vec![source] };
        Self { schema, assets, adjustments: vec![split], provenance }
    }

    /// What a writer is told before the first value.
    pub fn spec(&self) -> BundleSpec {
        let assets = self.assets.iter().map(|asset| AssetSpec {
            symbol: asset.symbol.clone(),
            rows: asset.rows() as u64,
            metadata: asset.metadata.clone(),
        });
        BundleSpec {
            schema: self.schema.clone(),
            assets: assets.collect(),
            adjustments: self.adjustments.clone(),
            provenance: self.provenance.clone(),
        }
    }

    /// Writes the bundle to `sink`, series after series.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_to<S: Sink>(&self, sink: &S) -> Result<Written, barrow_format::Error> {
        self.write_compressed_to(sink, &[])
    }

    /// Writes the bundle to `sink`, series after series, with columns compressed as told.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_compressed_to<S: Sink>(
        &self,
        sink: &S,
        compression: &[Compression],
    ) -> Result<Written, barrow_format::Error> {
        let writer = BundleWriter::compressed(self.spec(), sink, compression)?;
        for (place, asset) in self.assets.iter().enumerate() {
            for (column, series) in asset.series.iter().enumerate() {
                writer.put(place, column, series.values())?;
            }
        }
        writer.finish()
    }

    /// Writes the bundle into memory.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write(&self) -> Result<(AlignedBytes, Written), barrow_format::Error> {
        self.write_compressed(&[])
    }

    /// Writes the bundle into memory, with columns compressed as told.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_compressed(
        &self,
        compression: &[Compression],
    ) -> Result<(AlignedBytes, Written), barrow_format::Error> {
        let sink = MemorySink::new();
        let written = self.write_compressed_to(&sink, compression)?;
        Ok((AlignedBytes::copy_of(&sink.into_bytes()), written))
    }

    /// All distinct timestamps, ascending.
    pub fn calendar(&self) -> Vec<i64> {
        let times = self.assets.iter().flat_map(AssetContent::times);
        times.copied().collect::<BTreeSet<i64>>().into_iter().collect()
    }

    /// Rows of all assets together.
    pub fn rows(&self) -> usize {
        self.assets.iter().map(AssetContent::rows).sum()
    }
}

fn below(rng: &mut Pcg64, bound: usize) -> usize {
    let bound = u64::try_from(bound).expect("64 bits");
    usize::try_from(rng.next_u64() % bound.max(1)).expect("below a usize")
}

fn random_symbol(rng: &mut Pcg64) -> String {
    let letters = ['A', 'B', 'Z', 'a', '0', '.', '-', ' ', '/', '\u{e9}', '\u{4e2d}', '\u{1f600}'];
    (0..=below(rng, 6)).map(|_| letters[below(rng, letters.len())]).collect()
}

fn random_schema(extra: usize, rng: &mut Pcg64) -> Schema {
    let mut columns = vec![Column::new("time", PhysicalType::I64, LogicalType::Timestamp)];
    for i in 0..extra {
        let physical = PhysicalType::ALL[below(rng, 6)];
        let logical = match (physical, below(rng, 4)) {
            (PhysicalType::I64, 0) => {
                LogicalType::Decimal { scale: u8::try_from(below(rng, 19)).expect("small") }
            }
            (PhysicalType::I64, 1) => LogicalType::Timestamp,
            (PhysicalType::F64 | PhysicalType::F32, 1) => LogicalType::Price,
            (_, 2) => LogicalType::Volume,
            _ => LogicalType::Plain,
        };
        columns.push(Column::new(format!("column {i}"), physical, logical));
    }
    let frequency = match below(rng, 3) {
        0 => Frequency::Daily,
        1 => Frequency::Intraday { step_ns: 60_000_000_000 },
        _ => Frequency::Irregular,
    };
    let zone = ["UTC", "America/New_York"][below(rng, 2)];
    let stamp = [Stamp::Session, Stamp::BarStart, Stamp::BarEnd][below(rng, 3)];
    Schema::new(columns, frequency, zone, stamp, ["", "XNYS"][below(rng, 2)])
        .expect("a possible schema")
}

fn random_asset(symbol: String, schema: &Schema, rows_max: usize, rng: &mut Pcg64) -> AssetContent {
    let rows = below(rng, rows_max + 1);
    let mut time = i64::try_from(below(rng, 20)).expect("small") * DAY_NS - 10 * DAY_NS;
    let gaps = below(rng, 2) == 0;
    let times = (0..rows).map(|_| {
        let skipped = if gaps { below(rng, 3) } else { 0 };
        time += DAY_NS * (1 + i64::try_from(skipped).expect("small"));
        time
    });
    let mut series = vec![Series::I64(times.collect())];
    for column in &schema.columns()[1..] {
        series.push(Series::random(column.physical, rows, rng));
    }
    let metadata = ["", r#"{"name":"x"}"#][below(rng, 2)].to_owned();
    AssetContent { symbol, metadata, series }
}

fn random_adjustments(assets: &[AssetContent], most: usize, rng: &mut Pcg64) -> Vec<Adjustment> {
    if assets.is_empty() {
        return Vec::new();
    }
    let kinds = [AdjustmentKind::Split, AdjustmentKind::CashDividend, AdjustmentKind::Merger];
    let mut found = BTreeMap::new();
    for _ in 0..below(rng, most + 1) {
        let asset = u32::try_from(below(rng, assets.len())).expect("small");
        let time = i64::try_from(below(rng, 30)).expect("small") * DAY_NS;
        let kind = kinds[below(rng, 3)];
        let value = 0.5 + f64::from(u16::try_from(below(rng, 1000)).expect("small"));
        found.insert((asset, time, kind), Adjustment { asset, time, kind, value });
    }
    found.into_values().collect()
}
