//! What to do about errors of the engine.

use barrow_engine::Error as EngineError;

/// Advice for an error, where there is some.
pub(super) fn hint(error: &EngineError) -> Option<String> {
    Some(match error {
        EngineError::UnknownStrategy { nearest: Some(nearest), .. } => {
            format!("`--strategy {nearest}`; `barrow backtest --help` describes them all")
        }
        EngineError::UnknownStrategy { .. }
        | EngineError::UnknownParam { .. }
        | EngineError::BadParam { .. }
        | EngineError::Constraint { .. } => {
            "`barrow backtest --help` describes the strategies and their parameters".to_owned()
        }
        EngineError::BadSpace { .. } => {
            "write `--param fast=10`, or for a sweep `fast=2..20:2` or `fast=5,10,20`".to_owned()
        }
        EngineError::NoGrid { param } => format!(
            "list values, as in `{param}=0.1..0.5:0.1`, or search the range: `--search tpe --trials 100`"
        ),
        EngineError::UnknownSearch { nearest: Some(nearest), .. } => {
            format!("`--search {nearest}`")
        }
        EngineError::UnknownSearch { .. } => {
            "`--search tpe --trials 100` is a good beginning; docs/search.md says when which pays"
                .to_owned()
        }
        EngineError::BadSearch { search, name, .. } => match name.as_str() {
            "trials" => format!("`--search {search} --trials 200`"),
            "objectives" => "name one `--objective`, or take `--search genetic`".to_owned(),
            "space" | "rungs" => {
                "`--search tpe --trials 100` takes any space, and runs in full".to_owned()
            }
            "budgets" => format!("`--search {search}:min=1/27,eta=3`"),
            _ => {
                format!("settings follow the name, as in `--search {search}:NAME=VALUE,NAME=VALUE`")
            }
        },
        EngineError::EmptyPeriod { bundle, .. } => {
            format!("`barrow inspect {bundle}` shows first and last bar of each asset")
        }
        EngineError::MissingColumn { bundle, .. } => {
            format!("`barrow inspect {bundle}` lists the columns")
        }
        EngineError::BadPrice { symbol, .. } => format!(
            "`barrow query NAME --assets {symbol} --filter 'missing(close)'` shows the bars; leave the \
             asset out with `--assets`"
        ),
        _ => return None,
    })
}
