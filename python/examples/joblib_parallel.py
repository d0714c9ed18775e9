"""joblib: the bundle is an argument like any other."""

from __future__ import annotations

import sys
from typing import Optional

from joblib import Parallel, delayed

import barrow


def sharpe(bundle: barrow.Bundle, fast: int) -> Optional[float]:
    return barrow.backtest(bundle, "sma-cross", fast=fast, slow=20).metrics["sharpe"]


def main(name: str) -> None:
    bundle = barrow.open(name)
    found = Parallel(n_jobs=2)(delayed(sharpe)(bundle, fast) for fast in range(2, 6))
    for fast, value in zip(range(2, 6), found):
        print(fast, value)


if __name__ == "__main__":
    main(sys.argv[1])
