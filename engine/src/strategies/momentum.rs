//! `momentum`: rotates into the assets that rose most.

use super::given::{Given, number};
use super::{ParamSpec, StrategySpec};
use crate::Error;
use crate::context::Context;
use crate::indicator::RateOfChange;
use crate::params::{Params, Value};
use crate::portal::AssetIdx;
use crate::setup::{Field, Series, Setup};
use crate::strategy::Strategy;

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: "momentum",
    summary: "holds the `top` assets with the highest return over `lookback` bars, in equal parts",
    rule: "The score of an asset with a bar at the tick and `lookback` + 1 closes so far is close / \
           close `lookback` bars earlier - 1. A choice is made at the first tick with any score, \
           and then at the first tick with any score that is `rebalance` or more ticks after the \
           last choice: the `top` highest scores are chosen (of equal ones the first symbols). The \
           target of each chosen asset is the whole number of shares that `invest` x equity / `top` \
           pays for at its close, that of every other asset 0; the difference between target and \
           position is ordered and fills at the asset's next open. When fewer than `top` have a \
           score, their shares of the equity stay in cash.",
    params: &[
        ParamSpec {
            name: "lookback",
            default: Value::Int(126),
            doc: "bars of the return, 1 or more",
        },
        ParamSpec { name: "top", default: Value::Int(5), doc: "number of assets held, 1 or more" },
        ParamSpec {
            name: "rebalance",
            default: Value::Int(21),
            doc: "ticks of the clock between choices, 1 or more",
        },
        ParamSpec {
            name: "invest",
            default: Value::Int(1),
            doc: "share of the equity that is invested; above 1 on credit; above 0",
        },
    ],
    build: |given| Ok(Box::new(Momentum::given(given)?)),
};

/// Rotates into the assets with the highest return over a window.
#[derive(Debug, Clone)]
pub struct Momentum {
    lookback: usize,
    top: usize,
    rebalance: usize,
    invest: f64,
    inputs: Option<(Field, Series)>,
    next_choice: usize,
    ranked: Vec<(f64, AssetIdx)>,
}

impl Momentum {
    fn given(given: &Given<'_>) -> Result<Momentum, Error> {
        Ok(Momentum {
            lookback: given.count("lookback")?,
            top: given.count("top")?,
            rebalance: given.count("rebalance")?,
            invest: given.positive("invest")?,
            inputs: None,
            next_choice: 0,
            ranked: Vec::new(),
        })
    }
}

impl Strategy for Momentum {
    fn name(&self) -> &'static str {
        "momentum"
    }

    fn params(&self) -> Params {
        Params::new()
            .with("lookback", self.lookback)
            .with("top", self.top)
            .with("rebalance", self.rebalance)
            .with("invest", number(self.invest))
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        let close = setup.field("close")?;
        let score = setup.indicator(close, &RateOfChange { lag: self.lookback })?;
        self.inputs = Some((close, score));
        self.next_choice = 0;
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let Some((close, score)) = self.inputs else { return Ok(()) };
        if context.elapsed() < self.next_choice {
            return Ok(());
        }
        self.ranked.clear();
        for asset in context.assets().filter(|asset| context.has_bar(*asset)) {
            let score = context.value(asset, score).filter(|score| score.is_finite());
            self.ranked.extend(score.map(|score| (score, asset)));
        }
        if self.ranked.is_empty() {
            return Ok(());
        }
        self.next_choice = context.elapsed() + self.rebalance;
        self.ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.ranked.truncate(self.top);
        self.ranked.sort_unstable_by_key(|(_, asset)| *asset);
        #[expect(clippy::cast_precision_loss, reason = "numbers of assets lie far below 2^53")]
        let budget = self.invest * context.equity() / self.top as f64;
        let mut chosen = self.ranked.iter().map(|(_, asset)| *asset).peekable();
        for asset in context.assets() {
            let mut target = 0.0;
            if chosen.next_if_eq(&asset).is_some() {
                let price = context.latest(asset, close).filter(|price| *price > 0.0);
                target = price.map_or(0.0, |price| (budget / price).floor().max(0.0));
            }
            context.order_target(asset, target)?;
        }
        Ok(())
    }
}
