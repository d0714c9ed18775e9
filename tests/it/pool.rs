//! Promise: a lease pins one version, the pool hands out the newest, and nobody ever sees a mixture,
//! whatever writers publish meanwhile.
//!
//! Method: one writer publishes versions in which every close is the number of the version; sixteen
//! readers lease, check that all closes of their lease agree, keep some leases, and check those again
//! later. Then the pool's counters are compared with what happened.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow_array::Array;
use barrow_store::{BundlePool, Catalog, Lease};
use barrow_tests::content::{Content, Series};

/// Content in which every close is `number`.
fn numbered(number: u32) -> Content {
    let mut content = Content::small();
    for asset in &mut content.assets {
        let rows = asset.rows();
        asset.series[4] = Series::F64(vec![f64::from(number); rows]);
    }
    content
}

fn publish(catalog: &Catalog, name: &str, content: &Content) -> barrow_store::Published {
    let staging = catalog.stage(name).expect("the writer's lock is free");
    let written = content.write_to(staging.sink()).expect("content can be written");
    staging.publish(written).expect("it can be published")
}

/// The one number that all closes of a lease are.
fn number_of(lease: &Lease) -> f64 {
    let closes = lease.f64("close").expect("daily bars");
    assert!(closes.iter().all(|close| close == &closes[0]), "a mixture of versions: {closes:?}");
    closes[0]
}

#[test]
fn readers_see_whole_versions_while_a_writer_publishes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Catalog::at(folder.path());
    let pool = BundlePool::new(4);
    publish(&catalog, "moving", &numbered(1));
    let last = 40;
    let published = AtomicU64::new(1);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut kept: Vec<(f64, Lease)> = Vec::new();
                let mut newest = 0.0;
                while !done.load(Ordering::Acquire) {
                    let before = published.load(Ordering::Acquire);
                    let lease = pool.lease(&catalog, "moving").expect("it can be leased");
                    let number = number_of(&lease);
                    assert!(number >= newest, "a later lease never shows an older version");
                    let floor = f64::from(u32::try_from(before).expect("few versions"));
                    assert!(number >= floor, "{number} was leased after {floor} was published");
                    newest = number;
                    if kept.last().is_none_or(|(kept, _)| *kept < number) {
                        kept.push((number, lease));
                    }
                }
                for (number, lease) in &kept {
                    assert_eq!(number_of(lease), *number, "a lease never changes its version");
                }
            });
        }
        for number in 2..=last {
            publish(&catalog, "moving", &numbered(number));
            published.store(u64::from(number), Ordering::Release);
        }
        done.store(true, Ordering::Release);
    });
    let stats = pool.stats();
    assert!(stats.misses <= u64::from(last) + 16, "each version opens about once: {stats:?}");
    assert!(stats.hits > 0 && stats.open <= 4, "{stats:?}");
    assert_eq!(number_of(&pool.lease(&catalog, "moving").expect("leased")), f64::from(last));
}

#[test]
fn history_names_every_version_and_each_can_be_leased() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Catalog::at(folder.path());
    let published: Vec<_> =
        (1..=5).map(|n| publish(&catalog, "kept", &numbered(n)).version).collect();
    let history = catalog.history("kept").expect("a history");
    let newest_first: Vec<_> = published.iter().rev().copied().collect();
    assert_eq!(history.iter().map(|entry| entry.version).collect::<Vec<_>>(), newest_first);
    let parents: Vec<_> = history.iter().map(|entry| entry.parent).collect();
    let expected: Vec<_> = newest_first[1..].iter().copied().map(Some).chain([None]).collect();
    assert_eq!(parents, expected);
    for (number, version) in (1..).zip(&published) {
        let spec = format!("kept@{version}");
        let lease = catalog.lease(&spec).expect("an old version can be leased");
        assert_eq!((number_of(&lease), lease.version()), (f64::from(number), *version));
    }
}

#[test]
fn the_same_content_is_published_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Catalog::at(folder.path());
    let first = publish(&catalog, "same", &numbered(7));
    let again = publish(&catalog, "same", &numbered(7));
    assert!(!first.unchanged && again.unchanged);
    assert_eq!((first.version, first.generation), (again.version, again.generation));
    assert_eq!(catalog.history("same").expect("a history").len(), 1);
}

#[test]
fn a_staging_that_is_dropped_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Catalog::at(folder.path().join("root"));
    let staging = catalog.stage("never").expect("the writer's lock is free");
    Content::small().write_to(staging.sink()).expect("content can be written");
    drop(staging);
    assert!(catalog.lease("never").is_err());
    assert!(catalog.names().unwrap_or_default().is_empty());
    publish(&catalog, "kept", &numbered(1));
    let before = tree(folder.path());
    let staging = catalog.stage("kept").expect("the writer's lock is free");
    numbered(2).write_to(staging.sink()).expect("content can be written");
    drop(staging);
    assert_eq!(tree(folder.path()), before);
}

/// Paths and contents of all files below a folder.
fn tree(folder: &std::path::Path) -> BTreeSet<(std::path::PathBuf, Vec<u8>)> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                found.insert((path, bytes));
            }
        }
    }
    found
}

#[test]
fn leases_point_into_one_map() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Catalog::at(folder.path());
    publish(&catalog, "one", &numbered(3));
    let address = |lease: &Lease| lease.f64("close").expect("daily bars").as_ptr().addr();
    let first = catalog.lease("one").expect("leased");
    let addresses: BTreeSet<usize> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| address(&catalog.lease("one").expect("leased"))))
            .collect();
        readers.into_iter().map(|reader| reader.join().expect("no reader panics")).collect()
    });
    assert_eq!(addresses, BTreeSet::from([address(&first)]));
}

#[test]
fn arrow_batches_point_into_the_map_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Catalog::at(folder.path());
    publish(&catalog, "arrow", &Content::small());
    let lease = catalog.lease("arrow").expect("leased");
    let batch = lease.record_batch().expect("a batch");
    for (index, column) in lease.schema().columns().iter().enumerate() {
        let map = lease.column(&column.name).expect("a column").as_bytes().as_ptr();
        let arrow = batch.column(index).to_data().buffers()[0].as_ptr();
        assert_eq!(arrow, map, "column `{}`", column.name);
    }
}

#[test]
fn reading_needs_no_permission_to_write() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Catalog::at(folder.path());
    publish(&catalog, "fixed", &numbered(9));
    let before = tree(folder.path());
    let mut folders = vec![folder.path().to_path_buf()];
    let mut modes = Vec::new();
    while let Some(path) = folders.pop() {
        let mode = std::fs::metadata(&path).expect("a folder").permissions();
        modes.push((path.clone(), mode));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o555)).expect("mine");
        for entry in std::fs::read_dir(&path).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    let pool = BundlePool::new(1);
    let number = pool.lease(&catalog, "fixed").map(|lease| number_of(&lease));
    let history = catalog.history("fixed").map(|entries| entries.len());
    for (path, mode) in modes {
        std::fs::set_permissions(path, mode).expect("mine");
    }
    assert_eq!((number.expect("leased"), history.expect("a history")), (9.0, 1));
    assert_eq!(tree(folder.path()), before, "reading writes nothing");
    for entry in std::fs::read_dir(folder.path().join("fixed/parts")).expect("the parts") {
        let mode = entry.expect("an entry").metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o222, 0, "parts are read-only");
    }
}
