"""Promise: other libraries read a bundle through Arrow without copying a price.

Method: the addresses of the buffers that a consumer ends up with are those of the NumPy views, which are those of the map.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import barrow
from barrow import _frames
from libraries import library

duckdb, pl = library("duckdb"), library("polars")

Rows = dict[str, Any]


def address(array: Any) -> int:
    return int(array.ctypes.data)


def test_pyarrow_shares_the_memory(bundle: barrow.Bundle) -> None:
    table = pa.table(bundle)
    assert table.column_names == ["symbol", *bundle.column_names]
    for name in bundle.column_names:
        (chunk,) = table.column(name).chunks
        assert chunk.buffers()[1].address == address(bundle.column(name))
        assert chunk.null_count == 0
    assert table.schema.metadata[b"barrow.version"].decode() == bundle.version
    assert table.column("symbol").to_pylist() == np.repeat(bundle.symbols, [a.rows for a in bundle.assets]).tolist()
    assert pa.schema(bundle) == table.schema
    del bundle
    gc.collect()
    assert table.column("close").chunk(0)[0].as_py() > 0


def test_polars_shares_the_memory(bundle: barrow.Bundle, rows: Rows) -> None:
    frame = pl.DataFrame(bundle)
    for name in ("open", "close", "volume"):
        assert address(frame[name].to_numpy()) == address(bundle.column(name))
    order = np.lexsort((rows["time"], rows["symbol"]))
    assert frame["symbol"].cast(pl.String).to_list() == rows["symbol"][order].tolist()
    np.testing.assert_array_equal(frame["close"].to_numpy(), rows["close"][order])


def test_polars_makes_categories_once(root: Path, rows: Rows) -> None:
    barrow.ingest("once", rows)
    bundle, other = barrow.open("once"), barrow.open("once")
    version, frame = bundle.version, bundle.to_polars()
    assert frame.equals(pl.DataFrame(bundle))
    assert frame.schema == pl.DataFrame(bundle).schema
    for again in (bundle.to_polars(), other.to_polars()):
        assert again.equals(frame)
        for name in frame.columns:
            stored = [made[name].to_physical().to_numpy(allow_copy=False) for made in (again, frame)]
            assert np.shares_memory(*stored), name
    symbols = frame["symbol"].cast(pl.String).to_list()
    del bundle, other, frame, again, stored
    gc.collect()
    assert version not in _frames._categories, "nothing of a bundle that is gone stays behind"
    assert barrow.open("once").to_polars()["symbol"].cast(pl.String).to_list() == symbols


def test_pandas_shares_the_memory(bundle: barrow.Bundle) -> None:
    frame = bundle.to_pandas()
    assert list(frame.columns) == ["symbol", *bundle.column_names]
    assert address(frame["close"].to_numpy()) == address(bundle.column("close"))
    assert frame["symbol"].astype(str).tolist() == pa.table(bundle).column("symbol").to_pylist()
    bars = bundle["BBB"].to_pandas()
    assert address(bars["high"].to_numpy()) == address(bundle["BBB"].high)
    assert bars.index.name == "time"
    np.testing.assert_array_equal(bars.index.to_numpy(), bundle["BBB"].times)


def test_duckdb_reads_a_bundle_by_its_variable(bundle: barrow.Bundle, rows: Rows) -> None:
    found = duckdb.sql("select symbol, max(close) from bundle group by symbol order by symbol").fetchall()
    expected = [(symbol, rows["close"][rows["symbol"] == symbol].max()) for symbol in bundle]
    assert found == expected


def test_bars_and_columns_are_arrow_too(bundle: barrow.Bundle) -> None:
    bars = bundle["BBB"].last(5)
    table = pa.table(bars)
    assert table.num_rows == 5
    assert table.column("low").to_pylist() == bars.low.tolist()
    buffers = table.column("low").chunk(0).buffers()
    assert buffers[1].address + 8 * table.column("low").chunk(0).offset == address(bars.low)
    column = bundle.columns["close"]
    array = pa.array(column)
    assert array.buffers()[1].address == address(bundle.column("close"))
    assert address(np.asarray(column)) == address(bundle.column("close"))
    assert pa.field(column).name == "close"
    assert np.asarray(column, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(column, dtype=np.float32, copy=False)
    assert address(np.array(column, copy=True)) != address(bundle.column("close"))
    assert (column.name, column.stored, column.kind, column.scale) == ("close", "f64", "price", 0)
    assert len(column) == bundle.rows


def test_the_table_can_be_narrower(bundle: barrow.Bundle) -> None:
    assert pa.table(bundle.arrow(["close"])).column_names == ["symbol", "close"]
    assert pa.table(bundle.arrow(["close"], symbols=None)).column_names == ["close"]
    runs = pa.table(bundle.arrow(["close"], symbols="runs")).column("symbol").chunk(0)
    assert pa.compute.run_end_decode(runs).to_pylist() == pa.table(bundle).column("symbol").to_pylist()
    codes = bundle.arrow(["close"], symbols="codes")
    assert list(codes.column_names) == ["code", "close"]
    table, frame = pa.table(codes), pl.DataFrame(codes)
    assert [bundle.symbols[code] for code in frame["code"]] == pa.table(bundle).column("symbol").to_pylist()
    (keys,) = pa.table(bundle).column("symbol").chunks
    addresses = [table.column("code").chunk(0).buffers()[1].address, address(frame["code"].to_numpy(allow_copy=False))]
    assert addresses == [keys.indices.buffers()[1].address] * 2
    with pytest.raises(barrow.errors.UnknownColumnError):
        bundle.arrow(["vwap"])
    with pytest.raises(ValueError, match="dictionary"):
        bundle.arrow(symbols="words")  # type: ignore[arg-type]


@pytest.mark.parametrize(("assets", "bars", "bits"), [(128, 2, 8), (129, 2100, 16), (32_768, 1, 16), (32_769, 1, 32)])
def test_a_dictionary_has_the_smallest_numbers_and_is_made_once(root: Path, assets: int, bars: int, bits: int) -> None:
    symbols = np.array([f"S{place:05}" for place in range(assets)])
    times = np.datetime64("2024-01-01", "ns") + np.arange(bars) * np.timedelta64(1, "D")
    close = np.arange(assets * bars, dtype=np.float64) + 1
    rows = {"symbol": np.repeat(symbols, bars), "time": np.tile(times, assets)}
    barrow.ingest("many", {**rows, **dict.fromkeys(("open", "high", "low", "close", "volume"), close)})
    bundle = barrow.open("many")
    (made,) = pa.table(bundle).column("symbol").chunks
    assert made.type.index_type == {8: pa.int8(), 16: pa.int16(), 32: pa.int32()}[bits]
    np.testing.assert_array_equal(made.indices.to_numpy(), np.repeat(np.arange(assets), bars))
    assert made.dictionary.to_pylist() == symbols.tolist()
    (again,) = pa.table(barrow.open("many")).column("symbol").chunks
    assert again.indices.buffers()[1].address == made.indices.buffers()[1].address
    codes = pa.table(bundle.arrow(["close"])).to_pandas()["symbol"].cat.codes.to_numpy()
    np.testing.assert_array_equal(codes, np.repeat(np.arange(assets), bars))
    assert pl.DataFrame(bundle)["symbol"].cast(pl.String).to_numpy().tolist() == rows["symbol"].tolist()


def test_queries_answer_in_arrow(bundle: barrow.Bundle, rows: Rows) -> None:
    frame = pd.DataFrame(rows)
    means = bundle.query(group_by="asset", agg=["mean(close)", "count(*)"])
    expected = frame.groupby("symbol")["close"].agg(["mean", "count"])
    np.testing.assert_allclose(means.to_arrow().column("mean(close)").to_numpy(), expected["mean"])
    assert means.to_arrow().column("count(*)").to_pylist() == expected["count"].tolist()
    table = bundle.query("close, twice = 2 * close", filter="close > 20.5", start="2020-02", end="2020-02", assets="A*")
    answer = table.to_arrow()
    assert answer.column_names == ["symbol", "time", "close", "twice"] == list(table.column_names)
    february = (frame["symbol"] == "AAA") & (frame["time"].dt.month == 2) & (frame["close"] > 20.5)
    assert 0 < february.sum() == answer.num_rows
    np.testing.assert_array_equal(answer.column("twice").to_numpy(), 2 * frame["close"][february])
    assert table.to_arrow().equals(answer), "an answer can be read again"
    assert bundle.query(top=1, by="close").to_arrow().num_rows == 1
    assert bundle.query(latest=True).to_arrow().num_rows == 3
    assert bundle.query(panel="close").to_arrow().num_rows == len(bundle.calendar)
    assert bundle.query(limit=2).to_arrow().num_rows == 2
    assert bundle.query(resample="week", assets=["AAA"]).to_arrow().num_rows == 13
    joined = bundle.query("[other.close]", asof=bundle, asof_name="other", tolerance="3d").to_arrow()
    assert joined.column("other.close").to_pylist() == pa.table(bundle).column("close").to_pylist()
    with pytest.raises(barrow.errors.QueryError, match="cannot read the filter"):
        bundle.query(filter="close >")
    with pytest.raises(barrow.errors.UnknownSymbolError):
        bundle.query(assets="Z*")
    wrongs: list[dict[str, Any]] = [{"top": 1}, {"group_by": "asset"}, {"latest": True, "top": 1, "by": "close"}]
    for wrong in wrongs:
        with pytest.raises(TypeError):
            bundle.query(**wrong)
    assert means.to_polars().equals(pl.DataFrame(means.to_pandas()))
    joined_frame = bundle.to_pandas().merge(table.to_pandas(), on=["symbol", "time"])
    assert len(joined_frame) == answer.num_rows
    np.testing.assert_array_equal(joined_frame["twice"], 2 * joined_frame["close_x"])
