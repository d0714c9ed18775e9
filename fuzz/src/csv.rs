//! Ingestion of hostile CSV.

use std::fs;

use barrow_store::Catalog;
use barrow_tools::ingest::{self, IngestOptions, Mode};

/// Any bytes as a CSV file: strict ingestion either publishes a bundle that verifies and whose bars are
/// possible, or an error and nothing at all; lenient ingestion never publishes less than strict does.
pub fn ingest_csv(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("FUZZ.csv");
    fs::write(&source, input).expect("a temporary file");
    let catalog = Catalog::at(folder.path().join("root"));
    let run = |name: &str, mode: Mode| {
        let options = IngestOptions {
            mode,
            threads: Some(1),
            rejects: Some(folder.path().join("rejects.csv")),
            ..IngestOptions::default()
        };
        ingest::run(&catalog, name, std::slice::from_ref(&source), &options, &())
    };
    let strict = run("strict", Mode::Strict);
    assert_eq!(
        strict.is_ok(),
        catalog.lease("strict").is_ok(),
        "published exactly when it succeeded"
    );
    let lenient = run("lenient", Mode::Lenient);
    if strict.is_ok() {
        assert!(lenient.is_ok(), "what strict ingestion takes, lenient ingestion takes");
    }
    for name in ["strict", "lenient"] {
        let Ok(lease) = catalog.lease(name) else { continue };
        assert!(lease.verify(1).ok(), "a published bundle verifies");
        for asset in lease.assets() {
            let bars = lease.bars(asset.expect("a whole bundle"));
            assert!(bars.time().is_sorted_by(|a, b| a < b), "timestamps ascend");
            let prices = ["open", "high", "low", "close"].map(|name| bars.f64(name));
            let [Ok(open), Ok(high), Ok(low), Ok(close)] = prices else { continue };
            for i in 0..bars.len() {
                assert!(low[i] <= open[i] && open[i] <= high[i], "the open lies in the range");
                assert!(low[i] <= close[i] && close[i] <= high[i], "the close lies in the range");
            }
        }
    }
}
