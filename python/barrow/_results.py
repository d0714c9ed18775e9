"""What results of runs, sweeps and folds have in common."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from barrow.columns import Columns
from barrow.errors import MissingPackageError, SettingError

__all__ = ["Curve", "Held", "Timed", "axes_of", "defined", "markets", "summary", "write_page"]


class Held:
    """Values that the extension has, each asked for once; a result that was pickled has what was asked for."""

    def __init__(self, native: Any) -> None:
        self._native: Any = native
        self._cache: dict[str, Any] = {}

    def _get(self, name: str) -> Any:
        if name not in self._cache:
            self._cache[name] = getattr(self._here(), name)
        return self._cache[name]

    def _here(self) -> Any:
        """The extension's object, where there is one."""
        return self._native

    @property
    def facts(self) -> dict[str, Any]:
        """Settings, what came of them, and the library's version, by name."""
        return dict(self._get("facts"))


class Timed(Held):
    """A result over a clock."""

    @property
    def times(self) -> npt.NDArray[np.datetime64]:
        """Times of the clock: ``datetime64[ns]``, UTC, shape ``[bars]``."""
        times: npt.NDArray[np.datetime64] = self._get("times")
        return times


class Curve(Timed):
    """A result with an equity curve."""

    @property
    def metrics(self) -> dict[str, Optional[float]]:
        """The figures by name; ``None`` where one is undefined."""
        return dict(self._get("metrics"))

    @property
    def equity(self) -> npt.NDArray[np.float64]:
        """Equity at the close of each bar, quote currency: shape ``[bars]``."""
        equity: npt.NDArray[np.float64] = self._get("equity")
        return equity


def markets(count: int) -> int:
    """How many markets a test is to draw."""
    if count < 1:
        raise SettingError(f"a test needs at least one market, found {count}")
    return count


def defined(values: Iterable[Optional[float]]) -> npt.NDArray[np.float64]:
    """Figures as an array, NaN where one is undefined."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def summary(head: str, table: Columns) -> str:
    """A line and a table for a notebook."""
    return f"<p>{html.escape(head)}</p>{table._repr_html_()}"


def write_page(path: str | os.PathLike[str], page: str) -> None:
    """Writes a page, whole or not at all."""
    target = os.fspath(path)
    partial = f"{target}.{os.getpid()}.tmp"
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(page)
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def axes_of(ax: Any) -> Any:
    """The axes given, or new ones."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingPackageError.of("matplotlib", "a drawing") from error
    return pyplot.subplots()[1]
