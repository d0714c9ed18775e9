//! [`Sample`]: the first lines of a text source, split into fields.

use std::borrow::Cow;

use super::super::csv::{line_at, split};
use super::super::error::IngestError;
use super::super::number::{self, Number};
use super::super::options::IngestOptions;
use super::{Subject, times};

/// Lines that are looked at.
const LINES_MAX: usize = 4000;

/// The first lines of a source.
#[derive(Debug)]
pub(crate) struct Sample<'h> {
    pub(crate) delimiter: u8,
    /// The first line, where it names the columns.
    pub(crate) header: Option<Vec<u8>>,
    /// Names as the source has them; `column 1` and so on where it has none.
    pub(crate) names: Vec<String>,
    /// Fields of the lines that have as many as there are names, line after line.
    cells: Vec<Cow<'h, [u8]>>,
}

impl<'h> Sample<'h> {
    pub(crate) fn of(subject: &Subject<'h>, options: &IngestOptions) -> Result<Self, IngestError> {
        let head = subject.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(subject.head);
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            return Err(subject.unrecognised("it is UTF-16 text, and UTF-8 is expected"));
        }
        if head.iter().take(4096).any(|&byte| byte == 0) {
            return Err(subject.unrecognised("it is neither text nor gzip, zip or Parquet"));
        }
        let lines = lines(head);
        let Some(first) = lines.first() else {
            return Err(IngestError::EmptyFile { file: subject.label.to_owned() });
        };
        let delimiter = match options.delimiter {
            Some(delimiter) => delimiter,
            None => delimiter(&lines).ok_or_else(|| {
                subject.unrecognised(
                    "no comma, semicolon, tab or `|` separates the same number of fields",
                )
            })?,
        };
        let cells = fields_of(first, delimiter);
        let has_header = is_header(&cells);
        let names: Vec<String> = match (&options.columns, has_header) {
            (Some(names), _) => names.clone(),
            (None, true) => {
                cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
            }
            (None, false) => (1..=cells.len()).map(|number| format!("column {number}")).collect(),
        };
        let mut cells = Vec::with_capacity(lines.len() * names.len());
        for line in lines.iter().skip(usize::from(has_header)) {
            let before = cells.len();
            if split(line, delimiter, &mut cells).is_none() || cells.len() != before + names.len() {
                cells.truncate(before);
            }
        }
        if cells.is_empty() {
            if lines.len() == 1 && has_header {
                return Err(IngestError::NoRows { file: subject.label.to_owned() });
            }
            return Err(subject.unrecognised(format!("no line has {} fields", names.len())));
        }
        let header = has_header.then(|| (*first).to_vec());
        Ok(Self { delimiter, header, names, cells })
    }

    pub(crate) fn width(&self) -> usize {
        self.names.len()
    }

    /// The values of a column.
    pub(crate) fn column(&self, at: usize) -> Vec<&[u8]> {
        self.cells.iter().skip(at).step_by(self.width().max(1)).map(AsRef::as_ref).collect()
    }

    /// Whether more values of a column are numbers than are not, nothing counting as neither.
    pub(crate) fn is_numeric(&self, at: usize) -> bool {
        let (mut numbers, mut others) = (0usize, 0usize);
        for value in self.column(at) {
            match number::field(value) {
                Number::Value(_) | Number::NotFinite => numbers += 1,
                Number::Missing => {}
                Number::Unparsable => others += 1,
            }
        }
        numbers >= others && numbers > 0
    }

    /// Whether a column holds nothing.
    pub(crate) fn is_empty(&self, at: usize) -> bool {
        self.column(at).iter().all(|value| number::field(value) == Number::Missing)
    }

    /// Whether most values of a column are times of day.
    pub(crate) fn is_clock(&self, at: usize) -> bool {
        let values = self.column(at);
        let clocks = values.iter().filter(|value| {
            let text = value.trim_ascii();
            let digits = text.iter().all(u8::is_ascii_digit) && (3..=6).contains(&text.len());
            let of_day = super::super::time::TimeFormat::Iso;
            digits || of_day.read(&[b"2000-01-01 ", text].concat(), None).is_some()
        });
        clocks.count() * 2 > values.len()
    }

    /// Whether a column holds times of a known layout.
    pub(crate) fn is_time(&self, at: usize, file_date: Option<i64>) -> bool {
        match times::detect(&self.column(at), file_date) {
            Ok(_) => true,
            Err(reason) => reason.contains("mdy"),
        }
    }

    /// The first value of a column that is not missing, for messages.
    pub(crate) fn example(&self, at: usize) -> String {
        let values = self.column(at);
        let value = values.iter().find(|value| !value.is_empty()).copied().unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    }
}

/// The places of columns that an option names: the exact name, else one that differs in case only,
/// else one that is stored under that name.
pub(crate) fn columns_like(names: &[String], wanted: &str) -> Option<usize> {
    let exact = names.iter().position(|name| name == wanted);
    let caseless = || names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let stored = || names.iter().position(|name| super::normalise(name) == wanted);
    exact.or_else(caseless).or_else(stored)
}

/// The lines that are not blank.
fn lines(head: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut at) = (Vec::new(), 0);
    while at < head.len() && lines.len() < LINES_MAX {
        let (line, next) = line_at(head, at);
        if !line.trim_ascii().is_empty() {
            lines.push(line);
        }
        at = next;
    }
    lines
}

fn fields_of(line: &[u8], delimiter: u8) -> Vec<Cow<'_, [u8]>> {
    let mut fields = Vec::new();
    match split(line, delimiter, &mut fields) {
        Some(()) => fields,
        None => Vec::new(),
    }
}

/// The byte that splits the most lines into the same number of fields, more than one.
fn delimiter(lines: &[&[u8]]) -> Option<u8> {
    let lines = &lines[..lines.len().min(100)];
    let score = |delimiter: u8| {
        let counts: Vec<usize> =
            lines.iter().map(|line| fields_of(line, delimiter).len()).collect();
        let first = counts[0];
        let same = counts.iter().filter(|&&count| count == first && count > 1).count();
        (same * 2 > lines.len()).then_some((same, first))
    };
    let scored = b",;\t|".iter().filter_map(|&byte| score(byte).map(|score| (score, byte)));
    scored.max_by_key(|(score, _)| *score).map(|(_, byte)| byte)
}

/// Whether cells name columns: none of them is a number or a time.
fn is_header(cells: &[Cow<'_, [u8]>]) -> bool {
    cells.iter().all(|cell| {
        let number = matches!(number::field(cell), Number::Value(_));
        !number
            && times::detect(&[cell.as_ref()], None).is_err_and(|reason| !reason.contains("mdy"))
    })
}
