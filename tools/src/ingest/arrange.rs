//! The order of rows: by asset, then by time, without moving them.

use hashbrown::HashMap;

use super::columns::Chunk;
use super::frequency::Gaps;
use super::order::ascends;

/// The rows of one asset.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) symbol: String,
    pub(crate) rows: usize,
    pub(crate) gaps: Gaps,
    pub(crate) order: Arrangement,
}

/// Rows of one chunk that follow one another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) chunk: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Debug)]
pub(crate) enum Arrangement {
    /// Spans whose times ascend one after the other.
    Spans(Vec<Span>),
    /// Chunk and row, by time.
    Picked(Vec<(u32, u32)>),
}

/// A row of the same asset and time as one before it.
#[derive(Debug)]
pub(crate) struct Twice {
    pub(crate) chunk: u32,
    pub(crate) row: u32,
}

impl Arrangement {
    /// The chunks that rows lie in.
    pub(crate) fn chunks(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Spans(spans) => Box::new(spans.iter().map(|span| index(span.chunk))),
            Self::Picked(rows) => Box::new(rows.iter().map(|&(chunk, _)| index(chunk))),
        }
    }

    /// Goes over chunk and row of all rows.
    pub(crate) fn each(&self, mut take: impl FnMut(usize, usize)) {
        match self {
            Self::Spans(spans) => {
                for span in spans {
                    for row in index(span.start)..index(span.end) {
                        take(index(span.chunk), row);
                    }
                }
            }
            Self::Picked(rows) => {
                for &(chunk, row) in rows {
                    take(index(chunk), index(row));
                }
            }
        }
    }
}

/// Values in the order of rows: borrowed when they are one piece.
pub(crate) fn gather<'b, T: Copy>(
    order: &Arrangement,
    buffer: &'b mut Vec<T>,
    column: impl Fn(usize) -> Option<&'b [T]>,
) -> &'b [T] {
    let values = |chunk: u32| column(index(chunk)).unwrap_or(&[]);
    if let Arrangement::Spans(spans) = order
        && let [span] = spans[..]
    {
        return values(span.chunk).get(index(span.start)..index(span.end)).unwrap_or(&[]);
    }
    buffer.clear();
    match order {
        Arrangement::Spans(spans) => {
            for span in spans {
                let rows = index(span.start)..index(span.end);
                buffer.extend_from_slice(values(span.chunk).get(rows).unwrap_or(&[]));
            }
        }
        Arrangement::Picked(rows) => {
            buffer.extend(rows.iter().filter_map(|&(chunk, row)| values(chunk).get(index(row))));
        }
    }
    buffer
}

/// Collects the spans of each symbol, symbols ascending, spans in the order of sources.
pub(crate) fn group(chunks: &[Chunk]) -> Vec<(String, Vec<Span>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    // In the order in which symbols are met: often they are sorted already, which the sort notices.
    let mut grouped: Vec<(&str, Vec<Span>)> = Vec::new();
    for (number, chunk) in (0u32..).zip(chunks) {
        let local: Vec<usize> = chunk
            .symbols
            .iter()
            .map(|symbol| {
                *places.entry(symbol).or_insert_with(|| {
                    grouped.push((symbol, Vec::new()));
                    grouped.len() - 1
                })
            })
            .collect();
        for (symbol, rows) in chunk.spans() {
            let narrow = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
            let span = Span { chunk: number, start: narrow(rows.start), end: narrow(rows.end) };
            if span.start < span.end {
                grouped[local[index(symbol)]].1.push(span);
            }
        }
    }
    grouped.retain(|(_, spans)| !spans.is_empty());
    grouped.sort_by_key(|(symbol, _)| *symbol);
    grouped.into_iter().map(|(symbol, spans)| (symbol.to_owned(), spans)).collect()
}

/// Puts the rows of an asset in the order of time.
pub(crate) fn arrange_asset(
    symbol: String,
    mut spans: Vec<Span>,
    chunks: &[Chunk],
    sorts: bool,
) -> (Asset, Vec<Twice>) {
    let times = |span: &Span| &chunks[index(span.chunk)].times[index(span.start)..index(span.end)];
    let (mut order, mut twice) = (None, Vec::new());
    let sorted = !sorts || spans.iter().all(|span| ascends(times(span)));
    if sorted {
        if !follow(&spans, &times) {
            // Stable: files of the same first time stay in the order of their names.
            spans.sort_by_key(|span| times(span).first().copied());
        }
        if follow(&spans, &times) {
            order = Some(Arrangement::Spans(std::mem::take(&mut spans)));
        }
    }
    let order = order.unwrap_or_else(|| {
        spans.sort_by_key(|span| (span.chunk, span.start));
        let mut rows: Vec<(i64, u32, u32)> = Vec::new();
        for span in &spans {
            let found = (span.start..span.end).zip(times(span));
            rows.extend(found.map(|(row, &time)| (time, span.chunk, row)));
        }
        rows.sort_unstable();
        let mut picked: Vec<(u32, u32)> = Vec::with_capacity(rows.len());
        let mut before = None;
        for (time, chunk, row) in rows {
            if before == Some(time) {
                twice.push(Twice { chunk, row });
            } else {
                picked.push((chunk, row));
            }
            before = Some(time);
        }
        Arrangement::Picked(picked)
    });
    let mut gaps = Gaps::default();
    let mut rows = 0;
    match &order {
        Arrangement::Spans(spans) => {
            for span in spans {
                gaps.extend(times(span).iter().copied());
                rows += times(span).len();
            }
        }
        Arrangement::Picked(picked) => {
            rows = picked.len();
            gaps.extend(picked.iter().map(|&(chunk, row)| chunks[index(chunk)].times[index(row)]));
        }
    }
    (Asset { symbol, rows, gaps, order }, twice)
}

/// Whether each span begins after the one before has ended.
fn follow<'c>(spans: &[Span], times: &impl Fn(&Span) -> &'c [i64]) -> bool {
    spans.windows(2).all(|pair| times(&pair[0]).last() < times(&pair[1]).first())
}

/// A place that was narrowed to 32 bits.
pub(crate) fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
