"""Results as columns."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from barrow.errors import MissingPackageError

__all__ = ["Columns"]

_SHOWN = 8


class Columns:
    """Columns of equal length, each a NumPy array, in a fixed order.

    ``table["price"]`` is a column and ``len(table)`` the number of rows; ``dict(table)`` works. :meth:`to_pandas`,
    :meth:`to_polars` and :meth:`to_arrow` make frames of it; with pyarrow it is an Arrow stream, too, as DuckDB takes one.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        self._columns = dict(columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    def keys(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.columns

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._columns[name]

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def take(self, places: Any) -> Columns:
        """The rows at these places, in their order."""
        return Columns({name: column[places] for name, column in self._columns.items()})

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame``."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingPackageError.of("pandas", "a frame of pandas") from error
        return pd.DataFrame(self._columns)

    def to_polars(self) -> Any:
        """A ``polars.DataFrame``; an undefined figure is NaN there too."""
        try:
            import polars as pl
        except ImportError as error:
            raise MissingPackageError.of("polars", "a frame of polars") from error
        # Texts are handed over as Python's.
        plain = {name: column.tolist() if column.dtype.kind in "UO" else column for name, column in self._columns.items()}
        return pl.DataFrame(plain)

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``; an undefined figure is NaN there too."""
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingPackageError.of("pyarrow", "a table of Arrow") from error
        return pa.table({name: pa.array(column) for name, column in self._columns.items()})

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _texts(self, rows: int) -> list[list[str]]:
        return [[_text(column[row]) for column in self._columns.values()] for row in range(rows)]

    def __repr__(self) -> str:
        shown = min(len(self), _SHOWN)
        lines = [list(self.columns), *self._texts(shown)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        text = "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in lines)
        return text if shown == len(self) else f"{text}\n({len(self)} rows)"

    def _repr_html_(self) -> str:
        shown = min(len(self), _SHOWN)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in self._texts(shown))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        rest = "" if shown == len(self) else f"<p>{len(self)} rows</p>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _text(value: Any) -> str:
    if isinstance(value, np.datetime64):
        text = str(value)
        return text.split("T", 1)[0] if text.endswith("T00:00:00.000000000") else text
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return "" if value is None else str(value)
