//! Sources: which files there are, what they are by their first bytes, and what their names tell.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::IngestError;
use super::options::IngestOptions;
use super::pattern;

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Text,
    Gzip,
    Zip,
    Parquet,
    Arrow,
}

/// One file to ingest.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Name for messages and provenance: the path from the folder that was named, so that it does
    /// not depend on where that folder lies.
    pub(crate) name: String,
    /// Components of the absolute path.
    pub(crate) parts: Vec<String>,
    pub(crate) bytes: u64,
    pub(crate) kind: Kind,
}

/// The files of the sources, sorted by name, and those in folders that were passed over.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) sources: Vec<Source>,
    pub(crate) skipped: Vec<String>,
}

/// Endings of files that are taken from folders.
const DATA_ENDINGS: [&str; 11] = [
    ".csv", ".txt", ".tsv", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".gz", ".zip",
    ".csv.gz",
];

/// Folders within folders that are followed at most.
const DEPTH_MAX: usize = 64;

/// Finds the files. Files that are named are taken whatever they are called; of folders, files with
/// the ending of a data file. Names that begin with a dot are passed over.
///
/// # Errors
///
/// [`IngestError::Io`] for what cannot be listed, [`IngestError::NotAFile`], [`IngestError::NoFiles`],
/// [`IngestError::NoneChosen`].
pub(crate) fn find(roots: &[PathBuf], options: &IngestOptions) -> Result<Found, IngestError> {
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for root in roots {
        let meta = match fs::metadata(root) {
            Err(_) if root == Path::new("-") => {
                return Err(IngestError::NotAFile { path: root.clone() });
            }
            meta => meta.map_err(io_error("open", root))?,
        };
        if !meta.is_dir() && !meta.is_file() {
            return Err(IngestError::NotAFile { path: root.clone() });
        }
        let absolute = std::path::absolute(root).map_err(io_error("resolve", root))?;
        let name =
            absolute.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        if meta.is_dir() {
            walk(&absolute, &name, DEPTH_MAX, &mut files, &mut skipped)?;
        } else {
            files.push((absolute, name));
        }
    }
    let chosen = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or(name);
        let hit =
            |pattern: &String| pattern::matches(pattern, file) || pattern::matches(pattern, name);
        (options.include.is_empty() || options.include.iter().any(hit))
            && !options.exclude.iter().any(hit)
    };
    let there = files.len();
    files.retain(|(_, name)| chosen(name));
    files.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    files.dedup_by(|a, b| a.0 == b.0);
    skipped.sort();
    if files.is_empty() {
        let path = roots.first().cloned().unwrap_or_default();
        return Err(match there {
            0 => IngestError::NoFiles { path },
            files => IngestError::NoneChosen { path, files },
        });
    }
    let sources: Result<Vec<Source>, IngestError> =
        files.into_par_iter().map(|(path, name)| open(path, name)).collect();
    Ok(Found { sources: sources?, skipped })
}

fn walk(
    folder: &Path,
    name: &str,
    depth: usize,
    files: &mut Vec<(PathBuf, String)>,
    skipped: &mut Vec<String>,
) -> Result<(), IngestError> {
    if depth == 0 {
        let source = std::io::Error::other("folders are nested too deep");
        return Err(IngestError::Io { verb: "list", path: folder.to_owned(), source });
    }
    for entry in fs::read_dir(folder).map_err(io_error("list", folder))? {
        let entry = entry.map_err(io_error("list", folder))?;
        let path = entry.path();
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.starts_with('.') || file == "__MACOSX" {
            continue;
        }
        let name = if name.is_empty() { file.clone() } else { format!("{name}/{file}") };
        let kind = entry.file_type().map_err(io_error("list", &path))?;
        // Links are followed, so that folders may be put together from them.
        let is_dir = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
        if is_dir {
            walk(&path, &name, depth - 1, files, skipped)?;
        } else if has_data_ending(&file) {
            files.push((path, name));
        } else {
            skipped.push(name);
        }
    }
    Ok(())
}

fn has_data_ending(file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    DATA_ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Looks at a file's length and first bytes.
fn open(path: PathBuf, name: String) -> Result<Source, IngestError> {
    let mut file = File::open(&path).map_err(io_error("open", &path))?;
    let bytes = file.metadata().map_err(io_error("examine", &path))?.len();
    let mut magic = Vec::with_capacity(8);
    file.by_ref().take(8).read_to_end(&mut magic).map_err(io_error("read", &path))?;
    let kind = match magic[..] {
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Kind::Zip,
        [b'P', b'A', b'R', b'1', ..] => Kind::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1', 0, 0] => Kind::Arrow,
        _ => Kind::Text,
    };
    let parts =
        path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    Ok(Source { path, name, parts, bytes, kind })
}

/// A file's name without the endings that tell its format: `BRK.B.csv.gz` is `BRK.B`.
pub(crate) fn stem(file: &str) -> &str {
    let mut stem = file;
    for ending in
        [".gz", ".zip", ".csv", ".txt", ".tsv", ".parquet", ".pq", ".arrow", ".feather", ".ipc"]
    {
        let cut = stem.len().saturating_sub(ending.len());
        if cut > 0 && stem.is_char_boundary(cut) && stem[cut..].eq_ignore_ascii_case(ending) {
            stem = &stem[..cut];
        }
    }
    stem
}

/// The symbol that a folder such as `symbol=AAPL` tells.
pub(crate) fn hive_symbol(parts: &[String]) -> Option<String> {
    const KEYS: [&str; 6] = ["symbol", "ticker", "asset", "sym", "instrument", "security"];
    parts.iter().rev().find_map(|part| {
        let (key, value) = part.split_once('=')?;
        KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)).then(|| percent_decoded(value))
    })
}

/// Writers escape what a path cannot hold as `%2F`.
pub(crate) fn percent_decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Makes the error of a failed `verb` on `path`.
pub(crate) fn io_error<'a>(
    verb: &'static str,
    path: &'a Path,
) -> impl Fn(std::io::Error) -> IngestError + 'a {
    move |source| IngestError::Io { verb, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_keep_all_but_known_endings() {
        let cases = [
            ("AAPL.csv", "AAPL"),
            ("BRK.B.csv.gz", "BRK.B"),
            (
                "6EH4.XCME_1min_bars_20240101_20240131.csv.gz",
                "6EH4.XCME_1min_bars_20240101_20240131",
            ),
            ("aapl.zip", "aapl"),
            ("x.CSV", "x"),
            ("noending", "noending"),
            (".csv", ".csv"),
        ];
        for (file, expected) in cases {
            assert_eq!(stem(file), expected);
        }
    }

    #[test]
    fn folders_tell_symbols() {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let of = |path: &str| hive_symbol(&parts(path));
        assert_eq!(of("hive/symbol=AAPL/year=2018/part-0.parquet").as_deref(), Some("AAPL"));
        assert_eq!(of("Ticker=BRK%2FB/part-0.parquet").as_deref(), Some("BRK/B"));
        assert_eq!(of("year=2018/part-0.parquet"), None);
    }

    #[test]
    fn folders_are_walked_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("bars");
        fs::create_dir_all(root.join("b")).unwrap();
        for file in ["b/X.csv", "A.csv", "C.csv.gz", "notes.md", ".hidden.csv"] {
            fs::write(root.join(file), "date,close\n").unwrap();
        }
        let options = IngestOptions::default();
        let found = find(std::slice::from_ref(&root), &options).unwrap();
        let names: Vec<&str> = found.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["bars/A.csv", "bars/C.csv.gz", "bars/b/X.csv"]);
        assert_eq!(found.skipped, ["bars/notes.md"]);
        // Naming a file twice takes it once.
        let twice = [root.join("A.csv"), root.clone(), root.join("A.csv")];
        assert_eq!(find(&twice, &options).unwrap().sources.len(), 3);
        let only = IngestOptions { include: vec!["*.gz".into()], ..IngestOptions::default() };
        assert_eq!(find(std::slice::from_ref(&root), &only).unwrap().sources.len(), 1);
        let none = IngestOptions { exclude: vec!["*".into()], ..IngestOptions::default() };
        let found = find(std::slice::from_ref(&root), &none);
        assert!(matches!(found, Err(IngestError::NoneChosen { files: 3, .. })));
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert!(matches!(find(&[empty], &options), Err(IngestError::NoFiles { .. })));
        for stream in ["/dev/null", "-"] {
            let refused = find(&[stream.into()], &options);
            assert!(matches!(refused, Err(IngestError::NotAFile { .. })), "{stream}");
        }
        let gone = find(&[folder.path().join("gone")], &options);
        assert!(matches!(gone, Err(IngestError::Io { verb: "open", .. })));
    }
}
