//! Ways to open: every one reads the same bars, and what each promises about damaged files holds.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use barrow_format::{Compression, Values};
use tempfile::TempDir;

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::pool::BundlePool;
use crate::reading::lease::Lease;
use crate::reading::options::{OpenMode, OpenOptions, Paging, VerifyReads};
use crate::reading::reader::Origin;
use crate::testing::{self, DAY, Listing, append, publish_compressed};

fn all() -> Vec<OpenOptions> {
    let mut all = Vec::new();
    for mode in [OpenMode::Map, OpenMode::Read] {
        for verify in [VerifyReads::Never, VerifyReads::Pages, VerifyReads::Digests] {
            for (prefault, huge_pages) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let paging = Paging { prefault, huge_pages, lock: false };
                all.push(OpenOptions { mode, verify, zero_copy: false, paging });
            }
        }
    }
    all
}

fn checked(verify: VerifyReads) -> OpenOptions {
    OpenOptions { verify, ..OpenOptions::default() }
}

/// The ways to read that no changed bit gets past.
const CAREFUL: [VerifyReads; 2] = [VerifyReads::Pages, VerifyReads::Digests];

fn reading() -> OpenOptions {
    OpenOptions { mode: OpenMode::Read, ..OpenOptions::default() }
}

/// A small bundle, with gaps, an asset of one bar and one without bars.
fn small() -> (TempDir, Catalog, PathBuf) {
    encoded(Compression::None)
}

fn encoded(compression: Compression) -> (TempDir, Catalog, PathBuf) {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let listings = [
        Listing::new("A", 0..5),
        Listing::new("B", [1, 3, 4]),
        Listing::new("C", []),
        Listing::new("D", [2]),
    ];
    publish_compressed(&catalog, "b", &listings, 7, compression);
    let path = BundlePool::new(1).lease(&catalog, "b").unwrap().path().to_owned();
    (dir, catalog, path)
}

/// Everything that a user can read of a version, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Content(Vec<Vec<u8>>);

/// Reads it all, through each of the ways that there are; an error of any is an error.
fn read(lease: &Lease) -> Result<Content> {
    let mut content = Vec::new();
    let mut put = |values: Values<'_>| content.push(values.as_bytes().to_vec());
    put(Values::I64(lease.sessions()?));
    let names: Vec<&str> = lease.schema().columns().iter().map(|it| it.name.as_str()).collect();
    for asset in lease.assets() {
        let asset = asset?;
        assert_eq!(lease.asset(lease.symbol(asset))?, asset);
        let bars = lease.bars(asset);
        put(Values::U8(lease.symbol(asset).as_bytes()));
        put(Values::U8(lease.metadata(asset)?.as_bytes()));
        put(Values::I64(bars.times()?));
        for name in &names {
            put(Values::U8(name.as_bytes()));
            put(bars.column(name)?);
        }
        put(Values::F64(bars.within(DAY..4 * DAY)?.f64("close")?));
    }
    for (index, name) in names.iter().enumerate() {
        put(lease.column(name)?);
        assert_eq!(lease.record_batch()?.num_columns(), names.len());
        if index > 0 && *name != "fee" {
            put(Values::F64(&lease.panel(name, ..)?.values));
            put(Values::F64(&lease.cross_section(name, 2 * DAY)?));
        }
    }
    for adjustment in lease.adjustments()? {
        put(Values::U8(format!("{adjustment:?}").as_bytes()));
    }
    put(Values::U8(format!("{:?}", lease.provenance()?).as_bytes()));
    put(Values::U8(lease.version().to_string().as_bytes()));
    Ok(Content(content))
}

fn open(path: &Path, options: OpenOptions) -> Result<Content> {
    read(&BundlePool::new(0).lease_file_with(path, &options)?)
}

#[test]
fn however_it_is_opened_it_reads_the_same() {
    let (_dir, catalog, path) = small();
    let pool = BundlePool::new(100);
    let expected = read(&BundlePool::new(0).lease(&catalog, "b").unwrap()).unwrap();
    for (count, options) in (1..).zip(all()) {
        let lease = pool.lease_with(&catalog, "b", &options).unwrap();
        assert_eq!(lease.options(), options);
        assert_eq!(read(&lease).unwrap(), expected, "{options:?}");
        let again = pool.lease_with(&catalog, "b", &options).unwrap();
        assert_eq!(again.calendar().as_ptr(), lease.calendar().as_ptr(), "it is held");
        assert_eq!(pool.stats().open, count, "each way is held apart");
        let origin = if options.mode == OpenMode::Read { Origin::Read } else { Origin::Mapped };
        assert_eq!(lease.origin("close").unwrap(), origin);
        assert_eq!(open(&path, options).unwrap(), expected);
    }
}

/// Flips every bit of a file in turn, of padding one bit of each seventh byte; returns for how many of them reading everything gave an error, and for how many the
/// expected content. Nothing else is accepted.
fn flip_all(path: &Path, options: OpenOptions, expected: &Content) -> (usize, usize) {
    let bytes = std::fs::read(path).unwrap();
    let (next, caught, harmless) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = &|worker: usize| {
        let path = path.with_file_name(format!("flipped-{worker}.barrow"));
        std::fs::write(&path, &bytes).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(byte) = bytes.get(at) else { return };
            let around = &bytes[at.saturating_sub(32)..bytes.len().min(at + 32)];
            let padding = around.iter().all(|&byte| byte == 0);
            let bits = match (padding, at % 7) {
                (false, _) => 0..8,
                (true, 0) => at % 8..at % 8 + 1,
                (true, _) => 0..0,
            };
            for bit in bits {
                let at = u64::try_from(at).unwrap();
                file.write_all_at(&[byte ^ 1 << bit], at).unwrap();
                match open(&path, options) {
                    Err(_) => caught.fetch_add(1, Ordering::Relaxed),
                    Ok(content) => {
                        assert_eq!(&content, expected, "bit {bit} of byte {at}");
                        harmless.fetch_add(1, Ordering::Relaxed)
                    }
                };
                file.write_all_at(&[*byte], at).unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..4).map(|worker| scope.spawn(move || work(worker))).collect();
        work(0);
        for other in others {
            other.join().unwrap();
        }
    });
    assert_eq!(open(path, options).unwrap(), *expected);
    (caught.into_inner(), harmless.into_inner())
}

#[test]
fn no_flipped_bit_ends_in_wrong_bars_unless_checks_are_declined() {
    assert_eq!(OpenOptions::default().verify, VerifyReads::Pages);
    for (compression, verify) in [Compression::None, Compression::Auto]
        .into_iter()
        .flat_map(|it| CAREFUL.map(|how| (it, how)))
    {
        let (_dir, _catalog, path) = encoded(compression);
        let expected = open(&path, checked(VerifyReads::Never)).unwrap();
        let (caught, harmless) = flip_all(&path, checked(verify), &expected);
        // Every byte of a file is covered by something; but pages that nobody touches are not compared, nor are the
        // digests of sections, and a page of values that are what was written may be used.
        assert!(caught > 10_000, "{caught}");
        assert!(verify == VerifyReads::Pages || harmless == 0, "{compression:?}, {harmless}");
    }
}

#[test]
fn nor_does_one_in_any_file_of_a_version_of_many_parts() {
    let (dir, catalog, base) = small();
    append(&catalog, "b", "A", &[5, 6]);
    append(&catalog, "b", "B", &[7]);
    let spec = "b";
    let head = BundlePool::new(0).lease(&catalog, spec).unwrap().path().to_owned();
    let expected = read(&BundlePool::new(0).lease(&catalog, spec).unwrap()).unwrap();
    let (mut caught, mut harmless) = (0, 0);
    for path in [head, base] {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        // A stride that meets every section, column and place within a word; each time another bit.
        for (count, at) in (0..bytes.len()).step_by(13).enumerate() {
            let place = u64::try_from(at).unwrap();
            file.write_all_at(&[bytes[at] ^ 1 << (count % 8)], place).unwrap();
            for verify in CAREFUL {
                let lease = BundlePool::new(0).lease_with(&catalog, spec, &checked(verify));
                match lease.and_then(|it| read(&it)) {
                    Err(_) => caught += 1,
                    Ok(content) => {
                        assert_eq!(content, expected, "byte {at} of `{}`", path.display());
                        harmless += 1;
                    }
                }
            }
            let copied = BundlePool::new(0).lease_with(&catalog, spec, &reading());
            assert!(copied.is_err(), "byte {at} of `{}`", path.display());
            file.write_all_at(&bytes[at..=at], place).unwrap();
        }
    }
    assert!(caught > 2000, "{caught} caught, {harmless} harmless");
    drop(dir);
}

#[test]
fn a_copy_is_verified_before_anything_is_handed_out() {
    let (_dir, _catalog, path) = small();
    let bytes = std::fs::read(&path).unwrap();
    let flipped = path.with_file_name("flipped.barrow");
    // A stride that meets every section and column, at every place within a word.
    for at in (0..bytes.len()).step_by(41) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        std::fs::write(&flipped, &changed).unwrap();
        let opened = BundlePool::new(0).lease_file_with(&flipped, &reading());
        assert!(opened.is_err(), "byte {at}");
    }
}

#[test]
fn a_flipped_price_names_column_and_asset() {
    let (_dir, _catalog, path) = small();
    let lease = BundlePool::new(0).lease_file(&path).unwrap();
    let bars = lease.bars(lease.asset("B").unwrap());
    let start = lease.bundle().as_bytes().as_ptr().addr();
    let mut bytes = lease.bundle().as_bytes().to_vec();
    bytes[bars.f64("high").unwrap().as_ptr().addr() - start] ^= 1;
    let path = path.with_file_name("flipped.barrow");
    std::fs::write(&path, bytes).unwrap();

    for verify in CAREFUL {
        assert_names_high_of_b(
            &BundlePool::new(0).lease_file_with(&path, &checked(verify)).unwrap(),
        );
    }
    let error = BundlePool::new(0).lease_file_with(&path, &reading()).unwrap_err();
    let Error::Damaged { count: 1, first, .. } = &error else { panic!("{error:?}") };
    assert_eq!((first.column.as_deref(), first.symbol.as_deref()), (Some("high"), Some("B")));
    assert!(error.to_string().contains("column `high`, asset `B`"), "{error}");
}

/// Asserts that every way to read the highs of `B` says that they are damaged, and none to read anything else.
fn assert_names_high_of_b(lease: &Lease) {
    let bars = lease.bars(lease.asset("B").unwrap());
    for error in [
        bars.f64("high").unwrap_err(),
        bars.f64("high").unwrap_err(),
        lease.column("high").unwrap_err(),
        lease.panel("high", ..).unwrap_err(),
        lease.cross_section("high", 3 * DAY).unwrap_err(),
        lease.record_batch().unwrap_err(),
    ] {
        let Error::SeriesDigest(changed) = &error else { panic!("{error:?}") };
        assert_eq!((changed.column.as_str(), changed.symbol.as_str()), ("high", "B"));
        assert_ne!(changed.expected, changed.found);
    }
    assert_eq!(bars.low().len(), 3, "the other columns are whole");
    let other = lease.bars(lease.asset("A").unwrap());
    assert_eq!(other.f64("high").unwrap().len(), 5, "and the other assets");
}

#[test]
fn what_is_copied_no_longer_needs_its_file() {
    let (_dir, catalog, path) = small();
    let expected = read(&BundlePool::new(0).lease(&catalog, "b").unwrap()).unwrap();
    let copied = BundlePool::new(0).lease_with(&catalog, "b", &reading()).unwrap();
    let file = std::fs::OpenOptions::new();
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "the file is the test's own")]
    permissions.set_readonly(false);
    std::fs::set_permissions(&path, permissions).unwrap();
    file.clone().write(true).open(&path).unwrap().set_len(0).unwrap();
    copied.check_file().unwrap();
    assert_eq!(read(&copied).unwrap(), expected);
}

#[test]
fn a_file_that_is_cut_short_is_noticed_at_the_next_lease() {
    let (_dir, catalog, path) = small();
    let pool = BundlePool::new(4);
    let lease = pool.lease(&catalog, "b").unwrap();
    lease.check_file().unwrap();
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "the file is the test's own")]
    permissions.set_readonly(false);
    std::fs::set_permissions(&path, permissions).unwrap();
    lease.check_file().unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 4096).unwrap();
    let error = lease.check_file().unwrap_err();
    assert!(matches!(error, Error::Mismatch { what: "length", .. }), "{error:?}");
    // A thread that has not leased it yet has nothing remembered, and asks the pool.
    let elsewhere = std::thread::scope(|scope| {
        scope.spawn(|| pool.lease(&catalog, "b").map(drop)).join().unwrap()
    });
    assert!(matches!(elsewhere, Err(Error::Corrupt { .. })), "{elsewhere:?}");
    assert_eq!(pool.stats().open, 0, "it is not held any longer");
    std::fs::remove_file(&path).unwrap();
    lease.check_file().unwrap();
}

#[test]
fn zero_copy_is_granted_or_refused_never_pretended() {
    let (_dir, catalog, _path) = small();
    let pool = BundlePool::new(4);
    let strict = OpenOptions { zero_copy: true, ..OpenOptions::default() };
    let lease = pool.lease_with(&catalog, "b", &strict).unwrap();
    assert_eq!(lease.origin("close").unwrap(), Origin::Mapped);
    let copied = OpenOptions { mode: OpenMode::Read, ..strict };
    let error = pool.lease_with(&catalog, "b", &copied).unwrap_err();
    assert!(matches!(error, Error::NotMapped { .. }), "{error:?}");
    let (_dir, catalog, _path) = encoded(Compression::Zstd);
    assert_eq!(pool.lease(&catalog, "b").unwrap().origin("close").unwrap(), Origin::Decoded);
    let error = pool.lease_with(&catalog, "b", &strict).unwrap_err();
    assert!(error.to_string().ends_with("column `time`, which is decoded"), "{error}");
}

#[test]
fn locking_in_memory_works_or_says_why_not() {
    let (_dir, catalog, _path) = small();
    let paging = Paging { lock: true, ..Paging::default() };
    for mode in [OpenMode::Map, OpenMode::Read] {
        let options = OpenOptions { mode, paging, ..OpenOptions::default() };
        match BundlePool::new(0).lease_with(&catalog, "b", &options) {
            Ok(lease) => drop(read(&lease).unwrap()),
            Err(error) => assert!(matches!(error, Error::Io { verb: "lock in memory", .. })),
        }
    }
}
