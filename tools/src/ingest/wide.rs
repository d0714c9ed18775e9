//! Rows of a wide source, one column an asset, into rows of a long one.

use super::columns::{Cells, Chunk, Lines, Run};

/// Turns a chunk with one column a symbol into one with one column in all, asset after asset. A cell
/// that is missing makes no row.
pub(crate) fn unfold(chunk: Chunk, symbols: &[String]) -> Chunk {
    let present = |cells: &Cells| match cells {
        Cells::F64(values) => values.iter().filter(|value| !value.is_nan()).count(),
        Cells::I64(values) => values.len(),
    };
    let rows = chunk.cells.iter().map(present).sum();
    let (mut times, mut values) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (mut runs, mut lines) = (Vec::new(), Lines::default());
    for (place, cells) in (0u32..).zip(&chunk.cells) {
        let Cells::F64(cells) = cells else {
            continue;
        };
        let start = times.len();
        for (row, &value) in cells.iter().enumerate() {
            if !value.is_nan() {
                lines.push(times.len(), chunk.lines.line(row));
                times.push(chunk.times[row]);
                values.push(value);
            }
        }
        if times.len() > start {
            runs.push(Run { symbol: place, start });
        }
    }
    Chunk {
        times,
        cells: vec![Cells::F64(values)],
        symbols: symbols.to_vec(),
        runs,
        lines,
        actions: Vec::new(),
        ..chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_asset_keeps_the_rows_in_which_it_has_a_value() {
        let mut chunk = Chunk::with_capacity(2, 3);
        chunk.times = vec![10, 20, 30];
        for row in 0..3 {
            chunk.lines.push(row, row as u64 + 2);
        }
        chunk.cells =
            vec![Cells::F64(vec![1.0, f64::NAN, 3.0]), Cells::F64(vec![f64::NAN, 5.0, 6.0])];
        let long = unfold(chunk, &["A".to_owned(), "B".to_owned()]);
        assert_eq!(long.times, [10, 30, 20, 30]);
        assert_eq!(long.cells, [Cells::F64(vec![1.0, 3.0, 5.0, 6.0])]);
        assert_eq!(long.spans().collect::<Vec<_>>(), [(0, 0..2), (1, 2..4)]);
        assert_eq!((0..4).map(|row| long.lines.line(row)).collect::<Vec<_>>(), [2, 4, 3, 4]);
    }
}
