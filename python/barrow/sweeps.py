"""Sweeps and searches, and what they return."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Optional, Union, cast

import numpy as np
import numpy.typing as npt

from barrow import _barrow
from barrow._barrow import Bundle, Plan, Settings
from barrow._code import digest
from barrow._progress import Show, shown
from barrow._results import axes_of, summary, write_page
from barrow._search import Search, Searched
from barrow._shipping import packed, unpacked
from barrow.columns import Columns
from barrow.errors import SettingError
from barrow.records import PermutationTest
from barrow.running import Performance
from barrow.strategy import Strategy

__all__ = ["Space", "Sweep", "read_study", "sweep"]


class Space(_barrow.Space):
    """Parameters and the values that they may take.

    ``Space(fast="2..20:2", slow=[25, 50, 100], kind=["ema", "sma"], stop="log(1e-4..1)", constraints=["fast < slow"])``:
    a text is read as by the command (ranges, ``int(..)``, ``real(..)``, ``log(..)``, ``bool``, conditions), a sequence lists
    values, and a single value fixes a parameter. ``len(space)`` counts the points of the grid.
    """

    def __new__(
        cls,
        axes: Optional[Mapping[str, Any]] = None,
        *,
        constraints: Union[str, Iterable[str]] = (),
        **more: Any,
    ) -> Space:
        every = {**(axes or {}), **more}
        axes = {name: _values(values) for name, values in every.items()}
        return _barrow.Space.__new__(cls, axes, [constraints] if isinstance(constraints, str) else list(constraints))

    def __repr__(self) -> str:
        points = f" of {len(self):,} points" if len(self) else ""
        return f"<barrow.Space{points}: {', '.join(self.names)}{''.join(f'; {rule}' for rule in self.constraints)}>"


def _values(values: Any) -> Any:
    if isinstance(values, (bool, int, float, np.generic)) and not isinstance(values, str):
        return [values]
    if isinstance(values, np.ndarray):
        return values.tolist()
    return values


def space_of(space: Any, constraints: Union[str, Iterable[str]], fixed: Mapping[str, Any]) -> _barrow.Space:
    """Reads a space: one that is made, axes by name, or texts such as ``fast=2..20``."""
    if isinstance(space, _barrow.Space):
        if fixed or constraints:
            raise SettingError("a `Space` says all: name constraints and parameters where it is made")
        return space
    if isinstance(space, str):
        space = [space]
    if not isinstance(space, Mapping):
        pairs = [text.partition("=")[::2] for text in space or ()]
        space = {name.strip(): values for name, values in pairs}
    return Space({**space, **fixed}, constraints=constraints)


def sweep(
    bundle: Bundle | str,
    strategy: str | type[Strategy] | Strategy | Callable[..., Any],
    space: Any = None,
    *,
    search: str = "grid",
    trials: Optional[int] = None,
    cost: Optional[float] = None,
    objective: Union[str, Sequence[str]] = "sharpe",
    constraints: Union[str, Iterable[str]] = (),
    limits: Union[str, Sequence[str]] = (),
    study: Optional[str | os.PathLike[str]] = None,
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
) -> Sweep:
    """Runs a strategy at many points of a space of parameters.

    Which trials are run, and how each ends, is the same at any number of workers, to the last bit.

    :param space: A :class:`Space`, or axes by name: ``{"fast": "2..20:2", "slow": [25, 50]}``.
    :param search: ``"grid"``, ``"random"``, ``"sobol"``, ``"halton"``, ``"lhs"``, ``"tpe"``, ``"gp"``, ``"cmaes"``,
        ``"genetic"``, ``"halving"``, ``"hyperband"``, ``"asha"`` or ``"bohb"``, with settings behind a colon: ``"bohb:eta=3"``.
    :param trials: The most trials. All but a grid need this or ``cost``.
    :param cost: The most work, in whole runs.
    :param objective: A metric, in its usual direction, or ``"max:turnover"``; several where the search takes several.
    :param constraints: Rules between parameters, such as ``"fast < slow"``.
    :param limits: What results must keep, such as ``"max_drawdown<=0.2"``.
    :param study: Journal of the trials, the same file as the command's ``--study``: the same call goes on where the last
        one was stopped. One of a strategy whose code has changed is refused.
    :param workers: Threads for built-in strategies, processes for those of Python; 0 is one a core. With 1, strategies of
        Python run in this process.
    :param isolate: Runs built-in strategies in processes too.
    :param time_limit: The most seconds that a trial may take; a slower one counts as failed.
    :param part: What a budget below 1 runs on: stretches ``"spread"`` over the period, its ``"first"`` bars, or a
        share of the ``"assets"``.
    :param round: Trials asked for at a time; decides which trials a search asks for.
    :param progress: ``True``, ``False``, or a function of trials done, all trials, and the best so far; without it a bar is
        shown in terminals and notebooks.
    :param crew: Who runs the trials instead: see :mod:`barrow.ray`.
    :param params: Further parameters of the strategy, fixed or as axes.

    The other settings are those of :func:`barrow.backtest`.
    """
    objectives = [objective] if isinstance(objective, str) else list(objective)
    points = space_of(space, constraints, params)
    settings = Settings(cash, commission, slippage, start, end, assets, seed)
    plan = Plan(search, objectives, seed, trials, cost, round, limits, workers, time_limit, part)
    searched = Search.of(bundle, strategy, points, settings, plan, whole_shares)
    hands = searched.crew(crew, isolate)
    path = None if study is None else os.fspath(study)
    code = None if study is None or isinstance(strategy, str) else digest(strategy)
    with shown(progress, objectives[0]) as bar:
        found = Sweep(_barrow.search(*searched, study=path, code=code, crew=hands, show=bar))
    found._spread = crew
    return found


class Sweep(Searched):
    """The result of a sweep: every trial with its parameters and figures, the best, and what was skipped or failed.

    It pickles whole where its strategy can be sent, and as its tables alone where not: then :meth:`run`, :meth:`verdict`,
    :meth:`report` and :meth:`permutation_test`, which run trials again, are for the process that made it. They open the bundle where they are called.
    """

    def _here(self) -> Any:
        if self._native is None:
            self._native = unpacked(self._cache["again"], "sweep")
        return self._native

    def _again(self) -> tuple[Search, Any]:
        return Search(*self._here().searched), None

    def _reached(self) -> Optional[float]:
        return self.best_value

    def __getstate__(self) -> dict[str, Any]:
        names = ("facts", "names", "ids", "params", "metrics", "failed", "partial", "best", "front", "leaders", "violations")
        return {**{name: self._get(name) for name in names}, "again": self._packed()}

    def _packed(self) -> Optional[bytes]:
        """All of it; ``None`` where no other process can read the strategy."""
        if self._native is None:
            return cast("Optional[bytes]", self._cache["again"])
        return packed(self._native)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._native, self._cache = None, state

    def __len__(self) -> int:
        return len(self._get("ids"))

    @property
    def trials(self) -> Columns:
        """Whole runs that ended, in the order in which they were asked for: ``id``, parameters, figures.

        An inactive parameter is ``None``, an undefined figure NaN.
        """
        if "trials" not in self._cache:
            columns = {"id": self._get("ids")}
            for name in self._get("names"):
                columns[name] = _column([params.get(name) for params in self._get("params")])
            self._cache["trials"] = Columns({**columns, **self._get("metrics")})
        table: Columns = self._cache["trials"]
        return table

    def to_pandas(self) -> Any:
        """The trials as a ``pandas.DataFrame``."""
        return self.trials.to_pandas()

    def to_polars(self) -> Any:
        """The trials as a ``polars.DataFrame``."""
        return self.trials.to_polars()

    @property
    def metric(self) -> str:
        """The first objective's metric."""
        return str(self.facts["objective"]).split(":")[-1]

    @property
    def best(self) -> Optional[dict[str, Any]]:
        """Parameters of the best trial; ``None`` where the objective is undefined for all."""
        place = self._get("best")
        return None if place is None else dict(self._get("params")[place])

    @property
    def best_value(self) -> Optional[float]:
        """Its objective."""
        place = self._get("best")
        return None if place is None else float(self.trials[self.metric][place])

    def ranking(self, count: int = 10) -> Columns:
        """The best trials: those that miss the limits by less first, then by the first objective, undefined ones last, equal
        ones in the order of asking. A point that a search came back to stands there once.
        """
        return self.trials.take(np.array(self._get("leaders")[:count], dtype=np.int64))

    @property
    def front(self) -> Columns:
        """The trials that no other is better than in every objective, limits kept."""
        return self.trials.take(np.array(self._get("front"), dtype=np.int64))

    @property
    def failed(self) -> list[tuple[dict[str, Any], str]]:
        """Parameters of the trials that failed, and why."""
        return list(self._get("failed"))

    @property
    def partial(self) -> Columns:
        """Trials of a part of the period: ``id``, parameters, ``budget``, ``bracket``, ``rung``, ``resumes``, ``value``."""
        rows = self._get("partial")
        names = ("id", "params", "budget", "bracket", "rung", "resumes", "value")
        by_name = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        columns: dict[str, npt.NDArray[Any]] = {"id": _column(by_name["id"])}
        for name in self._get("names"):
            columns[name] = _column([params.get(name) for params in by_name["params"]])
        return Columns({**columns, **{name: _column(by_name[name]) for name in names[2:]}})

    def run(self, place: Optional[int] = None) -> Performance:
        """Runs a trial again in full: the best, or that at a place of :attr:`trials`."""
        place = self._get("best") if place is None else place
        if place is None:
            raise SettingError("no trial has the objective, so there is no best one")
        native = self._here()
        return Performance(native.rerun(place), native.again(place))

    def verdict(self) -> dict[str, Any]:
        """Whether the best trial is more than luck: statistics over up to 200 trials, which are run again."""
        return dict(self._here().verdict())

    def report(
        self, path: str | os.PathLike[str], top: int = 20, *, permutations: Optional[PermutationTest] = None
    ) -> None:
        """Writes a self-contained HTML page: the one that ``barrow sweep --report`` writes.

        :param top: Trials in its table.
        :param permutations: What :meth:`permutation_test` said, for a section of the page.
        """
        write_page(path, self._here().page(top, permutations))

    def plot(self, ax: Any = None) -> Any:
        """Draws the objective of every trial, and the best so far that keeps the limits, with Matplotlib; returns the axes."""
        axes = axes_of(ax)
        values, objective = self.trials[self.metric], str(self.facts["objective"])
        kept = np.where(self._get("violations") == 0.0, values, np.nan)
        smaller = objective.startswith("min:") or (self.metric in _SMALLER and not objective.startswith("max:"))
        best = np.fmin.accumulate(kept) if smaller else np.fmax.accumulate(kept)
        axes.plot(values, ".", alpha=0.5)
        axes.step(np.arange(len(values)), best, where="post")
        axes.set_xlabel("trial")
        axes.set_ylabel(self.metric)
        return axes

    def _head(self) -> str:
        facts = self.facts
        parts = [f"{len(self)} trials of {facts['strategy']} on {facts['bundle']}, {facts['search']}"]
        if self._get("partial"):
            parts.append(f"{len(self._get('partial'))} on a part of the period")
        if facts["skipped"]:
            parts.append(f"{facts['skipped']} points skipped")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        return f"{'; '.join(parts)}; {facts['elapsed_seconds']:.3g} s on {facts['workers']} workers"

    def _top(self) -> Columns:
        shown_first = [*self._get("names"), self.metric]
        others = [name for name in _SHOWN if name != self.metric]
        top = self.ranking()
        return Columns({name: top[name] for name in [*shown_first, *others]})

    def __repr__(self) -> str:
        return f"{self._head()}\n{self._top()!r}"

    def _repr_html_(self) -> str:
        return summary(self._head(), self._top())


_SMALLER = ("volatility", "max_drawdown", "max_drawdown_length", "turnover")
_SHOWN = ("total_return", "annual_return", "sharpe", "max_drawdown", "fills", "final_equity")


def _column(values: list[Any]) -> npt.NDArray[Any]:
    """Values in the narrowest type that holds them all."""
    kinds = {type(value) for value in values}
    if kinds <= {bool} or kinds <= {int}:
        return np.array(values, dtype=(bool if kinds == {bool} else np.int64))
    if kinds <= {int, float}:
        return np.array(values, dtype=np.float64)
    if kinds <= {str}:
        return np.array(values, dtype=np.str_)
    return np.array(values, dtype=object)


def read_study(path: str | os.PathLike[str]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Reads the journal of a study: what it is of, and its trials in the order in which they were asked for.

    A trial has ``id``, ``params``, ``budget``, ``bracket``, ``rung``, ``resumes``, ``state`` (``"done"``, ``"failed"``,
    ``"skipped"`` or ``"open"``), ``error`` and ``metrics``.
    """
    return _barrow.read_study(os.fspath(path))
