"""Strategies of Python that worker processes of the tests import."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

import barrow
from barrow._barrow import Context, Setup, Signal


class Crossing(barrow.Strategy):
    """The built-in ``sma-cross``."""

    name = "sma-cross"
    fast = 3
    slow = 8
    shares = 100
    _cross: Signal

    def admits(self) -> bool:
        return self.fast < self.slow

    def setup(self, setup: Setup) -> None:
        self._cross = setup.mean_cross("close", self.fast, self.slow)

    def on_bar(self, ctx: Context) -> None:
        for asset, value in ctx.changes(self._cross):
            ctx.order_target(asset, self.shares if value > 0 else 0)


class Fragile(Crossing):
    """Does what its parameter says when it is at ``fast``."""

    name = "Fragile"
    at = 4
    how = "raise"

    def on_bar(self, ctx: Context) -> None:
        super().on_bar(ctx)
        if self.fast == self.at and ctx.elapsed == 20:
            if self.how == "raise":
                raise ValueError("of my own")
            if self.how == "die":
                os._exit(3)
            if self.how == "hang":
                time.sleep(600)
            if self.how == "print":
                print("words on standard output")


def leader(panels: barrow.Panels, lookback: int = 5) -> Any:
    """All of the equity in the asset that rose most, chosen every tenth bar."""
    close = panels["close"]
    weights = np.full(close.shape, np.nan)
    for row in range(lookback, len(close), 10):
        rise = close[row] / close[row - lookback] - 1
        if not np.isnan(rise).all():
            weights[row] = 0.0
            weights[row, np.nanargmax(rise)] = 0.9
    return weights


#: The beginning of a program whose class no other process can import; it is told whether there is `cloudpickle`.
MINE = """
import sys
if "without" in sys.argv:
    sys.modules["cloudpickle"] = None
import barrow

class Mine(barrow.Strategy):
    fast, slow, shares = 3, 8, 100

    def setup(self, setup):
        self.cross = setup.mean_cross("close", self.fast, self.slow)

    def on_bar(self, ctx):
        for asset, value in ctx.changes(self.cross):
            ctx.order_target(asset, self.shares if value > 0 else 0)

"""
