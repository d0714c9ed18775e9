//! Zip archives: their members, and names for messages.

use std::fs::File;
use std::io::BufReader;

use zip::ZipArchive;
use zip::result::ZipError;

use super::error::IngestError;
use super::source::{Source, io_error};

pub(crate) type Archive = ZipArchive<BufReader<File>>;

/// Opens an archive.
///
/// # Errors
///
/// [`IngestError::Damaged`] when it is cut short or no archive.
pub(crate) fn open(source: &Source) -> Result<Archive, IngestError> {
    let file = File::open(&source.path).map_err(io_error("open", &source.path))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(source, error))
}

/// The members that hold rows, sorted by name: place in the archive, and name.
///
/// # Errors
///
/// [`IngestError::EmptyFile`] when there is none.
pub(crate) fn members(
    source: &Source,
    archive: &mut Archive,
) -> Result<Vec<(usize, String)>, IngestError> {
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|error| damaged(source, error))?;
        let name = member.name().map_err(|error| damaged(source, error))?.into_owned();
        let file = name.rsplit('/').next().unwrap_or_default();
        if member.is_dir()
            || file.is_empty()
            || file.starts_with('.')
            || name.starts_with("__MACOSX")
        {
            continue;
        }
        members.push((index, name));
    }
    members.sort_by(|a, b| a.1.cmp(&b.1));
    if members.is_empty() {
        return Err(IngestError::EmptyFile { file: source.name.clone() });
    }
    Ok(members)
}

pub(crate) fn damaged(source: &Source, error: ZipError) -> IngestError {
    IngestError::Damaged { file: source.name.clone(), source: Box::new(error) }
}

/// The name of a source, or of a member of it, for messages.
pub(crate) fn label(source: &Source, member: Option<&str>) -> String {
    match member {
        Some(member) => format!("{}:{member}", source.name),
        None => source.name.clone(),
    }
}
