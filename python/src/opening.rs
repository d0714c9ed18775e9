//! Opening: from what a user writes to a bundle of the process-wide pool, and from a pickle to the same bundle.

use std::path::PathBuf;
use std::str::FromStr as _;

use barrow_store::{BundlePool, Catalog, Lease, OpenMode, OpenOptions, Paging, VerifyReads};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::bundle::Bundle;
use crate::error::{Result, raised};

/// The catalog directory for who names none: `BARROW_ROOT`, or `barrow` in the platform's data directory.
#[pyfunction]
pub(crate) fn default_root() -> PathBuf {
    let named = std::env::var_os("BARROW_ROOT").filter(|root| !root.is_empty());
    named.map_or_else(barrow_tools::default_root, PathBuf::from)
}

/// Where a bundle was found, as it was said: what a pickle carries, so that the default root is that of the process that
/// reads it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Name in a catalog, or path of a bundle file.
    pub(crate) name: String,
    pub(crate) root: Option<PathBuf>,
    pub(crate) is_file: bool,
}

impl Place {
    pub(crate) fn catalog(&self) -> Catalog {
        catalog_at(self.root.clone())
    }
}

/// Returns the catalog of a directory, or the default one.
pub(crate) fn catalog_at(root: Option<PathBuf>) -> Catalog {
    Catalog::at(root.unwrap_or_else(default_root))
}

/// Opens a bundle from the pool of this process: a version is mapped once, and opening it again takes microseconds.
///
/// `name` is a bundle of the catalog `root` (`barrow.default_root()` where it is not given), also as `name@version`; or the path
/// of a bundle file, which contains a `/` or ends with `.barrow`. `version` is the first hexadecimal digits of one, or a date or
/// moment: the version that was the newest then. Without it, the newest.
///
/// - `mode`: `map` maps the file; `read` copies it into memory, verified; `mount` decodes what is compressed once a machine.
/// - `verify`: what is compared before values are handed out for the first time: `never` nothing, `pages` the check words of the
///   pages that they lie on (0.2 us each), `digests` the SHA-256 of each series.
/// - `zero_copy`: refuse a version of which anything but slices of a map would be handed out.
/// - `paging`: any of `prefault`, `huge-pages`, `lock`.
///
/// Raises `barrow.errors.UnknownBundleError`, a `FileNotFoundError`, with the nearest name; `barrow.errors.UnknownVersionError`,
/// `barrow.errors.AmbiguousVersionError`, `barrow.errors.NameSyntaxError`, `barrow.errors.DamagedError`,
/// `barrow.errors.StorageError`, `barrow.errors.NotMappedError`.
#[pyfunction]
#[pyo3(signature = (
    name, version=None, *, root=None, mode="map", verify="pages", zero_copy=false,
    paging=Vec::new()
))]
#[expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn open(
    py: Python<'_>,
    name: PathBuf,
    version: Option<Bound<'_, PyAny>>,
    root: Option<PathBuf>,
    mode: &str,
    verify: &str,
    zero_copy: bool,
    paging: Vec<String>,
) -> Result<Bundle> {
    let options = options(mode, verify, zero_copy, &paging)?;
    let text = name.to_string_lossy().into_owned();
    let is_file = text.contains('/') || text.ends_with(".barrow");
    let version = version.map(|version| moment_or_digits(&version)).transpose()?;
    if is_file {
        let path = std::path::absolute(&name).unwrap_or(name);
        let place = Place { name: path.to_string_lossy().into_owned(), root: None, is_file };
        return open_at(py, place, version.as_deref(), options);
    }
    let (name, within) = match text.split_once('@') {
        Some((name, within)) => (name.to_owned(), Some(within.to_owned())),
        None => (text, None),
    };
    let place = Place { name, root, is_file };
    open_at(py, place, version.or(within).as_deref(), options)
}

/// Opens the bundle that a pickle names.
#[pyfunction]
#[pyo3(signature = (name, root, is_file, version, mode, verify, zero_copy, paging))]
#[expect(clippy::too_many_arguments, reason = "they are the parts of a pickle")]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn reopen(
    py: Python<'_>,
    name: String,
    root: Option<PathBuf>,
    is_file: bool,
    version: &str,
    mode: &str,
    verify: &str,
    zero_copy: bool,
    paging: Vec<String>,
) -> Result<Bundle> {
    let options = options(mode, verify, zero_copy, &paging)?;
    open_at(py, Place { name, root, is_file }, Some(version), options)
}

/// Opens a market that another process of this machine has drawn, for as long as that process keeps it.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn reopen_imagined(py: Python<'_>, path: PathBuf) -> Result<Bundle> {
    let lease = py.detach(|| BundlePool::new(1).lease_file(&path))?;
    Ok(Bundle::for_a_moment(lease, &path, None))
}

/// Opens a bundle at a version, the newest where there is none, with the interpreter's lock let go.
pub(crate) fn open_at(
    py: Python<'_>,
    place: Place,
    version: Option<&str>,
    options: OpenOptions,
) -> Result<Bundle> {
    let lease = py.detach(|| lease(&place, version, options))?;
    if place.is_file
        && let Some(expected) = version
        && !lease.version().to_string().starts_with(&expected.to_ascii_lowercase())
    {
        let found = lease.version();
        let text = format!(
            "`{}` is not what was asked for: expected version {expected}, found {found}",
            place.name
        );
        return Err(raised(py, "UnknownVersionError", &text, &[]).into());
    }
    Ok(Bundle::new(lease, place))
}

fn lease(
    place: &Place,
    version: Option<&str>,
    options: OpenOptions,
) -> barrow_store::Result<Lease> {
    let pool = BundlePool::global();
    if place.is_file {
        return pool.lease_file_with(&place.name, &options);
    }
    match version {
        Some(version) => {
            pool.lease_with(&place.catalog(), &format!("{}@{version}", place.name), &options)
        }
        None => pool.lease_with(&place.catalog(), &place.name, &options),
    }
}

/// Reads a version: hexadecimal digits or a moment as text, or a date or datetime (without a zone: UTC).
fn moment_or_digits(version: &Bound<'_, PyAny>) -> PyResult<String> {
    let zone = version.getattr_opt("tzinfo")?.filter(|zone| !zone.is_none());
    if zone.is_some() {
        let utc = version.py().import("datetime")?.getattr("timezone")?.getattr("utc")?;
        let moment = version.call_method1("astimezone", (utc,))?;
        let text: String = moment.call_method0("isoformat")?.extract()?;
        return Ok(text.trim_end_matches("+00:00").to_owned());
    }
    match version.getattr_opt("isoformat")? {
        Some(isoformat) => isoformat.call0()?.extract(),
        None => version.str()?.extract(),
    }
}

fn options(mode: &str, verify: &str, zero_copy: bool, paging: &[String]) -> PyResult<OpenOptions> {
    let mode =
        OpenMode::from_str(mode).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let verify =
        VerifyReads::from_str(verify).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut wishes = Paging::default();
    for wish in paging {
        match wish.as_str() {
            "prefault" => wishes.prefault = true,
            "huge-pages" => wishes.huge_pages = true,
            "lock" => wishes.lock = true,
            other => {
                let text = format!(
                    "`{other}` is no way to page: expected `prefault`, `huge-pages` or `lock`"
                );
                return Err(PyValueError::new_err(text));
            }
        }
    }
    Ok(OpenOptions { mode, verify, zero_copy, paging: wishes })
}

/// The wishes about pages of `options`, as [`open`] takes them.
pub(crate) fn paging_names(options: OpenOptions) -> Vec<&'static str> {
    let Paging { prefault, huge_pages, lock } = options.paging;
    let all = [(prefault, "prefault"), (huge_pages, "huge-pages"), (lock, "lock")];
    all.into_iter().filter_map(|(wished, name)| wished.then_some(name)).collect()
}
