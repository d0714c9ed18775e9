//! Which assets a query is about.

use barrow_format::Asset;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::reading::lease::Lease;

/// Assets by symbol and by metadata; without conditions, all of them.
#[derive(Clone, Debug, Default)]
pub struct AssetChoice {
    /// Symbols, or patterns in which `*` stands for any characters and `?` for one: an asset that one of them names is
    /// meant. A text that is a symbol as it stands is no pattern. Empty: all assets.
    pub symbols: Vec<String>,
    /// Conditions on the metadata, all of which must hold.
    pub metadata: Vec<MetadataCondition>,
}

/// A condition on one member of an asset's metadata, which is a JSON object by convention: `sector=Tech`,
/// `exchange!=X*`.
///
/// Texts compare as they are, other values as JSON writes them (`true`, `3`). Where the object has no such member, or
/// the metadata is no object, `=` does not hold and `!=` does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MetadataCondition {
    /// The member.
    pub member: String,
    /// What it is compared with: a text or a pattern.
    pub pattern: String,
    /// Whether it must match or must not.
    pub meant: Meant,
}

/// Whether something must match or must not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meant {
    /// It must match.
    Equal,
    /// It must not match.
    Unequal,
}

/// The text is no condition on metadata.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no condition on metadata: write `sector=Tech` or `exchange!=X*`")]
pub struct NotACondition;

impl std::str::FromStr for MetadataCondition {
    type Err = NotACondition;

    fn from_str(text: &str) -> Result<Self, NotACondition> {
        let (member, pattern) = text.split_once('=').ok_or(NotACondition)?;
        let (member, meant) = match member.strip_suffix('!') {
            Some(member) => (member, Meant::Unequal),
            None => (member, Meant::Equal),
        };
        let (member, pattern) = (member.trim().to_owned(), pattern.trim().to_owned());
        if member.is_empty() { Err(NotACondition) } else { Ok(Self { member, pattern, meant }) }
    }
}

impl MetadataCondition {
    fn holds(&self, metadata: &str) -> bool {
        let parsed = serde_json::from_str::<Value>(metadata).ok();
        let value = parsed.as_ref().and_then(|value| value.get(&self.member));
        let matches = match value {
            None => false,
            Some(Value::String(text)) => is_match(&self.pattern, text),
            Some(other) => is_match(&self.pattern, &other.to_string()),
        };
        matches == (self.meant == Meant::Equal)
    }
}

impl AssetChoice {
    /// The assets that are meant, in symbol order, each once.
    pub(super) fn resolve(&self, lease: &Lease) -> Result<Vec<Asset>> {
        let mut chosen = Vec::new();
        if self.symbols.is_empty() {
            chosen = lease.assets().collect::<Result<_>>()?;
        }
        for symbol in &self.symbols {
            let found = lease.asset(symbol);
            let is_pattern = symbol.contains(['*', '?']);
            match found {
                Err(Error::UnknownSymbol { .. }) if is_pattern => {
                    let before = chosen.len();
                    for asset in lease.assets() {
                        let asset = asset?;
                        if is_match(symbol, lease.symbol(asset)) {
                            chosen.push(asset);
                        }
                    }
                    if chosen.len() == before {
                        let bundle = lease.name().to_owned();
                        return Err(Error::NoMatch { pattern: symbol.clone(), bundle });
                    }
                }
                found => chosen.push(found?),
            }
        }
        chosen.sort_by_key(|asset| asset.ordinal());
        chosen.dedup_by_key(|asset| asset.ordinal());
        if self.metadata.is_empty() {
            return Ok(chosen);
        }
        let mut kept = Vec::new();
        for asset in chosen {
            let metadata = lease.metadata(asset)?;
            if self.metadata.iter().all(|condition| condition.holds(metadata)) {
                kept.push(asset);
            }
        }
        Ok(kept)
    }
}

/// Whether a text is what a pattern describes. Takes at most the product of their lengths.
fn is_match(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: behind the last star, one character of the text further.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(is_match(pattern, text), expected, "`{pattern}` and `{text}`");
        };
        check("A*", "AAPL", true);
        check("A*", "BA", false);
        check("*", "", true);
        check("?", "", false);
        check("B?K.*", "BRK.B", true);
        check("*L*L", "ALPL", true);
        check("*L*L", "ALP", false);
        check("**PL", "AAPL", true);
        check("AAPL", "AAPL", true);
        check("AAPL", "AAPLX", false);
        check("a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false);
    }

    #[test]
    fn metadata_is_compared_by_member() {
        let holds = |condition: &str, metadata: &str| {
            condition.parse::<MetadataCondition>().unwrap().holds(metadata)
        };
        let tech = r#"{"sector":"Tech","lot":100,"active":true}"#;
        assert!(holds("sector=Tech", tech) && holds("sector = T*", tech));
        assert!(holds("lot=100", tech) && holds("active=true", tech));
        assert!(!holds("sector!=Tech", tech) && !holds("sector=tech", tech));
        assert!(!holds("country=*", tech) && holds("country!=US", tech));
        assert!(!holds("sector=Tech", "") && !holds("sector=Tech", "not JSON"));
        assert!("sector".parse::<MetadataCondition>().is_err());
        assert!("=x".parse::<MetadataCondition>().is_err());
    }
}
