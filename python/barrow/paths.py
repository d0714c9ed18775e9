"""Cross-validation, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from barrow import _barrow
from barrow._barrow import Bundle, Plan, Settings
from barrow._folds import Folded
from barrow._progress import Show
from barrow._results import axes_of, defined
from barrow._search import Search
from barrow.columns import Columns
from barrow.strategy import Strategy
from barrow.sweeps import space_of

__all__ = ["CrossValidation", "cross_validate"]


def cross_validate(
    bundle: Bundle | str,
    strategy: str | type[Strategy] | Strategy | Callable[..., Any],
    space: Any = None,
    *,
    groups: int = 6,
    test_groups: int = 2,
    holding: int = 0,
    purge: int = 0,
    embargo: int = 0,
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
) -> CrossValidation:
    """Fits on some groups of bars and judges on the others, in every combination.

    The period is cut into ``groups`` of bars. For each choice of ``test_groups`` of them a search runs on the rest, less the
    bars that are purged, and the best of its trials is run on the test groups. Put together these are paths: backtests over
    the whole period of which nothing was judged by what was fitted on it. Where a walk-forward gives one Sharpe ratio, they
    give a distribution. Source: Lopez de Prado (2018), "Advances in financial machine learning", chapters 7 and 12.

    :param groups: Groups that the bars are cut into; ``C(groups, test_groups)`` searches run.
    :param test_groups: Groups that are judged together.
    :param holding: Bars that a decision looks ahead: nothing is fitted on whose holding period meets a test group.
    :param purge: Bars that are not fitted on before and behind each test group.
    :param embargo: Bars that are not fitted on behind each test group, beyond ``purge``.

    The other arguments are those of :func:`barrow.sweep`.

    Raises ``barrow.errors.StatisticError`` where the bars cannot be cut this way, ``barrow.errors.BacktestError`` where no trial
    of a split has the objective.
    """
    points = space_of(space, constraints, params)
    settings = Settings(cash, commission, slippage, start, end, assets, seed)
    plan = Plan(search, [objective], seed, trials, cost, round, limits, workers, time_limit, part)
    searched = Search.of(bundle, strategy, points, settings, plan, whole_shares)
    cut = (groups, test_groups, holding, purge, embargo)
    return CrossValidation.found(_barrow.cross_validate, searched, cut, crew, isolate, progress)


class CrossValidation(Folded):
    """The result of a cross-validation: what was chosen in each split, and the paths that the choices make.

    ``facts`` tell how the choices hold: ``efficiency``, ``profitable``, ``drift``.
    """

    _what = "cross-validation"

    @property
    def equity(self) -> npt.NDArray[np.float64]:
        """Equity of each path at the close of each bar, quote currency: shape ``[paths, bars]``."""
        equity: npt.NDArray[np.float64] = self._get("equity")
        return equity

    @property
    def groups(self) -> list[tuple[str, str]]:
        """First and last time of each group, oldest first."""
        return list(self._get("groups"))

    @property
    def splits(self) -> list[dict[str, Any]]:
        """The splits, in the order of their test groups: ``test_groups`` (from 0), ``chosen`` parameters, figures ``on_train`` and
        ``on_test``, ``rank_correlation`` of the trials there, ``trials`` and ``failed``.
        """
        return list(self._get("splits"))

    @property
    def sharpe(self) -> Optional[dict[str, float]]:
        """How the annual Sharpe ratios of the paths are spread: ``paths`` that have one, ``mean``, sample ``deviation``, ``low`` (the
        5 % quantile), ``median``, ``high`` (95 %) and the share ``not_above_zero``; ``None`` where no path has one.
        """
        spread = self._get("sharpe")
        return None if spread is None else dict(spread)

    @property
    def table(self) -> Columns:
        """A row a split: its test groups (from 1, as the command counts), the chosen parameters, and the objective on what was
        fitted on and on what was judged.
        """
        metric = str(self.facts["objective"]).split(":")[-1]
        splits = self.splits
        tested = [", ".join(str(group + 1) for group in split["test_groups"]) for split in splits]
        columns: dict[str, Any] = {"test_groups": np.array(tested, dtype=np.str_)}
        for name in sorted({name for split in splits for name in split["chosen"]}):
            columns[name] = np.array([split["chosen"].get(name) for split in splits])
        for name in ("on_train", "on_test"):
            columns[name] = defined(split[name][metric] for split in splits)
        columns["rank_correlation"] = defined(split["rank_correlation"] for split in splits)
        return Columns(columns)

    @property
    def paths(self) -> Columns:
        """A row a path: its figures over the whole period, NaN where one is undefined."""
        paths = [path["metrics"] for path in self._get("paths")]
        return Columns({name: defined(path[name] for path in paths) for name in (paths[0] if paths else ())})

    @property
    def judges(self) -> npt.NDArray[np.int64]:
        """For each path and group the place in :attr:`splits` of the one whose choice was run there: shape ``[paths, groups]``."""
        return np.array([path["splits"] for path in self._get("paths")], dtype=np.int64)

    def plot(self, ax: Any = None) -> Any:
        """Draws the equity of each path with Matplotlib, and returns the axes."""
        axes = axes_of(ax)
        axes.plot(self.times, self.equity.T, linewidth=0.8)
        for first, _ in self.groups[1:]:
            axes.axvline(np.datetime64(first[:10]), linewidth=0.5, alpha=0.5)
        axes.set_ylabel("equity out of sample")
        return axes

    def _head(self) -> str:
        facts, sharpe = self.facts, self.sharpe
        head = f"{len(self.splits)} splits of {facts['strategy']} on {facts['bundle']}, {facts['search']}"
        if sharpe is None:
            return head
        words = f"Sharpe ratio {sharpe['median']:.3g}, {sharpe['low']:.3g} to {sharpe['high']:.3g}"
        return f"{head}; {len(self.equity)} paths: {words}"
