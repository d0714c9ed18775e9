//! What a study is of.

use super::hunt::Hunt;
use super::terms::Part;
use crate::portal::Portal;
use crate::search::Space;
use crate::study::Identity;
use crate::time::{TimeStyle, Timestamp};

impl Hunt<'_> {
    /// What makes two hunts the same study.
    pub(super) fn identity(
        &self,
        portal: &Portal<'_>,
        strategy: &str,
        space: &Space,
        part: Part,
    ) -> Identity {
        let scope = &self.backtest.scope;
        let lines = |items: Vec<String>| items.join("\n");
        let time = |end: Option<i64>| {
            let text = |ns| Timestamp::new(ns, TimeStyle::Session).to_string();
            end.map_or_else(|| "all".to_owned(), text)
        };
        let facts = [
            ("strategy", strategy.to_owned()),
            ("bundle version", portal.version().to_string()),
            ("space", lines(space.axes().iter().map(ToString::to_string).collect())),
            ("constraints", lines(space.constraints().iter().map(ToString::to_string).collect())),
            ("objectives", lines(self.objectives.iter().map(ToString::to_string).collect())),
            ("limits", lines(self.limits.iter().map(ToString::to_string).collect())),
            ("search", self.plan.method.written()),
            ("search seed", self.plan.seed.to_string()),
            ("round", self.round_len().to_string()),
            ("part of the period", part.name().to_owned()),
            ("cash", self.backtest.cash.to_string()),
            ("commission", self.backtest.commission.to_string()),
            ("slippage", self.backtest.slippage.to_string()),
            ("seed", self.backtest.seed.to_string()),
            ("from", time(scope.from)),
            ("to", time(scope.to)),
            ("assets", scope.assets.as_ref().map_or("all".to_owned(), |a| lines(a.clone()))),
            ("library version", crate::LIBRARY_VERSION.to_owned()),
        ];
        Identity { facts: facts.map(|(name, value)| (name.to_owned(), value)).into() }
    }
}
