//! Segmented files: what lies in them and in other parts is one bundle, the same as if it had been written in one go;
//! and files that lie about their parts and segments are noticed without a panic.
//!
//! Method: the naive model is a list of (time, value) pairs an asset; the whole is written by [`BundleWriter`] in one go
//! and compared with a base file plus a segmented file over it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use barrow_format::{
    AlignedBytes, Asset, AssetSpec, Bundle, BundleSpec, BundleWriter, Column, Error, Frequency,
    LogicalType, MemorySink, PhysicalType, Provenance, RevisionSpec, RevisionWriter, Schema,
    SectionKind, SeriesMeter, SeriesSummary, SeriesTable, Stamp, Values, Written,
    record::{PartRecord, SegmentRecord},
};
use change::change;
use proptest::prelude::*;
use sealed::seal;

#[path = "sealed/change.rs"]
mod change;
mod sealed;

type Opened = Bundle<AlignedBytes>;

/// An asset: its symbol and its bars.
type Model = Vec<(String, Vec<(i64, f32)>)>;

fn spec(model: &Model) -> BundleSpec {
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F32, LogicalType::Price),
    ];
    let schema = Schema::new(columns, Frequency::Irregular, "UTC", Stamp::BarEnd, "").unwrap();
    let assets = model.iter().map(|(symbol, bars)| AssetSpec::new(symbol, bars.len() as u64));
    let provenance = Provenance { tool: "test".into(), sources: vec![] };
    BundleSpec { schema, assets: assets.collect(), adjustments: vec![], provenance }
}

fn columns(bars: &[(i64, f32)]) -> (Vec<i64>, Vec<f32>) {
    bars.iter().copied().unzip()
}

fn in_one_go(model: &Model) -> (Opened, Written) {
    let sink = MemorySink::new();
    let writer = BundleWriter::new(spec(model), &sink).unwrap();
    for (asset, (_, bars)) in model.iter().enumerate() {
        let (times, closes) = columns(bars);
        writer.put(asset, 0, Values::I64(&times)).unwrap();
        writer.put(asset, 1, Values::F32(&closes)).unwrap();
    }
    let written = writer.finish().unwrap();
    (Bundle::open(AlignedBytes::copy_of(&sink.into_bytes())).unwrap(), written)
}

/// The summary of a series, continued from that of the base.
fn summary(base: &Opened, symbol: &str, column: usize, values: Values<'_>) -> SeriesSummary {
    match base.asset(symbol).unwrap() {
        None => {
            let mut meter = SeriesMeter::new(values.len() as u64);
            meter.push(values);
            meter.finish()
        }
        Some(asset) => {
            let mut summary = base.series_summary(column, asset).unwrap();
            let (physical, rows) = (values.physical(), asset.rows());
            let tail = SeriesSummary::tail_rows(physical, rows as u64);
            let tail = values.slice(rows - usize::try_from(tail).unwrap()..rows).unwrap();
            let new = values.slice(rows..values.len()).unwrap();
            summary.check_tail(physical, rows as u64, tail.as_bytes()).unwrap();
            summary.extend((physical, rows as u64), tail.as_bytes(), new);
            summary
        }
    }
}

/// Writes a segmented file over `base`, of which `model` is a continuation: later bars and more assets.
fn continued(base: &Opened, model: &Model) -> (Vec<u8>, Written) {
    laid_out(base, model, |writer, series, calendar| {
        let series = table(&writer, &series, usize::MAX);
        writer.finish(series, calendar)
    })
    .unwrap()
}

/// The summaries of all series by column, each with its rows.
type Summaries = Vec<Vec<(SeriesSummary, u64)>>;

/// Ends the writing of a file whose rows are written, given the summaries of its series and its calendar.
type Ending = fn(RevisionWriter<'_, MemorySink>, Summaries, &[i64]) -> Result<Written, Error>;

/// Returns the table of these summaries, filled by stretches of so many assets.
fn table(writer: &RevisionWriter<'_, MemorySink>, series: &Summaries, each: usize) -> SeriesTable {
    let mut table = writer.series_table(each).unwrap();
    for (stretch, mut columns) in table.stretches().into_iter().enumerate() {
        for (place, series) in columns.iter_mut().zip(series) {
            for (summary, rows) in series.iter().skip(stretch * each).take(each) {
                place.push(summary, *rows);
            }
        }
    }
    table
}

fn laid_out(base: &Opened, model: &Model, end: Ending) -> Result<(Vec<u8>, Written), Error> {
    let (mut segments, mut local) = (Vec::new(), 0);
    for (ordinal, (symbol, bars)) in (0u32..).zip(model) {
        let known = base.asset(symbol).unwrap();
        let before = known.map_or(0, |asset| asset.rows() as u64);
        if let Some(asset) = known.filter(|_| before > 0) {
            let row = asset.row_range().start as u64;
            segments.push(SegmentRecord { asset: ordinal, part: 1, row, rows: before });
        }
        let rows = bars.len() as u64 - before;
        if rows > 0 {
            segments.push(SegmentRecord { asset: ordinal, part: 0, row: local, rows });
            local += rows;
        }
    }
    let bytes = base.as_bytes().len() as u64;
    let part = PartRecord { digest: *base.digest().as_bytes(), bytes, rows: base.rows() as u64 };
    let sink = MemorySink::new();
    let parts = if base.rows() > 0 { vec![part] } else { vec![] };
    let spec = RevisionSpec { bundle: spec(model), parts, segments };
    let writer = RevisionWriter::new(spec, &sink).unwrap();
    assert_eq!(writer.local_rows(), local);
    let (mut row, mut times, mut closes, mut calendar) = (0, vec![], vec![], vec![]);
    for (symbol, bars) in model {
        let (time, close) = columns(bars);
        let new = base.asset(symbol).unwrap().map_or(0, Asset::rows);
        writer.write_rows(0, row, Values::I64(&time[new..])).unwrap();
        writer.write_rows(1, row, Values::F32(&close[new..])).unwrap();
        row += (time.len() - new) as u64;
        let rows = time.len() as u64;
        times.push((summary(base, symbol, 0, Values::I64(&time)), rows));
        closes.push((summary(base, symbol, 1, Values::F32(&close)), rows));
        calendar.extend(time);
    }
    calendar.sort_unstable();
    calendar.dedup();
    let written = end(writer, vec![times, closes], &calendar)?;
    Ok((sink.into_bytes(), written))
}

/// Hands on a series of a segmented file: its own rows, and those of the base.
fn read(
    head: &Opened,
    base: &Opened,
    index: usize,
    asset: Asset,
    take: &mut dyn FnMut(Values<'_>),
) -> Result<(), Error> {
    for segment in head.segments(asset)? {
        let part = if segment.part == 0 { head } else { base };
        let start = usize::try_from(segment.row).unwrap();
        let rows = start..start + usize::try_from(segment.rows).unwrap();
        take(part.local_values(index, rows)?);
    }
    Ok(())
}

/// Tells whether anything is found to be wrong by using all that a bundle offers.
fn notices(bytes: &[u8], base: &Opened) -> bool {
    let Ok(head) = Bundle::open(AlignedBytes::copy_of(bytes)) else { return true };
    let own = head.parts().unwrap().iter().any(|part| {
        part.digest != *base.digest().as_bytes()
            || part.rows != base.rows() as u64
            || part.bytes != base.as_bytes().len() as u64
    });
    let source =
        |index, asset, take: &mut dyn FnMut(Values<'_>)| read(&head, base, index, asset, take);
    let assets = (0..head.asset_count()).flat_map(|at| head.verify_asset_from(at, &source));
    let bad = assets.count() + head.verify_structure_from(&source).len();
    own || bad > 0 || !head.verify().ok()
}

/// Two assets with a base, one without, one longer than a zone.
fn example() -> (Opened, Model) {
    // No two assets have a bar in common, so that none can stand for another's.
    let bars = |symbol: char, n: u16| {
        let own = f32::from(u16::try_from(u32::from(symbol)).unwrap()) / 1024.0;
        let price = |i: u16| f32::from(i) / 8.0 + own;
        (0..n).map(|i| (i64::from(i) * 60, price(i))).collect::<Vec<_>>()
    };
    let base: Model = [('A', 4095), ('C', 3), ('D', 2)]
        .map(|(symbol, n)| (symbol.to_string(), bars(symbol, n)))
        .into();
    let mut whole = base.clone();
    whole[0].1 = bars('A', 4100);
    whole[1].1 = bars('C', 9);
    whole.insert(1, ("B".to_owned(), bars('B', 5)));
    (in_one_go(&base).0, whole)
}

#[test]
fn a_segmented_file_describes_the_whole_and_holds_the_new_rows() {
    let (base, model) = example();
    let (bytes, written) = continued(&base, &model);
    assert_eq!(written.version, in_one_go(&model).1.version);
    let head = Bundle::open(AlignedBytes::copy_of(&bytes)).unwrap();
    assert!(head.is_segmented() && !base.is_segmented());
    assert_eq!((head.rows(), head.local_rows()), (4100 + 5 + 9 + 2, 5 + 5 + 6));
    let c = head.asset("C").unwrap().unwrap();
    let expected = [
        SegmentRecord { asset: 2, part: 1, row: 4095, rows: 3 },
        SegmentRecord { asset: 2, part: 0, row: 10, rows: 6 },
    ];
    assert_eq!(head.segments(c).unwrap(), expected);
    let closes = [3, 4].map(|row| model[2].1[row].1);
    assert_eq!(head.local_values(1, 10..12).unwrap(), Values::F32(&closes));
    assert!(matches!(head.series(1, c), Err(Error::Segmented { column }) if column == "close"));
    assert!(matches!(head.local_values(1, 10..17), Err(Error::NoRows { rows: 16, .. })));
    assert!(!notices(&bytes, &base));
    // The same again: nothing but spec, rows and summaries reaches the file.
    assert_eq!(continued(&base, &model).0, bytes);
    assert_eq!(base.asset_of_row(4096).unwrap().ordinal(), 1);
    assert!(base.asset_of_row(4100).is_err());
}

#[test]
fn what_cannot_be_laid_out_is_refused() {
    let part = |byte| PartRecord { digest: [byte; 32], bytes: 4096, rows: 10 };
    let try_it = |parts: Vec<PartRecord>, segments: &[(u32, u32, u64, u64)]| {
        let segments = segments.iter().map(|&(asset, part, row, rows)| SegmentRecord {
            asset,
            part,
            row,
            rows,
        });
        let bundle = spec(&vec![("A".into(), vec![(0, 0.0); 4]), ("B".into(), vec![(0, 0.0); 2])]);
        let sink = MemorySink::new();
        let spec = RevisionSpec { bundle, parts, segments: segments.collect() };
        match RevisionWriter::new(spec, &sink) {
            Ok(writer) => Ok(writer.local_rows()),
            Err(Error::Layout { kind, index, .. }) => Err((kind, index)),
            Err(other) => panic!("{other}"),
        }
    };
    let bad = |index| Err((SectionKind::Segments, index));
    let good = [(0, 1, 3, 3), (0, 0, 0, 1), (1, 0, 1, 1), (1, 1, 0, 1)];
    assert_eq!(try_it(vec![part(1)], &good), Ok(2));
    assert_eq!(try_it(vec![part(1), part(1)], &good), Err((SectionKind::Parts, 1)));
    assert_eq!(try_it(vec![part(2), part(1)], &good), Err((SectionKind::Parts, 1)));
    assert_eq!(try_it(vec![part(1), part(2)], &good), bad(4), "a part in vain");
    assert_eq!(try_it(vec![], &good), bad(0), "no such part");
    let part = || vec![part(1)];
    assert_eq!(try_it(part(), &[(0, 1, 8, 4), (1, 0, 0, 2)]), bad(0), "the part is shorter");
    assert_eq!(try_it(part(), &[(0, 1, u64::MAX, 4), (1, 0, 0, 2)]), bad(0), "overflow");
    assert_eq!(try_it(part(), &[(0, 1, 0, 0), (0, 1, 0, 4), (1, 0, 0, 2)]), bad(0), "no rows");
    assert_eq!(try_it(part(), &[(0, 1, 0, 2), (0, 1, 2, 2), (1, 0, 0, 2)]), bad(1), "could be one");
    assert_eq!(try_it(part(), &[(1, 1, 0, 2), (0, 0, 0, 4)]), bad(1), "out of order");
    assert_eq!(try_it(part(), &[(0, 1, 0, 4), (1, 0, 1, 2)]), bad(1), "own rows from 0 on");
    assert_eq!(try_it(part(), &[(0, 1, 0, 5), (1, 0, 0, 2)]), bad(0), "too many rows");
    assert_eq!(try_it(part(), &[(0, 1, 0, 4), (1, 0, 0, 1)]), bad(2), "too few rows");
    assert_eq!(try_it(part(), &[(0, 1, 0, 4), (1, 0, 0, 2), (2, 1, 0, 1)]), bad(2), "no asset");
}

#[test]
fn series_summarised_by_stretches_of_assets_make_the_same_file() {
    fn crew(count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).rev().for_each(work);
    }
    let (base, model) = example();
    let by_stretches = laid_out(&base, &model, |writer, series, calendar| {
        let series = table(&writer, &series, 1);
        writer.finish_by(series, calendar, crew)
    });
    assert_eq!(by_stretches.unwrap(), continued(&base, &model));
}

#[test]
fn a_table_that_lacks_series_or_has_more_is_refused() {
    let (base, model) = example();
    let count = 2 * model.len() as u64;
    let short = laid_out(&base, &model, |writer, mut series, calendar| {
        series[1].pop();
        let series = table(&writer, &series, 2);
        writer.finish(series, calendar)
    });
    assert!(matches!(short, Err(Error::RecordCount { found, .. }) if found == count - 1));
    let long = laid_out(&base, &model, |writer, mut series, calendar| {
        let twice = series[0][0].clone();
        series[0].push(twice);
        let series = table(&writer, &series, usize::MAX);
        writer.finish(series, calendar)
    });
    assert!(matches!(long, Err(Error::RecordCount { found, .. }) if found == count + 1));
    let other = laid_out(&base, &model, |writer, _, calendar| {
        let (_, own) = example();
        let sink = MemorySink::new();
        let spec = spec(&own[..1].to_vec());
        let segments = vec![SegmentRecord { asset: 0, part: 0, row: 0, rows: spec.assets[0].rows }];
        let spec = RevisionSpec { bundle: spec, parts: vec![], segments };
        let foreign = RevisionWriter::new(spec, &sink).unwrap().series_table(1).unwrap();
        writer.finish(foreign, calendar)
    });
    let kind = SectionKind::Series;
    assert!(matches!(other, Err(Error::RecordCount { kind: it, .. }) if it == kind));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn sealed_changes_of_a_segmented_file_are_noticed(section in 0usize..14, at in any::<prop::sample::Index>(), mask in 1u8.., word in prop::option::of(prop_oneof![any::<u64>(), 0u64..20])) {
        let (base, model) = example();
        let original = continued(&base, &model).0;
        let sections = Bundle::open(AlignedBytes::copy_of(&original)).unwrap().sections().to_vec();
        let chosen = sections[section];
        prop_assume!(chosen.len > 0);
        let at = usize::try_from(chosen.offset).unwrap() + at.index(usize::try_from(chosen.len).unwrap());
        let mut bytes = original.clone();
        change(&mut bytes, at, mask, word);
        seal(&mut bytes, (section != 2).then_some(section));
        // Provenance and metadata are labels: what they say is not derived from anything.
        let label = matches!(chosen.kind, SectionKind::Provenance | SectionKind::Strings);
        prop_assert!(notices(&bytes, &base) || label || bytes == original, "byte {at} of `{}`", chosen.kind);
    }

    #[test]
    fn sealed_changes_of_its_first_page_are_noticed(at in 0usize..4056, mask in 1u8.., word in prop::option::of(any::<u64>())) {
        let (base, model) = example();
        let original = continued(&base, &model).0;
        let mut bytes = original.clone();
        change(&mut bytes, at, mask, word);
        seal(&mut bytes, None);
        let minor = bytes[..10] == original[..10] && bytes[12..4056] == original[12..4056];
        prop_assert!(notices(&bytes, &base) || minor, "byte {at} of the first page");
    }

    #[test]
    fn base_and_continuation_are_the_whole(lens in prop::collection::vec((0usize..30, 0usize..30), 1..6), cut in any::<prop::sample::Index>()) {
        let bars = |n: usize, seed: usize| (0..n).map(|i| (i64::try_from(i * 7 + seed).unwrap(), f32::from(u16::try_from(i * seed).unwrap()))).collect::<Vec<_>>();
        let whole: Model = lens.iter().enumerate().map(|(i, &(old, new))| (format!("S{i}"), bars(old + new, i))).collect();
        let mut base: Model = lens.iter().enumerate().map(|(i, &(old, _))| (format!("S{i}"), bars(old, i))).collect();
        base.remove(cut.index(base.len()));
        let base = in_one_go(&base).0;
        let (bytes, written) = continued(&base, &whole);
        prop_assert_eq!(written.version, in_one_go(&whole).1.version);
        prop_assert!(!notices(&bytes, &base));
    }
}
