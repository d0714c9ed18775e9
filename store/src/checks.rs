//! Which series of a snapshot were hashed already, where each is to be hashed before it is handed out.

use std::sync::atomic::{AtomicU64, Ordering};

/// One bit for each series, set once the series was found to be what was written.
#[derive(Debug)]
pub(crate) struct Checks {
    words: Box<[AtomicU64]>,
    assets: usize,
}

impl Checks {
    /// Returns checks for a bundle of so many columns and assets, none of which was made.
    pub(crate) fn new(columns: usize, assets: usize) -> Self {
        let words = columns.saturating_mul(assets).div_ceil(64);
        Self { words: (0..words).map(|_| AtomicU64::new(0)).collect(), assets }
    }

    /// Runs `check` on a series, unless it succeeded before. Threads that come at once may each run it.
    #[inline]
    pub(crate) fn once<E>(
        &self,
        column: usize,
        asset: usize,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let place = column * self.assets + asset;
        let (word, bit) = (&self.words[place / 64], 1 << (place % 64));
        // The bytes are not written by anyone, so what one thread has seen needs no order with what another sees.
        if word.load(Ordering::Relaxed) & bit == 0 {
            check()?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_repeated_until_it_succeeds_and_never_after() {
        let checks = Checks::new(3, 50);
        for column in 0..3 {
            for asset in 0..50 {
                assert_eq!(checks.once(column, asset, || Err(asset)), Err(asset));
                assert_eq!(checks.once(column, asset, || Ok::<(), ()>(())), Ok(()));
                let not_again = || -> Result<(), ()> { unreachable!("it succeeded before") };
                assert_eq!(checks.once(column, asset, not_again), Ok(()));
            }
        }
    }
}
