//! What is wrong with a name, and what with a `HEAD` page.

use std::fmt;

/// The rule that a bundle name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// It has no characters.
    Empty,
    /// It has more than 128 bytes.
    TooLong,
    /// It starts with a dot.
    LeadingDot,
    /// It ends with `.barrow`, which is how bundle files are told from bundle names.
    FileSuffix,
    /// It has a character outside `A-Z a-z 0-9 . _ -`.
    Character(char),
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong => f.write_str("it is longer than 128 bytes"),
            Self::LeadingDot => f.write_str("it starts with a dot"),
            Self::FileSuffix => f.write_str("it ends with `.barrow`, as only files do"),
            Self::Character(c) => {
                write!(f, "it contains {c:?}; letters, digits, `.`, `_` and `-` are allowed")
            }
        }
    }
}

/// What is wrong with a `HEAD` page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadProblem {
    /// The file is not one page long.
    Length {
        /// Its length in bytes.
        found: u64,
    },
    /// The first eight bytes are not the magic.
    Magic,
    /// The page was written by a later revision of the layout.
    Revision {
        /// The revision it names; this build reads revision 1.
        found: u32,
    },
    /// The slot that the generation selects has another generation in it or fails its checksum.
    Slot {
        /// The page's generation.
        generation: u64,
    },
}

impl fmt::Display for HeadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found } => write!(f, "it has {found} bytes, expected 4096"),
            Self::Magic => f.write_str("it does not start with the magic of a HEAD page"),
            Self::Revision { found } => {
                write!(f, "it has layout revision {found}, this build reads 1")
            }
            Self::Slot { generation } => {
                write!(f, "the slot of generation {generation} fails its checksum")
            }
        }
    }
}
