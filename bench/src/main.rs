//! `barrow-bench`: runs measurements and prints their table.

use std::path::PathBuf;

use anyhow::{Context, Result};
use barrow_bench::report::{HEAD, Row};
use barrow_bench::storage::Bench;
use barrow_bench::{
    command, compressed, crews, engine, query, reading, revisions, search, sets, short, storage,
    sweeps, versions,
};
use clap::{Parser, Subcommand};

/// Measures Barrow; build and run it with `--release`.
#[derive(Debug, Parser)]
struct Cli {
    /// Folder for generated sets and results.
    #[arg(long, default_value = "bench/out", global = true)]
    work: PathBuf,
    /// Samples of each row, at least; short ones are sampled more often.
    #[arg(long, default_value_t = 11, global = true)]
    runs: usize,
    /// Output of the script that makes the peers' sets (with `SET/csv/*.csv`).
    #[arg(long, global = true)]
    sets: Option<PathBuf>,
    /// Also write the rows as JSON to this file.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum What {
    /// Everything below.
    All,
    /// Open a bundle file to its first close value, in fresh processes.
    Open,
    /// Lease from the pool.
    Pool,
    /// Slices, windows, cross-sections.
    Slices,
    /// Scan two columns.
    Scan,
    /// One asset of a compressed bundle, at first touch and cached; a whole column.
    Decode,
    /// Short reads and queries of compressed bundles with nothing decoded.
    Short,
    /// Memory of eight processes that scan M, raw and mounted.
    Memory,
    /// A filtered mean by asset, resampling.
    Query,
    /// Write M from arrays.
    Write,
    /// Verify every byte of M.
    Verify,
    /// Append sessions to M, read after that, compact; history and difference of many versions.
    Revisions,
    /// Sizes, decoding and encoding of compressed bundles.
    Compressed,
    /// Ingest folders of CSV files with the `barrow` command.
    Ingest,
    /// Backtests and sweeps.
    Engine,
    /// Sweeps of many points, small ones, walk-forward, workers and studies.
    Sweeps,
    /// Fills against integer arithmetic.
    Exact,
    /// History and pruning of a thousand versions.
    Versions,
    /// How soon new workers are at work, and what a second one is worth; with `barrow` beside this program.
    Crews,
    /// What searches find at equal cost, beside the reference implementations, and what they cost.
    Search,
    /// What a proposal of each search costs; a part of `search`.
    Proposals,
    /// The demo's time and memory.
    Demo,
    /// Write the CSV folders of S, M and L.
    Csv,
    /// What the child processes of `open` run.
    #[command(hide = true)]
    OpenOnce,
}

#[expect(clippy::print_stdout, reason = "the table is this program's answer")]
fn main() -> Result<()> {
    // The child of `open` does nothing else than open: its arguments are not even parsed.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "open-once") {
        let path = PathBuf::from(arguments.next().context("a path")?);
        println!("{}", storage::open_once(&path)?);
        return Ok(());
    }
    if std::env::args_os().nth(1).is_some_and(|first| first == "scan-once") {
        let text = |place| std::env::args().nth(place).context("an argument");
        return reading::scan_once(&PathBuf::from(text(2)?), &text(3)?, &text(4)?);
    }
    let cli = Cli::parse();
    let bench = Bench { work: cli.work.clone(), runs: cli.runs };
    std::fs::create_dir_all(&bench.work)?;
    println!("{HEAD}");
    let mut rows = Vec::new();
    for part in parts(cli.what) {
        for row in measure(part, &cli, &bench)? {
            println!("{row}");
            rows.push(row);
        }
    }
    if let Some(path) = &cli.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(())
}

fn parts(what: What) -> Vec<What> {
    use What::{
        All, Compressed, Decode, Demo, Engine, Exact, Ingest, Memory, Open, Pool, Query, Revisions,
        Scan, Search, Short, Slices, Sweeps, Verify, Versions, Write,
    };
    match what {
        All => vec![
            Open, Pool, Slices, Scan, Query, Decode, Short, Memory, Write, Verify, Compressed,
            Versions, Revisions, Ingest, Engine, Sweeps, Exact, Search, Demo,
        ],
        one => vec![one],
    }
}

fn measure(what: What, cli: &Cli, bench: &Bench) -> Result<Vec<Row>> {
    match what {
        What::Open => storage::open(bench),
        What::Pool => storage::pool(bench),
        What::Slices => storage::slices(bench),
        What::Scan => storage::scan(bench),
        What::Decode => {
            let mut rows = reading::touch(bench)?;
            rows.extend(reading::column(bench)?);
            Ok(rows)
        }
        What::Short => short::short(bench),
        What::Memory => reading::memory(bench),
        What::Query => query::query(bench),
        What::Write => storage::write(bench),
        What::Verify => storage::verify(bench),
        What::Revisions => revisions::rows(bench),
        What::Compressed => compressed::compressed(bench),
        What::Ingest => command::ingest(bench, cli.sets.as_deref()),
        What::Engine => engine::runs(bench),
        What::Sweeps => {
            let mut rows = sweeps::grids(bench)?;
            rows.extend(sweeps::walk_forward(bench)?);
            rows.extend(sweeps::studies(bench)?);
            rows.extend(crews::rows(bench)?);
            Ok(rows)
        }
        What::Exact => exact(cli, bench),
        What::Versions => versions::all(bench),
        What::Crews => crews::rows(bench),
        What::Search => search::rows(),
        What::Proposals => search::proposals(),
        What::Demo => command::demo(bench),
        What::Csv => {
            for set in [sets::S, sets::M, sets::L] {
                set.write_csv(&bench.work.join("csv").join(set.name))?;
            }
            Ok(Vec::new())
        }
        What::All | What::OpenOnce => Ok(Vec::new()),
    }
}

/// Exactness over the generated S and, where it is at hand, over the comparison script's.
fn exact(cli: &Cli, bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = engine::exactness(&bench.lease(sets::S)?, "S")?;
    if let Some(sets) = &cli.sets {
        let mut command = std::process::Command::new(command::beside()?);
        let root = bench.work.join("catalog");
        command.arg("--root").arg(&root).args(["ingest", "script-S", "--quiet"]);
        let output = command.arg(sets.join("S/csv")).output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lease = bench.catalog().lease("script-S")?;
        rows.extend(engine::exactness(&lease, "the comparison script's S")?);
    }
    Ok(rows)
}
