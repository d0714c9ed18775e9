"""Promise: rows come into a bundle the same from files and from any library's tables, whole or not at all.

Method: one market is written as every kind of source; the versions, which are digests of the content, must be equal, and the
values those that were given.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import barrow
from barrow.records import Change
from libraries import library

pl = library("polars")

Rows = dict[str, Any]


def two_levels(frame: pd.DataFrame) -> pd.DataFrame:
    """A column for each symbol and name, as vendors' downloaders make."""
    return pd.concat({symbol: rows.drop(columns="symbol").set_index("time") for symbol, rows in frame.groupby("symbol")}, axis=1)


def long_sources(rows: Rows, folder: Path) -> dict[str, Any]:
    frame = pd.DataFrame(rows)
    arrow = pa.table(rows)
    frame.to_csv(folder / "long.csv", index=False)
    pyarrow.parquet.write_table(arrow, folder / "long.parquet")
    return {
        "csv": folder / "long.csv",
        "parquet": [folder / "long.parquet"],
        "arrays": rows,
        "lists": {name: values.tolist() if name == "symbol" else values for name, values in rows.items()},
        "pandas": frame,
        "pandas by time": frame.set_index("time"),
        "pandas by both": frame.set_index(["symbol", "time"]),
        "pandas without names": frame.set_index(["symbol", "time"]).rename_axis([None, None]),
        "pandas in UTC": frame.assign(time=frame["time"].dt.tz_localize("UTC")),
        "pandas in New York": frame.assign(time=frame["time"].dt.tz_localize("America/New_York")),
        "pandas sorted, numbered by where rows were": frame.sample(frac=1, random_state=1).sort_values(["symbol", "time"]),
        "pandas by symbol and name": two_levels(frame),
        "pandas by name and symbol": two_levels(frame).swaplevel(axis=1).sort_index(axis=1),
        "pandas of objects": frame.astype({"volume": object, "close": object}),
        "pandas groups": dict(tuple(frame.groupby("symbol"))),
        "pandas categories": frame.astype({"symbol": "category", "volume": "Float64"}),
        "arrow": arrow,
        "arrow in New York": pa.Table.from_pandas(frame.assign(time=frame["time"].dt.tz_localize("America/New_York"))),
        "arrow in chunks": pa.concat_tables([arrow.slice(0, 50), arrow.slice(50)]),
    }


def test_every_source_gives_the_same_version(root: Path, rows: Rows, tmp_path: Path) -> None:
    by_symbol = {
        symbol: {name: values[rows["symbol"] == symbol] for name, values in rows.items() if name != "symbol"}
        for symbol in np.unique(rows["symbol"])
    }
    sources = long_sources(rows, tmp_path)
    sources["arrays by symbol"] = by_symbol
    sources["pandas by symbol"] = {
        symbol: pd.DataFrame(columns).set_index("time") for symbol, columns in by_symbol.items()
    }
    sources["arrow by symbol"] = {symbol: pa.table(columns) for symbol, columns in by_symbol.items()}
    versions = {}
    for place, (kind, source) in enumerate(sources.items()):
        summary = barrow.ingest(f"market-{place}", source)
        assert summary.rows == len(rows["time"]), kind
        versions[kind] = summary.version
    assert len(set(versions.values())) == 1, versions
    again = barrow.ingest("again", barrow.open("market-0"))
    assert again.version == versions["arrays"]
    categories = pl.DataFrame(rows).with_columns(pl.col("symbol").cast(pl.Categorical))
    by_asset = {symbol: pl.DataFrame(columns) for symbol, columns in by_symbol.items()}
    for place, frame in enumerate((pl.DataFrame(rows), categories, by_asset)):
        assert barrow.ingest(f"polars-{place}", frame).version == versions["arrays"]


def test_values_are_those_that_were_given(bundle: barrow.Bundle, rows: Rows) -> None:
    assert bundle.symbols == ("AAA", "BBB", "CCC")
    assert bundle.column_names == ("time", "open", "high", "low", "close", "volume")
    for symbol in bundle:
        own = rows["symbol"] == symbol
        bars = bundle[symbol]
        np.testing.assert_array_equal(bars.times, rows["time"][own])
        for name in ("open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(bars[name], rows[name][own])


def test_appending_and_correcting(root: Path, rows: Rows) -> None:
    early = rows["time"] < np.datetime64("2020-02-15")
    first = barrow.ingest("market", {name: values[early] for name, values in rows.items()})
    second = barrow.ingest("market", {name: values[~early] for name, values in rows.items()}, append=True)
    whole = barrow.ingest("whole", rows)
    assert second.version == whole.version
    assert second.parent == first.version
    assert second.change == Change("append", int(np.sum(~early)), 0, 0, 0, 0, 0)
    wrong = {name: values[:1].copy() for name, values in rows.items()}
    wrong["volume"][0] += 1.0
    with pytest.raises(barrow.errors.RevisionError, match="AAA"):
        barrow.ingest("market", wrong, append=True)
    corrected = barrow.ingest("market", wrong, correct=True)
    assert corrected.change.rows_changed == 1
    assert barrow.open("market")["AAA"].volume[0] == wrong["volume"][0]
    assert barrow.open("market", second.version)["AAA"].volume[0] == rows["volume"][0]


def test_a_bad_row_is_named_and_nothing_is_published(root: Path, rows: Rows, tmp_path: Path) -> None:
    bad = {name: values.copy() for name, values in rows.items()}
    bad["close"][3] = -1.0
    with pytest.raises(barrow.errors.IngestError) as refused:
        barrow.ingest("market", bad)
    assert (refused.value.line, refused.value.column, refused.value.value) == (4, "close", "-1")
    assert "market" not in barrow.catalog()
    rejects = tmp_path / "bad.csv"
    summary = barrow.ingest("market", bad, lenient=True, rejects=rejects)
    assert (summary.rejected, summary.rows) == (1, len(rows["time"]) - 1)
    assert rejects.exists()
    with pytest.raises(FileNotFoundError):
        barrow.ingest("market", tmp_path / "nowhere")
    with pytest.raises(TypeError, match="unexpected keyword argument 'lenienty'"):
        barrow.ingest("market", rows, lenienty=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="exclude each other"):
        barrow.ingest("market", rows, append=True, correct=True)
    with pytest.raises(ValueError, match="compression"):
        barrow.ingest("market", rows, compression="gzip")
    with pytest.raises(ValueError, match="first asset"):
        barrow.ingest("market", {"AAA": {"time": [0], "close": [1.0]}, "BBB": {"time": [0], "open": [1.0]}})


ROWS: Rows = {
    "time": ["2020-01-01", "2020-01-02"],
    **{name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")},
}


@pytest.mark.parametrize(
    "source, error, text",
    [
        ({}, ValueError, "the table has no columns"),
        ({**ROWS, "volume": [1.0]}, ValueError, "column `time` has 2 values, and `volume` has 1"),
        ({**ROWS, "volume": [10**30, 1]}, ValueError, "column `volume` holds 10{30}, which no number of it is exactly"),
        ({**ROWS, "volume": np.array([2**53 + 1, 0.5], dtype=object)}, ValueError, "9007199254740993, which no number"),
        ({**ROWS, "volume": [1.0, {}]}, TypeError, "column `volume` holds texts or dates, and a `float`"),
        (ROWS, barrow.errors.IngestError, "the rows are of no asset: name it, `symbol=`, or give a column `symbol`"),
        (pd.DataFrame(ROWS)["close"], TypeError, "found `Series`"),
        ([pd.DataFrame(ROWS)], TypeError, "found a list with a `DataFrame`"),
        ((table for table in [ROWS]), TypeError, "found a list with a `dict`"),
        (5, TypeError, "found `int`"),
        ({5: ROWS}, TypeError, "a symbol is a text, found 5"),
        ({"A": {**ROWS, "Ticker": ["A", "B"]}}, ValueError, "the table of `A` has rows of `B` by its column `Ticker`"),
        ({"A": ROWS, "B": {**ROWS, "low": [1.0, -1.0]}}, barrow.errors.IngestError, "row 2 of `B`, column `low`, value `-1`"),
        ({**ROWS, "symbol": ["A", "A"], "low": [1.0, None]}, barrow.errors.IngestError, "row 2, column `low`, value ``: value is missing"),
        (pd.concat({"x": two_levels(pd.DataFrame({**ROWS, "symbol": "A"}))}, axis=1), barrow.errors.IngestError, "columns of 3 levels"),
    ],
)
def test_what_is_no_rows_says_so(root: Path, source: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        barrow.ingest("market", source)
    assert barrow.catalog().names() == []


def test_paths_may_come_one_after_the_other(root: Path, rows: Rows, tmp_path: Path) -> None:
    sources = long_sources(rows, tmp_path)
    assert barrow.ingest("market", (path for path in [sources["csv"]])).rows == len(rows["time"])


def test_bars_and_answers_are_sources(bundle: barrow.Bundle) -> None:
    again = barrow.ingest("again", {symbol: bundle[symbol] for symbol in bundle})
    assert again.version == bundle.version
    one = barrow.ingest("one", bundle["CCC"], symbol="CCC")
    assert one.version == barrow.ingest("asked", bundle.query(assets="CCC")).version


def test_objects_of_numbers_are_numbers(root: Path) -> None:
    odd = {**ROWS, "close": [Decimal("1.25"), Decimal("2.5")], "volume": np.array([7, None], dtype=object)}
    odd |= {"extra": np.array([pd.NA, np.float32(0.5)], dtype=object), "time": np.array([pd.Timestamp("2020"), "2020-01-02"], dtype=object)}
    barrow.ingest("market", {"A": {**odd, "high": [3, 3.5], "volume": [7, 2**40]}})
    bars = barrow.open("market")["A"]
    assert bars.close.tolist() == [1.25, 2.5] and bars.volume.tolist() == [7.0, 2.0**40]
    np.testing.assert_array_equal(bars["extra"], [np.nan, 0.5])


def test_missing_values_and_types(root: Path) -> None:
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2020-01-01", periods=3, tz="Europe/Berlin"),
            "close": [1.0, 2.0, 3.0],
            "trades": pd.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
        }
    )
    barrow.ingest("one", frame, symbol="X", frequency="irregular")
    bars = barrow.open("one")["X"]
    np.testing.assert_array_equal(bars.close, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(bars.trades, [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(bars.flag, [1, 0, 1])
    assert bars.times[0] == np.datetime64("2019-12-31T23:00")


def test_adjustments_stand_beside_the_bars(root: Path, rows: Rows, tmp_path: Path) -> None:
    splits = tmp_path / "splits.csv"
    splits.write_text("symbol,ex_date,new_shares_per_old\nAAA,2020-02-03,2\n")
    barrow.ingest("market", rows, splits=splits)
    (split,) = barrow.open("market").adjustments
    assert (split.symbol, split.kind, split.value) == ("AAA", "split", 2.0)
    assert split.time == np.datetime64("2020-02-03")


def test_progress_is_told(root: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    source = tmp_path / "prices.csv"
    days = np.arange("2000-01-01", "2020-01-01", dtype="M8[D]")
    source.write_text("symbol,date,close\n" + "".join(f"AAA,{day},{place + 1}\n" for place, day in enumerate(days)))
    barrow.ingest("market", source, progress=lambda *at: seen.append(at))
    phases = [phase for phase, _, _ in seen]
    order = ["reading", "sorting", "writing", "publishing"]
    assert phases == sorted(phases, key=order.index) and phases[-1] == "publishing"
    assert all(0 <= done <= total for _, done, total in seen)
    assert len(barrow.open("market")["AAA"]) == len(days)

    def stop(*_: object) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        barrow.ingest("stopped", source, progress=stop)


def test_progress_is_drawn_of_long_work_alone(
    root: Path, rows: Rows, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from barrow import _progress

    barrow.ingest("market", rows, progress=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(_progress, "_QUIET_SECONDS", 0.0)
    with _progress.stages(True) as bar:
        assert bar is not None
        bar("reading", 500, 1000)
        bar("reading", 1000, 1000)
    drawn = capsys.readouterr().err
    assert drawn.startswith("\rreading: 500/1,000 B") and "1,000/1,000 B" in drawn and drawn.endswith("\n")


def test_times_with_a_zone_are_instants_whatever_the_market_s_zone(root: Path) -> None:
    times = np.datetime64("2021-03-12T00:30", "ns") + np.arange(100) * np.timedelta64(30, "m")
    prices = {name: np.ones(100) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.DatetimeIndex(times, tz="UTC").tz_convert("Asia/Tokyo"), **prices})
    kinds = {"pandas": frame, "arrow": pa.Table.from_pandas(frame)}
    if find_spec("polars"):
        kinds["polars"] = pl.from_pandas(frame)
    for name, table in kinds.items():
        # A zone that skips an hour of these local times.
        barrow.ingest(name, {"A": table}, frequency="30m", timezone="America/New_York", timestamps="start")
        np.testing.assert_array_equal(barrow.open(name).calendar, times)
    barrow.ingest("long", frame.assign(symbol="A"), frequency="30m", timezone="America/New_York", timestamps="start")
    np.testing.assert_array_equal(barrow.open("long").calendar, times)
    naive = {"A": {"time": times[:4], **{name: values[:4] for name, values in prices.items()}}}
    barrow.ingest("naive", naive, frequency="30m", timezone="America/New_York", timestamps="start")
    np.testing.assert_array_equal(barrow.open("naive").calendar, times[:4] + np.timedelta64(5, "h"))
    with pytest.raises(ValueError, match="have a zone"):
        barrow.ingest("both", {"A": frame, "B": frame.assign(time=times)})


def test_midnights_of_a_zone_are_dates(root: Path) -> None:
    days = pd.date_range("2021-03-01", periods=30, freq="B", tz="America/New_York", name="Date")
    frame = pd.DataFrame({name: np.arange(1.0, 31.0) for name in ("open", "high", "low", "close", "volume")}, index=days)
    barrow.ingest("dated", frame.tz_localize(None), symbol="A")
    kinds: dict[str, Any] = {"pandas": frame, "arrow": pa.Table.from_pandas(frame)}
    if find_spec("polars"):
        kinds["polars"] = pl.from_pandas(frame.reset_index())
        kinds["lazy"] = kinds["polars"].lazy()
    for name, table in kinds.items():
        for source in (table, {"A": table}):
            assert barrow.ingest(name, source, symbol="A" if source is table else None).unchanged is (source is not table)
        assert barrow.open(name).version == barrow.open("dated").version, name
        assert barrow.open(name).frequency == "daily"
    # Of a day that an instant of its own stands for: these are no midnights.
    barrow.ingest("closes", frame.set_axis(days + pd.Timedelta(hours=16)), symbol="A")
    assert barrow.open("closes").calendar[0] == np.datetime64("2021-03-01T21:00")
