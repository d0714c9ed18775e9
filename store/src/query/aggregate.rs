//! Aggregates: many rows' values to one.

use std::borrow::Cow;

use super::error::Problem;
use super::expression::Number;
use super::fold;

/// One aggregate of a list.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What it is of; `None` for the number of rows.
    pub(crate) inner: Option<Number>,
    /// What values weigh, for those that weigh them.
    pub(crate) weight: Option<Number>,
}

/// What an aggregate does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Std,
    Median,
    Vwap,
}

const KINDS: [(&str, Kind); 10] = [
    ("count", Kind::Count),
    ("sum", Kind::Sum),
    ("mean", Kind::Mean),
    ("min", Kind::Min),
    ("max", Kind::Max),
    ("first", Kind::First),
    ("last", Kind::Last),
    ("std", Kind::Std),
    ("median", Kind::Median),
    ("vwap", Kind::Vwap),
];

impl Kind {
    pub(super) fn of(word: &str) -> Result<Self, Problem> {
        let found = KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        found.ok_or_else(|| Problem::UnknownFunction {
            name: word.to_owned(),
            nearest: crate::nearest(word, KINDS.map(|(name, _)| name)).map(str::to_owned),
        })
    }

    fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| *name)
    }

    pub(super) fn check_arguments(self, found: usize) -> Result<(), Problem> {
        let (fits, expected) = match self {
            Self::Count => (found <= 1, "nothing, `*` or 1 argument"),
            Self::Vwap => (found == 1 || found == 2, "a price, and a volume if it is not `volume`"),
            _ => (found == 1, "1 argument"),
        };
        if fits {
            return Ok(());
        }
        Err(Problem::Arguments { function: self.name(), expected, found })
    }
}

/// What an aggregate has seen so far.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Count(u64),
    /// Sum, and how many values are in it.
    Sum(f64, u64),
    Mean(f64, u64),
    Min(f64),
    Max(f64),
    /// The value that counts, and when it was.
    First(Option<(i64, f64)>),
    Last(Option<(i64, f64)>),
    /// Number of values, their mean, sum of squared distances from it.
    Std(u64, f64, f64),
    Median(Vec<f64>),
    /// Sum of weighted values, sum of weights, number of values.
    Vwap(f64, f64, u64),
}

/// Numbers of the rows that are added to a cell, with their times and whether each is kept.
pub(super) struct Rows<'a> {
    pub(super) time: &'a [i64],
    pub(super) holds: Option<&'a [bool]>,
    /// How many are kept.
    pub(super) kept: u64,
    pub(super) values: Option<&'a [f64]>,
    pub(super) weights: Option<&'a [f64]>,
}

impl Cell {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Count => Self::Count(0),
            Kind::Sum => Self::Sum(0.0, 0),
            Kind::Mean => Self::Mean(0.0, 0),
            Kind::Min => Self::Min(f64::NAN),
            Kind::Max => Self::Max(f64::NAN),
            Kind::First => Self::First(None),
            Kind::Last => Self::Last(None),
            Kind::Std => Self::Std(0, 0.0, 0.0),
            Kind::Median => Self::Median(Vec::new()),
            Kind::Vwap => Self::Vwap(0.0, 0.0, 0),
        }
    }

    /// Adds rows: of the same asset later ones, or of an asset that comes later.
    pub(super) fn add(&mut self, rows: &Rows<'_>) {
        let holds = rows.holds;
        let values = rows.values.unwrap_or_default();
        let other = match self {
            Self::Count(_) if rows.values.is_none() => Self::Count(rows.kept),
            Self::Count(_) => Self::Count(fold::sum(values, holds).1),
            Self::Sum(..) | Self::Mean(..) => {
                let (sum, count) = fold::sum(values, holds);
                Self::Sum(sum, count)
            }
            Self::Min(_) => Self::Min(fold::min(values, holds)),
            Self::Max(_) => Self::Max(fold::max(values, holds)),
            // Rows of another asset may be older.
            Self::First(Some((seen, _))) if rows.time.first().is_none_or(|time| *seen <= *time) => {
                return;
            }
            Self::First(_) => {
                Self::First(fold::first(values, holds).map(|(row, value)| (rows.time[row], value)))
            }
            Self::Last(_) => {
                Self::Last(fold::last(values, holds).map(|(row, value)| (rows.time[row], value)))
            }
            Self::Std(..) => {
                let (count, mean, squares) = fold::moments(values, holds);
                Self::Std(count, mean, squares)
            }
            Self::Median(all) => {
                let kept = values.iter().enumerate().filter(|(row, value)| {
                    !value.is_nan() && holds.is_none_or(|holds| holds[*row])
                });
                all.extend(kept.map(|(_, value)| *value));
                return;
            }
            Self::Vwap(..) => {
                let (weighted, weight, count) =
                    weigh(values, rows.weights.unwrap_or_default(), holds);
                Self::Vwap(weighted, weight, count)
            }
        };
        self.merge(&other);
    }

    /// Puts what another cell has seen behind this.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count += more,
            (
                Self::Sum(sum, count) | Self::Mean(sum, count),
                Self::Sum(more, n) | Self::Mean(more, n),
            ) => {
                *sum += more;
                *count += n;
            }
            (Self::Min(best), Self::Min(other)) if best.is_nan() || other < best => *best = *other,
            (Self::Max(best), Self::Max(other)) if best.is_nan() || other > best => *best = *other,
            (Self::First(seen), Self::First(Some(other)))
                if seen.is_none_or(|seen| other.0 < seen.0) =>
            {
                *seen = Some(*other);
            }
            (Self::Last(seen), Self::Last(Some(other)))
                if seen.is_none_or(|seen| other.0 >= seen.0) =>
            {
                *seen = Some(*other);
            }
            (Self::Std(count, mean, squares), Self::Std(n, other_mean, other_squares))
                if *n > 0 =>
            {
                // Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance", (2.1).
                let (before, more) = (fold::count_f64(*count), fold::count_f64(*n));
                let apart = other_mean - *mean;
                *count += n;
                let all = before + more;
                if before == 0.0 {
                    (*mean, *squares) = (*other_mean, *other_squares);
                } else {
                    *mean += apart * (more / all);
                    *squares += other_squares + apart * apart * (before * more / all);
                }
            }
            (Self::Median(all), Self::Median(more)) => all.extend_from_slice(more),
            (Self::Vwap(weighted, weight, count), Self::Vwap(more, w, n)) => {
                *weighted += more;
                *weight += w;
                *count += n;
            }
            _ => {}
        }
    }

    /// How many values were seen, of a count.
    pub(super) fn count(&self) -> i64 {
        if let Self::Count(count) = self { i64::try_from(*count).unwrap_or(i64::MAX) } else { 0 }
    }

    /// What was seen, as one number; NaN where that was nothing.
    pub(super) fn value(&self) -> f64 {
        match self {
            Self::Count(count) => fold::count_f64(*count),
            Self::Sum(sum, count) => {
                if *count == 0 {
                    f64::NAN
                } else {
                    *sum
                }
            }
            Self::Mean(sum, count) => sum / fold::count_f64(*count),
            Self::Min(best) | Self::Max(best) => *best,
            Self::First(seen) | Self::Last(seen) => seen.map_or(f64::NAN, |(_, value)| value),
            Self::Std(count, _, squares) if *count > 1 => {
                (squares / fold::count_f64(count - 1)).sqrt()
            }
            Self::Std(..) => f64::NAN,
            Self::Median(all) => median(Cow::Borrowed(all)),
            Self::Vwap(weighted, weight, count) => {
                if *count == 0 {
                    f64::NAN
                } else {
                    weighted / weight
                }
            }
        }
    }
}

/// Sum of values times weights, of weights, and how many there are where neither is missing.
fn weigh(values: &[f64], weights: &[f64], holds: Option<&[bool]>) -> (f64, f64, u64) {
    let (mut weighted, mut weight, mut count) = (0.0, 0.0, 0);
    for (row, (value, w)) in values.iter().zip(weights).enumerate() {
        if holds.is_none_or(|holds| holds[row]) && !value.is_nan() && !w.is_nan() {
            weighted += value * w;
            weight += w;
            count += 1;
        }
    }
    (weighted, weight, count)
}

/// The middle value, or the mean of the two in the middle.
fn median(values: Cow<'_, [f64]>) -> f64 {
    let mut values = values.into_owned();
    let middle = values.len() / 2;
    if values.is_empty() {
        return f64::NAN;
    }
    let (_, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = largest(&values[..middle]);
    f64::midpoint(lower, upper)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
