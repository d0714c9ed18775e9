//! Work on several threads whose results are taken in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Results that wait for the taker, of each thread.
const AHEAD: usize = 2;

type Work<T> = dyn Fn(usize) -> T + Send + Sync;

/// The results of tasks 0, 1, 2 ... in this order, computed by several threads. What waits is bounded; threads end when
/// this is dropped.
pub(super) struct Ordered<T> {
    work: Arc<Work<T>>,
    next: usize,
    count: usize,
    /// One a thread: thread `i` of `n` does tasks `i`, `i + n`, ...
    queues: Vec<Receiver<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Ordered<T> {
    /// Begins `count` tasks on `threads` threads; with one, tasks are done as their results are taken, by the taker.
    pub(super) fn new(count: usize, threads: usize, work: Arc<Work<T>>) -> Self {
        let mut this = Self { work, next: 0, count, queues: Vec::new(), threads: Vec::new() };
        let threads = threads.min(count);
        if threads < 2 {
            return this;
        }
        for first in 0..threads {
            let (sender, queue) = sync_channel(AHEAD);
            let work = Arc::clone(&this.work);
            let tasks = (first..count).step_by(threads);
            let builder = std::thread::Builder::new().name(format!("query-{first}"));
            let Ok(thread) = builder.spawn(move || run(tasks, &*work, &sender)) else {
                // Too few threads to be had: the taker does it all.
                this.stop();
                return this;
            };
            this.threads.push(thread);
            this.queues.push(queue);
        }
        this
    }
}

impl<T> Ordered<T> {
    fn stop(&mut self) {
        // Without a taker, sending fails, and the threads end.
        self.queues.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run<T>(tasks: impl Iterator<Item = usize>, work: &Work<T>, sender: &SyncSender<T>) {
    for task in tasks {
        if sender.send(work(task)).is_err() {
            return;
        }
    }
}

impl<T> Iterator for Ordered<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next >= self.count {
            return None;
        }
        let task = self.next;
        self.next += 1;
        if self.queues.is_empty() {
            return Some((self.work)(task));
        }
        let thread = task % self.queues.len();
        match self.queues[thread].recv() {
            Ok(result) => Some(result),
            // It ended early, which only a panic does: that goes on here.
            Err(_) => match self.threads.swap_remove(thread).join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => None,
            },
        }
    }
}

impl<T> Drop for Ordered<T> {
    fn drop(&mut self) {
        self.stop();
    }
}
