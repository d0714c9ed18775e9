//! Promise: whatever value a sweep, a walk-forward or a cross-validation refuses, it says what to write instead, exits with
//! 2 and never hangs.
//!
//! Method: the real command over a made-up bundle with one wrong value after the other.

use std::fmt::Write as _;

use barrow_tests::barrow_at;

/// A command behind its bundle and strategy, with one wrong value.
const REFUSED: [&[&str]; 35] = [
    &["cross-validate", "--groups", "1"],
    &["cross-validate", "--groups", "4", "--test-groups", "4"],
    &["cross-validate", "--groups", "99999", "--test-groups", "1"],
    &["cross-validate", "--groups", "40", "--test-groups", "20"],
    &["cross-validate", "--purge", "9999"],
    &["walk-forward", "--train", "0", "--test", "50"],
    &["walk-forward", "--train", "90y", "--test", "1y"],
    &["walk-forward", "--train", "1x", "--test", "1y"],
    &["walk-forward", "--train", "10", "--test", "10", "--purge", "20"],
    &["walk-forward", "--train", "100", "--test", "50", "--objective", "sharp"],
    &["walk-forward", "--train", "100", "--test", "50", "--search", "tpe"],
    &["sweep", "--objective", "nothing"],
    &["sweep", "--cash=-1"],
    &["sweep", "--commission", "5"],
    &["sweep", "--slippage", "bps:x"],
    &["sweep", "--limit", "trades<3"],
    &["sweep", "--search", "tpe", "--trials", "0"],
    &["sweep", "--search", "tpe", "--cost=-1"],
    &["sweep", "--search", "tpa", "--trials", "3"],
    &["sweep", "--search", "bohb:min=2", "--cost", "3"],
    &["sweep", "--search", "bohb:foo=2", "--cost", "3"],
    &["sweep", "--search", "bohb:eta", "--cost", "3"],
    &["sweep", "--search", "bohb", "--cost", "3", "--part", "assets", "--assets", "A"],
    &["sweep", "--search", "bohb", "--cost", "3", "--part", "asets"],
    &["sweep", "--time-limit", "0"],
    &["sweep", "--isolate", "--memory-limit", "0"],
    &["sweep", "--constraint", "fast <"],
    &["sweep", "--constraint", "fast > slow"],
    &["sweep", "--from", "2030"],
    &["sweep", "--out", "x.foo"],
    &["sweep", "--study", "bars.csv"],
    &["sweep", "--space", "bars.csv"],
    &["sweep", "--permutations", "x"],
    &[
        "sweep",
        "--objective",
        "sharpe",
        "--objective",
        "calmar",
        "--search",
        "tpe",
        "--trials",
        "3",
    ],
    &["sweep", "--assets", "C"],
];

#[test]
fn every_refused_value_has_a_way_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut text = String::from("symbol,time,open,high,low,close,volume\n");
    for asset in ["A", "B"] {
        for day in 0..300_i64 {
            let price = 1000 + (day * day * 3 + day * 37) % 211;
            let time = 1_262_304_000 + day * 86_400;
            writeln!(text, "{asset},{time},{price},{price},{price},{price},1").expect("room");
        }
    }
    std::fs::write(folder.path().join("bars.csv"), text).expect("a file");
    let run = |args: &[&str]| {
        let mut command = barrow_at(&folder.path().join("root"));
        command.args(args).current_dir(folder.path()).output().expect("it runs")
    };
    assert!(run(&["ingest", "days", "bars.csv"]).status.success());
    for wrong in REFUSED {
        let strategy = ["days", "-s", "sma-cross", "-p", "fast=2..6", "-p", "slow=8..12"];
        let done = run(&[&wrong[..1], &strategy, &wrong[1..]].concat());
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success(), "{wrong:?}: {said}");
        let hint = said.lines().find_map(|line| line.strip_prefix("hint: "));
        assert!(
            said.starts_with("error: ") && hint.is_some_and(|h| h.len() > 10),
            "{wrong:?}: {said}"
        );
    }
}
