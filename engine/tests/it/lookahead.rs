//! Cutting the future off changes nothing before the cut.
//!
//! Each strategy runs over a whole market and over the same market as it was known at a cut: a
//! bundle that has never seen the later bars. Fills and equity up to the cut must agree bit by bit.

use std::borrow::Cow;

use barrow_engine::{
    Backtest, Context, Ema, Error, Field, Indicator, Params, Performance, Series, Setup, Signal,
    Sma, Strategy, strategies,
};
use barrow_store::SeriesCache;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::bundles::{Market, markets, number};

/// Reads everything a context offers and trades on it, so that a leak anywhere changes a fill.
#[derive(Default)]
pub(crate) struct Curious {
    inputs: Option<(Field, Field, Series, Series, Signal, Signal)>,
}

/// Number of bars since the last new high.
struct SinceHigh;

impl Indicator for SinceHigh {
    type State = (f64, f64);

    fn name(&self) -> Cow<'static, str> {
        "tests.since-high".into()
    }

    fn params(&self) -> [u64; 4] {
        [0; 4]
    }

    fn start(&self) -> (f64, f64) {
        (f64::NEG_INFINITY, 0.0)
    }

    fn next(&self, (high, bars): &mut (f64, f64), past: &[f64]) -> f64 {
        match past.last() {
            Some(value) if value >= high => (*high, *bars) = (*value, 0.0),
            _ => *bars += 1.0,
        }
        *bars
    }
}

impl Strategy for Curious {
    fn name(&self) -> &'static str {
        "curious"
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        let (close, open) = (setup.field("close")?, setup.field("open")?);
        let ema = setup.indicator(close, &Ema { window: 3 })?;
        let since_high = setup.indicator(open, &SinceHigh)?;
        let sma = setup.indicator(close, &Sma { window: 2 })?;
        let news = setup.changes(sma);
        let cross = setup.mean_cross(close, 2, 3)?;
        self.inputs = Some((close, open, ema, since_high, news, cross));
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let (close, open, ema, since_high, news, cross) = self.inputs.unwrap();
        for asset in context.assets() {
            let mut wish: f64 = context.history(asset, close, usize::MAX).iter().sum();
            wish += context.history(asset, open, 3).iter().sum::<f64>();
            wish += context.value(asset, ema).unwrap_or(0.0);
            wish += context.values(asset, since_high, 4).iter().sum::<f64>();
            wish += if context.has_bar(asset) { 3.0 } else { 0.0 };
            wish += number(context.bars_so_far(asset) + context.elapsed());
            wish += (context.equity() + context.cash()).abs() + context.position(asset);
            context.order_target(asset, (wish * 8.0).floor() % 17.0 - 8.0)?;
        }
        for change in context.changes(news).iter().chain(context.changes(cross)) {
            context.order(change.asset, change.value.floor() % 3.0)?;
        }
        Ok(())
    }
}

fn build(which: usize) -> Box<dyn Strategy> {
    let build = |name: &str, params: &[&str]| -> Box<dyn Strategy> {
        strategies::build(name, &Params::parse(params.iter().copied()).unwrap()).unwrap()
    };
    match which {
        0 => Box::new(Curious::default()),
        1 => build("sma-cross", &["fast=2", "slow=5"]),
        2 => build("momentum", &["lookback=3", "top=2", "rebalance=2"]),
        3 => build("mean-reversion", &["lookback=4", "entry=1", "exit=0.2"]),
        _ => build("buy-and-hold", &[]),
    }
}

fn run(market: &Market, which: usize) -> Performance {
    Backtest::with_cash(1_000.0)
        .run(&market.lease(), build(which).as_mut(), &SeriesCache::default())
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_past_does_not_depend_on_the_future(
        market in markets(4, 30),
        cut in 0_usize..40,
        which in 0_usize..5,
    ) {
        let clock = market.clock();
        let cut = clock[cut % clock.len()];
        let known = market.until(cut);
        let (whole, early) = (run(&market, which), run(&known, which));
        let until: Vec<_> = whole
            .equity
            .iter()
            .filter(|(time, _)| *time <= cut)
            .map(|(time, value)| (*time, value.to_bits()))
            .collect();
        let curve: Vec<_> =
            early.equity.iter().map(|(time, value)| (*time, value.to_bits())).collect();
        prop_assert_eq!(until, curve);
        let until: Vec<_> = whole.fills.iter().filter(|fill| fill.time <= cut).copied().collect();
        prop_assert_eq!(until, early.fills);
    }
}
