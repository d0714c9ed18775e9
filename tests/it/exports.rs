//! Promise: a bundle that is exported and ingested again has the same version, whatever its schema and
//! values, through every format.
//!
//! Method: random content (every type, NaN payloads, both zeros, odd names and symbols, assets without
//! rows, adjustments, metadata) is published, exported by the command's own code and ingested into
//! another bundle. The version is compared, and what it does not cover (metadata) by hand.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use barrow_format::{Column, Schema, Version};
use barrow_store::Catalog;
use barrow_tests::barrow_at;
use barrow_tests::content::{AssetContent, Content, DAY_NS, Series, Shape};
use barrow_tools::ingest::{IngestError, IngestOptions, IngestSummary, run};
use proptest::prelude::*;

/// What an export is called, format by format.
const OUTPUTS: [&str; 4] = ["out.parquet", "out.arrow", "out.csv", "folder"];

fn publish(catalog: &Catalog, name: &str, content: &Content) -> Version {
    let staging = catalog.stage(name).expect("a staging");
    let written = content.write_to(staging.sink()).expect("random content can be written");
    staging.publish(written).expect("a publication").version
}

fn export(root: &Path, bundle: &str, out: &Path, more: &[&str]) {
    let mut args: Vec<OsString> = vec!["barrow".into(), "export".into(), bundle.into()];
    args.extend(["--out".into(), out.into(), "-q".into(), "--root".into(), root.into()]);
    args.extend(more.iter().map(OsString::from));
    assert_eq!(barrow_tools::run(args), ExitCode::SUCCESS, "{}", out.display());
}

fn ingest(catalog: &Catalog, name: &str, source: &Path) -> Result<IngestSummary, IngestError> {
    run(catalog, name, &[source.to_owned()], &IngestOptions::default(), &())
}

/// The content with what plain random content lacks: times of day, column names and a symbol that
/// formats have to escape.
fn made_odd(mut content: Content, seed: u64) -> Content {
    let jitter = i64::try_from(seed % 1_000_000_007).expect("small");
    for asset in &mut content.assets {
        if let Series::I64(times) = &mut asset.series[0]
            && seed.is_multiple_of(3)
        {
            for (row, time) in (0i64..).zip(times) {
                // Less than a day, so that times still ascend.
                *time += (jitter + row * 1_234_567_891) % DAY_NS;
            }
        }
    }
    let names = ["close", "symbol", "a,b", "say \"x\"", "d\u{e9}j\u{e0}.vu", "line\nend"];
    let columns = content.schema.columns().iter().enumerate().map(|(at, column)| match at {
        0 => column.clone(),
        at => Column { name: format!("{}{}", names[(at - 1) % 6], (at - 1) / 6), ..column.clone() },
    });
    let schema = &content.schema;
    content.schema = Schema::new(
        columns.collect(),
        schema.frequency(),
        schema.time_zone().to_owned(),
        schema.stamp(),
        schema.calendar_name().to_owned(),
    )
    .expect("a possible schema");
    if let Some(last) = content.assets.last() {
        // It comes last, so that adjustments keep their assets.
        let symbol = format!("\u{10ffff}\"{seed}\",\n%2F.csv");
        let (metadata, series) = ("{\"a\": \"\u{e9}\\n\"}".to_owned(), last.series.clone());
        content.assets.push(AssetContent { symbol, metadata, series });
    }
    content
}

/// Exports and ingests through every format.
fn round_trip(content: &Content) {
    let place = tempfile::tempdir().expect("a folder");
    let root = place.path().join("root");
    let catalog = Catalog::at(&root);
    let version = publish(&catalog, "bars", content);
    for out in OUTPUTS {
        let path = place.path().join(out);
        export(&root, "bars", &path, &[]);
        let summary = ingest(&catalog, "again", &path);
        let told = |error| format!("{out}: {error}: {:?}", std::error::Error::source(&error));
        let summary = summary.map_err(told).expect("an export is ingested");
        assert_eq!(summary.version, version.to_string(), "{out}");
        let lease = catalog.lease("again").expect("a lease");
        assert!(lease.verify(1).ok(), "{out}");
        for asset in &content.assets {
            let found = lease.asset(&asset.symbol).expect("an asset");
            assert_eq!(lease.metadata(found).expect("metadata"), asset.metadata, "{out}");
        }
        drop(lease);
        fs::remove_dir_all(root.join("again")).expect("the copy goes");
    }
}

proptest! {
    // Four round trips a case.
    #![proptest_config(ProptestConfig { cases: 260, failure_persistence: None, ..Default::default() })]

    #[test]
    fn an_export_ingested_again_is_the_same_version(
        seed: u64,
        shape in (0..5_usize, 0..30_usize, 0..7_usize, 0..5_usize).prop_map(
            |(assets, rows_max, columns, adjustments)| Shape { assets, rows_max, columns, adjustments }
        ),
    ) {
        round_trip(&made_odd(Content::random(seed, shape), seed));
    }
}

#[test]
fn long_series_cross_batches_and_row_groups() {
    let shape = Shape { assets: 3, rows_max: 90_000, columns: 3, adjustments: 2 };
    round_trip(&made_odd(Content::random(3, shape), 3));
}

#[test]
fn through_the_command_too() {
    let place = tempfile::tempdir().expect("a folder");
    let root = place.path().join("root");
    let catalog = Catalog::at(&root);
    for seed in 0..3 {
        let shape = Shape { assets: 3, rows_max: 20, columns: 5, adjustments: 3 };
        let version = publish(&catalog, "bars", &made_odd(Content::random(seed, shape), seed));
        for out in OUTPUTS {
            let path = place.path().join(format!("{seed}-{out}"));
            let (path, again) = (path.as_os_str(), format!("again-{seed}"));
            let exported = barrow_at(&root)
                .args(["export", "bars", "--out"])
                .arg(path)
                .output()
                .expect("runs");
            assert!(exported.status.success(), "{exported:?}");
            let ingested =
                barrow_at(&root).args(["ingest", &again]).arg(path).output().expect("runs");
            assert!(ingested.status.success(), "{ingested:?}");
            let said = String::from_utf8(ingested.stdout).expect("text");
            assert!(said.contains(&version.to_string()), "{said}");
        }
    }
}

/// A part of a bundle, exported and ingested, is what a naive selection of the content holds.
#[test]
fn a_part_keeps_the_schema_of_the_whole() {
    let place = tempfile::tempdir().expect("a folder");
    let root = place.path().join("root");
    let catalog = Catalog::at(&root);
    let content = Content::small();
    publish(&catalog, "bars", &content);
    // IBM alone, from the third session on, with two of the columns in another order.
    let mut part = content.clone();
    part.assets.retain(|asset| asset.symbol == "IBM");
    part.adjustments.clear();
    let kept = ["time", "volume", "close"]
        .map(|name| content.schema.column_index(name).expect("a column of the content"));
    let columns = kept.map(|at| content.schema.columns()[at].clone());
    part.schema = Schema::new(
        columns.to_vec(),
        content.schema.frequency(),
        content.schema.time_zone().to_owned(),
        content.schema.stamp(),
        "",
    )
    .expect("a possible schema");
    let asset = &mut part.assets[0];
    let rows: Vec<usize> =
        (0..asset.rows()).filter(|row| asset.times()[*row] >= 4 * DAY_NS).collect();
    asset.series = kept
        .iter()
        .map(|at| match &asset.series[*at] {
            Series::I64(values) => Series::I64(rows.iter().map(|row| values[*row]).collect()),
            Series::F64(values) => Series::F64(rows.iter().map(|row| values[*row]).collect()),
            other => panic!("{other:?} in small content"),
        })
        .collect();
    let expected = publish(&catalog, "part", &part).to_string();
    let flags = ["--assets", "IBM", "--from", "1970-01-05", "--columns", "volume,close"];
    for out in OUTPUTS {
        let path = place.path().join(out);
        export(&root, "bars", &path, &flags);
        let summary = ingest(&catalog, "again", &path).expect("an ingestion");
        assert_eq!(summary.version, expected, "{out}");
    }
}

/// What is done to a file after its export is taken as it stands, or refused; never half.
#[test]
fn edited_exports() {
    let place = tempfile::tempdir().expect("a folder");
    let root = place.path().join("root");
    let catalog = Catalog::at(&root);
    publish(&catalog, "bars", &Content::small());
    let path: PathBuf = place.path().join("out.csv");
    export(&root, "bars", &path, &[]);
    let text = fs::read_to_string(&path).expect("a file");
    let lines: Vec<&str> = text.lines().collect();
    let edited = |name: &str, lines: Vec<&str>| {
        fs::write(&path, lines.join("\n") + "\n").expect("a file");
        ingest(&catalog, name, &path)
    };
    // A row less.
    let mut fewer = lines.clone();
    fewer.remove(2);
    let summary = edited("fewer", fewer).expect("an ingestion");
    assert_eq!(summary.rows, 16);
    assert_eq!(summary.recognised, "an export of `bars`");
    // An asset's rows apart from each other.
    let mut apart = lines.clone();
    let moved = apart.remove(1);
    apart.push(moved);
    assert!(matches!(edited("apart", apart), Err(IngestError::Scattered { .. })));
    // The same time twice.
    let mut twice = lines.clone();
    twice.insert(1, lines[1]);
    assert!(matches!(edited("twice", twice), Err(IngestError::Format(_))));
    // A value that is none.
    let mut wrong = lines.clone();
    let line = wrong[3].replacen(',', ",x", 2);
    wrong[3] = &line;
    assert!(matches!(edited("wrong", wrong), Err(IngestError::Row { line: 4, .. })));
    // Other columns: the manifest says nothing of them any more.
    let header = lines[0].replace("vwap", "average");
    let mut renamed = lines.clone();
    renamed[0] = &header;
    let summary = edited("renamed", renamed).expect("an ingestion");
    assert!(summary.columns.contains(&"average".to_owned()));
    for name in ["apart", "twice", "wrong"] {
        assert!(catalog.lease(name).is_err(), "`{name}` was published");
    }
}
