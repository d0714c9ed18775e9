//! [`Job`]: the piece of a source that one worker reads at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use barrow_format::Digest;
use flate2::read::MultiGzDecoder;

use super::archive;
use super::blocks::Blocks;
use super::columns::Chunk;
use super::context::{Context, head, whole_lines};
use super::csv::{Parser, line_at};
use super::error::IngestError;
use super::hashing::{Meter, hash_file, hash_file_quietly};
use super::order::{Edge, Order, note_edges};

use super::recognise::{Place, Subject, date_of_name};
use super::settle::{Fault, Origin};
use super::source::{Kind, Source, io_error};
use super::typed::{GroupPlace, read_group};
use super::wide;

/// Text files above this are read in pieces by several workers, and hashed by one of them.
const SPLIT_ABOVE: u64 = 16 << 20;
/// Bytes of such a piece.
const PIECE: u64 = 8 << 20;

/// What part of a source a job reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Piece {
    Whole,
    /// As [`Piece::Whole`], of a source whose digest is known.
    Again,
    /// The lines that begin within these bytes.
    Range {
        start: u64,
        end: u64,
    },
    /// A row group of Parquet, a batch of Arrow.
    Group(usize),
    /// Nothing: the source is hashed.
    Hash,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) source: usize,
    pub(crate) piece: Piece,
}

/// What a job found out beside rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Lines (rows of typed files) that it went over.
    pub(crate) lines: u64,
    /// Members of the archive.
    pub(crate) members: Vec<String>,
    pub(crate) digest: Option<Digest>,
    /// Where assets begin and end in a piece whose neighbours are read by other jobs.
    pub(crate) edges: Vec<Edge>,
}

/// Cuts the sources into jobs, in the order of rows; hashing comes last.
pub(crate) fn jobs(context: &Context<'_>) -> Vec<Job> {
    let (mut jobs, mut hashes) = (Vec::new(), Vec::new());
    for (source, (file, plan)) in context.sources.iter().zip(&context.plans).enumerate() {
        let job = |piece| Job { source, piece };
        match (file.kind, plan) {
            (_, Some(plan)) => {
                jobs.extend((0..plan.groups.len()).map(|group| job(Piece::Group(group))));
                hashes.push(job(Piece::Hash));
            }
            (Kind::Text, _) if file.bytes > SPLIT_ABOVE => {
                let mut start = 0;
                while start < file.bytes {
                    let end = (start + PIECE).min(file.bytes);
                    jobs.push(job(Piece::Range { start, end }));
                    start = end;
                }
                hashes.push(job(Piece::Hash));
            }
            _ => jobs.push(job(Piece::Whole)),
        }
    }
    jobs.extend(hashes);
    jobs
}

/// Hands chunks on.
pub(crate) type Take<'t> = dyn FnMut(Chunk) -> Result<(), Fault> + 't;

/// Runs one job; `scratch` is a buffer to be used again.
///
/// # Errors
///
/// The first bad row, what the source says, or what `take` says.
pub(crate) fn run(
    context: &Context<'_>,
    number: u32,
    job: Job,
    scratch: &mut Vec<u8>,
    take: &mut Take<'_>,
) -> Result<Report, Fault> {
    let source = &context.sources[job.source];
    let is_piece = matches!(job.piece, Piece::Range { .. } | Piece::Group(_));
    let report = Report::default();
    let mut reading = Reading { context, source, number, report, is_piece, take };
    match (job.piece, source.kind) {
        (Piece::Hash, _) => reading.report.digest = Some(hash_file(context, source)?),
        (Piece::Group(group), _) => reading.group(job.source, group)?,
        (Piece::Range { start, end }, _) => reading.range(start, end, scratch)?,
        (Piece::Whole, Kind::Gzip) => reading.gzip()?,
        (Piece::Whole, Kind::Zip) => reading.zip()?,
        (Piece::Whole | Piece::Again, _) => reading.file(job.piece, scratch)?,
    }
    Ok(reading.report)
}

/// One job under way.
struct Reading<'j, 'c, 't> {
    context: &'j Context<'c>,
    source: &'j Source,
    number: u32,
    report: Report,
    is_piece: bool,
    take: &'j mut Take<'t>,
}

/// Which text is being read.
struct Text<'a> {
    member: u32,
    members: usize,
    name: Option<&'a str>,
    /// Whether it begins with the header.
    is_first: bool,
    /// The first lines of the source where `is_first` is not so.
    head: &'a [u8],
}

impl Text<'_> {
    const WHOLE: Text<'static> =
        Text { member: 0, members: 1, name: None, is_first: true, head: b"" };
}

impl Reading<'_, '_, '_> {
    /// A file that is read at once.
    fn file(&mut self, piece: Piece, scratch: &mut Vec<u8>) -> Result<(), Fault> {
        let path = &self.source.path;
        scratch.clear();
        let mut file = File::open(path).map_err(io_error("open", path))?;
        scratch.reserve(usize::try_from(self.source.bytes).unwrap_or(0) + 2);
        file.read_to_end(scratch).map_err(io_error("read", path))?;
        if piece == Piece::Whole {
            self.report.digest = Some(Digest::of(scratch));
        }
        if scratch.last().is_some_and(|&byte| byte != b'\n') {
            scratch.push(b'\n');
        }
        self.text(&Text::WHOLE, &mut Once(Some(scratch)))?;
        self.context.progress.advance(self.source.bytes);
        Ok(())
    }

    fn gzip(&mut self) -> Result<(), Fault> {
        let path = &self.source.path;
        let file = File::open(path).map_err(io_error("open", path))?;
        let meter = Meter::new(file, self.context);
        let blocks = Blocks::new(MultiGzDecoder::new(meter));
        self.text(&Text::WHOLE, &mut Decoded { blocks, source: self.source })?;
        self.report.digest = Some(hash_file_quietly(self.source)?);
        Ok(())
    }

    fn zip(&mut self) -> Result<(), Fault> {
        let source = self.source;
        let mut archive = archive::open(source)?;
        let members = archive::members(source, &mut archive)?;
        for (number, (index, name)) in (0u32..).zip(&members) {
            let member =
                archive.by_index(*index).map_err(|error| archive::damaged(source, error))?;
            let text =
                Text { member: number, members: members.len(), name: Some(name), ..Text::WHOLE };
            self.text(&text, &mut Decoded { blocks: Blocks::new(member), source })?;
        }
        self.report.members = members.into_iter().map(|(_, name)| name).collect();
        self.report.digest = Some(hash_file_quietly(self.source)?);
        self.context.progress.advance(self.source.bytes);
        Ok(())
    }

    /// The lines that begin within a range of a file.
    fn range(&mut self, start: u64, end: u64, scratch: &mut Vec<u8>) -> Result<(), Fault> {
        let path = &self.source.path;
        let io = |error| Fault::from(io_error("read", path)(error));
        let first = if start == 0 {
            Vec::new()
        } else {
            head(File::open(path).map_err(io_error("open", path))?).map_err(io)?
        };
        let mut file = File::open(path).map_err(io_error("open", path))?;
        // The byte before tells whether a line begins with the range.
        let from = start.saturating_sub(1);
        file.seek(SeekFrom::Start(from)).map_err(io)?;
        scratch.clear();
        file.by_ref().take(end - from).read_to_end(scratch).map_err(io)?;
        let begin = if start == 0 {
            0
        } else {
            memchr::memchr(b'\n', scratch).map_or(scratch.len(), |at| at + 1)
        };
        // A line that begins within the range ends behind it, unless none does.
        while begin < scratch.len() && scratch.last() != Some(&b'\n') {
            let before = scratch.len();
            file.by_ref().take(1 << 16).read_to_end(scratch).map_err(io)?;
            if scratch.len() == before {
                scratch.push(b'\n');
            } else if let Some(at) = memchr::memchr(b'\n', &scratch[before..]) {
                scratch.truncate(before + at + 1);
            }
        }
        let text = Text { is_first: start == 0, head: &first, ..Text::WHOLE };
        self.text(&text, &mut Once(scratch.get(begin..)))?;
        self.context.progress.advance(end - start);
        Ok(())
    }

    /// Reads a text block by block.
    fn text(&mut self, text: &Text<'_>, blocks: &mut dyn TextBlocks) -> Result<(), Fault> {
        let label = archive::label(self.source, text.name);
        let place = Place { path: &self.source.parts, member: text.name };
        let (mut open, mut line, mut rows) = (None, 1u64, 0usize);
        let mut order = Order::default();
        while let Some(mut block) = blocks.next()? {
            if self.context.progress.interrupted() {
                return Err(IngestError::Interrupted.into());
            }
            let opened = if let Some(opened) = &open {
                opened
            } else {
                let head = if text.is_first { whole_lines(block) } else { text.head };
                let layout = self.context.layout(&Subject { label: &label, place, head })?;
                if text.is_first {
                    (block, line) = behind_header(block, layout.header.is_some());
                }
                let tells = layout.has_symbols() || layout.wide.is_some();
                let symbol = || self.context.symbol(self.source, place, layout.lean, text.members);
                let symbol = if tells { None } else { Some(symbol()?) };
                open.insert((layout, symbol))
            };
            let (layout, symbol) = opened;
            let lenient = self.context.options.is_lenient();
            let mut parser = Parser::new(layout, symbol.clone(), date_of_name(place), lenient);
            // Rows are counted first, so that columns grow in one step.
            let mut chunk = parser.chunk(memchr::memchr_iter(b'\n', block).count());
            (chunk.job, chunk.member) = (self.number, text.member);
            let parsed = parser.parse(block, line, &mut chunk);
            if let Some(symbols) = &layout.wide {
                chunk = wide::unfold(chunk, symbols);
            }
            let (count, last) = match parsed {
                Ok(count) => (count, None),
                Err(bad) => (0, Some(bad)),
            };
            let origin = Origin::Text { layout, block, line };
            let chunk = self.context.settler.settle(chunk, Vec::new(), last, origin, &mut order)?;
            line += count;
            rows += chunk.rows() + chunk.rejects.len();
            self.hand_on(chunk)?;
        }
        self.report.lines = line - 1;
        match open {
            None if !self.is_piece => Err(IngestError::EmptyFile { file: label }.into()),
            Some(_) if !self.is_piece && rows == 0 => {
                Err(IngestError::NoRows { file: label }.into())
            }
            _ => Ok(()),
        }
    }

    fn group(&mut self, source: usize, group: usize) -> Result<(), Fault> {
        let Some(plan) = &self.context.plans[source] else {
            return Ok(());
        };
        let place = Place { path: &self.source.parts, member: None };
        let tells = plan.has_symbols() || plan.wide.is_some();
        let symbol = || self.context.symbol(self.source, place, false, 1);
        let symbol = if tells { None } else { Some(symbol()?) };
        let place = GroupPlace { group, job: self.number };
        let context = self.context;
        let (mut order, mut fault) = (Order::default(), None);
        let rows = plan.groups[group];
        let source = self.source;
        let read = read_group(
            source,
            plan,
            place,
            symbol.as_deref(),
            &context.fields,
            context.options,
            &mut |chunk, bad| {
                if context.progress.interrupted() {
                    return Err(IngestError::Interrupted);
                }
                let chunk = match &plan.wide {
                    Some(symbols) => wide::unfold(chunk, symbols),
                    None => chunk,
                };
                let settled = context.settler.settle(chunk, bad, None, Origin::Columns, &mut order);
                settled.and_then(|chunk| self.hand_on(chunk)).map_err(|found| {
                    fault = Some(found);
                    IngestError::Interrupted
                })
            },
        );
        // The fault itself is kept aside; the error only ended the reading.
        match (fault, read) {
            (Some(fault), _) => return Err(fault),
            (None, read) => read?,
        }
        self.report.lines = rows;
        let total: u64 = plan.groups.iter().sum();
        let share = u128::from(self.source.bytes) * u128::from(rows) / u128::from(total.max(1));
        self.context.progress.advance(u64::try_from(share).unwrap_or(0));
        Ok(())
    }

    fn hand_on(&mut self, chunk: Chunk) -> Result<(), Fault> {
        // Pieces of one source are compared with each other when all have been read.
        if self.is_piece && !self.context.options.sorts() {
            note_edges(&mut self.report.edges, &chunk);
        }
        (self.take)(chunk)
    }
}

/// Where the blocks of a text come from. Blocks are whole lines and not empty.
trait TextBlocks {
    fn next(&mut self) -> Result<Option<&[u8]>, Fault>;
}

/// A text that is in memory.
struct Once<'a>(Option<&'a [u8]>);

impl TextBlocks for Once<'_> {
    fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        Ok(self.0.take().filter(|block| !block.is_empty()))
    }
}

/// A text that is being decompressed.
struct Decoded<'a, R> {
    blocks: Blocks<R>,
    source: &'a Source,
}

impl<R: Read> TextBlocks for Decoded<'_, R> {
    fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        let source = self.source;
        self.blocks.next().map_err(|error| damaged(source, error))
    }
}

/// A block behind byte order mark and header, and the number of its first line.
fn behind_header(block: &[u8], header: bool) -> (&[u8], u64) {
    let block = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block);
    if !header {
        return (block, 1);
    }
    // The header is the first line that is not blank.
    let (mut at, mut line) = (0, 1);
    loop {
        let (text, next) = line_at(block, at);
        at = next;
        line += 1;
        if !text.trim_ascii().is_empty() || at >= block.len() {
            return (&block[at..], line);
        }
    }
}

fn damaged(source: &Source, error: io::Error) -> Fault {
    IngestError::Damaged { file: source.name.clone(), source: Box::new(error) }.into()
}
