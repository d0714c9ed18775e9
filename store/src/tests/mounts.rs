//! Mounts against their sources, and what becomes of them when nobody, somebody or too many want them.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Barrier;

use barrow_format::Compression;
use tempfile::TempDir;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::mount::mounts::{MountError, Mounts};
use crate::pool::BundlePool;
use crate::reading::lease::Lease;
use crate::reading::options::{OpenMode, OpenOptions};
use crate::reading::reader::Origin;
use crate::testing::{self, DAY, Listing, append, publish, publish_compressed, tree};

struct Place {
    _dir: TempDir,
    catalog: Catalog,
    mounts: Mounts,
}

fn listings() -> [Listing; 3] {
    [Listing::new("A", 0..3000), Listing::new("B", (0..3000).step_by(3)), Listing::new("C", [])]
}

impl Place {
    fn new() -> Self {
        let dir = testing::dir();
        let (catalog, mounts) = (dir.path().join("catalog"), dir.path().join("mounts"));
        Self { catalog: Catalog::at(catalog), mounts: Mounts::at(mounts), _dir: dir }
    }

    /// Publishes a compressed bundle and leases it, decoded.
    fn compressed(&self, name: &str, seed: u32) -> Lease {
        publish_compressed(&self.catalog, name, &listings(), seed, Compression::Auto);
        BundlePool::new(0).lease(&self.catalog, name).unwrap()
    }

    fn mounted(&self) -> Vec<String> {
        let mut names = tree(self.mounts.folder());
        names.retain(|name| name != "LOCK");
        names
    }
}

fn same(a: &Lease, b: &Lease) {
    assert_eq!((a.version(), a.calendar()), (b.version(), b.calendar()));
    assert_eq!(a.provenance().unwrap(), b.provenance().unwrap());
    for (asset, other) in a.assets().zip(b.assets()) {
        let (asset, other) = (asset.unwrap(), other.unwrap());
        assert_eq!(a.symbol(asset), b.symbol(other));
        assert_eq!(a.metadata(asset).unwrap(), b.metadata(other).unwrap());
    }
    for column in a.schema().columns() {
        let (a, b) = (a.column(&column.name).unwrap(), b.column(&column.name).unwrap());
        assert_eq!(a.as_bytes(), b.as_bytes(), "{}", column.name);
    }
}

#[test]
fn a_mount_is_the_version_as_a_raw_file() {
    let place = Place::new();
    let decoded = place.compressed("b", 1);
    let mount = place.mounts.mount(&decoded).unwrap();
    let mapped = BundlePool::new(0).lease_file(mount.path()).unwrap();
    same(&mapped, &decoded);
    assert_eq!(mapped.origin("close").unwrap(), Origin::Mapped);
    assert!(mapped.verify(1).ok());
    let mode = std::fs::metadata(mount.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444, "it is read-only");
    let raw = publish(&place.catalog, "raw", &listings(), 1);
    assert_eq!(raw.version, decoded.version());
    assert_eq!(std::fs::metadata(mount.path()).unwrap().len(), raw.bytes);
    let entry = &place.mounts.entries().unwrap()[0];
    assert_eq!((entry.version, entry.source), (decoded.version(), decoded.bundle().digest()));
    assert_eq!((entry.bytes, entry.kept, entry.held), (raw.bytes, false, true));
}

#[test]
fn a_version_of_many_parts_is_mounted_as_one() {
    let place = Place::new();
    publish(&place.catalog, "b", &listings(), 1);
    append(&place.catalog, "b", "A", &[3000, 3001, 3005]);
    append(&place.catalog, "b", "C", &[10]);
    let lease = BundlePool::new(0).lease(&place.catalog, "b").unwrap();
    assert_eq!(lease.origin("close").unwrap(), Origin::Decoded);
    let mount = place.mounts.mount(&lease).unwrap();
    let mapped = BundlePool::new(0).lease_file(mount.path()).unwrap();
    same(&mapped, &lease);
    assert_eq!(mapped.origin("close").unwrap(), Origin::Mapped);
    assert!(mapped.verify(1).ok());
}

#[test]
fn it_goes_with_the_last_one_who_holds_it_unless_it_is_kept() {
    let place = Place::new();
    let lease = place.compressed("b", 1);
    let (first, second) =
        (place.mounts.mount(&lease).unwrap(), place.mounts.mount(&lease).unwrap());
    assert_eq!(first.path(), second.path());
    drop(first);
    assert!(second.path().exists());
    drop(second);
    assert_eq!(place.mounted(), [""; 0]);

    let kept = place.mounts.keep(&lease).unwrap();
    assert!(kept.kept && !kept.held);
    let inode = || std::fs::metadata(&kept.path).unwrap().ino();
    let before = inode();
    drop(place.mounts.mount(&lease).unwrap());
    assert_eq!(inode(), before, "it was there already");
    let held = place.mounts.mount(&lease).unwrap();
    let removed = place.mounts.unmount(lease.version()).unwrap();
    assert_eq!((removed.len(), removed[0].held), (1, true));
    assert!(held.path().exists(), "nothing is taken from those who use it");
    drop(held);
    assert_eq!(place.mounted(), [""; 0]);
    assert!(place.mounts.unmount(lease.version()).unwrap().is_empty());
    place.mounts.keep(&lease).unwrap();
    assert!(!place.mounts.unmount(lease.version()).unwrap()[0].held);
    assert_eq!(place.mounted(), [""; 0]);
}

#[test]
fn whoever_asks_at_once_gets_one() {
    let place = Place::new();
    let lease = place.compressed("b", 1);
    for _ in 0..5 {
        let barrier = Barrier::new(8);
        let mounts: Vec<_> = std::thread::scope(|scope| {
            let ask = || {
                barrier.wait();
                place.mounts.mount(&lease).unwrap()
            };
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let inode = std::fs::metadata(mounts[0].path()).unwrap().ino();
        let held: BTreeSet<u64> = mounts.iter().map(|it| it.inode().unwrap()).collect();
        assert_eq!(held, [inode].into());
    }
    assert_eq!(place.mounted(), [""; 0]);
}

#[test]
fn mounts_nobody_uses_make_room_and_the_others_stay() {
    let place = Place::new();
    let leases = [1, 2, 3].map(|seed| place.compressed(&format!("b{seed}"), seed));
    let [a, b, c] = [0, 1, 2].map(|at| &leases[at]);
    let size = place.mounts.keep(a).unwrap().bytes;
    let mounts = place.mounts.clone().with_budget_bytes(size * 5 / 2);
    mounts.keep(b).unwrap();
    // Used again, so that the other one is the least recently used.
    let pause = || std::thread::sleep(std::time::Duration::from_millis(20));
    pause();
    drop(mounts.mount(a).unwrap());
    pause();
    let third = mounts.mount(c).unwrap();
    let versions = || -> BTreeSet<_> {
        mounts.entries().unwrap().into_iter().map(|entry| entry.version).collect()
    };
    assert_eq!(versions(), [a.version(), c.version()].into());
    let first = mounts.mount(a).unwrap();
    let refused = mounts.mount(b).unwrap_err();
    let Error::Mount(problem) = &refused else { panic!("{refused:?}") };
    let MountError::Room { held_bytes, budget_bytes, .. } = **problem else { panic!("{refused}") };
    assert_eq!((held_bytes, budget_bytes), (2 * size, size * 5 / 2));
    assert_eq!(versions(), [a.version(), c.version()].into());
    drop((first, third));
    let second = mounts.mount(b).unwrap();
    assert_eq!(versions(), [a.version(), b.version()].into(), "one that is kept, one in use");
    drop(second);
}

#[test]
fn what_the_dead_left_is_swept() {
    let place = Place::new();
    let (one, other) = (place.compressed("b", 1), place.compressed("c", 2));
    let folder = place.mounts.folder();
    // A mount whose user died without letting go of it, a builder that died, and a mark without its mount.
    let mount = place.mounts.mount(&one).unwrap();
    let orphan = mount.path().with_file_name(format!(
        "{}-{}.barrow",
        other.version(),
        one.bundle().digest()
    ));
    std::fs::copy(mount.path(), &orphan).unwrap();
    std::fs::write(folder.join(".tmp-x"), "half").unwrap();
    std::fs::write(folder.join("x-y.keep"), "").unwrap();
    std::fs::write(folder.join("README"), "a stranger's").unwrap();
    let second = place.mounts.mount(&other).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut expected = vec![name(mount.path()), name(second.path()), "README".to_owned()];
    expected.sort();
    assert_eq!(place.mounted(), expected);
}

#[test]
fn a_damaged_source_is_an_error_and_leaves_nothing() {
    let place = Place::new();
    let lease = place.compressed("b", 1);
    let mut bytes = lease.bundle().as_bytes().to_vec();
    let sections = lease.bundle().sections().iter();
    let data =
        sections.map(|it| (it.kind, it.offset)).find(|it| it.0 == barrow_format::SectionKind::Data);
    bytes[usize::try_from(data.unwrap().1).unwrap()] ^= 4;
    let path = place.catalog.root().join("damaged.barrow");
    std::fs::write(&path, bytes).unwrap();
    let damaged = BundlePool::new(0).lease_file(&path).unwrap();
    assert!(matches!(place.mounts.mount(&damaged), Err(Error::Corrupt { .. })));
    assert_eq!(place.mounted(), [""; 0]);
}

#[test]
fn a_folder_for_everyone_is_refused() {
    let place = Place::new();
    let lease = place.compressed("b", 1);
    std::fs::create_dir(place.mounts.folder()).unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.mounts.folder(), open).unwrap();
    let refused = place.mounts.mount(&lease).unwrap_err().to_string();
    assert!(refused.ends_with("cannot hold mounts: everyone may write to it"), "{refused}");
}

#[test]
fn a_lease_that_asks_for_it_is_mounted() {
    let place = Place::new();
    let decoded = place.compressed("b", 1);
    publish(&place.catalog, "raw", &listings(), 1);
    assert!(place.mounts.clone().share(), "no other test asks for the shared folder");
    assert!(!Mounts::at("/elsewhere").share());
    let options = OpenOptions { mode: OpenMode::Mount, zero_copy: true, ..OpenOptions::default() };
    let pool = BundlePool::new(4);
    let mounted = pool.lease_with(&place.catalog, "b", &options).unwrap();
    assert!(mounted.path().starts_with(place.mounts.folder()));
    assert_eq!((mounted.name(), mounted.origin("close").unwrap()), ("b", Origin::Mapped));
    same(&mounted, &decoded);
    let bars = mounted.bars(mounted.asset("B").unwrap()).between(DAY..100 * DAY);
    assert_eq!(
        bars.close(),
        decoded.bars(decoded.asset("B").unwrap()).between(DAY..100 * DAY).close()
    );
    let pinned =
        pool.lease_with(&place.catalog, &format!("b@{}", mounted.version()), &options).unwrap();
    assert_eq!(pinned.calendar().as_ptr(), mounted.calendar().as_ptr(), "one map for both names");
    let raw = pool.lease_with(&place.catalog, "raw", &options).unwrap();
    assert!(raw.path().starts_with(place.catalog.root()), "a raw file is mapped as it is");
    assert_eq!(place.mounts.entries().unwrap().len(), 1);
    pool.clear();
    drop((raw, pinned));
    let keeper = mounted.clone();
    drop(mounted);
    assert_eq!(place.mounts.entries().unwrap().len(), 1);
    let batch = keeper.record_batch().unwrap();
    drop(keeper);
    assert_eq!(place.mounts.entries().unwrap().len(), 1, "an Arrow batch holds it too");
    drop(batch);
    assert_eq!(place.mounted(), [""; 0]);
}
