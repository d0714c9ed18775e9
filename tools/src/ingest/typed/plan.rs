//! [`Plan`]: what the columns of a typed file are and how their values are to be read.

use barrow_format::Column;

use super::super::error::IngestError;
use super::super::layout::{self, STANDARD, Slot, sort_fields};
use super::super::options::{Adjusted, FrequencyOption, IngestOptions, SourceFormat};
use super::super::recognise::{Meaning, columns_like, meaning, normalise, zone};
use super::super::source::Source;
use super::super::time::{Granularity, Zone};
use super::table::{Table, TypedColumn, damaged, open};
use super::values::{Conversion, Values, sample_is_dates};

/// Rows that the kind of times is judged by.
const SAMPLE_ROWS: usize = 4096;

/// How a file with typed columns is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Name of the format, for people.
    pub(crate) format: &'static str,
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
    /// Rows of each group.
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
        let format = self.format;
        format!("{format}, {arrangement}; {granularity}; columns {names}")
    }
}

/// Finds out what the columns of a file are.
///
/// # Errors
///
/// [`IngestError::Damaged`] for a file that is cut or of another format, and what the recogniser of
/// text sources says of columns.
pub(crate) fn plan(source: &Source, options: &IngestOptions) -> Result<Plan, IngestError> {
    let mut table = open(source)?;
    let columns = table.columns().map_err(|error| damaged(source, error))?;
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let groups = table.groups().map_err(|error| damaged(source, error))?;
    if groups.iter().all(|&rows| rows == 0) {
        return Err(IngestError::NoRows { file: source.name.clone() });
    }
    let found = vec![None; names.len()];
    let mut slots = Slots { source, options, names: &names, columns: &columns, found };
    slots.told()?;
    slots.find_time()?;
    let wide = !options.names_bars() && slots.is_wide();
    let chosen = slots.choose(wide)?;
    check_fields(source, &chosen.fields, &names, options)?;
    let conversion = |(column, slot): (&TypedColumn, &Slot)| match slot {
        Slot::Skip => Ok(Conversion::None),
        _ => column
            .conversion
            .ok_or_else(|| slots.type_error(column, "a number, date, time or text")),
    };
    let conversions = columns.iter().zip(&chosen.slots).map(conversion);
    let conversions: Vec<Conversion> = conversions.collect::<Result<_, _>>()?;
    let zone = zone(options)?;
    let time = chosen.slots.iter().position(|slot| *slot == Slot::Time).unwrap_or(0);
    let granularity = match options.frequency {
        Some(FrequencyOption::Daily) => Granularity::Daily,
        Some(FrequencyOption::Step(_)) => Granularity::Intraday,
        _ if conversions[time] == Conversion::Date => Granularity::Daily,
        _ => {
            let sample = sample(source, table.as_mut(), &groups, time, &conversions)?;
            let dates = sample_is_dates(&sample, conversions[time], &zone, options);
            let dates = dates.map_err(|reason| IngestError::Unrecognised {
                file: source.name.clone(),
                reason: format!("the time column: {reason}"),
            })?;
            if dates { Granularity::Daily } else { Granularity::Intraday }
        }
    };
    let Chosen { slots, fields, wide, text_columns } = chosen;
    let price_scale = options.price_scale.unwrap_or(1.0);
    Ok(Plan {
        format: table.format(),
        names,
        slots,
        conversions,
        fields,
        wide,
        granularity,
        zone,
        price_scale,
        text_columns,
        groups,
    })
}

/// The first values of the time column.
fn sample(
    source: &Source,
    table: &mut dyn Table,
    groups: &[u64],
    time: usize,
    conversions: &[Conversion],
) -> Result<Values, IngestError> {
    let none = || Values::Integers(Vec::new());
    let Some(group) = groups.iter().position(|&rows| rows > 0) else { return Ok(none()) };
    let rows = usize::try_from(groups[group]).unwrap_or(usize::MAX).min(SAMPLE_ROWS);
    let mut only = vec![Conversion::None; conversions.len()];
    only[time] = conversions[time];
    let values = table.group(group, &only).and_then(|mut group| group.next(rows));
    let mut values = values.map_err(|error| damaged(source, error))?;
    Ok(values[time].take().unwrap_or_else(none))
}

fn check_fields(
    source: &Source,
    fields: &[Column],
    names: &[String],
    options: &IngestOptions,
) -> Result<(), IngestError> {
    // What names bars need not have values.
    let reason = if fields.is_empty() && !options.names_bars() {
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

/// What all columns are.
struct Chosen {
    slots: Vec<Slot>,
    fields: Vec<Column>,
    wide: Option<Vec<String>>,
    text_columns: Vec<String>,
}

/// The search for what columns are.
struct Slots<'a> {
    source: &'a Source,
    options: &'a IngestOptions,
    names: &'a [String],
    columns: &'a [TypedColumn],
    found: Vec<Option<Found>>,
}

impl Slots<'_> {
    fn unrecognised(&self, reason: impl Into<String>) -> IngestError {
        IngestError::Unrecognised { file: self.source.name.clone(), reason: reason.into() }
    }

    fn type_error(&self, column: &TypedColumn, expected: &'static str) -> IngestError {
        let (file, name) = (self.source.name.clone(), column.name.clone());
        IngestError::ColumnType { file, column: name, found: column.kind.clone(), expected }
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
                self.found[at] = Some(Found::Slot(Slot::Skip));
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
            self.found[place(column)?] = Some(found);
        }
        if let Some(column) = &self.options.time_column {
            self.found[place(column)?] = Some(Found::Slot(Slot::Time));
        }
        if let Some(column) = &self.options.symbol_column {
            self.found[place(column)?] = Some(Found::Slot(Slot::Symbol));
        }
        Ok(())
    }

    /// The time: a date or timestamp by name, else the first one, else a column of that name.
    fn find_time(&mut self) -> Result<(), IngestError> {
        if self.found.contains(&Some(Found::Slot(Slot::Time))) {
            return Ok(());
        }
        let free: Vec<usize> =
            (0..self.names.len()).filter(|at| self.found[*at].is_none()).collect();
        let named = |at: &usize| meaning(&normalise(&self.names[*at])) == Some(Meaning::Time);
        let dated = |at: &usize| self.columns[*at].conversion.is_some_and(|found| found.is_time());
        let both = free.iter().find(|at| named(at) && dated(at));
        let found = both.or_else(|| free.iter().find(|at| dated(at)));
        let found = found.or_else(|| free.iter().find(|at| named(at)));
        let Some(&at) = found else {
            return Err(self.unrecognised("no column holds dates or timestamps"));
        };
        self.found[at] = Some(Found::Slot(Slot::Time));
        Ok(())
    }

    /// Decides about every column.
    fn choose(&self, wide: bool) -> Result<Chosen, IngestError> {
        let mut slots = vec![Slot::Skip; self.names.len()];
        let mut fields: Vec<(usize, Column)> = Vec::new();
        let (mut symbols, mut text_columns) = (Vec::new(), Vec::new());
        for (at, slot) in slots.iter_mut().enumerate() {
            let found = match &self.found[at] {
                Some(found) => found.clone(),
                None if self.options.names_bars() => match self.by_name(at) {
                    Ok(Found::Slot(Slot::Symbol)) => Found::Slot(Slot::Symbol),
                    _ => Found::Slot(Slot::Skip),
                },
                None if wide => Found::Field(self.options.wide_column.clone()),
                None => self.by_name(at)?,
            };
            match found {
                Found::Slot(found) => *slot = found,
                Found::Text => text_columns.push(self.names[at].clone()),
                Found::Field(_) if wide => {
                    *slot = Slot::Number(symbols.len());
                    symbols.push(self.names[at].clone());
                }
                Found::Field(name) => fields.push((at, self.stored(at, &name)?)),
            }
        }
        let mut sorted: Vec<Column> = fields.iter().map(|(_, field)| field.clone()).collect();
        if wide {
            sorted = vec![layout::field(&self.options.wide_column)];
        }
        sort_fields(&mut sorted);
        for (at, field) in &fields {
            let place = sorted.iter().position(|sorted| sorted.name == field.name);
            slots[*at] = place.map_or(Slot::Skip, Slot::Number);
        }
        Ok(Chosen { slots, fields: sorted, wide: wide.then_some(symbols), text_columns })
    }

    /// Whether all columns beside the time are numbers under names of no meaning.
    fn is_wide(&self) -> bool {
        if let Some(format) = self.options.format {
            return format == SourceFormat::Wide;
        }
        let mut rest = (0..self.names.len()).filter(|at| self.found[*at].is_none()).peekable();
        rest.peek().is_some()
            && rest.all(|at| {
                meaning(&normalise(&self.names[at])).is_none()
                    && self.columns[at].conversion.is_some_and(|found| found.is_number())
            })
    }

    /// What a column is by its name and type.
    fn by_name(&self, at: usize) -> Result<Found, IngestError> {
        let name = normalise(&self.names[at]);
        let column = &self.columns[at];
        let conversion = column.conversion;
        let is_text = conversion == Some(Conversion::Text);
        let taken = self.found.contains(&Some(Found::Slot(Slot::Symbol)));
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
    fn stored(&self, at: usize, name: &str) -> Result<Column, IngestError> {
        let mut field = layout::field(name);
        let column = &self.columns[at];
        let Some(conversion) = column.conversion.filter(Conversion::is_number) else {
            return Err(self.type_error(column, "a number"));
        };
        if let Some(physical) = conversion.integer()
            && column.complete
            && !STANDARD.contains(&name)
        {
            field.physical = physical;
        }
        Ok(field)
    }
}
