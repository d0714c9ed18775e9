//! Reading one group of rows into chunks of bounded size.

use barrow_format::{AdjustmentKind, Column, LogicalType, PhysicalType};

use super::super::columns::{BadRow, Cells, Chunk, RowAction, Run};
use super::super::error::IngestError;
use super::super::layout::Slot;
use super::super::options::IngestOptions;
use super::super::problem::Problem;
use super::super::source::Source;
use super::super::time::{Granularity, Zone};
use super::plan::Plan;
use super::table::{damaged, open};
use super::values::{Conversion, Times, Values, number, session};

/// Rows of a chunk.
const ROWS: usize = 1 << 16;

/// Where a group stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupPlace {
    pub(crate) group: usize,
    pub(crate) job: u32,
}

/// Reads a group chunk by chunk and hands each on, with its rows that cannot be read: row and
/// what is wrong, ascending. `fields` are the columns of the bundle.
///
/// # Errors
///
/// [`IngestError::Damaged`], and whatever `take` returns.
pub(crate) fn read_group(
    source: &Source,
    plan: &Plan,
    place: GroupPlace,
    symbol: Option<&str>,
    fields: &[Column],
    options: &IngestOptions,
    take: &mut dyn FnMut(Chunk, Vec<(usize, BadRow)>) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let mut table = open(source)?;
    let group = table.group(place.group, &plan.conversions);
    let mut group = group.map_err(|error| damaged(source, error))?;
    let mut left = usize::try_from(plan.groups[place.group]).unwrap_or(usize::MAX);
    let (mut line, mut times) = (1u64, None);
    let mut zone = plan.zone.clone();
    while left > 0 {
        let rows = left.min(ROWS);
        let values = group.next(rows).map_err(|error| damaged(source, error))?;
        let mut batch =
            Batch { plan, values, rows, line, bad: Vec::new(), chunk: Chunk::default() };
        batch.chunk.job = place.job;
        batch.read_times(source, options, &mut times, &mut zone)?;
        batch.read_symbols(symbol);
        batch.read_numbers(fields);
        batch.read_actions();
        let (chunk, bad) = batch.finish();
        take(chunk, bad)?;
        left -= rows;
        line += rows as u64;
    }
    Ok(())
}

/// Some rows on their way into a chunk.
struct Batch<'p> {
    plan: &'p Plan,
    values: Vec<Option<Values>>,
    rows: usize,
    /// Number of the first row in its group, from 1.
    line: u64,
    bad: Vec<(usize, BadRow)>,
    chunk: Chunk,
}

impl Batch<'_> {
    fn blame(&mut self, row: usize, column: usize, value: String, problem: Problem) {
        let column = self.plan.names[column].clone();
        let line = self.line + row as u64;
        self.bad.push((row, BadRow { line, column, value, problem, raw: String::new() }));
    }

    fn slot(&self, slot: Slot) -> Option<usize> {
        self.plan.slots.iter().position(|found| *found == slot)
    }

    fn read_times(
        &mut self,
        source: &Source,
        options: &IngestOptions,
        times: &mut Option<Times>,
        zone: &mut Zone,
    ) -> Result<(), IngestError> {
        self.chunk.lines.push(0, self.line);
        let Some(column) = self.slot(Slot::Time) else {
            return Ok(());
        };
        let Some(values) = self.values[column].take() else {
            return Ok(());
        };
        let times = if let Some(times) = times {
            times
        } else {
            let found = Times::of(self.plan.conversions[column], &values, options);
            let unrecognised =
                |reason| IngestError::Unrecognised { file: source.name.clone(), reason };
            times.insert(found.map_err(unrecognised)?)
        };
        self.chunk.times.reserve(self.rows);
        for row in 0..self.rows {
            let time = match times.civil(&values, row) {
                None => Err((String::new(), Problem::Missing)),
                Some(Err(text)) => Err((text, Problem::NotATime { layout: "a time".to_owned() })),
                Some(Ok(civil)) => match self.plan.granularity {
                    Granularity::Daily => {
                        let shown = || civil.as_if_utc().map_or(String::new(), shown);
                        session(civil, zone).ok_or_else(|| (shown(), Problem::TimeOfDay))
                    }
                    Granularity::Intraday => {
                        let shown = || civil.as_if_utc().map_or(String::new(), shown);
                        zone.instant(civil).map_err(|problem| (shown(), problem))
                    }
                },
            };
            let time = time.unwrap_or_else(|(value, problem)| {
                self.blame(row, column, value, problem);
                0
            });
            self.chunk.times.push(time);
        }
        Ok(())
    }

    fn read_symbols(&mut self, symbol: Option<&str>) {
        let column = self.slot(Slot::Symbol);
        let texts = column.and_then(|column| self.values[column].take());
        let (Some(column), Some(Values::Texts(texts))) = (column, texts) else {
            self.chunk.symbols.push(symbol.unwrap_or_default().to_owned());
            self.chunk.runs.push(Run { symbol: 0, start: 0 });
            return;
        };
        for (row, text) in texts.iter().enumerate() {
            let text = text.as_ref().map_or(&b""[..], |text| text.data());
            let last = self.chunk.runs.last().map(|run| run.symbol);
            let last =
                last.and_then(|symbol| self.chunk.symbols.get(usize::try_from(symbol).ok()?));
            if last.is_some_and(|last| last.as_bytes() == text) {
                continue;
            }
            let lossy = String::from_utf8_lossy(text);
            if std::str::from_utf8(text).is_err() {
                self.blame(row, column, lossy.into_owned(), Problem::NotUtf8);
            } else if !(1..=255).contains(&text.len()) {
                self.blame(row, column, lossy.into_owned(), Problem::Symbol);
            }
            let count = u32::try_from(self.chunk.symbols.len()).unwrap_or(u32::MAX);
            let symbol = String::from_utf8_lossy(text);
            let place = *self.chunk.places.entry_ref(symbol.as_ref()).or_insert(count);
            if place == count {
                self.chunk.symbols.push(symbol.into_owned());
            }
            self.chunk.runs.push(Run { symbol: place, start: row });
        }
    }

    /// Reads numbers into one column a field, or one an asset for a wide file.
    fn read_numbers(&mut self, fields: &[Column]) {
        let count = self.plan.wide.as_ref().map_or(self.plan.fields.len(), Vec::len);
        for place in 0..count {
            let Some(column) = self.slot(Slot::Number(place)) else {
                continue;
            };
            let Some(values) = self.values[column].take() else {
                continue;
            };
            let conversion = self.plan.conversions[column];
            let field = if self.plan.wide.is_some() { fields.first() } else { fields.get(place) };
            let cells = match (field.map(|field| field.physical), values) {
                (Some(PhysicalType::F64) | None, values) => {
                    let scale = match field.map(|field| field.logical) {
                        Some(LogicalType::Price) => self.plan.price_scale,
                        _ => 1.0,
                    };
                    self.floats(column, conversion, values, scale)
                }
                (Some(_), Values::Integers(values)) => self.integers(column, values),
                (Some(_), values) => self.floats(column, conversion, values, 1.0),
            };
            self.chunk.cells.push(cells);
        }
    }

    fn floats(
        &mut self,
        column: usize,
        conversion: Conversion,
        values: Values,
        scale: f64,
    ) -> Cells {
        let mut floats = match values {
            Values::Floats(floats) => floats,
            values => {
                let mut floats = Vec::with_capacity(self.rows);
                for row in 0..self.rows {
                    floats.push(number(&values, conversion, row).unwrap_or_else(|nearest| {
                        self.blame(row, column, nearest.to_string(), Problem::NotExact);
                        nearest
                    }));
                }
                floats
            }
        };
        for (row, value) in floats.iter().enumerate().filter(|(_, value)| value.is_infinite()) {
            self.blame(row, column, value.to_string(), Problem::NotFinite);
        }
        if scale != 1.0 {
            for value in &mut floats {
                *value /= scale;
            }
        }
        Cells::F64(floats)
    }

    fn integers(&mut self, column: usize, values: Vec<Option<i64>>) -> Cells {
        let mut integers = Vec::with_capacity(values.len());
        for (row, value) in values.into_iter().enumerate() {
            if value.is_none() {
                self.blame(row, column, String::new(), Problem::Missing);
            }
            integers.push(value.unwrap_or(0));
        }
        Cells::I64(integers)
    }

    fn read_actions(&mut self) {
        let kinds =
            [(Slot::Split, AdjustmentKind::Split), (Slot::Dividend, AdjustmentKind::CashDividend)];
        for (slot, kind) in kinds {
            let column = self.slot(slot);
            let Some((column, values)) = column.and_then(|at| Some((at, self.values[at].take()?)))
            else {
                continue;
            };
            for row in 0..self.rows {
                let value = number(&values, self.plan.conversions[column], row)
                    .unwrap_or_else(|value| value);
                let none = value == 0.0
                    || value.is_nan()
                    || (kind == AdjustmentKind::Split && value == 1.0);
                if value < 0.0 || value.is_infinite() {
                    self.blame(row, column, value.to_string(), Problem::Action);
                } else if !none {
                    self.chunk.actions.push(RowAction { row, kind, value });
                }
            }
        }
        self.chunk.actions.sort_by_key(|action| action.row);
    }

    fn finish(mut self) -> (Chunk, Vec<(usize, BadRow)>) {
        self.bad.sort_by_key(|(row, _)| *row);
        self.bad.dedup_by_key(|(row, _)| *row);
        (self.chunk, self.bad)
    }
}

/// An instant for people.
fn shown(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(ns.into())
        .map_or_else(|_| ns.to_string(), |time| time.to_string())
}
