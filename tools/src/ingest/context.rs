//! [`Context`]: what all jobs of a run share, found out before any row is read.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use barrow_format::{Column, PhysicalType};
use flate2::read::MultiGzDecoder;
use rayon::prelude::*;

use super::archive;
use super::check::Checks;
use super::csv::{Parser, line_at};
use super::error::IngestError;
use super::layout::{Layout, Slot, field_names};
use super::options::{IngestOptions, SourceFormat};
use super::pattern;
use super::progress::Progress;
use super::recognise::{Place, Subject, date_of_name, lean_kind, lean_symbol, recognise};
use super::settle::Settler;
use super::source::{Kind, Source, hive_symbol, io_error, stem};
use super::time::Granularity;
use super::typed;

/// Bytes of a source that the recogniser sees.
pub(crate) const HEAD: usize = 1 << 18;

/// What all jobs share.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a IngestOptions,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) sources: Vec<Source>,
    /// Columns of the bundle behind `time`.
    pub(crate) fields: Vec<Column>,
    pub(crate) granularity: Granularity,
    pub(crate) time_zone: String,
    pub(crate) settler: Settler<'a>,
    /// Layout of the first text source, which most others share.
    template: Option<Arc<Layout>>,
    /// By source, for Parquet and Arrow.
    pub(crate) plans: Vec<Option<typed::Plan>>,
    /// What was recognised, for people.
    pub(crate) described: String,
    pub(crate) text_columns: Vec<String>,
}

impl<'a> Context<'a> {
    /// Recognises the first text source and every footer of Parquet and Arrow.
    pub(crate) fn new(
        sources: Vec<Source>,
        options: &'a IngestOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, IngestError> {
        let planned: Vec<Result<Option<typed::Plan>, IngestError>> =
            sources.par_iter().map(|source| plan_of_file(source, options, progress)).collect();
        // One by one, so that the first source that fails is the one that is told.
        let mut plans = Vec::with_capacity(sources.len());
        for plan in planned {
            plans.push(plan?);
        }
        let text = sources.iter().zip(&plans).find(|(_, plan)| plan.is_none());
        let template = match text {
            Some((source, _)) => Some(Arc::new(layout_of_file(source, options)?)),
            None => None,
        };
        let mut fields = fields(&sources, &plans, template.as_deref())?;
        if template.is_some() {
            for field in &mut fields {
                field.physical = PhysicalType::F64;
            }
        }
        let plan = plans.iter().flatten().next();
        let of_plan =
            plan.map(|plan| (plan.granularity, plan.zone.name().to_owned(), plan.describe()));
        let of_text = template
            .as_ref()
            .map(|layout| (layout.granularity, layout.zone.name().to_owned(), layout.describe()));
        // There is at least one source, and it has a plan or a layout.
        let found = of_text.or(of_plan).ok_or_else(|| IngestError::NoFiles { path: "".into() })?;
        let (granularity, time_zone, described) = found;
        let mut text_columns: Vec<String> =
            template.iter().flat_map(|layout| layout.text_columns.clone()).collect();
        text_columns.extend(plans.iter().flatten().flat_map(|plan| plan.text_columns.clone()));
        text_columns.sort();
        text_columns.dedup();
        let settler = Settler {
            options,
            checks: Checks::new(&fields, options.nonpositive_prices),
            names: field_names(&fields),
            rejected: AtomicU64::new(0),
        };
        let this = Self {
            options,
            progress,
            sources,
            fields,
            granularity,
            time_zone,
            settler,
            template,
            plans,
            described,
            text_columns,
        };
        this.check_granularities()?;
        Ok(this)
    }

    /// Returns the type of a column, of which the first is `time`.
    pub(crate) fn physical(&self, column: usize) -> PhysicalType {
        column.checked_sub(1).map_or(PhysicalType::I64, |field| self.fields[field].physical)
    }

    /// Whether every source is a text of one asset without actions, as far as the first one tells.
    pub(crate) fn has_an_asset_a_file(&self) -> bool {
        self.template.as_ref().is_some_and(|layout| is_an_asset_a_file(layout))
    }

    /// Whether files of different granularity are an error.
    pub(crate) fn one_granularity(&self) -> bool {
        self.options.frequency.is_none()
    }

    fn check_granularities(&self) -> Result<(), IngestError> {
        for (source, plan) in self.sources.iter().zip(&self.plans) {
            if let Some(plan) = plan {
                self.check_granularity(&source.name, plan.granularity)?;
            }
        }
        Ok(())
    }

    fn check_granularity(&self, file: &str, found: Granularity) -> Result<(), IngestError> {
        if found == self.granularity || !self.one_granularity() {
            return Ok(());
        }
        let name = |granularity| match granularity {
            Granularity::Daily => "daily",
            Granularity::Intraday => "intraday",
        };
        Err(IngestError::MixedGranularity {
            file: file.to_owned(),
            found: name(found).to_owned(),
            first: self.sources[0].name.clone(),
            expected: name(self.granularity).to_owned(),
        })
    }

    /// The layout of a text source by its first lines: the shared one where it fits.
    pub(crate) fn layout(&self, subject: &Subject<'_>) -> Result<Arc<Layout>, IngestError> {
        if let Some(template) = &self.template
            && fits(template, subject)
        {
            return Ok(Arc::clone(template));
        }
        let layout = recognise(subject, self.options)?;
        if field_names(&layout.fields) != self.settler.names {
            return Err(IngestError::MixedColumns {
                file: subject.label.to_owned(),
                columns: field_names(&layout.fields),
                first: self.sources[0].name.clone(),
                first_columns: self.settler.names.clone(),
            });
        }
        self.check_granularity(subject.label, layout.granularity)?;
        Ok(Arc::new(layout))
    }

    /// The symbol that names tell, for a source whose rows do not.
    pub(crate) fn symbol(
        &self,
        source: &Source,
        place: Place<'_>,
        lean: bool,
        members: usize,
    ) -> Result<String, IngestError> {
        let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        let file = source.parts.last().cloned().unwrap_or_default();
        let own = match place.member {
            Some(member) if members > 1 => last(member),
            _ => file,
        };
        let name = stem(&own);
        let symbol = if let Some(symbol) = &self.options.symbol {
            symbol.clone()
        } else if let Some(pattern) = &self.options.symbol_from_file {
            let captured =
                pattern::capture(pattern, name).or_else(|| pattern::capture(pattern, &own));
            captured.filter(|symbol| !symbol.is_empty()).map(str::to_owned).ok_or_else(|| {
                IngestError::Option {
                    option: "--symbol-from-file",
                    value: pattern.clone(),
                    reason: format!("it does not match `{name}`"),
                }
            })?
        } else if let Some(symbol) = hive_symbol(&source.parts) {
            symbol
        } else if lean {
            lean_symbol(place).unwrap_or_else(|| name.to_owned())
        } else {
            name.to_owned()
        };
        if (1..=255).contains(&symbol.len()) {
            return Ok(symbol);
        }
        let reason =
            format!("its name gives the symbol `{symbol}`, and symbols have 1 to 255 bytes");
        Err(IngestError::Unrecognised { file: source.name.clone(), reason })
    }
}

/// Looks at the footer of a Parquet or Arrow file; `None` for other files.
fn plan_of_file(
    source: &Source,
    options: &IngestOptions,
    progress: &dyn Progress,
) -> Result<Option<typed::Plan>, IngestError> {
    if progress.interrupted() {
        return Err(IngestError::Interrupted);
    }
    let wanted = match options.format {
        Some(SourceFormat::Parquet) => Some((Kind::Parquet, "Parquet")),
        Some(SourceFormat::Arrow) => Some((Kind::Arrow, "Arrow")),
        _ => None,
    };
    if let Some((kind, name)) = wanted
        && source.kind != kind
    {
        let reason = format!("it does not begin as {name} does");
        return Err(IngestError::Unrecognised { file: source.name.clone(), reason });
    }
    match source.kind {
        Kind::Parquet | Kind::Arrow => typed::plan(source, options).map(Some),
        Kind::Text | Kind::Gzip | Kind::Zip => Ok(None),
    }
}

/// Whether all rows of a source are of one asset, and nothing in them but times and numbers.
pub(crate) fn is_an_asset_a_file(layout: &Layout) -> bool {
    let simple = |slot: &Slot| !matches!(slot, Slot::Symbol | Slot::Split | Slot::Dividend);
    layout.wide.is_none() && layout.slots.iter().all(simple)
}

/// Whether a source has the layout of another: the same header, and a first row that reads.
fn fits(template: &Layout, subject: &Subject<'_>) -> bool {
    let head = subject.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(subject.head);
    let (first, mut at) = line_at(head, 0);
    match &template.header {
        Some(header) if header.as_slice() == first => {}
        Some(_) => return false,
        None => at = 0,
    }
    if template.lean && lean_kind(subject.place) != template.kind {
        return false;
    }
    let days = date_of_name(subject.place);
    let symbol = Some(String::new()).filter(|_| !template.has_symbols());
    let mut parser = Parser::new(template, symbol, days, false);
    while at < head.len() {
        let (line, next) = line_at(head, at);
        if !line.trim_ascii().is_empty() {
            let mut chunk = parser.chunk(1);
            let row = [line, b"\n"].concat();
            let read = parser.parse(&row, 1, &mut chunk).is_ok() && !chunk.times.is_empty();
            // A date alone reads as an instant too: whether bars are daily takes another look.
            let midnight = chunk.times.first().is_some_and(|time| time % super::time::DAY_NS == 0);
            return read && (template.granularity == Granularity::Daily || !midnight);
        }
        at = next;
    }
    false
}

/// The fields of the bundle: the same names in every source.
fn fields(
    sources: &[Source],
    plans: &[Option<typed::Plan>],
    template: Option<&Layout>,
) -> Result<Vec<Column>, IngestError> {
    let mut common: Option<(String, Vec<Column>)> = None;
    let mut template = template;
    for (source, plan) in sources.iter().zip(plans) {
        let fields = match (plan, template.take()) {
            (Some(plan), kept) => {
                template = kept;
                &plan.fields
            }
            (None, Some(layout)) => &layout.fields,
            // Other text sources are compared when they are read.
            (None, None) => continue,
        };
        match &mut common {
            None => common = Some((source.name.clone(), fields.clone())),
            Some((first, known)) => {
                if field_names(known) != field_names(fields) {
                    return Err(IngestError::MixedColumns {
                        file: source.name.clone(),
                        columns: field_names(fields),
                        first: first.clone(),
                        first_columns: field_names(known),
                    });
                }
                for (known, field) in known.iter_mut().zip(fields) {
                    if known.physical != field.physical {
                        known.physical = PhysicalType::F64;
                    }
                }
            }
        }
    }
    Ok(common.map(|(_, fields)| fields).unwrap_or_default())
}

/// Recognises a text source by reading its beginning.
fn layout_of_file(source: &Source, options: &IngestOptions) -> Result<Layout, IngestError> {
    let io = io_error("read", &source.path);
    let damaged = |error: io::Error| IngestError::Damaged {
        file: source.name.clone(),
        source: Box::new(error),
    };
    let file = File::open(&source.path).map_err(io_error("open", &source.path))?;
    let (head, member) = match source.kind {
        Kind::Gzip => (head(MultiGzDecoder::new(file)).map_err(damaged)?, None),
        Kind::Zip => {
            let mut archive = archive::open(source)?;
            let members = archive::members(source, &mut archive)?;
            let (index, name) = &members[0];
            let member =
                archive.by_index(*index).map_err(|error| archive::damaged(source, error))?;
            (head(member).map_err(damaged)?, Some(name.clone()))
        }
        _ => (head(file).map_err(io)?, None),
    };
    let label = archive::label(source, member.as_deref());
    let place = Place { path: &source.parts, member: member.as_deref() };
    recognise(&Subject { label: &label, place, head: &head }, options)
}

/// The whole lines among the first bytes of a stream.
pub(crate) fn head(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    stream.take(HEAD as u64).read_to_end(&mut head)?;
    let len = whole_lines(&head).len();
    head.truncate(len);
    Ok(head)
}

/// The whole lines among the first [`HEAD`] bytes of a block.
pub(crate) fn whole_lines(block: &[u8]) -> &[u8] {
    if block.len() < HEAD {
        return block;
    }
    let cut = &block[..HEAD];
    match memchr::memrchr(b'\n', cut) {
        Some(end) => &cut[..=end],
        None => cut,
    }
}
