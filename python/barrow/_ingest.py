"""Ingestion: from files and from rows in memory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Union

from barrow import _barrow, _rows
from barrow._progress import stages
from barrow.errors import IngestError
from barrow.records import Change, IngestSummary

if TYPE_CHECKING:
    from typing_extensions import TypeAlias, Unpack

    from barrow._options import IngestOptions
    from barrow._progress import ShowStage

Path = Union[str, "os.PathLike[str]"]
#: Files and folders, or rows: anything that offers an Arrow stream, a pandas frame, a mapping of names to arrays, or a
#: mapping of symbols to any of these.
Source: TypeAlias = "Path | Iterable[Path] | Mapping[str, Any] | Any"


def ingest(
    name: str,
    source: Source,
    *,
    root: Path | None = None,
    progress: bool | ShowStage | None = None,
    **options: Unpack[IngestOptions],
) -> IngestSummary:
    """Ingest files, or rows in memory, into the bundle `name`, and publish one new version, or nothing at all.

    `source` is

    * a path, or several: files, and folders of files, recognised from their content;
    * a pandas, polars or pyarrow table, or anything else with `__arrow_c_stream__`: a long table with a column
      `symbol`, or the bars of one asset, named by `symbol=`. The index of a pandas frame becomes columns, unless it only numbers
      the rows; columns of two levels are a symbol and a name, in either order. Midnights of a zone are dates, unless
      `timezone`, `frequency` or `timestamps` says more;
    * a mapping of column names to arrays: the same;
    * a mapping of symbols to any of these: one asset each.

    The keyword arguments are the flags of `barrow ingest`, called alike: see the guide to ingestion. `append=True`
    continues the bundle, `correct=True` corrects it; `lenient=True` sets bad rows aside in the file `rejects`.
    `wait` is in seconds. The bundle lies in the catalog `root`, or the default one.

    `progress` is `True`, `False`, or a function of the phase (`"reading"`, `"sorting"`, `"writing"`, `"publishing"`), its units
    that are done (bytes, rows, series) and all of them; without it a bar is shown in terminals and notebooks.

    Returns what was done; its `version` is the content version that is now the newest.

    Raises `barrow.errors.IngestError`, with file, line, column and value where a row is at fault (of rows in memory the line is the
    number of the row in its table, from 1);
    `barrow.errors.LockedError` when another writer is at work. Nothing is published then.
    """
    told = dict(options)

    def run(sources: list[Any]) -> IngestSummary:
        with stages(progress) as bar:
            return _summary(_barrow.ingest_files(name, sources, root, told, bar))

    if isinstance(source, (str, os.PathLike)):
        return run([source])
    # One column of pandas could be gone through, too.
    if not _rows.are(source) and isinstance(source, Iterable) and not hasattr(source, "to_numpy"):
        source = list(source)
        if all(isinstance(it, (str, os.PathLike)) for it in source):
            return run(source)
    # Unless it was said what times mean.
    daily = told.get("frequency") in (None, "daily") and told.get("timestamps") in (None, "session")
    rows = _rows.Rows.of(source, daily and told.get("timezone") is None)
    if told.get("symbol") is None:
        told["symbol_from_file"] = _rows.NAMELESS
    with tempfile.TemporaryDirectory(prefix="barrow-") as folder:
        path = os.path.join(folder, _rows.FILE)
        if isinstance(rows.held, Mapping):
            _barrow.write_arrays(path, dict(rows.held), rows.instants)
        else:
            _barrow.write_stream(path, rows.held)
        try:
            return run([path])
        except IngestError as error:
            raise rows.error(error) from None


def _summary(text: str) -> IngestSummary:
    members = json.loads(text)
    return IngestSummary(**{**members, "change": Change(**members["change"])})
