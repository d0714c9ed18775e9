"""Promise: a view is valid for as long as anybody holds it, whatever becomes of bundle, pool, version, thread or process.

Method: views are taken and their owners dropped at random, with a collection after every few steps; files are pruned and
unlinked under them; threads and processes read the same bundle at once. Values are compared with those that went in.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow

Rows = dict[str, Any]


@contextmanager
def collecting_at_every_allocation() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def closes(rows: Rows) -> dict[str, Any]:
    return {symbol: rows["close"][rows["symbol"] == symbol] for symbol in np.unique(rows["symbol"])}


def test_views_under_the_stress_of_collections(root: Path, rows: Rows) -> None:
    barrow.ingest("plain", rows)
    barrow.ingest("packed", rows, compression="auto")
    expected = closes(rows)
    choose = random.Random(5)
    with collecting_at_every_allocation():
        held: list[tuple[str, Any]] = []
        for _ in range(400):
            bundle = barrow.open(choose.choice(["plain", "packed"]))
            symbol = choose.choice(bundle.symbols)
            bars = bundle[symbol]
            view = choose.choice([bars.close, bars.last(99).close, bars["close"][:]])
            held.append((symbol, view[::1]))
            if choose.random() < 0.1:
                barrow.pool.clear()
            if len(held) > 20:
                held.pop(choose.randrange(len(held)))
            del bundle, bars, view
            name, values = choose.choice(held)
            assert np.array_equal(values, expected[name])


def test_a_view_outlives_its_version(root: Path, rows: Rows) -> None:
    barrow.ingest("market", rows)
    close = barrow.open("market")["AAA"].close
    again = {name: values.copy() for name, values in rows.items()}
    again["close"] += 0.01
    barrow.ingest("market", again)
    catalog = barrow.catalog()
    pruned = catalog.prune("market", keep=1)
    assert [reason for _, reason in pruned.spared] == ["leased"], "a view keeps its version from being pruned"
    for part in (root / "market" / "parts").iterdir():
        part.unlink()
    barrow.pool.clear()
    np.testing.assert_array_equal(close, closes(rows)["AAA"])
    del close
    gc.collect()
    assert len(catalog.prune("market", keep=1).removed) == 1


def test_threads_share_one_opening(root: Path, rows: Rows) -> None:
    barrow.ingest("market", rows, compression="auto")
    expected = closes(rows)
    misses = barrow.pool.stats.misses
    gate = threading.Barrier(8)

    def work(seed: int) -> bool:
        gate.wait()
        choose = random.Random(seed)
        good = True
        for _ in range(50):
            symbol = choose.choice(list(expected))
            good &= np.array_equal(barrow.open("market")[symbol].close, expected[symbol])
        return good

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))
    assert barrow.pool.stats.misses == misses + 1


def total(bundle: barrow.Bundle, symbol: str) -> float:
    return float(bundle[symbol].close.sum())


def test_a_pickle_opens_the_version_from_the_pool(bundle: barrow.Bundle, rows: Rows, root: Path) -> None:
    text = pickle.dumps(bundle)
    assert len(text) < 400
    assert str(root).encode() not in text, "the default catalog is that of whoever reads the pickle"
    again = pickle.loads(text)
    assert again["AAA"].close.ctypes.data == bundle["AAA"].close.ctypes.data
    version = bundle.version
    changed = {name: values.copy() for name, values in rows.items()}
    changed["close"] += 0.01
    barrow.ingest("market", changed)
    assert barrow.open("market").version != version
    assert pickle.loads(text).version == version
    elsewhere = barrow.open("market", root=root)
    assert pickle.loads(pickle.dumps(elsewhere)).version == elsewhere.version
    assert str(root).encode() in pickle.dumps(elsewhere)
    checked = barrow.open("market", verify="digests", mode="read", paging=["prefault"])
    assert pickle.dumps(pickle.loads(pickle.dumps(checked))) == pickle.dumps(checked)
    catalog = pickle.loads(pickle.dumps(barrow.catalog()))
    assert catalog.root == root


def test_an_array_pickles_as_its_values(bundle: barrow.Bundle) -> None:
    close = pickle.loads(pickle.dumps(bundle["AAA"].close))
    np.testing.assert_array_equal(close, bundle["AAA"].close)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_open_what_they_are_sent(bundle: barrow.Bundle, rows: Rows, method: str) -> None:
    context = multiprocessing.get_context(method)
    expected = {symbol: float(values.sum()) for symbol, values in closes(rows).items()}
    with ProcessPoolExecutor(2, mp_context=context) as workers:
        found = workers.map(total, [bundle] * 3, bundle.symbols)
        assert dict(zip(bundle.symbols, found)) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_fork_reads_and_ends_without_harm(root: Path, rows: Rows) -> None:
    # A process of its own: a test runner that forks would go on twice.
    barrow.ingest("market", rows, compression="auto")
    script = """
import os, gc, barrow
bundle = barrow.open("market")
close = bundle["AAA"].close
before = close.sum()
child = os.fork()
if child == 0:
    bars = barrow.open("market")["BBB"].close.sum()      # hit in the inherited pool, decoded in the child
    same = close.sum() == before
    del bundle, close
    gc.collect()
    barrow.pool.clear()
    os._exit(0 if same and bars > 0 else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert close.sum() == before
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=60, cwd=root)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("crossing", ["sma-cross", "Crossing"])
def test_a_fork_runs_what_the_process_before_it_ran(bundle: barrow.Bundle, root: Path, crossing: str) -> None:
    script = """
import os, sys, barrow
from scripted import Crossing

def ran():
    strategy = "sma-cross" if sys.argv[1] == "sma-cross" else Crossing
    sweep = barrow.sweep("market", strategy, {"fast": [2, 3, 4]}, workers=2, slow=8)
    walk = barrow.walk_forward("market", strategy, {"fast": [2, 3]}, workers=2, train=25, test=10, slow=8)
    found = sweep.trials["sharpe"].tolist(), walk.equity.tolist(), sweep.permutation_test(2).values.tolist()
    sweep.report("page.html")
    return found

before = ran()
child = os.fork()
if child == 0:
    os._exit(0 if ran() == before else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert ran() == before
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, crossing]
    subprocess.run(command, check=True, timeout=60, cwd=root.parent, env=environment)


def test_joblib_sends_a_name(bundle: barrow.Bundle, rows: Rows) -> None:
    joblib = pytest.importorskip("joblib")
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(total)(bundle, symbol) for symbol in bundle)
    assert found == [float(values.sum()) for values in closes(rows).values()]


def test_dask_sends_a_name(bundle: barrow.Bundle, rows: Rows) -> None:
    dask = pytest.importorskip("dask")
    tasks = [dask.delayed(total)(bundle, symbol) for symbol in bundle]
    found = dask.compute(*tasks, scheduler="processes", num_workers=2)
    assert list(found) == [float(values.sum()) for values in closes(rows).values()]


def test_waiting_lets_other_threads_run(root: Path, rows: Rows) -> None:
    # The main thread can only let go of the lock if the waiting call let go of the interpreter's.
    fcntl = pytest.importorskip("fcntl")
    barrow.ingest("market", rows)
    late = {name: values[-1:].copy() for name, values in rows.items()}
    late["time"] += np.timedelta64(30, "D")
    with open(root / "market" / "LOCK", "r+") as lock, ThreadPoolExecutor(1) as threads:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threads.submit(barrow.ingest, "market", late, append=True, wait=60.0)
        assert not waiting.done()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert waiting.result().change.rows_added == 1


def test_an_interrupt_ends_an_ingestion_without_a_trace(root: Path) -> None:
    script = """
import os, signal, sys, threading, numpy as np, barrow
count = 2_000_000
rows = {"time": np.arange(count) * 60_000_000_000 + 1_600_000_000_000_000_000, "close": np.ones(count)}
barrow.ingest("warm", {name: values[:9] for name, values in rows.items()}, symbol="X", frequency="1m")
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    while True:
        rows["close"] += 1.0
        barrow.ingest("endless", rows, symbol="X", append=False, frequency="1m")
except KeyboardInterrupt:
    sys.exit(7)
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=120, cwd=root.parent, check=False)
    assert ended.returncode == 7
    assert [path for path in root.rglob(".tmp-*")] == []
    if "endless" in barrow.catalog():
        barrow.open("endless").verify()


@pytest.mark.parametrize(
    "call",
    [
        "barrow.ingest('market', late, append=True, wait=3600)",
        "catalog.prune('market', keep=1, wait=3600)",
        "catalog.restore('market', catalog.versions('market')[0].version, wait=3600)",
        "catalog.compact('market', wait=3600)",
        "barrow.fetch('market', sys.argv[1], root=sys.argv[2])",
    ],
)
def test_an_interrupt_ends_waiting_for_another_writer(bundle: barrow.Bundle, root: Path, call: str) -> None:
    fcntl = pytest.importorskip("fcntl")
    store, other = root.parent / "store", root.parent / "other"
    barrow.push("market", store)
    (other / "market").mkdir(parents=True)
    script = f"""
import os, signal, sys, threading, numpy as np, barrow
signal.signal(signal.SIGINT, signal.default_int_handler)
catalog = barrow.catalog()
late = {{"symbol": ["AAA"], "time": [np.datetime64("2021-01-04")]}}
late.update((name, [1.0]) for name in ("open", "high", "low", "close", "volume"))
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    {call}
except KeyboardInterrupt:
    sys.exit(7)
"""
    folder = other if "fetch" in call else root
    with open(folder / "market" / "LOCK", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program = [sys.executable, "-c", script, str(store), str(other)]
        ended = subprocess.run(program, timeout=120, check=False)
    assert ended.returncode == 7
