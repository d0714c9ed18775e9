//! The Barrow bundle file: layout, digests, writer and reader over plain bytes.
//!
//! A bundle file is one long table of bars, sorted by asset and time, stored column by column as raw
//! little-endian arrays, with everything that a reader needs laid out so that it is used in place. This
//! crate knows bytes and nothing else: no file, path, clock or thread. It contains no `unsafe`.
//!
//! ```
//! use barrow_format::{AlignedBytes, AssetSpec, Bundle, BundleSpec, BundleWriter, MemorySink};
//! use barrow_format::{Provenance, Schema, Values};
//!
//! const DAY: i64 = 86_400_000_000_000;
//! let spec = BundleSpec {
//!     schema: Schema::daily(&[])?,
//!     assets: vec![AssetSpec::new("AAPL", 2), AssetSpec::new("IBM", 2)],
//!     adjustments: vec![],
//!     provenance: Provenance::default(),
//! };
//! let sink = MemorySink::new();
//! let writer = BundleWriter::new(spec, &sink)?;
//! for asset in 0..2 {
//!     writer.put(asset, 0, Values::I64(&[0, DAY]))?;
//!     for column in 1..6 {
//!         writer.put(asset, column, Values::F64(&[1.5, 2.5]))?;
//!     }
//! }
//! let written = writer.finish()?;
//!
//! let bundle = Bundle::open(AlignedBytes::copy_of(&sink.into_bytes()))?;
//! assert_eq!(bundle.version(), written.version);
//! let ibm = bundle.asset("IBM")?.expect("IBM was written");
//! let close = bundle.schema().column_index("close").expect("daily bars have a close");
//! assert_eq!(bundle.series(close, ibm)?, Values::F64(&[1.5, 2.5]));
//! # Ok::<(), barrow_format::Error>(())
//! ```
//!
//! # The file
//!
//! ```text
//! page 0     superblock: magic, format version, lengths, section directory, content version, checksum
//! page 1..   schema, columns: each on a page of its own, like all that follows
//! then       data: column after column; within a column asset after asset
//! then       symbol index, strings, assets, calendar, series, zones, adjustments, provenance, page checks
//! ```
//!
//! `docs/format.md` specifies every byte. [`Bundle::open`] checks in constant time what it needs; the
//! record of an asset is checked when the asset is asked for; [`Bundle::verify`] checks every byte.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod aligned;
mod asset;
mod block;
mod blocks;
mod bundle;
mod calendar;
mod check;
mod codec;
mod defect;
mod digest;
mod error;
pub mod frozen;
mod meter;
mod open;
mod pages;
mod placement;
pub mod record;
mod revision;
mod schema;
mod sealing;
mod section;
mod segment;
mod series;
mod series_table;
mod sink;
mod spec;
mod stats;
mod summed;
mod symbol;
mod tables;
mod values;
mod values_buf;
mod verify;
mod version;
mod writer;

pub use aligned::AlignedBytes;
pub use asset::Asset;
pub use block::{BlockError, Compression, UnknownCompression, decode_block, encode_block};
pub use blocks::Encoding;
pub use bundle::Bundle;
pub use codec::CodecError;
pub use defect::{Defect, Problem, Verification};
pub use digest::{Digest, Midstate, ParseDigestError, Version};
pub use error::Error;
pub use meter::{SeriesMeter, SeriesSummary};
pub use revision::{RevisionSpec, RevisionWriter};
pub use schema::{Column, Frequency, LogicalType, Schema, SchemaError, Stamp};
pub use section::{Section, SectionKind};
pub use series::SeriesWriter;
pub use series_table::{SeriesColumn, SeriesTable};
pub use sink::{MemorySink, Sink};
pub use spec::{Adjustment, AdjustmentKind, AssetSpec, BundleSpec, Provenance, SourceRecord};
pub use stats::{Bound, Stats};
pub use values::{PhysicalType, UnknownPhysicalType, Values};
pub use values_buf::ValuesBuf;
pub use verify::SeriesSource;
pub use writer::{BundleWriter, Written};
