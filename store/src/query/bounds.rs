//! What statistics say of a condition without reading a row.

use barrow_format::Stats;

use super::eval::{against, symbol};
use super::expression::{Comparison, Number, Operation, Truth, Unary};

/// Whether a condition can hold in some rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// In none of them.
    Never,
    /// In some, perhaps.
    Maybe,
    /// In all of them.
    Always,
}

/// What is known of some rows of an asset.
pub(super) trait Known {
    /// Statistics of a column by its place in the scope.
    fn stats(&self, place: usize) -> Option<Stats>;
    /// First and last timestamp.
    fn times(&self) -> Option<(i64, i64)>;
    /// The asset's symbol.
    fn symbol(&self) -> &str;
}

impl Verdict {
    fn of(holds: bool) -> Self {
        if holds { Self::Always } else { Self::Never }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, Self::Always) => Self::Always,
            _ => Self::Maybe,
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Never => Self::Always,
            Self::Maybe => Self::Maybe,
            Self::Always => Self::Never,
        }
    }
}

impl Truth {
    /// Whether the condition can hold in the rows that are known of.
    pub(super) fn verdict(&self, known: &dyn Known) -> Verdict {
        match self {
            Self::And(left, right) => left.verdict(known).and(right.verdict(known)),
            Self::Or(left, right) => {
                left.verdict(known).not().and(right.verdict(known).not()).not()
            }
            Self::Not(inner) => inner.verdict(known).not(),
            Self::Numbers { comparison, left, right } => {
                let (left, right) = (left.interval(known), right.interval(known));
                if left.is_known && right.is_known {
                    compare(*comparison, left, right)
                } else {
                    Verdict::Maybe
                }
            }
            Self::Time { comparison, when } => match known.times() {
                Some((first, last)) => time(*comparison, first, last, *when),
                None => Verdict::Maybe,
            },
            Self::Symbol { comparison, text } => {
                Verdict::of(symbol(*comparison, known.symbol(), text))
            }
            Self::Missing(number) => {
                let interval = number.interval(known);
                match (interval.is_known, interval.may_miss, interval.bounds) {
                    (true, false, _) => Verdict::Never,
                    (true, true, None) => Verdict::Always,
                    _ => Verdict::Maybe,
                }
            }
        }
    }
}

/// The values that a number can take.
#[derive(Clone, Copy, Debug)]
struct Interval {
    /// False when nothing is known of it.
    is_known: bool,
    /// Smallest and largest value; `None` when all are missing.
    bounds: Option<(f64, f64)>,
    /// Some may be missing.
    may_miss: bool,
}

const UNKNOWN: Interval = Interval { is_known: false, bounds: None, may_miss: true };

impl Number {
    /// Rounding is monotonic, so what an operation makes of the ends bounds what it makes of anything between.
    fn interval(&self, known: &dyn Known) -> Interval {
        match self {
            Self::Constant(value) => Interval {
                is_known: true,
                bounds: (!value.is_nan()).then_some((*value, *value)),
                may_miss: value.is_nan(),
            },
            Self::Column { place, divisor } => known.stats(*place).map_or(UNKNOWN, |stats| {
                let bounds =
                    stats.bounds.map(|(min, max)| (min.to_f64() / divisor, max.to_f64() / divisor));
                Interval { is_known: true, bounds, may_miss: stats.null_count > 0 }
            }),
            Self::Binary { operation, left, right } => {
                binary(*operation, left.interval(known), right.interval(known))
            }
            Self::Unary { function, inner } => unary(*function, inner.interval(known)),
            Self::Choice { .. } | Self::Window { .. } => UNKNOWN,
        }
    }
}

fn binary(operation: Operation, left: Interval, right: Interval) -> Interval {
    if !left.is_known || !right.is_known {
        return UNKNOWN;
    }
    let (Some((a, b)), Some((c, d))) = (left.bounds, right.bounds) else {
        return Interval { is_known: true, bounds: None, may_miss: true };
    };
    let corners = match operation {
        Operation::Add => [a + c, b + d, a + c, b + d],
        Operation::Subtract => [a - d, b - c, a - d, b - c],
        Operation::Multiply => [a * c, a * d, b * c, b * d],
        // A divisor of either sign, or none, can give anything.
        Operation::Divide if c <= 0.0 && d >= 0.0 => return UNKNOWN,
        Operation::Divide => [a / c, a / d, b / c, b / d],
        Operation::Min => [a.min(c), b.min(d), a.min(c), b.min(d)],
        Operation::Max => [a.max(c), b.max(d), a.max(c), b.max(d)],
    };
    // Infinities can cancel into a missing value.
    if [a, b, c, d].iter().chain(&corners).any(|value| !value.is_finite()) {
        return UNKNOWN;
    }
    let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
    let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Interval {
        is_known: true,
        bounds: Some((low, high)),
        may_miss: left.may_miss || right.may_miss,
    }
}

fn unary(function: Unary, inner: Interval) -> Interval {
    let Some((low, high)) = inner.bounds.filter(|_| inner.is_known) else { return inner };
    let bounds = match function {
        Unary::Negate => (-high, -low),
        Unary::Absolute if low >= 0.0 => (low, high),
        Unary::Absolute if high <= 0.0 => (-high, -low),
        Unary::Absolute => (0.0, high.max(-low)),
        // A negative number has no root; and of logarithms it is not promised that they ascend to the last bit.
        Unary::Root if low >= 0.0 => (low.sqrt(), high.sqrt()),
        Unary::Root | Unary::Log | Unary::Exp => return UNKNOWN,
    };
    Interval { bounds: Some(bounds), ..inner }
}

fn compare(comparison: Comparison, left: Interval, right: Interval) -> Verdict {
    let (Some((a, b)), Some((c, d))) = (left.bounds, right.bounds) else { return Verdict::Never };
    let (never, always) = match comparison {
        Comparison::Less => (a >= d, b < c),
        Comparison::LessOrEqual => (a > d, b <= c),
        Comparison::More => (b <= c, a > d),
        Comparison::MoreOrEqual => (b < c, a >= d),
        Comparison::Equal => (b < c || a > d, a == b && c == d && a == c),
        Comparison::Unequal => (a == b && c == d && a == c, b < c || a > d),
    };
    match (never, always && !left.may_miss && !right.may_miss) {
        (true, _) => Verdict::Never,
        (_, true) => Verdict::Always,
        _ => Verdict::Maybe,
    }
}

fn time(comparison: Comparison, first: i64, last: i64, when: super::when::When) -> Verdict {
    let holds = (against(comparison, first, when), against(comparison, last, when));
    let is_all_within = when.first_ns <= first && last <= when.last_ns;
    match comparison {
        Comparison::Equal => match () {
            () if is_all_within => Verdict::Always,
            () if last < when.first_ns || first > when.last_ns => Verdict::Never,
            () => Verdict::Maybe,
        },
        Comparison::Unequal => time(Comparison::Equal, first, last, when).not(),
        // The others change once along the way, so the ends tell.
        _ => match holds {
            (true, true) => Verdict::Always,
            (false, false) => Verdict::Never,
            _ => Verdict::Maybe,
        },
    }
}
