//! Promise: `--permutations`, `--resample` and `--noise` are the same whenever they are drawn; the first runs all of a command
//! again over markets with the same moves in another order, counts how often chance does as well, and says the same at any
//! number of workers and in worker processes.
//!
//! Method: the real command over two made-up markets, one whose moves have a pattern that a strategy can find and one
//! of the same moves in random order; the p-value is counted again from the values that are told.

use std::fmt::Write as _;
use std::process::Output;

use barrow_engine::Stream;
use barrow_tests::barrow_at;
use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    /// Bundles `waves` and `noise` of two assets each, whose moves are the same up to their order.
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        for name in ["waves", "noise"] {
            let mut text = String::from("symbol,time,open,high,low,close,volume\n");
            for asset in 0..2_u64 {
                // Twenty days up, twenty days down, a little different each.
                let mut own = Stream::new(asset, [1, 0]);
                let mut moves: Vec<f64> = (0..900)
                    .map(|day| if day % 40 < 20 { 0.01 } else { -0.0095 } + 0.002 * own.normal())
                    .collect();
                if name == "noise" {
                    Stream::new(5, [2, 0]).shuffle(&mut moves);
                }
                let mut last: f64 = 100.0;
                for (day, step) in (0_i64..).zip(&moves) {
                    let close = last * step.exp();
                    let (high, low) = (last.max(close) * 1.001, last.min(close) * 0.999);
                    let time = 1_262_304_000 + day * 86_400;
                    writeln!(text, "S{asset},{time},{last},{high},{low},{close},{day}")
                        .expect("room");
                    last = close;
                }
            }
            std::fs::write(place.0.path().join("bars.csv"), text).expect("a file");
            let made = place.run(&["ingest", name, "bars.csv"]);
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        place
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = barrow_at(&self.0.path().join("root"));
        command.args(args).current_dir(self.0.path()).output().expect("it runs")
    }

    /// What the command says of permuted markets.
    fn test(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--json"]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let document: Value = serde_json::from_slice(&done.stdout).expect("a document");
        document["permutations"].clone()
    }
}

/// The p-value by hand.
fn counted(test: &Value) -> f64 {
    let real = test["real"].as_f64().expect("a value");
    let values = test["values"].as_array().expect("values");
    let as_good = values.iter().filter(|value| value.as_f64().is_some_and(|v| v >= real)).count();
    let number = |count: usize| f64::from(u32::try_from(count).expect("few"));
    (1.0 + number(as_good)) / (1.0 + number(values.len()))
}

const STRATEGY: [&str; 6] = ["-s", "sma-cross", "-p", "fast=2..6:2", "-p", "slow=8..24:8"];

#[test]
fn a_pattern_is_told_from_luck_by_every_command() {
    let place = Place::new();
    let run = ["-s", "sma-cross", "-p", "fast=2", "-p", "slow=8"];
    let commands: [(&str, &[&str], &[&str]); 4] = [
        ("backtest", &run, &[]),
        ("sweep", &STRATEGY, &[]),
        ("walk-forward", &STRATEGY, &["--train", "300", "--test", "150"]),
        ("cross-validate", &STRATEGY, &["--groups", "4"]),
    ];
    for (command, strategy, more) in commands {
        let p = |bundle: &str| {
            let args = [&[command, bundle], strategy, more, &["--permutations", "19"]].concat();
            let test = place.test(&args);
            assert_eq!(test["values"].as_array().expect("values").len(), 19, "{command}");
            let free = test["free"].as_f64().expect("a share");
            assert!(free > 0.998 && free < 1.0, "all but the first bar take part: {free}");
            let p = test["p_value"].as_f64().expect("a number");
            assert!((p - counted(&test)).abs() < 1e-15, "{test}");
            p
        };
        let (waves, noise) = (p("waves"), p("noise"));
        assert!(waves <= 0.05, "{command}: {waves}");
        assert!(noise > 0.05, "{command}: {noise}");
    }
    let none = place.test(&["sweep", "waves", "-s", "buy-and-hold"]);
    assert_eq!(none, Value::Null, "nobody asked");
}

#[test]
fn a_backtest_is_drawn_again_the_same_way() {
    let place = Place::new();
    let args = ["backtest", "waves", "-s", "sma-cross", "-p", "fast=2", "-p", "slow=8", "--json"];
    let more = ["--resample", "200", "--noise", "20", "--noise-share", "0.05"];
    let run = |args: &[&str]| -> Value {
        let done = place.run(args);
        serde_json::from_slice(&done.stdout).expect("JSON")
    };
    let (plain, drawn) = (run(&args), run(&[&args[..], &more].concat()));
    assert_eq!(plain["resampled"], Value::Null);
    let resampled = &drawn["resampled"];
    assert_eq!(resampled, &run(&[&args[..], &more].concat())["resampled"]);
    let number = |value: &Value| value.as_f64().expect("a number");
    for (figure, of) in [("sharpe", "sharpe"), ("total_return", "total_return")] {
        let interval = &resampled["intervals"][figure];
        let observed = number(&interval["observed"]);
        // The observed figure is that of the run, by another way.
        assert!((observed / number(&plain["metrics"][of]) - 1.0).abs() < 1e-9, "{interval}");
        let range = &interval["percentile"];
        assert!(number(&range[0]) < observed && observed < number(&range[1]), "{interval}");
    }
    let noise = &resampled["noise"];
    assert_eq!(noise["values"].as_array().expect("values").len(), 20);
    assert_eq!(noise["same_sign"], 1.0, "a little noise turns no such market round");
    let values = noise["values"].as_array().expect("values").iter().map(number);
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let median = number(&noise["median"]);
    assert!(low <= median && median <= high && low < high);
    let trades = &resampled["trades"];
    assert!(number(&trades["max_drawdown_median"]) <= number(&trades["max_drawdown_high"]));
}

#[test]
fn workers_and_processes_change_no_permuted_market() {
    let place = Place::new();
    let search = ["--search", "bohb:min=1/4,eta=2", "--cost", "6", "--permutations", "3"];
    for (command, more) in [
        ("sweep", &[][..]),
        ("walk-forward", &["--train", "300", "--test", "300"]),
        ("cross-validate", &["--groups", "3", "--test-groups", "1"]),
    ] {
        let args = [&[command, "noise"], &STRATEGY[..], &search, more].concat();
        let one = place.test(&[&args[..], &["-j", "1"]].concat());
        let two = place.test(&[&args[..], &["-j", "2"]].concat());
        let apart = place.test(&[&args[..], &["-j", "2", "--isolate"]].concat());
        assert_eq!(one["values"].as_array().expect("values").len(), 3);
        assert_eq!((&one, &one), (&two, &apart), "{command}");
        let other = place.test(&[&args[..], &["--seed", "9"]].concat());
        assert_ne!(one["values"], other["values"], "the seed decides");
    }
}
