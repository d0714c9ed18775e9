"""Pushing and fetching measured from Python: over a directory and over HTTP. Prints a Markdown table.

    pip install ./python numpy fsspec aiohttp
    python bench/python/remotes.py [--assets 1000] [--work DIR]

The bundle is made here, of seeded walks, ten years of daily bars an asset. The web server is Python's own, in a process of its own.
Each row is the median of several samples, the least beside it; a copy of the same file by the operating system, flushed, is what a disk
can do at most.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import barrow

BARS = 2520


def make(root: Path, assets: int) -> barrow.Bundle:
    random = np.random.default_rng(20_240_117)
    days = np.busday_offset("2010-01-04", np.arange(BARS), roll="forward").astype("M8[ns]")
    close = np.round(100 * np.exp(np.cumsum(random.normal(scale=0.01, size=(assets, BARS)), axis=1)), 2)
    rows = {
        "symbol": np.repeat(np.array([f"A{place:05}" for place in range(assets)], dtype=object), BARS),
        "time": np.tile(days, assets),
        **dict.fromkeys(("open", "high", "low", "close"), close.ravel()),
        "volume": np.floor(np.exp(random.normal(13, 0.8, size=assets * BARS))),
    }
    barrow.ingest("market", rows, root=root, progress=False)
    return barrow.open("market", root=root)


def copied(source: Path, to: Path) -> None:
    shutil.copyfile(source, to)
    with open(to, "rb") as file:
        os.fsync(file.fileno())


def row(what: str, call: Callable[[int], object], moved: int, samples: int) -> None:
    seconds = []
    for sample in range(samples):
        begun = time.perf_counter()
        call(sample)
        seconds.append(time.perf_counter() - begun)
    middle, least = statistics.median(seconds), min(seconds)
    rate = f"{moved / middle / 1e6:.0f} MB/s" if moved else "-"
    print(f"| {what} | {middle * 1e3:.1f} ms | {least * 1e3:.1f} ms | {rate} | {samples} |", flush=True)


def served(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A web server of a folder, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        folder = Path(work)
        bundle = make(folder / "catalog", options.assets)
        size, source = bundle.path.stat().st_size, bundle.path
        print(f"{size / 1e6:.0f} MB of {options.assets} assets\n\n| what | median | least | | samples |\n| --- | --- | --- | --- | --- |")
        row("copy of the file, flushed", lambda at: copied(source, folder / f"copy{at}"), size, 5)
        row("push to a directory", lambda at: barrow.push("market", folder / f"push{at}", root=folder / "catalog"), size, 5)
        row("the same again: all is there", lambda at: barrow.push("market", folder / "push0", root=folder / "catalog"), 0, 5)
        row("fetch from a directory", lambda at: barrow.fetch("market", folder / "push0", root=folder / f"here{at}"), size, 5)
        version = bundle.version
        row("the same again, by its version", lambda at: barrow.fetch("market", folder / "push0", version, root=folder / "here0"), 0, 20)
        server, url = served(folder / "push0")
        try:
            row("fetch over HTTP", lambda at: barrow.fetch("market", url, root=folder / f"web{at}"), size, 5)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
