//! Corporate actions: those that stand in the rows of bars, and those in files of their own.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use barrow_format::{Adjustment, AdjustmentKind};
use flate2::read::MultiGzDecoder;

use super::columns::Chunk;
use super::error::IngestError;
use super::number::{self, Number};
use super::options::IngestOptions;
use super::problem::Problem;
use super::recognise::{columns_like, detect_times, normalise};
use super::source::io_error;
use super::time::{DAY_NS, TimeFormat};

/// An action and where it was found.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) symbol: String,
    pub(crate) time: i64,
    pub(crate) kind: AdjustmentKind,
    pub(crate) value: f64,
    /// Job, member and line; none for an action of a file of actions.
    pub(crate) place: Option<(u32, u32, u64)>,
    /// File and line, for messages.
    file: String,
    line: u64,
}

/// The actions that stand in rows.
pub(crate) fn of_chunk(chunk: &Chunk) -> impl Iterator<Item = Action> + '_ {
    chunk.actions.iter().map(|action| {
        let line = chunk.lines.line(action.row);
        Action {
            symbol: chunk.symbol_of(action.row).to_owned(),
            time: chunk.times[action.row],
            kind: action.kind,
            value: action.value,
            place: Some((chunk.job, chunk.member, line)),
            file: String::new(),
            line,
        }
    })
}

/// The actions of the files that options name.
///
/// # Errors
///
/// [`IngestError::Row`] for a row that cannot be read, whatever the mode: an action that is left out
/// changes what adjusted prices are.
pub(crate) fn of_files(options: &IngestOptions) -> Result<Vec<Action>, IngestError> {
    let mut actions = Vec::new();
    let files = [
        (&options.splits, AdjustmentKind::Split),
        (&options.dividends, AdjustmentKind::CashDividend),
    ];
    for (path, kind) in files {
        if let Some(path) = path {
            read_file(path, kind, &mut actions)?;
        }
    }
    Ok(actions)
}

/// The columns of a file of actions: symbol, ex-date, value.
fn columns(file: &str, names: &[String], kind: AdjustmentKind) -> Result<[usize; 3], IngestError> {
    let values: &[&str] = match kind {
        AdjustmentKind::CashDividend => &["amount", "dividend", "dividends", "cash", "value"],
        _ => &["new_shares_per_old", "ratio", "split", "splits", "split_ratio", "value"],
    };
    let wanted: [&[&str]; 3] =
        [&["symbol", "ticker", "asset"], &["ex_date", "date", "time", "ex_dividend_date"], values];
    let place = |wanted: &[&str]| {
        wanted.iter().find_map(|name| columns_like(names, name)).ok_or_else(|| {
            IngestError::NoColumn {
                file: file.to_owned(),
                column: wanted[0].to_owned(),
                found: names.to_vec(),
            }
        })
    };
    Ok([place(wanted[0])?, place(wanted[1])?, place(wanted[2])?])
}

fn read_file(
    path: &Path,
    kind: AdjustmentKind,
    actions: &mut Vec<Action>,
) -> Result<(), IngestError> {
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let mut file = File::open(path).map_err(io_error("open", path))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io_error("read", path))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        let damaged = |error| IngestError::Damaged { file: name.clone(), source: Box::new(error) };
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).map_err(damaged)?;
        bytes = text;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text);
    let unread =
        |error: csv::Error| IngestError::Damaged { file: name.clone(), source: Box::new(error) };
    let header = csv.byte_headers().map_err(unread)?.clone();
    let names: Vec<String> =
        header.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
    let [symbol, date, value] = columns(&name, &names, kind)?;
    let records: Vec<csv::ByteRecord> =
        csv.byte_records().collect::<Result<_, _>>().map_err(unread)?;
    let dates: Vec<&[u8]> = records.iter().filter_map(|record| record.get(date)).collect();
    let format = detect_times(&dates, None).unwrap_or(TimeFormat::Iso);
    for record in &records {
        let line = record.position().map_or(0, csv::Position::line);
        let field = |at: usize| record.get(at).unwrap_or_default();
        let fail = |at: usize, problem| IngestError::Row {
            file: name.clone(),
            line,
            column: normalise(&names[at]),
            value: String::from_utf8_lossy(field(at)).into_owned(),
            problem,
        };
        let day = format.read(field(date), None).map(|civil| civil.days);
        let layout = format.to_string();
        let day = day.ok_or_else(|| fail(date, Problem::NotATime { layout }))?;
        let number = match number::field(field(value)) {
            Number::Value(number) if number > 0.0 => number,
            Number::Missing => return Err(fail(value, Problem::Missing)),
            Number::Unparsable => return Err(fail(value, Problem::NotANumber)),
            _ => return Err(fail(value, Problem::Action)),
        };
        let asset =
            std::str::from_utf8(field(symbol)).map_err(|_| fail(symbol, Problem::NotUtf8))?;
        actions.push(Action {
            symbol: asset.to_owned(),
            time: day * DAY_NS,
            kind,
            value: number,
            place: None,
            file: name.clone(),
            line,
        });
    }
    Ok(())
}

/// Actions of the assets of a bundle, and how many were of other assets. Cash dividends that a file lists
/// separately for one ex-date add up; a line that comes twice counts once. `label` tells file and line of an action that stands
/// in a row of bars, by its job, member and line.
///
/// # Errors
///
/// [`IngestError::Row`] in strict mode when two actions of one kind, asset and time disagree; in lenient
/// mode the first is kept.
pub(crate) fn resolve(
    options: &IngestOptions,
    mut actions: Vec<Action>,
    symbols: &[&str],
    label: &dyn Fn((u32, u32, u64)) -> (String, u64),
) -> Result<(Vec<Adjustment>, u64), IngestError> {
    actions.sort_by(|a, b| {
        // Rows of bars come before files of actions, and those in the order of their lines.
        let place = |action: &Action| (action.place.is_none(), action.place, action.line);
        (&a.symbol, a.time, a.kind, place(a)).cmp(&(&b.symbol, b.time, b.kind, place(b)))
    });
    actions.dedup_by(|b, a| {
        (&a.symbol, a.time, a.kind, a.value) == (&b.symbol, b.time, b.kind, b.value)
    });
    let (mut adjustments, mut others): (Vec<Adjustment>, u64) = (Vec::new(), 0);
    let mut from_file = false;
    for action in actions {
        let Ok(asset) = symbols.binary_search(&action.symbol.as_str()) else {
            others += 1;
            continue;
        };
        let asset = u32::try_from(asset).unwrap_or(u32::MAX);
        let Action { time, kind, value, .. } = action;
        let before = adjustments.last_mut();
        match before.filter(|last| (last.asset, last.time, last.kind) == (asset, time, kind)) {
            None => {
                adjustments.push(Adjustment { asset, time, kind, value });
                from_file = action.place.is_none();
            }
            Some(last) if kind == AdjustmentKind::CashDividend && from_file => last.value += value,
            Some(_) if options.is_lenient() => {}
            Some(_) => {
                let (file, line) = match action.place {
                    Some(place) => label(place),
                    None => (action.file, action.line),
                };
                let (column, value) = (kind.to_string(), value.to_string());
                return Err(IngestError::Row {
                    file,
                    line,
                    column,
                    value,
                    problem: Problem::Action,
                });
            }
        }
    }
    Ok((adjustments, others))
}
