//! [`CompressionOption`]: which columns are stored compressed, and how.

use std::str::FromStr;

use barrow_format::{Column, Compression};

use super::error::IngestError;

/// How columns are to be stored: one way for all, and others for some of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CompressionOption {
    /// Of columns that are not named.
    pub all: Compression,
    /// Of named columns.
    pub columns: Vec<(String, Compression)>,
}

impl CompressionOption {
    /// Returns how each of `columns` is stored, in their order.
    ///
    /// # Errors
    ///
    /// [`IngestError::NoStoredColumn`] when a name is none of theirs.
    pub fn of(&self, columns: &[Column]) -> Result<Vec<Compression>, IngestError> {
        let known = |name: &String| columns.iter().any(|column| column.name == *name);
        if let Some((name, _)) = self.columns.iter().find(|(name, _)| !known(name)) {
            let found = columns.iter().map(|column| column.name.clone()).collect();
            return Err(IngestError::NoStoredColumn { column: name.clone(), found });
        }
        let named = |column: &Column| {
            self.columns.iter().find(|(name, _)| *name == column.name).map(|(_, it)| *it)
        };
        Ok(columns.iter().map(|column| named(column).unwrap_or(self.all)).collect())
    }
}

/// Reads `auto`, `close=auto,volume=zstd`, or `auto,volume=none`.
impl FromStr for CompressionOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut option = Self::default();
        for (place, item) in text.split(',').enumerate() {
            let parse = |name: &str| name.parse::<Compression>().map_err(|error| error.to_string());
            match item.split_once('=') {
                Some(("", _)) => {
                    return Err(format!("`{item}` is not of the form COLUMN=HOW"));
                }
                Some((column, _)) if option.columns.iter().any(|(name, _)| name == column) => {
                    return Err(format!("column `{column}` is named twice"));
                }
                Some((column, how)) => option.columns.push((column.to_owned(), parse(how)?)),
                None if place == 0 => option.all = parse(item)?,
                None => return Err(format!("`{item}` is not of the form COLUMN=HOW")),
            }
        }
        Ok(option)
    }
}

#[cfg(test)]
mod tests {
    use barrow_format::Schema;

    use super::*;

    #[test]
    fn all_and_some_columns_can_be_named() {
        let schema = Schema::daily(&[]).unwrap();
        let of = |text: &str| text.parse::<CompressionOption>().unwrap().of(schema.columns());
        let (none, auto, zstd) = (Compression::None, Compression::Auto, Compression::Zstd);
        assert_eq!(of("auto").unwrap(), [auto; 6]);
        assert_eq!(of("close=auto,volume=zstd").unwrap(), [none, none, none, none, auto, zstd]);
        assert_eq!(of("zstd,time=none").unwrap(), [none, zstd, zstd, zstd, zstd, zstd]);
        assert!(matches!(of("vwap=auto"), Err(IngestError::NoStoredColumn { .. })));
        for wrong in ["", "lzma", "close=", "=auto", "close=auto,zstd", "close=auto,close=none"] {
            assert!(wrong.parse::<CompressionOption>().is_err(), "`{wrong}`");
        }
    }
}
