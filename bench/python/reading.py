"""Times the Python package's calls on M (3000 assets, ten years of daily bars), beside its bars.

Usage: python reading.py [--work DIR] [--json FILE]

Needs the package in release (`pip install ./python`), numpy, polars and pyarrow. M is made once in DIR (about 0.7 GB with what
makes it) and reused. Fresh processes measure what happens once a process: import, opening, memory. The rest is the median of
repeated calls in one process, page cache warm.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ASSETS, BARS = 3000, 2520
MIB = 1 << 20


def make(root: Path) -> None:
    """Publishes M: seeded walks in cents."""
    import numpy as np

    import barrow

    random = np.random.default_rng(20_240_117)
    days = np.arange("2010-01-04", "2030-01-01", dtype="M8[D]")
    days = days[np.is_busday(days)][:BARS].astype("M8[ns]")
    start = np.exp(random.uniform(np.log(8), np.log(400), size=(ASSETS, 1)))
    close = start * np.exp(np.cumsum(random.normal(scale=0.018, size=(ASSETS, BARS)), axis=1))
    close = np.clip(np.round(close, 2), 1.0, 4000.0)
    rows = {
        "symbol": np.repeat(np.array([f"A{place:05}" for place in range(ASSETS)], dtype=object), BARS),
        "time": np.tile(days, ASSETS),
        "open": close.ravel(),
        "high": np.round(close * 1.01, 2).ravel(),
        "low": np.round(close * 0.99, 2).ravel(),
        "close": close.ravel(),
        "volume": np.floor(np.exp(random.normal(13, 0.8, size=ASSETS * BARS))),
    }
    barrow.ingest("M", rows, root=root, memory="4GiB")
    barrow.ingest("warm", {name: column[:BARS] for name, column in rows.items()}, root=root)


def fresh(program: str, root: Path, runs: int) -> list[float]:
    """What a program prints, each time in a process of its own."""
    environment = {**os.environ, "BARROW_ROOT": str(root)}
    found = []
    for _ in range(runs + 1):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        found.append(float(done.stdout))
    return found[1:]


def repeated(call: Callable[[], object], runs: int, batch: int = 1) -> list[float]:
    call()
    found = []
    for _ in range(runs):
        begun = time.perf_counter()
        for _ in range(batch):
            call()
        found.append((time.perf_counter() - begun) / batch)
    return found


IMPORT = """
import time, sys
import numpy
begun = time.perf_counter()
import barrow
print(time.perf_counter() - begun)
assert not {"pandas", "pyarrow", "polars"} & set(sys.modules)
"""
OPEN = """
import time
import numpy, barrow
warm = numpy.zeros(3).sum()
begun = time.perf_counter()
close = barrow.open("M")["A01500"].close
first = close[0]
print(time.perf_counter() - begun)
"""
#: The first table of a process that has made one of another bundle, with what that brings in.
TABLE = """
import time
import numpy, pyarrow, polars, barrow
pyarrow.table(barrow.open("warm"))
bundle = barrow.open("M", verify="{verify}")
begun = time.perf_counter()
{taken}
print(time.perf_counter() - begun)
"""
FIRST = [
    ("pages compared, pyarrow with symbols", "pages", "pyarrow.table(bundle)"),
    ("pages compared, pyarrow, columns alone", "pages", "pyarrow.table(bundle.arrow(symbols=None))"),
    ("pages compared, to_polars()", "pages", "bundle.to_polars()"),
    ("not compared, pyarrow with symbols", "never", "pyarrow.table(bundle)"),
    ("not compared, pyarrow with runs", "never", "pyarrow.table(bundle.arrow(symbols='runs'))"),
]
#: Scans M and waits, so that all processes hold it at once.
HOLD = """
import sys
import numpy, barrow
{scan}
print("ready", flush=True)
sys.stdin.readline()
with open("/proc/self/smaps_rollup") as rollup:
    print(next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")), flush=True)
sys.stdin.readline()
"""
SCAN = 'bundle = barrow.open("M"); total = sum(float(bundle[s].close.sum()) for s in bundle.symbols)\n' + (
    'total += sum(float(bundle.column(name).sum()) for name in ("open", "high", "low", "volume"))\n'
    'total += int(bundle.column("time").view("i8")[::7].sum())'
)


def proportional_mib(scan: str, root: Path, processes: int) -> float:
    """The sum of the proportional set sizes of processes that all hold what they scanned."""
    environment = {**os.environ, "BARROW_ROOT": str(root)}
    command = [sys.executable, "-c", HOLD.format(scan=scan)]
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) for _ in range(processes)
    ]

    def ask(process: subprocess.Popen[str]) -> str:
        assert process.stdin is not None and process.stdout is not None
        return process.stdout.readline()

    def tell(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    assert all(ask(process).strip() == "ready" for process in running)
    for process in running:
        tell(process)
    total = sum(int(ask(process)) for process in running)
    for process in running:
        tell(process)
        process.wait()
    return total / 1024


def measure(root: Path) -> list[tuple[str, float, float | None, str]]:
    import numpy as np
    import polars as pl
    import pyarrow as pa

    import barrow

    rows: list[tuple[str, float, float | None, str]] = []

    def row(what: str, seconds: list[float], scale: float, unit: str, most: float | None) -> None:
        rows.append((what, statistics.median(seconds) * scale, most, unit))

    row("import barrow, over NumPy's own import", fresh(IMPORT, root, 15), 1e3, "ms", 25)
    bundle = barrow.open("M", root=root)
    of_file = OPEN.replace('"M"', repr(str(bundle.path)))
    row("open a file to its first close, fresh process", fresh(of_file, root, 15), 1e6, "us", 200)
    row("open the catalog's newest, likewise", fresh(OPEN, root, 15), 1e6, "us", 200)

    def five() -> None:
        bars = bundle["A01500"]
        bars.open, bars.high, bars.low, bars.close, bars.volume  # noqa: B018

    row("one asset, five columns", repeated(five, 50, 10_000), 1e6, "us", 3)
    time_ = bundle.calendar[BARS // 2]
    row("close of all assets on one date", repeated(lambda: bundle.cross_section("close", time_), 200), 1e6, "us", 120)
    row("panel of close, whole", repeated(lambda: bundle.panel("close"), 10), 1e3, "ms", None)
    plain = bundle.arrow(symbols=None)
    ways: list[tuple[str, Callable[[], object], float | None]] = [
        ("M to pyarrow, with symbols", lambda: pa.table(bundle), 1),
        ("M to polars by to_polars(), with symbols", bundle.to_polars, 1),
        ("M to polars by DataFrame(), with codes", lambda: pl.DataFrame(bundle.arrow(symbols="codes")), 1),
        ("M to polars by DataFrame(), columns alone", lambda: pl.DataFrame(plain), 1),
        ("M to polars by DataFrame(), with symbols, which it copies", lambda: pl.DataFrame(bundle), None),
        ("M to pandas by to_pandas(), with symbols", bundle.to_pandas, None),
    ]
    for what, call, most in ways:
        row(what, repeated(call, 100 if most else 10), 1e3, "ms", most)
    for what, verify, taken in FIRST:
        program = TABLE.format(verify=verify, taken=taken)
        row(f"... the first of a process: {what}", fresh(program, root, 9), 1e3, "ms", None)
    frames, table = [pl.DataFrame(plain), bundle.to_polars()], pa.table(bundle)
    for name in bundle.column_names:
        address = bundle.column(name).ctypes.data
        assert table.column(name).chunk(0).buffers()[1].address == address, name
        for frame in frames:
            assert frame[name].to_physical().to_numpy().ctypes.data == address, name
    assert np.shares_memory(bundle.column("close"), bundle["A01500"].close)
    one = bundle.path.stat().st_size / MIB
    alone = proportional_mib("", root, 8)
    scanned = proportional_mib(SCAN, root, 8)
    extra = scanned - alone
    rows.append((f"8 processes scan M ({one:.0f} MiB), PSS over interpreters and NumPy", extra, one + 8 * 8, "MiB"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "barrow-bench-python")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    root = options.work / "catalog"
    if not (root / "M" / "HEAD").exists():
        make(root)
    rows = measure(root)
    print(f"{'what':<72} {'median':>10} {'bar':>8}")
    for what, value, most, unit in rows:
        verdict = "" if most is None else f"{most:8.0f}  {'holds' if value <= most else 'MISSED'}"
        print(f"{what:<72} {value:7.2f} {unit:>3} {verdict}")
    if options.json:
        members = ("what", "value", "bar", "unit")
        options.json.write_text(json.dumps([dict(zip(members, row)) for row in rows], indent=1))


if __name__ == "__main__":
    main()
