"""Rows in memory, of whichever library, as columns or as a stream that ingestion reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from barrow.errors import IngestError, MissingPackageError

__all__ = ["FILE", "NAMELESS", "Rows", "are"]

#: The file that rows are written to.
FILE = "rows.arrow"
#: How its name would tell a symbol, which it does not: rows without one are of no asset.
NAMELESS = "of-{symbol}"

_SYMBOLS = ("symbol", "ticker")
_PRICES = ("open", "high", "low", "close", "adj close")


def are(source: Any) -> bool:
    """Whether a source is rows, or a table that was not computed yet."""
    return isinstance(source, Mapping) or _is_table(source) or hasattr(source, "__arrow_c_stream__")


class Rows(NamedTuple):
    """Rows as ingestion takes them."""

    held: Any
    """Arrays by name, or what offers an Arrow stream."""
    instants: list[str]
    """The columns whose times are in UTC."""
    counts: dict[str, int]
    """Rows of each asset, in their order, where each had a table of its own."""

    @classmethod
    def of(cls, source: Any, dates: bool) -> Rows:
        """Takes rows of whichever library; with ``dates``, midnights of a zone are these."""
        source = _computed(source)
        if isinstance(source, Mapping) and any(_is_table(it) for it in source.values()):
            return _joined(source, dates)
        if _is_pandas(source):
            tables = _by_symbol(source)
            return cls(*_columns(source, dates), {}) if tables is None else _joined(tables, dates)
        # One column of pandas or polars has a stream, too.
        is_column = hasattr(source, "to_numpy") and not _is_table(source)
        if isinstance(source, Mapping) or hasattr(source, "__arrow_c_stream__") and not is_column:
            return cls(_with_dates(source) if dates else source, [], {})
        kind = type(source).__name__
        found = f"found `{kind}`" if not isinstance(source, list) else f"found a list with a `{_odd(source)}`"
        raise TypeError(
            f"a source is a path or several, a table of pandas, polars or Arrow, or a mapping of columns or of symbols to tables; {found}"
        )

    def error(self, error: IngestError) -> IngestError:
        """What was said of the file, said of the rows."""
        text, line = str(error), error.line
        if NAMELESS in text:
            return IngestError("the rows are of no asset: name it, `symbol=`, or give a column `symbol`")
        if line is not None:
            place, symbol = line, ""
            for symbol, count in self.counts.items():
                if place <= count:
                    break
                place -= count
            line = place
            text = text.replace(f"`{FILE}` line {error.line}", f"row {place} of `{symbol}`" if symbol else f"row {place}")
        told = IngestError(text.replace(f"`{FILE}`", "the table"))
        told.line, told.column, told.value = line, error.column, error.value
        return told


def _odd(sources: list[Any]) -> str:
    import os

    return next(type(it).__name__ for it in sources if not isinstance(it, (str, os.PathLike)))


def _is_pandas(source: Any) -> bool:
    return hasattr(source, "reset_index") and hasattr(source, "dtypes") and hasattr(source, "columns")


def _is_table(source: Any) -> bool:
    """Whether something has rows of several columns; a column of Arrow or polars has a stream, too."""
    if isinstance(source, Mapping) or _is_lazy(source) or _is_pandas(source):
        return True
    names = any(hasattr(source, name) for name in ("columns", "column_names", "schema"))
    return names and hasattr(source, "__arrow_c_stream__")


def _is_lazy(source: Any) -> bool:
    return hasattr(source, "collect_schema") and not hasattr(source, "get_column")


def _computed(source: Any) -> Any:
    return source.collect() if _is_lazy(source) else source


def _by_symbol(frame: Any) -> Optional[dict[str, Any]]:
    """The tables of a frame whose columns have two levels, a symbol and a name; `None` of another frame."""
    levels = getattr(frame.columns, "nlevels", 1)
    if levels == 1:
        return None
    named = [level for level in range(levels) if set(_PRICES) & {str(it).lower() for it in frame.columns.get_level_values(level)}]
    if levels != 2 or len(named) != 1:
        raise IngestError(f"columns of {levels} levels: expected one, or a level of symbols and one of `open`, `close` and so on")
    symbols = 1 - named[0]
    # Times at which others have bars are no bars of an asset.
    return {
        symbol: frame.xs(symbol, axis=1, level=symbols).dropna(how="all")
        for symbol in dict.fromkeys(frame.columns.get_level_values(symbols))
    }


def _joined(tables: Mapping[Any, Any], dates: bool) -> Rows:
    """One long table of many, each of one asset."""
    columns: dict[str, list[Any]] = {}
    counts: dict[str, int] = {}
    names: Optional[list[str]] = None
    instants: list[str] = []
    for symbol, table in tables.items():
        if not isinstance(symbol, str):
            raise TypeError(f"a symbol is a text, found {symbol!r}")
        held, zoned = _columns(_computed(table), dates)
        arrays = {name: np.asarray(values) for name, values in held.items() if not _is_symbol(symbol, name, values)}
        if names is None:
            names, instants = sorted(arrays), zoned
        if sorted(arrays) != names:
            raise ValueError(f"`{symbol}` has columns {sorted(arrays)}, but the first asset has {names}")
        if zoned != instants:
            raise ValueError(f"times of `{symbol}` have a zone in {zoned}, those of the first asset in {instants}")
        counts[symbol] = len(next(iter(arrays.values()))) if arrays else 0
        for name, values in arrays.items():
            columns.setdefault(name, []).append(values)
    symbols = [np.full(count, symbol, dtype=object) for symbol, count in counts.items()]
    joined = {"symbol": np.concatenate(symbols), **{name: np.concatenate(parts) for name, parts in columns.items()}}
    return Rows(joined, instants, counts)


def _is_symbol(symbol: str, name: str, values: Any) -> bool:
    """Whether a column of an asset's table says what the mapping does."""
    if name.lower() not in _SYMBOLS:
        return False
    others = [it for it in dict.fromkeys(np.asarray(values).tolist()) if it != symbol]
    if others:
        raise ValueError(f"the table of `{symbol}` has rows of `{others[0]}` by its column `{name}`")
    return True


def _columns(table: Any, dates: bool) -> tuple[Mapping[str, Any], list[str]]:
    """The columns of a table as arrays, and the names of those whose times have a zone: they are in UTC."""
    if isinstance(table, Mapping):
        return table, []
    if _is_pandas(table):
        frame = _with_index(table)
        frame = _dated(frame) if dates else frame
        zoned = [str(name) for name in frame.columns if getattr(frame[name].dtype, "tz", None) is not None]
        return {str(name): _pandas_values(frame[name]) for name in frame.columns}, zoned
    if not hasattr(table, "get_column") and not hasattr(table, "combine_chunks"):
        table = _pyarrow().table(table)
    table = _with_dates(table) if dates else table
    if hasattr(table, "get_column"):
        zoned = [name for name, kind in table.schema.items() if getattr(kind, "time_zone", None)]
        return {name: table.get_column(name).to_numpy() for name in table.columns}, zoned
    zoned = [field.name for field in table.schema if getattr(field.type, "tz", None)]
    return {name: table.column(name).to_numpy() for name in table.column_names}, zoned


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackageError.of("pyarrow", "reading an Arrow stream asset by asset") from error
    return pyarrow


def _with_index(frame: Any) -> Any:
    """A frame with the columns of its index among its own, unless that only numbers the rows."""
    index = frame.index
    levels = [index.get_level_values(place) for place in range(index.nlevels)]
    if index.nlevels == 1 and index.name is None and getattr(index.dtype, "kind", "O") in "iu":
        return frame.reset_index(drop=True)
    return frame.reset_index(names=[level.name or _name_of_level(level) for level in levels])


def _name_of_level(values: Any) -> str:
    return "time" if getattr(values.dtype, "kind", "O") == "M" or hasattr(values, "tz") else "symbol"


def _dated(frame: Any) -> Any:
    """A frame of pandas in which midnights of a zone are dates: how daily bars are stamped that know where they are of."""
    for name in frame.columns:
        column = frame[name]
        if getattr(column.dtype, "tz", None) is not None:
            local = column.dt.tz_localize(None)
            if (local.isna() | (local == local.dt.normalize())).all():
                frame = frame.assign(**{str(name): local})
    return frame


def _with_dates(table: Any) -> Any:
    """The same of a table of polars or pyarrow."""
    if hasattr(table, "get_column"):
        for name, kind in table.schema.items():
            if getattr(kind, "time_zone", None):
                local = table.get_column(name).dt.replace_time_zone(None)
                if (local == local.dt.truncate("1d")).all():
                    table = table.with_columns(local)
    elif hasattr(table, "combine_chunks") and hasattr(table, "schema"):
        for place, field in enumerate(table.schema):
            if getattr(field.type, "tz", None):
                import pyarrow.compute as compute

                local = compute.local_timestamp(table.column(place))
                if compute.all(compute.equal(local, compute.floor_temporal(local, unit="day"))).as_py():
                    table = table.set_column(place, field.name, local)
    return table


def _pandas_values(column: Any) -> Any:
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    kind = getattr(column.dtype, "kind", "O")
    # Missing values of pandas' own integers become NaN.
    if kind in "iufb" and not isinstance(column.dtype, np.dtype):
        return column.to_numpy(dtype="float64", na_value=float("nan")) if column.isna().any() else column.to_numpy(kind + "8")
    return column.to_numpy()
