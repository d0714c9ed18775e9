//! Values that may never change: they are what makes a file a Barrow bundle of format 1.

/// First bytes of every bundle file. In PNG's manner: a byte outside ASCII, then CR LF, ^Z and LF, so
/// that a copy made in text mode is noticed at once.
pub const MAGIC: [u8; 8] = [0x89, b'B', b'R', b'W', b'\r', b'\n', 0x1a, b'\n'];

/// Revision of the layout that old readers cannot read.
pub const FORMAT_MAJOR: u16 = 1;

/// Revision of the layout of the files that are written: readers of an earlier one refuse them by the number of their
/// sections.
pub const FORMAT_MINOR: u16 = 2;

/// Alignment of every section and of every column, in bytes.
pub const PAGE: u64 = 4096;

/// Rows of one zone of a long series.
pub const ZONE_ROWS: u64 = 4096;

/// Entries that the section directory has room for.
pub const SECTIONS_MAX: usize = 61;

/// Columns that a schema may have.
pub const COLUMNS_MAX: usize = 1024;

/// Bytes that a column name or a symbol may have.
pub const NAME_MAX: usize = 255;

/// Bytes that the schema section may have.
pub const SCHEMA_MAX: u64 = 1 << 20;

/// Bytes that the provenance section may have.
pub const PROVENANCE_MAX: u64 = 64 << 20;

/// Other parts that a segmented file may refer to.
pub const PARTS_MAX: usize = 1024;

/// Name of the first column of every bundle.
pub const TIME: &str = "time";

/// What the hash behind a content version starts with.
pub const VERSION_DOMAIN: [u8; 16] = *b"barrow.version.1";

/// Odd multiplier (the golden ratio in 64 bits) behind the check word of an asset record.
pub const CHECK_MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_values_never_change() {
        assert_eq!(MAGIC, *b"\x89BRW\r\n\x1a\n");
        assert_eq!((FORMAT_MAJOR, FORMAT_MINOR), (1, 2));
        assert_eq!((PAGE, ZONE_ROWS, SECTIONS_MAX), (4096, 4096, 61));
        assert_eq!((COLUMNS_MAX, NAME_MAX), (1024, 255));
        assert_eq!((SCHEMA_MAX, PROVENANCE_MAX), (1_048_576, 67_108_864));
        assert_eq!(PARTS_MAX, 1024);
        assert_eq!((TIME, &VERSION_DOMAIN), ("time", b"barrow.version.1"));
        assert_eq!(CHECK_MULTIPLIER, 11_400_714_819_323_198_485);
    }
}
