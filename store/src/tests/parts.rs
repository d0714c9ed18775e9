//! Versions of many parts: what is read of them, how they are stored in another way, and how many there are.

use std::collections::BTreeMap;

use barrow_format::{Compression, Encoding, Version};

use crate::catalog::change::ChangeKind;
use crate::catalog::record::PartEntry;
use crate::error::Error;
use crate::instant::Instant;
use crate::pool::BundlePool;
use crate::reading::reader::Origin;
use crate::testing::DAY;
use crate::tests::played::{Bar, Played, Step, bar, begin, give, three_assets};
use crate::writing::publish::StageOptions;

#[test]
fn slices_come_from_the_map_where_one_file_holds_them() {
    let (_dir, mut played) = begin(three_assets());
    let new = (30..32).map(|day| (day, bar(5, 3, day, 0))).collect();
    played.put("S3", &new, false);
    let lease = BundlePool::new(1).lease(&played.catalog, "b").unwrap();
    let bars = lease.bars(lease.asset("S3").unwrap());
    let origin = |bars: crate::Bars<'_>| bars.origin("close").unwrap();
    assert_eq!((bars.len(), origin(bars)), (30, Origin::Decoded));
    assert_eq!(origin(bars.first(28)), Origin::Mapped);
    assert_eq!(origin(bars.last(2)), Origin::Mapped);
    assert_eq!(origin(bars.last(3)), Origin::Decoded);
    let untouched = lease.bars(lease.asset("S1").unwrap());
    assert_eq!(origin(untouched), Origin::Mapped);
    assert_eq!(bars.last(2).time(), [30 * DAY, 31 * DAY]);
    let address = bars.last(2).time().as_ptr();
    assert_eq!(address, bars.last(2).time().as_ptr());
    assert_eq!(lease.f64("close").unwrap().len(), lease.rows());
}

#[test]
fn a_missing_or_damaged_part_is_named_and_the_rest_is_read() {
    let (_dir, mut played) = begin(three_assets());
    let base = played.catalog.entry("b", played.catalog.head("b").unwrap().version).unwrap();
    // Values that no other test has, whose series the process would share.
    let new = BTreeMap::from([(9, bar(177, 1, 9, 0))]);
    played.put("S9", &BTreeMap::from([(9, bar(5, 9, 9, 0))]), false);
    played.put("S1", &new, false);
    let path = played.catalog.dir("b").part(base.parts[0].digest);
    std::fs::remove_file(&path).unwrap();
    let lease = BundlePool::new(1).lease(&played.catalog, "b").unwrap();
    let bars = |symbol| lease.bars(lease.asset(symbol).unwrap());
    assert_eq!(bars("S9").column("close").unwrap().len(), 1);
    assert_eq!(bars("S1").last(1).column("close").unwrap().len(), 1);
    let error = bars("S1").column("close").unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open `{}`", path.display()));
    let verified = lease.verify(1);
    assert!(
        verified.bad.iter().any(|defect| defect.to_string().contains("part `")),
        "{:?}",
        verified.bad
    );
    std::fs::write(&path, "no bundle").unwrap();
    let lease = BundlePool::new(1).lease(&played.catalog, "b").unwrap();
    let error = lease.bars(lease.asset("S3").unwrap()).column("close").unwrap_err();
    assert!(matches!(&error, Error::Corrupt { path: named, .. } if *named == path), "{error}");
    // The next writer that needs the rows says so as well, and publishes nothing.
    let mut revision = played.revise();
    let same = played.model.assets["S3"].clone();
    assert!(give(&mut revision, "S3", &same, 0, false).is_err());
}

#[test]
fn versions_are_restored_and_read_as_of_a_moment() {
    let (_dir, mut played) = begin(three_assets());
    let first = played.catalog.head("b").unwrap().version;
    let second = played.put("S1", &BTreeMap::from([(9, bar(5, 1, 9, 0))]), false).version;
    let options = StageOptions::default();
    let restored = played.catalog.restore("b", first, &options).unwrap();
    assert_eq!((restored.generation, restored.parent), (3, Some(second)));
    assert_eq!(restored.change.kind, ChangeKind::Restore);
    assert!(played.catalog.restore("b", first, &options).unwrap().unchanged);
    let timeline = played.catalog.timeline("b").unwrap();
    let kinds: Vec<_> = timeline.iter().map(|it| (it.version.version, it.change.kind)).collect();
    let expected =
        [(first, ChangeKind::Restore), (second, ChangeKind::Append), (first, ChangeKind::Ingest)];
    assert_eq!(kinds, expected);
    for publication in &timeline {
        let moment = Instant(publication.published_ns);
        let found = played.catalog.version_at("b", moment).unwrap();
        assert_eq!(found, publication.version.version);
    }
    let before = Instant(timeline[2].published_ns - 1);
    assert!(matches!(played.catalog.version_at("b", before), Err(Error::NothingYet { .. })));
    let unknown = Version::from_bytes([1; 32]);
    let error = played.catalog.restore("b", unknown, &options).unwrap_err();
    assert!(matches!(error, Error::UnknownVersion { .. }), "{error}");
}

#[test]
fn a_compacted_version_keeps_its_place_and_its_readers() {
    let (_dir, mut played) = begin(three_assets());
    played.put("S1", &BTreeMap::from([(9, bar(5, 1, 9, 0))]), false);
    let pool = BundlePool::new(1);
    let old = pool.lease(&played.catalog, "b").unwrap();
    let before = played.catalog.history("b").unwrap();
    let compacted = played.catalog.compact("b", &StageOptions::default()).unwrap();
    assert!(!compacted.unchanged);
    assert_eq!(compacted.version, old.version());
    let after = played.catalog.history("b").unwrap();
    assert_eq!(after.len(), 2);
    assert_eq!((after[0].parts.len(), after[0].generation), (1, before[0].generation));
    assert_eq!(
        (after[0].change, after[0].published_ns),
        (before[0].change, before[0].published_ns)
    );
    let new = pool.lease(&played.catalog, "b").unwrap();
    assert_ne!(new.path(), old.path());
    let close = |lease: &crate::Lease| {
        let bars = lease.bars(lease.asset("S1").unwrap());
        bars.column("close").unwrap().as_bytes().to_vec()
    };
    assert_eq!(close(&old), close(&new));
    assert!(!old.path().exists(), "no version needs the file any more");
    assert!(played.catalog.compact("b", &StageOptions::default()).unwrap().unchanged);
}

#[test]
fn a_version_is_stored_in_another_way_and_stays_what_it_is() {
    let (_dir, mut played) = begin(three_assets());
    played.put("S1", &BTreeMap::from([(9, bar(5, 1, 9, 0))]), false);
    let history = played.catalog.history("b").unwrap();
    let options = StageOptions::default();
    let (auto, raw) = ([Compression::None, Compression::Auto, Compression::Zstd], []);
    for (wanted, stored) in [(&raw[..], 0), (&auto, 2), (&raw, 0)] {
        let published = played.catalog.recompress("b", wanted, &options).unwrap();
        assert_eq!((published.version, published.unchanged), (history[0].version, false));
        let lease = BundlePool::new(0).lease(&played.catalog, "b").unwrap();
        let blocks = (0..3).filter(|at| lease.bundle().encoding(*at) == Encoding::Blocks);
        assert_eq!(blocks.count(), stored);
        drop(lease);
        played.check();
        let again = played.catalog.recompress("b", wanted, &options).unwrap();
        assert!(again.unchanged, "{wanted:?}");
    }
    assert_eq!(played.catalog.history("b").unwrap().len(), history.len());
}

#[test]
fn what_is_appended_to_a_compressed_bundle_is_compressed_where_it_is_much() {
    let (_dir, mut played) = begin(three_assets());
    played.play(&Step::Compress);
    let stored = |played: &Played| {
        let lease = BundlePool::new(0).lease(&played.catalog, "b").unwrap();
        let version = lease.version();
        let parts = played.catalog.entry("b", version).unwrap().parts;
        let path = |part: &PartEntry| played.catalog.dir("b").part(part.digest);
        let encoding = |part: &PartEntry| {
            let pool = BundlePool::new(0);
            let file = pool.lease_file(path(part));
            (part.rows, file.map(|file| file.bundle().encoding(1)).unwrap())
        };
        parts.iter().map(encoding).collect::<Vec<_>>()
    };
    let days = |days: std::ops::Range<i64>| -> BTreeMap<i64, Bar> {
        days.map(|day| (day, bar(5, 1, day, 0))).collect()
    };
    // The first of parts is the head.
    played.put("S1", &days(9..11), false);
    assert_eq!(stored(&played)[0], (2, Encoding::Segments), "few rows are left as they are");
    played.put("S1", &days(11..16), false);
    let (head, others) = (stored(&played)[0], stored(&played)[1..].to_vec());
    assert_eq!(head, (0, Encoding::Segments));
    assert!(others.contains(&(5, Encoding::Blocks)), "{others:?}");
    for day in 16..80 {
        played.put("S1", &days(day..day + 1), false);
    }
    let parts = stored(&played);
    assert!(parts.len() < 16, "{parts:?}");
    let raw: u64 = parts.iter().filter(|it| it.1 != Encoding::Blocks).map(|it| it.0).sum();
    assert!(raw < 8, "tiers that are merged are compressed: {parts:?}");
    played.check();
}

#[test]
fn appends_write_in_proportion_and_leave_few_parts() {
    let (_dir, mut played) = begin(three_assets());
    let (mut written, mut most) = (0, 0);
    let mut all = Vec::new();
    for day in 9..309 {
        all.push(BTreeMap::from([(day, bar(5, 1, day, 0))]));
    }
    for bars in &all {
        let published = played.put("S1", bars, false);
        let entry = played.catalog.entry("b", published.version).unwrap();
        written += entry.parts[0].rows;
        most = most.max(entry.parts.len());
    }
    // 300 rows in files of 1, 8, 64 and 512 rows: each row is written once a level, and a level has seven files.
    assert!(written <= 300 * 4, "{written} rows written");
    assert!(most <= 7 * 3 + 2, "{most} parts");
    assert_eq!(played.catalog.head("b").unwrap().version, played.model.version());
    played.check();
}
