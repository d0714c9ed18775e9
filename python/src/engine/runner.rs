//! [`TrialRunner`]: runs trials that another process asks for.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use barrow_engine::search::Ask;
use barrow_engine::{
    Backtest, Crew, Ended, Error, Params, Part, Portal, Scope, Terms, Threads, Workers, wire,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::maker::Maker;
use super::settings::Settings;
use crate::bundle::Bundle;
use crate::error::Result;

type Answer = std::result::Result<Vec<(u64, Ended)>, Error>;

/// Bars, a strategy and settings, kept from batch to batch by a thread, which ends with this object.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug)]
pub(crate) struct TrialRunner {
    /// One batch at a time.
    line: Mutex<(Sender<Vec<Ask>>, Receiver<Answer>)>,
}

/// What a runner is made with.
struct Orders {
    bundle: Py<Bundle>,
    maker: Maker,
    backtest: Backtest,
    /// First and last time of each; none: the whole period.
    stretches_ns: Vec<(i64, i64)>,
    terms: Terms,
    workers: Arc<Workers>,
}

#[pymethods]
impl TrialRunner {
    #[new]
    #[pyo3(signature = (
        bundle, strategy, settings, stretches, search_seed, threads, time_limit=None, part="spread"
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are those of a worker's order")]
    fn new(
        bundle: Py<Bundle>,
        strategy: &Bound<'_, PyAny>,
        settings: &Settings,
        stretches: Vec<(i64, i64)>,
        search_seed: u64,
        threads: usize,
        time_limit: Option<f64>,
        part: &str,
    ) -> Result<Self> {
        let maker = Maker::of(strategy)?;
        // Python runs one thread at a time.
        let threads = if maker.is_scripted() { 1 } else { threads };
        let orders = Orders {
            bundle,
            maker,
            backtest: settings.backtest.clone(),
            stretches_ns: stretches,
            terms: terms_of(search_seed, time_limit, part)?,
            workers: Workers::shared(threads)?,
        };
        let (asks, asked) = channel();
        let (answers, answered) = channel();
        std::thread::spawn(move || {
            if let Err(error) = serve(&orders, &asked, &answers) {
                // Whoever waits is told; nobody may.
                drop(answers.send(Err(error)));
            }
        });
        Ok(Self { line: Mutex::new((asks, answered)) })
    }

    /// Runs trials, and returns how each ended: bytes in, bytes out.
    #[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
    fn run<'py>(
        &self,
        py: Python<'py>,
        asks: Vec<Bound<'py, PyBytes>>,
    ) -> Result<Vec<Bound<'py, PyBytes>>> {
        let broken = || PyValueError::new_err("the bytes are no trial");
        let asks = asks.iter().map(|bytes| wire::read_ask(bytes.as_bytes()).ok_or_else(broken));
        let asks = asks.collect::<PyResult<Vec<Ask>>>()?;
        let answer = py.detach(|| {
            let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
            // After a failure the thread is gone, but its last words may be waiting.
            drop(line.0.send(asks));
            line.1.recv()
        });
        let ends =
            answer.map_err(|_| PyRuntimeError::new_err("the runner has failed before"))??;
        let bytes = ends.iter().map(|(id, end)| {
            let mut bytes = Vec::new();
            wire::put_end(&mut bytes, *id, end);
            PyBytes::new(py, &bytes)
        });
        Ok(bytes.collect())
    }
}

/// Runs batch after batch until nobody asks any more.
fn serve(
    orders: &Orders,
    asked: &Receiver<Vec<Ask>>,
    answers: &Sender<Answer>,
) -> std::result::Result<(), Error> {
    let Orders { bundle, maker, backtest, stretches_ns, terms, workers } = orders;
    let (lease, cache) = (bundle.get().lease(), bundle.get().cache());
    let mut scopes = vec![backtest.scope.clone()];
    if !stretches_ns.is_empty() {
        let within = |(from, to): &(i64, i64)| Scope {
            from: Some(*from),
            to: Some(*to),
            ..backtest.scope.clone()
        };
        scopes = stretches_ns.iter().map(within).collect();
    }
    let portals = scopes.iter().map(|scope| Portal::new(lease, cache, scope));
    let portals = portals.collect::<std::result::Result<Vec<_>, _>>()?;
    let factory = |params: &Params| maker.make(params, lease, None);
    let crew = Threads::over(backtest, &portals, &factory, workers, *terms, None);
    while let Ok(asks) = asked.recv() {
        let ended = Mutex::new(Vec::with_capacity(asks.len()));
        let run = || {
            crew.run(&asks, &|ends| {
                ended.lock().unwrap_or_else(PoisonError::into_inner).extend(ends);
            })
        };
        // Attached once, not at every bar.
        if maker.is_scripted() {
            Python::attach(|_| run())?;
        } else {
            run()?;
        }
        let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        if answers.send(Ok(ended)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Reads the terms of trials: a limit of seconds, and what a budget below 1 runs on.
pub(crate) fn terms_of(seed: u64, seconds: Option<f64>, part: &str) -> PyResult<Terms> {
    let limit = |seconds: f64| {
        let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
        limit.ok_or_else(|| {
            let text = format!("a time limit is a number of seconds above zero, found {seconds}");
            PyValueError::new_err(text)
        })
    };
    let time_max = seconds.map(limit).transpose()?;
    let Some((_, part)) = Part::ALL.into_iter().find(|(name, _)| *name == part) else {
        let text =
            format!("`{part}` is no part of a period: expected `spread`, `first` or `assets`");
        return Err(PyValueError::new_err(text));
    };
    Ok(Terms { seed, time_max, part })
}
