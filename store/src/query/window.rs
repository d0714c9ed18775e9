//! Functions of an asset's own bars: lags, differences and rolling statistics.
//!
//! Each window is computed afresh, its values added oldest first: a row's value does not depend on where an evaluation
//! began. That costs one addition a row and bar of the window, done for many rows at once.

use std::ops::Range;

use super::eval::{larger, smaller};
use super::expression::{Number, Window};
use super::frame::Frame;

/// The function at each of `rows`; missing where the asset has too few bars before, or one of them is missing.
pub(super) fn eval(
    function: Window,
    bars: usize,
    inner: &Number,
    frame: &Frame<'_>,
    rows: Range<usize>,
) -> Vec<f64> {
    let before = match function {
        Window::Lag | Window::Diff | Window::Returns => bars,
        _ => bars - 1,
    };
    let mut values = vec![f64::NAN; rows.len()];
    // The first row that has enough bars before it.
    let first = rows.start.max(before);
    if first >= rows.end {
        return values;
    }
    let len = rows.end - first;
    let out = &mut values[first - rows.start..];
    if function == Window::Lag {
        let lagged = inner.eval(frame, first - bars..rows.end - bars).into_each(len);
        out.copy_from_slice(&lagged);
        return values;
    }
    let source = inner.eval(frame, first - before..rows.end).into_each(len + before);
    let source: &[f64] = &source;
    match function {
        Window::Lag => {}
        Window::Diff => pairs(source, before, out, |now, then| now - then),
        Window::Returns => pairs(source, before, out, |now, then| now / then - 1.0),
        Window::Sum => sums(source, bars, out),
        Window::Mean => means(source, bars, out),
        Window::Std => deviations(source, bars, out),
        Window::Min => extremes(source, bars, out, smaller),
        Window::Max => extremes(source, bars, out, larger),
    }
    values
}

fn pairs(source: &[f64], before: usize, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    for ((out, now), then) in out.iter_mut().zip(&source[before..]).zip(source) {
        *out = f(*now, *then);
    }
}

fn sums(source: &[f64], bars: usize, out: &mut [f64]) {
    out.fill(0.0);
    for place in 0..bars {
        for (sum, value) in out.iter_mut().zip(&source[place..]) {
            *sum += value;
        }
    }
}

fn means(source: &[f64], bars: usize, out: &mut [f64]) {
    sums(source, bars, out);
    let count = count_f64(bars);
    for sum in out {
        *sum /= count;
    }
}

/// Sample standard deviations (the divisor is one less than the number of bars), in two passes.
fn deviations(source: &[f64], bars: usize, out: &mut [f64]) {
    let mut mean = vec![0.0; out.len()];
    means(source, bars, &mut mean);
    out.fill(0.0);
    for place in 0..bars {
        for ((sum, value), mean) in out.iter_mut().zip(&source[place..]).zip(&mean) {
            *sum += (value - mean) * (value - mean);
        }
    }
    let count = count_f64(bars - 1);
    for sum in out {
        *sum = (*sum / count).sqrt();
    }
}

fn extremes(source: &[f64], bars: usize, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    out.copy_from_slice(&source[..out.len()]);
    for place in 1..bars {
        for (best, value) in out.iter_mut().zip(&source[place..]) {
            *best = f(*best, *value);
        }
    }
}

/// A number of rows as f64: exact below 2^53.
pub(super) fn count_f64(count: usize) -> f64 {
    let high = u32::try_from(count >> 32).map_or(f64::INFINITY, f64::from);
    high * 4_294_967_296.0 + f64::from(u32::try_from(count & 0xffff_ffff).unwrap_or(u32::MAX))
}
