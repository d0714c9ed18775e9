"""Walk-forward, and what it returns."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Optional, Union

import numpy as np

from barrow import _barrow
from barrow._barrow import Bundle, Plan, Settings
from barrow._folds import Folded
from barrow._progress import Show
from barrow._results import Curve, axes_of, defined
from barrow._search import Search
from barrow.strategy import Strategy
from barrow.sweeps import space_of
from barrow.columns import Columns

__all__ = ["WalkForward", "cut_of", "walk_forward"]


def cut_of(
    train: Any,
    test: Any,
    validate: Any = None,
    step: Any = None,
    embargo: int = 0,
    purge: int = 0,
    anchored: bool = False,
    partial_last: bool = True,
) -> dict[str, Any]:
    """How a clock is cut into folds, as the extension takes it."""
    lengths = {"train": train, "test": test, "validate": validate, "step": step}
    texts = {name: None if length is None else _length(length) for name, length in lengths.items()}
    return {**texts, "embargo": embargo, "purge": purge, "anchored": anchored, "partial_last": partial_last}


def _length(length: Any) -> str:
    """A length as text; one of Python, pandas or NumPy is one of days."""
    if isinstance(length, np.timedelta64):
        length = length.astype("m8[us]").item()
    if isinstance(length, datetime.timedelta) and length % datetime.timedelta(days=1) == datetime.timedelta():
        return f"{length.days}d"
    return str(length)


def walk_forward(
    bundle: Bundle | str,
    strategy: str | type[Strategy] | Strategy | Callable[..., Any],
    space: Any = None,
    *,
    train: Any,
    test: Any,
    validate: Any = None,
    step: Any = None,
    embargo: int = 0,
    purge: int = 0,
    anchored: bool = False,
    partial_last: bool = True,
    search: str = "grid",
    trials: Optional[int] = None,
    cost: Optional[float] = None,
    objective: str = "sharpe",
    constraints: Union[str, Iterable[str]] = (),
    limits: Union[str, Sequence[str]] = (),
    workers: int = 0,
    isolate: bool = False,
    time_limit: Optional[float] = None,
    part: str = "spread",
    round: Optional[int] = None,
    progress: Union[bool, Show, None] = None,
    cash: float = 100_000.0,
    commission: str = "none",
    slippage: str = "none",
    start: Any = None,
    end: Any = None,
    assets: Union[str, Sequence[str], None] = None,
    seed: int = 0,
    whole_shares: bool = True,
    crew: Any = None,
    **params: Any,
) -> WalkForward:
    """Searches on one stretch of history and judges on the next, again and again.

    In each fold a search runs on ``train``; of its trials the best on ``validate`` is chosen (on ``train`` without one), and
    run on ``test``, which has no part in any choice.

    :param train, validate, test, step: Lengths: ``500`` bars, ``"250s"`` sessions, ``"90d"`` or a ``timedelta`` of days, ``"6m"``,
        ``"4y"``. The step from fold to fold is a test's length unless given.
    :param embargo: Bars left out before each test.
    :param purge: Bars taken from the end of what is fitted and chosen on.
    :param anchored: Trains from the first bar on in every fold.
    :param partial_last: Whether a last test that the data cuts short counts.

    The other arguments are those of :func:`barrow.sweep`.
    """
    points = space_of(space, constraints, params)
    settings = Settings(cash, commission, slippage, start, end, assets, seed)
    plan = Plan(search, [objective], seed, trials, cost, round, limits, workers, time_limit, part)
    searched = Search.of(bundle, strategy, points, settings, plan, whole_shares)
    cut = cut_of(train, test, validate, step, embargo, purge, anchored, partial_last)
    return WalkForward.found(_barrow.walk_forward, searched, cut, crew, isolate, progress)


class WalkForward(Folded, Curve):
    """The result of a walk-forward: the tests one after the other, and how choosing fared in each fold.

    ``facts`` tell how the choices hold: ``efficiency``, ``profitable``, ``drift``. ``times`` and ``equity`` are those of the tests, stitched;
    of their ``metrics`` those that need single fills are ``None``.
    """

    _what = "walk-forward"

    @property
    def folds(self) -> list[dict[str, Any]]:
        """The folds, oldest first: periods, ``chosen`` parameters, figures on each stretch, ``rank_correlation``."""
        return list(self._get("folds"))

    @property
    def table(self) -> Columns:
        """A row a fold: period of the test, chosen parameters, and the objective where the choice was made and after."""
        metric = str(self.facts["objective"]).split(":")[-1]
        folds = self.folds
        columns: dict[str, Any] = {
            "test_from": np.array([fold["test"][0] for fold in folds], dtype=np.str_),
            "test_to": np.array([fold["test"][1] for fold in folds], dtype=np.str_),
        }
        for name in sorted({name for fold in folds for name in fold["chosen"]}):
            columns[name] = np.array([fold["chosen"].get(name) for fold in folds])
        columns["on_choice"] = defined((fold["on_validate"] or fold["on_train"])[metric] for fold in folds)
        columns["on_test"] = defined(fold["on_test"][metric] for fold in folds)
        columns["rank_correlation"] = defined(fold["rank_correlation"] for fold in folds)
        return Columns(columns)

    def plot(self, ax: Any = None) -> Any:
        """Draws the equity of the tests with Matplotlib, and returns the axes."""
        axes = axes_of(ax)
        axes.plot(self.times, self.equity)
        for fold in self.folds:
            axes.axvline(np.datetime64(fold["test"][0][:10]), linewidth=0.5, alpha=0.5)
        axes.set_ylabel("equity out of sample")
        return axes

    def _head(self) -> str:
        facts = self.facts
        return f"{len(self.folds)} folds of {facts['strategy']} on {facts['bundle']}, {facts['search']}"
