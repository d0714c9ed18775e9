//! Worker processes: trials that may crash, hang or eat memory without taking the sweep along.
//!
//! Each worker is this program again with a hidden command. It is told a path, a version and the
//! settings, never data: it maps the same bundle. Then a trial goes in and its end comes out, each as
//! a frame of length (`u32`, little-endian) and bytes. Workers stay from round to round; one that dies or
//! is killed for taking too long is replaced.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use barrow_engine::search::Ask;
use barrow_engine::{Backtest, Crew, Crews, Ended, Error, Portal, Terms, wire};
use serde::{Deserialize, Serialize};

/// The hidden command that a worker process runs.
pub(crate) const COMMAND: &str = "worker-process";

/// What a worker is told first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// The catalog's directory.
    pub(crate) root: PathBuf,
    /// `NAME@VERSION`, or the path of a file.
    pub(crate) bundle: String,
    /// Content version that the bundle must have.
    pub(crate) version: String,
    pub(crate) strategy: String,
    pub(crate) cash: f64,
    pub(crate) commission: String,
    pub(crate) slippage: String,
    /// Of each trial.
    pub(crate) seed: u64,
    /// Of the choice of stretches or assets.
    pub(crate) search_seed: u64,
    /// What a budget below 1 runs on, by its name.
    pub(crate) part: String,
    /// First and last time of each stretch that a trial runs over, ns since the epoch, UTC.
    pub(crate) stretches: Vec<(i64, i64)>,
    pub(crate) assets: Option<Vec<String>>,
    /// Bytes that a worker may allocate.
    pub(crate) memory_max: Option<u64>,
}

/// Makes processes for stretches of history; each is started with its first trial.
#[derive(Debug)]
pub(crate) struct ProcessCrews {
    /// This program.
    pub(crate) program: PathBuf,
    /// Whose stretches and assets are those of each crew.
    pub(crate) orders: Orders,
    pub(crate) hands: usize,
    pub(crate) terms: Terms,
    pub(crate) cancel: &'static AtomicBool,
}

impl Crews for ProcessCrews {
    fn hands(&self) -> usize {
        self.hands.max(1)
    }

    fn over<'s>(
        &'s self,
        backtest: &'s Backtest,
        stretches: &'s [Portal<'_>],
    ) -> Box<dyn Crew + 's> {
        let ends = |portal: &Portal<'_>| {
            let times = portal.times();
            Some((*times.first()?, *times.last()?))
        };
        let stretches = stretches.iter().filter_map(ends).collect();
        let assets = backtest.scope.assets.clone();
        Box::new(Processes {
            program: self.program.clone(),
            orders: Orders { stretches, assets, ..self.orders.clone() },
            terms: self.terms,
            cancel: self.cancel,
            workers: (0..self.hands.max(1)).map(|_| Mutex::new(None)).collect(),
        })
    }
}

/// Processes that run trials, and how long one may take.
#[derive(Debug)]
struct Processes {
    program: PathBuf,
    orders: Orders,
    terms: Terms,
    cancel: &'static AtomicBool,
    /// One for each hand; `None` until it is needed.
    workers: Vec<Mutex<Option<Worker>>>,
}

impl Processes {
    /// Runs one trial on a worker's process, which is started when there is none.
    fn trial(&self, slot: &mut Option<Worker>, ask: &Ask) -> Result<Ended, io::Error> {
        let worker = match slot {
            Some(worker) => worker,
            None => slot.insert(Worker::start(&self.program, &self.orders)?),
        };
        let mut bytes = Vec::new();
        wire::put_ask(&mut bytes, ask);
        let sent = wire::write_frame(&mut worker.input, &bytes);
        let answer = match (sent, self.terms.time_max) {
            (Err(_), _) => Err(RecvTimeoutError::Disconnected),
            (Ok(()), None) => worker.output.recv().map_err(|_| RecvTimeoutError::Disconnected),
            (Ok(()), Some(limit)) => worker.output.recv_timeout(limit),
        };
        let timed_out = matches!(answer, Err(RecvTimeoutError::Timeout));
        let read = answer.ok().and_then(|bytes| wire::read_end(&bytes));
        if let Some((id, end)) = read
            && id == ask.id
        {
            return Ok(end);
        }
        let how = slot.take().map_or_else(String::new, Worker::end);
        let limit = self.terms.time_max.unwrap_or_default().as_secs_f64();
        Ok(Ended::Failed(if timed_out {
            format!("took longer than {limit} s: its process was killed")
        } else {
            format!("its process ended: {how}")
        }))
    }
}

impl Crew for Processes {
    fn hands(&self) -> usize {
        self.workers.len()
    }

    fn terms(&self) -> Terms {
        self.terms
    }

    fn run(&self, asks: &[Ask], ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync)) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for worker in &self.workers[..self.workers.len().min(asks.len())] {
                scope.spawn(|| {
                    let mut slot = worker.lock().unwrap_or_else(PoisonError::into_inner);
                    while !self.cancel.load(Ordering::Relaxed) {
                        let Some(ask) = asks.get(next.fetch_add(1, Ordering::Relaxed)) else {
                            return;
                        };
                        match self.trial(&mut slot, ask) {
                            Ok(end) => ended(vec![(ask.id, end)]),
                            Err(error) => {
                                let mut failure =
                                    failure.lock().unwrap_or_else(PoisonError::into_inner);
                                *failure = Some(error);
                                return;
                            }
                        }
                    }
                });
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(source) => Err(Error::Strategy {
                strategy: "the worker process".to_owned(),
                source: Box::new(source),
            }),
            None => Ok(()),
        }
    }
}

/// A process at work.
#[derive(Debug)]
struct Worker {
    child: Child,
    input: ChildStdin,
    /// Frames that it wrote.
    output: Receiver<Vec<u8>>,
}

impl Worker {
    /// Starts a process and waits until it has mapped the bundle.
    fn start(program: &PathBuf, orders: &Orders) -> Result<Worker, io::Error> {
        let mut command = Command::new(program);
        command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped());
        // A stop that is meant for the group of this process, such as Ctrl-C, is this one's to handle.
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (mut input, mut pipe) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, output) = channel();
        // Ends with the process, whose death closes the pipe.
        std::thread::spawn(move || {
            while let Ok(Some(frame)) = wire::read_frame(&mut pipe) {
                if sender.send(frame).is_err() {
                    return;
                }
            }
        });
        wire::write_frame(&mut input, &serde_json::to_vec(orders)?)?;
        let mut worker = Worker { child, input, output };
        let ready = worker.output.recv();
        if ready.is_ok_and(|frame| frame.is_empty()) {
            return Ok(worker);
        }
        let status = worker.child.wait()?;
        Err(io::Error::other(format!("a worker process could not begin: {status}")))
    }

    /// Ends the process and says how it ended.
    fn end(mut self) -> String {
        // One that died by itself has its own status; the others are killed.
        std::thread::sleep(Duration::from_millis(1));
        let status = match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            _ => self.child.kill().and_then(|()| self.child.wait()),
        };
        status.map_or_else(|error| error.to_string(), |status| status.to_string())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
