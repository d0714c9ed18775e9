//! [`Plan`]: what the columns of a Parquet file are and how their values are to be read.

use std::fs::File;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use barrow_format::{Column, PhysicalType};

use super::super::error::IngestError;
use super::super::layout::{self, STANDARD, Slot, sort_fields};
use super::super::options::{Adjusted, FrequencyOption, IngestOptions, SourceFormat};
use super::super::recognise::{Meaning, columns_like, meaning, normalise, zone};
use super::super::source::{Source, io_error};
use super::super::time::{Granularity, Zone};
use super::values::{Conversion, sample_is_dates};

/// How a Parquet file is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Names of the columns in the file.
    pub(crate) names: Vec<String>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) conversions: Vec<Conversion>,
    /// Columns of the bundle behind `time`.
    pub(crate) fields: Vec<Column>,
    /// Symbols of a wide file.
    pub(crate) wide: Option<Vec<String>>,
    pub(crate) granularity: Granularity,
    pub(crate) zone: Zone,
    pub(crate) price_scale: f64,
    pub(crate) text_columns: Vec<String>,
    /// Rows of each row group.
    pub(crate) groups: Vec<u64>,
}

impl Plan {
    pub(crate) fn has_symbols(&self) -> bool {
        self.slots.contains(&Slot::Symbol)
    }

    /// What was recognised, for people.
    pub(crate) fn describe(&self) -> String {
        let arrangement = match (&self.wide, self.has_symbols()) {
            (Some(symbols), _) => format!("wide, {} assets", symbols.len()),
            (None, true) => "long, a symbol column".to_owned(),
            (None, false) => "an asset a file".to_owned(),
        };
        let granularity = match self.granularity {
            Granularity::Daily => "daily",
            Granularity::Intraday => "intraday",
        };
        let names = layout::field_names(&self.fields).join(", ");
        format!("Parquet, {arrangement}; {granularity}; columns {names}")
    }
}

/// Opens a file and looks at its footer.
pub(crate) fn open(source: &Source) -> Result<SerializedFileReader<File>, IngestError> {
    let file = File::open(&source.path).map_err(io_error("open", &source.path))?;
    SerializedFileReader::new(file).map_err(|error| damaged(source, error))
}

pub(crate) fn damaged(source: &Source, error: ::parquet::errors::ParquetError) -> IngestError {
    IngestError::Damaged { file: source.name.clone(), source: Box::new(error) }
}

/// Finds out what the columns of a file are.
///
/// # Errors
///
/// [`IngestError::Damaged`] for a file that is cut or no Parquet, and what the recogniser of text
/// sources says of columns.
pub(crate) fn plan(source: &Source, options: &IngestOptions) -> Result<Plan, IngestError> {
    let reader = open(source)?;
    let metadata = reader.metadata();
    let columns = metadata.file_metadata().schema_descr().columns();
    let names: Vec<String> = columns.iter().map(|column| column.path().string()).collect();
    let groups: Vec<u64> = metadata
        .row_groups()
        .iter()
        .map(|group| u64::try_from(group.num_rows()).unwrap_or(0))
        .collect();
    if groups.iter().sum::<u64>() == 0 {
        return Err(IngestError::NoRows { file: source.name.clone() });
    }
    let mut slots = Slots { source, options, names: &names, columns, slots: vec![None; names.len()] };
    slots.told()?;
    slots.find_time()?;
    let is_wide = slots.is_wide();
    let mut fields: Vec<(usize, Column)> = Vec::new();
    let (mut wide, mut text_columns) = (is_wide.then(Vec::new), Vec::new());
    for at in 0..names.len() {
        let found = match slots.slots[at].clone() {
            Some(found) => found,
            None if is_wide => Found::Field(options.wide_column.clone()),
            None => slots.by_name(at)?,
        };
        match (&found, &mut wide) {
            (Found::Field(_), Some(symbols)) => {
                slots.slots[at] = Some(Found::Slot(Slot::Number(symbols.len())));
                symbols.push(names[at].clone());
            }
            (Found::Field(name), None) => {
                fields.push((at, slots.stored(at, name, metadata)?));
                slots.slots[at] = Some(Found::Slot(Slot::Skip));
            }
            (Found::Text, _) => {
                text_columns.push(names[at].clone());
                slots.slots[at] = Some(Found::Slot(Slot::Skip));
            }
            (Found::Slot(_), _) => slots.slots[at] = Some(found),
        }
    }
    let mut sorted: Vec<Column> = fields.iter().map(|(_, field)| field.clone()).collect();
    if is_wide {
        sorted = vec![layout::field(&options.wide_column)];
    }
    sort_fields(&mut sorted);
    let mut chosen: Vec<Slot> = slots.slots.iter().map(|found| match found {
        Some(Found::Slot(slot)) => *slot,
        _ => Slot::Skip,
    }).collect();
    for (at, field) in &fields {
        let place = sorted.iter().position(|sorted| sorted.name == field.name);
        chosen[*at] = place.map_or(Slot::Skip, Slot::Number);
    }
    check_fields(source, &sorted, &names)?;
    let conversions = columns.iter().zip(&chosen).map(|(column, slot)| match slot {
        Slot::Skip => Ok(Conversion::None),
        _ => Conversion::of(column).ok_or_else(|| slots.type_error(column, "a number, date, time or text")),
    });
    let conversions: Vec<Conversion> = conversions.collect::<Result<_, _>>()?;
    let zone = zone(options)?;
    let time = chosen.iter().position(|slot| *slot == Slot::Time).unwrap_or(0);
    let granularity = match options.frequency {
        Some(FrequencyOption::Daily) => Granularity::Daily,
        Some(FrequencyOption::Step(_)) => Granularity::Intraday,
        _ if conversions[time] == Conversion::Date => Granularity::Daily,
        _ if sample_is_dates(source, &reader, time, &conversions[time], &zone, options)? => Granularity::Daily,
        _ => Granularity::Intraday,
    };
    Ok(Plan {
        names: names.clone(),
        slots: chosen,
        conversions,
        fields: sorted,
        wide,
        granularity,
        zone,
        price_scale: options.price_scale.unwrap_or(1.0),
        text_columns,
        groups,
    })
}

fn check_fields(source: &Source, fields: &[Column], names: &[String]) -> Result<(), IngestError> {
    let reason = if fields.is_empty() {
        format!("none of its columns ({}) is a price", names.join(", "))
    } else if let Some(pair) = fields.windows(2).find(|pair| pair[0].name == pair[1].name) {
        format!("two columns are `{}`", pair[0].name)
    } else if fields.iter().any(|field| field.name == "time") {
        "two columns tell the time".to_owned()
    } else {
        return Ok(());
    };
    Err(IngestError::Unrecognised { file: source.name.clone(), reason })
}

/// What a column was found to be.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    Slot(Slot),
    Field(String),
    Text,
}

/// The search for what columns are.
struct Slots<'a> {
    source: &'a Source,
    options: &'a IngestOptions,
    names: &'a [String],
    columns: &'a [std::sync::Arc<ColumnDescriptor>],
    slots: Vec<Option<Found>>,
}

impl Slots<'_> {
    fn unrecognised(&self, reason: impl Into<String>) -> IngestError {
        IngestError::Unrecognised { file: self.source.name.clone(), reason: reason.into() }
    }

    fn type_error(&self, column: &ColumnDescriptor, expected: &'static str) -> IngestError {
        let found = match column.logical_type_ref() {
            Some(logical) => format!("{logical:?}"),
            None => column.physical_type().to_string(),
        };
        let (file, column) = (self.source.name.clone(), column.path().string());
        IngestError::ColumnType { file, column, found, expected }
    }

    /// What options say.
    fn told(&mut self) -> Result<(), IngestError> {
        let place = |wanted: &str| {
            columns_like(self.names, wanted).ok_or_else(|| IngestError::NoColumn {
                file: self.source.name.clone(),
                column: wanted.to_owned(),
                found: self.names.to_vec(),
            })
        };
        for name in &self.options.drop {
            if let Some(at) = columns_like(self.names, name) {
                self.slots[at] = Some(Found::Slot(Slot::Skip));
            }
        }
        for (field, column) in &self.options.map {
            let found = match normalise(field).as_str() {
                "time" => Found::Slot(Slot::Time),
                "symbol" => Found::Slot(Slot::Symbol),
                "split" => Found::Slot(Slot::Split),
                "dividend" => Found::Slot(Slot::Dividend),
                name => Found::Field(name.to_owned()),
            };
            self.slots[place(column)?] = Some(found);
        }
        if let Some(column) = &self.options.time_column {
            self.slots[place(column)?] = Some(Found::Slot(Slot::Time));
        }
        if let Some(column) = &self.options.symbol_column {
            self.slots[place(column)?] = Some(Found::Slot(Slot::Symbol));
        }
        Ok(())
    }

    /// The time: a date or timestamp by name, else the first one, else a column of that name.
    fn find_time(&mut self) -> Result<(), IngestError> {
        if self.slots.contains(&Some(Found::Slot(Slot::Time))) {
            return Ok(());
        }
        let free: Vec<usize> = (0..self.names.len()).filter(|at| self.slots[*at].is_none()).collect();
        let named = |at: &usize| meaning(&normalise(&self.names[*at])) == Some(Meaning::Time);
        let dated = |at: &usize| Conversion::of(&self.columns[*at]).is_some_and(|found| found.is_time());
        let both = free.iter().find(|at| named(at) && dated(at));
        let found = both.or_else(|| free.iter().find(|at| dated(at)));
        let found = found.or_else(|| free.iter().find(|at| named(at)));
        let Some(&at) = found else {
            return Err(self.unrecognised("no column holds dates or timestamps"));
        };
        self.slots[at] = Some(Found::Slot(Slot::Time));
        Ok(())
    }

    /// Whether all columns beside the time are numbers under names of no meaning.
    fn is_wide(&self) -> bool {
        if let Some(format) = self.options.format {
            return format == SourceFormat::Wide;
        }
        let mut rest = (0..self.names.len()).filter(|at| self.slots[*at].is_none()).peekable();
        rest.peek().is_some()
            && rest.all(|at| {
                meaning(&normalise(&self.names[at])).is_none()
                    && Conversion::of(&self.columns[at]).is_some_and(|found| found.is_number())
            })
    }

    /// What a column is by its name and type.
    fn by_name(&self, at: usize) -> Result<Found, IngestError> {
        let name = normalise(&self.names[at]);
        let column = &self.columns[at];
        let conversion = Conversion::of(column);
        let is_text = conversion == Some(Conversion::Text);
        let taken = self.slots.contains(&Some(Found::Slot(Slot::Symbol)));
        match meaning(&name) {
            Some(Meaning::Symbol) if is_text && !taken => return Ok(Found::Slot(Slot::Symbol)),
            Some(Meaning::Standard(standard)) => return Ok(Found::Field(standard.to_owned())),
            Some(Meaning::Split) => return Ok(Found::Slot(Slot::Split)),
            Some(Meaning::Dividend) => return Ok(Found::Slot(Slot::Dividend)),
            _ => {}
        }
        let is_index = name.starts_with("index_level") || name.starts_with("unnamed");
        if is_index || (name == "adj_close" && self.options.adjusted == Adjusted::Drop) {
            return Ok(Found::Slot(Slot::Skip));
        }
        match conversion {
            Some(Conversion::Text) if self.options.is_lenient() => Ok(Found::Text),
            Some(found) if found.is_number() => Ok(Found::Field(name)),
            _ => Err(self.type_error(column, "a number")),
        }
    }

    /// The column of a bundle that a column becomes: f64, or the integer type of an extra column that
    /// lacks no value.
    fn stored(
        &self,
        at: usize,
        name: &str,
        metadata: &ParquetMetaData,
    ) -> Result<Column, IngestError> {
        let mut field = layout::field(name);
        let Some(conversion) = Conversion::of(&self.columns[at]).filter(Conversion::is_number) else {
            return Err(self.type_error(&self.columns[at], "a number"));
        };
        let complete = metadata.row_groups().iter().all(|group| {
            let statistics = group.column(at).statistics();
            self.columns[at].max_def_level() == 0
                || statistics.is_some_and(|found| found.null_count_opt() == Some(0))
        });
        if let Some(physical) = conversion.integer()
            && complete
            && !STANDARD.contains(&name)
        {
            field.physical = physical;
        }
        Ok(field)
    }
}

/// How values of a column become numbers, times or symbols, by its type; `None` for nested columns and
/// types that bundles do not hold.
impl Conversion {
    pub(crate) fn of(column: &ColumnDescriptor) -> Option<Self> {
        if column.max_rep_level() > 0 || column.max_def_level() > 1 {
            return None;
        }
        let stamp = |unit_ns, utc| Some(Self::Stamp { unit_ns, utc });
        match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Timestamp(stamped)), _) => {
                let unit_ns = match stamped.unit {
                    TimeUnit::MILLIS => 1_000_000,
                    TimeUnit::MICROS => 1_000,
                    TimeUnit::NANOS => 1,
                };
                return stamp(unit_ns, stamped.is_adjusted_to_u_t_c);
            }
            (None, ConvertedType::TIMESTAMP_MILLIS) => return stamp(1_000_000, true),
            (None, ConvertedType::TIMESTAMP_MICROS) => return stamp(1_000, true),
            (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => return Some(Self::Date),
            (Some(LogicalType::Time(_)), _) => return None,
            _ => {}
        }
        if let Some(LogicalType::Decimal(decimal)) = column.logical_type_ref() {
            return Some(Self::Decimal { scale: u32::try_from(decimal.scale).ok()? });
        }
        if column.converted_type() == ConvertedType::DECIMAL {
            return Some(Self::Decimal { scale: u32::try_from(column.type_scale()).ok()? });
        }
        match column.physical_type() {
            Type::DOUBLE | Type::FLOAT => Some(Self::Float),
            Type::BOOLEAN => Some(Self::Integer(PhysicalType::U8)),
            Type::INT32 => Some(Self::Integer(match integer(column) {
                Some((8, false)) => PhysicalType::U8,
                Some((_, false)) => PhysicalType::U32,
                _ => PhysicalType::I32,
            })),
            Type::INT64 => match integer(column) {
                Some((_, false)) => Some(Self::Unsigned64),
                _ => Some(Self::Integer(PhysicalType::I64)),
            },
            Type::INT96 => Some(Self::Int96),
            Type::BYTE_ARRAY => Some(Self::Text),
            Type::FIXED_LEN_BYTE_ARRAY => None,
        }
    }
}

/// Bits and sign of an integer column.
fn integer(column: &ColumnDescriptor) -> Option<(i8, bool)> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Integer(found)), _) => Some((found.bit_width, found.is_signed)),
        (None, ConvertedType::UINT_8) => Some((8, false)),
        (None, ConvertedType::UINT_16) => Some((16, false)),
        (None, ConvertedType::UINT_32) => Some((32, false)),
        (None, ConvertedType::UINT_64) => Some((64, false)),
        _ => None,
    }
}
