//! A version of several parts of which an attacker changed any file, and made all checksums right.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Compression, Digest, Provenance, Schema, Values, ValuesBuf,
};
use barrow_store::query::{Answer, Query};
use barrow_store::{AssetBars, BundlePool, Catalog, DecodedCache, Lease, StageOptions};

use crate::query::{CACHE_BYTES, folder};
use crate::sealed::{number, seal};

/// Days of the long asset: two blocks, of which the second is short.
const DAYS: i64 = 5000;
const DAY_NS: i64 = 86_400_000_000_000;
/// Bytes of a record of a part, and of a segment.
const PART: usize = 48;
const SEGMENT: usize = 24;

/// The files of a version: the head, and the parts in the order of its list.
struct Version {
    folder: tempfile::TempDir,
    head: Vec<u8>,
    parts: Vec<Vec<u8>>,
    /// Bits of the closes of all assets.
    closes: Vec<u64>,
    lease: Lease,
}

/// A change of a byte: in which file, which section (255 for the first page), where, and to what.
struct Change {
    file: usize,
    section: u8,
    at: usize,
    value: u8,
}

/// Changes in the files of a version of several parts, after which all check words and digests are made right again, those
/// by which the head names the parts included: reading and verifying never panic, what verifies as the old version has
/// its values, and the process goes on to read the old version as it was. The input says whether the parts are compressed,
/// then a list of (file, section, offset u16 times 3, value).
///
/// # Panics
///
/// When that does not hold.
pub fn segmented_bundle(input: &[u8]) {
    let [choice, changes @ ..] = input else { return };
    // What is decoded of changed files is never asked for again.
    DecodedCache::global().set_budget_bytes(CACHE_BYTES);
    let version = version(choice % 2 == 1);
    let change = |bytes: &[u8]| Change {
        file: usize::from(bytes[0]) % (version.parts.len() + 1),
        section: bytes[1],
        at: usize::from(u16::from_le_bytes([bytes[2], bytes[3]])) * 3,
        value: bytes[4],
    };
    let changes: Vec<Change> = changes.chunks_exact(5).map(change).collect();
    let mut written = Vec::new();
    let mut named = BTreeMap::new();
    for (place, part) in version.parts.iter().enumerate() {
        let mut bytes = part.clone();
        alter(&mut bytes, changes.iter().filter(|change| change.file == place + 1));
        let old = file_digest(part);
        named.insert(file_digest(&bytes), (place + 1, bytes.len()));
        if file_digest(&bytes) != old {
            written.push(version.write(&format!("{}.barrow", file_digest(&bytes)), &bytes));
        }
    }
    let mut head = version.head.clone();
    rename_parts(&mut head, &named);
    alter(&mut head, changes.iter().filter(|change| change.file == 0));
    written.push(version.write("changed.barrow", &head));
    let mut is_whole = false;
    if let Ok(lease) = BundlePool::new(0).lease_file(version.folder.path().join("changed.barrow")) {
        let found = read_everything(&lease);
        is_whole = lease.verify(1).ok() && lease.version() == version.lease.version();
        if is_whole {
            assert_eq!(found.as_ref(), Some(&version.closes), "what verifies has its values");
        }
    }
    assert!(is_whole || !changes.is_empty(), "an unchanged version verifies");
    for path in written {
        std::fs::remove_file(path).expect("a file that was written");
    }
    let closes = version.lease.f64("close").expect("the old version can be read");
    assert!(closes.iter().map(|close| close.to_bits()).eq(version.closes.iter().copied()));
}

/// The version that is changed, made once.
fn version(is_compressed: bool) -> &'static Version {
    static VERSIONS: [OnceLock<Version>; 2] = [OnceLock::new(), OnceLock::new()];
    let way = if is_compressed { Compression::Auto } else { Compression::None };
    VERSIONS[usize::from(is_compressed)].get_or_init(|| Version::make(way))
}

impl Version {
    fn make(way: Compression) -> Self {
        let catalog_folder = folder();
        let catalog = Catalog::at(catalog_folder.path());
        let base = [("A", 0..DAYS - 60), ("B", 10..40), ("C", 0..0)];
        let spec = BundleSpec {
            schema: Schema::daily(&[]).expect("a possible schema"),
            assets: base
                .iter()
                .map(|(it, days)| AssetSpec::new(*it, days.clone().count() as u64))
                .collect(),
            adjustments: Vec::new(),
            provenance: Provenance::default(),
        };
        let staging = catalog.stage("b").expect("a bundle can be begun");
        let writer =
            BundleWriter::compressed(spec, staging.sink(), &[way; 6]).expect("a possible spec");
        for (place, (symbol, days)) in base.iter().enumerate() {
            for (column, values) in columns(symbol, days.clone()).iter().enumerate() {
                writer.put(place, column, values.values()).expect("written");
            }
        }
        let written = writer.finish().expect("all series were given");
        staging.publish(written).expect("a version");
        for (symbol, days) in [("A", DAYS - 60..DAYS - 3), ("A", DAYS - 3..DAYS), ("D", 3..9)] {
            let columns = columns(symbol, days);
            let names = ["time", "open", "high", "low", "close", "volume"];
            let columns: Vec<(&str, Values<'_>)> =
                names.into_iter().zip(columns.iter().map(|it| it.values())).collect();
            let mut revision =
                catalog.revise("b", &StageOptions::default()).expect("a bundle can be revised");
            let bars = AssetBars { symbol, metadata: "", columns: &columns };
            revision.append(&bars).expect("rows behind the last ones");
            revision.publish().expect("a version");
        }
        let lease = BundlePool::new(0).lease(&catalog, "b").expect("what was published opens");
        let head = lease.bundle().as_bytes().to_vec();
        let records = lease.bundle().parts().expect("a list of parts");
        let folder = folder();
        let beside = lease.path().parent().expect("a folder").to_owned();
        let parts: Vec<Vec<u8>> = records
            .iter()
            .map(|record| {
                let name = format!("{}.barrow", Digest::from_bytes(record.digest));
                let bytes = std::fs::read(beside.join(&name)).expect("a part");
                std::fs::write(folder.path().join(name), &bytes).expect("a copy");
                bytes
            })
            .collect();
        let closes = lease.f64("close").expect("closes").iter().map(|it| it.to_bits()).collect();
        // A lease that has decoded nothing yet.
        let lease = BundlePool::new(0).lease(&catalog, "b").expect("what was published opens");
        Self { folder, head, parts, closes, lease }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

/// Values of the columns of an asset on some days.
fn columns(symbol: &str, days: Range<i64>) -> Vec<ValuesBuf> {
    let seed = f64::from(symbol.as_bytes()[0]);
    let price = |day: i64, column: u8| {
        let cents = u32::try_from(day * 7 % 1000).expect("small") + u32::from(column);
        seed + f64::from(cents) / 100.0
    };
    let prices = |column| ValuesBuf::F64(days.clone().map(|day| price(day, column)).collect());
    let times = ValuesBuf::I64(days.clone().map(|day| day * DAY_NS).collect());
    [times].into_iter().chain((1..6).map(prices)).collect()
}

/// Makes changes, those of the first page last, and everything that stands for what was changed right again.
fn alter<'c>(bytes: &mut [u8], changes: impl Iterator<Item = &'c Change>) {
    let sections = number(bytes, 12, 4).max(1);
    let (page, inside): (Vec<&Change>, Vec<&Change>) =
        changes.partition(|change| change.section == 255);
    for change in inside {
        let index = usize::from(change.section) % sections;
        let (start, len) = section(bytes, index);
        if len > 0 {
            bytes[start + change.at % len] = change.value;
            seal_section(bytes, index);
        }
    }
    for change in page {
        bytes[change.at % 4056] = change.value;
    }
    seal(bytes, None);
}

/// Where a section begins, and its length.
fn section(bytes: &[u8], index: usize) -> (usize, usize) {
    let entry = 128 + 64 * index;
    (number(bytes, entry + 8, 8), number(bytes, entry + 16, 8))
}

fn seal_section(bytes: &mut [u8], index: usize) {
    // Data has no digest of its own: its entry holds zeros.
    let is_data = number(bytes, 128 + 64 * index, 4) == 3;
    seal(bytes, (!is_data).then_some(index));
}

/// The digest by which a file is known.
fn file_digest(bytes: &[u8]) -> Digest {
    Digest::of(&bytes[..4056])
}

/// Has a head name these parts, by digest: each with its place in the old list, from 1, and its length.
fn rename_parts(head: &mut [u8], named: &BTreeMap<Digest, (usize, usize)>) {
    // The last sections of a segmented file, before the check words of its pages.
    let sections = number(head, 12, 4);
    let (parts, segments) = (sections - 3, sections - 2);
    let (start, len) = section(head, parts);
    let old = head[start..start + len].to_vec();
    let mut places = BTreeMap::from([(0, 0)]);
    for (place, (digest, (before, bytes))) in named.iter().enumerate() {
        let record = &mut head[start + place * PART..][..PART];
        record.copy_from_slice(&old[(before - 1) * PART..][..PART]);
        record[..32].copy_from_slice(digest.as_bytes());
        record[32..40].copy_from_slice(&(*bytes as u64).to_le_bytes());
        places.insert(*before, place + 1);
    }
    let (start, len) = section(head, segments);
    for record in head[start..start + len].chunks_exact_mut(SEGMENT) {
        let place = u32::try_from(places[&number(record, 4, 4)]).expect("few parts");
        record[4..8].copy_from_slice(&place.to_le_bytes());
    }
    seal_section(head, parts);
    seal_section(head, segments);
}

/// Reads all that there is, in every way that there is; the bits of the closes, if they can be read.
fn read_everything(lease: &Lease) -> Option<Vec<u64>> {
    let columns = lease.schema().columns().len();
    let _ = (lease.adjustments(), lease.provenance(), lease.record_batch());
    for asset in lease.assets().take(16).flatten() {
        let bars = lease.bars(asset);
        let _ = (bars.times(), lease.metadata(asset), lease.asset_batch(asset));
        let near = [bars.first(3), bars.last(3), bars.last(1)];
        let within = [DAY_NS..90 * DAY_NS, 4000 * DAY_NS..4200 * DAY_NS].map(|it| bars.within(it));
        for bars in near.into_iter().chain(within.into_iter().flatten()) {
            for column in 0..columns {
                let _ = bars.column_at(column);
            }
        }
        for column in 0..columns {
            let _ = bars.column_at(column);
        }
    }
    for time in [12, 4095, 4998] {
        let time = time * DAY_NS;
        let _ = (lease.cross_section("close", time), lease.panel("open", time..time + 9 * DAY_NS));
    }
    let latest = Query { answer: Answer::Latest, ..Query::default() };
    let filtered =
        Query { filter: Some("close > 66 and lag(volume, 2) < 70".to_owned()), ..Query::default() };
    for query in [latest, filtered] {
        if let Ok(plan) = (Query { threads: 1, ..query }).plan(lease) {
            let _ = (plan.collect(), plan.explain());
        }
    }
    let closes = lease.f64("close").ok()?;
    Some(closes.iter().map(|close| close.to_bits()).collect())
}
