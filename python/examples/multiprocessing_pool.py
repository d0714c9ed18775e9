"""A pool of `multiprocessing`: each worker maps the bundle that its pickle names."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Optional

import barrow


def sharpe(bundle: barrow.Bundle, fast: int) -> Optional[float]:
    return barrow.backtest(bundle, "sma-cross", fast=fast, slow=20).metrics["sharpe"]


def main(name: str) -> None:
    bundle = barrow.open(name)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for fast, found in zip(range(2, 6), pool.starmap(sharpe, [(bundle, fast) for fast in range(2, 6)])):
            print(fast, found)


if __name__ == "__main__":
    main(sys.argv[1])
