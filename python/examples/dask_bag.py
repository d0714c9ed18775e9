"""Dask: a task carries the bundle's name and version, and the worker maps it."""

from __future__ import annotations

import sys
from typing import Optional

import dask

import barrow


def sharpe(bundle: barrow.Bundle, fast: int) -> Optional[float]:
    return barrow.backtest(bundle, "sma-cross", fast=fast, slow=20).metrics["sharpe"]


def main(name: str) -> None:
    bundle = barrow.open(name)
    tasks = [dask.delayed(sharpe)(bundle, fast) for fast in range(2, 6)]
    for fast, value in zip(range(2, 6), dask.compute(*tasks, scheduler="processes", num_workers=2)):
        print(fast, value)


if __name__ == "__main__":
    main(sys.argv[1])
