"""Ingestion: from files and from rows in memory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Union

from barrow import _barrow
from barrow._progress import stages
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
      `symbol`, or the bars of one asset, named by `symbol=`. The index of a pandas frame becomes columns;
    * a mapping of column names to arrays: the same;
    * a mapping of symbols to any of these: one asset each.

    The keyword arguments are the flags of `barrow ingest`, called alike: see the guide to ingestion. `append=True`
    continues the bundle, `correct=True` corrects it; `lenient=True` sets bad rows aside in the file `rejects`.
    `wait` is in seconds. The bundle lies in the catalog `root`, or the default one.

    `progress` is `True`, `False`, or a function of the phase (`"reading"`, `"sorting"`, `"writing"`, `"publishing"`), its units
    that are done (bytes, rows, series) and all of them; without it a bar is shown in terminals and notebooks.

    Returns what was done; its `version` is the content version that is now the newest.

    Raises `barrow.errors.IngestError`, with file, line, column and value where a row is at fault;
    `barrow.errors.LockedError` when another writer is at work. Nothing is published then.
    """
    told = dict(options)

    def run(sources: list[Any]) -> IngestSummary:
        with stages(progress) as bar:
            return _summary(_barrow.ingest_files(name, sources, root, told, bar))

    if isinstance(source, (str, os.PathLike)):
        return run([source])
    if not _is_rows(source) and all(isinstance(it, (str, os.PathLike)) for it in source):
        return run(list(source))
    with tempfile.TemporaryDirectory(prefix="barrow-") as folder:
        path = os.path.join(folder, "rows.arrow")
        rows: Any = source
        instants: list[str] = []
        if isinstance(source, Mapping) and _is_by_symbol(source):
            rows, instants = _assets(source)
        elif _is_pandas(rows):
            rows, instants = _columns(rows)
        if isinstance(rows, Mapping):
            _barrow.write_arrays(path, dict(rows), instants)
        else:
            _barrow.write_stream(path, rows)
        return run([path])


def _summary(text: str) -> IngestSummary:
    members = json.loads(text)
    return IngestSummary(**{**members, "change": Change(**members["change"])})


def _is_rows(source: Any) -> bool:
    return isinstance(source, Mapping) or _is_pandas(source) or hasattr(source, "__arrow_c_stream__")


def _is_pandas(source: Any) -> bool:
    return hasattr(source, "reset_index") and hasattr(source, "dtypes")


def _is_by_symbol(source: Mapping[str, Any]) -> bool:
    """Whether the values are tables, not columns."""
    return any(
        isinstance(it, Mapping) or _is_pandas(it) or hasattr(it, "__arrow_c_stream__") and hasattr(it, "columns")
        for it in source.values()
    )


def _assets(tables: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """One long table of many, each of one asset, and the columns whose times have a zone."""
    import numpy as np

    columns: dict[str, list[Any]] = {}
    symbols: list[Any] = []
    names: list[str] | None = None
    instants: list[str] = []
    for symbol, table in tables.items():
        held, zoned = _columns(table)
        arrays = {name: np.asarray(values) for name, values in held.items()}
        if names is None:
            names, instants = sorted(arrays), zoned
        if sorted(arrays) != names:
            raise ValueError(f"`{symbol}` has columns {sorted(arrays)}, but the first asset has {names}")
        if zoned != instants:
            raise ValueError(f"times of `{symbol}` have a zone in {zoned}, those of the first asset in {instants}")
        count = len(next(iter(arrays.values()))) if arrays else 0
        symbols.append(np.full(count, symbol, dtype=object))
        for name, values in arrays.items():
            columns.setdefault(name, []).append(values)
    joined: dict[str, Any] = {"symbol": np.concatenate(symbols) if symbols else np.array([], dtype=object)}
    joined.update((name, np.concatenate(parts)) for name, parts in columns.items())
    return joined, instants


def _columns(table: Any) -> tuple[Mapping[str, Any], list[str]]:
    """The columns of a table as arrays, and the names of those whose times have a zone: they are in UTC."""
    if isinstance(table, Mapping):
        return table, []
    if _is_pandas(table):
        frame = _with_index(table)
        zoned = [str(name) for name in frame.columns if getattr(frame[name].dtype, "tz", None) is not None]
        return {str(name): _pandas_values(frame[name]) for name in frame.columns}, zoned
    if hasattr(table, "get_column"):
        zoned = [name for name, kind in table.schema.items() if getattr(kind, "time_zone", None)]
        return {name: table.get_column(name).to_numpy() for name in table.columns}, zoned
    zoned = [field.name for field in table.schema if getattr(field.type, "tz", None)]
    return {name: table.column(name).to_numpy() for name in table.column_names}, zoned


def _with_index(frame: Any) -> Any:
    """A frame with the columns of its index among its own."""
    import pandas

    if not isinstance(frame.index, pandas.RangeIndex) or frame.index.name is not None:
        index = frame.index
        names = [name or _name_of_level(index.get_level_values(i)) for i, name in enumerate(index.names)]
        return frame.reset_index(names=names)
    return frame


def _name_of_level(values: Any) -> str:
    return "time" if getattr(values.dtype, "kind", "O") == "M" or hasattr(values, "tz") else "symbol"


def _pandas_values(column: Any) -> Any:
    import numpy as np

    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    kind = getattr(column.dtype, "kind", "O")
    # Missing values of pandas' own integers become NaN.
    if kind in "iufb" and not isinstance(column.dtype, np.dtype):
        return column.to_numpy(dtype="float64", na_value=float("nan")) if column.isna().any() else column.to_numpy(kind + "8")
    return column.to_numpy()
