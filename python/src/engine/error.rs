//! Errors of the engine as exceptions of `barrow.errors`.

use barrow_engine::Error;
use pyo3::prelude::*;

use super::scripted::Raised;
use crate::error::{Fact, Failure, raised, whole_text};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => Self::Store(error),
            // An exception of Python code that the engine called comes out as it went in.
            Error::Strategy { strategy, source } => match source.downcast::<Raised>() {
                Ok(raised) => Self::Python(raised.exception),
                Err(source) => Self::Python(of_engine(&Error::Strategy { strategy, source })),
            },
            error => Self::Python(of_engine(&error)),
        }
    }
}

fn of_engine(error: &Error) -> PyErr {
    let text = whole_text(error);
    let some = |text: &str| Fact::Text(Some(text.to_owned()));
    let texts = |texts: &[&str]| Fact::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
    Python::attach(|py| match error {
        Error::MissingColumn { bundle, column, .. } => {
            let facts = [
                ("column", some(column)),
                ("bundle", some(bundle)),
                ("available", Fact::Texts(Vec::new())),
            ];
            raised(py, "UnknownColumnError", &text, &facts)
        }
        Error::UnknownStrategy { name, known, .. } => {
            let facts = [("strategy", some(name)), ("known", texts(known))];
            raised(py, "UnknownStrategyError", &text, &facts)
        }
        Error::OtherStudy { .. } => {
            let text = format!("{text}: name another file for `study`");
            raised(py, class_of(error), &text, &[])
        }
        Error::BadLength { .. } => {
            let text = format!(
                "{text}: write 500 (bars), `250s` (sessions), `90d`, `6m` or `4y` (calendar)"
            );
            raised(py, class_of(error), &text, &[])
        }
        other => raised(py, class_of(other), &text, &[]),
    })
}

/// The class of an error whose values are in its text alone.
fn class_of(error: &Error) -> &'static str {
    match error {
        Error::BadCash { .. }
        | Error::BadCosts { .. }
        | Error::BadWindow { .. }
        | Error::UnknownParam { .. }
        | Error::BadParam { .. }
        | Error::Constraint { .. }
        | Error::BadSpace { .. }
        | Error::BadLength { .. }
        | Error::BadToml { .. }
        | Error::TooManyValues { .. }
        | Error::SpaceTooLarge { .. }
        | Error::NoGrid { .. }
        | Error::UnknownSearch { .. }
        | Error::BadSearch { .. }
        | Error::UnknownMetric { .. }
        | Error::NoObjective => "SettingError",
        Error::TooSlow { .. } => "TooSlowError",
        Error::OtherStudy { .. } | Error::BadStudy { .. } | Error::OtherSearch { .. } => {
            "StudyError"
        }
        Error::Statistic { .. } => "StatisticError",
        Error::Format(_) => "DamagedError",
        _ => "BacktestError",
    }
}
