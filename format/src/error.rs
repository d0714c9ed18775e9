//! [`Error`]: why bytes are not a bundle, or why a bundle cannot be written.

use std::io;

use thiserror::Error;

use crate::{
    Digest, PhysicalType, SchemaError, SectionKind,
    block::BlockError,
    codec::CodecError,
    frozen::{FORMAT_MAJOR, NAME_MAX},
};

/// Why bytes are not a bundle that can be used, or why a bundle cannot be written.
///
/// An error of reading means that the file was damaged or was never a bundle: take it from a copy, or
/// ingest its sources again. An error of writing leaves nothing that could be taken for a bundle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There are fewer bytes than the first page takes.
    #[error("{len} bytes are too few for a bundle, whose first page has 4096")]
    TooShort {
        /// Bytes that there are.
        len: usize,
    },
    /// The file does not begin like a bundle.
    #[error("not a bundle: the first eight bytes are {found:02x?}")]
    Magic {
        /// What stands there.
        found: [u8; 8],
    },
    /// The file was written by a later format.
    #[error("format version {found}, this build reads {FORMAT_MAJOR}")]
    FormatVersion {
        /// Major version of the file.
        found: u16,
    },
    /// The first page was damaged.
    #[error("the check word of the superblock does not match its bytes")]
    SuperblockCheck,
    /// A field of the first page holds what it cannot hold.
    #[error("superblock field `{field}` holds {found}, expected {expected}")]
    SuperblockField {
        /// Name of the field.
        field: &'static str,
        /// What it holds.
        found: u64,
        /// What it should hold.
        expected: u64,
    },
    /// The file is shorter or longer than it says.
    #[error("the file should have {expected} bytes and has {found}: it was cut or grew")]
    FileLength {
        /// Bytes by the superblock.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The directory lists too few or too many sections.
    #[error("the directory lists {found} sections, expected {expected}")]
    SectionCount {
        /// Sections of this format.
        expected: usize,
        /// Sections listed.
        found: usize,
    },
    /// A section does not lie where it must.
    #[error(
        "section `{kind}` of {len} bytes at byte {offset} is not possible: expected byte {expected_offset} \
         and whole records"
    )]
    SectionGeometry {
        /// Which section.
        kind: SectionKind,
        /// Where it claims to begin.
        offset: u64,
        /// How long it claims to be.
        len: u64,
        /// Where it must begin.
        expected_offset: u64,
    },
    /// A section has more bytes than it may have.
    #[error("section `{kind}` has {len} bytes, at most {max} are allowed")]
    SectionTooLong {
        /// Which section.
        kind: SectionKind,
        /// Its bytes.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A section that opening reads was damaged.
    #[error("the check word of section `{kind}` at byte {offset} does not match its bytes")]
    SectionCheck {
        /// Which section.
        kind: SectionKind,
        /// Where it begins.
        offset: u64,
    },
    /// A page is not what was written.
    #[error(
        "the page at byte {offset}, of section `{kind}`, is damaged: its check word is {found:016x}, not \
         {expected:016x}"
    )]
    Page {
        /// The section that it belongs to.
        kind: SectionKind,
        /// Where it begins.
        offset: u64,
        /// The check word that the file has for it.
        expected: u64,
        /// The check word of its bytes.
        found: u64,
    },
    /// A section holds more or fewer records than it must.
    #[error("section `{kind}` holds {found} records, expected {expected}")]
    RecordCount {
        /// Which section.
        kind: SectionKind,
        /// Records it must hold.
        expected: u64,
        /// Records it holds.
        found: u64,
    },
    /// The bytes do not lie at an address at which they can be used in place.
    #[error("section `{kind}` does not lie at an aligned address")]
    Alignment {
        /// Which section.
        kind: SectionKind,
    },
    /// A record points outside what it may point to.
    #[error("record {index} of section `{kind}` (byte {offset}) is damaged: {what}")]
    Record {
        /// Which section.
        kind: SectionKind,
        /// Which record.
        index: u64,
        /// Where the record begins in the file.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The schema is not possible.
    #[error("section `schema` is not valid")]
    Schema(#[from] SchemaError),
    /// The provenance cannot be decoded.
    #[error("section `provenance` cannot be decoded")]
    Provenance(#[source] CodecError),
    /// A column's bytes are encoded in a way that this build does not know.
    #[error("column `{column}` has encoding {encoding}, which this build does not read")]
    Encoding {
        /// The column.
        column: String,
        /// Its encoding.
        encoding: u32,
    },
    /// Values of a compressed column were asked for in place.
    #[error("column `{column}` is compressed: its values can be read, but not borrowed")]
    Compressed {
        /// The column.
        column: String,
    },
    /// A block of a compressed column is damaged.
    #[error(
        "the block of column `{column}` of `{symbol}` from row {row} on (byte {offset}) is damaged"
    )]
    Block {
        /// The column.
        column: String,
        /// The asset; empty where its symbol is damaged too.
        symbol: String,
        /// First row of the block, counted from the asset's first.
        row: usize,
        /// Where the block begins in the file.
        offset: u64,
        /// What is wrong with it.
        #[source]
        source: BlockError,
    },
    /// Rows were asked for that the asset does not have.
    #[error("rows {start} to {end} are not among the {rows} of the asset")]
    Rows {
        /// First row asked for.
        start: usize,
        /// Row behind the last one asked for.
        end: usize,
        /// Rows of the asset.
        rows: usize,
    },
    /// The room for values has another length than they.
    #[error("the values take {expected} bytes, but there is room for {found}")]
    Room {
        /// Bytes that the values take.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// The rows of a segmented file lie in other files too, which bytes alone cannot open.
    #[error("column `{column}` lies in several parts: only a store that finds them can read it")]
    Segmented {
        /// The column.
        column: String,
    },
    /// Rows were asked for that do not lie in this file.
    #[error(
        "rows {start} to {end} of column `{column}` do not lie in this file, which holds {rows}"
    )]
    NoRows {
        /// The column.
        column: String,
        /// First row asked for.
        start: usize,
        /// Row behind the last.
        end: usize,
        /// Rows that lie in the file.
        rows: usize,
    },
    /// Another part that a segmented file refers to cannot be read.
    #[error("part `{digest}` cannot be read", digest = digest.short())]
    Part {
        /// Digest of the part.
        digest: Digest,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no asset of that number.
    #[error("there is no asset {ordinal}: the bundle has {assets}")]
    NoAsset {
        /// The number asked for.
        ordinal: u32,
        /// Assets of the bundle.
        assets: u32,
    },
    /// An asset handle was made by another bundle or by another version of it.
    #[error("the handle of asset {ordinal} was made by another bundle or version")]
    ForeignAsset {
        /// The number of the asset there.
        ordinal: u32,
    },
    /// There is no column of that number.
    #[error("there is no column {index}: the bundle has {columns}")]
    NoColumn {
        /// The number asked for.
        index: usize,
        /// Columns of the bundle.
        columns: usize,
    },

    /// The assets to write are not sorted by symbol, or a symbol comes twice.
    #[error(
        "symbol `{symbol}` does not come after `{before}`: assets are written sorted, each once"
    )]
    AssetOrder {
        /// The symbol before.
        before: String,
        /// The symbol.
        symbol: String,
    },
    /// A symbol is empty or too long.
    #[error("symbol `{symbol}` has {len} bytes, expected 1 to {NAME_MAX}", len = symbol.len())]
    SymbolLength {
        /// The symbol.
        symbol: String,
    },
    /// The bundle to write is larger than the format can hold.
    #[error("the bundle is too large: {what}")]
    TooLarge {
        /// What is beyond its limit.
        what: &'static str,
    },
    /// An adjustment names no asset, has no number, or comes twice.
    #[error("adjustment {index} is not possible: {what}")]
    Adjustment {
        /// Which, in the order given.
        index: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Values of another type than the column's were given.
    #[error("column `{column}` holds {expected}, but {found} was given")]
    ValueType {
        /// The column.
        column: String,
        /// Its type.
        expected: PhysicalType,
        /// Type of the values given.
        found: PhysicalType,
    },
    /// A series was given more or fewer rows than planned, or was not given, or was given twice.
    #[error("series `{column}` of `{symbol}` has {found} rows, expected {expected}")]
    SeriesRows {
        /// The asset.
        symbol: String,
        /// The column.
        column: String,
        /// Rows planned.
        expected: u64,
        /// Rows given.
        found: u64,
    },
    /// Timestamps of an asset do not strictly ascend.
    #[error("timestamps of `{symbol}` do not ascend at row {row}: {before} is followed by {time}")]
    TimeOrder {
        /// The asset.
        symbol: String,
        /// Row of the asset at which they fail to ascend.
        row: u64,
        /// Timestamp before, in nanoseconds since the epoch.
        before: i64,
        /// Timestamp, in nanoseconds since the epoch.
        time: i64,
    },
    /// Segments to write do not cover the assets, or parts are not sorted.
    #[error("{kind} record {index} is not possible: {what}")]
    Layout {
        /// Parts or segments.
        kind: SectionKind,
        /// Which, in the order given.
        index: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Fewer or more rows of a column were written than lie in the file.
    #[error("{found} rows of column `{column}` were written, expected {expected}")]
    LocalRows {
        /// The column.
        column: String,
        /// Rows that lie in the file.
        expected: u64,
        /// Rows written.
        found: u64,
    },
    /// Bytes could not be written.
    #[error("cannot write {len} bytes at byte {offset}")]
    Write {
        /// Where.
        offset: u64,
        /// How many.
        len: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
}
