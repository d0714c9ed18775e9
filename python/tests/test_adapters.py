"""Promise: a bundle is in another library what it is here.

Method: the real packages run over a bundle, and what they see or compute is compared with the bundle's own arrays, or with what they
compute over data of their own format.
"""

from __future__ import annotations

import datetime
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow

pandas = pytest.importorskip("pandas", reason="the frames are pandas'")


def test_importing_barrow_imports_none_of_them() -> None:
    others = ["pandas", "zipline", "backtrader", "backtesting", "optuna", "sklearn", "vectorbt", "fsspec"]
    program = f"import sys, barrow; barrow.push; print([name for name in {others!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_frames_are_the_columns_of_the_file(bundle: barrow.Bundle) -> None:
    from barrow.adapters import frames

    frame = frames.bars(bundle, "BBB")
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    np.testing.assert_array_equal(frame.index.values, bundle["BBB"].times)
    np.testing.assert_array_equal(frame["close"], bundle["BBB"].close)
    assert frame.index.tz is None, "sessions are dates"
    wide = frames.wide(bundle, "close")
    assert list(wide.columns) == list(bundle.symbols)
    np.testing.assert_array_equal(wide["BBB"].dropna(), bundle["BBB"].close)
    part = frames.wide(bundle, "volume", "2020-02", "2020-02", symbols=["CCC", "AAA"])
    assert list(part.columns) == ["CCC", "AAA"]
    assert {(it.year, it.month) for it in part.index} == {(2020, 2)}
    wide.iloc[0, 0] = 1.0
    assert bundle["AAA"].close[0] != 1.0, "the frame is a copy"


def test_vectorbt_computes_from_a_frame(bundle: barrow.Bundle) -> None:
    vectorbt = pytest.importorskip("vectorbt", reason="vectorbt is heavy; tested where it is installed")
    from barrow.adapters import frames

    close = frames.wide(bundle, "close").ffill()
    held = vectorbt.Portfolio.from_holding(close["AAA"], init_cash=1000.0)
    expected = bundle["AAA"].close[-1] / bundle["AAA"].close[0] - 1
    assert held.total_return() == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore")
def test_backtesting_py_runs_over_a_frame(bundle: barrow.Bundle) -> None:
    package = pytest.importorskip("backtesting", reason="backtesting.py is not installed")
    from barrow.adapters import backtesting

    class Hold(package.Strategy):  # type: ignore[misc, name-defined]
        def init(self) -> None:
            pass

        def next(self) -> None:
            if not self.position:
                self.buy(size=10)

    found = package.Backtest(backtesting.frame(bundle, "AAA"), Hold, cash=10_000, finalize_trades=True).run()
    bars, trade = bundle["AAA"], found["_trades"].iloc[0]
    entered = int(trade.EntryBar)
    assert 1 <= entered <= 2 and trade.EntryPrice == bars.open[entered]
    equity = found["_equity_curve"]["Equity"].to_numpy()
    np.testing.assert_allclose(equity[entered:-1], 10_000 + 10 * (bars.close[entered:-1] - bars.open[entered]))


def test_backtrader_sees_every_bar(bundle: barrow.Bundle) -> None:
    backtrader = pytest.importorskip("backtrader", reason="backtrader is not installed")
    from barrow.adapters.backtrader import Feed

    seen: dict[str, list[tuple[Any, ...]]] = {"BBB": [], "AAA": []}

    class Look(backtrader.Strategy):  # type: ignore[misc, name-defined]
        def next(self) -> None:
            for data in self.datas:
                row = (data.datetime.datetime(0), data.open[0], data.high[0], data.low[0], data.close[0], data.volume[0])
                if not seen[data._name] or seen[data._name][-1] != row:
                    seen[data._name].append(row)

    cerebro = backtrader.Cerebro()
    cerebro.adddata(Feed(bundle=bundle, symbol="AAA"))
    cerebro.adddata(Feed(bundle=bundle, symbol="BBB", start="2020-02"))
    cerebro.addstrategy(Look)
    cerebro.run(stdstats=False)
    for symbol, start in (("BBB", "2020-02"), ("AAA", "2020-02")):
        bars = bundle[symbol].between(start)
        times = [time.astype("M8[us]").item() for time in bars.times]
        expected = list(zip(times, bars.open, bars.high, bars.low, bars.close, bars.volume))
        found = [row for row in seen[symbol] if row[0] >= datetime.datetime(2020, 2, 1)]
        assert found[-20:] == expected[-20:]


def test_backtrader_calls_a_frequency_what_it_is() -> None:
    backtrader = pytest.importorskip("backtrader", reason="backtrader is not installed")
    from barrow.adapters.backtrader import _rhythm

    frames = backtrader.TimeFrame
    assert _rhythm("daily") == (frames.Days, 1)
    assert _rhythm("1m") == (frames.Minutes, 1)
    assert _rhythm("5m") == (frames.Minutes, 5)
    assert _rhythm("1h") == (frames.Minutes, 60)
    assert _rhythm("30s") == (frames.Seconds, 30)
    assert _rhythm("irregular") == (frames.Days, 1)


def test_the_splitter_has_the_folds_of_a_walk_forward(bundle: barrow.Bundle) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import cross_val_score

    from barrow.adapters.sklearn import WalkForwardSplit

    times = bundle.calendar
    cut = {"train": 20, "test": 7, "purge": 3, "embargo": 2, "partial_last": False}
    walk = barrow.walk_forward(bundle, "sma-cross", {"fast": [2, 3], "slow": [5]}, assets=["AAA", "BBB", "CCC"], **cut)  # type: ignore[arg-type]
    split = WalkForwardSplit(times, **cut)  # type: ignore[arg-type]
    X = np.arange(len(times), dtype=np.float64).reshape(-1, 1)
    folds = list(split.split(X))
    assert split.get_n_splits() == len(folds) == len(walk.folds) >= 4
    for (train, test), fold in zip(folds, walk.folds):
        for rows, (first, last) in ((train, fold["train"]), (test, fold["test"])):
            assert (times[rows[0]], times[rows[-1]]) == (np.datetime64(first), np.datetime64(last))
        assert test[0] - train[-1] - 1 == 3 + 2, "purged and under embargo"
        assert len(np.intersect1d(train, test)) == 0

    # A table of many assets: each row has the fold of its time.
    long = np.sort(np.concatenate([bundle[symbol].times for symbol in bundle.symbols]))
    for (train, test), (train_long, test_long) in zip(folds, WalkForwardSplit(long, **cut).split(long)):  # type: ignore[arg-type]
        assert set(long[train_long]) == set(times[train])
        assert set(long[test_long]) == set(times[test])
    assert len(cross_val_score(LinearRegression(), X, X.ravel(), cv=split)) == len(folds)
    assert [len(test) for _, test in WalkForwardSplit(train=20, test=7).split(X)][0] == 7
    with pytest.raises(ValueError, match="order of their times"):
        list(WalkForwardSplit(times[::-1], train=2, test=1).split(X))


@pytest.mark.filterwarnings("ignore")
def test_optuna_asks_for_points_of_the_space_and_gets_what_a_backtest_gives(bundle: barrow.Bundle) -> None:
    optuna = pytest.importorskip("optuna", reason="optuna is not installed")
    from barrow.adapters.optuna import Objective, distributions, suggest

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    axes = {"fast": "2..8:2", "slow": "int(5..20)"}
    objective = Objective(bundle, "sma-cross", axes, "total_return", constraints=["fast < slow"], cash=10_000.0)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=3))
    study.optimize(objective, n_trials=25)
    states = [trial.state.name for trial in study.trials]
    assert set(states) <= {"COMPLETE", "PRUNED"} and states.count("COMPLETE") > 10
    for trial in study.trials:
        assert trial.params["fast"] in (2, 4, 6, 8) and 5 <= trial.params["slow"] <= 20
        if trial.params["fast"] >= trial.params["slow"]:
            assert trial.state.name == "PRUNED"
        elif trial.state.name == "COMPLETE":
            again = barrow.backtest(bundle, "sma-cross", cash=10_000.0, **trial.params)
            assert trial.value == again.metrics["total_return"]
            assert trial.user_attrs["version"] == bundle.version
    assert pickle.loads(pickle.dumps(objective)).bundle.version == bundle.version

    space = barrow.Space(kind=["a", "b"], rate="log(1e-4..1)", deep="int(1..9)")
    found = distributions(space)
    assert found["kind"].choices == ("a", "b")
    assert (found["rate"].low, found["rate"].high, found["rate"].log) == (1e-4, 1.0, True)
    assert (found["deep"].low, found["deep"].high, found["deep"].step) == (1, 9, 1)
    trial = study.ask(found)
    assert suggest(trial, space) == trial.params
