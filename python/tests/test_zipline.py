"""Promise: zipline sees a bundle's bars as its own, and what it has ingested is the same here.

Method: zipline's readers and algorithms run over a bundle, and what they say is compared with the bundle's arrays; bundles that zipline's
own writers wrote are brought here, and every value is compared with what was written. It is left out where zipline is not installed.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow

pandas = pytest.importorskip("pandas", reason="the frames are pandas'")
pytest.importorskip("zipline", reason="zipline-reloaded is heavy; tested where it is installed")

pytestmark = pytest.mark.filterwarnings("ignore")

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


def test_zipline_reads_and_runs(listed: barrow.Bundle) -> None:
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


def test_a_bundle_of_ziplines_is_brought_here_and_reads_the_same(listed: barrow.Bundle, tmp_path: Path) -> None:
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


def test_zipline_reads_minutes(minutes: barrow.Bundle, tmp_path: Path) -> None:
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


def test_minutes_of_ziplines_are_brought_here(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zipline.assets import AssetDBWriter
    from zipline.data.bcolz_minute_bars import BcolzMinuteBarReader, BcolzMinuteBarWriter
    from zipline.utils.calendar_utils import get_calendar

    from barrow.adapters import frames, zipline
    from barrow.adapters.zipline import _ingest

    day, calendar = pandas.Timestamp, get_calendar("XNYS")
    folder = tmp_path / "2019-12-03T00;00;00"
    (folder / "minute_equities.bcolz").mkdir(parents=True)
    AssetDBWriter(str(folder / "assets-8.sqlite")).write(
        equities=pandas.DataFrame(
            {"symbol": ["ABC", "XYZ", "NIL"], "start_date": day("2019-11-27"), "end_date": day("2019-12-02"), "exchange": "NYSE"},
            index=[4, 9, 11],
        )
    )
    # The twenty-ninth ends at one o'clock. One asset comes a day late and has prices of four digits; one has no bars at all.
    writer = BcolzMinuteBarWriter(
        str(folder / "minute_equities.bcolz"),
        calendar,
        day("2019-11-27"),
        day("2019-12-02"),
        390,
        default_ohlc_ratio=1000,
        ohlc_ratios_per_sid={9: 10_000},
    )
    random = np.random.default_rng(3)
    written = {}
    for sid, symbol, first, digits in ((4, "ABC", "2019-11-27", 3), (9, "XYZ", "2019-11-29", 4)):
        minutes = calendar.sessions_minutes(first, "2019-12-02").tz_localize(None)
        minutes = minutes[random.random(len(minutes)) < 0.7]
        close = np.round(20 + np.cumsum(random.normal(scale=0.01, size=len(minutes))), digits)
        open_ = np.round(close + random.normal(scale=0.01, size=len(minutes)), digits)
        columns = {
            "open": open_,
            "high": np.maximum(open_, close),
            "low": np.minimum(open_, close),
            "close": close,
            "volume": np.floor(1 + random.random(len(minutes)) * 1e5),
        }
        written[symbol] = pandas.DataFrame(columns, index=minutes)
        writer.write_sid(sid, written[symbol])

    held: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def watched(*what: Any) -> Any:
        for sid, times, values in read(*what):
            alive.append(sum(array() is not None for array in held))
            held.extend(weakref.ref(array) for array in (times, *values))
            yield sid, times, values
            del times, values

    read = _ingest._minute_bars
    monkeypatch.setattr(_ingest, "_minute_bars", watched)
    zipline.ingest("brought", folder, minutes=True)
    assert alive == [0, 0], "one asset is in memory at a time"
    brought = barrow.open("brought")
    assert (brought.symbols, brought.frequency, brought.stamp) == (("ABC", "XYZ"), "1m", "end")
    for symbol, table in written.items():
        bars = brought[symbol]
        np.testing.assert_array_equal(bars.times, table.index.values)
        for name in table:
            np.testing.assert_array_equal(bars[name], table[name], err_msg=f"{symbol} {name}")
    # Read back as zipline's bars they are those of zipline's own reader, minutes without trades among them.
    theirs = BcolzMinuteBarReader(str(folder / "minute_equities.bcolz"))
    ours = zipline.MinuteReader(brought)
    start, end = (day(text, tz="UTC") for text in ("2019-11-29 14:31", "2019-12-02 21:00"))
    fields = ["open", "high", "low", "close", "volume"]
    for mine, other in zip(ours.load_raw_arrays(fields, start, end, [0, 1]), theirs.load_raw_arrays(fields, start, end, [4, 9])):
        np.testing.assert_allclose(mine, other, rtol=1e-12)
    assert frames.bars(brought, "ABC").index[0] == written["ABC"].index[0].tz_localize("UTC")
