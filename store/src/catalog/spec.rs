//! What a user writes to say which bundle: a name, a name and a version, or a file.

use std::path::Path;

use crate::catalog::problems::NameProblem;
use crate::error::{Error, Result};
use crate::instant::Instant;

/// Longest bundle name in bytes.
const NAME_BYTES_MAX: usize = 128;
/// What tells the path of a bundle file from the name of a bundle.
pub(crate) const FILE_SUFFIX: &str = ".barrow";

/// A parsed bundle specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spec<'a> {
    /// `name`: the newest version.
    Newest(&'a str),
    /// `name@digits`: the one version that starts with these hexadecimal digits.
    Pinned {
        /// The bundle's name.
        name: &'a str,
        /// 1 to 64 hexadecimal digits.
        prefix: &'a str,
    },
    /// `name@2026-11-25` or `name@2026-11-25T12:00`: the version that was the newest then.
    AsOf {
        /// The bundle's name.
        name: &'a str,
        /// The moment; of a date alone, the end of the day in UTC.
        moment: Instant,
    },
    /// A path: contains a `/` or ends with `.barrow`.
    File(&'a Path),
}

impl<'a> Spec<'a> {
    /// Tells the three forms apart. No I/O.
    pub(crate) fn parse(text: &'a str) -> Result<Self> {
        if text.contains(std::path::is_separator) || text.ends_with(FILE_SUFFIX) {
            return Ok(Self::File(Path::new(text)));
        }
        let Some((name, prefix)) = text.split_once('@') else {
            check_name(text)?;
            return Ok(Self::Newest(text));
        };
        check_name(name)?;
        let digits = prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(moment) = Instant::parse(prefix) {
            return Ok(Self::AsOf { name, moment });
        }
        if !digits || prefix.is_empty() || prefix.len() > 64 {
            return Err(Error::VersionSyntax { text: prefix.to_owned() });
        }
        Ok(Self::Pinned { name, prefix })
    }
}

/// Checks that `name` can be a bundle's name, and so a directory's.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let refused = |problem| Err(Error::BundleName { name: name.to_owned(), problem });
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return refused(NameProblem::Empty);
    }
    if let Some(character) = name.chars().find(|&c| !allowed(c)) {
        return refused(NameProblem::Character(character));
    }
    if name.len() > NAME_BYTES_MAX {
        return refused(NameProblem::TooLong);
    }
    if name.starts_with('.') {
        return refused(NameProblem::LeadingDot);
    }
    if name.ends_with(FILE_SUFFIX) {
        return refused(NameProblem::FileSuffix);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_told_apart() {
        let file = |path| Spec::File(Path::new(path));
        assert_eq!(Spec::parse("us-daily").unwrap(), Spec::Newest("us-daily"));
        let pinned = Spec::Pinned { name: "us.daily_2", prefix: "0aF" };
        assert_eq!(Spec::parse("us.daily_2@0aF").unwrap(), pinned);
        let moment = Instant::parse("2026-11-25T12:00").unwrap();
        assert_eq!(Spec::parse("a@2026-11-25T12:00").unwrap(), Spec::AsOf { name: "a", moment });
        let digits = Spec::Pinned { name: "a", prefix: "20261125" };
        assert_eq!(Spec::parse("a@20261125").unwrap(), digits);
        assert_eq!(Spec::parse("x.barrow").unwrap(), file("x.barrow"));
        assert_eq!(Spec::parse("./x").unwrap(), file("./x"));
        assert_eq!(Spec::parse("a@b/c").unwrap(), file("a@b/c"));
    }

    #[test]
    fn bad_names_say_which_rule_they_break() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Spec::parse(text).unwrap_err().to_string(), expected);
        };
        check("", "`` is not a bundle name: it is empty");
        check(".x", "`.x` is not a bundle name: it starts with a dot");
        check(
            "a b",
            "`a b` is not a bundle name: it contains ' '; letters, digits, `.`, `_` and `-` are allowed",
        );
        check("@ab", "`` is not a bundle name: it is empty");
        let expected = "expected 1 to 64 hexadecimal digits, or a date as in `2026-11-25` or `2026-11-25T12:00`";
        check("a@", &format!("`` is not a version: {expected}"));
        check("a@xyz", &format!("`xyz` is not a version: {expected}"));
        check("a@2026-11-31", &format!("`2026-11-31` is not a version: {expected}"));
        let long = "n".repeat(129);
        check(&long, &format!("`{long}` is not a bundle name: it is longer than 128 bytes"));
        assert!(check_name(&"n".repeat(128)).is_ok());
        assert!(Spec::parse(&format!("a@{}", "0".repeat(65))).is_err());
        assert!(Spec::parse(&format!("a@{}", "0".repeat(64))).is_ok());
        assert!(check_name("x.barrow").is_err());
        assert!(check_name("a@b").is_err());
        assert!(check_name("a/b").is_err());
        assert!(check_name("..").is_err());
    }
}
