"""Panels: one column of all assets, aligned on the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas
    import polars

__all__ = ["Panel"]


class Panel:
    """One column over a stretch of the calendar: a matrix of times x assets, with both labels.

    `numpy.asarray(panel)` is `panel.values`; `panel["AAPL"]` is one asset's column of it.
    """

    __slots__ = ("column", "symbols", "times", "values")

    def __init__(
        self,
        column: str,
        values: npt.NDArray[np.float64],
        times: npt.NDArray[np.datetime64],
        symbols: tuple[str, ...],
    ) -> None:
        self.column = column
        """Name of the column."""
        self.values = values
        """Shape `[times, assets]`, f64; NaN where an asset has no bar or no value. An array of its own: write to it."""
        self.times = times
        """The stretch of the calendar: `datetime64[ns]`, shape `[times]`, ascending."""
        self.symbols = symbols
        """One for each column, in symbol order."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of times, number of assets."""
        return len(self.times), len(self.symbols)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is None and (dtype is None or self.values.dtype == dtype):
            return self.values
        if copy is False and dtype is not None and self.values.dtype != dtype:
            raise ValueError("another type than f64 needs a copy")
        return self.values if copy is False else self.values.astype(dtype or self.values.dtype, copy=True)

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, symbol: str) -> npt.NDArray[np.float64]:
        """The values of one asset: shape `[times]`."""
        try:
            place = self.symbols.index(symbol)
        except ValueError:
            from barrow.errors import UnknownSymbolError

            raise UnknownSymbolError(f"no asset `{symbol}` in the panel") from None
        return self.values[:, place]

    def to_pandas(self) -> pandas.DataFrame:
        """A frame of times x symbols over the same memory."""
        import pandas

        index = pandas.DatetimeIndex(self.times, name="time", copy=False)
        return pandas.DataFrame(self.values, index=index, columns=list(self.symbols), copy=False)

    def to_polars(self) -> polars.DataFrame:
        """A frame with the column `time` and one for each symbol."""
        import polars

        columns: dict[str, Any] = {"time": self.times}
        columns.update((symbol, self.values[:, place]) for place, symbol in enumerate(self.symbols))
        return polars.DataFrame(columns)

    def __repr__(self) -> str:
        times, assets = self.shape
        return f"<barrow.Panel {self.column}: {times} times x {assets} assets>"

    def _repr_html_(self) -> str:
        from barrow._html import panel

        return panel(self)
