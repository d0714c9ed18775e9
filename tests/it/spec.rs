//! Promise: `docs/format.md` and the code describe the same bytes.
//!
//! Method: every table of the page with the columns `offset | bytes | type | field | meaning` is
//! compared, row by row and in order, with `offset_of!` and `size_of` of the record it documents, and
//! must cover the record without a gap. The constants of the page are compared with the frozen ones.

use std::mem::{offset_of, size_of_val};

use barrow_format::frozen;
use barrow_format::record::{
    AdjustmentRecord, AssetRecord, ColumnRecord, PartRecord, SectionRecord, SegmentRecord,
    SeriesRecord, Superblock, ZoneRecord,
};
use barrow_format::{PhysicalType, SectionKind};
use barrow_tests::checkout;
use zerocopy::FromZeros;

/// Offset, bytes and name of a field.
type Field = (usize, usize, String);

/// Heading of the section of the page, size of the record, and its fields from the compiler. The
/// pattern names every field, so that one added to the code and forgotten here does not compile.
macro_rules! layout {
    ($heading:literal, $record:ident { $($field:ident),* $(,)? }) => {{
        fn fields(record: &$record) -> Vec<Field> {
            let $record { $($field),* } = record;
            vec![$((offset_of!($record, $field), size_of_val($field), stringify!($field).to_owned())),*]
        }
        let zero = <$record>::new_zeroed();
        ($heading, size_of::<$record>(), fields(&zero))
    }};
}

fn layouts() -> Vec<(&'static str, usize, Vec<Field>)> {
    vec![
        layout!(
            "## Superblock",
            Superblock {
                magic,
                major,
                minor,
                section_count,
                file_len,
                rows,
                assets,
                columns,
                version,
                zone_rows,
                reserved,
                sections,
                reserved_end,
                checksum,
                check,
            }
        ),
        layout!(
            "### Section directory entry",
            SectionRecord { kind, record_len, offset, len, check, digest }
        ),
        layout!(
            "## Assets",
            AssetRecord {
                symbol_at,
                metadata_at,
                symbol_len,
                metadata_len,
                row_start,
                rows,
                first_time,
                last_time,
                calendar_start,
                calendar_end,
                flags,
                check,
            }
        ),
        layout!(
            "## Columns",
            ColumnRecord {
                offset,
                len,
                encoding,
                physical,
                rows,
                min,
                max,
                null_count,
                zone_start,
            }
        ),
        layout!("## Series", SeriesRecord { digest, midstate, min, max, null_count, zone_start }),
        layout!(
            "## Zones",
            ZoneRecord { min, max, null_count, rows, offset, stored_len, checksum }
        ),
        layout!("## Adjustments", AdjustmentRecord { asset, kind, time, value }),
        layout!("### Parts", PartRecord { digest, bytes, rows }),
        layout!("### Segments", SegmentRecord { asset, part, row, rows }),
    ]
}

fn page() -> String {
    std::fs::read_to_string(checkout().join("docs/format.md")).expect("the page of the format")
}

/// The cells of a table row.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The rows of the layout table below `heading`, before the next heading.
fn table_below(page: &str, heading: &str) -> Vec<Field> {
    let start = page.find(&format!("\n{heading}\n")).expect("the heading is on the page");
    let lines = page[start + 1..].lines().skip(1).take_while(|line| !line.starts_with('#'));
    let table = lines
        .skip_while(|line| !line.starts_with("| offset | bytes | type | field | meaning |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    table
        .map(|line| {
            let cells = cells(line);
            let number = |cell: &str| cell.parse().expect("a number");
            (number(cells[0]), number(cells[1]), cells[3].trim_matches('`').to_owned())
        })
        .collect()
}

#[test]
fn tables_equal_the_records() {
    let page = page();
    for (heading, size, fields) in layouts() {
        let table = table_below(&page, heading);
        assert_eq!(table, fields, "`{heading}`");
        let mut next = 0;
        for (offset, bytes, name) in table {
            assert_eq!(offset, next, "`{heading}`: `{name}` begins where the field before ended");
            next = offset + bytes;
        }
        assert_eq!(next, size, "`{heading}`: the table covers the record");
    }
}

#[test]
fn types_fit_their_bytes() {
    for line in page().lines().filter(|line| line.starts_with("| ")) {
        let cells = cells(line);
        let [_, bytes, kind, field, _] = cells.as_slice() else { continue };
        let Ok(bytes) = bytes.parse::<usize>() else { continue };
        let width = match *kind {
            "u8" => 1,
            "u16" => 2,
            "u32" => 4,
            "u64" | "i64" | "f64" => 8,
            "u32 x 8" => 32,
            _ => continue,
        };
        assert_eq!(bytes, width, "{field} is {kind}");
    }
}

#[test]
fn kinds_of_sections_are_those_of_the_code() {
    let page = page();
    for kind in SectionKind::LISTED
        .into_iter()
        .chain(SectionKind::SEGMENTED)
        .chain([SectionKind::PageChecks])
    {
        let record = match kind.record_len() {
            1 => "-".to_owned(),
            len => len.to_string(),
        };
        let row = format!("| {} | {kind} | {record} |", kind.number());
        assert!(page.contains(&row), "`{row}` is on the page");
    }
}

#[test]
fn numbers_in_the_text_are_the_frozen_ones() {
    let page = page();
    let magic: Vec<String> = frozen::MAGIC.iter().map(|b| format!("{b:02X}")).collect();
    let domain = String::from_utf8_lossy(&frozen::VERSION_DOMAIN).into_owned();
    for text in [
        magic.join(" "),
        domain,
        format!("A *page* is {} bytes", frozen::PAGE),
        format!("rows of a zone, {}", frozen::ZONE_ROWS),
        format!("room for {} entries", frozen::SECTIONS_MAX),
        format!("each once, at most {}", frozen::PARTS_MAX),
        format!("number of columns, 1 to {}", frozen::COLUMNS_MAX),
        format!("format {}.{}", frozen::FORMAT_MAJOR, frozen::FORMAT_MINOR),
        format!("| {}.{} | 0.1.0 | section 14", frozen::FORMAT_MAJOR, frozen::FORMAT_MINOR),
        format!("0x{:X}", frozen::CHECK_MULTIPLIER),
    ] {
        assert!(page.contains(&text), "`{text}` is on the page");
    }
    let types: Vec<String> = PhysicalType::ALL
        .iter()
        .enumerate()
        .map(|(tag, physical)| format!("{tag} {}", physical.name()))
        .collect();
    assert!(page.contains(&types.join(", ")), "{types:?} are on the page");
}
