//! The recogniser: from the first lines of a text source to its [`Layout`].
//!
//! It looks at content: which byte separates fields, whether the first line names columns, what the
//! names mean, what the values look like, how times are written. Options overrule it one by one.

mod lean;
mod names;
mod roles;
mod sample;
mod times;

use super::error::IngestError;
use super::layout::{Layout, Slot, sort_fields};
use super::options::{FrequencyOption, IngestOptions, SourceFormat};
use super::time::{Civil, Granularity, TimeFormat, Zone};

pub(crate) use lean::{Place, date as date_of_name, kind as lean_kind, symbol as lean_symbol};
pub(crate) use names::{Meaning, meaning, normalise};
pub(crate) use sample::{Sample, columns_like};
pub(crate) use times::detect as detect_times;

use roles::{Role, Roles};

/// What is to be recognised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// Name for messages.
    pub(crate) label: &'a str,
    pub(crate) place: Place<'a>,
    /// The first lines of the text; whole lines unless it is all there is.
    pub(crate) head: &'a [u8],
}

impl Subject<'_> {
    pub(crate) fn unrecognised(&self, reason: impl Into<String>) -> IngestError {
        IngestError::Unrecognised { file: self.label.to_owned(), reason: reason.into() }
    }
}

/// Finds the layout of a text source.
///
/// # Errors
///
/// [`IngestError::EmptyFile`], [`IngestError::NoRows`], [`IngestError::Unrecognised`] with what was
/// looked for, [`IngestError::NoColumn`] for an option that names a column that is not there, and
/// [`IngestError::TextColumn`] in strict mode.
pub(crate) fn recognise(
    subject: &Subject<'_>,
    options: &IngestOptions,
) -> Result<Layout, IngestError> {
    let mut sample = Sample::of(subject, options)?;
    if sample.header.is_none() && options.columns.is_none() {
        roles::name_by_place(subject, &mut sample)?;
    }
    let roles = Roles::assign(subject, &sample, options)?;
    let file_date = lean::date(subject.place);
    let zone = zone(options)?;
    let format = time_format(subject, &sample, &roles, options, file_date)?;
    let granularity = granularity(&sample, &roles, &format, &zone, file_date, options);
    let lean = roles.is_lean(&sample, &format) || options.format == Some(SourceFormat::Lean);
    let us_equity = lean && lean::is_us_equity(subject.place, roles.prices_are_integers(&sample));
    let kind = lean::kind(subject.place);
    let price_scale = options.price_scale.unwrap_or(if us_equity { 10_000.0 } else { 1.0 });
    let zone =
        if us_equity && options.timezone.is_none() { new_york().unwrap_or(zone) } else { zone };
    Ok(layout(sample, &roles, Told { format, granularity, zone, price_scale, lean, kind }))
}

fn new_york() -> Option<Zone> {
    Zone::of_name("America/New_York")
}

/// What was found out beside the columns.
struct Told {
    format: TimeFormat,
    granularity: Granularity,
    zone: Zone,
    price_scale: f64,
    lean: bool,
    kind: Option<String>,
}

/// Puts it together; fields in the order of a bundle.
fn layout(sample: Sample<'_>, roles: &Roles, told: Told) -> Layout {
    let mut fields = roles.fields();
    sort_fields(&mut fields);
    let mut wide = roles.is_wide().then(Vec::new);
    let slots = roles.columns.iter().enumerate().map(|(at, role)| match role {
        Role::Skip | Role::Text => Slot::Skip,
        Role::Time => Slot::Time,
        Role::Clock => Slot::Clock,
        Role::Symbol => Slot::Symbol,
        Role::Split => Slot::Split,
        Role::Dividend => Slot::Dividend,
        Role::Asset => {
            let symbols = wide.get_or_insert_default();
            symbols.push(sample.names[at].clone());
            Slot::Number(symbols.len() - 1)
        }
        Role::Field(name) => {
            let place = fields.iter().position(|field| field.name == *name);
            place.map_or(Slot::Skip, Slot::Number)
        }
    });
    let slots = slots.collect();
    let text_columns = roles.text_columns(&sample);
    Layout {
        delimiter: sample.delimiter,
        header: sample.header,
        names: sample.names,
        slots,
        fields,
        wide,
        format: told.format,
        granularity: told.granularity,
        zone: told.zone,
        price_scale: told.price_scale,
        lean: told.lean,
        kind: told.kind,
        text_columns,
    }
}

/// The zone that options name, else UTC.
pub(crate) fn zone(options: &IngestOptions) -> Result<Zone, IngestError> {
    let Some(name) = &options.timezone else {
        return Ok(Zone::Utc);
    };
    Zone::of_name(name).ok_or_else(|| IngestError::Option {
        option: "--timezone",
        value: name.clone(),
        reason: "the IANA database has no such zone".to_owned(),
    })
}

fn time_format(
    subject: &Subject<'_>,
    sample: &Sample<'_>,
    roles: &Roles,
    options: &IngestOptions,
    file_date: Option<i64>,
) -> Result<TimeFormat, IngestError> {
    if let Some(format) = &options.time_format {
        return Ok(format.clone());
    }
    let time = roles.time();
    let of_day = if sample.header.is_none() { file_date } else { None };
    times::detect(&sample.column(time), of_day).map_err(|reason| {
        subject.unrecognised(format!("column `{}`: {reason}", sample.names[time]))
    })
}

/// Daily when most times of the sample are midnights.
fn granularity(
    sample: &Sample<'_>,
    roles: &Roles,
    format: &TimeFormat,
    zone: &Zone,
    file_date: Option<i64>,
    options: &IngestOptions,
) -> Granularity {
    match options.frequency {
        Some(FrequencyOption::Daily) => return Granularity::Daily,
        Some(FrequencyOption::Step(_)) => return Granularity::Intraday,
        _ => {}
    }
    let dates = sample.column(roles.time());
    let clocks = roles.clock().map(|clock| sample.column(clock));
    let mut civils: Vec<Civil> = Vec::new();
    for (row, date) in dates.iter().enumerate() {
        let Some(mut civil) = format.read(date.trim_ascii(), file_date) else {
            continue;
        };
        if let Some(clocks) = &clocks {
            let of_day = TimeFormat::Iso.read(&[b"2000-01-01 ", clocks[row]].concat(), None);
            civil.nanos = of_day.map_or(1, |of_day| of_day.nanos);
        }
        civils.push(civil);
    }
    if times::are_dates(&civils, zone) { Granularity::Daily } else { Granularity::Intraday }
}

#[cfg(test)]
mod tests;
