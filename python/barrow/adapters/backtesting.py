"""The frame that backtesting.py takes.

::

    from backtesting import Backtest
    from barrow.adapters import backtesting

    Backtest(backtesting.frame(bundle, "AAPL"), MyStrategy).run()
"""

from __future__ import annotations

from typing import Any

import pandas

from barrow import Bundle
from barrow.adapters import frames

__all__ = ["frame"]

_NAMES = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}


def frame(bundle: Bundle, symbol: str, start: Any = None, end: Any = None) -> pandas.DataFrame:
    """The bars of one asset under the names that backtesting.py looks for: ``Open``, ``High``, ``Low``, ``Close``, ``Volume``;
    other columns keep theirs.

    It takes no rows without prices: bars of which a price is missing are left out.
    """
    found = frames.bars(bundle, symbol, start, end).rename(columns=_NAMES)
    prices = [name for name in ("Open", "High", "Low", "Close") if name in found.columns]
    # Its strategies compare times without zones.
    if found.index.tz is not None:
        found.index = found.index.tz_localize(None)
    return found.dropna(subset=prices)
