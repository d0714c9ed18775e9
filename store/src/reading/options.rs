//! How a version is opened.

use std::fmt;
use std::str::FromStr;

/// How a version is opened: what [`Catalog::lease_with`](crate::Catalog::lease_with) and the pool take. The default maps the
/// file, lets the operating system bring pages as they are touched, and compares each with its check word before it is used
/// for the first time.
///
/// # Examples
///
/// ```no_run
/// use barrow_store::{Catalog, OpenMode, OpenOptions, VerifyReads};
///
/// let catalog = Catalog::at("/mnt/usb/bars");
/// let careful = OpenOptions { mode: OpenMode::Read, ..OpenOptions::default() };
/// let lease = catalog.lease_with("us-daily", &careful)?;
/// let hashed = OpenOptions { verify: VerifyReads::Digests, ..OpenOptions::default() };
/// let lease = catalog.lease_with("us-daily", &hashed)?;
/// # Ok::<(), barrow_store::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OpenOptions {
    /// Where the bytes are read from.
    pub mode: OpenMode,
    /// What is compared before values are handed out for the first time.
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

/// What is compared before values are handed out for the first time. Compressed blocks are compared with their checksums
/// whatever is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyReads {
    /// Opening checks what it needs; the rest is as the medium gives it.
    Never,
    /// Each page is compared with its check word when something in it is used for the first time: no changed bit on the medium
    /// ends in wrong bars. A page takes 0.2 us, once. Files of format 1.0 and 1.1 have no such check words, and are read
    /// as by [`VerifyReads::Never`].
    #[default]
    Pages,
    /// Opening hashes everything but the data with SHA-256, which takes time in the number of assets, and each series is hashed
    /// once before its first slice is handed out, which takes 15 times as long as comparing pages: not even who writes
    /// to the medium on purpose gets wrong bars past it, as long as the version is known.
    Digests,
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
        let verify = match self.verify {
            VerifyReads::Pages => 0,
            VerifyReads::Never => 16,
            VerifyReads::Digests => 128,
        };
        let bit = |flag: bool, bit: u64| if flag { bit } else { 0 };
        let Paging { prefault, huge_pages, lock } = self.paging;
        let paging = bit(prefault, 4) | bit(huge_pages, 2) | bit(lock, 1);
        mode | verify | bit(self.zero_copy, 8) | paging
    }
}

impl VerifyReads {
    const NAMES: [(&'static str, Self); 3] =
        [("never", Self::Never), ("pages", Self::Pages), ("digests", Self::Digests)];
}

/// The text does not name what to compare.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not what reads can be verified by: expected one of {}", names(&VerifyReads::NAMES))]
pub struct UnknownVerifyReads {
    /// What was given.
    pub text: String,
}

impl FromStr for VerifyReads {
    type Err = UnknownVerifyReads;

    fn from_str(text: &str) -> Result<Self, UnknownVerifyReads> {
        named(&Self::NAMES, text).ok_or_else(|| UnknownVerifyReads { text: text.to_owned() })
    }
}

impl fmt::Display for VerifyReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

impl OpenMode {
    const NAMES: [(&'static str, Self); 3] =
        [("map", Self::Map), ("read", Self::Read), ("mount", Self::Mount)];
}

/// The text names no way to open a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a way to open a version: expected one of {}", names(&OpenMode::NAMES))]
pub struct UnknownOpenMode {
    /// What was given.
    pub text: String,
}

impl FromStr for OpenMode {
    type Err = UnknownOpenMode;

    fn from_str(text: &str) -> Result<Self, UnknownOpenMode> {
        named(&Self::NAMES, text).ok_or_else(|| UnknownOpenMode { text: text.to_owned() })
    }
}

impl fmt::Display for OpenMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

fn named<T: Copy>(all: &[(&str, T)], text: &str) -> Option<T> {
    all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
}

fn name_of<T: Copy + PartialEq>(all: &[(&'static str, T)], value: T) -> &'static str {
    all.iter().find(|(_, it)| *it == value).map_or("", |(name, _)| name)
}

fn names<T>(all: &[(&str, T)]) -> String {
    let quoted: Vec<String> = all.iter().map(|(name, _)| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn different_options_have_different_numbers() {
        let mut seen = BTreeSet::new();
        let both =
            OpenMode::NAMES.iter().flat_map(|mode| VerifyReads::NAMES.map(|it| (mode.1, it.1)));
        for (mode, verify) in both {
            for flags in 0..16_u32 {
                let flag = |place: u32| flags >> place & 1 == 1;
                let paging = Paging { prefault: flag(0), huge_pages: flag(1), lock: flag(2) };
                let options = OpenOptions { mode, verify, zero_copy: flag(3), paging };
                assert!(seen.insert(options.bits()), "{options:?}");
            }
        }
        assert_eq!(OpenOptions::default().bits(), 0);
    }

    #[test]
    fn options_are_read_as_they_are_written() {
        for (name, verify) in VerifyReads::NAMES {
            assert_eq!((verify.to_string().as_str(), name.parse()), (name, Ok(verify)));
        }
        let unknown = "always".parse::<VerifyReads>().unwrap_err();
        assert!(unknown.to_string().ends_with("`never`, `pages`, `digests`"), "{unknown}");
        for (name, mode) in OpenMode::NAMES {
            assert_eq!((mode.to_string().as_str(), name.parse()), (name, Ok(mode)));
        }
        let unknown = "mmap".parse::<OpenMode>().unwrap_err();
        assert!(unknown.to_string().starts_with("`mmap` is not a way to open"), "{unknown}");
    }
}
