//! Trials as bytes, for a crew outside of this process: what is to be run goes out, how it ended comes
//! back. The bytes are those of a study's records.

use crate::search::Ask;
use crate::study::record::{self, Record};
use crate::sweep::Ended;

/// Appends the bytes of an ask.
pub fn put_ask(to: &mut Vec<u8>, ask: &Ask) {
    record::put_ask(to, ask);
}

/// Reads an ask; `None` when the bytes are none.
pub fn read_ask(bytes: &[u8]) -> Option<Ask> {
    match record::read(bytes)? {
        Record::Ask(ask) => Some(ask),
        _ => None,
    }
}

/// Appends the bytes of how a trial ended.
pub fn put_end(to: &mut Vec<u8>, id: u64, end: &Ended) {
    record::put_end(to, id, end);
}

/// Reads how a trial ended, and its id; `None` when the bytes are none.
pub fn read_end(bytes: &[u8]) -> Option<(u64, Ended)> {
    match record::read(bytes)? {
        Record::End(id, end) => Some((id, end)),
        _ => None,
    }
}
