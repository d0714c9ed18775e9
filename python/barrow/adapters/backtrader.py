"""A data feed of backtrader.

::

    import backtrader
    from barrow.adapters.backtrader import Feed

    cerebro = backtrader.Cerebro()
    cerebro.adddata(Feed(bundle=bundle, symbol="AAPL"))
"""

from __future__ import annotations

from typing import Any

import backtrader
import numpy as np

__all__ = ["Feed"]

#: Days from the first of January of the year 1, which backtrader counts from 1, to 1970.
_EPOCH_DAYS = 719_163
_DAY_NS = 86_400_000_000_000


class Feed(backtrader.feed.DataBase):  # type: ignore[misc]
    """The bars of one asset, read from the map as backtrader asks for them.

    Parameters: ``bundle``; ``symbol``; ``start`` and ``end``, which bound the bars that are handed out, both taken in, as
    ``bundle[symbol].between`` does. ``fromdate`` and ``todate`` of backtrader work too. ``timeframe`` and ``compression`` follow from
    the bundle's frequency unless they are given. Times are UTC.
    """

    params = (("bundle", None), ("symbol", None), ("start", None), ("end", None), ("timeframe", None), ("compression", None))

    def __init__(self, **_: Any) -> None:
        super().__init__()
        timeframe, compression = _rhythm(self.p.bundle.frequency)
        self.p.timeframe = self._timeframe = timeframe if self.p.timeframe is None else self.p.timeframe
        self.p.compression = self._compression = compression if self.p.compression is None else self.p.compression
        self._name: str = self.p.name or self.p.symbol
        bars = self.p.bundle[self.p.symbol].between(self.p.start, self.p.end)
        ns = np.asarray(bars.times).view(np.int64)
        self._times = _EPOCH_DAYS + ns / _DAY_NS
        self._columns = [(name, np.asarray(bars[name])) for name in ("open", "high", "low", "close", "volume")]
        self._next = 0

    def start(self) -> None:
        super().start()
        self._next = 0

    def _load(self) -> bool:
        place = self._next
        if place >= len(self._times):
            return False
        self.lines.datetime[0] = self._times[place]
        for name, values in self._columns:
            getattr(self.lines, name)[0] = values[place]
        self.lines.openinterest[0] = 0.0
        self._next = place + 1
        return True


def _rhythm(frequency: str) -> tuple[Any, int]:
    """What backtrader calls a frequency: ``daily``, or a length such as ``5m``, ``1h`` or ``30s``."""
    frames = backtrader.TimeFrame
    digits = frequency.rstrip("smhd")
    unit = frequency[len(digits) :]
    if not digits.isdigit() or len(unit) != 1:
        return frames.Days, 1
    count = int(digits)
    known = {"s": (frames.Seconds, count), "m": (frames.Minutes, count), "h": (frames.Minutes, 60 * count)}
    return known.get(unit, (frames.Days, count))
