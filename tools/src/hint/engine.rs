//! What to do about errors of the engine.

use barrow_engine::Error as EngineError;

/// Advice for an error, where there is some.
pub(super) fn hint(error: &EngineError) -> Option<String> {
    asked_hint(error).or_else(|| run_hint(error))
}

/// What to do about names and values that mean nothing.
fn asked_hint(error: &EngineError) -> Option<String> {
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
        EngineError::BadSpace { problem, .. } if problem.contains("limit") => {
            "a metric, `<=` or `>=`, and a number, as in `--limit \"trades>=30\"`".to_owned()
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
        EngineError::BadCash { .. } => "`--cash 100000`".to_owned(),
        EngineError::BadCosts { what, .. } => format!("`--{what} none`, or `--{what} bps:5`"),
        EngineError::BadLength { .. } => {
            "write 500 (bars), 250s (sessions), 90d, 6m or 4y (calendar)".to_owned()
        }
        EngineError::TooManyValues { param, .. } => format!(
            "take larger steps, as in `{param}=2..200:10`, or name the range alone and search it: \
             `{param}=int(2..200)` with `--search tpe --trials 200`"
        ),
        EngineError::SpaceTooLarge { .. } => {
            "search it: `--search tpe --trials 200`; or take larger steps, as in `fast=2..200:10`"
                .to_owned()
        }
        EngineError::BadToml { .. } => {
            "docs/search.md shows such a file: `[params]`, then lines like `fast = \"2..20:2\"`"
                .to_owned()
        }
        EngineError::UnknownMetric { nearest: Some(nearest), .. } => {
            format!("did you mean `{nearest}`? `max:` or `min:` before it turns its direction")
        }
        EngineError::UnknownMetric { .. } => {
            "docs/cli.md says what each means; `max:` or `min:` before it turns its direction"
                .to_owned()
        }
        _ => return None,
    })
}

/// What to do about what bars, studies and the machine do not allow.
fn run_hint(error: &EngineError) -> Option<String> {
    Some(match error {
        EngineError::Statistic { statistic, .. } => return statistic_hint(statistic),
        EngineError::NothingToRun { source, .. } => return nothing_hint(source),
        EngineError::NothingToJudge | EngineError::NoChoice { .. } => {
            "a metric is undefined where nothing is traded: lengthen what is fitted and tested on, or take \
             `--objective total_return`"
                .to_owned()
        }
        EngineError::OtherStudy { .. } => {
            "give this run a file of its own, or repeat the flags that the study was begun with"
                .to_owned()
        }
        EngineError::BadStudy { .. } => {
            "`--study` takes a file that does not exist yet, or one of an earlier run".to_owned()
        }
        EngineError::NoShare { .. } => {
            "`--part spread` takes stretches of the period; `--assets` names more of them".to_owned()
        }
        EngineError::Workers { .. } => "`--workers 0` is one a core".to_owned(),
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

/// What to do about what cannot be cut or computed.
fn statistic_hint(statistic: &str) -> Option<String> {
    Some(match statistic {
        "purged cross-validation" => {
            "`--groups 6 --test-groups 2` is usual: fewer are tested than there are, and each is longer than \
             `--holding`, `--purge` and `--embargo` together"
                .to_owned()
        }
        "a walk-forward" => {
            "`--train`, `--validate` and `--test` together are no longer than the period, which `barrow inspect \
             NAME` shows, and each is longer than `--purge`"
                .to_owned()
        }
        "a bootstrap interval" | "a block length" => {
            "`--resample 1000` over a run of some hundred bars".to_owned()
        }
        _ => return None,
    })
}

/// What to do when no point of a space can be run.
fn nothing_hint(source: &EngineError) -> Option<String> {
    match source {
        EngineError::NoAdmissiblePoint { .. } => Some(
            "loosen `--constraint`, or widen the parameters: no point keeps all rules".to_owned(),
        ),
        source => hint(source),
    }
}
