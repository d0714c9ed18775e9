//! Panels and cross-sections against loops over each asset's own bars.

use proptest::prelude::*;

use super::bars::{lease, listings};
use crate::error::Error;
use crate::testing::{DAY, Listing};

/// Equal bit for bit: `NaN` where the other has `NaN`.
fn same(a: &[f64], b: &[f64]) -> bool {
    a.iter().map(|value| value.to_bits()).eq(b.iter().map(|value| value.to_bits()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn they_agree_with_loops(listings in listings(), from in -2i64..62, length in 0i64..70) {
        let lease = lease(&listings);
        let range = from * DAY..(from + length) * DAY;
        for column in ["close", "vwap"] {
            let panel = lease.panel(column, range.clone()).unwrap();
            let times: Vec<i64> =
                lease.calendar().iter().copied().filter(|time| range.contains(time)).collect();
            prop_assert_eq!(panel.times, &times);
            prop_assert_eq!(panel.assets, listings.len());
            prop_assert_eq!(panel.values.len(), times.len() * listings.len());
            for (row, &time) in times.iter().enumerate() {
                let naive: Vec<f64> = lease
                    .assets()
                    .map(|asset| {
                        let bars = lease.bars(asset.unwrap());
                        let found = bars.time().iter().position(|&other| other == time);
                        found.map_or(f64::NAN, |at| match column {
                            "close" => bars.close()[at],
                            _ => f64::from(bars.column(column).unwrap().as_f32().unwrap()[at]),
                        })
                    })
                    .collect();
                prop_assert!(same(panel.row(row), &naive));
                prop_assert!(same(&lease.cross_section(column, time).unwrap(), &naive));
            }
            for asset in 0..panel.assets {
                let column: Vec<f64> = panel.column(asset).collect();
                let rows: Vec<f64> = (0..times.len()).map(|row| panel.row(row)[asset]).collect();
                prop_assert!(same(&column, &rows));
            }
        }
    }
}

#[test]
fn long_panels_are_filled_in_stretches() {
    let listings = [
        Listing::new("A", 0..5000),
        Listing::new("B", (0..5000).filter(|day| day % 3 != 1)),
        Listing::new("C", 2000..2100),
        Listing::new("D", (1900..4200).filter(|day| !(2040..2060).contains(day))),
    ];
    let lease = lease(&listings);
    let panel = lease.panel("open", ..).unwrap();
    assert_eq!(panel.times.len(), 5000);
    for (row, &time) in panel.times.iter().enumerate() {
        let section = lease.cross_section("open", time).unwrap();
        assert!(same(panel.row(row), &section));
        for (listing, value) in listings.iter().zip(section) {
            assert_eq!(listing.days.contains(&(time / DAY)), !value.is_nan(), "{}", listing.symbol);
        }
    }
}

#[test]
fn a_panel_is_shown_by_its_shape() {
    let lease = lease(&[Listing::new("A", 0..2)]);
    let shown = format!("{:?}", lease.panel("close", ..).unwrap());
    assert_eq!(
        shown,
        format!("Panel {{ times: 2, assets: 1, first: Some(0), last: Some({DAY}), .. }}")
    );
}

#[test]
fn what_has_no_time_or_no_type_is_said() {
    let lease = lease(&[Listing::new("A", 0..5), Listing::new("B", 2..3)]);
    let nowhere = lease.cross_section("close", 7).unwrap();
    assert!(nowhere.len() == 2 && nowhere.iter().all(|value| value.is_nan()));
    let mut values = [0.0; 2];
    lease.cross_section_into("close", -1, &mut values).unwrap();
    assert!(values.iter().all(|value| value.is_nan()));
    assert!(matches!(lease.panel("fee", ..), Err(Error::WrongColumnType { .. })));
    assert!(matches!(lease.cross_section("fee", 0), Err(Error::WrongColumnType { .. })));
    assert!(matches!(lease.panel("last", ..), Err(Error::UnknownColumn { .. })));
    let mut short = [0.0; 1];
    let attempt = std::panic::catch_unwind(move || {
        drop(lease.cross_section_into("close", 0, &mut short));
    });
    assert!(attempt.is_err());
}
