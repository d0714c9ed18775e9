"""Permuted markets spread over processes of other machines: each draws the same market from the same seed, and searches it whole."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

from barrow import _barrow
from barrow._progress import Show
from barrow._search import Search
from barrow.errors import BacktestError
from barrow.records import PermutationTest

__all__ = ["Order", "permuted"]

_MARKET = b"market"


class Order(NamedTuple):
    """What a process is told of a test."""

    search: Search
    #: How the bars are cut; ``None`` where they are not.
    cut: Any
    seed: int

    @property
    def bundle(self) -> Any:
        """The true market."""
        return self.search.bundle

    @property
    def maker(self) -> Any:
        """A built-in strategy's name, or what makes a strategy of parameters."""
        return self.search.maker

    @property
    def time_limit(self) -> Optional[float]:
        """Seconds that a market may take: as many as it needs."""
        return None

    def bench(self, threads: int) -> Bench:
        """What draws and searches the markets."""
        return Bench(self, threads)


class Bench:
    """Draws markets and searches them, in this process alone."""

    def __init__(self, order: Order, threads: int) -> None:
        plan, named = order.search.plan.__getnewargs_ex__()
        self._search = order.search._replace(plan=_barrow.Plan(*plan, **{**named, "workers": threads}))
        self._cut, self._seed, self.bundle = order.cut, order.seed, order.bundle

    def run(self, asks: list[bytes], stretches: Any) -> list[bytes]:
        """Runs the markets of these numbers, and says what they came to."""
        draws = [int(ask) for ask in asks]
        values, free = _barrow.permuted_values(*self._search, self._cut, self._seed, draws, self._again)
        return [_MARKET + pickle.dumps((draw, value, free)) for draw, value in zip(draws, values)]

    def _again(self, bundle: Any) -> tuple[Any, None]:
        return self._search.over(bundle).maker, None


def permuted(
    begin: Callable[[Order], Any],
    search: Search,
    cut: Any,
    real: Optional[float],
    count: int,
    seed: int,
    show: Optional[Show],
) -> PermutationTest:
    """What permuted markets say of a result: ``begin`` makes a crew of an :class:`Order`, whose trials are markets."""
    real = _barrow.compared(search.plan, cut is not None, real)
    values: list[Optional[float]] = [None] * count
    free, done = 0.0, 0
    for ends in begin(Order(search, cut, seed)).run([(draw, str(draw).encode()) for draw in range(count)], ()):
        for end in ends:
            if not end.startswith(_MARKET):
                _, reason = _barrow.figures_of(end)
                raise BacktestError(f"a permuted market could not be searched: {reason}")
            draw, values_of_draw, free = pickle.loads(end[len(_MARKET) :])
            values[draw] = values_of_draw
            done += 1
            if show is not None:
                show(done, count, None)
    return _barrow.permutation_record(search.plan, real, values, free)
