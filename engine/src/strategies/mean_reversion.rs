//! `mean-reversion`: buys far below the mean, sells short far above it, leaves near it.

use super::given::{Given, number};
use super::{ParamSpec, StrategySpec};
use crate::Error;
use crate::context::Context;
use crate::indicator::ZScore;
use crate::params::{Params, Value};
use crate::setup::{Series, Setup};
use crate::strategy::{Driver, Strategy};

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: "mean-reversion",
    summary: "long `entry` deviations below the mean of `lookback` closes, short as far above it",
    rule: "For each asset by itself: after the close of a bar with at least `lookback` closes so \
           far, z = (close - mean) / population standard deviation of the last `lookback` closes, \
           0 when they are all equal. Flat: the target is `shares` when z < -`entry`; -`shares` \
           when z > `entry` and `short` is true. Long: the target is 0 once z >= -`exit`. Short: 0 \
           once z <= `exit`. One such step a bar. The difference between target and position is \
           ordered and fills at the asset's next open.",
    params: &[
        ParamSpec { name: "lookback", default: Value::Int(20), doc: "bars of the mean, 1 or more" },
        ParamSpec {
            name: "entry",
            default: Value::Int(2),
            doc: "standard deviations at which a position is opened; above `exit`",
        },
        ParamSpec {
            name: "exit",
            default: Value::Float(0.5),
            doc: "standard deviations at which it is closed; 0 or more",
        },
        ParamSpec { name: "shares", default: Value::Int(100), doc: "quantity held, above 0" },
        ParamSpec { name: "short", default: Value::Bool(true), doc: "whether to sell short" },
    ],
    build: |given| Ok(Box::new(MeanReversion::given(given)?)),
};

/// Trades the distance of the close from its mean.
#[derive(Debug, Clone)]
pub struct MeanReversion {
    lookback: usize,
    entry: f64,
    exit: f64,
    shares: f64,
    short: bool,
    score: Option<Series>,
}

impl MeanReversion {
    fn given(given: &Given<'_>) -> Result<MeanReversion, Error> {
        let (entry, exit) = (given.positive("entry")?, given.non_negative("exit")?);
        let lookback = given.count("lookback")?;
        let (shares, short) = (given.positive("shares")?, given.flag("short")?);
        if exit >= entry {
            return Err(given.constraint("exit < entry"));
        }
        Ok(MeanReversion { lookback, entry, exit, shares, short, score: None })
    }
}

impl Strategy for MeanReversion {
    fn name(&self) -> &'static str {
        "mean-reversion"
    }

    fn params(&self) -> Params {
        Params::new()
            .with("lookback", self.lookback)
            .with("entry", number(self.entry))
            .with("exit", number(self.exit))
            .with("shares", number(self.shares))
            .with("short", self.short)
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        let close = setup.field("close")?;
        self.score = Some(setup.indicator(close, &ZScore { window: self.lookback })?);
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let Some(score) = self.score else { return Ok(()) };
        for asset in context.assets() {
            if context.has_bar(asset)
                && let Some(z) = context.value(asset, score)
            {
                context.order_target(asset, self.target(z, context.position(asset)))?;
            }
        }
        Ok(())
    }

    fn driver(&self) -> Option<Driver> {
        self.score.map(Driver::Values)
    }

    fn target(&self, z: f64, position: f64) -> f64 {
        if position > 0.0 {
            if z >= -self.exit { 0.0 } else { position }
        } else if position < 0.0 {
            if z <= self.exit { 0.0 } else { position }
        } else if z < -self.entry {
            self.shares
        } else if z > self.entry && self.short {
            -self.shares
        } else {
            0.0
        }
    }
}
