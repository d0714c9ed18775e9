"""Backtests and sweeps from Python, measured: prints a Markdown table.

    pip install ./python numpy 'ray[tune]'
    python bench/python/backtests.py [--ray]

S is 50 assets x 252 daily bars of seeded walks in cents, made here. Each row is the median of several samples after one to warm up,
with the least beside it; rows that are compared with each other are sampled in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import barrow

GRID = {"fast": "2..20:2", "slow": "25..70:5"}


def market() -> dict[str, dict[str, Any]]:
    """The set S."""
    random = np.random.default_rng(20240117)
    days = np.busday_offset("2010-01-04", np.arange(252), roll="forward").astype("M8[ns]")

    def walk() -> dict[str, Any]:
        start = np.exp(random.uniform(np.log(8), np.log(400)))
        close = np.round(start * np.exp(np.cumsum(random.normal(scale=0.018, size=252))), 2)
        open_ = np.round(close * (1 + random.normal(scale=0.004, size=252)), 2)
        high, low = np.maximum(open_, close), np.minimum(open_, close)
        return {"time": days, "open": open_, "high": high, "low": low, "close": close, "volume": np.full(252, 1e6)}

    return {f"A{at:05d}": walk() for at in range(50)}


class Told(barrow.Strategy):
    """Is told of crossings."""

    name = "told"
    fast, slow, shares = 10, 50, 100

    def setup(self, setup: Any) -> None:
        self.cross = setup.mean_cross("close", self.fast, self.slow)

    def on_bar(self, ctx: Any) -> None:
        for asset, above in ctx.changes(self.cross):
            ctx.order_target(asset, self.shares if above else 0)


class Values(barrow.Strategy):
    """Compares two indicators of each asset."""

    name = "values"
    fast, slow, shares = 10, 50, 100

    def setup(self, setup: Any) -> None:
        self.means = setup.sma("close", self.fast), setup.sma("close", self.slow)

    def on_bar(self, ctx: Any) -> None:
        fast, slow = self.means
        for asset in ctx.active:
            long = ctx.value(asset, slow)
            if long is not None:
                ctx.order_target(asset, self.shares if ctx.value(asset, fast) > long else 0)


class Windows(barrow.Strategy):
    """Means of the window of each asset."""

    name = "windows"
    fast, slow, shares = 10, 50, 100

    def on_bar(self, ctx: Any) -> None:
        for asset in ctx.active:
            closes = ctx.history(asset, "close", self.slow)
            if len(closes) == self.slow:
                above = closes[-self.fast :].sum() * self.slow > closes.sum() * self.fast
                ctx.order_target(asset, self.shares if above else 0)


class Wide(barrow.Strategy):
    """Means of the windows of all assets at once."""

    name = "wide"
    fast, slow, shares = 10, 50, 100

    def on_bar(self, ctx: Any) -> None:
        closes = ctx.panel("close", self.slow)
        above = closes[:, -self.fast :].mean(axis=1) > closes.mean(axis=1)
        known = ~np.isnan(closes[:, 0])
        ctx.order_targets(np.where(known, np.where(above, float(self.shares), 0.0), np.nan))


def sampled(calls: dict[str, Callable[[], Any]], samples: int) -> dict[str, list[float]]:
    """Milliseconds of each call, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(samples + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:
                times[name].append((time.perf_counter() - began) * 1e3)
    return times


def row(name: str, times: list[float], bar: str = "-") -> None:
    print(f"| {name} | {statistics.median(times):.3g} ms | {min(times):.3g} ms | {len(times)} | {bar} |", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ray", action="store_true", help="also on a Ray cluster of two nodes on this machine")
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as root:
        os.environ["BARROW_ROOT"] = root
        barrow.ingest("S", market())
        bundle = barrow.open("S")
        print("| what | median | least | samples | bar |\n| --- | --- | --- | --- | --- |")
        one: dict[str, Callable[[], Any]] = {
            "one sma-cross over S, built-in": lambda: barrow.backtest(bundle, "sma-cross"),
            "the same as a class that is told of crossings": lambda: barrow.backtest(bundle, Told),
            "... of two indicators": lambda: barrow.backtest(bundle, Values),
            "... of panels": lambda: barrow.backtest(bundle, Wide),
            "... of the window of each asset": lambda: barrow.backtest(bundle, Windows),
        }
        for name, times in sampled(one, 15).items():
            row(name, times, "-" if "built-in" in name else "60 ms")
        for workers in (1, 2):
            grid = {"": lambda: barrow.sweep(bundle, "sma-cross", GRID, workers=workers, progress=False)}  # noqa: B023
            row(f"100 points of sma-cross over S, {workers} worker(s)", sampled(grid, 40)[""], "6 ms")
        pool = {"": lambda: barrow.sweep(bundle, Told, GRID, workers=2, progress=False)}
        row("100 points of a class over S, 2 processes", sampled(pool, 10)[""])
        for name, strategy in {"100 points of sma-cross": "sma-cross", "the same of a class": Told}.items():
            found = barrow.sweep(bundle, strategy, GRID, workers=2, progress=False)
            test = {"": lambda: found.permutation_test(10, progress=False)}  # noqa: B023
            row(f"{name} over 10 permuted markets", sampled(test, 10)[""])
        if wanted.ray:
            on_ray(bundle)


def on_ray(bundle: barrow.Bundle) -> None:
    """1000 trials on two nodes beside the pool of processes."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray runs its workers at niceness 15 otherwise, where they yield to all else on the machine, as the pool's do not.
    os.environ["RAY_worker_niceness"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 78 * 2**20}
    cluster: Any = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    ray.init(address=cluster.address, log_to_driver=False)
    space = {"fast": "int(2..20)", "slow": "int(25..70)"}
    search: dict[str, Any] = {"search": "random", "trials": 1000, "progress": False}
    free = ray.available_resources()["object_store_memory"]
    for name, strategy in (("built-in", "sma-cross"), ("a class", Told)):
        calls = {
            "the pool": lambda: barrow.sweep(bundle, strategy, space, workers=2, isolate=True, **search),  # noqa: B023
            "Ray": lambda: barrow.ray.sweep(bundle, strategy, space, **search),  # noqa: B023
        }
        times = sampled(calls, 9)
        for way, taken in times.items():
            row(f"1000 trials over S, {name}, 2 processes of {way}", taken)
        ratio = statistics.median(p / r for p, r in zip(times["the pool"], times["Ray"]))
        print(f"| throughput of Ray : that of the pool, {name} | {ratio:.2f} | | 9 | 0.8 |")
    used = free - ray.available_resources()["object_store_memory"]
    print(f"| object store, bytes a trial | {used / 20_000:.1f} | | 20000 | 1024 |")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())
