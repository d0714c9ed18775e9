//! Machines: catalogs that push and fetch.

use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Frequency, LogicalType, PhysicalType, Provenance,
    Schema, Stamp, Values, Version,
};
use barrow_store::{
    AssetBars, BundlePool, Catalog, Error, Fetched, Pushed, Remote, RemoteError, StageOptions,
    TransferOptions,
};

/// Of which length objects are.
pub(crate) const OBJECT_BYTES: u64 = 8 << 20;

const MINUTE: i64 = 60_000_000_000;

/// A catalog in a directory of its own.
pub(crate) struct Machine {
    _folder: tempfile::TempDir,
    pub(crate) catalog: Catalog,
}

/// Times and closes of some rows, beginning at one of them.
fn rows(first: i64, count: i64) -> (Vec<i64>, Vec<Vec<f64>>) {
    let time = (first..first + count).map(|row| row * MINUTE).collect();
    let number = |row: i64| {
        f64::from(u32::try_from(row.wrapping_mul(2_654_435_761) & 0xff_ffff).expect("24 bits"))
    };
    let close =
        (0..5).map(|column| (first..first + count).map(|row| number(row * 5 + column)).collect());
    (time, close.collect())
}

const PRICES: [&str; 5] = ["open", "high", "low", "close", "adjusted"];

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let catalog = Catalog::at(folder.path());
        Self { _folder: folder, catalog }
    }

    /// Publishes a bundle of one asset; its rows are the same whatever its name.
    pub(crate) fn publish(&self, name: &str, count: u32) {
        let mut columns = vec![Column::new("time", PhysicalType::I64, LogicalType::Timestamp)];
        let price = |name: &&str| Column::new(*name, PhysicalType::F64, LogicalType::Price);
        columns.extend(PRICES.iter().map(price));
        let spec = BundleSpec {
            schema: Schema::new(
                columns,
                Frequency::Intraday { step_ns: MINUTE },
                "UTC",
                Stamp::BarStart,
                "",
            )
            .expect("a possible schema"),
            assets: vec![AssetSpec::new("A", u64::from(count))],
            adjustments: Vec::new(),
            provenance: Provenance::default(),
        };
        let staging = self.catalog.stage(name).expect("a staging");
        let writer = BundleWriter::new(spec, staging.sink()).expect("a writer");
        let (time, prices) = rows(0, i64::from(count));
        writer.put(0, 0, Values::I64(&time)).expect("a series");
        for (column, prices) in prices.iter().enumerate() {
            writer.put(0, column + 1, Values::F64(prices)).expect("a series");
        }
        let written = writer.finish().expect("a whole bundle");
        staging.publish(written).expect("a publication");
    }

    /// Appends a few rows, which become a second part.
    pub(crate) fn append(&self, name: &str) {
        let (time, prices) = rows(1_000_000, 3);
        let mut columns = vec![("time", Values::I64(&time))];
        columns.extend(PRICES.into_iter().zip(prices.iter().map(|it| Values::F64(it))));
        let mut revision = self.catalog.revise(name, &StageOptions::default()).expect("a revision");
        revision.append(&AssetBars { symbol: "A", metadata: "", columns: &columns }).expect("rows");
        revision.publish().expect("a publication");
    }

    pub(crate) fn push(&self, spec: &str, remote: &dyn Remote) -> Pushed {
        self.catalog.push(spec, remote, &TransferOptions::default()).expect("a push")
    }

    /// Fetches a version and reads every byte of it.
    pub(crate) fn fetch(&self, spec: &str, remote: &dyn Remote) -> Fetched {
        let fetched =
            self.catalog.fetch(spec, remote, &TransferOptions::default()).expect("a fetch");
        let name = spec.split('@').next().expect("a name");
        let lease = BundlePool::new(1).lease(&self.catalog, &format!("{name}@{}", fetched.version));
        assert!(lease.expect("what was fetched").verify(1).ok());
        fetched
    }

    pub(crate) fn refused(&self, spec: &str, remote: &dyn Remote) -> RemoteError {
        match self.catalog.fetch(spec, remote, &TransferOptions::default()) {
            Err(Error::Remote(error)) => *error,
            other => unreachable!("a remote refuses: {other:?}"),
        }
    }

    pub(crate) fn newest(&self, name: &str) -> Version {
        self.catalog.head(name).expect("a bundle").version
    }
}
