//! Aggregates of rows, one value after the other.

use super::expr::Expr;
use super::model::Assets;

/// An aggregate of some rows, and how large the values are that it is of.
pub(super) fn aggregate(
    name: &str,
    inner: Option<&Expr>,
    assets: &Assets,
    rows: &[(usize, usize)],
) -> (f64, f64) {
    let Some(inner) = inner else { return (length(rows.len()), 0.0) };
    // Time, value and volume where there is a value.
    let mut seen: Vec<(i64, f64, f64)> = Vec::new();
    for &(place, row) in rows {
        let (symbol, bars) = &assets[place];
        let value = inner.at(symbol, bars, row);
        if !value.is_nan() {
            seen.push((bars[row].time, value, bars[row].values[4]));
        }
    }
    let scale = seen.iter().map(|(_, value, _)| value.abs()).fold(0.0, f64::max);
    (aggregated(name, &seen), scale)
}

fn length(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few rows"))
}

fn aggregated(name: &str, seen: &[(i64, f64, f64)]) -> f64 {
    let values: Vec<f64> = seen.iter().map(|(_, value, _)| *value).collect();
    if name == "count" {
        return length(values.len());
    }
    if values.is_empty() {
        return f64::NAN;
    }
    let sum: f64 = values.iter().sum();
    let mean = sum / length(values.len());
    match name {
        "sum" => sum,
        "mean" => mean,
        "min" => values.into_iter().fold(f64::INFINITY, f64::min),
        "max" => values.into_iter().fold(f64::NEG_INFINITY, f64::max),
        // Of equally old rows the first asset's, and of equally new ones the last one's.
        "first" => seen.iter().min_by_key(|(time, ..)| *time).expect("a row").1,
        "last" => seen.iter().max_by_key(|(time, ..)| *time).expect("a row").1,
        "std" if values.len() < 2 => f64::NAN,
        "std" => {
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            (squares / length(values.len() - 1)).sqrt()
        }
        "median" => {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            let middle = values.len() / 2;
            match values.len() % 2 {
                1 => values[middle],
                _ => f64::midpoint(values[middle - 1], values[middle]),
            }
        }
        _ => {
            let weighed: Vec<_> = seen.iter().filter(|(_, _, volume)| !volume.is_nan()).collect();
            let (mut weighted, mut weight) = (0.0, 0.0);
            for (_, value, volume) in &weighed {
                weighted += value * volume;
                weight += volume;
            }
            if weighed.is_empty() { f64::NAN } else { weighted / weight }
        }
    }
}
