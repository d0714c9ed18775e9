//! Rows over a bundle of a thousand versions: publishing one more, history, space, pruning.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Provenance, Schema, Values};
use barrow_store::{Catalog, PruneMode, PrunePolicy};

use crate::report::{Row, Unit};
use crate::stopwatch::{sample, seconds};
use crate::storage::Bench;

const VERSIONS: u32 = 1_000;
const NAME: &str = "versions";
/// Milliseconds that each question may take.
const BAR: Option<f64> = Some(50.0);

/// Publishes a version of one asset and five bars whose values are all `number`.
fn publish(catalog: &Catalog, number: u32) -> Result<()> {
    let spec = BundleSpec {
        schema: Schema::daily(&[])?,
        assets: vec![AssetSpec::new("A", 5)],
        adjustments: vec![],
        provenance: Provenance::default(),
    };
    let staging = catalog.stage(NAME)?;
    let writer = BundleWriter::new(spec, staging.sink())?;
    writer.put(0, 0, Values::I64(&[1, 2, 3, 4, 5]))?;
    for column in 1..6 {
        writer.put(0, column, Values::F64(&[f64::from(number); 5]))?;
    }
    let written = writer.finish()?;
    staging.publish(written)?;
    Ok(())
}

/// Copies a folder and all below it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Questions to, and pruning of, a bundle of a thousand versions.
pub fn all(bench: &Bench) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&bench.work)?;
    let catalog = Catalog::at(folder.path().join("catalog"));
    let mut last = 0.0;
    for number in 1..=VERSIONS {
        let (elapsed, published) = seconds(|| publish(&catalog, number));
        published?;
        last = elapsed;
    }
    let policy = PrunePolicy {
        keep: 1,
        published_before_ns: None,
        mode: PruneMode::DryRun,
        wait: Duration::ZERO,
    };
    let milliseconds = Unit::Milliseconds;
    let mut rows = Vec::new();
    rows.extend(Row::of(
        "publish the thousandth version of a few bars",
        milliseconds,
        &[last],
        None,
    ));
    let samples = sample(bench.runs, || catalog.history(NAME).map(|history| history.len()));
    rows.extend(Row::of("history of 1000 versions", milliseconds, &samples, BAR));
    let samples = sample(bench.runs, || catalog.usage(NAME));
    rows.extend(Row::of("usage of 1000 versions", milliseconds, &samples, BAR));
    let samples = sample(bench.runs, || catalog.prune(NAME, &policy));
    rows.extend(Row::of("prune 999 of 1000 versions, dry run", milliseconds, &samples, BAR));
    let mut samples = Vec::new();
    for run in 0..bench.runs {
        let root = folder.path().join(format!("copy-{run}"));
        copy(catalog.root(), &root)?;
        let policy = PrunePolicy { mode: PruneMode::Remove, ..policy };
        let (elapsed, pruned) = seconds(|| Catalog::at(&root).prune(NAME, &policy));
        anyhow::ensure!(pruned?.removed.len() == 999, "all but the newest go");
        samples.push(elapsed);
        fs::remove_dir_all(&root)?;
    }
    rows.extend(Row::of("prune 999 of 1000 versions", milliseconds, &samples, BAR));
    Ok(rows)
}
