//! How a version is opened.

use std::fmt;
use std::str::FromStr;

/// How a version is opened: what [`Catalog::lease_with`](crate::Catalog::lease_with) and the pool take. The default maps the
/// file, lets the operating system bring pages as they are touched, and does not hash what it reads.
///
/// # Examples
///
/// ```no_run
/// use barrow_store::{Catalog, OpenMode, OpenOptions, VerifyReads};
///
/// let catalog = Catalog::at("/mnt/usb/bars");
/// let careful = OpenOptions { mode: OpenMode::Read, ..OpenOptions::default() };
/// let lease = catalog.lease_with("us-daily", &careful)?;
/// let checked = OpenOptions { verify: VerifyReads::OnFirstTouch, ..OpenOptions::default() };
/// let lease = catalog.lease_with("us-daily", &checked)?;
/// # Ok::<(), barrow_store::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OpenOptions {
    /// Where the bytes are read from.
    pub mode: OpenMode,
    /// Whether series are hashed before they are handed out.
    pub verify: VerifyReads,
    /// Refuse a version of which anything but slices of a map would be handed out, with
    /// [`Error::NotMapped`](crate::Error::NotMapped). Panels and cross-sections copy all the same.
    pub zero_copy: bool,
    /// When and how the operating system brings pages into memory.
    pub paging: Paging,
}

/// Where the bytes of a version are read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenMode {
    /// The file is mapped, read-only. One copy serves all processes of the machine, and pages come as they are touched.
    #[default]
    Map,
    /// The file is copied into this process's memory and every byte of it verified, before anything is handed out. Nothing
    /// that happens to the file later matters: for media that one does not trust, and for network file systems. Takes
    /// the size of the file in memory, and 0.7 ns a byte and processor.
    Read,
    /// A version that is compressed or lies in many parts is mounted, see [`Mounts`](crate::Mounts): decoded once a machine
    /// into a raw file, which is mapped. Any other is mapped as it is.
    Mount,
}

/// Whether series are hashed before they are handed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyReads {
    /// Opening checks what it needs; the data is as the medium gives it. Compressed blocks are checked all the same.
    #[default]
    Never,
    /// Opening hashes everything but the data, which takes time in the number of assets, and each series is hashed once
    /// before its first slice is handed out: no changed bit on the medium ends in wrong bars.
    OnFirstTouch,
}

/// When and how the operating system brings the pages of a version into memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Paging {
    /// Bring all pages at once, at opening, so that no later touch waits for the medium.
    pub prefault: bool,
    /// Ask for huge pages. A wish: a kernel or file system that has none for this kind of memory goes on without.
    pub huge_pages: bool,
    /// Keep all pages in memory until the version is let go of. Where the operating system does not allow that much,
    /// opening fails with [`Error::Io`](crate::Error::Io) that names the limit's cause.
    pub lock: bool,
}

impl OpenOptions {
    /// Returns a number that stands for these options; 0 for the default.
    #[inline]
    pub(crate) fn bits(self) -> u64 {
        let mode = match self.mode {
            OpenMode::Map => 0,
            OpenMode::Read => 32,
            OpenMode::Mount => 64,
        };
        let verify = if self.verify == VerifyReads::OnFirstTouch { 16 } else { 0 };
        let bit = |flag: bool, bit: u64| if flag { bit } else { 0 };
        let Paging { prefault, huge_pages, lock } = self.paging;
        let paging = bit(prefault, 4) | bit(huge_pages, 2) | bit(lock, 1);
        mode | verify | bit(self.zero_copy, 8) | paging
    }
}

impl OpenMode {
    const NAMES: [(&'static str, Self); 3] =
        [("map", Self::Map), ("read", Self::Read), ("mount", Self::Mount)];
}

/// The text names no way to open a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a way to open a version: expected one of {}", names())]
pub struct UnknownOpenMode {
    /// What was given.
    pub text: String,
}

impl FromStr for OpenMode {
    type Err = UnknownOpenMode;

    fn from_str(text: &str) -> Result<Self, UnknownOpenMode> {
        let known = Self::NAMES.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, mode)| mode).ok_or_else(|| UnknownOpenMode { text: text.to_owned() })
    }
}

impl fmt::Display for OpenMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.into_iter().find(|(_, mode)| mode == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

fn names() -> String {
    OpenMode::NAMES.map(|(name, _)| format!("`{name}`")).join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn different_options_have_different_numbers() {
        let mut seen = BTreeSet::new();
        for (_, mode) in OpenMode::NAMES {
            for flags in 0..32_u32 {
                let flag = |place: u32| flags >> place & 1 == 1;
                let verify = if flag(4) { VerifyReads::OnFirstTouch } else { VerifyReads::Never };
                let paging = Paging { prefault: flag(0), huge_pages: flag(1), lock: flag(2) };
                let options = OpenOptions { mode, verify, zero_copy: flag(3), paging };
                assert!(seen.insert(options.bits()), "{options:?}");
            }
        }
        assert_eq!(OpenOptions::default().bits(), 0);
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        for (name, mode) in OpenMode::NAMES {
            assert_eq!((mode.to_string().as_str(), name.parse()), (name, Ok(mode)));
        }
        let unknown = "mmap".parse::<OpenMode>().unwrap_err();
        assert!(unknown.to_string().starts_with("`mmap` is not a way to open"), "{unknown}");
    }
}
