//! Resampling: bars of a longer period from shorter ones.

use barrow_format::{Column, LogicalType, PhysicalType};

use super::expression::divisor;
use super::fold;
use super::frame::{Frame, Instants, Series};
use super::sessions::Periods;

/// What becomes of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rule {
    First,
    Max,
    Min,
    Last,
    Sum,
}

impl Rule {
    /// `open` is the first value of a period, `high` the largest, `low` the smallest; volumes are added up; of anything
    /// else the last value counts.
    pub(super) fn of(column: &Column) -> Self {
        match (column.name.as_str(), column.logical) {
            ("open", _) => Self::First,
            ("high", _) => Self::Max,
            ("low", _) => Self::Min,
            (_, LogicalType::Volume) => Self::Sum,
            _ => Self::Last,
        }
    }

    fn apply(self, values: &[f64]) -> f64 {
        match self {
            Self::First => fold::first(values, None).map_or(f64::NAN, |(_, value)| value),
            Self::Max => fold::max(values, None),
            Self::Min => fold::min(values, None),
            Self::Last => fold::last(values, None).map_or(f64::NAN, |(_, value)| value),
            Self::Sum => match fold::sum(values, None) {
                (_, 0) => f64::NAN,
                (sum, _) => sum,
            },
        }
    }
}

/// The columns of bars after resampling: f64 all but `time`, decimals by their value.
pub(super) fn columns(before: &[Column]) -> Vec<Column> {
    let resampled = |(place, column): (usize, &Column)| match column.logical {
        _ if place == 0 => column.clone(),
        LogicalType::Price | LogicalType::Volume => {
            Column::new(&column.name, PhysicalType::F64, column.logical)
        }
        _ => Column::new(&column.name, PhysicalType::F64, LogicalType::Plain),
    };
    before.iter().enumerate().map(resampled).collect()
}

/// Puts the bars of a frame together by period. `columns` are the schema's.
pub(super) fn resample<'a>(frame: &Frame<'a>, columns: &[Column], periods: &Periods) -> Frame<'a> {
    let (mut labels, mut ends) = (Vec::new(), vec![0]);
    let time = frame.times(0..frame.rows());
    let (mut row, mut place, mut guess) = (0, 0, 1);
    while row < time.len() {
        place = periods.find(place, time[row]);
        let (Some(&upper), Some(&label)) = (periods.uppers.get(place), periods.labels.get(place))
        else {
            break;
        };
        let len = leading(&time[row..], upper, guess);
        labels.push(label);
        row += len;
        ends.push(row);
        guess = len;
        place += 1;
    }
    let resampled = frame.columns.iter().zip(columns).enumerate().map(
        |(index, (series, column))| match series {
            Series::Stored(_) if index > 0 => {
                Series::Made(fold_column(frame, index, column, &ends))
            }
            _ => Series::Unread,
        },
    );
    Frame::new(frame.symbol, Instants::Made(labels), resampled.collect())
}

fn fold_column(frame: &Frame<'_>, place: usize, column: &Column, ends: &[usize]) -> Vec<f64> {
    let (rule, divisor) = (Rule::of(column), divisor(column.logical));
    let fold = |pair: &[usize]| rule.apply(&frame.numbers(place, divisor, pair[0]..pair[1]));
    ends.windows(2).map(fold).collect()
}

/// How many of ascending times come before `upper`: periods are mostly of one length, so the last one's is tried first.
fn leading(times: &[i64], upper: i64, guess: usize) -> usize {
    let (mut low, mut high) = (0, guess.min(times.len()));
    let mut step = 1;
    while high < times.len() && times[high] < upper {
        low = high + 1;
        high += step;
        step *= 2;
    }
    let high = high.min(times.len());
    if high > low && times[high - 1] < upper {
        return high;
    }
    low + times[low..high].partition_point(|&time| time < upper)
}
