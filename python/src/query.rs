//! Queries: what Python's keyword arguments ask for, as a plan over a bundle.

use barrow_store::query::{
    Answer, AsOf, AssetChoice, Keys, MetadataCondition, Per, Period, Query, duration_ns,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::bundle::Bundle;
use crate::error::Result;
use crate::table::Table;
use crate::when::span;

/// The keyword arguments of `Bundle.query` that make up an answer's form.
struct Form {
    group_by: Option<Words>,
    agg: Option<String>,
    top: Option<usize>,
    by: Option<String>,
    per: Option<String>,
    latest: bool,
    panel: Option<String>,
}

/// One text, or several.
#[derive(Debug, FromPyObject)]
pub(crate) enum Words {
    One(String),
    Several(Vec<String>),
}

impl Words {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::Several(words) => words,
        }
    }
}

#[pymethods]
impl Bundle {
    /// Which bars, what to compute of them, and in what form to answer: a `barrow.Table`. The arguments are the flags of
    /// `barrow query`; the guide to queries has the language of the expressions.
    ///
    /// - Which bars: `assets` (symbols or patterns), `metadata` (`sector=Tech`), `start` and `end`, both taken in, `filter`.
    /// - Made to others first: `resample` (`5m`, `1h`, `session`, `week`, `month`, `quarter`, `year`), `session_start` (`17:00`).
    /// - Beside each: the newest row of the bundle `asof`, not older than `tolerance`; its columns are `NAME.COLUMN`.
    /// - What of them: `columns` by name, and `select`: `close, ret = returns(close)`.
    /// - In one of these forms, else as rows: `agg` (`mean(close), count(*)`) by `group_by` (`asset`, a period, or both); the `top`
    ///   rows `by` a number, `per` `all` or `time`; the `latest` row of each asset; a `panel` of a number, times x assets.
    ///
    /// At most `limit` rows. The answer has the same bytes at any number of `threads`; 0 is one for each processor.
    ///
    /// Raises `barrow.errors.QueryError` when an expression cannot be read; `barrow.errors.UnknownSymbolError`,
    /// `barrow.errors.UnknownColumnError`.
    #[pyo3(signature = (
        select=None, *, filter=None, columns=None, assets=None, metadata=None, start=None, end=None, resample=None,
        session_start=None, asof=None, asof_name=None, asof_symbol=None, tolerance=None, group_by=None, agg=None,
        top=None, by=None, per=None, latest=false, panel=None, limit=None, threads=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]
    fn query(
        &self,
        py: Python<'_>,
        select: Option<Words>,
        filter: Option<String>,
        columns: Option<Words>,
        assets: Option<Words>,
        metadata: Option<Words>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        resample: Option<&str>,
        session_start: Option<&str>,
        asof: Option<Py<Bundle>>,
        asof_name: Option<String>,
        asof_symbol: Option<String>,
        tolerance: Option<&Bound<'_, PyAny>>,
        group_by: Option<Words>,
        agg: Option<Words>,
        top: Option<usize>,
        by: Option<String>,
        per: Option<String>,
        latest: bool,
        panel: Option<String>,
        limit: Option<usize>,
        threads: usize,
    ) -> Result<Table> {
        let (from_ns, to_ns) = span(start, end)?;
        let conditions = words(metadata).into_iter().map(|text| {
            text.parse::<MetadataCondition>()
                .map_err(|error| PyValueError::new_err(format!("`{text}` is {error}")))
        });
        let metadata = conditions.collect::<PyResult<_>>()?;
        let asof = asof.map(|other| {
            let lease = other.get().lease().clone();
            let name = asof_name.unwrap_or_else(|| lease.name().to_owned());
            let tolerance_ns = tolerance.map(length_ns).transpose()?;
            Ok::<_, PyErr>(AsOf { lease, name, symbol: asof_symbol, tolerance_ns })
        });
        let agg = agg.map(|agg| agg.into_vec().join(", "));
        let form = Form { group_by, agg, top, by, per, latest, panel };
        let query = Query {
            assets: AssetChoice { symbols: words(assets), metadata },
            from_ns: Some(from_ns),
            to_ns: Some(to_ns),
            resample: resample.map(period).transpose()?,
            session_start_ns: session_start.map_or(Ok(0), time_of_day_ns)?,
            asof: asof.transpose()?,
            filter,
            columns: words(columns),
            select: select.map(|select| select.into_vec().join(", ")),
            answer: form.answer()?,
            limit,
            threads,
            ..Query::default()
        };
        Ok(Table::of_plan(py.detach(|| query.plan(self.lease()))?))
    }
}

impl Form {
    fn answer(self) -> PyResult<Answer> {
        let forms = [self.agg.is_some(), self.top.is_some(), self.latest, self.panel.is_some()];
        if forms.into_iter().filter(|asked| *asked).count() > 1 {
            return Err(PyTypeError::new_err(
                "an answer has one form: give one of `agg`, `top`, `latest` and `panel`",
            ));
        }
        if self.group_by.is_some() && self.agg.is_none() {
            return Err(PyTypeError::new_err("`group_by` needs `agg`: what to tell of each group"));
        }
        if let Some(aggregates) = self.agg {
            return Ok(Answer::Groups { by: keys(&words(self.group_by))?, aggregates });
        }
        if let Some(value) = self.panel {
            return Ok(Answer::Panel { value });
        }
        let per = match self.per.as_deref() {
            None | Some("all") => Per::All,
            Some("time") => Per::Time,
            Some(other) => {
                let text = format!("`{other}` has no top list: expected `all` or `time`");
                return Err(PyValueError::new_err(text));
            }
        };
        match (self.top, self.by) {
            (Some(count), Some(by)) => Ok(Answer::Top { count, by, per }),
            (None, None) if self.latest => Ok(Answer::Latest),
            (None, None) => Ok(Answer::Rows),
            _ => Err(PyTypeError::new_err("`top` and `by` need each other")),
        }
    }
}

fn words(words: Option<Words>) -> Vec<String> {
    words.map(Words::into_vec).unwrap_or_default()
}

fn keys(names: &[String]) -> PyResult<Keys> {
    let is_asset = |name: &str| matches!(name, "asset" | "symbol");
    match names {
        [] => Ok(Keys::Whole),
        [name] if is_asset(name) => Ok(Keys::Asset),
        [name] => Ok(Keys::Period(period(name)?)),
        [asset, name] | [name, asset] if is_asset(asset) => Ok(Keys::AssetAndPeriod(period(name)?)),
        _ => Err(PyValueError::new_err("rows are grouped by `asset`, a period, or both")),
    }
}

fn period(text: &str) -> PyResult<Period> {
    text.parse().map_err(|error| PyValueError::new_err(format!("`{text}` is {error}")))
}

fn time_of_day_ns(text: &str) -> PyResult<i64> {
    let time: jiff::civil::Time = text
        .parse()
        .map_err(|_| PyValueError::new_err(format!("`{text}` is no time of day: write `17:00`")))?;
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60;
    Ok((seconds + i64::from(time.second())) * 1_000_000_000)
}

/// Reads a length of time: `5s`, a `datetime.timedelta`, a `numpy.timedelta64`, or nanoseconds.
fn length_ns(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_cow()?;
        return duration_ns(&text).ok_or_else(|| {
            let text = format!("`{text}` is no length of time: write `5s`, `10m`, `2h` or `3d`");
            PyValueError::new_err(text)
        });
    }
    if value.hasattr("total_seconds")? {
        let microsecond = value.py().import("datetime")?.getattr("timedelta")?.call1((0, 0, 1))?;
        let count: i64 = value.call_method1("__floordiv__", (microsecond,))?.extract()?;
        return Ok(count.saturating_mul(1000));
    }
    if value.hasattr("astype")? {
        let ns = value.call_method1("astype", ("timedelta64[ns]",))?;
        return ns.call_method1("astype", ("int64",))?.extract();
    }
    value.extract()
}
