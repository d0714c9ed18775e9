"""Promise: the pairs of `docs/coming-from.md` run, and say the same where the page says so.

Method: the blocks of the page, in order, as one program, over a bundle of sessions of New York; blocks of a library that is not installed are
left out.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
CLOSED = np.array(["2020-01-01", "2020-01-20", "2020-02-17"], dtype="M8[D]")

pytest.importorskip("pandas", reason="the frames are pandas'")


@pytest.fixture
def daily(root: Path) -> barrow.Bundle:
    days = np.arange("2020-01-02", "2020-04-01", dtype="M8[D]")
    days = days[np.is_busday(days, holidays=CLOSED)]
    random = np.random.default_rng(5)
    tables = {}
    for symbol in ("AAPL", "MSFT"):
        close = np.round(100 + np.cumsum(random.normal(size=len(days))), 2)
        open_ = np.round(close + random.normal(size=len(days)) / 4, 2)
        tables[symbol] = {
            "time": days.astype("M8[ns]"),
            "open": open_,
            "high": np.maximum(open_, close) + 0.5,
            "low": np.minimum(open_, close) - 0.5,
            "close": close,
            "volume": np.full(len(days), 1e6),
        }
    barrow.ingest("us-daily", tables)
    return barrow.open("us-daily")


BLOCKS = re.findall(r"```python *(\w*)\n(.*?)```", PAGE.read_text(), re.DOTALL)
LIBRARIES = sorted({library for library, _ in BLOCKS if library})


def run(library: str) -> dict[str, Any]:
    """Runs the blocks that need nothing, and those of one library, in their order."""
    program = "\n".join(text for of, text in BLOCKS if of in ("", library))
    # Classes of backtrader look for the module that they are of.
    page = sys.modules["page"] = types.ModuleType("page")
    exec(compile(program, str(PAGE), "exec"), page.__dict__)
    return page.__dict__


def test_the_page_has_a_pair_for_each_library() -> None:
    assert LIBRARIES == ["backtesting", "backtrader", "vectorbt", "zipline"]


def test_what_is_ours_runs(daily: barrow.Bundle) -> None:
    names = run("")
    bars = daily["AAPL"]
    rises = np.flatnonzero(bars.close[1:] > bars.close[:-1]) + 1
    assert names["rising"].fills["price"][0] == bars.open[rises[0] + 1]
    assert names["performance"].metrics["fills"] > 10
    assert names["found"].best is not None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_pair_runs(daily: barrow.Bundle, library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    names = run(library)
    if library == "zipline":
        bars, sessions = daily["AAPL"], names["days"]
        assert len(sessions) == len(bars.between("2020-01-03"))
        # It fills at the next close: each position of ten shares earns from there on.
        wanted = 10.0 * (bars.close[1:] > bars.close[:-1])
        gains = wanted[:-2] * (bars.close[3:] - bars.close[2:-1])
        assert sessions["portfolio_value"].iloc[-1] == pytest.approx(10_000 + gains.sum())
    if library == "vectorbt":
        assert names["portfolio"].trades.count() > 5
    if library == "backtesting":
        assert names["statistics"]["# Trades"] > 5
