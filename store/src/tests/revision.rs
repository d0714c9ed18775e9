//! Revisions: whatever way content came in, by appends, corrections and corrections back, new assets, new columns and
//! compaction, it is the content, with the version of the same ingested in one go.
//!
//! Method: after every publication the version is compared with that of the model (see `played.rs`); at the end every value
//! is read back.

use std::collections::BTreeMap;

use barrow_format::{AdjustmentKind, Column, LogicalType, PhysicalType, Values};
use proptest::prelude::*;

use crate::catalog::change::ChangeKind;
use crate::error::Error;
use crate::testing::DAY;
use crate::tests::played::{bar, begin, give, steps, three_assets};
use crate::writing::batch::AssetBars;
use crate::writing::revision_problem::RevisionProblem as Problem;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn content_has_its_version_whatever_way_it_came(steps in steps()) {
        let (_dir, mut played) = begin(three_assets());
        for step in &steps {
            played.play(step);
        }
        played.check();
        let timeline = played.catalog.timeline("b").unwrap();
        prop_assert!(timeline.is_sorted_by(|new, old| new.generation > old.generation && new.published_ns >= old.published_ns));
    }
}

#[test]
fn bars_that_are_there_are_passed_over_or_refused_with_their_time() {
    let (_dir, mut played) = begin(three_assets());
    let before = played.catalog.head("b").unwrap();
    let same = played.model.assets["S1"].clone();
    let published = played.put("S1", &same, false);
    assert!(published.unchanged && published.change.rows_added == 0);
    assert_eq!(played.catalog.head("b").unwrap(), before);

    let mut revision = played.revise();
    let other = BTreeMap::from([(8, bar(4, 1, 8, 0)), (9, bar(4, 1, 9, 0))]);
    let error = give(&mut revision, "S1", &other, 0, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bundle `b` cannot be revised: `S1` has a bar at 1970-01-09 with another `close`"
    );
    let early = BTreeMap::from([(1, bar(4, 3, 1, 0))]);
    let error = give(&mut revision, "S3", &early, 0, false).unwrap_err();
    let text = "`S3` has no bar at 1970-01-02, which lies before its last at 1970-01-30";
    assert!(error.to_string().ends_with(text), "{error}");
    // What was refused has left nothing behind.
    let new = BTreeMap::from([(9, bar(4, 1, 9, 0))]);
    give(&mut revision, "S1", &new, 0, false).unwrap();
    played.model.assets.get_mut("S1").unwrap().extend(new);
    let published = revision.publish().unwrap();
    assert_eq!(published.version, played.model.version());
    assert_eq!((published.change.kind, published.change.rows_added), (ChangeKind::Append, 1));
    played.check();
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_dir, played) = begin(three_assets());
    let mut revision = played.revise();
    let mut refused = |columns: &[(&str, Values<'_>)]| {
        let bars = AssetBars { symbol: "S9", metadata: "", columns };
        match revision.append(&bars) {
            Err(Error::Revision { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    };
    let time = ("time", Values::I64(&[0, DAY]));
    let lots = ("lots", Values::U32(&[1, 2]));
    assert!(matches!(refused(&[lots]), Problem::Rows { column, .. } if column == "lots"));
    assert!(matches!(refused(&[]), Problem::Rows { column, .. } if column == "time"));
    assert!(
        matches!(refused(&[time, time, lots]), Problem::Rows { column, .. } if column == "time")
    );
    assert!(matches!(
        refused(&[time, ("lots", Values::U32(&[1]))]),
        Problem::Rows { found: 1, .. }
    ));
    assert!(matches!(refused(&[time, ("x", Values::U32(&[1, 2]))]), Problem::NoColumn { .. }));
    assert!(matches!(
        refused(&[time, ("lots", Values::F64(&[1.0, 2.0]))]),
        Problem::ColumnType { .. }
    ));
    assert!(matches!(
        refused(&[("time", Values::I64(&[5, 5])), lots]),
        Problem::Order { row: 1, .. }
    ));
    assert!(matches!(refused(&[time]), Problem::NoMissing { column, .. } if column == "lots"));
    let mut add = |name: &str, physical| {
        let added = revision.add_column(&Column::new(name, physical, LogicalType::Plain));
        added.map_err(|error| match error {
            Error::Revision { problem, .. } => problem,
            other => panic!("{other}"),
        })
    };
    assert!(matches!(add("n", PhysicalType::I32), Err(Problem::NoMissing { .. })));
    assert!(matches!(add("close", PhysicalType::F64), Err(Problem::ColumnType { .. })));
    assert_eq!(add("x", PhysicalType::F64), Ok(()));
    let columns = [time, lots];
    let bars = AssetBars { symbol: "S9", metadata: "", columns: &columns };
    revision.append(&bars).unwrap();
    assert!(matches!(
        revision.append(&bars),
        Err(Error::Revision { problem: Problem::Twice { .. }, .. })
    ));
    revision.append_adjustment("S8", 0, AdjustmentKind::Split, 2.0);
    let error = revision.publish().unwrap_err();
    assert!(error.to_string().ends_with("there is no asset `S8` to adjust"), "{error}");
    assert_eq!(played.catalog.history("b").unwrap().len(), 1);
}

#[test]
fn an_adjustment_with_another_value_is_a_correction() {
    let (_dir, played) = begin(three_assets());
    let dividend = |value, corrects| {
        let mut revision = played.revise();
        let kind = AdjustmentKind::CashDividend;
        if corrects {
            revision.correct_adjustment("S3", DAY, kind, value);
        } else {
            revision.append_adjustment("S3", DAY, kind, value);
        }
        revision.publish()
    };
    assert_eq!(dividend(0.5, false).unwrap().change.adjustments_changed, 1);
    assert!(dividend(0.5, false).unwrap().unchanged);
    let error = dividend(0.75, false).unwrap_err().to_string();
    assert!(
        error.ends_with("has a cash dividend at 1970-01-02 with another value: 0.5, not 0.75"),
        "{error}"
    );
    assert_eq!(dividend(0.75, true).unwrap().change.kind, ChangeKind::Correct);
}
