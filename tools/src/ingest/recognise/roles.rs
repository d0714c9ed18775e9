//! [`Roles`]: what each column of a text source is.

use barrow_format::Column;

use super::super::error::IngestError;
use super::super::layout::{self, STANDARD};
use super::super::number::{self, Number};
use super::super::options::{Adjusted, IngestOptions, SourceFormat};
use super::super::time::TimeFormat;
use super::names::{Meaning, meaning, normalise};
use super::sample::{Sample, columns_like};
use super::{Subject, lean};

/// What a column is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Skip,
    Time,
    Clock,
    Symbol,
    Split,
    Dividend,
    /// A column of a bundle.
    Field(String),
    /// Values of one asset, in a wide source.
    Asset,
    /// Text, left out in lenient mode.
    Text,
}

/// What all columns are.
#[derive(Debug)]
pub(crate) struct Roles {
    pub(crate) columns: Vec<Role>,
    wide_column: String,
}

/// Columns of LEAN's quotes behind the time.
const QUOTE: [&str; 10] = [
    "bid_open",
    "bid_high",
    "bid_low",
    "bid_close",
    "bid_size",
    "ask_open",
    "ask_high",
    "ask_low",
    "ask_close",
    "ask_size",
];

impl Roles {
    pub(crate) fn assign(
        subject: &Subject<'_>,
        sample: &Sample<'_>,
        options: &IngestOptions,
    ) -> Result<Self, IngestError> {
        let mut roles: Vec<Option<Role>> = vec![None; sample.width()];
        told(subject, sample, options, &mut roles)?;
        let mut this = Self { columns: Vec::new(), wide_column: options.wide_column.clone() };
        let meanings = meanings(sample);
        find_time(subject, sample, &meanings, &mut roles)?;
        if !options.names_bars() && is_wide(sample, &meanings, &roles, options) {
            for (at, role) in roles.iter_mut().enumerate() {
                let asset = || {
                    if sample.is_empty(at) && sample.names[at].is_empty() {
                        Role::Skip
                    } else {
                        Role::Asset
                    }
                };
                role.get_or_insert_with(asset);
            }
        }
        let symbol_is_named =
            roles.contains(&Some(Role::Symbol)) || meanings.contains(&Some(Meaning::Symbol));
        for at in 0..roles.len() {
            if roles[at].is_none() {
                let meaning = meanings[at];
                let role = by_name(subject, sample, at, meaning, &roles, symbol_is_named, options);
                roles[at] = Some(match role {
                    Ok(Role::Symbol) => Role::Symbol,
                    _ if options.names_bars() => Role::Skip,
                    role => role?,
                });
            }
        }
        this.columns = roles.into_iter().map(|role| role.unwrap_or(Role::Skip)).collect();
        if options.format == Some(SourceFormat::Long) && !this.columns.contains(&Role::Symbol) {
            return Err(subject.unrecognised("no column tells the asset"));
        }
        this.check(subject, sample, options)?;
        Ok(this)
    }

    fn check(
        &self,
        subject: &Subject<'_>,
        sample: &Sample<'_>,
        options: &IngestOptions,
    ) -> Result<(), IngestError> {
        let fields = self.fields();
        // What names bars need not have values.
        if fields.is_empty() && !options.names_bars() {
            let found = sample.names.join(", ");
            return Err(subject.unrecognised(format!("none of its columns ({found}) is a price")));
        }
        let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[name, next]| name == next) {
            return Err(subject.unrecognised(format!("two columns are `{name}`")));
        }
        if names.contains(&"time") {
            return Err(subject.unrecognised("two columns tell the time"));
        }
        Ok(())
    }

    /// The columns of the bundle, in the order of the source.
    pub(crate) fn fields(&self) -> Vec<Column> {
        if self.is_wide() {
            return vec![layout::field(&self.wide_column)];
        }
        let names = self.columns.iter().filter_map(|role| match role {
            Role::Field(name) => Some(layout::field(name)),
            _ => None,
        });
        names.collect()
    }

    pub(crate) fn is_wide(&self) -> bool {
        self.columns.contains(&Role::Asset)
    }

    pub(crate) fn time(&self) -> usize {
        self.columns.iter().position(|role| *role == Role::Time).unwrap_or(0)
    }

    pub(crate) fn clock(&self) -> Option<usize> {
        self.columns.iter().position(|role| *role == Role::Clock)
    }

    pub(crate) fn text_columns(&self, sample: &Sample<'_>) -> Vec<String> {
        let columns = self.columns.iter().zip(&sample.names);
        columns.filter(|(role, _)| **role == Role::Text).map(|(_, name)| name.clone()).collect()
    }

    /// Whether columns and times are those of LEAN: no header, six or eleven columns, times as
    /// milliseconds since midnight or `YYYYMMDD HH:MM`.
    pub(crate) fn is_lean(&self, sample: &Sample<'_>, format: &TimeFormat) -> bool {
        let time_len = sample.column(self.time()).first().map_or(0, |time| time.len());
        let by_time = match format {
            TimeFormat::MsOfDay => true,
            TimeFormat::Compact => time_len == "YYYYMMDD HH:MM".len(),
            _ => false,
        };
        by_time && sample.header.is_none() && [6, 11].contains(&sample.width())
    }

    /// Whether every price of the sample is an integer of three digits or more.
    pub(crate) fn prices_are_integers(&self, sample: &Sample<'_>) -> bool {
        let prices = self.columns.iter().enumerate().filter(|(_, role)| {
            matches!(role, Role::Field(name) if !name.ends_with("volume") && !name.ends_with("size"))
        });
        prices.into_iter().all(|(at, _)| {
            sample.column(at).iter().all(|value| match number::field(value) {
                Number::Value(value) => value.fract() == 0.0 && value >= 100.0,
                _ => true,
            })
        })
    }
}

/// The time: the first column that is named so and holds times, else a first column that does.
fn find_time(
    subject: &Subject<'_>,
    sample: &Sample<'_>,
    meanings: &[Option<Meaning>],
    roles: &mut [Option<Role>],
) -> Result<(), IngestError> {
    if roles.contains(&Some(Role::Time)) {
        return Ok(());
    }
    let free = |at: &usize| roles[*at].is_none();
    let file_date = lean::date(subject.place);
    let named: Vec<usize> = (0..sample.width())
        .filter(free)
        .filter(|at| meanings[*at] == Some(Meaning::Time))
        .collect();
    let is_time = |at: &usize| sample.is_time(*at, None);
    let dated = named.iter().copied().find(is_time);
    let first = (0..sample.width().min(1)).find(|at| free(at) && sample.is_time(*at, file_date));
    let Some(time) = dated.or(first).or(named.first().copied()) else {
        return Err(subject.unrecognised("no column holds times of a known layout"));
    };
    roles[time] = Some(Role::Time);
    let clock = named.iter().copied().find(|at| *at != time && sample.is_clock(*at));
    if let Some(clock) = clock {
        roles[clock] = Some(Role::Clock);
    }
    Ok(())
}

/// What options say of columns.
fn told(
    subject: &Subject<'_>,
    sample: &Sample<'_>,
    options: &IngestOptions,
    roles: &mut [Option<Role>],
) -> Result<(), IngestError> {
    let place = |wanted: &str| {
        columns_like(&sample.names, wanted).ok_or_else(|| IngestError::NoColumn {
            file: subject.label.to_owned(),
            column: wanted.to_owned(),
            found: sample.names.clone(),
        })
    };
    for name in &options.drop {
        // A column that only some files have can be dropped from all.
        if let Some(at) = columns_like(&sample.names, name) {
            roles[at] = Some(Role::Skip);
        }
    }
    for (field, column) in &options.map {
        let role = match normalise(field).as_str() {
            "time" => Role::Time,
            "clock" => Role::Clock,
            "symbol" => Role::Symbol,
            "split" => Role::Split,
            "dividend" => Role::Dividend,
            name => Role::Field(name.to_owned()),
        };
        roles[place(column)?] = Some(role);
    }
    if let Some(column) = &options.time_column {
        roles[place(column)?] = Some(Role::Time);
    }
    if let Some(column) = &options.symbol_column {
        roles[place(column)?] = Some(Role::Symbol);
    }
    Ok(())
}

/// Names the columns of a source that has no header, by their number and what they hold.
///
/// # Errors
///
/// When they are in no known order.
pub(crate) fn name_by_place(
    subject: &Subject<'_>,
    sample: &mut Sample<'_>,
) -> Result<(), IngestError> {
    let file_date = lean::date(subject.place);
    let (width, time) = (sample.width(), sample.is_time(0, file_date));
    let clock = width > 1 && !sample.is_numeric(1) && sample.is_clock(1);
    let text = |at: usize| !sample.is_numeric(at) && !sample.is_time(at, None);
    let second_is_time = width > 1 && sample.is_time(1, None);
    let (heads, tail): (&[&str], &[&str]) = match width {
        5 if time => (&["time"], &STANDARD[..4]),
        6 if time && clock => (&["date", "time"], &STANDARD[..4]),
        6 if time => (&["time"], &STANDARD),
        6 if text(0) && second_is_time => (&["symbol", "time"], &STANDARD[..4]),
        7 if time && clock => (&["date", "time"], &STANDARD),
        7 if time && text(1) => (&["time", "symbol"], &STANDARD),
        7 if text(0) && second_is_time => (&["symbol", "time"], &STANDARD),
        11 if time => (&["time"], &QUOTE),
        _ => {
            return Err(subject.unrecognised(format!(
                "it has no header, and its {width} columns are none of: time, open, high, low, close, \
                 volume"
            )));
        }
    };
    sample.names = heads.iter().chain(tail).map(|name| (*name).to_owned()).collect();
    Ok(())
}

/// What the names of columns mean. Single letters are tickers too: they mean open, high, low and
/// close only when all four are there.
fn meanings(sample: &Sample<'_>) -> Vec<Option<Meaning>> {
    let names: Vec<String> = sample.names.iter().map(|name| normalise(name)).collect();
    let letters = ["o", "h", "l", "c"].iter().all(|letter| names.iter().any(|name| name == letter));
    let mean = |(at, name): (usize, &String)| {
        if name.len() == 1 && !letters && at > 0 { None } else { meaning(name) }
    };
    names.iter().enumerate().map(mean).collect()
}

/// Whether columns are assets: beside the time all are numbers, and none has a name that means
/// something else.
fn is_wide(
    sample: &Sample<'_>,
    meanings: &[Option<Meaning>],
    roles: &[Option<Role>],
    options: &IngestOptions,
) -> bool {
    if let Some(format) = options.format {
        return format == SourceFormat::Wide;
    }
    let rest: Vec<usize> = (0..sample.width()).filter(|at| roles[*at].is_none()).collect();
    let taken =
        roles.iter().flatten().any(|role| !matches!(role, Role::Time | Role::Clock | Role::Skip));
    sample.header.is_some()
        && !taken
        && !rest.is_empty()
        && rest.iter().all(|at| meanings[*at].is_none())
        && rest.iter().all(|at| sample.is_numeric(*at) || sample.is_empty(*at))
}

/// What a column with a name is.
fn by_name(
    subject: &Subject<'_>,
    sample: &Sample<'_>,
    at: usize,
    meaning: Option<Meaning>,
    roles: &[Option<Role>],
    symbol_is_named: bool,
    options: &IngestOptions,
) -> Result<Role, IngestError> {
    let name = normalise(&sample.names[at]);
    match meaning {
        Some(Meaning::Symbol) if !roles.contains(&Some(Role::Symbol)) => return Ok(Role::Symbol),
        Some(Meaning::Standard(standard)) => return Ok(Role::Field(standard.to_owned())),
        Some(Meaning::Split) => return Ok(Role::Split),
        Some(Meaning::Dividend) => return Ok(Role::Dividend),
        _ => {}
    }
    // The index that data frames are saved with has no name.
    if name.is_empty() || name.starts_with("unnamed") {
        if at == 0 || sample.is_empty(at) || name.starts_with("unnamed") {
            return Ok(Role::Skip);
        }
        return Err(subject.unrecognised(format!("column {} has no name", at + 1)));
    }
    if name == "adj_close" && options.adjusted == Adjusted::Drop {
        return Ok(Role::Skip);
    }
    if sample.is_numeric(at) || sample.is_empty(at) {
        return Ok(Role::Field(name));
    }
    if name == "name" && !symbol_is_named {
        return Ok(Role::Symbol);
    }
    if options.is_lenient() {
        return Ok(Role::Text);
    }
    let (file, column) = (subject.label.to_owned(), sample.names[at].clone());
    Err(IngestError::TextColumn { file, column, value: sample.example(at) })
}
