//! The hidden command of a worker process: see [`crate::isolate`].

use std::io::{stdin, stdout};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use anyhow::Context as _;
use barrow_engine::{
    Backtest, Crew, Ended, Params, Part, Portal, Scope, Terms, Threads, Workers, strategies, wire,
};
use barrow_store::{Catalog, SeriesCache};

use crate::isolate::Orders;
use crate::status::ExitStatus;

/// Runs trials that another process sends, until it closes the pipe.
///
/// # Errors
/// When the orders make no sense, or the bundle is not what they say.
pub(crate) fn run() -> anyhow::Result<ExitStatus> {
    let mut output = stdout().lock();
    let orders = wire::read_frame(&mut stdin().lock())?.context("no orders came")?;
    let orders: Orders = serde_json::from_slice(&orders)?;
    let lease = Catalog::at(&orders.root).lease(&orders.bundle)?;
    let version = lease.version().to_string();
    anyhow::ensure!(version == orders.version, "the bundle has changed to version {version}");
    let scope = |from, to| Scope { from: Some(from), to: Some(to), assets: orders.assets.clone() };
    let cache = SeriesCache::default();
    let stretches = orders.stretches.iter();
    let portals = stretches.map(|(from, to)| Portal::new(&lease, &cache, &scope(*from, *to)));
    let portals = portals.collect::<Result<Vec<Portal<'_>>, _>>()?;
    anyhow::ensure!(!portals.is_empty(), "no stretch to run trials over");
    let backtest = Backtest {
        cash: orders.cash,
        commission: orders.commission.parse()?,
        slippage: orders.slippage.parse()?,
        seed: orders.seed,
        scope: Scope { assets: orders.assets.clone(), ..Scope::default() },
    };
    let factory = |params: &Params| strategies::build(&orders.strategy, params);
    let workers = Workers::new(1)?;
    let part = Part::of_name(&orders.part).context("no such part of a run")?;
    // The time limit is the other process's to keep.
    let terms = Terms { seed: orders.search_seed, time_max: None, part };
    let crew = Threads::over(&backtest, &portals, &factory, &workers, terms, None);
    let frames = frames_until_closed();
    // What the process needs before its first trial is there: a thread that cannot start would be waited for.
    if let Some(bytes) = orders.memory_max {
        limit_memory(bytes)?;
    }
    wire::write_frame(&mut output, &[])?;
    for frame in frames {
        let ask = wire::read_ask(&frame).context("what came is no trial")?;
        let ended = Mutex::new(None);
        crew.run(std::slice::from_ref(&ask), &|ends| {
            *ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                ends.into_iter().next();
        })?;
        let ended = ended.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (id, end) = ended.unwrap_or((ask.id, Ended::Skipped));
        let mut answer = Vec::new();
        wire::put_end(&mut answer, id, &end);
        wire::write_frame(&mut output, &answer)?;
    }
    Ok(ExitStatus::Done)
}

/// The frames that come in. When the pipe is closed, by the end of the process that sends the trials or by
/// its order, this process ends at once, whatever a trial is at: nobody waits for it any more.
fn frames_until_closed() -> Receiver<Vec<u8>> {
    let (sender, frames) = channel();
    std::thread::spawn(move || {
        let mut input = stdin().lock();
        while let Ok(Some(frame)) = wire::read_frame(&mut input) {
            if sender.send(frame).is_err() {
                break;
            }
        }
        #[expect(clippy::exit, reason = "the thread at work may never come back to be told")]
        std::process::exit(0);
    });
    frames
}

/// Limits what this process may allocate. Mapped bundles do not count.
#[cfg(target_os = "linux")]
fn limit_memory(bytes: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::Data, limit).context("cannot limit the memory of a worker")
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_: u64) -> anyhow::Result<()> {
    anyhow::bail!("a worker's memory can be limited on Linux alone")
}
