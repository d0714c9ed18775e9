//! A catalog under sequences of operations, beside a naive model of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Frequency, LogicalType, PhysicalType, Provenance,
    Schema, Stamp, Values, Version,
};
use barrow_store::{
    AssetBars, BundlePool, Catalog, Error, Lease, PruneMode, PrunePolicy, StageOptions,
};

const NAME: &str = "bars";

/// What a bundle holds: bits of closes by symbol and time.
type Content = BTreeMap<String, BTreeMap<i64, u64>>;

/// The bytes of an input, one after the other; zeros behind the last.
struct Input<'i>(std::slice::Iter<'i, u8>);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn symbol(&mut self) -> String {
        char::from(b'A' + self.byte() % 4).to_string()
    }

    fn close(&mut self) -> f64 {
        match self.byte() {
            0x80 => f64::NAN,
            0x81 => -0.0,
            byte => f64::from(byte) / 4.0,
        }
    }

    fn place(&mut self, len: usize) -> Option<usize> {
        usize::from(self.byte()).checked_rem(len)
    }
}

/// The catalog and what it should hold.
struct Model {
    catalog: Catalog,
    pool: BundlePool,
    /// Versions that were published and not seen to go, with what they hold.
    versions: BTreeMap<Version, Content>,
    newest: Option<Version>,
    /// Whether the newest version was published before, and others since.
    brought_back: bool,
    pinned: BTreeSet<Version>,
    leases: Vec<(Lease, Content)>,
    /// Every content so far: equal contents have equal versions.
    seen: BTreeMap<Content, Version>,
}

/// A sequence of operations: publications, appends, corrections, leases that are taken, read and
/// dropped, pins, pruning, compaction, restoring. Every answer is that of a naive model: no version in
/// use, pinned or newest goes; every version that is there holds what was published; leases never change.
pub fn pool_ops(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut model = Model {
        catalog: Catalog::at(folder.path()),
        pool: BundlePool::new(2),
        versions: BTreeMap::new(),
        newest: None,
        brought_back: false,
        pinned: BTreeSet::new(),
        leases: Vec::new(),
        seen: BTreeMap::new(),
    };
    let mut input = Input(input.iter());
    for _ in 0..24 {
        if input.0.len() == 0 {
            break;
        }
        model.operate(&mut input);
        model.check();
    }
    model.leases.clear();
    model.pool.clear();
    model.check();
}

impl Model {
    fn operate(&mut self, input: &mut Input<'_>) {
        let operation = input.byte() % 12;
        if self.newest.is_none() && operation != 3 && operation != 6 {
            return self.publish(input);
        }
        match operation {
            0 => self.publish(input),
            1 => self.append(input),
            2 => self.correct(input),
            3 => self.lease_newest(),
            4 => self.lease_version(input),
            5 => {
                if let Some(place) = input.place(self.leases.len()) {
                    self.leases.swap_remove(place);
                }
            }
            6 => self.pool.clear(),
            7 => self.prune(usize::from(input.byte() % 4), PruneMode::Remove),
            8 => self.prune(usize::from(input.byte() % 4), PruneMode::DryRun),
            9 => self.pin(input),
            10 => {
                let compacted = self.catalog.compact(NAME, &StageOptions::default());
                let compacted = compacted.expect("a bundle can be compacted");
                assert_eq!(Some(compacted.version), self.newest);
            }
            _ => self.restore(input),
        }
    }

    fn content(&self) -> Content {
        self.newest.map(|newest| self.versions[&newest].clone()).unwrap_or_default()
    }

    fn publish(&mut self, input: &mut Input<'_>) {
        let mut content = Content::new();
        for _ in 0..=input.byte() % 3 {
            let rows: &mut BTreeMap<i64, u64> = content.entry(input.symbol()).or_default();
            for _ in 0..input.byte() % 5 {
                rows.insert(i64::from(input.byte()), input.close().to_bits());
            }
        }
        let staging = self.catalog.stage(NAME).expect("no other writer");
        let spec = BundleSpec {
            schema: schema(),
            assets: content.iter().map(|(s, rows)| AssetSpec::new(s, rows.len() as u64)).collect(),
            adjustments: Vec::new(),
            provenance: Provenance::default(),
        };
        let writer = BundleWriter::new(spec, staging.sink()).expect("a possible spec");
        for (place, rows) in content.values().enumerate() {
            let times: Vec<i64> = rows.keys().copied().collect();
            let closes: Vec<f64> = rows.values().copied().map(f64::from_bits).collect();
            writer.put(place, 0, Values::I64(&times)).expect("written");
            writer.put(place, 1, Values::F64(&closes)).expect("written");
        }
        let written = writer.finish().expect("all series were given");
        let published = staging.publish(written).expect("a publication");
        self.published(published.version, content);
    }

    fn published(&mut self, version: Version, content: Content) {
        let known = *self.seen.entry(content.clone()).or_insert(version);
        assert_eq!(known, version, "the version is the content");
        self.brought_back = self.versions.insert(version, content).is_some();
        self.newest = Some(version);
        let versions: BTreeSet<Version> = self.seen.values().copied().collect();
        assert_eq!(versions.len(), self.seen.len(), "other content, another version");
    }

    fn append(&mut self, input: &mut Input<'_>) {
        let (symbol, close) = (input.symbol(), input.close());
        let mut content = self.content();
        let rows = content.entry(symbol.clone()).or_default();
        let last = rows.last_key_value().map(|(time, _)| *time);
        let time = last.unwrap_or(100) + i64::from(input.byte().cast_signed()) / 8;
        let possible = match rows.get(&time) {
            Some(bits) => *bits == close.to_bits(),
            None => last.is_none_or(|last| time > last),
        };
        rows.insert(time, close.to_bits());
        let done = self.revise(&symbol, time, close, false);
        assert_eq!(done.is_ok(), possible, "appending `{symbol}` {time}: {done:?}");
        if let Ok(version) = done {
            self.published(version, content);
        }
    }

    fn correct(&mut self, input: &mut Input<'_>) {
        let (symbol, close) = (input.symbol(), input.close());
        let time = i64::from(input.byte());
        let mut content = self.content();
        content.entry(symbol.clone()).or_default().insert(time, close.to_bits());
        let version = self.revise(&symbol, time, close, true).expect("a correction is possible");
        self.published(version, content);
    }

    fn revise(
        &self,
        symbol: &str,
        time: i64,
        close: f64,
        corrects: bool,
    ) -> Result<Version, Error> {
        let mut revision = self.catalog.revise(NAME, &StageOptions::default())?;
        let (times, closes) = ([time], [close]);
        let columns = [("time", Values::I64(&times)), ("close", Values::F64(&closes))];
        let bars = AssetBars { symbol, metadata: "", columns: &columns };
        if corrects { revision.correct(&bars) } else { revision.append(&bars) }?;
        Ok(revision.publish()?.version)
    }

    fn lease_newest(&mut self) {
        match (self.pool.lease(&self.catalog, NAME), self.newest) {
            (Ok(lease), Some(newest)) => {
                assert_eq!(lease.version(), newest, "a lease is of the newest version");
                self.leases.push((lease, self.content()));
            }
            (Err(Error::UnknownBundle { .. }), None) => {}
            (found, newest) => panic!("{found:?} where the newest version is {newest:?}"),
        }
    }

    fn lease_version(&mut self, input: &mut Input<'_>) {
        let Some(place) = input.place(self.versions.len()) else { return };
        let (version, content) = self.versions.iter().nth(place).expect("a version of the model");
        let lease = self.pool.lease(&self.catalog, &format!("{NAME}@{version}"));
        let lease = lease.expect("a version that was not pruned can be leased");
        self.leases.push((lease, content.clone()));
    }

    fn prune(&mut self, keep: usize, mode: PruneMode) {
        let policy = PrunePolicy { keep, published_before_ns: None, mode, wait: Duration::ZERO };
        let pruned = self.catalog.prune(NAME, &policy).expect("a bundle can be pruned");
        let gone = pruned.removed.iter().map(|entry| entry.version);
        let before = self.versions.len();
        for version in gone {
            assert!(Some(version) != self.newest, "the newest version stays");
            assert!(!self.pinned.contains(&version), "a pinned version stays");
            let leased = self.leases.iter().any(|(lease, _)| lease.version() == version);
            assert!(!leased, "a leased version stays");
            if mode == PruneMode::Remove {
                assert!(self.versions.remove(&version).is_some(), "it was there");
            }
        }
        assert_eq!(pruned.kept + pruned.removed.len(), before);
        assert!(pruned.kept >= keep.max(1).min(before));
        // Of those that may go, each went or is told why not. A version that was brought back stays though it
        // may stand among the old ones.
        assert!(pruned.kept - pruned.spared.len() <= keep.max(1) + usize::from(self.brought_back));
    }

    fn pin(&mut self, input: &mut Input<'_>) {
        let Some(place) = input.place(self.versions.len()) else { return };
        let version = *self.versions.keys().nth(place).expect("a version of the model");
        if self.pinned.remove(&version) {
            assert!(self.catalog.unpin(NAME, version).expect("a pin can go"), "it was pinned");
        } else {
            self.catalog.pin(NAME, version, "").expect("a version can be pinned");
            self.pinned.insert(version);
        }
    }

    fn restore(&mut self, input: &mut Input<'_>) {
        let Some(place) = input.place(self.versions.len()) else { return };
        let (version, content) = self.versions.iter().nth(place).expect("a version of the model");
        let (version, content) = (*version, content.clone());
        let restored = self.catalog.restore(NAME, version, &StageOptions::default());
        assert_eq!(restored.expect("a version can be restored").version, version);
        self.published(version, content);
    }

    /// Compares catalog and leases with the model.
    fn check(&self) {
        for (lease, content) in &self.leases {
            assert_eq!(&read(lease), content, "a lease holds what it was leased for");
        }
        let Some(newest) = self.newest else { return };
        let head = self.catalog.head(NAME).expect("a bundle has a head");
        assert_eq!(head.version, newest);
        let history = self.catalog.history(NAME).expect("a bundle has a history");
        let found: BTreeSet<Version> = history.iter().map(|entry| entry.version).collect();
        assert!(found.iter().eq(self.versions.keys()), "the history has every version");
        let lease = self.catalog.lease(&format!("{NAME}@{newest}")).expect("the newest opens");
        assert_eq!(read(&lease), self.versions[&newest]);
        assert!(lease.verify(1).ok(), "and verifies");
    }
}

fn schema() -> Schema {
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
    ];
    Schema::new(columns, Frequency::Irregular, "UTC", Stamp::BarEnd, "").expect("a possible schema")
}

fn read(lease: &Lease) -> Content {
    let mut content = Content::new();
    for asset in lease.assets() {
        let asset = asset.expect("an asset");
        let bars = lease.bars(asset);
        let times = bars.column("time").expect("times").as_i64().expect("i64").iter();
        let closes = bars.f64("close").expect("closes").iter().map(|close| close.to_bits());
        content.insert(lease.symbol(asset).to_owned(), times.copied().zip(closes).collect());
    }
    content
}

/// A catalog whose files an attacker wrote, and names that lead elsewhere. The first byte says which file
/// of a whole bundle is replaced by the rest or patched with it; the rest is also used as a name. Nothing
/// panics, nothing is written outside the catalog, and what opens and verifies is what was published.
pub fn hostile_catalog(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("root");
    let mut model = Model {
        catalog: Catalog::at(&root),
        pool: BundlePool::new(2),
        versions: BTreeMap::new(),
        newest: None,
        brought_back: false,
        pinned: BTreeSet::new(),
        leases: Vec::new(),
        seen: BTreeMap::new(),
    };
    model.publish(&mut Input([1, 0, 3, 1, 4, 2, 8, 3, 16].iter()));
    model.append(&mut Input([0, 9, 120].iter()));
    model.pin(&mut Input([0].iter()));
    let (&choice, rest) = input.split_first().unwrap_or((&0, &[]));
    let files = files(&root.join(NAME));
    damage(&files[usize::from(choice >> 2) % files.len()], choice, rest);
    let name = String::from_utf8_lossy(rest);
    let catalog = model.catalog.clone();
    let wait = StageOptions::default();
    for spec in [NAME, name.as_ref(), &format!("{NAME}@{name}")] {
        // A name of the catalog, that is: the path of a bundle file is one that the user chose.
        if spec.contains('/') || spec.ends_with(".barrow") {
            continue;
        }
        if let Ok(lease) = catalog.lease(spec)
            && lease.verify(1).ok()
        {
            let known = model.versions.get(&lease.version());
            assert_eq!(Some(&read(&lease)), known, "what opens and verifies was published");
        }
    }
    let bundle = name.as_ref();
    for bundle in [NAME, bundle] {
        let _ = catalog.bundle(bundle);
        let _ = catalog.history(bundle);
        let _ = catalog.timeline(bundle);
        let _ = catalog.pins(bundle);
        let _ = catalog.version(bundle, &name);
        let _ = catalog.compact(bundle, &wait);
        let _ = catalog.stage(bundle).map(drop);
        for mode in [PruneMode::DryRun, PruneMode::Remove] {
            let policy =
                PrunePolicy { keep: 1, published_before_ns: None, mode, wait: Duration::ZERO };
            let _ = catalog.prune(bundle, &policy);
        }
    }
    let _ = catalog.names();
    let _ = catalog.bundles();
    let beside: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the temporary folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(beside, ["root"], "nothing is written outside the catalog");
}

/// Every file of a bundle, by path.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the bundle") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Replaces a file, or patches it at places that the bytes tell, or removes it, or makes a link of it.
fn damage(file: &Path, choice: u8, bytes: &[u8]) {
    let mut content = std::fs::read(file).expect("a file of the bundle");
    std::fs::remove_file(file).expect("a file of the bundle");
    match choice % 4 {
        0 => content = bytes.to_vec(),
        1 => {
            for patch in bytes.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
                let len = content.len().max(1);
                if let Some(byte) = content.get_mut(at % len) {
                    *byte = patch[2];
                }
            }
        }
        2 => {
            let share = usize::from(bytes.first().copied().unwrap_or(0));
            content.truncate(share * content.len() / 256);
        }
        _ => return,
    }
    std::fs::write(file, content).expect("a file of the bundle");
}
