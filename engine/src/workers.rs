//! A pool of threads that lives as long as its owner, or the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;

/// By process and number of threads.
type Pools = BTreeMap<(u32, usize), Arc<Workers>>;

/// Worker threads, started once and kept.
///
/// One worker is the calling thread itself: nothing is started for it.
#[derive(Debug)]
pub struct Workers {
    threads: usize,
    pool: Option<ThreadPool>,
}

impl Workers {
    /// Starts `threads` workers; 0 means one for each core that the process may use.
    ///
    /// # Errors
    /// [`Error::Workers`] when the system does not give the threads.
    pub fn new(threads: usize) -> Result<Workers, Error> {
        let threads = if threads == 0 { Workers::available() } else { threads };
        if threads == 1 {
            return Ok(Workers { threads, pool: None });
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|at| format!("barrow-worker-{at}"))
            .build()
            .map_err(|source| Error::Workers { threads, source })?;
        Ok(Workers { threads, pool: Some(pool) })
    }

    /// Returns the process's pool of `threads` workers (0 as in [`Workers::new`]), which is started
    /// at the first call and stays: later sweeps pay nothing for it. A fork has none of the threads of
    /// the process that it is of, so it starts its own.
    ///
    /// # Errors
    /// As [`Workers::new`].
    pub fn shared(threads: usize) -> Result<Arc<Workers>, Error> {
        static POOLS: OnceLock<Mutex<Pools>> = OnceLock::new();
        let threads = if threads == 0 { Workers::available() } else { threads };
        let key = (std::process::id(), threads);
        let mut pools =
            POOLS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workers) = pools.get(&key) {
            return Ok(Arc::clone(workers));
        }
        let workers = Arc::new(Workers::new(threads)?);
        pools.insert(key, Arc::clone(&workers));
        Ok(workers)
    }

    /// Returns the number of cores that the process may use, at least 1.
    pub fn available() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// Returns the number of workers.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `work` for 0 to `count` and returns the results in that order, whichever worker made
    /// them.
    pub(crate) fn ordered<T: Send>(
        &self,
        count: u64,
        work: impl Fn(u64) -> T + Sync + Send,
    ) -> Vec<T> {
        match &self.pool {
            None => (0..count).map(work).collect(),
            Some(pool) => pool.install(|| {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                (0..count).into_par_iter().map(|at| work(at as u64)).collect()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_at_any_number_of_workers() {
        let expected: Vec<u64> = (0..10_000).map(|n| n * n).collect();
        for threads in [1, 2, 5] {
            let workers = Workers::new(threads).unwrap();
            assert_eq!(workers.threads(), threads);
            assert_eq!(workers.ordered(10_000, |n| n * n), expected);
        }
    }

    #[test]
    fn the_shared_pool_is_started_once() {
        let first = Workers::shared(3).unwrap();
        assert!(Arc::ptr_eq(&first, &Workers::shared(3).unwrap()));
        assert!(!Arc::ptr_eq(&first, &Workers::shared(2).unwrap()));
        assert_eq!(Workers::shared(0).unwrap().threads(), Workers::available());
    }
}
