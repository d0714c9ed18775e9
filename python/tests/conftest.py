"""What tests share: a market of a few assets with gaps, and a catalog of its own for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import barrow

Rows = dict[str, npt.NDArray[Any]]


def market(seed: int = 7) -> Rows:
    """A long table of three assets on 60 weekdays, one of them with gaps and one that comes late."""
    random = np.random.default_rng(seed)
    days = np.arange("2020-01-01", "2020-04-01", dtype="M8[D]")
    days = days[np.is_busday(days)][:60]
    present = {"AAA": days, "BBB": days[random.random(60) < 0.8], "CCC": days[25:]}
    columns: dict[str, list[npt.NDArray[Any]]] = {}
    for symbol, times in present.items():
        close = np.round(50 + np.cumsum(random.normal(size=len(times))), 2)
        open_ = np.round(close + random.normal(size=len(times)) / 4, 2)
        rows = {
            "symbol": np.full(len(times), symbol),
            "time": times.astype("M8[ns]"),
            "open": open_,
            "high": np.maximum(open_, close) + 0.5,
            "low": np.minimum(open_, close) - 0.5,
            "close": close,
            "volume": np.floor(random.random(len(times)) * 1e6),
        }
        for name, values in rows.items():
            columns.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> None:
    """Ctrl-C raises, also where the tests run in the background of a shell, which ignores it there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The default catalog, empty."""
    folder = tmp_path / "catalog"
    monkeypatch.setenv("BARROW_ROOT", str(folder))
    yield folder
    barrow.pool.clear()


@pytest.fixture
def rows() -> Rows:
    return market()


@pytest.fixture
def bundle(root: Path, rows: Rows) -> barrow.Bundle:
    barrow.ingest("market", rows)
    return barrow.open("market")
