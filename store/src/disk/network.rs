//! File systems that are not of this machine: what a map of theirs cannot promise, said once.

use std::path::Path;

use parking_lot::Mutex;

/// Magic numbers of file systems whose files another machine, or a program, may change or take away, from
/// `linux/magic.h` and the file systems' own headers.
const KINDS: [(u64, &str); 9] = [
    (0x6969, "nfs"),
    (0x517B, "smb"),
    (0xFE53_4D42, "smb2"),
    (0xFF53_4D42, "cifs"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x5346_414F, "afs"),
    (0x00C3_6400, "ceph"),
    (0x0BD0_0BD0, "lustre"),
];

/// What a file of a network file system is about to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading it through a map.
    Map,
    /// Writing beside it, under its lock.
    Write,
}

impl Purpose {
    fn warning(self) -> &'static str {
        match self {
            Purpose::Map => {
                "a mapped file of a network file system can change or vanish under the reader; open \
                 mode `read` copies and verifies it"
            }
            Purpose::Write => {
                "locks on a network file system may not reach other machines: write to this bundle \
                 and prune it from one machine alone"
            }
        }
    }
}

/// Logs a warning when a file that is about to be used lies on a network file system; once for each device and purpose.
pub(crate) fn warn_once(device: u64, path: &Path, purpose: Purpose) {
    static SEEN: Mutex<Vec<(u64, Purpose)>> = Mutex::new(Vec::new());
    let mut seen = SEEN.lock();
    if seen.contains(&(device, purpose)) {
        return;
    }
    seen.push((device, purpose));
    drop(seen);
    if let Some(kind) = kind(path) {
        tracing::warn!(path = %path.display(), kind, "{}", purpose.warning());
    }
}

/// Returns which network file system a file lies on, if it is one and the operating system says so.
pub(crate) fn kind(path: &Path) -> Option<&'static str> {
    let found = u64::try_from(rustix::fs::statfs(path).ok()?.f_type).ok()?;
    KINDS.iter().find(|(known, _)| *known == found).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_file_systems_are_not_of_the_network() {
        // The temporary directory of the tests, and the file systems of the kernel.
        assert_eq!(kind(crate::testing::dir().path()), None);
        assert_eq!(kind(Path::new("/proc")), None);
        assert_eq!(kind(Path::new("/nowhere/at/all")), None);
    }
}
