"""Bundles as pandas frames: of one asset with a column a field, or of one field with a column an asset.

The second is what vectorbt takes: ``vectorbt.Portfolio.from_signals(frames.wide(bundle, "close"), entries, exits)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas

from barrow import Bundle

__all__ = ["bars", "index", "wide"]


def index(bundle: Bundle, times: Any) -> pandas.DatetimeIndex:
    """The index of some timestamps of a bundle: of sessions their dates without a zone, of instants in UTC."""
    found = pandas.DatetimeIndex(times, name="time")
    return found if bundle.stamp == "session" else found.tz_localize("UTC")


def bars(bundle: Bundle, symbol: str, start: Any = None, end: Any = None) -> pandas.DataFrame:
    """The bars of one asset: a row a bar, oldest first, indexed by time, and a column for each of the bundle's but ``time``.

    The columns are the values of the file, copied once. Missing values are NaN, as they are there.
    """
    found = bundle[symbol].between(start, end)
    names = [name for name in bundle.column_names if name != "time"]
    columns = {name: np.array(found[name]) for name in names}
    return pandas.DataFrame(columns, index=index(bundle, np.array(found.times)), copy=False)


def wide(
    bundle: Bundle,
    column: str = "close",
    start: Any = None,
    end: Any = None,
    symbols: list[str] | None = None,
) -> pandas.DataFrame:
    """One column of all assets, or of ``symbols``: a row a time of the bundle's calendar, a column an asset, NaN where there is
    no bar."""
    panel = bundle.panel(column, start, end)
    times, names, values = panel.times, panel.symbols, np.asarray(panel)
    frame = pandas.DataFrame(values, index=index(bundle, times), columns=pandas.Index(names, name="symbol"), copy=False)
    return frame if symbols is None else frame[list(symbols)]
