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


NEW_YORK_DAYS = np.array(
    ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08", "2020-01-09", "2020-01-10", "2020-01-13"], dtype="M8[D]"
)


@pytest.fixture
def listed(root: Path, tmp_path: Path) -> barrow.Bundle:
    """Two assets on sessions of New York, one with a gap and a split, the other with a dividend."""
    days = NEW_YORK_DAYS
    held = {"AAA": np.delete(days, 3), "BBB": days[1:]}
    tables = {}
    for place, (symbol, times) in enumerate(held.items()):
        close = 100.0 + 10 * place + np.arange(len(times))
        tables[symbol] = {
            "time": times.astype("M8[ns]"),
            "open": close - 0.5,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": np.full(len(times), 1e6),
        }
    splits, dividends = tmp_path / "splits.csv", tmp_path / "dividends.csv"
    splits.write_text("symbol,ex_date,new_shares_per_old\nAAA,2020-01-09,2\n")
    dividends.write_text("symbol,ex_date,amount\nBBB,2020-01-08,1.5\n")
    barrow.ingest("listed", tables, splits=splits, dividends=dividends)
    return barrow.open("listed")


@pytest.mark.filterwarnings("ignore")
def test_zipline_reads_and_runs(listed: barrow.Bundle) -> None:
    pytest.importorskip("zipline", reason="zipline-reloaded is heavy; tested where it is installed")
    from zipline.api import order, symbol
    from zipline.data.bar_reader import NoDataBeforeDate, NoDataOnDate
    from zipline.finance import commission, slippage

    from barrow.adapters import zipline

    reader = zipline.SessionReader(listed)
    day = pandas.Timestamp
    assert reader.get_value(0, day("2020-01-03"), "close") == 101.0
    assert np.isnan(reader.get_value(0, day("2020-01-07"), "close")) and reader.get_value(0, day("2020-01-07"), "volume") == 0
    with pytest.raises(NoDataBeforeDate):
        reader.get_value(1, day("2020-01-02"), "close")
    with pytest.raises(NoDataOnDate):
        reader.get_value(0, day("2020-01-04"), "close")
    assert reader.get_last_traded_dt(0, day("2020-01-07")) == day("2020-01-06")
    assert reader.get_last_traded_dt(1, day("2020-01-02")) is pandas.NaT
    close, volume = reader.load_raw_arrays(["close", "volume"], day("2020-01-02"), day("2020-01-13"), [1, 0])
    panel = listed.panel("close")
    np.testing.assert_array_equal(close, np.asarray(panel)[:, [1, 0]])
    np.testing.assert_array_equal(volume == 0, np.isnan(close))
    with pytest.raises(ValueError, match="take `MinuteReader`|bars of"):
        zipline.MinuteReader(listed)

    seen: list[tuple[float, float]] = []
    history: list[Any] = []

    def initialize(context: Any) -> None:
        context.set_commission(commission.NoCommission())
        context.set_slippage(slippage.FixedSlippage(spread=0.0))

    def handle_data(context: Any, data: Any) -> None:
        asset = symbol("BBB")
        if not seen:
            order(asset, 10)
        seen.append((data.current(asset, "close"), data.current(asset, "volume")))
        history.append(data.history(symbol("AAA"), "close", 3, "1d").to_numpy())

    found = zipline.run_algorithm(
        listed, day("2020-01-06"), day("2020-01-13"), initialize=initialize, handle_data=handle_data, capital_base=10_000.0
    )
    bars = listed["BBB"].between("2020-01-06")
    assert seen == list(zip(bars.close, bars.volume))
    # Bought at the second close, held to the last, and paid a dividend of 1.5 on the way.
    profit = 10 * (bars.close[-1] - bars.close[1]) + 10 * 1.5
    assert found["portfolio_value"].iloc[-1] == pytest.approx(10_000 + profit)
    # Two for one from the ninth on: earlier closes are halved then, and not before.
    np.testing.assert_allclose(history[2], [102.0, np.nan, 103.0])
    np.testing.assert_allclose(history[3], [np.nan, 51.5, 104.0])


@pytest.mark.filterwarnings("ignore")
def test_a_bundle_of_ziplines_is_brought_here_and_reads_the_same(listed: barrow.Bundle, tmp_path: Path) -> None:
    pytest.importorskip("zipline", reason="zipline-reloaded is heavy; tested where it is installed")
    from zipline.data.bcolz_daily_bars import BcolzDailyBarReader, BcolzDailyBarWriter
    from zipline.assets import AssetDBWriter
    from zipline.data.adjustments import SQLiteAdjustmentWriter
    from zipline.utils.calendar_utils import get_calendar

    from barrow.adapters import frames, zipline

    folder = tmp_path / "2020-01-14T00;00;00"
    folder.mkdir()
    calendar = get_calendar("XNYS")
    day = pandas.Timestamp
    tables = {sid: frames.bars(listed, symbol) for sid, symbol in ((7, "AAA"), (9, "BBB"))}
    for table in tables.values():
        table["close"] += 0.123
    equities = pandas.DataFrame(
        {
            "symbol": ["OLD", "NEW"],
            "start_date": day("2020-01-02"),
            "end_date": day("2020-01-13"),
            "exchange": "NYSE",
        },
        index=[7, 9],
    )
    AssetDBWriter(str(folder / "assets-8.sqlite")).write(equities=equities)
    writer = BcolzDailyBarWriter(str(folder / "daily_equities.bcolz"), calendar, day("2020-01-02"), day("2020-01-13"))
    # The writer takes no gaps: a session without trades is zeros.
    sessions = calendar.sessions_in_range("2020-01-02", "2020-01-13")
    table = writer.write((sid, it.reindex(sessions[sessions >= it.index[0]]).fillna(0.0)) for sid, it in tables.items())
    assert table is not None
    dividends = pandas.DataFrame(
        [{"sid": 9, "amount": 1.5, **dict.fromkeys(("ex_date", "declared_date", "record_date", "pay_date"), day("2020-01-08"))}]
    )
    splits = pandas.DataFrame([{"sid": 7, "effective_date": day("2020-01-09"), "ratio": 0.5}])
    reader = BcolzDailyBarReader(str(folder / "daily_equities.bcolz"))
    SQLiteAdjustmentWriter(str(folder / "adjustments.sqlite"), reader).write(splits=splits, dividends=dividends)

    zipline.ingest("brought", folder)
    brought = barrow.open("brought")
    assert brought.symbols == ("NEW", "OLD")
    for sid, symbol in ((7, "OLD"), (9, "NEW")):
        frame = frames.bars(brought, symbol)
        pandas.testing.assert_frame_equal(frame, tables[sid].round(3), check_freq=False)
    assert [(it.symbol, it.kind, it.value) for it in brought.adjustments] == [("NEW", "cash dividend", 1.5), ("OLD", "split", 2.0)]
    assert brought["OLD"].close[0] == 100.123, "the nearest number to the decimal, not a product"
    with pytest.raises(FileNotFoundError, match="no bundle `nothing`"):
        zipline.ingest("x", "nothing", environ={"ZIPLINE_ROOT": str(tmp_path)})


@pytest.fixture
def minutes(root: Path) -> barrow.Bundle:
    """Two sessions of one asset by the minute, stamped by the start of the bar, a few minutes missing."""
    opens = np.array(["2020-01-02T14:30", "2020-01-03T14:30"], dtype="M8[m]")
    times = np.concatenate([open_ + np.arange(390) for open_ in opens]).astype("M8[ns]")
    times = np.delete(times, [3, 4, 400])
    close = np.round(50 + np.arange(len(times)) / 100, 2)
    row = {"open": close, "high": close + 0.1, "low": close - 0.1, "close": close, "volume": np.full(len(times), 100.0)}
    barrow.ingest("minutes", {"AAA": {"time": times, **row}}, timestamps="start", frequency="1m")
    return barrow.open("minutes")


@pytest.mark.filterwarnings("ignore")
def test_zipline_reads_minutes(minutes: barrow.Bundle, tmp_path: Path) -> None:
    pytest.importorskip("zipline", reason="zipline-reloaded is heavy; tested where it is installed")
    from zipline.data.bcolz_minute_bars import BcolzMinuteBarReader, BcolzMinuteBarWriter
    from zipline.utils.calendar_utils import get_calendar

    from barrow.adapters import frames, zipline

    # What zipline's own reader says of the same bars, labelled by their end.
    calendar = get_calendar("XNYS")
    day = pandas.Timestamp
    folder = tmp_path / "minute_equities.bcolz"
    folder.mkdir()
    writer = BcolzMinuteBarWriter(str(folder), calendar, day("2020-01-02"), day("2020-01-03"), 390)
    frame = frames.bars(minutes, "AAA")
    frame.index = frame.index.tz_localize(None) + pandas.Timedelta(minutes=1)
    writer.write_sid(0, frame)
    theirs, ours = BcolzMinuteBarReader(str(folder)), zipline.MinuteReader(minutes)
    assert ours.first_trading_day == theirs.first_trading_day
    assert ours.last_available_dt == theirs.last_available_dt
    start, end = (pandas.Timestamp(text, tz="UTC") for text in ("2020-01-02 14:31", "2020-01-03 21:00"))
    fields = ["open", "high", "low", "close", "volume"]
    for mine, other in zip(ours.load_raw_arrays(fields, start, end, [0]), theirs.load_raw_arrays(fields, start, end, [0])):
        np.testing.assert_allclose(mine, other, rtol=1e-12)
    for minute in calendar.minutes_in_range(start, start + pandas.Timedelta(minutes=12)):
        for field in fields:
            np.testing.assert_allclose(ours.get_value(0, minute, field), theirs.get_value(0, minute, field), rtol=1e-12)
    missing = pandas.Timestamp("2020-01-02 14:35", tz="UTC")
    assert np.isnan(ours.get_value(0, missing, "close"))
    assert ours.get_last_traded_dt(0, missing) == pandas.Timestamp("2020-01-02 14:33", tz="UTC")

    seen: list[float] = []

    def handle_data(context: Any, data: Any) -> None:
        seen.append(data.current(context.asset, "price"))

    def initialize(context: Any) -> None:
        context.asset = context.symbol("AAA")

    zipline.run_algorithm(
        minutes, "2020-01-02", "2020-01-03", initialize=initialize, handle_data=handle_data, data_frequency="minute"
    )
    assert len(seen) == 780
    np.testing.assert_array_equal(seen[:3], minutes["AAA"].close[:3])
    assert seen[3] == seen[2], "the last price stands where nothing was traded"
    assert seen[-1] == minutes["AAA"].close[-1]
