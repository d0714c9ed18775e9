//! The bytes of a study's records. All numbers are little-endian.
//!
//! | tag | record | payload |
//! |---|---|---|
//! | 0 | identity | UTF-8 lines `key=value` |
//! | 1 | ask | id, budget, bracket, rung, resumed id or all ones, seed, origin, parameters |
//! | 2 | done | id, which figures are defined, 11 figures, 3 counts, final equity, final cash |
//! | 3 | failed | id, UTF-8 message |
//! | 4 | skipped | id |
//! | 5 | claim | worker, ids |

use crate::metrics::Metrics;
use crate::params::{Params, Value};
use crate::search::{Ask, Origin};
use crate::sweep::{Ended, Trial};

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Identity(String),
    Ask(Ask),
    End(u64, Ended),
    Claim { worker: u64, ids: Vec<u64> },
}

const IDENTITY: u8 = 0;
const ASK: u8 = 1;
const DONE: u8 = 2;
const FAILED: u8 = 3;
const SKIPPED: u8 = 4;
const CLAIM: u8 = 5;

const ORIGINS: [Origin; 5] =
    [Origin::Sequence, Origin::Uniform, Origin::Model, Origin::Parents, Origin::Promotion];

/// Appends the record of an identity.
pub(crate) fn put_identity(to: &mut Vec<u8>, identity: &str) {
    to.push(IDENTITY);
    to.extend_from_slice(identity.as_bytes());
}

/// Appends the record of an ask.
pub(crate) fn put_ask(to: &mut Vec<u8>, ask: &Ask) {
    to.push(ASK);
    put_u64(to, ask.id);
    put_f64(to, ask.budget);
    to.extend_from_slice(&ask.bracket.to_le_bytes());
    to.extend_from_slice(&ask.rung.to_le_bytes());
    put_u64(to, ask.resumes.unwrap_or(u64::MAX));
    put_u64(to, ask.seed);
    let origin = ORIGINS.iter().position(|origin| *origin == ask.origin).unwrap_or(0);
    to.push(u8::try_from(origin).unwrap_or(0));
    for (name, value) in &ask.params {
        put_text(to, name);
        match value {
            Value::Int(whole) => {
                to.push(0);
                to.extend_from_slice(&whole.to_le_bytes());
            }
            Value::Float(number) => {
                to.push(1);
                put_f64(to, *number);
            }
            Value::Bool(flag) => to.extend_from_slice(&[2, u8::from(*flag)]),
            Value::Text(text) => {
                to.push(3);
                put_text(to, text);
            }
        }
    }
}

/// Appends the record of an end; nothing for a trial that was not run.
pub(crate) fn put_end(to: &mut Vec<u8>, id: u64, end: &Ended) {
    match end {
        Ended::Done(trial) => {
            to.push(DONE);
            put_u64(to, id);
            put_trial(to, trial);
        }
        Ended::Failed(message) => {
            to.push(FAILED);
            put_u64(to, id);
            // A message is for people: it may be long, but not the size of a journal.
            let cut = message.floor_char_boundary(MESSAGE_BYTES_MAX);
            to.extend_from_slice(&message.as_bytes()[..cut]);
        }
        Ended::Skipped => {
            to.push(SKIPPED);
            put_u64(to, id);
        }
    }
}

const MESSAGE_BYTES_MAX: usize = 4096;

/// Appends the record of a claim.
pub(crate) fn put_claim(to: &mut Vec<u8>, worker: u64, ids: &[u64]) {
    to.push(CLAIM);
    put_u64(to, worker);
    for id in ids {
        put_u64(to, *id);
    }
}

fn figures(metrics: &Metrics) -> [Option<f64>; 11] {
    [
        metrics.total_return,
        metrics.annual_return,
        metrics.volatility,
        metrics.sharpe,
        metrics.sortino,
        metrics.max_drawdown,
        metrics.calmar,
        metrics.turnover,
        metrics.exposure,
        metrics.win_rate,
        metrics.profit_factor,
    ]
}

fn put_trial(to: &mut Vec<u8>, trial: &Trial) {
    let figures = figures(&trial.metrics);
    let mut defined = 0_u16;
    for (bit, figure) in figures.iter().enumerate() {
        defined |= u16::from(figure.is_some()) << bit;
    }
    to.extend_from_slice(&defined.to_le_bytes());
    for figure in figures {
        put_f64(to, figure.unwrap_or(0.0));
    }
    put_u64(to, trial.metrics.max_drawdown_length);
    put_u64(to, trial.metrics.trades);
    put_u64(to, trial.metrics.fills);
    put_f64(to, trial.final_equity);
    put_f64(to, trial.final_cash);
}

fn put_u64(to: &mut Vec<u8>, value: u64) {
    to.extend_from_slice(&value.to_le_bytes());
}

fn put_f64(to: &mut Vec<u8>, value: f64) {
    put_u64(to, value.to_bits());
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
    to.extend_from_slice(text.as_bytes());
}

/// Reads a record; `None` for bytes that no version of this code wrote.
pub(crate) fn read(bytes: &[u8]) -> Option<Record> {
    let (tag, rest) = bytes.split_first()?;
    let mut from = Reader { rest };
    match *tag {
        IDENTITY => Some(Record::Identity(String::from_utf8(rest.to_vec()).ok()?)),
        ASK => Some(Record::Ask(from.ask()?)),
        DONE => {
            let id = from.u64()?;
            let trial = from.trial(id)?;
            from.rest.is_empty().then_some(Record::End(id, Ended::Done(trial)))
        }
        FAILED => {
            let id = from.u64()?;
            let message = String::from_utf8(from.rest.to_vec()).ok()?;
            Some(Record::End(id, Ended::Failed(message)))
        }
        SKIPPED => Some(Record::End(from.u64()?, Ended::Skipped)),
        CLAIM => {
            let worker = from.u64()?;
            let (ids, rest) = from.rest.as_chunks::<8>();
            let ids = ids.iter().map(|id| u64::from_le_bytes(*id)).collect();
            rest.is_empty().then_some(Record::Claim { worker, ids })
        }
        _ => None,
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn ask(&mut self) -> Option<Ask> {
        let id = self.u64()?;
        let budget = self.f64()?;
        let (bracket, rung) = (self.u32()?, self.u32()?);
        let resumes = Some(self.u64()?).filter(|id| *id != u64::MAX);
        let seed = self.u64()?;
        let origin = *ORIGINS.get(usize::from(self.u8()?))?;
        let mut params = Params::new();
        while !self.rest.is_empty() {
            let name = self.text()?;
            let value = match self.u8()? {
                0 => Value::Int(i64::from_le_bytes(self.array()?)),
                1 => Value::Float(self.f64()?),
                2 => Value::Bool(self.u8()? != 0),
                3 => Value::Text(self.text()?),
                _ => return None,
            };
            params.set(name, value);
        }
        Some(Ask { id, params, budget, bracket, rung, seed, resumes, origin })
    }

    fn trial(&mut self, index: u64) -> Option<Trial> {
        let defined = u16::from_le_bytes(self.array()?);
        let mut figures = [None; 11];
        for (bit, figure) in figures.iter_mut().enumerate() {
            *figure = Some(self.f64()?).filter(|_| defined >> bit & 1 == 1);
        }
        let [total, annual, volatility, sharpe, sortino, drawdown, calmar, turnover, ..] = figures;
        let [.., exposure, win_rate, profit_factor] = figures;
        let metrics = Metrics {
            total_return: total,
            annual_return: annual,
            volatility,
            sharpe,
            sortino,
            max_drawdown: drawdown,
            calmar,
            turnover,
            exposure,
            win_rate,
            profit_factor,
            max_drawdown_length: self.u64()?,
            trades: self.u64()?,
            fills: self.u64()?,
        };
        Some(Trial { index, metrics, final_equity: self.f64()?, final_cash: self.f64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(put: impl FnOnce(&mut Vec<u8>)) -> Record {
        let mut bytes = Vec::new();
        put(&mut bytes);
        for cut in 0..bytes.len() {
            // A shorter one may be another record, but never a panic.
            let _ = read(&bytes[..cut]);
        }
        read(&bytes).unwrap()
    }

    #[test]
    fn every_record_reads_back_as_it_was() {
        let params = Params::new()
            .with("mode", "ema")
            .with("file", "1.5e3")
            .with("n", i64::MAX)
            .with("least", i64::MIN)
            .with("x", -0.0)
            .with("unicode \u{3b1}", "\u{1f4c8}")
            .with("on", true);
        let ask = Ask {
            id: 7,
            params,
            budget: 1.0 / 3.0,
            bracket: 2,
            rung: 1,
            seed: u64::MAX,
            resumes: Some(3),
            origin: Origin::Promotion,
        };
        assert_eq!(round(|to| put_ask(to, &ask)), Record::Ask(ask.clone()));
        let plain = Ask { resumes: None, params: Params::new(), ..ask };
        assert_eq!(round(|to| put_ask(to, &plain)), Record::Ask(plain));
        let metrics = Metrics {
            sharpe: Some(-1.5),
            win_rate: Some(0.25),
            profit_factor: Some(f64::MAX),
            trades: 9,
            ..Metrics::default()
        };
        let trial =
            Trial { index: 7, metrics, final_equity: f64::INFINITY, final_cash: f64::MIN_POSITIVE };
        for end in [Ended::Done(trial), Ended::Failed("panicked: \u{e9}".into()), Ended::Skipped] {
            assert_eq!(round(|to| put_end(to, 7, &end)), Record::End(7, end));
        }
        let claim = Record::Claim { worker: 5, ids: vec![1, 2, 9] };
        assert_eq!(round(|to| put_claim(to, 5, &[1, 2, 9])), claim);
        assert_eq!(round(|to| put_identity(to, "a=b")), Record::Identity("a=b".into()));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[99]), None);
    }
}
