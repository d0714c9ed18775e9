//! A bundle that is continued or corrected file by file is the one that is ingested at once.

use super::*;

fn purpose(purpose: Purpose) -> IngestOptions {
    IngestOptions { purpose, ..IngestOptions::default() }
}

/// Long rows of three assets, of which the last begins late.
fn session(day: u32, close: u32) -> String {
    let mut text = String::new();
    for (asset, symbol) in (0..).zip(["A", "B", "C"]) {
        if asset < 2 || day > 4 {
            let close = close + asset;
            let row = format!("2024-01-{day:02},{symbol},{close},{close},{close},{close},9\n");
            text.push_str(&row);
        }
    }
    text
}

const LONG: &str = "date,symbol,open,high,low,close,volume\n";

#[test]
fn day_by_day_is_the_same_as_at_once() {
    let place = Place::new();
    let mut all = LONG.to_owned();
    for day in 2..12 {
        let text = session(day, 100 + day);
        place.write("day.csv", format!("{LONG}{text}"));
        let summary = place.try_run("daily", &["day.csv"], purpose(Purpose::Append)).unwrap();
        let kind = if day == 2 { "ingest" } else { "append" };
        assert_eq!(summary.change.kind, kind, "a bundle that is not there is made");
        assert_eq!(summary.change.assets_added, u64::from(day == 5) + 2 * u64::from(day == 2));
        all.push_str(&text);
    }
    place.write("all.csv", &all);
    let whole = place.try_run("whole", &["all.csv"], IngestOptions::default()).unwrap();
    let daily = place.catalog().lease("daily").unwrap();
    assert_eq!(daily.version().to_string(), whole.version);
    assert!(daily.verify(1).ok());
    // All of it again changes nothing.
    let again = place.try_run("daily", &["all.csv"], purpose(Purpose::Append)).unwrap();
    assert!(again.unchanged);
    let hidden = |name: &String| name.contains("daily/.tmp");
    let left: Vec<String> = names_below(&place.path("root")).into_iter().filter(hidden).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn other_values_are_refused_by_append_and_taken_by_correct() {
    let place = Place::new();
    place.write("first.csv", format!("{LONG}{}{}", session(2, 100), session(3, 101)));
    place.write("other.csv", format!("{LONG}{}", session(3, 105)));
    place.write("right.csv", format!("{LONG}{}{}", session(2, 100), session(3, 105)));
    place.write("splits.csv", "symbol,ex_date,new_shares_per_old\nA,2024-01-03,2\n");
    place.ingest(&["first.csv"]);
    let error = place.try_run("bars", &["other.csv"], purpose(Purpose::Append)).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let said = format!("{error}: {cause}");
    assert!(said.contains("`A` has a bar at 2024-01-03 with another `open`"), "{said}");
    assert_eq!(place.catalog().history("bars").unwrap().len(), 1);

    let corrected = place.try_run("bars", &["other.csv"], purpose(Purpose::Correct)).unwrap();
    assert_eq!((corrected.change.rows_added, corrected.change.rows_changed), (0, 2));
    let right = place.try_run("right", &["right.csv"], IngestOptions::default()).unwrap();
    assert_eq!(corrected.version, right.version);

    let splits = Some(place.path("splits.csv"));
    let options = IngestOptions { splits, ..purpose(Purpose::Append) };
    let split = place.try_run("bars", &["other.csv"], options).unwrap();
    assert_eq!((split.change.rows_added, split.change.adjustments_changed), (0, 1));
    let lease = place.catalog().lease("bars").unwrap();
    assert_eq!(lease.adjustments().unwrap().len(), 1);
}

#[test]
fn bars_of_another_meaning_are_refused() {
    let place = Place::new();
    place.write("first.csv", format!("{LONG}{}{}", session(2, 100), session(3, 101)));
    place.write("next.csv", format!("{LONG}{}", session(4, 102)));
    place.ingest(&["first.csv"]);
    let frequency = Some(FrequencyOption::Irregular);
    let options = IngestOptions { frequency, ..purpose(Purpose::Append) };
    let error = place.try_run("bars", &["next.csv"], options).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {cause}").contains("its frequency is daily, not irregular"));
    let missing = place.try_run("nothing", &["next.csv"], purpose(Purpose::Correct)).unwrap_err();
    let cause = std::error::Error::source(&missing).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{missing}: {cause}").contains("no bundle `nothing`"));
    assert!(!place.path("root/nothing").exists());
}

#[test]
fn actions_alone_are_brought_into_a_bundle_that_is_there() {
    let place = Place::new();
    place.write("bars.csv", format!("{LONG}{}{}", session(2, 100), session(3, 101)));
    place
        .write("splits.csv", "symbol,ex_date,new_shares_per_old\nA,2024-01-03,2\nX,2024-01-03,3\n");
    place.write("other.csv", "symbol,ex_date,new_shares_per_old\nA,2024-01-03,4\n");
    place.write("dividends.csv", "symbol,ex_date,amount\nB,2024-01-02,0.5\n");
    let with = |splits: &str, purpose| {
        let splits = Some(place.path(splits));
        IngestOptions { splits, purpose, ..IngestOptions::default() }
    };
    let nothing = place.try_run("bars", &[], with("splits.csv", Purpose::Replace)).unwrap_err();
    assert_eq!(nothing.to_string(), "there are no sources of bars");
    let nowhere = place.try_run("bars", &[], with("splits.csv", Purpose::Append)).unwrap_err();
    let cause = std::error::Error::source(&nowhere).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{nowhere}: {cause}").contains("no bundle `bars`"));
    assert!(!place.path("root").exists());

    place.ingest(&["bars.csv"]);
    let summary = place.try_run("bars", &[], with("splits.csv", Purpose::Append)).unwrap();
    assert_eq!((summary.adjustments, summary.unused_actions, summary.rows), (1, 1, 0));
    assert_eq!((summary.change.kind, summary.change.adjustments_changed), ("append", 1));
    let again = place.try_run("bars", &[], with("splits.csv", Purpose::Append)).unwrap();
    assert!(again.unchanged);
    place.try_run("bars", &[], with("other.csv", Purpose::Append)).unwrap_err();
    let dividends = Some(place.path("dividends.csv"));
    let options = IngestOptions { dividends, ..with("other.csv", Purpose::Correct) };
    let corrected = place.try_run("bars", &[], options).unwrap();
    assert_eq!((corrected.change.kind, corrected.change.adjustments_changed), ("correct", 2));

    let options = IngestOptions {
        dividends: Some(place.path("dividends.csv")),
        ..with("other.csv", Purpose::Replace)
    };
    let whole = place.try_run("whole", &["bars.csv"], options).unwrap();
    assert_eq!(whole.version, corrected.version);
    assert!(place.catalog().lease("bars").unwrap().verify(1).ok());
}

#[test]
fn bars_are_removed_by_asset_and_time_and_what_is_left_is_as_if_they_never_were() {
    let place = Place::new();
    let days = |days: &[u32]| days.iter().map(|day| session(*day, 100 + day)).collect::<String>();
    place.write("all.csv", format!("{LONG}{}", days(&[2, 3, 4, 5, 6])));
    // In any order, with other columns that say nothing; B has no bar on the 9th.
    let bogus = "note,symbol,date\nbad,B,2024-01-06\nhigh < low,A,2024-01-06\n,B,2024-01-03\n,B,2024-01-09\n";
    place.write("bogus.csv", bogus);
    let b_is_there =
        |row: &&str| !row.contains("03,B") && !row.contains("06,A") && !row.contains("06,B");
    let all = days(&[2, 3, 4, 5, 6]);
    let left: Vec<&str> = all.lines().filter(b_is_there).collect();
    place.write("left.csv", format!("{LONG}{}\n", left.join("\n")));
    place.ingest(&["all.csv"]);
    let removed = place.try_run("bars", &["bogus.csv"], purpose(Purpose::Remove)).unwrap();
    let change = removed.change;
    assert_eq!((change.kind, change.rows_removed, change.rows_changed), ("correct", 3, 0));
    let left = place.try_run("left", &["left.csv"], IngestOptions::default()).unwrap();
    assert_eq!(removed.version, left.version);
    assert!(place.catalog().lease("bars").unwrap().verify(1).ok());
    let again = place.try_run("bars", &["bogus.csv"], purpose(Purpose::Remove)).unwrap();
    assert!(again.unchanged);

    // An asset goes with its last bar; an unknown one is an error.
    place.write("c.csv", "symbol,date\nC,2024-01-05\nC,2024-01-06\n");
    let gone = place.try_run("bars", &["c.csv"], purpose(Purpose::Remove)).unwrap();
    assert_eq!((gone.change.rows_removed, gone.change.assets_removed), (2, 1));
    let error = place.try_run("bars", &["c.csv"], purpose(Purpose::Remove)).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {cause}").contains("no asset `C`"), "{error}: {cause}");
}
