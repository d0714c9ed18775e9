//! How far bars stand apart, told from their times.

use barrow_format::Frequency;

use super::error::IngestError;
use super::options::FrequencyOption;
use super::time::{DAY_NS, Granularity};

/// Gaps between the rows of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Gaps {
    pub(crate) count: u64,
    pub(crate) min: i64,
    /// Greatest common divisor of all gaps.
    pub(crate) divisor: i64,
    /// Gaps of five days or more, which daily bars seldom have.
    pub(crate) long: u64,
    last: Option<i64>,
}

impl Gaps {
    /// Goes over times that strictly ascend and follow those before.
    pub(crate) fn extend(&mut self, times: impl IntoIterator<Item = i64>) {
        for time in times {
            if let Some(last) = self.last {
                self.push(time.saturating_sub(last));
            }
            self.last = Some(time);
        }
    }

    #[inline]
    fn push(&mut self, gap: i64) {
        self.min = if self.count == 0 { gap } else { self.min.min(gap) };
        // Most gaps are multiples of what was found already.
        if self.divisor == 0 || gap % self.divisor != 0 {
            self.divisor = divisor(self.divisor, gap);
        }
        self.long += u64::from(gap >= 5 * DAY_NS);
        self.count += 1;
    }

    /// Whether bars are weekly or longer: four gaps in five are long.
    fn are_long(&self) -> bool {
        self.long * 5 >= self.count * 4
    }
}

fn divisor(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The frequency of a bundle from the gaps of its assets.
///
/// # Errors
///
/// [`IngestError::MixedGranularity`] when assets have bars of different length, and
/// [`IngestError::Option`] when they are not of the length that the option says.
pub(crate) fn resolve(
    assets: &[(&str, Gaps)],
    granularity: Granularity,
    option: Option<FrequencyOption>,
) -> Result<Frequency, IngestError> {
    match (option, granularity) {
        (Some(FrequencyOption::Daily), _) => Ok(Frequency::Daily),
        (Some(FrequencyOption::Irregular), _) => Ok(Frequency::Irregular),
        (Some(FrequencyOption::Step(step_ns)), _) => check_step(assets, step_ns),
        (None, Granularity::Daily) => daily(assets),
        (None, Granularity::Intraday) => intraday(assets),
    }
}

fn check_step(assets: &[(&str, Gaps)], step_ns: i64) -> Result<Frequency, IngestError> {
    match assets.iter().find(|(_, gaps)| gaps.count > 0 && gaps.divisor % step_ns != 0) {
        None => Ok(Frequency::Intraday { step_ns }),
        Some((symbol, gaps)) => Err(IngestError::Option {
            option: "--frequency",
            value: Frequency::Intraday { step_ns }.to_string(),
            reason: format!(
                "bars of `{symbol}` stand {} apart",
                Frequency::Intraday { step_ns: gaps.divisor }
            ),
        }),
    }
}

/// Sessions: daily, or longer for all assets.
fn daily(assets: &[(&str, Gaps)]) -> Result<Frequency, IngestError> {
    // Assets of few rows go with the others.
    let known: Vec<_> = assets.iter().filter(|(_, gaps)| gaps.count >= 4).collect();
    let long = known.iter().find(|(_, gaps)| gaps.are_long());
    let short = known.iter().find(|(_, gaps)| !gaps.are_long());
    match (long, short) {
        (Some((long, gaps)), Some((short, _))) => Err(IngestError::MixedGranularity {
            file: (*long).to_owned(),
            found: if gaps.min >= 20 * DAY_NS { "monthly" } else { "weekly" }.to_owned(),
            first: (*short).to_owned(),
            expected: "daily".to_owned(),
        }),
        (Some((_, gaps)), None) => {
            // Weeks and months do not mix either.
            let monthly = gaps.min >= 20 * DAY_NS;
            match known.iter().find(|(_, other)| (other.min >= 20 * DAY_NS) != monthly) {
                Some((other, _)) => Err(IngestError::MixedGranularity {
                    file: (*other).to_owned(),
                    found: if monthly { "weekly" } else { "monthly" }.to_owned(),
                    first: known[0].0.to_owned(),
                    expected: if monthly { "monthly" } else { "weekly" }.to_owned(),
                }),
                None => Ok(Frequency::Irregular),
            }
        }
        (None, Some(_)) => Ok(Frequency::Daily),
        (None, None) => {
            let any = assets.iter().any(|(_, gaps)| gaps.count > 0);
            let all_long = assets.iter().all(|(_, gaps)| gaps.are_long());
            Ok(if any && all_long { Frequency::Irregular } else { Frequency::Daily })
        }
    }
}

/// Instants: the common step, where some bars stand exactly that far apart.
fn intraday(assets: &[(&str, Gaps)]) -> Result<Frequency, IngestError> {
    let step = assets.iter().fold(0, |step, (_, gaps)| divisor(step, gaps.divisor));
    if step == 0 {
        return Ok(Frequency::Irregular);
    }
    // With thirty gaps a common divisor of twice the step is no chance.
    let coarse = assets.iter().find(|(_, gaps)| gaps.count >= 30 && gaps.divisor > step);
    let fine = assets.iter().find(|(_, gaps)| gaps.count >= 30 && gaps.divisor == step);
    if let (Some((coarse, gaps)), Some((fine, _))) = (coarse, fine) {
        return Err(IngestError::MixedGranularity {
            file: (*coarse).to_owned(),
            found: Frequency::Intraday { step_ns: gaps.divisor }.to_string(),
            first: (*fine).to_owned(),
            expected: Frequency::Intraday { step_ns: step }.to_string(),
        });
    }
    let is_step = assets.iter().any(|(_, gaps)| gaps.count > 0 && gaps.min == step);
    Ok(if is_step { Frequency::Intraday { step_ns: step } } else { Frequency::Irregular })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    fn gaps(step: i64, count: i64) -> Gaps {
        let mut gaps = Gaps::default();
        gaps.extend((0..=count).map(|at| at * step));
        gaps
    }

    fn found(assets: &[(&str, Gaps)], granularity: Granularity) -> Result<String, String> {
        let found = resolve(assets, granularity, None);
        found.map(|found| found.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn sessions() {
        let (day, week, month) = (gaps(DAY_NS, 20), gaps(7 * DAY_NS, 20), gaps(30 * DAY_NS, 11));
        let one = gaps(DAY_NS, 0);
        assert_eq!(found(&[("A", day), ("B", one)], Granularity::Daily).unwrap(), "daily");
        assert_eq!(found(&[("A", week)], Granularity::Daily).unwrap(), "irregular");
        assert_eq!(found(&[("A", one)], Granularity::Daily).unwrap(), "daily");
        let mixed = found(&[("A", day), ("W", week)], Granularity::Daily).unwrap_err();
        assert_eq!(mixed, "mixed granularity: `W` holds weekly bars, but `A` holds daily bars");
        let mixed = found(&[("W", week), ("M", month)], Granularity::Daily).unwrap_err();
        assert!(mixed.contains("`M` holds monthly"), "{mixed}");
    }

    #[test]
    fn instants() {
        let (one, five) = (gaps(MINUTE, 100), gaps(5 * MINUTE, 100));
        assert_eq!(found(&[("A", one)], Granularity::Intraday).unwrap(), "1m");
        assert_eq!(found(&[("A", five)], Granularity::Intraday).unwrap(), "5m");
        assert!(found(&[("A", one), ("B", five)], Granularity::Intraday).is_err());
        // A thin asset of a minute bundle has gaps of any number of minutes.
        let mut thin = Gaps::default();
        thin.extend([0, 2, 5, 11, 12].map(|at| at * MINUTE));
        assert_eq!(found(&[("A", one), ("T", thin)], Granularity::Intraday).unwrap(), "1m");
        let mut events = Gaps::default();
        events.extend([0, 7, 12, 21]);
        assert_eq!(found(&[("A", events)], Granularity::Intraday).unwrap(), "irregular");
        assert_eq!(found(&[("A", gaps(1, 0))], Granularity::Intraday).unwrap(), "irregular");
        let told =
            resolve(&[("A", five)], Granularity::Intraday, Some(FrequencyOption::Step(MINUTE)));
        assert_eq!(told.unwrap().to_string(), "1m");
        let wrong =
            resolve(&[("A", one)], Granularity::Intraday, Some(FrequencyOption::Step(5 * MINUTE)));
        assert!(wrong.is_err());
    }
}
