"""Strategies as a function from panels to target weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from barrow._barrow import Bundle, Weights
from barrow.errors import MissingPackageError, SettingError

__all__ = ["Panels"]


class Panels(Mapping[str, npt.NDArray[np.float64]]):
    """Columns of all assets of a run as matrices, by name: a row a time of the calendar, a column an asset in symbol order.

    ``panels["close"]``, or ``panels.close``, is read-only, of shape ``[times, assets]``, NaN where an asset has no bar. It begins with the bundle
    and ends with the run.
    """

    def __init__(self, bundle: Bundle, assets: Optional[Sequence[str]] = None, end: Any = None) -> None:
        self._bundle, self._end = bundle, end
        self.symbols: tuple[str, ...] = tuple(sorted(assets)) if assets is not None else bundle.symbols
        """Symbols of the columns."""
        self._places = None if assets is None else [bundle[symbol].ordinal for symbol in self.symbols]
        self._columns: dict[str, npt.NDArray[np.float64]] = {}

    @property
    def times(self) -> npt.NDArray[np.datetime64]:
        """Times of the rows: ``datetime64[ns]``, UTC."""
        return self._bundle.calendar[: len(self["close"])]

    def __getitem__(self, column: str) -> npt.NDArray[np.float64]:
        found = self._columns.get(column)
        if found is None:
            found = self._bundle.panel(column, None, self._end).values
            if self._places is not None:
                found = found[:, self._places]
            found.flags.writeable = False
            self._columns[column] = found
        return found

    def __getattr__(self, name: str) -> npt.NDArray[np.float64]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self:
            raise AttributeError(f"panels have no `{name}`; their columns: {', '.join(self)}")
        return self[name]

    def __contains__(self, column: object) -> bool:
        return column in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @property
    def _names(self) -> tuple[str, ...]:
        return self._bundle.column_names[1:]

    def to_pandas(self, column: str) -> Any:
        """A column as a ``pandas.DataFrame``: times as index, symbols as columns."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingPackageError.of("pandas", "a frame of pandas") from error
        return pd.DataFrame(self[column], index=pd.DatetimeIndex(self.times), columns=list(self.symbols))

    def until(self, rows: int) -> Panels:
        """The panels as they were after so many rows."""
        cut = Panels.__new__(Panels)
        cut._bundle, cut._end, cut.symbols, cut._places = self._bundle, self._end, self.symbols, self._places
        cut._columns = {name: column[:rows] for name, column in self._columns.items()}
        for name in self:
            if name not in cut._columns:
                cut._columns[name] = self[name][:rows]
        return cut

    def __repr__(self) -> str:
        return f"<barrow.Panels of {self._bundle.name}: {len(self.times)} times, {len(self.symbols)} assets>"


class Weighing:
    """What makes a strategy of a function from panels, and parameters, to weights."""

    def __init__(
        self,
        function: Callable[..., Any],
        bundle: Bundle,
        assets: Optional[Sequence[str]],
        end: Any,
        whole_shares: bool,
        causality_checks: int,
    ) -> None:
        self.function, self.bundle, self.assets, self.end = function, bundle, assets, end
        self.whole_shares, self.causality_checks = whole_shares, causality_checks
        self._panels: Optional[Panels] = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_panels": None}

    def over(self, bundle: Bundle) -> Weighing:
        """The same over another bundle."""
        return Weighing(self.function, bundle, self.assets, self.end, self.whole_shares, self.causality_checks)

    @property
    def panels(self) -> Panels:
        """The panels, made once for all trials."""
        if self._panels is None:
            self._panels = Panels(self.bundle, self.assets, self.end)
        return self._panels

    def __call__(self, **params: Any) -> Weights:
        panels = self.panels
        weights = _matrix(self.function(panels, **params), panels)
        times = panels.times.view(np.int64)
        name = getattr(self.function, "__name__", type(self.function).__name__)
        made = Weights(name, params, times, list(panels.symbols), weights, self.whole_shares)
        rows = len(times)
        for cut in np.linspace(rows / 2, rows - 1, self.causality_checks).astype(int):
            self._check_cause(weights, int(cut), params)
        return made

    def _check_cause(self, weights: npt.NDArray[np.float64], rows: int, params: dict[str, Any]) -> None:
        """Compares the last row of a shorter history with the same row of the whole one."""
        until = self.panels.until(rows)
        alone = _matrix(self.function(until, **params), until)
        if alone.shape == (rows, weights.shape[1]) and np.array_equal(alone[-1], weights[rows - 1], equal_nan=True):
            return
        at = self.panels.times[rows - 1]
        raise SettingError(f"the weights at {at} change when later bars are taken away: the function looks ahead")


def _matrix(weights: Any, panels: Panels) -> npt.NDArray[np.float64]:
    """Weights as an array; a frame of pandas goes by its labels."""
    if hasattr(weights, "reindex") and set(map(str, weights.columns)) & set(panels.symbols):
        weights = _labelled(weights, panels)
    to_numpy = getattr(weights, "to_numpy", None)
    matrix = np.ascontiguousarray(to_numpy() if to_numpy is not None else weights, dtype=np.float64)
    if np.ndim(matrix) != 2 or weights is None:
        expected = f"[{len(panels.times)}, {len(panels.symbols)}] (times, assets)"
        found = "none" if weights is None else f"{list(np.shape(weights))}"
        raise SettingError(f"expected weights of shape {expected}, found {found}")
    return matrix


def _labelled(frame: Any, panels: Panels) -> Any:
    """The rows and columns of a frame at their places; NaN for those that it does not have."""
    import pandas as pd

    times = pd.DatetimeIndex(panels.times)
    if isinstance(frame.index, pd.DatetimeIndex):
        index = frame.index if frame.index.tz is None else frame.index.tz_convert("UTC").tz_localize(None)
        unknown = index.difference(times)
        if len(unknown):
            raise SettingError(f"the weights have a row of {unknown[0]}, where there is no bar")
        frame = frame.set_axis(index).reindex(times)
    unknown = frame.columns.difference(list(panels.symbols))
    if len(unknown):
        raise SettingError(f"the weights have a column `{unknown[0]}`, which is no asset of the run")
    return frame.reindex(columns=list(panels.symbols))
