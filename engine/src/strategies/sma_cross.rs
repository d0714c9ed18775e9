//! `sma-cross`: long while the short mean is above the long one.

use super::given::{Given, number};
use super::{ParamSpec, StrategySpec};
use crate::Error;
use crate::context::Context;
use crate::params::{Params, Value};
use crate::setup::{Setup, Signal};
use crate::strategy::{Driver, Strategy};

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: "sma-cross",
    summary: "long while the mean of the last `fast` closes is above that of the last `slow`",
    rule: "For each asset by itself: after the close of a bar with at least `slow` closes so far, \
           the target is `shares` when the mean of the last `fast` closes is greater than the mean \
           of the last `slow`, else 0. Equal means are flat; closes count as the decimals they are \
           written as, so equality is decided exactly. The difference between target and position \
           is ordered and fills at the asset's next open. Closes before the period of the run count.",
    params: &[
        ParamSpec {
            name: "fast",
            default: Value::Int(10),
            doc: "bars of the short mean, 1 or more",
        },
        ParamSpec {
            name: "slow",
            default: Value::Int(50),
            doc: "bars of the long mean, above `fast`",
        },
        ParamSpec { name: "shares", default: Value::Int(100), doc: "quantity held, above 0" },
    ],
    build: |given| Ok(Box::new(SmaCross::given(given)?)),
};

/// Holds `shares` of each asset whose mean over `fast` closes is above its mean over `slow`.
///
/// It is told of crossings ([`Setup::mean_cross`]) instead of looking at every bar, so a run costs
/// little more than finding them.
#[derive(Debug, Clone)]
pub struct SmaCross {
    fast: usize,
    slow: usize,
    shares: f64,
    cross: Option<Signal>,
}

impl SmaCross {
    fn given(given: &Given<'_>) -> Result<SmaCross, Error> {
        let (fast, slow) = (given.count("fast")?, given.count("slow")?);
        let shares = given.positive("shares")?;
        if fast >= slow {
            return Err(given.constraint("fast < slow"));
        }
        Ok(SmaCross { fast, slow, shares, cross: None })
    }
}

impl Strategy for SmaCross {
    fn name(&self) -> &'static str {
        "sma-cross"
    }

    fn params(&self) -> Params {
        Params::new()
            .with("fast", self.fast)
            .with("slow", self.slow)
            .with("shares", number(self.shares))
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        let close = setup.field("close")?;
        self.cross = Some(setup.mean_cross(close, self.fast, self.slow)?);
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let Some(cross) = self.cross else { return Ok(()) };
        for change in context.changes(cross) {
            let position = context.position(change.asset);
            context.order_target(change.asset, self.target(change.value, position))?;
        }
        Ok(())
    }

    fn driver(&self) -> Option<Driver> {
        self.cross.map(Driver::Changes)
    }

    fn target(&self, value: f64, _: f64) -> f64 {
        if value > 0.0 { self.shares } else { 0.0 }
    }
}
