//! Which layout a column of times has, and whether its bars are daily.

use super::super::time::{Civil, EpochUnit, TimeFormat, Zone, slashed_parts};

/// Finds the layout that most of `fields` have. `file_date` is the date in the file name, without
/// which milliseconds since midnight are not thought of.
///
/// # Errors
///
/// Why none can be told.
pub(crate) fn detect(fields: &[&[u8]], file_date: Option<i64>) -> Result<TimeFormat, String> {
    let present: Vec<&[u8]> =
        fields.iter().map(|field| field.trim_ascii()).filter(|field| !field.is_empty()).collect();
    let Some(first) = present.first() else {
        return Err("its times are empty".to_owned());
    };
    let candidates: [&dyn Fn() -> Option<TimeFormat>; 6] = [
        &|| Some(TimeFormat::Iso),
        &|| Some(TimeFormat::Compact),
        &|| epoch_unit(&present).map(TimeFormat::Epoch),
        &|| file_date.map(|_| TimeFormat::MsOfDay),
        &|| Some(TimeFormat::MonthFirst),
        &|| Some(TimeFormat::DayFirst),
    ];
    // Of candidates that read equally many the first one counts.
    let mut best: Option<(usize, TimeFormat)> = None;
    for candidate in candidates.into_iter().filter_map(|candidate| candidate()) {
        let reads = |field: &&&[u8]| candidate.read(field, file_date).is_some();
        let read = present.iter().filter(reads).count();
        if best.as_ref().is_none_or(|(most, _)| read > *most) {
            best = Some((read, candidate));
        }
        if read == present.len() {
            break;
        }
    }
    match best {
        Some((read, format)) if read * 2 > present.len() => {
            if matches!(format, TimeFormat::MonthFirst | TimeFormat::DayFirst) {
                month_or_day_first(&present)
            } else {
                Ok(format)
            }
        }
        _ => Err(format!("`{}` is no time of a known layout", String::from_utf8_lossy(first))),
    }
}

/// The unit that the magnitude of most numbers suggests.
fn epoch_unit(fields: &[&[u8]]) -> Option<EpochUnit> {
    let units = fields.iter().filter_map(|field| {
        let whole = field.split(|&byte| byte == b'.').next()?;
        let count: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
        EpochUnit::of_magnitude(count)
    });
    let units: Vec<EpochUnit> = units.collect();
    let count = |unit: EpochUnit| units.iter().filter(|found| **found == unit).count();
    let all = [EpochUnit::Seconds, EpochUnit::Millis, EpochUnit::Micros, EpochUnit::Nanos];
    all.into_iter().max_by_key(|unit| count(*unit)).filter(|unit| count(*unit) > 0)
}

/// Tells `M/D/YYYY` from `D/M/YYYY` by a number above 12.
fn month_or_day_first(fields: &[&[u8]]) -> Result<TimeFormat, String> {
    let parts: Vec<(i64, i64)> = fields
        .iter()
        .filter_map(|field| slashed_parts(field).map(|(first, second, _, _)| (first, second)))
        .collect();
    let second_is_day = parts.iter().filter(|(_, second)| *second > 12).count();
    let first_is_day = parts.iter().filter(|(first, _)| *first > 12).count();
    match second_is_day.cmp(&first_is_day) {
        std::cmp::Ordering::Greater => Ok(TimeFormat::MonthFirst),
        std::cmp::Ordering::Less => Ok(TimeFormat::DayFirst),
        std::cmp::Ordering::Equal => Err(format!(
            "`{}` may be month or day first: pass `--time-format mdy` or `--time-format dmy`",
            String::from_utf8_lossy(fields[0])
        )),
    }
}

/// Whether most times are midnights: then they are dates, and bars are daily (or longer). A time of day
/// among them is found when rows are read.
pub(crate) fn are_dates(civils: &[Civil], zone: &Zone) -> bool {
    let midnight = |civil: &&Civil| zone.local(**civil).is_some_and(|local| local.nanos == 0);
    civils.iter().filter(midnight).count() * 2 > civils.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(fields: &[&str]) -> Result<String, String> {
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
        detect(&fields, None).map(|format| format.to_string())
    }

    #[test]
    fn layouts_are_told_by_what_most_fields_are() {
        let cases: &[(&[&str], &str)] = &[
            (&["2012-01-03", "2012-01-04", "oops"], "YYYY-MM-DD[ HH:MM:SS]"),
            (&["2012-02-01 00:00:00+00:00"], "YYYY-MM-DD[ HH:MM:SS]"),
            (&["20090821", "20090824"], "YYYYMMDD[ HH:MM]"),
            (&["19980102 00:00"], "YYYYMMDD[ HH:MM]"),
            (&["1/4/1999", "1/13/1999"], "M/D/YYYY"),
            (&["4/1/1999", "13/1/1999"], "D/M/YYYY"),
            (&["1612137600", "1612137660"], "epoch seconds"),
            (&["1612137600.5"], "epoch seconds"),
            (&["1612137600000"], "epoch milliseconds"),
            (&["1612137600000000"], "epoch microseconds"),
            (&["1612137600000000000"], "epoch nanoseconds"),
        ];
        for (fields, expected) in cases {
            assert_eq!(detected(fields).as_deref(), Ok(*expected), "{fields:?}");
        }
        assert!(detected(&["1/4/1999", "2/4/1999"]).unwrap_err().contains("mdy"));
        assert!(detected(&["spam"]).is_err());
        assert!(detected(&["", " "]).is_err());
        assert!(detected(&["14400000"]).is_err());
        let of_day = detect(&[b"14400000", b"0"], Some(15_985));
        assert_eq!(of_day, Ok(TimeFormat::MsOfDay));
    }
}
