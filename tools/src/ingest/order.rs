//! The order of rows within a source: each asset's times must ascend.

use hashbrown::HashMap;

use super::columns::Chunk;
use super::problem::Problem;

/// Follows the rows of one source.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Last time of each symbol so far.
    last: HashMap<String, i64>,
}

/// The first and last rows of one asset in a piece of a source that was read on its own.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) symbol: String,
    pub(crate) first: i64,
    /// Line of the first row, within the piece.
    pub(crate) line: u64,
    pub(crate) last: i64,
}

impl Order {
    /// The first row of `chunk` that does not come after the row of its asset before, and why.
    pub(crate) fn failure(&mut self, chunk: &Chunk) -> Option<(usize, Problem)> {
        // Each symbol's last time, by its place in the chunk; looked up by name once a chunk.
        let mut last: Vec<Option<i64>> =
            chunk.symbols.iter().map(|symbol| self.last.get(symbol).copied()).collect();
        for (symbol, rows) in chunk.spans() {
            let symbol = usize::try_from(symbol).unwrap_or(usize::MAX);
            let times = &chunk.times[rows.clone()];
            let Some((&first, &end)) = times.first().zip(times.last()) else {
                continue;
            };
            if let Some(before) = last[symbol]
                && first <= before
            {
                return Some((rows.start, problem(before, first)));
            }
            if !ascends(times) {
                let at = times.windows(2).position(|pair| pair[1] <= pair[0]).unwrap_or(0);
                return Some((rows.start + at + 1, problem(times[at], times[at + 1])));
            }
            last[symbol] = Some(end);
        }
        for (symbol, last) in chunk.symbols.iter().zip(last) {
            if let Some(last) = last {
                *self.last.entry_ref(symbol.as_str()).or_insert(last) = last;
            }
        }
        None
    }
}

/// Why `time` cannot follow `before`.
pub(crate) fn problem(before: i64, time: i64) -> Problem {
    if before == time { Problem::DuplicateTime } else { Problem::Unsorted }
}

/// Whether times strictly ascend.
pub(crate) fn ascends(times: &[i64]) -> bool {
    let mut ascends = true;
    for pair in times.windows(2) {
        ascends &= pair[0] < pair[1];
    }
    ascends
}

/// Collects first and last rows per symbol.
pub(crate) fn note_edges(edges: &mut Vec<Edge>, chunk: &Chunk) {
    let mut places: Vec<Option<usize>> = {
        let known: HashMap<&str, usize> =
            edges.iter().enumerate().map(|(at, edge)| (edge.symbol.as_str(), at)).collect();
        chunk.symbols.iter().map(|symbol| known.get(symbol.as_str()).copied()).collect()
    };
    for (symbol, rows) in chunk.spans() {
        let symbol = usize::try_from(symbol).unwrap_or(usize::MAX);
        let times = &chunk.times[rows.clone()];
        let Some((&first, &last)) = times.first().zip(times.last()) else {
            continue;
        };
        if let Some(at) = places[symbol] {
            edges[at].last = last;
        } else {
            places[symbol] = Some(edges.len());
            let line = chunk.lines.line(rows.start);
            edges.push(Edge { symbol: chunk.symbols[symbol].clone(), first, line, last });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Run;
    use super::*;

    fn chunk(rows: &[(&str, i64)]) -> Chunk {
        let mut chunk = Chunk::default();
        for (row, (symbol, time)) in rows.iter().enumerate() {
            let place = chunk.symbols.iter().position(|known| known == symbol);
            let place = place.unwrap_or_else(|| {
                chunk.symbols.push((*symbol).to_owned());
                chunk.symbols.len() - 1
            });
            chunk.runs.push(Run { symbol: u32::try_from(place).unwrap(), start: row });
            chunk.times.push(*time);
            chunk.lines.push(row, row as u64 + 2);
        }
        chunk
    }

    #[test]
    fn each_asset_ascends_by_itself() {
        let mut order = Order::default();
        assert_eq!(order.failure(&chunk(&[("A", 1), ("B", 1), ("A", 2), ("B", 2)])), None);
        assert_eq!(order.failure(&chunk(&[("A", 3), ("B", 2)])), Some((1, Problem::DuplicateTime)));
        assert_eq!(order.failure(&chunk(&[("A", 1)])), Some((0, Problem::Unsorted)));
        let mut one = chunk(&[("A", 5), ("A", 7), ("A", 6)]);
        one.runs.truncate(1);
        assert_eq!(Order::default().failure(&one), Some((2, Problem::Unsorted)));
    }

    #[test]
    fn edges_are_kept_per_asset() {
        let mut edges = Vec::new();
        note_edges(&mut edges, &chunk(&[("A", 1), ("B", 5), ("A", 2)]));
        note_edges(&mut edges, &chunk(&[("B", 6), ("C", 1)]));
        let found: Vec<(&str, i64, i64, u64)> = edges
            .iter()
            .map(|edge| (edge.symbol.as_str(), edge.first, edge.last, edge.line))
            .collect();
        assert_eq!(found, [("A", 1, 2, 2), ("B", 5, 6, 3), ("C", 1, 1, 3)]);
    }
}
