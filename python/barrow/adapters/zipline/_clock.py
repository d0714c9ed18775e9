"""Where a time lies among the bars of a bundle, in zipline's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from zipline.data.bar_reader import NoDataForSid

from barrow import Bundle

__all__ = ["Clock", "sids"]


class Clock:
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
