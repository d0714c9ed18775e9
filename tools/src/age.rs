//! Lengths of time as users write them: ages of versions, and how long to wait.

use std::str::FromStr;
use std::time::Duration;

/// A length of time that lies back, as in `90d`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Age {
    pub(crate) nanos: i64,
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = text.split_at(digits);
        let seconds: i64 = match unit {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            _ => return Err("expected a number and a unit, as in 90d, 12h, 30m or 2w".to_owned()),
        };
        let nanos = count
            .parse()
            .ok()
            .and_then(|count: i64| count.checked_mul(seconds)?.checked_mul(1_000_000_000));
        nanos.map(|nanos| Self { nanos }).ok_or_else(|| "too long or no number".to_owned())
    }
}

/// How long to wait at most; written without a number, for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wait {
    pub(crate) most: Duration,
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self { most: Duration::MAX });
        }
        let seconds =
            text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds
            .map(|most| Self { most })
            .ok_or_else(|| "expected seconds, as in 60 or 0.5".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_numbers_with_a_unit() {
        let nanos = |text: &str| text.parse::<Age>().map(|age| age.nanos);
        assert_eq!(nanos("0s"), Ok(0));
        assert_eq!(nanos("90d"), Ok(90 * 86_400 * 1_000_000_000));
        assert_eq!(nanos("2w"), nanos("14d"));
        assert_eq!(nanos("36h"), nanos("2160m"));
        for text in ["", "d", "90", "1.5d", "-1d", "90 d", "1y", "99999999999w"] {
            assert!(nanos(text).is_err(), "{text}");
        }
    }

    #[test]
    fn waiting_is_in_seconds_or_for_ever() {
        let most = |text: &str| text.parse::<Wait>().map(|wait| wait.most);
        assert_eq!(most(""), Ok(Duration::MAX));
        assert_eq!(most("0.5"), Ok(Duration::from_millis(500)));
        for text in ["x", "-1", "nan", "1e99"] {
            assert!(most(text).is_err(), "{text}");
        }
    }
}
