//! `buy-and-hold`: buys once and keeps.

use super::given::{Given, number};
use super::{ParamSpec, StrategySpec};
use crate::Error;
use crate::context::Context;
use crate::params::{Params, Value};
use crate::portal::AssetIdx;
use crate::setup::{Field, Setup};
use crate::strategy::Strategy;

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: "buy-and-hold",
    summary: "buys every asset once, at its first bar, and keeps it",
    rule: "At the close of each asset's first bar of the period, orders `shares` of it, or, when \
           `shares` is 0, as many whole shares as `invest` x starting cash / number of assets pays \
           for at that close. The order fills at the asset's next open. Nothing is ever sold.",
    params: &[
        ParamSpec {
            name: "invest",
            default: Value::Int(1),
            doc: "share of the starting cash that is spent, divided equally; above 0",
        },
        ParamSpec {
            name: "shares",
            default: Value::Int(0),
            doc: "quantity of each asset; 0 sizes by `invest` instead",
        },
    ],
    build: |given| Ok(Box::new(BuyAndHold::given(given)?)),
};

/// Buys every asset of the run once and keeps it.
#[derive(Debug, Clone)]
pub struct BuyAndHold {
    invest: f64,
    shares: f64,
    close: Option<Field>,
    waiting: Vec<AssetIdx>,
}

impl BuyAndHold {
    fn given(given: &Given<'_>) -> Result<BuyAndHold, Error> {
        let (invest, shares) = (given.positive("invest")?, given.non_negative("shares")?);
        Ok(BuyAndHold { invest, shares, close: None, waiting: Vec::new() })
    }
}

impl Strategy for BuyAndHold {
    fn name(&self) -> &'static str {
        "buy-and-hold"
    }

    fn params(&self) -> Params {
        Params::new().with("invest", number(self.invest)).with("shares", number(self.shares))
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        self.close = Some(setup.field("close")?);
        self.waiting.clear();
        self.waiting.extend(setup.assets());
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let Some(close) = self.close else { return Ok(()) };
        if self.waiting.is_empty() {
            return Ok(());
        }
        let assets = context.assets().len();
        #[expect(clippy::cast_precision_loss, reason = "numbers of assets lie far below 2^53")]
        let budget = self.invest * context.initial_cash() / assets as f64;
        let mut failure = None;
        self.waiting.retain(|asset| {
            if failure.is_some() || !context.has_bar(*asset) {
                return true;
            }
            let price = context.latest(*asset, close).filter(|price| *price > 0.0);
            let affordable = price.map_or(0.0, |price| (budget / price).floor());
            let quantity = if self.shares > 0.0 { self.shares } else { affordable };
            failure = context.order(*asset, quantity).err();
            false
        });
        failure.map_or(Ok(()), Err)
    }
}
