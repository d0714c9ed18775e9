"""Bundles in zipline: as its bar readers, and its own bundles brought here.

::

    from barrow.adapters import zipline

    performance = zipline.run_algorithm(bundle, start, end, initialize=initialize, handle_data=handle_data)
    barrow.adapters.zipline.ingest("us-daily", "quandl")     # a bundle that zipline has ingested

Readers answer from the map: what zipline holds in memory is the rows that it asks for. Prices are those of the bundle, unadjusted;
its splits and dividends become zipline's adjustments, which zipline applies as of each session.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
import sqlalchemy
from zipline.algorithm import TradingAlgorithm
from zipline.assets import AssetDBWriter, AssetFinder
from zipline.data.adjustments import SQLiteAdjustmentReader, SQLiteAdjustmentWriter
from zipline.data.bar_reader import NoDataAfterDate, NoDataBeforeDate, NoDataForSid, NoDataOnDate
from zipline.data.bcolz_daily_bars import BcolzDailyBarReader
from zipline.data.bcolz_minute_bars import BcolzMinuteBarReader, MinuteBarReader
from zipline.data.bundles.core import BundleData
from zipline.data.data_portal import DataPortal
from zipline.data.resample import MinuteResampleSessionBarReader
from zipline.data.session_bars import CurrencyAwareSessionBarReader
from zipline.finance.trading import SimulationParameters
from zipline.pipeline.data import EquityPricing
from zipline.pipeline.loaders import USEquityPricingLoader
from zipline.utils.calendar_utils import get_calendar

import barrow
from barrow import Bundle

__all__ = ["MinuteReader", "SessionReader", "bundle_data", "data_portal", "ingest", "run_algorithm"]

_FIELDS = ("open", "high", "low", "close", "volume")
_MINUTE_NS = 60_000_000_000


class _Clock:
    """The bars of a bundle by zipline's numbers of assets, and where a time lies among them."""

    def __init__(self, bundle: Bundle, shift_ns: int = 0) -> None:
        self.bundle = bundle
        #: What is added to a timestamp of the bundle to get zipline's label of the bar.
        self.shift_ns = shift_ns
        self.sids = sids(bundle)
        self._times: dict[int, npt.NDArray[np.int64]] = {}
        self._columns: dict[tuple[int, str], npt.NDArray[Any]] = {}

    def times(self, sid: int) -> npt.NDArray[np.int64]:
        """Labels of the asset's bars, nanoseconds, ascending."""
        found = self._times.get(sid)
        if found is None:
            if sid not in self.sids:
                raise NoDataForSid(f"no asset of bundle `{self.bundle.name}` has the number {sid}")
            found = np.asarray(self.bundle[self.sids[sid]].times).view(np.int64)
            if self.shift_ns:
                found = found + self.shift_ns
            self._times[sid] = found
        return found

    def column(self, sid: int, field: str) -> npt.NDArray[Any]:
        found = self._columns.get((sid, field))
        if found is None:
            found = self._columns[sid, field] = self.bundle[self.sids[sid]][field]
        return found

    def place(self, sid: int, ns: int) -> int:
        """The bar at a time, or -1."""
        times = self.times(sid)
        place = int(np.searchsorted(times, ns))
        return place if place < len(times) and times[place] == ns else -1

    def value(self, sid: int, place: int, field: str) -> float:
        if place < 0:
            return 0.0 if field == "volume" else np.nan
        value = float(self.column(sid, field)[place])
        return 0.0 if field == "volume" and value != value else value

    def arrays(
        self, fields: Sequence[str], labels: npt.NDArray[np.int64], assets: Sequence[int]
    ) -> list[npt.NDArray[np.float64]]:
        """One array a field, labels x assets; where there is no bar, prices are NaN and volumes 0."""
        shape = (len(labels), len(assets))
        found = [np.zeros(shape) if field == "volume" else np.full(shape, np.nan) for field in fields]
        if len(labels) == 0:
            return found
        for at, sid in enumerate(assets):
            times = self.times(int(sid))
            first, last = np.searchsorted(times, [labels[0], labels[-1] + 1])
            rows = np.searchsorted(labels, times[first:last])
            known = labels[rows] == times[first:last]
            for values, field in zip(found, fields):
                values[rows[known], at] = self.column(int(sid), field)[first:last][known]
                if field == "volume":
                    np.nan_to_num(values[:, at], copy=False)
        return found

    def last_traded(self, sid: int, ns: int) -> int | None:
        """The label of the last bar up to a time that has a volume."""
        times = self.times(sid)
        end = int(np.searchsorted(times, ns, side="right"))
        while end > 0:
            begin = max(0, end - 64)
            traded = np.flatnonzero(self.column(sid, "volume")[begin:end] > 0)
            if len(traded):
                return int(times[begin + traded[-1]])
            end = begin
        return None


def sids(bundle: Bundle) -> dict[int, str]:
    """Zipline's number of each asset: the ``sid`` of its metadata where all assets have one, else its place in symbol order."""
    told = [asset.metadata.get("sid") if isinstance(asset.metadata, dict) else None for asset in bundle.assets]
    numbers = [int(sid) for sid in told if isinstance(sid, (int, float)) and int(sid) >= 0]
    if len(set(numbers)) == len(told):
        return dict(zip(numbers, bundle.symbols))
    return dict(enumerate(bundle.symbols))


class SessionReader(CurrencyAwareSessionBarReader):  # type: ignore[misc]
    """The daily bars of a bundle as zipline's daily reader.

    :param calendar: The trading calendar, or its name. Bars outside of its sessions are an error: name the calendar that the bars
        are of.
    """

    def __init__(self, bundle: Bundle, calendar: Any = "XNYS") -> None:
        if bundle.stamp != "session":
            raise ValueError(f"bundle `{bundle.name}` has bars of {bundle.frequency}: take `MinuteReader`")
        self._clock = _Clock(bundle)
        self._calendar = get_calendar(calendar) if isinstance(calendar, str) else calendar
        held = pandas.DatetimeIndex(np.asarray(bundle.calendar))
        if not len(held):
            raise ValueError(f"bundle `{bundle.name}` has no bars")
        self._sessions = self._calendar.sessions_in_range(held[0], held[-1])
        strange = held.difference(self._sessions)
        if len(strange):
            raise ValueError(f"{strange[0].date()} is no session of calendar `{self._calendar.name}`")
        self._labels = self._sessions.values.astype("M8[ns]").view(np.int64)

    @property
    def sessions(self) -> pandas.DatetimeIndex:
        return self._sessions

    @property
    def trading_calendar(self) -> Any:
        return self._calendar

    @property
    def first_trading_day(self) -> pandas.Timestamp:
        return self._sessions[0]

    @property
    def last_available_dt(self) -> pandas.Timestamp:
        return self._sessions[-1]

    def load_raw_arrays(
        self, columns: Sequence[str], start_date: Any, end_date: Any, assets: Sequence[int]
    ) -> list[npt.NDArray[np.float64]]:
        first, last = self._session(start_date), self._session(end_date)
        return self._clock.arrays(list(columns), self._labels[first : last + 1], assets)

    def get_value(self, sid: int, dt: Any, field: str) -> float:
        ns = self._labels[self._session(dt)]
        times = self._clock.times(int(sid))
        if not len(times) or ns < times[0]:
            raise NoDataBeforeDate(f"asset {sid} has no bars up to {dt}")
        if ns > times[-1]:
            raise NoDataAfterDate(f"asset {sid} has no bars from {dt} on")
        return self._clock.value(int(sid), self._clock.place(int(sid), ns), field)

    def get_last_traded_dt(self, asset: Any, dt: Any) -> pandas.Timestamp:
        found = self._clock.last_traded(int(asset), pandas.Timestamp(dt).value)
        return pandas.NaT if found is None else pandas.Timestamp(found)

    def currency_codes(self, sids: Sequence[int]) -> npt.NDArray[np.object_]:
        return np.array(["USD" if int(sid) in self._clock.sids else None for sid in sids], dtype=object)

    def _session(self, date: Any) -> int:
        try:
            return int(self._sessions.get_loc(date))
        except KeyError as error:
            raise NoDataOnDate(date) from error


class MinuteReader(MinuteBarReader):  # type: ignore[misc]
    """The minute bars of a bundle as zipline's minute reader.

    Zipline labels a bar by its end: bars that are stamped by their start move by a minute. Bars outside of the calendar's minutes are
    not asked for.
    """

    def __init__(self, bundle: Bundle, calendar: Any = "XNYS") -> None:
        if bundle.frequency != "1m":
            raise ValueError(f"bundle `{bundle.name}` has bars of {bundle.frequency}, not of a minute")
        self._clock = _Clock(bundle, _MINUTE_NS if bundle.stamp == "start" else 0)
        self._calendar = get_calendar(calendar) if isinstance(calendar, str) else calendar
        held = np.asarray(bundle.calendar)
        if not len(held):
            raise ValueError(f"bundle `{bundle.name}` has no bars")
        shift = np.timedelta64(self._clock.shift_ns, "ns")
        ends = [pandas.Timestamp(time + shift, tz="UTC") for time in (held[0], held[-1])]
        self._first = self._calendar.minute_to_session(ends[0], direction="next")
        self._last = self._calendar.minute_to_session(ends[1], direction="previous")

    @property
    def data_frequency(self) -> str:
        return "minute"

    @property
    def trading_calendar(self) -> Any:
        return self._calendar

    @property
    def first_trading_day(self) -> pandas.Timestamp:
        return self._first

    @property
    def last_available_dt(self) -> pandas.Timestamp:
        return self._calendar.session_close(self._last)

    def load_raw_arrays(
        self, fields: Sequence[str], start_dt: Any, end_dt: Any, sids: Sequence[int]
    ) -> list[npt.NDArray[np.float64]]:
        minutes = self._calendar.minutes_in_range(start_dt, end_dt)
        labels = minutes.tz_localize(None).values.astype("M8[ns]").view(np.int64)
        return self._clock.arrays(list(fields), labels, sids)

    def get_value(self, sid: int, dt: Any, field: str) -> float:
        return self._clock.value(int(sid), self._clock.place(int(sid), pandas.Timestamp(dt).value), field)

    def get_last_traded_dt(self, asset: Any, dt: Any) -> pandas.Timestamp:
        found = self._clock.last_traded(int(asset), pandas.Timestamp(dt).value)
        return pandas.NaT if found is None else pandas.Timestamp(found, tz="UTC")


def bundle_data(bundle: Bundle, calendar: Any = "XNYS") -> BundleData:
    """What zipline makes of a bundle of its own: an asset finder, readers and adjustments. Its databases are in memory.

    Of a bundle of minutes the daily reader puts them together. Mergers become ratios of prices, as zipline has them.
    """
    if bundle.stamp == "session":
        minute, daily = None, SessionReader(bundle, calendar)
    else:
        minute = MinuteReader(bundle, calendar)
        daily = MinuteResampleSessionBarReader(minute.trading_calendar, minute)
    return BundleData(_assets(bundle), minute, daily, _adjustments(bundle, daily))


def data_portal(bundle: Bundle, calendar: Any = "XNYS") -> DataPortal:
    """A data portal of zipline over a bundle."""
    return _portal(bundle_data(bundle, calendar))


def _portal(data: BundleData) -> DataPortal:
    daily = data.equity_daily_bar_reader
    return DataPortal(
        data.asset_finder,
        trading_calendar=daily.trading_calendar,
        first_trading_day=daily.first_trading_day,
        equity_minute_reader=data.equity_minute_bar_reader,
        equity_daily_reader=daily,
        adjustment_reader=data.adjustment_reader,
    )


def run_algorithm(
    bundle: Bundle,
    start: Any,
    end: Any,
    *,
    initialize: Callable[..., Any],
    handle_data: Callable[..., Any] | None = None,
    before_trading_start: Callable[..., Any] | None = None,
    analyze: Callable[..., Any] | None = None,
    capital_base: float = 100_000.0,
    data_frequency: str = "daily",
    calendar: Any = "XNYS",
    benchmark_returns: Any = None,
    metrics_set: str = "default",
    **more: Any,
) -> pandas.DataFrame:
    """``zipline.run_algorithm`` over a bundle of Barrow; the arguments are zipline's.

    Without ``benchmark_returns`` the benchmark is nothing, all zero. ``more`` goes to ``TradingAlgorithm``.
    """
    from zipline.finance import metrics

    data = bundle_data(bundle, calendar)
    portal = _portal(data)
    sessions = portal.trading_calendar.sessions_in_range(pandas.Timestamp(start), pandas.Timestamp(end))
    if benchmark_returns is None:
        benchmark_returns = pandas.Series(0.0, index=sessions)
    loader = USEquityPricingLoader.without_fx(data.equity_daily_bar_reader, data.adjustment_reader)

    def loader_of(column: Any) -> Any:
        if column.unspecialize() in EquityPricing.columns:
            return loader
        raise ValueError(f"no loader for {column}")

    algorithm = TradingAlgorithm(
        namespace={},
        data_portal=portal,
        get_pipeline_loader=more.pop("get_pipeline_loader", loader_of),
        trading_calendar=portal.trading_calendar,
        sim_params=SimulationParameters(
            start_session=sessions[0],
            end_session=sessions[-1],
            trading_calendar=portal.trading_calendar,
            capital_base=capital_base,
            data_frequency=data_frequency,
        ),
        metrics_set=metrics.load(metrics_set),
        benchmark_returns=benchmark_returns,
        initialize=initialize,
        handle_data=handle_data,
        before_trading_start=before_trading_start,
        analyze=analyze,
        **more,
    )
    return algorithm.run()


def _assets(bundle: Bundle) -> AssetFinder:
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=sqlalchemy.pool.StaticPool, connect_args={"check_same_thread": False}
    )
    rows = []
    numbers = {symbol: sid for sid, symbol in sids(bundle).items()}
    for asset in bundle.assets:
        told = asset.metadata if isinstance(asset.metadata, dict) else {}
        first, last = _day(asset.first), _day(asset.last)
        rows.append(
            {
                "sid": numbers[asset.symbol],
                "symbol": told.get("symbol", asset.symbol),
                "asset_name": told.get("name", asset.symbol),
                "start_date": first,
                "end_date": last,
                "first_traded": first,
                "auto_close_date": last + pandas.Timedelta(days=1),
                "exchange": told.get("exchange", "NYSE"),
            }
        )
    equities = pandas.DataFrame(rows).set_index("sid")
    exchanges = pandas.DataFrame(
        {"exchange": sorted(set(equities["exchange"])), "canonical_name": sorted(set(equities["exchange"])), "country_code": "US"}
    )
    AssetDBWriter(engine).write(equities=equities, exchanges=exchanges)
    return AssetFinder(engine)


def _day(time: Any) -> pandas.Timestamp:
    return pandas.Timestamp(0) if time is None else pandas.Timestamp(time).normalize()


def _adjustments(bundle: Bundle, daily: Any) -> SQLiteAdjustmentReader:
    numbers = {symbol: sid for sid, symbol in sids(bundle).items()}
    ratios: dict[str, list[tuple[int, pandas.Timestamp, float]]] = {"split": [], "merger": []}
    dividends = []
    for it in bundle.adjustments:
        sid, day = numbers[it.symbol], _day(it.time)
        if it.kind == "cash dividend":
            dividends.append({"sid": sid, "amount": it.value, **dict.fromkeys(("ex_date", "declared_date", "record_date", "pay_date"), day)})
        else:
            # Zipline's ratio is what a price is multiplied by.
            ratios[it.kind].append((sid, day, 1.0 / it.value))
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    with_ratios = {
        name: pandas.DataFrame(rows, columns=["sid", "effective_date", "ratio"]) if rows else None for name, rows in ratios.items()
    }
    SQLiteAdjustmentWriter(connection, daily, overwrite=False).write(
        splits=with_ratios["split"],
        mergers=with_ratios["merger"],
        dividends=pandas.DataFrame(dividends) if dividends else None,
    )
    return SQLiteAdjustmentReader(connection)


def ingest(
    name: str,
    source: str | os.PathLike[str],
    *,
    minutes: bool = False,
    root: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    **options: Any,
) -> Any:
    """Bring a bundle that zipline has ingested into the bundle ``name``, its splits and dividends with it.

    :param source: The bundle's name in zipline's data folder, of which the newest ingestion is taken, or the folder of one ingestion:
        it holds ``daily_equities.bcolz``, ``minute_equities.bcolz``, ``adjustments.sqlite`` and ``assets-8.sqlite``.
    :param minutes: Takes the minute bars instead of the daily ones; they are stamped by their end.
    :param options: Go to :func:`barrow.ingest`.

    Prices are the decimals that zipline stores, exact to a thousandth (minute bars: to the ratio that their writer was given). Zipline
    stores a bar without trades as zeros; such bars are left out. A symbol that several assets had is followed by the asset's number:
    ``ABC.17``. Mergers are left out: barrow keeps splits and cash dividends of other sources.

    Returns what :func:`barrow.ingest` returns.
    """
    folder = _folder(source, environ)
    finder = AssetFinder(_one(folder, "assets-", ".sqlite"))
    if minutes:
        bars = _minute_bars(BcolzMinuteBarReader(os.path.join(folder, "minute_equities.bcolz")), finder.sids)
        told = {"frequency": "1m", "timestamps": "end"}
    else:
        bars = _daily_bars(BcolzDailyBarReader(os.path.join(folder, "daily_equities.bcolz")))
        told = {"timestamps": "session"}
    symbols = _symbols(finder)
    columns: dict[str, list[Any]] = {"symbol": [], "time": [], **{field: [] for field in _FIELDS}}
    for sid, times, values in bars:
        columns["symbol"].append(np.full(len(times), symbols.get(sid, str(sid)), dtype=object))
        columns["time"].append(times)
        for field, held in zip(_FIELDS, values):
            columns[field].append(held)
    if not columns["time"]:
        raise ValueError(f"`{folder}` has no bars")
    rows = {field: np.concatenate(parts) for field, parts in columns.items()}
    with tempfile.TemporaryDirectory(prefix="barrow-") as scratch:
        actions = _actions(os.path.join(folder, "adjustments.sqlite"), symbols, scratch)
        return barrow.ingest(name, rows, root=root, **{**told, **actions, **options})


def _folder(source: str | os.PathLike[str], environ: Mapping[str, str]) -> str:
    path = os.fspath(source)
    if os.path.isdir(path):
        return path
    from zipline.utils import paths

    above = str(paths.data_path([path], environ=environ))
    ingestions = sorted(it for it in (os.listdir(above) if os.path.isdir(above) else []) if not it.startswith("."))
    if not ingestions:
        raise FileNotFoundError(f"zipline has no bundle `{path}`: no ingestion in `{above}`")
    return os.path.join(above, ingestions[-1])


def _one(folder: str, start: str, end: str) -> str:
    found = sorted(it for it in os.listdir(folder) if it.startswith(start) and it.endswith(end))
    if not found:
        raise FileNotFoundError(f"no `{start}*{end}` in `{folder}`")
    return os.path.join(folder, found[-1])


def _symbols(finder: AssetFinder) -> dict[int, str]:
    """One symbol for each asset, that no other has."""
    numbers = [int(sid) for sid in finder.sids]
    assets = finder.retrieve_all(numbers)
    names = [asset.symbol or str(asset.sid) for asset in assets]
    shared = {name for name in names if names.count(name) > 1}
    return {int(it.sid): f"{name}.{it.sid}" if name in shared else name for it, name in zip(assets, names)}


_Bars = Iterator[tuple[int, npt.NDArray[np.datetime64], list[npt.NDArray[np.float64]]]]


def _daily_bars(reader: BcolzDailyBarReader) -> _Bars:
    sessions = reader.sessions.values.astype("M8[ns]")
    for sid, first in sorted(reader._first_rows.items()):
        last, offset = reader._last_rows[sid], reader._calendar_offsets[sid]
        stored = [np.asarray(reader._table[field][first : last + 1]) for field in _FIELDS]
        held = np.any([values != 0 for values in stored], axis=0)
        times = sessions[offset : offset + last + 1 - first][held]
        # Thousandths, divided rather than multiplied: the nearest number to the decimal.
        prices = [values[held] / 1000.0 for values in stored[:4]]
        yield sid, times, [*(np.where(it == 0, np.nan, it) for it in prices), stored[4][held].astype(np.float64)]


def _minute_bars(reader: BcolzMinuteBarReader, numbers: Sequence[int]) -> _Bars:
    calendar = reader.trading_calendar
    start = calendar.session_first_minute(reader.first_trading_day)
    minutes = calendar.minutes_in_range(start, reader.last_available_dt)
    labels = minutes.tz_localize(None).values.astype("M8[ns]")
    for sid in sorted(int(sid) for sid in numbers):
        try:
            stored = reader.load_raw_arrays(_FIELDS, minutes[0], minutes[-1], [sid])
        except NoDataForSid:
            continue
        values = [np.asarray(it)[:, 0].astype(np.float64) for it in stored]
        held = (values[4] > 0) | ~np.isnan(values[3])
        if held.any():
            ratio = 1.0 / reader._ohlc_ratio_inverse_for_sid(sid)
            prices = [np.round(it[held] * ratio) / ratio for it in values[:4]]
            yield sid, labels[held], [*prices, values[4][held]]


def _actions(database: str, symbols: Mapping[int, str], scratch: str) -> dict[str, str]:
    """Writes the splits and dividends of an adjustments database as files that an ingestion reads."""
    if not os.path.exists(database):
        return {}
    found: dict[str, str] = {}
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        splits = connection.execute("SELECT sid, effective_date, ratio FROM splits ORDER BY sid, effective_date").fetchall()
        paid = connection.execute("SELECT sid, ex_date, amount FROM dividend_payouts ORDER BY sid, ex_date").fetchall()
    finally:
        connection.close()
    lines = {
        "splits": ["symbol,ex_date,new_shares_per_old", *_lines(splits, symbols, lambda ratio: 1.0 / ratio)],
        "dividends": ["symbol,ex_date,amount", *_lines(paid, symbols, lambda amount: amount)],
    }
    for what, text in lines.items():
        if len(text) > 1:
            found[what] = os.path.join(scratch, f"{what}.csv")
            with open(found[what], "w", encoding="utf-8") as file:
                file.write("\n".join(text) + "\n")
    return found


def _lines(rows: list[Any], symbols: Mapping[int, str], value: Callable[[float], float]) -> list[str]:
    known = [(symbols[sid], seconds, number) for sid, seconds, number in rows if sid in symbols and number]
    return [f"{symbol},{pandas.Timestamp(seconds, unit='s').date()},{value(number)!r}" for symbol, seconds, number in known]
