"""The same moving-average crossings in vectorbt, and how many of its combinations are exact.

    python engines.py SETS

Over SETS/S/truth/*.npy: one run (10, 30), the grid of 10 x 10 windows, and for each combination whether
its entries and exits are those of integer arithmetic on cents. Needs `pip install vectorbt`.
"""
from __future__ import annotations

import sys
import time

import numpy as np

FAST, SLOW = range(2, 21, 2), range(25, 71, 5)


def by_integers(cents, fast, slow):
    """Whether the mean of the last `fast` closes is above that of the last `slow`, exactly."""
    total = np.vstack([np.zeros((1, cents.shape[1]), dtype=np.int64), np.cumsum(cents, axis=0)])
    out = np.zeros(cents.shape, dtype=bool)
    rows = np.arange(slow, len(cents) + 1)
    left = (total[rows] - total[rows - fast]) * slow
    right = (total[rows] - total[rows - slow]) * fast
    out[slow - 1:] = left > right
    return out


def main():
    import pandas as pd
    import vectorbt as vbt

    folder = f"{sys.argv[1]}/S/truth"
    close, open_ = (np.load(f"{folder}/{c}.npy").T.copy() for c in ("close", "open"))
    cents = np.rint(close * 100).astype(np.int64)
    frame, opens = pd.DataFrame(close), pd.DataFrame(open_)

    def long(fast, slow):
        ma = lambda n: vbt.MA.run(frame, n).ma.values
        return ma(fast) > ma(slow)

    def run(fast, slow):
        up = pd.DataFrame(long(fast, slow)).shift(1, fill_value=False)
        portfolio = vbt.Portfolio.from_signals(
            opens, up & ~up.shift(1, fill_value=False), ~up & up.shift(1, fill_value=False), size=100.0,
            init_cash=1e7, group_by=True, cash_sharing=True)
        return portfolio.final_value()

    run(10, 30)
    times = []
    for _ in range(11):
        start = time.perf_counter()
        run(10, 30)
        times.append(time.perf_counter() - start)
    print(f"vectorbt, one sma-cross over S: {np.median(times) * 1e3:.1f} ms")
    start = time.perf_counter()
    for fast in FAST:
        for slow in SLOW:
            run(fast, slow)
    print(f"vectorbt, grid of 100, one by one: {(time.perf_counter() - start) * 1e3:.0f} ms")
    exact = sum(np.array_equal(long(f, s), by_integers(cents, f, s)) for f in FAST for s in SLOW)
    print(f"vectorbt, combinations equal to integer arithmetic: {exact} of 100")


if __name__ == "__main__":
    main()
