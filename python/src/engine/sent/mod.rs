//! Results as parts that pickle, and made of them again in another process.
//!
//! Parts are a dictionary with the form that they have, so that what another version wrote is told from what is none; trials and
//! parameters are the bytes of a study's records.

mod folds;
mod sweep;

use barrow_engine::search::Ask;
use barrow_engine::{Ended, Params, Trial, wire};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pub(crate) use folds::{found_cross_validation, found_walk_forward};
pub(crate) use sweep::found_sweep;

use crate::error::{Result, raised};

/// The form of the parts; another one for what cannot be read as this.
const FORM: u32 = 1;

/// Makes a whole of parts; `None` of `join` where they do not fit together.
fn whole<'py, P, T>(found: &Bound<'py, PyAny>, join: impl FnOnce(P) -> Option<T>) -> Result<T>
where
    P: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let form: u32 = found.get_item("form").and_then(|form| form.extract()).unwrap_or(0);
    if form != FORM {
        let text = format!(
            "the pickle was written by another version of this library, in form {form}, and this one reads form {FORM}: \
             read it with that version, or find the result again"
        );
        return Err(raised(found.py(), "SettingError", &text, &[]).into());
    }
    let joined = join(found.extract()?);
    Ok(joined.ok_or_else(|| PyValueError::new_err("the parts do not make a result"))?)
}

/// The bytes of parameters under a number.
fn asked(id: u64, params: &Params) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::put_ask(&mut bytes, &Ask::whole(id, params));
    bytes
}

/// The bytes of a trial.
fn ended(trial: &Trial) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::put_end(&mut bytes, trial.index, &Ended::Done(*trial));
    bytes
}

fn framed(all: impl Iterator<Item = Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let mut frames = Vec::new();
    for bytes in all {
        wire::write_frame(&mut frames, &bytes)?;
    }
    Ok(frames)
}

/// Reads what [`asked`] wrote, from all frames.
fn points(frames: &[u8]) -> Option<Vec<(u64, Params)>> {
    read_all(frames, |bytes| wire::read_ask(bytes).map(|ask| (ask.id, ask.params)))
}

/// Reads what [`ended`] wrote, from all frames.
fn read_trials(frames: &[u8]) -> Option<Vec<Trial>> {
    read_all(frames, |bytes| match wire::read_end(bytes)? {
        (_, Ended::Done(trial)) => Some(trial),
        _ => None,
    })
}

/// Reads what is in all frames; `None` where one is not what it is to be.
fn read_all<T>(mut frames: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    let mut all = Vec::new();
    while let Some(bytes) = wire::read_frame(&mut frames).ok()? {
        all.push(read(&bytes)?);
    }
    Some(all)
}
