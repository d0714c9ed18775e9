//! Rows over compressed bundles: sizes, decoding, encoding.

use std::hint::black_box;

use anyhow::{Result, ensure};
use barrow_format::{AlignedBytes, Bundle, Compression, MemorySink};

use crate::report::{Row, Unit};
use crate::sets::{Bars, L, M, Set};
use crate::stopwatch::{sample, seconds};
use crate::storage::Bench;

/// Sizes of M and L with each compression, decoding and encoding of a core, first touch of an asset.
pub fn compressed(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (set, bar) in [(M, 59.0), (L, 63.6)] {
        let (times, all) = (set.times(), set.all());
        let gigabytes = f64::from(u32::try_from(set.rows())?) * 48e-9;
        for compression in [Compression::Zstd, Compression::Auto] {
            let (_, bytes) = write(set, &times, &all, compression, 1)?;
            let megabytes = f64::from(u32::try_from(bytes.len())?) * 1e-6;
            let bar = (compression == Compression::Auto).then_some(bar);
            let what = format!("{} as one file, {compression}", set.name);
            rows.extend(Row::of(&what, Unit::Megabytes, &[megabytes], bar));
            let bundle = Bundle::open(AlignedBytes::copy_of(&bytes))?;
            rows.extend(decoding(bench, set, &bundle, gigabytes, compression)?);
        }
        for threads in [1, 2] {
            let mut samples = Vec::new();
            for _ in 0..bench.runs.min(5) {
                samples.push(write(set, &times, &all, Compression::Auto, threads)?.0);
            }
            let rates: Vec<f64> = samples.iter().map(|taken| gigabytes / taken).collect();
            let what = format!("write {} compressed from arrays, {threads} thread(s)", set.name);
            rows.extend(Row::of(&what, Unit::GigabytesPerSecond, &rates, None));
        }
    }
    Ok(rows)
}

/// Writes the set into memory on so many threads; returns the seconds and the bytes.
fn write(
    set: Set,
    times: &[i64],
    all: &[Bars],
    compression: Compression,
    threads: usize,
) -> Result<(f64, Vec<u8>)> {
    let sink = MemorySink::new();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let (taken, written) =
        seconds(|| pool.install(|| set.write_as(times, all, &sink, compression)));
    let bytes = sink.into_bytes();
    ensure!(written?.file_len == u64::try_from(bytes.len())?, "the file has its length");
    Ok((taken, bytes))
}

fn decoding(
    bench: &Bench,
    set: Set,
    bundle: &Bundle<AlignedBytes>,
    gigabytes: f64,
    compression: Compression,
) -> Result<Vec<Row>> {
    let assets: Vec<_> =
        (0..bundle.asset_count()).map(|i| bundle.asset_at(i)).collect::<Result<_, _>>()?;
    let mut out = vec![0; set.bars * 8];
    let mut read = |columns: std::ops::Range<usize>| -> Result<()> {
        for &asset in &assets {
            for column in columns.clone() {
                bundle.read_rows(column, asset, 0..set.bars, &mut out)?;
                black_box(&out);
            }
        }
        Ok(())
    };
    read(0..6)?;
    let bar = (compression == Compression::Auto).then_some(1.5);
    let taken = sample(bench.runs, || read(0..6));
    let rates: Vec<f64> = taken.iter().map(|taken| gigabytes / taken).collect();
    let what = format!("decode {}, {compression}, checksums compared, one core", set.name);
    let mut rows = vec![Row::of(&what, Unit::GigabytesPerSecond, &rates, bar)];
    if set == M {
        let bar = (compression == Compression::Auto).then_some(150.0);
        let taken = sample(bench.runs, || read(1..6));
        let count = f64::from(bundle.asset_count());
        let each: Vec<f64> = taken.iter().map(|taken| taken / count).collect();
        let what = format!("five columns of an asset of M, {compression}");
        rows.push(Row::of(&what, Unit::Microseconds, &each, bar));
    }
    Ok(rows.into_iter().flatten().collect())
}
