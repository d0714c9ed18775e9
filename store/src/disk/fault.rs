//! Faults on purpose: how tests make any one operation of `disk` fail, or be the last one of the process.
//!
//! Only builds with debug assertions have this; in a release each function here is empty. The environment's
//! `BARROW_FAULT` holds for the whole process: `KIND@N` strikes at the N-th operation, counted from 1 over all threads,
//! and `KIND@N+` at that one and every later one, as a disk does that is full or gone. Kinds:
//!
//! | kind | the operation |
//! |---|---|
//! | `kill` | ends the process with `SIGKILL`; of a write, after half of its bytes |
//! | `short` | takes two writes instead of one, as the operating system may; no other operation changes |
//! | `enospc` | fails with "no space left on device"; of a write, after half of its bytes |
//! | `eio`, `eacces`, `erofs`, `emfile` | fails with that error |
//!
//! A fault that has struck says so on standard error, so that a test knows when it has passed the last operation.

#[cfg(all(test, debug_assertions))]
pub(crate) use armed::{Fault, Kind, during};
#[cfg(debug_assertions)]
pub(crate) use armed::{is_armed, strike, tear};

/// Tells whether a test asked for a fault: then operations are to come in one order.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "nothing is left of it")]
pub(crate) fn is_armed() -> bool {
    false
}

/// Fails, or ends the process, where a test asked for that.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[expect(clippy::inline_always, clippy::unnecessary_wraps, reason = "nothing is left of it")]
pub(crate) fn strike(_operation: &'static str) -> std::io::Result<()> {
    Ok(())
}

/// Writes a part of `bytes` where a test asked for that, and returns its length.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[expect(clippy::inline_always, clippy::unnecessary_wraps, reason = "nothing is left of it")]
pub(crate) fn tear(_file: &std::fs::File, _bytes: &[u8], _offset: u64) -> std::io::Result<usize> {
    Ok(0)
}

#[cfg(debug_assertions)]
mod armed {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt as _;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};

    /// What happens to an operation.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Kind {
        /// The process ends.
        Kill,
        /// A write takes two.
        Short,
        /// The operating system refuses.
        Refuse(Errno),
    }

    /// Which operations something happens to.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Fault {
        pub(crate) kind: Kind,
        /// The first operation it happens to, counted from 1.
        pub(crate) first: u64,
        /// Whether it also happens to all later ones.
        pub(crate) lasting: bool,
    }

    impl Fault {
        fn strikes(self, operation: u64) -> bool {
            operation == self.first || (self.lasting && operation > self.first)
        }

        /// Reads `KIND@N` or `KIND@N+`.
        pub(crate) fn parse(text: &str) -> Option<Self> {
            let (kind, place) = text.split_once('@')?;
            let kind = match kind {
                "kill" => Kind::Kill,
                "short" => Kind::Short,
                "enospc" => Kind::Refuse(Errno::NOSPC),
                "eio" => Kind::Refuse(Errno::IO),
                "eacces" => Kind::Refuse(Errno::ACCESS),
                "erofs" => Kind::Refuse(Errno::ROFS),
                "emfile" => Kind::Refuse(Errno::MFILE),
                _ => return None,
            };
            let (number, lasting) = match place.strip_suffix('+') {
                Some(number) => (number, true),
                None => (place, false),
            };
            Some(Self { kind, first: number.parse().ok()?, lasting })
        }
    }

    /// Fails, or ends the process, where a test asked for that.
    pub(crate) fn strike(operation: &'static str) -> io::Result<()> {
        due(operation).map_or(Ok(()), carry_out)
    }

    /// Writes a part of `bytes` where a test asked for that, and returns its length.
    pub(crate) fn tear(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let Some(kind) = due("write") else { return Ok(0) };
        let half = if kind == Kind::Refuse(Errno::IO) { 0 } else { bytes.len() / 2 };
        file.write_all_at(&bytes[..half], offset)?;
        carry_out(kind)?;
        Ok(half)
    }

    fn carry_out(kind: Kind) -> io::Result<()> {
        match kind {
            Kind::Kill => {
                let killed = kill_process(getpid(), Signal::KILL);
                assert!(killed.is_err(), "a process that killed itself goes on");
                std::process::abort()
            }
            Kind::Short => Ok(()),
            Kind::Refuse(errno) => Err(errno.into()),
        }
    }

    /// Tells whether a test asked for a fault: then operations are to come in one order.
    pub(crate) fn is_armed() -> bool {
        #[cfg(test)]
        if own::is_armed() {
            return true;
        }
        of_process().is_some()
    }

    fn of_process() -> Option<Fault> {
        static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
        let asked = || std::env::var("BARROW_FAULT").ok().and_then(|text| Fault::parse(&text));
        *FAULT.get_or_init(asked)
    }

    /// Counts an operation, and tells what is to happen to it.
    fn due(operation: &'static str) -> Option<Kind> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        #[cfg(test)]
        if let Some(kind) = own::due() {
            return Some(kind);
        }
        let fault = of_process()?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        fault.strikes(number).then(|| {
            say(&format!("fault at operation {number}: {operation}"));
            fault.kind
        })
    }

    #[expect(clippy::print_stderr, reason = "whoever asked for a fault is to see it strike")]
    fn say(text: &str) {
        eprintln!("{text}");
    }

    #[cfg(test)]
    pub(crate) use own::during;

    /// Faults of one thread, for tests that share a process.
    #[cfg(test)]
    mod own {
        use std::cell::Cell;

        use super::{Fault, Kind};

        thread_local! {
            static ASKED: Cell<Option<Fault>> = const { Cell::new(None) };
            static COUNT: Cell<u64> = const { Cell::new(0) };
        }

        /// Runs something with a fault in this thread's operations; also tells how many operations there were.
        pub(crate) fn during<T>(fault: Fault, run: impl FnOnce() -> T) -> (T, u64) {
            ASKED.set(Some(fault));
            COUNT.set(0);
            let outcome = run();
            ASKED.set(None);
            (outcome, COUNT.get())
        }

        pub(super) fn is_armed() -> bool {
            ASKED.get().is_some()
        }

        pub(super) fn due() -> Option<Kind> {
            let fault = ASKED.get()?;
            COUNT.set(COUNT.get() + 1);
            fault.strikes(COUNT.get()).then_some(fault.kind)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_fault_is_read_as_it_is_documented() {
            let fault = |kind, first, lasting| Some(Fault { kind, first, lasting });
            assert_eq!(Fault::parse("kill@7"), fault(Kind::Kill, 7, false));
            assert_eq!(Fault::parse("enospc@1+"), fault(Kind::Refuse(Errno::NOSPC), 1, true));
            for text in ["", "kill", "kill@", "kill@x", "other@1", "@1"] {
                assert_eq!(Fault::parse(text), None, "{text}");
            }
        }

        #[test]
        fn a_fault_strikes_where_it_is_asked_to_and_nowhere_else() {
            let strikes = |lasting| {
                let fault = Fault { kind: Kind::Refuse(Errno::IO), first: 2, lasting };
                let run = || [(); 4].map(|()| strike("test").is_err());
                during(fault, run)
            };
            assert_eq!(strikes(false), ([false, true, false, false], 4));
            assert_eq!(strikes(true), ([false, true, true, true], 4));
            assert!(strike("test").is_ok());
        }
    }
}
