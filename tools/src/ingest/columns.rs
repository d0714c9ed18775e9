//! [`Chunk`]: rows on their way from a source into a bundle, column by column.

use barrow_format::AdjustmentKind;

use super::problem::Problem;

/// Values of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cells {
    F64(Vec<f64>),
    I64(Vec<i64>),
}

impl Cells {
    /// The value as it is kept on disk while sorting: its bits.
    pub(crate) fn bits(&self, row: usize) -> u64 {
        match self {
            Self::F64(values) => values[row].to_bits(),
            Self::I64(values) => u64::from_le_bytes(values[row].to_le_bytes()),
        }
    }

    /// The value as text.
    pub(crate) fn text(&self, row: usize) -> String {
        match self {
            Self::F64(values) if values[row].is_nan() => String::new(),
            Self::F64(values) => values[row].to_string(),
            Self::I64(values) => values[row].to_string(),
        }
    }

    fn retain(&mut self, keep: &[bool]) {
        let mut kept = keep.iter();
        let mut next = || *kept.next().unwrap_or(&true);
        match self {
            Self::F64(values) => values.retain(|_| next()),
            Self::I64(values) => values.retain(|_| next()),
        }
    }
}

/// Neighbouring rows of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Place of the symbol in [`Chunk::symbols`].
    pub(crate) symbol: u32,
    /// First row.
    pub(crate) start: usize,
}

/// A corporate action that stands in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RowAction {
    pub(crate) row: usize,
    pub(crate) kind: AdjustmentKind,
    pub(crate) value: f64,
}

/// Lines of rows, kept as the places where they do not simply count on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lines {
    /// Row, and its line.
    jumps: Vec<(usize, u64)>,
}

impl Lines {
    /// Notes that row `row` (one past the last) stands on line `line`.
    #[inline]
    pub(crate) fn push(&mut self, row: usize, line: u64) {
        if let Some(&(from, first)) = self.jumps.last()
            && first + (row - from) as u64 == line
        {
            return;
        }
        self.jumps.push((row, line));
    }

    /// Line of a row; 0 for a row that is not there.
    pub(crate) fn line(&self, row: usize) -> u64 {
        let at = self.jumps.partition_point(|&(from, _)| from <= row);
        match at.checked_sub(1).and_then(|at| self.jumps.get(at)) {
            Some(&(from, line)) => line + (row - from) as u64,
            None => 0,
        }
    }
}

/// A row that cannot be taken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BadRow {
    /// Line within its part of the source.
    pub(crate) line: u64,
    pub(crate) column: String,
    pub(crate) value: String,
    pub(crate) problem: Problem,
    /// The row as the source has it; empty where it has to be looked up.
    pub(crate) raw: String,
}

/// Rows of one piece of a source, in the order in which they stand there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    /// Which job made it, and which member of an archive it comes from.
    pub(crate) job: u32,
    pub(crate) member: u32,
    /// Nanoseconds since the epoch.
    pub(crate) times: Vec<i64>,
    /// One entry a field of the bundle, in its order.
    pub(crate) cells: Vec<Cells>,
    pub(crate) symbols: Vec<String>,
    /// Places of the symbols.
    pub(crate) places: hashbrown::HashMap<String, u32>,
    pub(crate) runs: Vec<Run>,
    pub(crate) lines: Lines,
    pub(crate) actions: Vec<RowAction>,
    pub(crate) rejects: Vec<BadRow>,
}

impl Chunk {
    /// An empty chunk of `fields` f64 columns with room for `rows`.
    pub(crate) fn with_capacity(fields: usize, rows: usize) -> Self {
        Self {
            times: Vec::with_capacity(rows),
            cells: (0..fields).map(|_| Cells::F64(Vec::with_capacity(rows))).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// The runs as (symbol, rows).
    pub(crate) fn spans(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> + '_ {
        self.runs.iter().enumerate().map(|(at, run)| {
            let end = self.runs.get(at + 1).map_or(self.rows(), |next| next.start);
            (run.symbol, run.start..end)
        })
    }

    /// Symbol of a row.
    pub(crate) fn symbol_of(&self, row: usize) -> &str {
        let at = self.runs.partition_point(|run| run.start <= row);
        let run = at.checked_sub(1).and_then(|at| self.runs.get(at));
        let symbol = run.and_then(|run| self.symbols.get(usize::try_from(run.symbol).ok()?));
        symbol.map_or("", String::as_str)
    }

    /// Takes rows out; `rows` ascending.
    pub(crate) fn remove(&mut self, rows: &[usize]) {
        if rows.is_empty() {
            return;
        }
        let mut keep = vec![true; self.rows()];
        for &row in rows {
            keep[row] = false;
        }
        // Places of the kept rows after the removal.
        let mut places = Vec::with_capacity(keep.len() + 1);
        let mut place = 0;
        for &kept in &keep {
            places.push(place);
            place += usize::from(kept);
        }
        places.push(place);
        let mut lines = Lines::default();
        for (row, &kept) in keep.iter().enumerate() {
            if kept {
                lines.push(places[row], self.lines.line(row));
            }
        }
        self.lines = lines;
        self.actions.retain(|action| keep[action.row]);
        for action in &mut self.actions {
            action.row = places[action.row];
        }
        for run in &mut self.runs {
            run.start = places[run.start];
        }
        // A run that lost all its rows now begins where the next one does.
        let starts: Vec<usize> =
            self.runs.iter().map(|run| run.start).skip(1).chain([place]).collect();
        let mut next = starts.iter();
        self.runs.retain(|run| next.next().is_some_and(|&end| run.start < end));
        let mut kept = keep.iter();
        self.times.retain(|_| *kept.next().unwrap_or(&true));
        for cells in &mut self.cells {
            cells.retain(&keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_rows_over_gaps() {
        let mut lines = Lines::default();
        for (row, line) in [2, 3, 4, 7, 8, 20].into_iter().enumerate() {
            lines.push(row, line);
        }
        let found: Vec<u64> = (0..6).map(|row| lines.line(row)).collect();
        assert_eq!(found, [2, 3, 4, 7, 8, 20]);
        assert_eq!(lines.jumps.len(), 3);
    }

    #[test]
    fn removed_rows_take_their_runs_lines_and_actions_along() {
        let mut chunk = Chunk::with_capacity(1, 6);
        for row in 0..6 {
            chunk.times.push(i64::try_from(row).unwrap() * 10);
            chunk.lines.push(row, row as u64 + 2);
        }
        chunk.cells = vec![Cells::F64(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])];
        chunk.symbols = ["A", "B", "C"].map(str::to_owned).to_vec();
        chunk.runs = [(0, 0), (1, 2), (2, 3)].map(|(symbol, start)| Run { symbol, start }).to_vec();
        let action = |row| RowAction { row, kind: AdjustmentKind::Split, value: 2.0 };
        chunk.actions = vec![action(2), action(4)];

        chunk.remove(&[0, 2]);
        assert_eq!(chunk.times, [10, 30, 40, 50]);
        assert_eq!(chunk.cells, [Cells::F64(vec![1.0, 3.0, 4.0, 5.0])]);
        let spans: Vec<_> = chunk.spans().collect();
        assert_eq!(spans, [(0, 0..1), (2, 1..4)]);
        assert_eq!(chunk.actions, [action(2)]);
        assert_eq!((0..4).map(|row| chunk.lines.line(row)).collect::<Vec<_>>(), [3, 5, 6, 7]);
        assert_eq!(chunk.symbol_of(2), "C");
    }
}
