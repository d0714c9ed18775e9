"""Bundles as the bar readers of zipline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
from zipline.data.bar_reader import NoDataAfterDate, NoDataBeforeDate, NoDataOnDate
from zipline.data.bcolz_minute_bars import MinuteBarReader
from zipline.data.session_bars import CurrencyAwareSessionBarReader
from zipline.utils.calendar_utils import get_calendar

from barrow import Bundle
from barrow.adapters.zipline._clock import Clock

__all__ = ["MinuteReader", "SessionReader"]

_MINUTE_NS = 60_000_000_000


class SessionReader(CurrencyAwareSessionBarReader):  # type: ignore[misc]
    """The daily bars of a bundle as zipline's daily reader.

    :param calendar: The trading calendar, or its name. Bars outside of its sessions are an error: name the calendar that the bars
        are of.
    """

    def __init__(self, bundle: Bundle, calendar: Any = "XNYS") -> None:
        if bundle.stamp != "session":
            raise ValueError(f"bundle `{bundle.name}` has bars of {bundle.frequency}: take `MinuteReader`")
        self._clock = Clock(bundle)
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
        self._clock = Clock(bundle, _MINUTE_NS if bundle.stamp == "start" else 0)
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
