"""Promise: a column is a read-only view of the mapped file, which outlives whatever it was taken from.

Method: the golden file with every type, whose content is written down in `tests/it/golden.rs`, is opened and compared with
those values; every way of writing that NumPy has is tried; owners are deleted while views of them are read.
"""

from __future__ import annotations

import gc
import pickle
import platform
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import barrow

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "v1" / "all_types.barrow"
DAY_NS = 86_400_000_000_000


@pytest.fixture
def bundle() -> barrow.Bundle:
    return barrow.open(GOLDEN)


def test_values_are_those_that_were_written(bundle: barrow.Bundle) -> None:
    bars = bundle["BRK.B"]
    assert len(bars) == 3
    np.testing.assert_array_equal(bars.close, [80.25, 80.5, np.nan])
    np.testing.assert_array_equal(bars.volume, [1e6, 0.0, 5e9])
    np.testing.assert_array_equal(bars["ratio"], np.array([0.1, np.nan, -0.0], dtype=np.float32))
    expected = {
        "cents": (np.int64, [8025, 8050, -1]),
        "delta": (np.int32, [-(2**31), 0, 2**31 - 1]),
        "trades": (np.uint32, [0, 1, 2**32 - 1]),
        "flag": (np.uint8, [0, 1, 255]),
    }
    for name, (dtype, values) in expected.items():
        column = getattr(bars, name)
        assert column.dtype == dtype
        np.testing.assert_array_equal(column, values)
        np.testing.assert_array_equal(bars[name], values)
    days = np.array([14_000, 14_001, 14_005], dtype="M8[D]")
    assert bars.times.dtype == np.dtype("M8[ns]")
    np.testing.assert_array_equal(bars.times, days)


def test_whole_columns_panels_and_cross_sections(bundle: barrow.Bundle) -> None:
    close = bundle.column("close")
    np.testing.assert_array_equal(close, [80.25, 80.5, np.nan, 9_876.54, 9_877.0])
    assert bundle["BRK.B"].close.ctypes.data == close.ctypes.data
    np.testing.assert_array_equal(bundle.calendar, np.array([14_000, 14_001, 14_002, 14_005], "M8[D]"))
    panel = bundle.panel("close", np.datetime64(14_001, "D"), np.datetime64(14_002, "D"))
    nan = np.nan
    np.testing.assert_array_equal(panel, [[80.5, nan, 9_876.54], [nan, nan, 9_877.0]])
    at = bundle.cross_section("close", np.datetime64(14_001, "D"))
    np.testing.assert_array_equal(at, [80.5, nan, 9_876.54])


def test_assets_are_found_by_symbol_and_by_place(bundle: barrow.Bundle) -> None:
    symbols = ("BRK.B", "EMPTY", "\u65e5\u7d4c")
    assert bundle.symbols == tuple(bundle) == symbols
    assert len(bundle) == 3
    for place, symbol in enumerate(symbols):
        assert bundle[place].symbol == bundle[place - 3].symbol == bundle[symbol].symbol == symbol
        assert symbol in bundle
    assert "NONE" not in bundle
    assert 0 not in bundle
    assert len(bundle["EMPTY"]) == 0
    assert bundle["EMPTY"].close.shape == (0,)
    with pytest.raises(IndexError):
        bundle[3]
    with pytest.raises(TypeError, match="by its symbol or by its place"):
        bundle[1.5]  # type: ignore[index]


def test_a_bundle_is_used_as_a_mapping(bundle: barrow.Bundle) -> None:
    assert list(bundle.keys()) == list(bundle.symbols)
    assert [(symbol, len(bars)) for symbol, bars in bundle.items()] == [(s, len(bundle[s])) for s in bundle.symbols]
    assert [bars.symbol for bars in bundle.values()] == list(bundle.symbols)
    everything = dict(bundle)
    assert list(everything) == list(bundle.symbols)
    np.testing.assert_array_equal(everything["BRK.B"].close, bundle["BRK.B"].close)
    assert bundle.get("NONE") is None
    assert bundle.get("NONE", 7) == 7
    found = bundle.get("BRK.B")
    assert found is not None
    assert found.symbol == "BRK.B"


def test_no_array_is_made_of_what_is_none(bundle: barrow.Bundle) -> None:
    for source, way in ((bundle, "to_pandas"), (bundle["BRK.B"], "bars.close")):
        with pytest.raises(TypeError, match=way):
            np.asarray(source)
        with pytest.raises(TypeError, match=way):
            np.array(source, dtype=float, copy=True)


def test_stretches_of_bars(bundle: barrow.Bundle) -> None:
    bars = bundle["BRK.B"]
    first = np.datetime64(14_001, "D")
    np.testing.assert_array_equal(bars.between(first).close, bars.close[1:])
    np.testing.assert_array_equal(bars.between(None, first).close, bars.close[:2])
    np.testing.assert_array_equal(bars.last(2).first(1)["cents"], [8050])
    assert len(bars.last(2).between(None, first)) == 1
    assert len(bars.between("1990", "1991")) == 0
    assert len(bars.last(99)) == 3
    for part in (slice(1), slice(-2, None), slice(1, 2), slice(5, None), slice(2, 1), slice(None)):
        np.testing.assert_array_equal(bars[part].close, bars.close[part])
        np.testing.assert_array_equal(bars[1:][part].close, bars.close[1:][part])
        assert np.shares_memory(bars[part].close, bars.close) == (len(bars[part]) > 0)
    with pytest.raises(ValueError, match="no step"):
        bars[::2]
    with pytest.raises(TypeError, match="by its name"):
        bars[0]  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="write the year as text, `2005`"):
        bars.between(2005)


@pytest.mark.parametrize("name", ["close", "ratio", "cents", "flag", "times"])
def test_writing_raises(bundle: barrow.Bundle, name: str) -> None:
    column = getattr(bundle["BRK.B"], name)
    assert not column.flags.writeable
    assert not column.flags.owndata
    assert column.base is bundle
    for array in (column, column[1:], column.view(np.uint8), column.reshape(1, -1)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
        with pytest.raises(ValueError):
            np.copyto(array, array.copy())
        with pytest.raises(ValueError):
            array.sort()
        with pytest.raises((TypeError, ValueError)):
            memoryview(array.view(np.uint8)).cast("B")[0] = 0
    with pytest.raises(AttributeError):
        setattr(bundle, "name", "another")


def test_views_outlive_bundle_and_bars() -> None:
    bundle = barrow.open(GOLDEN)
    bars = bundle["BRK.B"]
    close, part = bars.close, bars.close[1:]
    column, calendar = bundle.column("close"), bundle.calendar
    del bundle, bars
    for _ in range(3):
        gc.collect()
    np.testing.assert_array_equal(close[:2], [80.25, 80.5])
    del close
    gc.collect()
    assert part[0] == 80.5
    assert column[4] == 9_877.0
    assert calendar[0] == np.datetime64(14_000, "D")


def test_a_pickle_is_a_name_and_a_version(bundle: barrow.Bundle) -> None:
    pickled = pickle.dumps(bundle)
    assert len(pickled) < 1024
    again = pickle.loads(pickled)
    assert (again.name, again.version) == (bundle.name, bundle.version)
    assert again["BRK.B"].close.ctypes.data == bundle["BRK.B"].close.ctypes.data


def test_bars_pickle_as_a_stretch_of_their_bundle(bundle: barrow.Bundle) -> None:
    bars = bundle["BRK.B"]
    for some in (bars, bars.last(2), bars.between("1990", "1991")):
        pickled = pickle.dumps(some)
        assert len(pickled) < 1024
        again = pickle.loads(pickled)
        assert again.symbol == "BRK.B" and again.bundle.version == bundle.version
        np.testing.assert_array_equal(again.times, some.times)
        np.testing.assert_array_equal(again.close, some.close)


def test_errors_are_barrows_and_the_fitting_built_ins(bundle: barrow.Bundle, tmp_path: Path) -> None:
    with pytest.raises(KeyError) as unknown:
        bundle["BRK.A"]
    assert isinstance(unknown.value, barrow.BarrowError)
    assert unknown.value.nearest == "BRK.B"  # type: ignore[attr-defined]
    assert str(unknown.value) == "no asset `BRK.A` in bundle `all_types`; did you mean `BRK.B`?"
    assert not hasattr(bundle["BRK.B"], "open")
    with pytest.raises(barrow.errors.UnknownColumnError) as column:
        bundle.column("vwap")
    assert "close" in column.value.available
    with pytest.raises(FileNotFoundError, match="no bundle `nothing`"):
        barrow.open("nothing", root=tmp_path)
    with pytest.raises(FileNotFoundError) as missing:
        barrow.open(tmp_path / "missing.barrow")
    assert missing.value.filename == str(tmp_path / "missing.barrow")
    (tmp_path / "bad.barrow").write_bytes(b"no bundle")
    with pytest.raises(barrow.errors.DamagedError):
        barrow.open(tmp_path / "bad.barrow")
    with pytest.raises(barrow.errors.UnknownVersionError):
        barrow.open(GOLDEN, version="0000")
    with pytest.raises(TypeError):
        bundle.panel("cents")


def test_importing_imports_no_frames() -> None:
    script = """
import sys, barrow
assert "numpy" in sys.modules
heavy = {"pandas", "polars", "pyarrow", "duckdb", "ray", "dask"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=GOLDEN.parent)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux is asked to")
def test_importing_maps_the_code_that_opening_runs() -> None:
    """All pages of the extension's code are mapped before a bundle is opened: none of them is a fault then."""
    release = tuple(int(number) for number in platform.release().split("-")[0].split(".")[:2])
    if release < (5, 14):
        pytest.skip("the kernel maps no pages ahead")
    script = """
import barrow
code, sizes = False, {}
for line in open("/proc/self/smaps"):
    first, *rest = line.split()
    if not first.endswith(":"):
        code = rest[0] == "r-xp" and "_barrow" in rest[-1]
    elif code:
        sizes[first] = int(rest[0]) if rest[0].isdigit() else 0
assert sizes["Size:"] > 1000, sizes
assert sizes["Rss:"] == sizes["Size:"], sizes
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_sessions_are_the_dates_of_the_market(root: Path) -> None:
    """Daily bars: the calendar, by address. Minutes: the local dates that pandas finds, also through changes of the clock."""
    prices = {name: np.ones(600) for name in ("open", "high", "low", "close", "volume")}
    days = np.arange("2021-03-01", "2022-10-22", dtype="M8[D]").astype("M8[ns]")[:600]
    barrow.ingest("days", {"symbol": np.full(600, "A"), "time": days, **prices})
    daily = barrow.open("days")
    assert daily.sessions.ctypes.data == daily.calendar.ctypes.data
    times = np.datetime64("2021-03-12T00:30", "ns") + np.arange(600) * np.timedelta64(30, "m")
    rows = pd.DataFrame({"symbol": "A", "time": pd.DatetimeIndex(times, tz="UTC"), **prices})
    for zone in ("America/New_York", "Asia/Kolkata", "UTC"):
        stamps: tuple[Literal["start", "end"], ...] = ("start", "end")
        for stamp in stamps:
            barrow.ingest("minutes", rows, frequency="30m", timezone=zone, timestamps=stamp)
            minutes = barrow.open("minutes")
            seen = pd.DatetimeIndex(minutes.calendar - np.timedelta64(stamp == "end", "ns"), tz="UTC")
            dates = seen.tz_convert(zone).tz_localize(None).normalize().unique()
            np.testing.assert_array_equal(minutes.sessions, dates.to_numpy())
            assert not minutes.sessions.flags.writeable and minutes.sessions is minutes.sessions
