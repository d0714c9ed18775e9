"""CSV folders to a store: Barrow and others in turns, so that a busy moment strikes all of them.

    python ingest.py SETS --barrow target/release/barrow [--runs 5] [--sets M L]

Each turn is a fresh process that reads SETS/<set>/csv/*.csv and ends with its store on the disk. Barrow's
turn parses, checks, hashes, flushes and publishes; the others' turns are those of storage.py. The import
of a peer's modules is not counted.
"""
from __future__ import annotations

import argparse
import glob
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {
    "polars to Parquet": ("csv_polars", "polars"),
    "pyarrow to Arrow IPC": ("csv_arrow", "pyarrow.csv"),
    "DuckDB": ("csv_duckdb", "duckdb"),
}


def peer_turn(peer, folder, out):
    function, module = PEERS[peer]
    code = (
        f"import sys, glob, time; sys.path.insert(0, {HERE!r}); import storage, {module}\n"
        f"files = sorted(glob.glob({folder!r} + '/*.csv'))\n"
        f"s = time.perf_counter(); storage.{function}(files, {out!r}); print(time.perf_counter() - s)"
    )
    return float(subprocess.check_output([sys.executable, "-c", code]).split()[-1])


def barrow_turn(barrow, folder, root):
    shutil.rmtree(root, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run([barrow, "--root", root, "ingest", "bars", folder, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--barrow", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sets", nargs="+", default=["M", "L"])
    args = parser.parse_args()
    work = tempfile.mkdtemp(prefix="barrow-peers-", dir=os.environ.get("BENCH_WORK"))
    print("| CSV folder | store | median | range | against Barrow |\n| --- | --- | --- | --- | --- |")
    try:
        for name in args.sets:
            folder = os.path.join(args.root, name, "csv")
            files = len(glob.glob(folder + "/*.csv"))
            times = {who: [] for who in ("Barrow", *PEERS)}
            for run in range(args.runs + 1):
                for who in times:
                    out = os.path.join(work, who.split()[0])
                    took = barrow_turn(args.barrow, folder, out) if who == "Barrow" else peer_turn(who, folder, out)
                    if run:
                        times[who].append(took)
            own = statistics.median(times["Barrow"])
            for who, took in times.items():
                median = statistics.median(took)
                print(f"| {name}, {files} files | {who} | {median:.2f} s | {min(took):.2f} to {max(took):.2f} "
                      f"| {median / own:.1f} x |", flush=True)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
