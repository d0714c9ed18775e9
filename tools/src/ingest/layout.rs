//! [`Layout`]: how the lines of a text source are to be read. The recogniser makes it, the parser
//! follows it.

use barrow_format::{Column, LogicalType, PhysicalType};

use super::time::{Granularity, TimeFormat, Zone};

/// What a field of a line is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Slot {
    /// Left out.
    Skip,
    /// The time, or the date when there is a [`Slot::Clock`].
    Time,
    /// The time of day beside a date.
    Clock,
    /// The asset.
    Symbol,
    /// A number, and its place in [`Layout::fields`] (or the asset's place in [`Layout::wide`]).
    Number(usize),
    /// New shares per old; 0, 1 or nothing for none.
    Split,
    /// Cash per share; 0 or nothing for none.
    Dividend,
}

/// How a text source is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) delimiter: u8,
    /// The first line, where it names the columns.
    pub(crate) header: Option<Vec<u8>>,
    /// Names of the columns as the source has them, or as they were recognised.
    pub(crate) names: Vec<String>,
    pub(crate) slots: Vec<Slot>,
    /// Columns of the bundle behind `time`.
    pub(crate) fields: Vec<Column>,
    /// Symbols of a wide source, one a [`Slot::Number`].
    pub(crate) wide: Option<Vec<String>>,
    pub(crate) format: TimeFormat,
    pub(crate) granularity: Granularity,
    pub(crate) zone: Zone,
    /// Prices are divided by this.
    pub(crate) price_scale: f64,
    /// Whether it is LEAN's layout: symbols are lower case in file names, dates stand there too.
    pub(crate) lean: bool,
    /// The kind of security that a folder of the path names.
    pub(crate) kind: Option<String>,
    /// Columns of text that are left out in lenient mode.
    pub(crate) text_columns: Vec<String>,
}

impl Layout {
    pub(crate) fn has_symbols(&self) -> bool {
        self.slots.contains(&Slot::Symbol)
    }

    /// Name of the source's column that holds field `field`.
    pub(crate) fn column_of(&self, field: usize) -> Option<usize> {
        self.slots.iter().position(|slot| *slot == Slot::Number(field))
    }

    /// What was recognised, for people.
    pub(crate) fn describe(&self) -> String {
        let arrangement = if self.lean {
            "LEAN".to_owned()
        } else if let Some(symbols) = &self.wide {
            format!("wide, {} assets", symbols.len())
        } else if self.has_symbols() {
            "long, a symbol column".to_owned()
        } else {
            "an asset a file".to_owned()
        };
        let granularity = match self.granularity {
            Granularity::Daily => "daily",
            Granularity::Intraday => "intraday",
        };
        let zone = match self.zone.name() {
            "UTC" => String::new(),
            name => format!(" in {name}"),
        };
        let scale = if self.price_scale == 1.0 {
            String::new()
        } else {
            format!("; prices divided by {}", self.price_scale)
        };
        let (format, names) = (&self.format, field_names(&self.fields).join(", "));
        format!("{arrangement}; {granularity} times `{format}`{zone}{scale}; columns {names}")
    }
}

/// The columns that every tool knows, in their order in a bundle.
pub(crate) const STANDARD: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// A column of f64 by its name.
pub(crate) fn field(name: &str) -> Column {
    Column::new(name, PhysicalType::F64, logical(name))
}

/// What the name of a column says of its values.
pub(crate) fn logical(name: &str) -> LogicalType {
    let bare = ["bid_", "ask_", "adj_", "mid_"].iter().find_map(|side| name.strip_prefix(side));
    match bare.unwrap_or(name) {
        "open" | "high" | "low" | "close" | "bid" | "ask" | "mid" | "vwap" => LogicalType::Price,
        "volume" | "size" => LogicalType::Volume,
        _ => LogicalType::Plain,
    }
}

/// Sorts fields as bundles have them: the standard ones first, then the others by name, so that the
/// order of a source's columns does not matter.
pub(crate) fn sort_fields(fields: &mut [Column]) {
    let rank = |name: &str| STANDARD.iter().position(|known| *known == name).unwrap_or(usize::MAX);
    fields.sort_by(|a, b| (rank(&a.name), &a.name).cmp(&(rank(&b.name), &b.name)));
}

/// Names of fields, for messages.
pub(crate) fn field_names(fields: &[Column]) -> Vec<String> {
    fields.iter().map(|field| field.name.clone()).collect()
}
