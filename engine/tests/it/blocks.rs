//! Goal: points that are run in one walk over the bars have the same bits as points run one by one.
//! Method: random markets with gaps, late starts and missing closes; sweeps of the built-in
//! strategies against the same strategies without their driver, which the engine must then run bar
//! by bar, and against single backtests; with costs, scopes and at several numbers of workers.

use barrow_engine::{
    Backtest, Commission, Context, Driver, Error, Objective, Params, Scope, Setup, Slippage, Space,
    Strategy, Sweep, SweepReport, Workers, strategies,
};
use barrow_store::{Lease, SeriesCache};
use proptest::prelude::*;

use crate::bundles::{DAY, Market, NO_CLOSE, markets};

/// A strategy whose driver is not known to the engine.
struct Plain(Box<dyn Strategy + Send>);

impl Strategy for Plain {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn params(&self) -> Params {
        self.0.params()
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        self.0.on_start(setup)
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        self.0.on_bar(context)
    }

    fn driver(&self) -> Option<Driver> {
        None
    }
}

fn plain(name: &'static str) -> impl Fn(&Params) -> Result<Box<dyn Strategy + Send>, Error> {
    move |params| Ok(Box::new(Plain(strategies::build(name, params)?)))
}

const SPACES: [(&str, &[&str]); 2] = [
    ("sma-cross", &["fast=1..4", "slow=2..6", "shares=1,7.3"]),
    ("mean-reversion", &["lookback=2..5", "entry=0.5,1", "exit=0,0.25", "short=true,false"]),
];

/// Everything but the use of the machine.
fn bits(report: &SweepReport) -> String {
    format!("{:?} {:?} {:?} {}", report.trials, report.best, report.failed, report.skipped)
}

fn check(lease: &Lease, backtest: &Backtest) -> Result<(), TestCaseError> {
    let sweep = Sweep::new(backtest.clone(), "sharpe".parse::<Objective>().unwrap());
    let one = Workers::new(1).unwrap();
    let three = Workers::new(3).unwrap();
    for (name, axes) in SPACES {
        let space = Space::parse(axes.iter().copied()).unwrap();
        let cache = SeriesCache::default();
        let blocks = sweep.run(lease, name, &space, &cache, &one);
        let singly = sweep.run_with(lease, &plain(name), &space, &cache, &one);
        let (Ok(blocks), Ok(singly)) = (blocks, singly) else { return Ok(()) };
        prop_assert_eq!(bits(&blocks), bits(&singly), "{}", name);
        let spread = sweep.run(lease, name, &space, &SeriesCache::default(), &three).unwrap();
        prop_assert_eq!(bits(&blocks), bits(&spread), "{} on three workers", name);
        for trial in &blocks.trials {
            let mut strategy = strategies::build(name, &blocks.params(trial)).unwrap();
            let single = backtest.run(lease, strategy.as_mut(), &cache).unwrap();
            prop_assert_eq!(trial.metrics, single.metrics);
            prop_assert_eq!(trial.final_cash.to_bits(), single.final_cash.to_bits());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn blocks_equal_one_by_one(market in markets(5, 40), from in 0_i64..20, costs in any::<bool>()) {
        let backtest = Backtest {
            commission: if costs { Commission::Bps(7.0) } else { Commission::PerOrder(0.3) },
            slippage: if costs { Slippage::Bps(3.0) } else { Slippage::None },
            scope: Scope { from: Some(from * DAY), to: Some((from + 25) * DAY), assets: None },
            ..Backtest::with_cash(1000.0)
        };
        check(&market.lease(), &backtest)?;
    }

    #[test]
    fn blocks_equal_one_by_one_where_closes_are_missing(
        mut market in markets(3, 30),
        asset in 0_usize..3,
        row in 0_usize..30,
    ) {
        let asset = asset % market.assets.len();
        let bars = &mut market.assets[asset].bars;
        let row = row % bars.len();
        bars[row].close_cents = NO_CLOSE;
        check(&market.lease(), &Backtest::with_cash(1000.0))?;
    }
}

#[test]
fn an_open_without_a_price_fails_alike() {
    let closes: Vec<Option<i64>> = (0..40).map(|day| Some(1000 + (day * 37) % 90)).collect();
    let mut market = Market::of(&[("A", &closes)]);
    for row in (5..40).step_by(3) {
        market.assets[0].bars[row].open = f64::NAN;
    }
    let lease = market.lease();
    check(&lease, &Backtest::with_cash(1000.0)).unwrap();
    let sweep = Sweep::new(Backtest::with_cash(1000.0), "sharpe".parse().unwrap());
    let space = Space::parse(["fast=1..3", "slow=4..6"]).unwrap();
    let workers = Workers::new(1).unwrap();
    let report = sweep.run(&lease, "sma-cross", &space, &SeriesCache::default(), &workers).unwrap();
    assert!(!report.failed.is_empty(), "the market was made so that fills meet these opens");
    assert!(report.failed[0].error.contains("`open` of `A`"), "{:?}", report.failed[0]);
}
