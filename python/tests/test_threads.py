"""Promise: threads that use the same objects at once get what one thread alone gets, with the interpreter's lock and without one.

Method: jobs that reach every class of the extension are done alone, then by many threads in different orders, round after round, on
bundles that are opened anew, so that whatever is made at the first touch is made by several at once. A job is a name and a
function; what it returns is compared to the last bit. `BARROW_STRESS_ROUNDS` says how many rounds, where two are too few.
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pytest

import barrow
from barrow import validation
from barrow._barrow import Bundle, Context, Series, Settings, Setup, Signal, TrialRunner, ask_of
from scripted import Crossing, leader

THREADS = 8
ROUNDS = int(os.environ.get("BARROW_STRESS_ROUNDS", "2"))

SPACE = {"fast": "2..4", "slow": [5, 8]}


class Shared(NamedTuple):
    """What all threads of a round have in common."""

    plain: Bundle
    packed: Bundle
    bars: barrow.Bars
    table: barrow.Table
    run: barrow.Performance
    swept: barrow.Sweep
    space: barrow.Space
    runner: TrialRunner
    asks: list[bytes]
    targets: Any


def shared() -> Shared:
    plain, packed = barrow.open("plain"), barrow.open("packed")
    settings = Settings(1e5, "bps:7", "none")
    return Shared(
        plain=plain,
        packed=packed,
        bars=packed["BBB"],
        table=packed.query("time, close, ret = returns(close)", filter="close > 40"),
        run=barrow.backtest(packed, "sma-cross", fast=3, slow=8),
        swept=barrow.sweep(plain, "sma-cross", SPACE, workers=2),
        space=barrow.Space(fast="2..20:2", slow=[25, 50], constraints=["fast < slow"]),
        runner=TrialRunner(plain, "sma-cross", settings, [], 0, 2),
        asks=[ask_of(at, {"fast": 2 + at, "slow": 9}) for at in range(4)],
        targets=np.array([10.0, np.nan, -5.0]),
    )


class Told(Crossing):
    """Declares all that can be declared, and looks at everything, with a helper thread that does the same."""

    name = "Told"
    _mean: Series

    def setup(self, setup: Setup) -> None:
        def declare(window: int) -> None:
            # As many of each as there are threads: which place is whose does not matter.
            for _ in range(10):
                setup.changes(setup.ema("close", window, keep=2))

        self._mean = setup.sma("close", 4, keep=2)
        super().setup(setup)
        helpers = [threading.Thread(target=declare, args=(3,)) for _ in range(3)]
        together(helpers)

    def on_bar(self, ctx: Context) -> None:
        if ctx.elapsed % 8:
            return super().on_bar(ctx)
        seen: list[Any] = []
        helpers = [threading.Thread(target=lambda: seen.append(glance(ctx, self._mean, self._cross))) for _ in range(2)]
        together(helpers)
        assert exact(seen[0]) == exact(seen[1]) == exact(glance(ctx, self._mean, self._cross))
        super().on_bar(ctx)


class Kept(Crossing):
    """Hands its context to a thread that goes on reading it while the run goes on, and tries to order when it may not."""

    name = "Kept"
    _reader: threading.Thread | None
    _is_over: threading.Event
    _broken: list[BaseException]

    def setup(self, setup: Setup) -> None:
        super().setup(setup)
        self._reader, self._is_over, self._broken = None, threading.Event(), []

    def read(self, ctx: Context) -> None:
        try:
            while not self._is_over.is_set():
                rows = ctx.bars_so_far("AAA")
                assert rows <= len(ctx.history("AAA", "close", 1000))
                assert ctx.panel("close", 3).shape == (3, 3)
                ctx.equity, ctx.positions, ctx.open_quantities, ctx.active, ctx.changes(self._cross)
                try:
                    ctx.order(0, 0.0)
                except RuntimeError as error:
                    assert "within `on_bar`" in str(error)
        except BaseException as error:
            self._broken.append(error)

    def on_bar(self, ctx: Context) -> None:
        if self._reader is None:
            self._reader = threading.Thread(target=self.read, args=(ctx,))
            self._reader.start()
        super().on_bar(ctx)
        if ctx.elapsed == 59:
            self._is_over.set()
            self._reader.join()
            assert not self._broken, self._broken


class Targets(barrow.Strategy):
    """Orders from an array that every run has in common."""

    targets: Any = None

    def on_bar(self, ctx: Context) -> None:
        ctx.order_targets(self.targets)


def together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def glance(ctx: Context, mean: Series, cross: Signal) -> Any:
    each = [
        (
            ctx.symbol(asset), ctx.has_bar(asset), ctx.bars_so_far(asset), ctx.history(asset, "high", 5), ctx.price(asset),
            ctx.value(asset, mean), ctx.position(asset), ctx.open_quantity(asset),
        )
        for asset in ctx.assets
    ]  # fmt: skip
    wide = (ctx.panel("close", 4), ctx.prices(), ctx.values(mean), ctx.changes(cross), ctx.positions, ctx.open_quantities)
    return each, wide, ctx.now, ctx.now_ns, ctx.symbols, ctx.active, ctx.cash, ctx.initial_cash, ctx.equity


def exact(value: Any) -> Any:
    """A value as something that equals only itself, to the last bit."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tolist() if value.dtype == object else value.tobytes()
    if isinstance(value, (np.generic, float)):
        return exact(np.asarray(value))
    if isinstance(value, dict) or hasattr(value, "keys"):
        return [(name, exact(value[name])) for name in value.keys()]
    if isinstance(value, (tuple, list)):
        return [exact(one) for one in value]
    return value


def run_of(performance: barrow.Performance) -> Any:
    facts, metrics = performance.facts, performance.metrics
    return exact([facts, metrics, performance.equity, performance.fills, performance.trades, performance.open_orders])


def arrow(source: Any) -> Any:
    return pyarrow.table(source).to_pydict()


def asset_of(bundle: Bundle) -> Any:
    described = [(it.symbol, it.ordinal, it.rows, it.first, it.last, it.metadata) for it in bundle.assets]
    columns = [(it.name, it.stored, it.kind, it.scale, it.values, np.asarray(it)) for it in bundle.columns.values()]
    return described, columns, bundle.adjustments, bundle.symbols, bundle.sessions, bundle.calendar


def stretches(bars: barrow.Bars) -> Any:
    few = bars.last(9).first(5)
    return [bars.times, few.close, bars.between("2020-02").volume, bars["low"], bars.open, few.symbol, len(few), arrow(few)]


def same_error(bundle: Bundle) -> str:
    with pytest.raises(barrow.errors.UnknownSymbolError) as caught:
        bundle["AAB"]
    return f"{caught.value} {caught.value.nearest}"


def another(bundle: Bundle, number: Iterator[int] = itertools.count()) -> Any:
    """A bundle of its own: published, grown, looked at in the catalog and pruned."""
    name = f"own-{next(number)}"
    bars = bundle["AAA"]
    columns = {column: bars[column].copy() for column in bars.column_names}
    head, tail = ({column: values[cut] for column, values in columns.items()} for cut in (slice(0, 40), slice(40, None)))
    barrow.ingest(name, {"AAA": head})
    barrow.ingest(name, {"AAA": tail}, append=True)
    catalog = barrow.catalog()
    history = [(it.generation, it.change.kind, it.change.rows_added) for it in catalog.history(name)]
    left = catalog.prune(name, keep=1)
    # The pool may have it still, or not.
    assert len(left.removed) + len(left.spared) == 1
    return history, barrow.open(name)["AAA"].close


def reopened(bundle: Bundle) -> Any:
    barrow.pool.clear()
    barrow.pool.capacity = random.choice([1, 2, 100])
    again = pickle.loads(pickle.dumps(bundle))
    return again.version, again["CCC"].close, barrow.pool.stats.hits >= 0


JOBS: dict[str, Callable[[Shared], Any]] = {
    "assets and columns": lambda it: asset_of(it.packed),
    "assets and columns, mapped": lambda it: asset_of(it.plain),
    "stretches": lambda it: stretches(it.bars),
    "iterators": lambda it: [(symbol, it.plain[symbol].close) for symbol in it.plain],
    "panel": lambda it: [it.packed.panel("close").values, it.packed.panel("volume", "2020-02").values],
    "cross-section": lambda it: it.packed.cross_section("open", "2020-02-03"),
    "arrow": lambda it: arrow(it.plain),
    "arrow, packed": lambda it: arrow(it.packed),
    "runs": lambda it: [arrow(it.packed.arrow(["close"], symbols="runs"))["close"]],
    "one table": lambda it: arrow(it.table),
    "query": lambda it: arrow(it.plain.query(group_by="asset", agg=["mean(close)", "count(*)"], threads=2)),
    "as of": lambda it: arrow(it.plain.query(asof=it.packed, asof_name="other", top=5, by="close")),
    "error": lambda it: same_error(it.plain),
    "verify": lambda it: it.packed.verify(threads=2),
    "reopened": lambda it: reopened(it.packed),
    "another": lambda it: another(it.plain),
    "built-in": lambda it: run_of(barrow.backtest(it.packed, "mean-reversion", commission="bps:7")),
    "told": lambda it: run_of(barrow.backtest(it.packed, Told)),
    "kept": lambda it: run_of(barrow.backtest(it.plain, Kept)),
    "targets": lambda it: run_of(barrow.backtest(it.plain, type("Targets", (Targets,), {"targets": it.targets}))),
    "weights": lambda it: run_of(barrow.backtest(it.plain, leader, causality_checks=2)),
    "one run": lambda it: run_of(it.run),
    "one run, imagined": lambda it: [it.run.permutation_test(4), it.run.noise_test(3)],
    "scripted, imagined": lambda it: barrow.backtest(it.plain, Crossing).permutation_test(2),
    "sweep, imagined": lambda it: it.swept.permutation_test(3),
    "sweep": lambda it: barrow.sweep(it.packed, "sma-cross", SPACE, workers=2).trials,
    "scripted sweep": lambda it: barrow.sweep(it.packed, Crossing, SPACE, workers=1).trials,
    "search": lambda it: barrow.sweep(it.plain, "sma-cross", SPACE, search="tpe", trials=5, seed=3).trials,
    "one sweep": lambda it: [it.swept.trials, it.swept.best, it.swept.front, it.swept.verdict(), run_of(it.swept.run())],
    "walk-forward": lambda it: barrow.walk_forward(it.plain, "sma-cross", SPACE, train=20, test=10).table,
    "paths": lambda it: barrow.cross_validate(it.plain, "sma-cross", SPACE, groups=4, test_groups=1).equity,
    "space": lambda it: [it.space.point(3), it.space.at([0.3, 0.9]), len(it.space), pickle.loads(pickle.dumps(it.space)).names],
    "runner": lambda it: sorted(it.runner.run(it.asks)),
    "statistics": lambda it: [validation.moments(it.run.returns), validation.trade_order(1e5, it.run.trades["profit"], 50)],
}


@pytest.fixture
def bundles(root: Path, rows: dict[str, Any]) -> Iterator[None]:
    barrow.ingest("plain", rows)
    barrow.ingest("packed", rows, compression="auto")
    capacity, interval = barrow.pool.capacity, sys.getswitchinterval()
    # Threads take turns as often as they can, where they take turns.
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)
    barrow.pool.capacity = capacity


def test_many_threads_get_what_one_gets(bundles: None) -> None:
    expected = {name: exact(job(shared())) for name, job in JOBS.items()}
    assert len({pickle.dumps(value) for value in expected.values()}) > len(JOBS) / 2
    # A deadlock shows where it is, instead of the test running for ever.
    faulthandler.dump_traceback_later(300 + 60 * ROUNDS, exit=True)
    for turn in range(ROUNDS):
        barrow.pool.clear()
        once = shared()
        gate, wrong = threading.Barrier(THREADS), list[str]()

        def work(seed: int, once: Shared = once, gate: threading.Barrier = gate, wrong: list[str] = wrong) -> None:
            names = random.Random(seed).sample(list(JOBS), len(JOBS))
            gate.wait()
            for name in names:
                try:
                    found = exact(JOBS[name](once))
                    if found != expected[name]:
                        wrong.append(f"{name}: {str(found)[:200]} for {str(expected[name])[:200]}")
                except BaseException as error:
                    wrong.append(f"{name}: {error!r}")

        together([threading.Thread(target=work, args=(THREADS * turn + at,)) for at in range(THREADS)])
        assert not wrong, sorted(set(wrong))
    faulthandler.cancel_dump_traceback_later()


def test_a_stream_is_taken_once(bundles: None) -> None:
    """Of the threads that are handed one and the same stream, one gets it."""
    frame = pyarrow.table({"symbol": ["A"], "time": np.array(["2020-01-01"], "M8[ns]"), "close": [1.0]})

    class Once:
        def __init__(self) -> None:
            self.capsule = frame.__arrow_c_stream__()

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self.capsule

    for _ in range(10 * ROUNDS):
        source, taken = Once(), list[bool]()
        gate = threading.Barrier(THREADS)

        def take(at: int, source: Once = source, taken: list[bool] = taken, gate: threading.Barrier = gate) -> None:
            gate.wait()
            try:
                barrow.ingest(f"taken-{at}", source, wait=10.0)
                taken.append(True)
            except ValueError:
                taken.append(False)

        together([threading.Thread(target=take, args=(at,)) for at in range(THREADS)])
        assert sorted(taken) == [False] * (THREADS - 1) + [True]
