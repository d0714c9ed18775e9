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

/// Logs a warning when a file that is about to be read through a map lies on a network file system; once for each device.
pub(crate) fn warn_once(device: u64, path: &Path) {
    static SEEN: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    let mut seen = SEEN.lock();
    if seen.contains(&device) {
        return;
    }
    seen.push(device);
    drop(seen);
    if let Some(kind) = kind(path) {
        tracing::warn!(
            path = %path.display(),
            kind,
            "a mapped file of a network file system can change or vanish under the reader; \
             `OpenMode::Read` copies and verifies it"
        );
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
