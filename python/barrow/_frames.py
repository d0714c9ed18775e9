"""Frames of other libraries, which are imported here and nowhere before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from barrow._barrow import Bars, Bundle

#: The symbol of every bar as polars holds it, by version: what bundles that are still there have.
_categories: WeakValueDictionary[str, polars.Series] = WeakValueDictionary()
_holders: WeakKeyDictionary[Bundle, polars.Series] = WeakKeyDictionary()


def to_arrow(source: Any) -> pyarrow.Table:
    """Any Arrow stream as a table over the same memory."""
    import pyarrow

    return pyarrow.table(source)


def to_polars(source: Any) -> polars.DataFrame:
    """Any Arrow stream as a frame over the same memory, but for the symbols."""
    import polars

    return polars.DataFrame(source)


def bundle_to_polars(bundle: Bundle) -> polars.DataFrame:
    """All columns over the same memory, behind the symbol of each bar, which polars converts once for each version."""
    import polars

    symbols = _categories.get(bundle.version)
    if symbols is None:
        frame = polars.DataFrame(bundle)
        symbols = _categories[bundle.version] = frame["symbol"]
    else:
        frame = polars.DataFrame(bundle.arrow(symbols=None)).insert_column(0, symbols)
    _holders[bundle] = symbols
    return frame


def to_pandas(source: Any) -> pandas.DataFrame:
    """Any Arrow stream as a frame, times without a zone, as in the other frames of pandas."""
    import pyarrow

    table = to_arrow(source)
    for place, field in enumerate(table.schema):
        if pyarrow.types.is_timestamp(field.type):
            times = table.column(place).cast(pyarrow.timestamp(field.type.unit))
            table = table.set_column(place, field.name, times)
    return cast("pandas.DataFrame", table.to_pandas())


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
    # Of the type that pandas chooses, which takes these then as they are.
    codes = np.repeat(np.arange(len(counts), dtype=np.min_scalar_type(-max(len(counts), 1))), counts)
    symbols = pandas.Categorical.from_codes(codes, categories=list(bundle.symbols), validate=False)
    columns: dict[str, Any] = {"symbol": symbols}
    columns.update((name, bundle.column(name)) for name in bundle.column_names)
    return pandas.DataFrame(columns, copy=False)
