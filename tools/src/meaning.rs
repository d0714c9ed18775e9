//! What bars mean, and in what of it two schemas differ.

use barrow_format::{Column, Schema, Stamp};
use serde::Serialize;

/// One thing in which two schemas differ.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(crate) struct MeaningChange {
    /// `frequency`, `time_zone`, `stamp`, `calendar_name`, or the name of a column behind `column `.
    what: String,
    first: String,
    second: String,
}

impl MeaningChange {
    /// What differs, for people: names of members with blanks.
    pub(crate) fn said(&self) -> String {
        let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let what = if self.what.starts_with("column ") {
            self.what.clone()
        } else {
            self.what.replace('_', " ")
        };
        format!("{what}: {} -> {}", shown(&self.first), shown(&self.second))
    }
}

/// Returns what differs of bars that both have: columns that only one has are no change of meaning.
pub(crate) fn changes(first: &Schema, second: &Schema) -> Vec<MeaningChange> {
    let whole = |schema: &Schema| {
        [
            ("frequency", schema.frequency().to_string()),
            ("time_zone", schema.time_zone().to_owned()),
            ("stamp", stamp(schema).to_owned()),
            ("calendar_name", schema.calendar_name().to_owned()),
        ]
    };
    let of_all = whole(first).into_iter().zip(whole(second));
    let mut found: Vec<(String, String, String)> =
        of_all.map(|((what, left), (_, right))| (what.to_owned(), left, right)).collect();
    for column in first.columns() {
        let Some(index) = second.column_index(&column.name) else { continue };
        let other = &second.columns()[index];
        found.push((format!("column {}", column.name), kind(column), kind(other)));
    }
    found.retain(|(_, left, right)| left != right);
    found.into_iter().map(|(what, first, second)| MeaningChange { what, first, second }).collect()
}

/// What timestamps say, as `--timestamps` and JSON name it.
pub(crate) fn stamp(schema: &Schema) -> &'static str {
    match schema.stamp() {
        Stamp::Session => "session",
        Stamp::BarStart => "bar-start",
        Stamp::BarEnd => "bar-end",
    }
}

fn kind(column: &Column) -> String {
    format!("{} {}", column.physical.name(), column.logical)
}

#[cfg(test)]
mod tests {
    use barrow_format::{Frequency, LogicalType, PhysicalType};

    use super::*;

    #[test]
    fn what_differs_is_told_and_what_one_lacks_is_not() {
        let daily = Schema::daily(&["vwap"]).unwrap();
        assert_eq!(changes(&daily, &daily), []);
        let minutes = Frequency::Intraday { step_ns: 60_000_000_000 };
        let columns = vec![
            Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
            Column::new("volume", PhysicalType::U32, LogicalType::Volume),
        ];
        let other = Schema::new(columns, minutes, "UTC", Stamp::BarEnd, "").unwrap();
        let said: Vec<String> = changes(&daily, &other).iter().map(MeaningChange::said).collect();
        assert_eq!(
            said,
            [
                "frequency: daily -> 1m",
                "stamp: session -> bar-end",
                "column volume: f64 volume -> u32 volume"
            ]
        );
    }
}
