//! [`Parser`]: blocks of lines into a [`Chunk`].

use barrow_format::{AdjustmentKind, LogicalType};

use super::super::columns::{BadRow, Cells, Chunk, RowAction, Run};
use super::super::layout::{Layout, STANDARD, Slot};
use super::super::number::{self, Number};
use super::super::problem::Problem;
use super::super::time::TimeReader;
use super::split::{line_at, split};

/// Longest symbol that a bundle holds, in bytes.
const SYMBOL_MAX: usize = 255;

/// Reads the lines of one file, block by block.
#[derive(Debug)]
pub(crate) struct Parser<'l> {
    layout: &'l Layout,
    times: TimeReader,
    /// Symbol of all rows of a file that has no symbol column.
    symbol: Option<String>,
    lenient: bool,
    /// Per field: whether it may be missing, and whether it is to be divided by the price scale.
    optional: Vec<bool>,
    scaled: Vec<bool>,
    any_scaled: bool,
    has_clock: bool,
    /// The row being read.
    row: Row,
}

/// The values of one line.
#[derive(Debug, Default)]
struct Row {
    time: i64,
    symbol: Vec<u8>,
    numbers: Vec<f64>,
    split: Option<f64>,
    dividend: Option<f64>,
}

impl<'l> Parser<'l> {
    /// A parser for a file whose name tells `symbol` and `base_days`, where the layout needs them.
    pub(crate) fn new(
        layout: &'l Layout,
        symbol: Option<String>,
        base_days: Option<i64>,
        lenient: bool,
    ) -> Self {
        let times = TimeReader::new(
            layout.format.clone(),
            layout.zone.clone(),
            layout.granularity,
            base_days,
        );
        let (numbers, optional, scaled) = if let Some(symbols) = &layout.wide {
            (symbols.len(), vec![true; symbols.len()], vec![true; symbols.len()])
        } else {
            let standard = |name: &str| STANDARD.contains(&name);
            let optional = layout.fields.iter().map(|field| !standard(&field.name)).collect();
            let price = LogicalType::Price;
            let scaled = layout.fields.iter().map(|field| field.logical == price).collect();
            (layout.fields.len(), optional, scaled)
        };
        let row = Row { numbers: vec![f64::NAN; numbers], ..Row::default() };
        let any_scaled = layout.price_scale != 1.0;
        let has_clock = layout.slots.contains(&Slot::Clock);
        Self { layout, times, symbol, lenient, optional, scaled, any_scaled, has_clock, row }
    }

    /// An empty chunk with room for `rows`.
    pub(crate) fn chunk(&self, rows: usize) -> Chunk {
        let mut chunk = Chunk::with_capacity(self.row.numbers.len(), rows);
        if let Some(symbol) = &self.symbol {
            chunk.symbols.push(symbol.clone());
        }
        chunk
    }

    /// Reads the lines of `block`, which ends with a line's end; the first one is line `line`.
    /// Returns the number of lines.
    ///
    /// # Errors
    ///
    /// The first bad row in strict mode; the rows before it are in `chunk`. In lenient mode bad rows
    /// go to the chunk's rejects.
    pub(crate) fn parse(
        &mut self,
        block: &[u8],
        line: u64,
        chunk: &mut Chunk,
    ) -> Result<u64, BadRow> {
        let dirty = !block.is_ascii() && std::str::from_utf8(block).is_err();
        let (mut at, mut number) = (0, line);
        while at < block.len() {
            if !dirty && let Some(next) = self.fast_line(block, at) {
                self.push(chunk, number);
                at = next;
            } else {
                let (text, next) = line_at(block, at);
                match self.careful_line(text) {
                    Ok(false) => {}
                    Ok(true) => self.push(chunk, number),
                    Err((column, value, problem)) => {
                        let raw = String::from_utf8_lossy(text).into_owned();
                        let bad = BadRow { line: number, column, value, problem, raw };
                        if !self.lenient {
                            return Err(bad);
                        }
                        chunk.rejects.push(bad);
                    }
                }
                at = next;
            }
            number += 1;
        }
        Ok(number - line)
    }

    /// Reads the line at `at` and returns the place of the next one, or `None` when there is
    /// anything unusual about it.
    #[inline]
    fn fast_line(&mut self, block: &[u8], mut at: usize) -> Option<usize> {
        let (delimiter, slots) = (self.layout.delimiter, &self.layout.slots);
        let (mut left, mut date) = (slots.len(), at..at);
        (self.row.split, self.row.dividend) = (None, None);
        for slot in slots {
            left -= 1;
            match *slot {
                Slot::Number(field) => {
                    let (value, next) = match number::leading(block, at) {
                        Some(found) => found,
                        None if self.optional[field] && ends(block, at, delimiter) => {
                            (f64::NAN, at)
                        }
                        None => return None,
                    };
                    self.row.numbers[field] = value;
                    at = next;
                }
                Slot::Time => {
                    let end = match self.times.usual_end(block, at, delimiter) {
                        Some(end) => end,
                        None => field_end(block, at, delimiter)?,
                    };
                    date = at..end;
                    if !self.has_clock {
                        self.row.time = self.times.quick(&block[at..end])?;
                    }
                    at = end;
                }
                Slot::Clock => {
                    let end = field_end(block, at, delimiter)?;
                    // The date must have come before.
                    let date = block.get(date.clone()).filter(|date| !date.is_empty())?;
                    self.row.time = self.times.read_two(date, &block[at..end]).ok()?;
                    at = end;
                }
                Slot::Symbol => {
                    let end = field_end(block, at, delimiter)?;
                    self.row.symbol.clear();
                    self.row.symbol.extend_from_slice(block[at..end].trim_ascii());
                    if !(1..=SYMBOL_MAX).contains(&self.row.symbol.len()) {
                        return None;
                    }
                    at = end;
                }
                Slot::Split | Slot::Dividend => {
                    let (value, next) = number::leading(block, at)?;
                    self.action(*slot, value).ok()?;
                    at = next;
                }
                Slot::Skip => at = field_end(block, at, delimiter)?,
            }
            if left > 0 {
                if *block.get(at)? != delimiter {
                    return None;
                }
                at += 1;
            }
        }
        if self.any_scaled {
            self.scale();
        }
        match *block.get(at)? {
            b'\n' => Some(at + 1),
            b'\r' if block.get(at + 1) == Some(&b'\n') => Some(at + 2),
            _ => None,
        }
    }

    /// Reads a line field by field; `false` for a blank one. The error is column, value and problem.
    fn careful_line(&mut self, line: &[u8]) -> Result<bool, (String, String, Problem)> {
        if line.trim_ascii().is_empty() {
            return Ok(false);
        }
        let whole = |problem| (String::new(), shortened(line), problem);
        if std::str::from_utf8(line).is_err() {
            return Err(whole(Problem::NotUtf8));
        }
        let mut fields = Vec::new();
        let split = split(line, self.layout.delimiter, &mut fields);
        split.ok_or_else(|| whole(Problem::OpenQuote))?;
        let (expected, found) = (self.layout.slots.len(), fields.len());
        if found != expected {
            return Err(whole(Problem::FieldCount { expected, found }));
        }
        (self.row.split, self.row.dividend) = (None, None);
        let mut date: &[u8] = b"";
        let clock = self.layout.slots.iter().position(|slot| *slot == Slot::Clock);
        for (at, field) in fields.iter().enumerate() {
            let problem = match self.layout.slots[at] {
                Slot::Skip | Slot::Clock => None,
                Slot::Number(place) => self.number(place, field).err(),
                Slot::Time if clock.is_some() => {
                    date = field;
                    None
                }
                Slot::Time => self.times.read(field).map(|time| self.row.time = time).err(),
                Slot::Symbol => self.symbol_field(field).err(),
                slot @ (Slot::Split | Slot::Dividend) => self.action_field(slot, field).err(),
            };
            if let Some(problem) = problem {
                return Err((self.layout.names[at].clone(), shortened(field), problem));
            }
        }
        if let Some(at) = clock {
            match self.times.read_two(date, &fields[at]) {
                Ok(time) => self.row.time = time,
                Err(problem) => {
                    return Err((self.layout.names[at].clone(), shortened(&fields[at]), problem));
                }
            }
        }
        if self.any_scaled {
            self.scale();
        }
        Ok(true)
    }

    fn number(&mut self, place: usize, field: &[u8]) -> Result<(), Problem> {
        self.row.numbers[place] = match number::field(field) {
            Number::Value(value) => value,
            Number::Missing if self.optional[place] => f64::NAN,
            Number::Missing => return Err(Problem::Missing),
            Number::NotFinite => return Err(Problem::NotFinite),
            Number::Unparsable => return Err(Problem::NotANumber),
        };
        Ok(())
    }

    fn symbol_field(&mut self, field: &[u8]) -> Result<(), Problem> {
        if !(1..=SYMBOL_MAX).contains(&field.len()) {
            return Err(Problem::Symbol);
        }
        self.row.symbol.clear();
        self.row.symbol.extend_from_slice(field);
        Ok(())
    }

    fn action_field(&mut self, slot: Slot, field: &[u8]) -> Result<(), Problem> {
        match number::field(field) {
            Number::Value(value) => self.action(slot, value),
            Number::Missing => Ok(()),
            Number::NotFinite => Err(Problem::NotFinite),
            Number::Unparsable => Err(Problem::NotANumber),
        }
    }

    /// Notes a split or dividend that is one.
    fn action(&mut self, slot: Slot, value: f64) -> Result<(), Problem> {
        let (none, kept) = match slot {
            Slot::Split => (value == 0.0 || value == 1.0, &mut self.row.split),
            _ => (value == 0.0, &mut self.row.dividend),
        };
        if value < 0.0 {
            return Err(Problem::Action);
        }
        *kept = (!none).then_some(value);
        Ok(())
    }

    fn scale(&mut self) {
        for (value, scaled) in self.row.numbers.iter_mut().zip(&self.scaled) {
            if *scaled {
                *value /= self.layout.price_scale;
            }
        }
    }

    /// Appends the row that was read, which stands on line `line`.
    #[inline]
    fn push(&mut self, chunk: &mut Chunk, line: u64) {
        let row = chunk.times.len();
        if self.symbol.is_none() && self.layout.wide.is_none() {
            self.push_symbol(chunk, row);
        } else if row == 0 {
            chunk.runs.push(Run { symbol: 0, start: 0 });
        }
        chunk.lines.push(row, line);
        chunk.times.push(self.row.time);
        for (cells, value) in chunk.cells.iter_mut().zip(&self.row.numbers) {
            if let Cells::F64(cells) = cells {
                cells.push(*value);
            }
        }
        let kinds = [
            (self.row.split, AdjustmentKind::Split),
            (self.row.dividend, AdjustmentKind::CashDividend),
        ];
        for (value, kind) in kinds {
            if let Some(value) = value {
                chunk.actions.push(RowAction { row, kind, value });
            }
        }
    }

    /// Begins a run when the symbol is another than that of the row before.
    #[inline]
    fn push_symbol(&self, chunk: &mut Chunk, row: usize) {
        let symbol = &self.row.symbol;
        let place = |run: &Run| usize::try_from(run.symbol).unwrap_or(usize::MAX);
        let last = chunk.runs.last().and_then(|run| chunk.symbols.get(place(run)));
        if last.is_some_and(|last| last.as_bytes() == symbol) {
            return;
        }
        let known = self.known_symbol(chunk);
        chunk.runs.push(Run { symbol: known, start: row });
    }

    /// The place of the row's symbol among those of the chunk.
    fn known_symbol(&self, chunk: &mut Chunk) -> u32 {
        let symbol = String::from_utf8_lossy(&self.row.symbol);
        let count = u32::try_from(chunk.symbols.len()).unwrap_or(u32::MAX);
        let place = *chunk.places.entry_ref(symbol.as_ref()).or_insert(count);
        if place == count {
            chunk.symbols.push(symbol.into_owned());
        }
        place
    }
}

/// Place of the end of the field at `at`; `None` when it holds a quote or the block ends.
#[inline]
fn field_end(block: &[u8], at: usize, delimiter: u8) -> Option<usize> {
    let rest = block.get(at..)?;
    let len = rest
        .iter()
        .position(|&byte| byte == delimiter || byte == b'\n' || byte == b'\r' || byte == b'"')?;
    if rest[len] == b'"' { None } else { Some(at + len) }
}

/// Whether a field ends at `at`.
#[inline]
fn ends(block: &[u8], at: usize, delimiter: u8) -> bool {
    matches!(block.get(at), Some(&byte) if byte == delimiter || byte == b'\n' || byte == b'\r')
}

/// Text for a message: at most 80 characters of it.
fn shortened(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    if text.chars().count() <= 80 {
        return text.into_owned();
    }
    text.chars().take(77).chain("...".chars()).collect()
}
