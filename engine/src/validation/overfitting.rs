//! The probability of backtest overfitting, by combinatorially symmetric cross-validation.

use super::{ReturnMatrix, needs, number};
use crate::Error;

/// What picking the best trial on one half of history is worth on the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Overfitting {
    /// Share of the splits in which the winner is at or below the median of the other half.
    pub probability: f64,
    /// Share of the splits in which the winner's ratio is negative on the other half.
    pub loss_probability: f64,
    /// `ln(w / (1 - w))` of the winner's relative rank `w`, one a split, splits in lexicographic
    /// order of their in-sample blocks.
    pub logits: Vec<f64>,
    /// How often each trial wins.
    pub wins: Vec<u64>,
    /// Least squares of the winner's ratio out of sample on that in sample.
    pub slope: f64,
    /// Its intercept.
    pub intercept: f64,
    /// Its share of explained variance.
    pub r_squared: f64,
    /// Columns that do not vary in some half; their ratio counts as 0 there.
    pub constant_columns: usize,
}

/// Cuts history into `blocks` blocks and, for each choice of half of them as in-sample, picks the
/// trial with the highest Sharpe ratio there and looks up its rank on the rest.
///
/// Rows beyond a multiple of `blocks` are dropped from the end. Ratios come from sums and sums of
/// squares of the blocks, so the cost is `O(T N + C(S, S/2) N S)`. Ties in rank count as their
/// average. One matrix of pure noise may give any probability: look at several.
///
/// Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest overfitting".
///
/// # Errors
/// [`Error::Statistic`] for fewer than two trials, a number of blocks that is odd, below 2 or above
/// 20, or fewer than two rows a block.
pub fn overfitting_probability(
    returns: &ReturnMatrix,
    blocks: usize,
) -> Result<Overfitting, Error> {
    const NAME: &str = "the probability of overfitting";
    needs(returns.columns() >= 2, NAME, "at least two trials", returns.columns())?;
    let even = (2..=20).contains(&blocks) && blocks.is_multiple_of(2);
    needs(even, NAME, "an even number of 2 to 20 blocks", blocks)?;
    let block_rows = returns.rows() / blocks;
    needs(block_rows >= 2, NAME, "at least two rows a block", block_rows)?;
    let sums = block_sums(returns, blocks, block_rows);
    let half_rows = number(block_rows * blocks / 2);
    let (mut inside, mut outside) = (vec![0.0; returns.columns()], vec![0.0; returns.columns()]);
    let mut constant = vec![false; returns.columns()];
    let mut result = Overfitting {
        probability: 0.0,
        loss_probability: 0.0,
        logits: Vec::new(),
        wins: vec![0; returns.columns()],
        slope: 0.0,
        intercept: 0.0,
        r_squared: 0.0,
        constant_columns: 0,
    };
    let mut pairs = Vec::new();
    for_each_half(blocks, |chosen| {
        half_ratios(&sums, chosen, true, half_rows, &mut inside, &mut constant);
        half_ratios(&sums, chosen, false, half_rows, &mut outside, &mut constant);
        let winner = first_max(&inside);
        let below = outside.iter().filter(|ratio| **ratio < outside[winner]).count();
        let equal = outside.iter().filter(|ratio| **ratio == outside[winner]).count();
        let rank = number(below) + f64::midpoint(number(equal), 1.0);
        let relative = rank / (number(returns.columns()) + 1.0);
        result.logits.push((relative / (1.0 - relative)).ln());
        result.wins[winner] += 1;
        pairs.push((inside[winner], outside[winner]));
    });
    let share = |count: usize| number(count) / number(result.logits.len());
    result.probability = share(result.logits.iter().filter(|logit| **logit <= 0.0).count());
    result.loss_probability = share(pairs.iter().filter(|pair| pair.1 < 0.0).count());
    result.constant_columns = constant.iter().filter(|constant| **constant).count();
    (result.slope, result.intercept, result.r_squared) = least_squares(&pairs);
    Ok(result)
}

/// Sum and sum of squares of each block, for each column: `[block][column]`.
fn block_sums(returns: &ReturnMatrix, blocks: usize, block_rows: usize) -> Vec<Vec<(f64, f64)>> {
    let of_block = |block: usize| {
        let mut sums = vec![(0.0, 0.0); returns.columns()];
        for row in block * block_rows..(block + 1) * block_rows {
            for (sum, value) in sums.iter_mut().zip(returns.row(row)) {
                sum.0 += value;
                sum.1 += value * value;
            }
        }
        sums
    };
    (0..blocks).map(of_block).collect()
}

/// The Sharpe ratio of each column over the blocks whose membership in `chosen` is `side`.
fn half_ratios(
    sums: &[Vec<(f64, f64)>],
    chosen: &[bool],
    side: bool,
    rows: f64,
    ratios: &mut [f64],
    constant: &mut [bool],
) {
    for (column, ratio) in ratios.iter_mut().enumerate() {
        let (mut sum, mut squares) = (0.0, 0.0);
        for (block, chosen) in sums.iter().zip(chosen) {
            if *chosen == side {
                sum += block[column].0;
                squares += block[column].1;
            }
        }
        let variance = (squares - sum * sum / rows) / (rows - 1.0);
        // What is left of a column that does not vary is rounding.
        let varies = variance > squares / rows * 1e-14;
        constant[column] |= !varies;
        *ratio = if varies { sum / rows / variance.sqrt() } else { 0.0 };
    }
}

fn first_max(values: &[f64]) -> usize {
    let mut best = 0;
    for (at, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = at;
        }
    }
    best
}

/// Calls `visit` with each choice of half of the blocks, in lexicographic order.
fn for_each_half(blocks: usize, mut visit: impl FnMut(&[bool])) {
    let half = blocks / 2;
    let mut places: Vec<usize> = (0..half).collect();
    let mut chosen = vec![false; blocks];
    loop {
        chosen.fill(false);
        for place in &places {
            chosen[*place] = true;
        }
        visit(&chosen);
        let Some(moving) = (0..half).rev().find(|at| places[*at] < blocks - half + at) else {
            return;
        };
        places[moving] += 1;
        for at in moving + 1..half {
            places[at] = places[at - 1] + 1;
        }
    }
}

/// Slope, intercept and R squared of the second on the first.
fn least_squares(pairs: &[(f64, f64)]) -> (f64, f64, f64) {
    let n = number(pairs.len());
    let (mean_x, mean_y) = (
        pairs.iter().map(|pair| pair.0).sum::<f64>() / n,
        pairs.iter().map(|pair| pair.1).sum::<f64>() / n,
    );
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
        yy += (y - mean_y) * (y - mean_y);
    }
    if xx == 0.0 {
        return (0.0, mean_y, 0.0);
    }
    let slope = xy / xx;
    (slope, mean_y - slope * mean_x, if yy == 0.0 { 1.0 } else { xy * xy / (xx * yy) })
}
