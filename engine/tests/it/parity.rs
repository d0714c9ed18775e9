//! The engine against the reference portfolio, on random markets with random orders.
//!
//! Fills, cash, positions, open orders and the whole equity curve must agree bit by bit: with gaps,
//! shorts, several orders for one asset, orders on the last bar, all costs, any period.

use barrow_engine::{
    AssetIdx, Backtest, Commission, Context, Error, Metrics, Performance, Scope, Setup, Slippage,
    Strategy,
};
use barrow_store::SeriesCache;
use proptest::prelude::{Just, ProptestConfig, prop, prop_oneof, proptest};
use proptest::strategy::Strategy as Generator;

use super::bundles::{DAY, Market, markets, number};
use super::reference::{self, Ledger, Settings, trade_profits};

/// What to do at a tick.
#[derive(Debug, Clone, Copy)]
struct Step {
    tick: usize,
    asset: usize,
    action: Action,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Order(f64),
    Target(f64),
}

/// Sends the orders of a script and checks what the context says on the way.
struct Script {
    steps: Vec<Step>,
    assets: Vec<AssetIdx>,
    equity: Vec<f64>,
}

impl Strategy for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        self.assets = setup.assets().collect();
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let now = context.elapsed();
        for step in self.steps.iter().filter(|step| step.tick == now) {
            let asset = self.assets[step.asset % self.assets.len()];
            match step.action {
                Action::Order(quantity) => context.order(asset, quantity)?,
                Action::Target(target) => context.order_target(asset, target)?,
            }
        }
        self.equity.push(context.equity());
        Ok(())
    }
}

fn steps() -> impl Generator<Value = Vec<Step>> {
    // Quarters, so that sums of quantities are exact and zero is met again.
    let quantity = (-12_i32..=12).prop_map(|quarters| f64::from(quarters) * 0.25);
    let action =
        prop_oneof![quantity.clone().prop_map(Action::Order), quantity.prop_map(Action::Target)];
    let step = (0_usize..25, 0_usize..4, action);
    prop::collection::vec(
        step.prop_map(|(tick, asset, action)| Step { tick, asset, action }),
        0..40,
    )
}

pub(crate) fn settings() -> impl Generator<Value = Settings> {
    let commission = prop_oneof![
        Just(Commission::None),
        (0.0..0.1_f64).prop_map(Commission::PerShare),
        (0.0..2.0_f64).prop_map(Commission::PerOrder),
        (0.0..50.0_f64).prop_map(Commission::Bps),
    ];
    let slippage = prop_oneof![Just(Slippage::None), (0.0..100.0_f64).prop_map(Slippage::Bps)];
    let from = prop_oneof![3 => Just(None), 1 => (0_i64..12).prop_map(Some)];
    let to = prop_oneof![3 => Just(None), 1 => (4_i64..30).prop_map(Some)];
    (commission, slippage, from, to).prop_map(|(commission, slippage, from, to)| Settings {
        cash: 1_000.0,
        commission,
        slippage,
        from: from.map(|day| day * DAY),
        to: to.map(|day| day * DAY),
    })
}

pub(crate) fn backtest(settings: &Settings) -> Backtest {
    Backtest {
        cash: settings.cash,
        commission: settings.commission,
        slippage: settings.slippage,
        seed: 0,
        scope: Scope { from: settings.from, to: settings.to, assets: None },
    }
}

/// Asserts that both ended the same, to the last bit.
pub(crate) fn assert_same(performance: &Performance, ledger: &Ledger) {
    let bits = |curve: &[(i64, f64)]| -> Vec<(i64, u64)> {
        curve.iter().map(|(time, value)| (*time, value.to_bits())).collect()
    };
    let fills: Vec<_> = performance
        .fills
        .iter()
        .map(|f| (f.time, f.asset.index(), f.quantity, f.price, f.commission))
        .collect();
    assert_eq!(fills, ledger.fills);
    assert_eq!(bits(&performance.equity), bits(&ledger.equity));
    assert_eq!(performance.final_cash.to_bits(), ledger.cash.to_bits());
    let positions: Vec<_> =
        performance.positions.iter().map(|(asset, quantity)| (asset.index(), *quantity)).collect();
    let expected: Vec<_> = ledger
        .positions
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, quantity)| *quantity != 0.0)
        .collect();
    assert_eq!(positions, expected);
    let open: Vec<_> =
        performance.open_orders.iter().map(|o| (o.time, o.asset.index(), o.quantity)).collect();
    assert_eq!(open, ledger.open_orders);
    assert_metrics(&performance.metrics, ledger, performance.bars_per_year);
}

/// Computes the figures once more, from the definitions.
fn assert_metrics(metrics: &Metrics, ledger: &Ledger, per_year: f64) {
    let curve: Vec<f64> = ledger.equity.iter().map(|(_, value)| *value).collect();
    let close = |actual: Option<f64>, expected: f64, name: &str| {
        if expected.is_finite() {
            let actual = actual.unwrap_or_else(|| panic!("{name} is none, expected {expected}"));
            let tolerance = 1e-9 * expected.abs().max(1e-3);
            assert!((actual - expected).abs() <= tolerance, "{name} {actual} {expected}");
        } else {
            assert_eq!(actual, None, "{name}");
        }
    };
    let n = curve.len();
    close(metrics.total_return, curve[n - 1] / curve[0] - 1.0, "total_return");
    let (mut depth, mut length) = (0.0, 0);
    for high in 0..n {
        for low in high..n {
            let is_high = curve[..=high].iter().all(|value| *value <= curve[high])
                && curve[high + 1..=low].iter().all(|value| *value < curve[high]);
            if is_high && 1.0 - curve[low] / curve[high] > depth {
                depth = 1.0 - curve[low] / curve[high];
                let back = curve[low..].iter().position(|value| *value >= curve[high]);
                length = back.map_or(n - 1, |bars| low + bars) - high;
            }
        }
    }
    close(metrics.max_drawdown, depth, "max_drawdown");
    assert_eq!(metrics.max_drawdown_length, length as u64);
    close(metrics.exposure, number(ledger.ticks_held) / number(n), "exposure");
    let profits = trade_profits(&ledger.fills, ledger.positions.len());
    let won: Vec<f64> = profits.iter().copied().filter(|profit| *profit > 0.0).collect();
    let lost: f64 = profits.iter().filter(|profit| **profit < 0.0).sum();
    assert_eq!((metrics.trades, metrics.fills), (profits.len() as u64, ledger.fills.len() as u64));
    close(metrics.win_rate, number(won.len()) / number(profits.len()), "win_rate");
    close(metrics.profit_factor, won.iter().sum::<f64>() / -lost, "profit_factor");
    if n < 2 || curve[..n - 1].iter().any(|value| *value <= 0.0) {
        assert_eq!((metrics.sharpe, metrics.sortino, metrics.annual_return), (None, None, None));
        return;
    }
    let returns: Vec<f64> = curve.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let m = number(returns.len());
    let mean = returns.iter().sum::<f64>() / m;
    let downside = (returns.iter().filter(|r| **r < 0.0).map(|r| r * r).sum::<f64>() / m).sqrt();
    close(metrics.sortino, mean / downside * per_year.sqrt(), "sortino");
    let traded: f64 = ledger.fills.iter().map(|fill| (fill.2 * fill.3).abs()).sum();
    let mean_equity = curve.iter().sum::<f64>() / number(n);
    close(metrics.turnover, traded / 2.0 / mean_equity / (m / per_year), "turnover");
    if returns.iter().any(|r| *r != returns[0]) {
        let sd = (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (m - 1.0)).sqrt();
        close(metrics.volatility, sd * per_year.sqrt(), "volatility");
        close(metrics.sharpe, mean / sd * per_year.sqrt(), "sharpe");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn random_orders_give_what_the_reference_gives(
        market in markets(4, 25),
        steps in steps(),
        settings in settings(),
    ) {
        check(&market, &steps, &settings);
    }
}

fn check(market: &Market, steps: &[Step], settings: &Settings) {
    let ledger = reference::run(market, settings, |moment| {
        let mut pending = moment.pending.to_vec();
        let mut orders = Vec::new();
        for step in steps.iter().filter(|step| step.tick == moment.tick) {
            let asset = step.asset % market.assets.len();
            let order = match step.action {
                Action::Order(quantity) => (asset, quantity),
                // Orders of the same tick count as open ones.
                Action::Target(target) => {
                    reference::Moment { pending: &pending, ..*moment }.to_target(asset, target)
                }
            };
            pending.push((order.0, order.1, moment.time));
            orders.push(order);
        }
        orders
    });
    let lease = market.lease();
    let mut script = Script { steps: steps.to_vec(), assets: Vec::new(), equity: Vec::new() };
    let performance = match backtest(settings).run(&lease, &mut script, &SeriesCache::default()) {
        Ok(performance) => performance,
        Err(Error::EmptyPeriod { .. }) => return assert!(ledger.equity.is_empty()),
        Err(error) => panic!("{error}"),
    };
    assert_same(&performance, &ledger);
    // What the context said at each tick is what the curve says afterwards.
    let curve: Vec<u64> = performance.equity.iter().map(|(_, value)| value.to_bits()).collect();
    let seen: Vec<u64> = script.equity.iter().map(|value| value.to_bits()).collect();
    assert_eq!(seen, curve);
}

#[test]
fn an_order_on_the_last_bar_stays_open() {
    let market =
        Market::of(&[("A", &[Some(100), Some(200)]), ("B", &[Some(100), None, Some(300)])]);
    let order = |tick, asset, quantity| Step { tick, asset, action: Action::Order(quantity) };
    let steps = [order(0, 0, 1.0), order(1, 0, 2.0), order(0, 1, 3.0), order(2, 1, -4.0)];
    let mut script = Script { steps: steps.to_vec(), assets: Vec::new(), equity: Vec::new() };
    let performance = Backtest::with_cash(100.0)
        .run(&market.lease(), &mut script, &SeriesCache::default())
        .unwrap();
    let fills: Vec<_> =
        performance.fills.iter().map(|f| (f.time / DAY, f.quantity, f.price)).collect();
    assert_eq!(fills, [(1, 1.0, 2.01), (2, 3.0, 3.01)]);
    let open: Vec<_> = performance
        .open_orders
        .iter()
        .map(|o| (o.time / DAY, o.asset.index(), o.quantity))
        .collect();
    assert_eq!(open, [(1, 0, 2.0), (2, 1, -4.0)]);
    check(&market, &steps, &settings_without_costs());
}

pub(crate) fn settings_without_costs() -> Settings {
    Settings {
        cash: 1_000.0,
        commission: Commission::None,
        slippage: Slippage::None,
        from: None,
        to: None,
    }
}
