//! Promise: names, symbols and files of an attacker lead nowhere but to a typed error, in bounded time
//! and memory. (Hostile bytes of bundle files themselves: `format/tests/attacks.rs`.)
//!
//! Method: each trick of the list is played once, and what lies outside its folder is looked at.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use barrow_format::{LogicalType, MemorySink, PhysicalType};
use barrow_store::{BundlePool, Catalog, Error, PruneMode, PrunePolicy, StageOptions};
use barrow_tests::barrow_at;
use barrow_tests::content::Content;
use barrow_tools::ingest::{IngestError, IngestOptions, run};

/// Every file below a folder with its content.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.display().to_string(), fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}

#[path = "../../format/tests/sealed/mod.rs"]
mod sealed;

fn publish(catalog: &Catalog, name: &str, content: &Content) {
    let staging = catalog.stage(name).expect("a staging");
    let written = content.write_to(staging.sink()).expect("a bundle");
    staging.publish(written).expect("a publication");
}

#[test]
fn names_of_bundles_that_are_paths() {
    let place = tempfile::tempdir().expect("a folder");
    fs::write(place.path().join("secret"), "outside").expect("a file");
    let catalog = Catalog::at(place.path().join("root"));
    publish(&catalog, "bars", &Content::small());
    let before = tree(place.path());
    let version = catalog.head("bars").expect("a head").version;
    let long = "x".repeat(129);
    for name in
        ["..", ".", "", "../secret", "a/b", "/abs", ".hidden", "a\\b", "a\0b", "n\u{e4}me", &long]
    {
        let refused = |error: Option<Error>, what: &str| {
            let named = matches!(error, Some(Error::BundleName { .. }));
            assert!(named, "{what} of {name:?}: {error:?}");
        };
        let wait = StageOptions::default();
        refused(catalog.stage(name).err(), "staging");
        refused(catalog.revise(name, &wait).err(), "revising");
        refused(catalog.compact(name, &wait).err(), "compacting");
        refused(catalog.head(name).err(), "the head");
        refused(catalog.history(name).err(), "the history");
        refused(catalog.timeline(name).err(), "the timeline");
        refused(catalog.pins(name).err(), "the pins");
        refused(catalog.pin(name, version, "").err(), "a pin");
        refused(catalog.restore(name, version, &wait).err(), "restoring");
        let mode = PruneMode::Remove;
        let policy = PrunePolicy { keep: 1, published_before_ns: None, mode, wait: Duration::ZERO };
        refused(catalog.prune(name, &policy).err(), "pruning");
    }
    assert_eq!(tree(place.path()), before, "nothing was written or removed");
}

#[test]
fn versions_that_are_paths() {
    let place = tempfile::tempdir().expect("a folder");
    let catalog = Catalog::at(place.path());
    publish(&catalog, "bars", &Content::small());
    for version in ["", "..", "../HEAD", "zz", &"a".repeat(65), "0x12"] {
        let error = catalog.lease(&format!("bars@{version}")).err();
        let known = matches!(
            error,
            Some(Error::VersionSyntax { .. } | Error::UnknownVersion { .. } | Error::Io { .. })
        );
        assert!(known, "{version:?}: {error:?}");
    }
}

#[test]
fn a_record_that_names_a_part_elsewhere() {
    let place = tempfile::tempdir().expect("a folder");
    let catalog = Catalog::at(place.path());
    publish(&catalog, "bars", &Content::small());
    let entry = catalog.history("bars").expect("a history").remove(0);
    let record = place.path().join(format!("bars/versions/{}", entry.version));
    let text = fs::read_to_string(&record).expect("a record");
    let digest = entry.parts[0].digest.to_string();
    for part in ["../../../etc/passwd", "..", "", &"f".repeat(63), &"g".repeat(64), &"0".repeat(64)]
    {
        fs::remove_file(&record).expect("a record");
        fs::write(&record, text.replace(&digest, part)).expect("a record");
        let spec = format!("bars@{}", entry.version);
        assert!(catalog.lease(&spec).is_err(), "part {part:?}");
    }
}

/// Symbols with separators, parents and zeros, through a folder of files and back.
#[test]
fn symbols_that_are_paths_stay_in_their_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let root = place.path().join("root");
    let catalog = Catalog::at(&root);
    let mut content = Content::small();
    content.adjustments.clear();
    let symbols = ["..", "../../evil", "/abs", "C:\\x", "a\0b", "con", "%2e%2e%2fx", ".csv"];
    let model = content.assets[0].clone();
    content.assets = symbols
        .iter()
        .map(|symbol| {
            let mut asset = model.clone();
            (*symbol).clone_into(&mut asset.symbol);
            asset
        })
        .collect();
    content.assets.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    publish(&catalog, "bars", &content);
    let out = place.path().join("deep/er/out");
    fs::create_dir_all(out.parent().expect("a parent")).expect("a folder");
    let exported =
        barrow_at(&root).args(["export", "bars", "--out"]).arg(&out).output().expect("runs");
    assert!(exported.status.success(), "{exported:?}");
    let inside = tree(&out);
    assert_eq!(inside.len(), symbols.len() + 1, "a file an asset, and the manifest");
    let mut beside = tree(place.path());
    beside.retain(|path, _| !path.starts_with(&root.display().to_string()));
    assert_eq!(beside, inside, "nothing lies elsewhere");
    let summary = run(&catalog, "again", &[out], &IngestOptions::default(), &());
    let version = catalog.head("bars").expect("a head").version;
    assert_eq!(summary.expect("an ingestion").version, version.to_string());
}

/// Manifests that lie: rows that there are not, types that there are not, actions that come twice.
#[test]
fn hostile_manifests() {
    let place = tempfile::tempdir().expect("a folder");
    let catalog = Catalog::at(place.path().join("root"));
    let source = place.path().join("x.csv");
    fs::write(&source, "symbol,time,close\nA,2012-01-03,1.5\nA,2012-01-04,\n").expect("a file");
    let manifest = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = serde_json::json!({
            "manifest": 1, "bundle": "b", "version": "v", "frequency": "daily", "time_zone": "UTC",
            "columns": [{"name": "close", "physical": "f64", "logical": "price"}],
            "timestamps": "session", "calendar": "", "assets": [], "adjustments": [],
        });
        change(&mut json);
        fs::write(place.path().join("x.csv.manifest.json"), json.to_string()).expect("a file");
        let sources = std::slice::from_ref(&source);
        run(&catalog, "bars", sources, &IngestOptions::default(), &())
    };
    assert_eq!(manifest(&|_| ()).expect("an ingestion").recognised, "an export of `b`");
    // Missing values anywhere, up to the largest row: those that there are get their bits.
    let nan = |row: u64, rows: u64, bits: u64| serde_json::json!([{"symbol": "A", "column": "close", "row": row, "rows": rows, "bits": bits}]);
    for (row, rows, bits) in [(0, u64::MAX, 1), (u64::MAX, u64::MAX, u64::MAX), (1, 1, u64::MAX)] {
        let summary = manifest(&|json| json["nans"] = nan(row, rows, bits)).expect("an ingestion");
        let lease = catalog.lease("bars").expect("a lease");
        let closes = lease.f64("close").expect("closes");
        assert!(summary.rows == 2 && closes[0] == 1.5 && closes[1].is_nan());
    }
    let empty = serde_json::json!([{"symbol": "", "empty": true}]);
    let refused = manifest(&|json| json["assets"] = empty.clone());
    assert!(matches!(refused, Err(IngestError::Format(_))), "{refused:?}");
    let action = serde_json::json!({"symbol": "A", "time": 0, "kind": "split", "value": 2.0});
    let refused = manifest(&|json| json["adjustments"] = serde_json::json!([action, action]));
    assert!(matches!(refused, Err(IngestError::Format(_))), "{refused:?}");
    let step = serde_json::json!({"intraday": {"step_ns": -1}});
    let refused = manifest(&|json| json["frequency"] = step.clone());
    assert!(matches!(refused, Err(IngestError::Schema(_))), "{refused:?}");
    for (member, value) in [
        ("physical", serde_json::json!("f128")),
        ("logical", serde_json::json!({"decimal": {"scale": 19}})),
        ("logical", serde_json::json!("timestamp")),
    ] {
        let refused = manifest(&|json| json["columns"][0][member] = value.clone());
        assert!(matches!(refused, Err(IngestError::Schema(_))), "{value}: {refused:?}");
    }
    // What is no manifest at all leaves the file as any other, and there a close must not be missing.
    for member in ["manifest", "columns", "frequency"] {
        let refused = manifest(&|json| json[member] = serde_json::json!(7));
        assert!(matches!(refused, Err(IngestError::Row { line: 3, .. })), "{member}: {refused:?}");
    }
    let column = barrow_format::Column::new("close", PhysicalType::F64, LogicalType::Price);
    let schema = catalog.lease("bars").expect("a lease").schema().clone();
    assert_eq!(schema.columns()[1], column);
}

/// A quarter of a gigabyte of digits in a megabyte of gzip, all on one line.
#[test]
fn text_that_decompresses_without_end() {
    let place = tempfile::tempdir().expect("a folder");
    let catalog = Catalog::at(place.path().join("root"));
    let source = place.path().join("bomb.csv.gz");
    let file = fs::File::create(&source).expect("a file");
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(b"date,close\n2012-01-03,1\n").expect("a file");
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&zeros).expect("a file");
    }
    encoder.finish().expect("a file");
    let refused = run(&catalog, "bars", &[source], &IngestOptions::default(), &());
    assert!(refused.is_err(), "{refused:?}");
    assert!(catalog.lease("bars").is_err());
}

/// Changes a field of eight bytes of an asset's record, and makes all check words and digests right again.
fn set_asset_field(bytes: &mut [u8], ordinal: usize, field: usize, value: u64) {
    // The sixth section of each file; a record has 88 bytes, the last eight of which are its check word.
    let assets = sealed::section(bytes, 5).expect("a section in the file");
    let record = &mut bytes[assets][88 * ordinal..88 * (ordinal + 1)];
    record[field..field + 8].copy_from_slice(&value.to_le_bytes());
    let check = sealed::sum(&record[..80], ordinal as u64 + 1);
    record[80..].copy_from_slice(&check.to_le_bytes());
    sealed::seal(bytes, Some(5));
}

/// An asset that claims rows of another: each is possible on its own, together they are more than there are.
#[test]
fn rows_that_two_assets_claim_are_no_dictionary() {
    const ROW_START: usize = 24;
    const ROWS: usize = 32;

    let place = tempfile::tempdir().expect("a folder");
    let lease = |bytes: &[u8], name: &str| {
        fs::write(place.path().join(name), bytes).expect("a file");
        BundlePool::new(1).lease_file(place.path().join(name)).expect("a bundle that opens")
    };
    let sink = MemorySink::new();
    Content::small().write_to(&sink).expect("a bundle");
    let mut bytes = sink.into_bytes();
    let good = lease(&bytes, "good.barrow");
    let ibm = good.asset("IBM").expect("an asset");
    assert_eq!(good.symbol_dictionary().expect("a dictionary").len(), good.rows());

    // Its span of the calendar has room for one more.
    let ordinal = usize::try_from(ibm.ordinal()).expect("a place");
    set_asset_field(&mut bytes, ordinal, ROW_START, 0);
    set_asset_field(&mut bytes, ordinal, ROWS, ibm.rows() as u64 + 1);
    let bad = lease(&bytes, "bad.barrow");
    assert_eq!(bad.asset("IBM").expect("an asset that is possible").row_range(), 0..7);
    let error = bad.symbol_dictionary().expect_err("more bars than there are");
    assert!(matches!(error, Error::Arrow { .. }), "{error:?}");
}
