"""Promise: a run from Python has the bits of the same run elsewhere, and everything it returns says the same.

Method: a naive model of the engine's rules in this file fills the orders of a strategy of targets; built-in strategies are
compared with it and with strategies of Python; frames, pickles and pages are compared with the arrays.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import barrow

Floats = npt.NDArray[np.float64]


def naive(bundle: barrow.Bundle, targets: Floats, cash: float, bps: float) -> tuple[Floats, int]:
    """Equity at each time and the number of fills of a strategy that wants `targets[time, asset]`, NaN for no order."""
    opens, closes = bundle.panel("open").values, bundle.panel("close").values
    assets = opens.shape[1]
    position, ordered, last = np.zeros(assets), [0.0] * assets, [float("nan")] * assets
    curve, fills = [], 0
    for time in range(len(opens)):
        for asset in range(assets):
            if ordered[asset] != 0.0 and not np.isnan(opens[time, asset]):
                quantity, price = ordered[asset], float(opens[time, asset])
                cash -= quantity * price
                cash -= abs(quantity * price) * (bps / 10_000)
                position[asset] += quantity
                ordered[asset] = 0.0
                fills += 1
        for asset in range(assets):
            if not np.isnan(closes[time, asset]):
                last[asset] = float(closes[time, asset])
            target = targets[time, asset]
            if not np.isnan(target):
                ordered[asset] += target - (position[asset] + ordered[asset])
        held = [position[at] * last[at] for at in range(assets) if position[at] != 0.0]
        curve.append(cash + sum(held))
    return np.array(curve), fills


def crossings(bundle: barrow.Bundle, fast: int, slow: int) -> Floats:
    """Targets of sma-cross by means of cents, which are exact."""
    closes = bundle.panel("close").values
    targets = np.full(closes.shape, np.nan)
    for asset in range(closes.shape[1]):
        seen: list[int] = []
        for time in range(len(closes)):
            if not np.isnan(closes[time, asset]):
                seen.append(round(closes[time, asset] * 100))
                if len(seen) >= slow:
                    above = sum(seen[-fast:]) * slow > sum(seen[-slow:]) * fast
                    targets[time, asset] = 100.0 if above else 0.0
    return targets


def test_a_built_in_strategy_does_what_a_naive_model_does(bundle: barrow.Bundle) -> None:
    result = barrow.backtest(bundle, "sma-cross", fast=3, slow=8, commission="bps:10", cash=50_000)
    curve, fills = naive(bundle, crossings(bundle, 3, 8), 50_000.0, 10.0)
    assert fills > 10
    assert len(result.fills) == fills == result.metrics["fills"]
    np.testing.assert_allclose(result.equity, curve, rtol=1e-13)
    np.testing.assert_array_equal(result.times, bundle.calendar)
    assert result.params == {"fast": 3, "slow": 8, "shares": 100}
    assert (result.bundle, result.version) == ("market", bundle.version)


def test_figures_follow_from_the_arrays(bundle: barrow.Bundle) -> None:
    result = barrow.backtest(bundle, "sma-cross", fast=2, slow=5, commission="per-order:1", slippage="bps:5")
    equity, returns = result.equity, result.returns
    assert result.metrics["total_return"] == equity[-1] / equity[0] - 1.0
    sharpe = returns.mean() / returns.std(ddof=1) * np.sqrt(float(result.facts["bars_per_year"]))
    assert result.metrics["sharpe"] == pytest.approx(sharpe)
    peak = np.maximum.accumulate(equity)
    assert result.metrics["max_drawdown"] == pytest.approx(float((1 - equity / peak).max()))
    assert set(result.fills["commission"]) == {1.0}
    fills = result.fills
    for symbol, position in result.positions.items():
        assert fills["quantity"][fills["symbol"] == symbol].sum() == position
    closed = result.trades["profit"][~np.isnat(result.trades["closed"])]
    assert len(closed) == result.metrics["trades"]
    assert float((closed > 0).mean()) == result.metrics["win_rate"]


def test_settings_reach_the_engine(bundle: barrow.Bundle) -> None:
    result = barrow.backtest(
        bundle, "buy-and-hold", assets=["CCC", "AAA"], start="2020-02-03", end="2020-03-02", cash=1e6, seed=7
    )
    assert result.symbols == ("AAA", "CCC")
    assert str(result.times[0])[:10] == "2020-02-03"
    assert str(result.times[-1])[:10] == "2020-03-02"
    assert (result.equity[0], result.facts["seed"]) == (1e6, 7)
    by_name = barrow.backtest("market", "buy-and-hold", params={"shares": 5})
    assert by_name.params["shares"] == 5


def test_what_cannot_be_is_said(bundle: barrow.Bundle) -> None:
    with pytest.raises(barrow.errors.UnknownStrategyError, match="did you mean `sma-cross`"):
        barrow.backtest(bundle, "sma-crss")
    with pytest.raises(barrow.errors.SettingError, match="no parameter `fst`, did you mean `fast`"):
        barrow.backtest(bundle, "sma-cross", fst=3)
    with pytest.raises(barrow.errors.SettingError, match="fast < slow"):
        barrow.backtest(bundle, "sma-cross", fast=9, slow=3)
    with pytest.raises(ValueError, match="`cheap` is no commission"):
        barrow.backtest(bundle, "sma-cross", commission="cheap")
    with pytest.raises(barrow.errors.SettingError, match="starting cash"):
        barrow.backtest(bundle, "sma-cross", cash=0)
    with pytest.raises(barrow.errors.BacktestError, match="no bar between"):
        barrow.backtest(bundle, "sma-cross", start="2030")
    with pytest.raises(barrow.errors.UnknownSymbolError):
        barrow.backtest(bundle, "sma-cross", assets=["ZZZ"])
    with pytest.raises(TypeError, match="found `list`"):
        barrow.backtest(bundle, "sma-cross", fast=[1])
    with pytest.raises(barrow.errors.SettingError, match="found `int`"):
        barrow.backtest(bundle, 5)  # type: ignore[arg-type]


def test_arrays_cannot_be_written(bundle: barrow.Bundle) -> None:
    result = barrow.backtest(bundle, "sma-cross", fast=2, slow=5)
    for array in (result.equity, result.times, result.fills["price"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_a_result_survives_a_pickle(bundle: barrow.Bundle) -> None:
    result = barrow.backtest(bundle, "sma-cross", fast=2, slow=5)
    again: barrow.Performance = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.equity, result.equity)
    for name in result.trades:
        np.testing.assert_array_equal(again.trades[name], result.trades[name])
    assert (again.metrics, again.facts, again.positions) == (result.metrics, result.facts, result.positions)
    assert repr(again) == repr(result)


def test_the_page_is_that_of_the_command(bundle: barrow.Bundle, tmp_path: Path) -> None:
    result = barrow.backtest(bundle, "sma-cross", fast=2, slow=5)
    result.report(tmp_path / "run.html")
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")
    assert "sma-cross on market" in page
    assert bundle.version[:12] in page
    pickle.loads(pickle.dumps(result)).report(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page
    assert sorted(path.name for path in tmp_path.glob("*.html*")) == ["again.html", "run.html"]


def test_frames_have_the_columns(bundle: barrow.Bundle) -> None:
    fills = barrow.backtest(bundle, "sma-cross", fast=2, slow=5).fills
    pandas = pytest.importorskip("pandas")
    frame = fills.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(fills.columns)
    np.testing.assert_array_equal(frame["price"].to_numpy(), fills["price"])
    polars = pytest.importorskip("polars")
    table = fills.to_polars()
    assert table["symbol"].to_list() == fills["symbol"].tolist()
    assert table["time"].dtype == polars.Datetime("ns")
    pyarrow = pytest.importorskip("pyarrow")
    arrow = pyarrow.table(fills)
    assert arrow.equals(fills.to_arrow()) and arrow.column_names == list(fills.columns)
    assert arrow.column("symbol").to_pylist() == fills["symbol"].tolist()
    np.testing.assert_array_equal(arrow.column("price").to_numpy(), fills["price"])
    trials = barrow.sweep(bundle, "sma-cross", {"fast": [2, 3]}, workers=1).trials
    assert trials.to_arrow().num_rows == 2
    duckdb = pytest.importorskip("duckdb")
    assert duckdb.sql("select count(*) from fills").fetchall() == [(len(fills),)]


def test_it_shows_itself(bundle: barrow.Bundle) -> None:
    result = barrow.backtest(bundle, "sma-cross", fast=2, slow=5)
    assert "sma-cross" in repr(result)
    assert "<table>" in result._repr_html_()
    assert f"({len(result.fills)} rows)" in repr(result.fills)
    assert "<th>symbol</th>" in result.fills._repr_html_()


def test_drawing_needs_matplotlib(bundle: barrow.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    result = barrow.backtest(bundle, "sma-cross", fast=2, slow=5)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        patch.setitem(sys.modules, "matplotlib.pyplot", None)
        with pytest.raises(barrow.errors.MissingPackageError, match="pip install matplotlib"):
            result.plot()
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes: Any = result.plot()
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), result.equity)


def test_a_split_that_prices_jump_over_is_warned_of(root: Path, tmp_path: Path) -> None:
    splits = tmp_path / "splits.csv"
    splits.write_text("symbol,ex_date,new_shares_per_old\nX,2024-01-03,7\n")
    rows: dict[str, npt.NDArray[Any]] = {
        "symbol": np.full(3, "X"),
        "time": np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="M8[ns]"),
    }
    rows |= {name: np.array([700.0, 100.0, 101.0]) for name in ("open", "high", "low", "close", "volume")}
    barrow.ingest("raw", rows, splits=splits)
    told = "not adjusted for the split of `X` by 7 on 2024-01-03"
    with pytest.warns(UserWarning, match=told) as seen:
        barrow.backtest("raw", "buy-and-hold")
    assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match=told):
        barrow.sweep("raw", "buy-and-hold", {"shares": [1, 2]})
    barrow.backtest("raw", "buy-and-hold", start="2024-01-04")
