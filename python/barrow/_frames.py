"""Frames of other libraries, which are imported here and nowhere before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from barrow._barrow import Bars, Bundle


def to_arrow(source: Any) -> pyarrow.Table:
    """Any Arrow stream as a table over the same memory."""
    import pyarrow

    return pyarrow.table(source)


def to_polars(source: Any) -> polars.DataFrame:
    """Any Arrow stream as a frame over the same memory, but for the symbols."""
    import polars

    return polars.DataFrame(source)


def to_pandas(source: Any) -> pandas.DataFrame:
    """Any Arrow stream as a frame."""
    return cast("pandas.DataFrame", to_arrow(source).to_pandas())


def bars_to_pandas(bars: Bars) -> pandas.DataFrame:
    """The columns of an asset over the same memory, by time."""
    import pandas

    index = pandas.DatetimeIndex(bars.times, name="time", copy=False)
    columns = {name: bars[name] for name in bars.column_names[1:]}
    return pandas.DataFrame(columns, index=index, copy=False)


def bundle_to_pandas(bundle: Bundle) -> pandas.DataFrame:
    """All columns over the same memory, behind the symbol of each bar."""
    import numpy as np
    import pandas

    counts = [asset.rows for asset in bundle.assets]
    codes = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    symbols = pandas.Categorical.from_codes(codes, categories=list(bundle.symbols), validate=False)
    columns: dict[str, Any] = {"symbol": symbols}
    columns.update((name, bundle.column(name)) for name in bundle.column_names)
    return pandas.DataFrame(columns, copy=False)
