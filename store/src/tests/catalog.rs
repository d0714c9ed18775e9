//! Publication, history, names and versions.

use barrow_format::Version;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::testing::{self, Listing, publish, publish_small, tree};

#[test]
fn a_published_version_is_listed_leased_and_laid_out_as_documented() {
    let dir = testing::dir();
    let root = dir.path().join("deep/catalog");
    let catalog = Catalog::at(&root);
    assert!(catalog.bundles().unwrap().is_empty());
    let listings = [Listing::new("A", 0..3), Listing::new("B", 1..3)];
    let published = publish(&catalog, "us", &listings, 1);
    assert_eq!((published.parent, published.generation, published.unchanged), (None, 1, false));

    let lease = catalog.lease("us").unwrap();
    assert_eq!((lease.name(), lease.version()), ("us", published.version));
    assert_eq!((lease.rows(), lease.asset_count()), (5, 2));
    assert_eq!(lease.bytes(), published.bytes);
    let part = format!("parts/{}.barrow", lease.bundle().digest());
    let lock = format!("leases/{}", published.version);
    let version = format!("versions/{}", published.version);
    assert_eq!(
        tree(&root.join("us")),
        ["HEAD", "LOCK", "leases", &lock, "parts", &part, "versions", &version]
    );
    assert_eq!(lease.path(), root.join("us").join(part));
    assert!(std::fs::metadata(lease.path()).unwrap().permissions().readonly());
    assert_eq!(std::fs::metadata(root.join("us/LOCK")).unwrap().len(), 0);

    let entry = catalog.bundle("us").unwrap();
    assert_eq!((entry.name.as_str(), entry.rows, entry.assets), ("us", 5, 2));
    assert_eq!((entry.bytes, entry.tool.as_str()), (published.bytes, "test 1"));
    assert!(entry.published_ns > 1_600_000_000_000_000_000);
    assert_eq!(catalog.bundles().unwrap(), [entry]);
}

#[test]
fn history_tells_each_version_once_newest_first() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions: Vec<Version> =
        (0..4).map(|seed| publish_small(&catalog, "b", seed).version).collect();
    let history = catalog.history("b").unwrap();
    let listed: Vec<Version> = history.iter().map(|entry| entry.version).collect();
    assert_eq!(listed, [versions[3], versions[2], versions[1], versions[0]]);
    let parents: Vec<_> = history.iter().map(|entry| entry.parent).collect();
    assert_eq!(parents, [Some(versions[2]), Some(versions[1]), Some(versions[0]), None]);
    assert_eq!(history[0].generation, 4);
    assert_eq!(history[0].parts.len(), 1);
    assert_eq!(history[0].parts[0].rows, 3);
}

#[test]
fn the_same_content_is_not_published_twice() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let first = publish_small(&catalog, "b", 1);
    let before = tree(dir.path());
    // Another tool, hence other bytes, but the same content.
    let staging = catalog.stage("b").unwrap();
    let written = testing::write(staging.sink(), &[Listing::new("A", 0..3)], 1, "another tool");
    assert_eq!(written.version, first.version);
    let again = staging.publish(written).unwrap();
    assert!(again.unchanged);
    assert_eq!((again.version, again.generation, again.parent), (first.version, 1, None));
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(tree(dir.path()), before);
    assert_eq!(catalog.history("b").unwrap().len(), 1);
}

#[test]
fn publishing_older_content_makes_its_version_the_newest_again() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let old = publish_small(&catalog, "b", 1);
    let new = publish_small(&catalog, "b", 2);
    let record = catalog.entry("b", old.version).unwrap();
    let again = publish_small(&catalog, "b", 1);
    assert_eq!((again.version, again.generation, again.unchanged), (old.version, 3, false));
    assert_eq!(again.parent, Some(new.version));
    assert_eq!(catalog.head("b").unwrap().version, old.version);
    assert_eq!(catalog.lease("b").unwrap().version(), old.version);
    assert_eq!(catalog.entry("b", old.version).unwrap(), record, "its record stays as it was");
    assert_eq!(catalog.history("b").unwrap().len(), 2);
}

#[test]
fn a_version_is_found_by_a_prefix_that_only_it_has() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions: Vec<Version> =
        (0..20).map(|seed| publish_small(&catalog, "b", seed).version).collect();
    for &version in &versions {
        let digits = version.to_string();
        assert_eq!(catalog.version("b", &digits).unwrap(), version);
        assert_eq!(catalog.lease(&format!("b@{digits}")).unwrap().version(), version);
        let upper = digits[..20].to_uppercase();
        assert_eq!(catalog.lease(&format!("b@{upper}")).unwrap().version(), version);
        // Of one digit, there are as many candidates as versions that start with it.
        let first = &digits[..1];
        let mut expected: Vec<Version> =
            versions.iter().copied().filter(|other| other.to_string().starts_with(first)).collect();
        expected.sort_unstable();
        match catalog.version("b", first) {
            Ok(found) => assert_eq!([found], expected.as_slice()),
            Err(Error::AmbiguousVersion { bundle, prefix, candidates }) => {
                assert_eq!((bundle.as_str(), prefix.as_str()), ("b", first));
                assert_eq!(candidates, expected);
                assert!(candidates.len() > 1);
            }
            Err(other) => panic!("{other}"),
        }
    }
    let unused = (0..16)
        .map(|digit| format!("{digit:x}{digit:x}{digit:x}{digit:x}{digit:x}{digit:x}"))
        .find(|prefix| !versions.iter().any(|version| version.to_string().starts_with(prefix)))
        .unwrap();
    let error = catalog.lease(&format!("b@{unused}")).unwrap_err();
    assert_eq!(error.to_string(), format!("no version of bundle `b` starts with `{unused}`"));
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish_small(&catalog, "us-daily", 1);
    publish_small(&catalog, "eu-minute", 1);
    for outcome in [
        catalog.lease("us-dayly").map(drop),
        catalog.history("us-dayly").map(drop),
        catalog.bundle("us-dayly").map(drop),
        catalog.lease("us-dayly@ab").map(drop),
    ] {
        let error = outcome.unwrap_err();
        let Error::UnknownBundle { name, root, nearest } = &error else { panic!("{error}") };
        assert_eq!((name.as_str(), root.as_path()), ("us-dayly", dir.path()));
        assert_eq!(nearest.as_deref(), Some("us-daily"));
    }
    assert!(matches!(catalog.lease("a b"), Err(Error::BundleName { .. })));
    assert!(matches!(catalog.stage("../x"), Err(Error::BundleName { .. })));
    assert!(matches!(catalog.lease("us-daily@xyz"), Err(Error::VersionSyntax { .. })));
}

#[test]
fn a_wrong_symbol_or_column_is_answered_with_what_there_is() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish(&catalog, "b", &[Listing::new("AAPL", 0..3), Listing::new("MSFT", 0..3)], 1);
    let lease = catalog.lease("b").unwrap();
    let error = lease.asset("APPL").unwrap_err();
    assert_eq!(error.to_string(), "no asset `APPL` in bundle `b`");
    assert!(matches!(error, Error::UnknownSymbol { nearest: Some(near), .. } if near == "AAPL"));
    let error = lease.column("last").unwrap_err();
    let columns = "`time`, `open`, `high`, `low`, `close`, `volume`, `vwap`, `fee`";
    assert_eq!(error.to_string(), format!("no column `last` in bundle `b`, which has {columns}"));
    let error = lease.f64("vwap").unwrap_err();
    assert_eq!(error.to_string(), "column `vwap` holds f32, not f64");
}

#[test]
fn one_writer_at_a_time_and_readers_are_never_refused() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let published = publish_small(&catalog, "b", 1);
    let staging = catalog.stage("b").unwrap();
    let holder = Some(std::process::id());
    let refused = catalog.stage("b").unwrap_err();
    assert!(matches!(refused, Error::Locked { holder: found, .. } if found == holder));
    assert_eq!(catalog.lease("b").unwrap().version(), published.version);
    assert_eq!(catalog.bundles().unwrap().len(), 1);
    assert!(catalog.stage("other").is_ok(), "another bundle has a lock of its own");
    drop(staging);
    assert!(catalog.stage("b").is_ok());
}

#[test]
fn writers_in_a_race_publish_one_after_the_other() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let catalog = &catalog;
            scope.spawn(move || {
                let mut done = 0;
                while done < 10 {
                    let Ok(staging) = catalog.stage("b") else { continue };
                    let listings = [Listing::new("A", 0..3)];
                    let seed = writer * 100 + done;
                    let written = testing::write(staging.sink(), &listings, seed, "test");
                    let published = staging.publish(written).unwrap();
                    assert_eq!(published.version, written.version);
                    done += 1;
                }
            });
        }
    });
    let history = catalog.history("b").unwrap();
    let generations: Vec<u64> = history.iter().map(|entry| entry.generation).collect();
    assert_eq!(generations, (1..=40).rev().collect::<Vec<_>>());
    for (entry, before) in history.iter().zip(&history[1..]) {
        assert_eq!(entry.parent, Some(before.version));
    }
    assert_eq!(catalog.head("b").unwrap().version, history[0].version);
}

#[test]
fn what_is_published_must_be_what_was_written() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let listings = [Listing::new("A", 0..3)];
    let alter: [fn(&mut barrow_format::Written); 3] = [
        |written| written.file_len += 1,
        |written| written.version = Version::from_bytes([1; 32]),
        |written| written.digest = barrow_format::Digest::from_bytes([1; 32]),
    ];
    for (alter, expected) in alter.iter().zip(["length", "version", "digest"]) {
        let staging = catalog.stage("b").unwrap();
        let mut written = testing::write(staging.sink(), &listings, 1, "test");
        alter(&mut written);
        let error = staging.publish(written).unwrap_err();
        assert!(matches!(&error, Error::Staging { what, .. } if *what == expected), "{error}");
        assert!(tree(dir.path()).is_empty(), "{:?}", tree(dir.path()));
    }
}

#[test]
fn a_bare_file_is_leased_by_its_path() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let published = publish_small(&catalog, "b", 1);
    let bare = dir.path().join("copy.barrow");
    std::fs::copy(catalog.lease("b").unwrap().path(), &bare).unwrap();
    let lease = catalog.lease(bare.to_str().unwrap()).unwrap();
    assert_eq!((lease.name(), lease.version()), ("copy", published.version));
    let missing = catalog.lease("./missing.barrow").unwrap_err();
    assert_eq!(missing.to_string(), "cannot open `./missing.barrow`");
}
