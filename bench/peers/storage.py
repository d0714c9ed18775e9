"""What other stores take for the same questions, over the sets that bardata.py writes.

    python storage.py SETS [--runs 11] [--sets M L]

SETS/<set>/truth/*.npy and SETS/<set>/csv/*.csv are the comparison script's output. Prints a table with
medians; every answer is checked against the arrays first. Run it in the same session as barrow-bench,
with nothing else on the machine.
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

import numpy as np

COLUMNS = ("open", "high", "low", "close", "volume")


def sample(runs, work, calls=1):
    """Seconds of one call of work, the median of `runs` samples after one to warm up."""
    work()
    out = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        out.append((time.perf_counter() - start) / calls)
    return statistics.median(out), min(out), max(out)


def show(what, seconds):
    median, low, high = seconds
    for unit, scale in (("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if median * scale >= 1:
            break
    print(f"| {what} | {median * scale:.3g} {unit} | {low * scale:.3g} to {high * scale:.3g} |", flush=True)


def truth(root, name):
    folder = os.path.join(root, name, "truth")
    data = {c: np.asarray(np.load(f"{folder}/{c}.npy", mmap_mode="r")) for c in COLUMNS}
    return np.load(f"{folder}/ts.npy"), data


def write_arrow(path, ts, data):
    import pyarrow as pa

    schema = pa.schema([("ts", pa.int64())] + [(c, pa.float64()) for c in COLUMNS])
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for i in range(len(data["close"])):
            arrays = [pa.array(ts)] + [pa.array(data[c][i]) for c in COLUMNS]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


OPEN = {
    "numpy memmap": "import numpy as np\ndef go(p): return np.load(p + '/close.npy', mmap_mode='r')[0][0]",
    "Arrow IPC mapped": "import pyarrow as pa\ndef go(p):\n"
    "    b = pa.ipc.open_file(pa.memory_map(p)).get_batch(0)\n    return b.column(4).to_numpy()[0]",
}


def open_fresh(runs, peer, path):
    """Open to first close value in a fresh process, imports done."""
    code = OPEN[peer] + "\nimport sys, time\ns = time.perf_counter(); go(sys.argv[1])\nprint(time.perf_counter() - s)"
    out = [float(subprocess.check_output([sys.executable, "-c", code, path])) for _ in range(runs + 1)]
    return statistics.median(out[1:]), min(out[1:]), max(out[1:])


def reads(name, root, work, runs):
    import duckdb
    import pyarrow as pa

    ts, data = truth(root, name)
    assets, bars = data["close"].shape
    arrow = os.path.join(work, f"{name}.arrow")
    write = sample(3, lambda: write_arrow(arrow, ts, data))
    show(f"{name}: write from arrays, Arrow (no hash)", write)
    show(f"{name}: open, fresh process, numpy memmap", open_fresh(runs, "numpy memmap", os.path.join(root, name, "truth")))
    show(f"{name}: open, fresh process, Arrow IPC mapped", open_fresh(runs, "Arrow IPC mapped", arrow))

    picks = [i * 7 % assets for i in range(assets)]
    state = {"i": 0}

    def pick():
        state["i"] = (state["i"] + 1) % assets
        return picks[state["i"]]

    def five():
        i = pick()
        return [data[c][i] for c in COLUMNS]

    show(f"{name}: asset to five columns, numpy memmap", sample(runs, five, 2000))
    reader = pa.ipc.open_file(pa.memory_map(arrow))

    def five_arrow():
        batch = reader.get_batch(pick())
        return [batch.column(k + 1).to_numpy() for k in range(5)]

    show(f"{name}: asset to five columns, Arrow IPC mapped", sample(runs, five_arrow, 500))
    lo, hi = ts[bars // 3], ts[bars // 3 + 60]

    def window():
        i = pick()
        a, b = np.searchsorted(ts, (lo, hi))
        return data["close"][i][a:b]

    show(f"{name}: 60-bar window by dates, numpy memmap", sample(runs, window, 2000))
    t = bars // 2
    show(f"{name}: close of all assets at one time, numpy memmap", sample(runs, lambda: data["close"][:, t].copy(), 50))
    close, volume = data["close"].reshape(-1), data["volume"].reshape(-1)
    expected = float(np.dot(close, volume))
    show(f"{name}: sum(close x volume), numpy memmap", sample(runs, lambda: np.dot(close, volume)))

    db = os.path.join(work, f"{name}.duckdb")
    with duckdb.connect(db) as con:
        frame = pa.table({"asset": np.repeat(np.arange(assets, dtype=np.int32), bars), "ts": np.tile(ts, assets),
                          "close": np.ascontiguousarray(close), "volume": np.ascontiguousarray(volume)})
        con.execute("create table bars as select * from frame")
        query = "select sum(close * volume) from bars"
        assert abs(con.execute(query).fetchone()[0] / expected - 1) < 1e-9
        show(f"{name}: sum(close x volume), DuckDB", sample(runs, lambda: con.execute(query).fetchone()))
        at = int(ts[t])
        one = f"select close from bars where ts = {at} order by asset"
        show(f"{name}: close of all assets at one time, DuckDB", sample(runs, lambda: con.execute(one).fetchnumpy()))


def csv_polars(files, out):
    """One sorted Parquet file of all assets."""
    import polars as pl

    frame = pl.scan_csv(files, include_file_paths="path", try_parse_dates=True)
    frame.sort("path", "date").collect().write_parquet(out)


def csv_arrow(files, out):
    """One Arrow IPC file, a batch an asset."""
    import pyarrow as pa
    import pyarrow.csv as pc

    writer = None
    with pa.OSFile(out, "wb") as sink:
        for path in files:
            table = pc.read_csv(path).combine_chunks()
            writer = writer or pa.ipc.new_file(sink, table.schema)
            for batch in table.to_batches():
                writer.write_batch(batch)
        writer.close()
        sink.flush()


def csv_duckdb(files, out):
    """One table, sorted."""
    import duckdb

    if os.path.exists(out):
        os.remove(out)
    with duckdb.connect(out) as con:
        pattern = os.path.join(os.path.dirname(files[0]), "*.csv")
        con.execute(f"create table bars as select * from read_csv('{pattern}', filename = true) order by filename, date")


def ingest(name, root, work, runs):
    files = sorted(glob.glob(os.path.join(root, name, "csv", "*.csv")))
    for peer, convert in (("polars to Parquet", csv_polars), ("pyarrow to Arrow IPC", csv_arrow), ("DuckDB", csv_duckdb)):
        out = os.path.join(work, f"{name}-{peer.split()[0]}")
        show(f"{name}: CSV folder ({len(files)} files), {peer}", sample(runs, lambda: convert(files, out)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--sets", nargs="+", default=["M", "L"])
    parser.add_argument("--skip-ingest", action="store_true")
    args = parser.parse_args()
    work = tempfile.mkdtemp(prefix="barrow-peers-", dir=os.environ.get("BENCH_WORK"))
    print("| what | median | range |\n| --- | --- | --- |")
    try:
        for name in args.sets:
            reads(name, args.root, work, args.runs)
            if not args.skip_ingest:
                ingest(name, args.root, work, max(3, args.runs // 3))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
