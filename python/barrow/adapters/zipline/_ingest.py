"""Bundles that zipline has ingested, brought here."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
from zipline.assets import AssetFinder
from zipline.data.bar_reader import NoDataForSid
from zipline.data.bcolz_daily_bars import BcolzDailyBarReader
from zipline.data.bcolz_minute_bars import BcolzMinuteBarReader

import barrow
from barrow import _barrow

__all__ = ["ingest"]

_FIELDS = ("open", "high", "low", "close", "volume")


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
    ``ABC.17``. Bars go through files in ``temp_dir``, one asset in memory at a time. Mergers are left out: barrow keeps splits and cash dividends of other sources.

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
    with tempfile.TemporaryDirectory(prefix="barrow-", dir=options.get("temp_dir")) as scratch:
        files = []
        for sid, times, values in bars:
            symbol = np.full(len(times), symbols.get(sid, str(sid)))
            files.append(os.path.join(scratch, f"{sid}.arrow"))
            _barrow.write_arrays(files[-1], {"symbol": symbol, "time": times, **dict(zip(_FIELDS, values))})
            # Not until the next asset has been read.
            del times, values
        if not files:
            raise ValueError(f"`{folder}` has no bars")
        actions = _actions(os.path.join(folder, "adjustments.sqlite"), symbols, scratch)
        return barrow.ingest(name, files, root=root, **{**told, **actions, **options})


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
