"""What sweeps and folds prepare alike: what is searched and who runs it; and the same again over other markets."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Optional, Union

from barrow import _barrow
from barrow._barrow import Bundle, Plan, Settings
from barrow._progress import Show, shown
from barrow._results import Held, markets
from barrow.records import PermutationTest
from barrow.running import Maker, maker_of, opened
from barrow.weighing import Weighing

__all__ = ["Search", "Searched"]


class Search(NamedTuple):
    """What is searched, on what and how, in the order in which the extension takes it."""

    bundle: Bundle
    maker: Maker
    space: _barrow.Space
    settings: Settings
    plan: Plan

    @classmethod
    def of(
        cls,
        bundle: Bundle | str,
        strategy: Any,
        space: _barrow.Space,
        settings: Settings,
        plan: Plan,
        whole_shares: bool,
    ) -> Search:
        """Takes a bundle and a strategy as users name them."""
        bundle = opened(bundle)
        return cls(bundle, maker_of(strategy, bundle, settings, whole_shares), space, settings, plan)

    def over(self, bundle: Bundle) -> Search:
        """The same over another bundle."""
        maker = self.maker.over(bundle) if isinstance(self.maker, Weighing) else self.maker
        return self._replace(bundle=bundle, maker=maker)

    def again(self, bundle: Bundle) -> tuple[Maker, Any]:
        """The maker over another bundle, and who runs the trials there."""
        again = self.over(bundle)
        return again.maker, again.crew()

    def crew(self, given: Any = None, isolate: bool = False) -> Any:
        """Who runs the trials: ``None`` for threads of this process."""
        hands = self.plan.workers or _cores()
        if given is None and not isolate and (isinstance(self.maker, str) or hands == 1):
            return None
        from barrow import _workers
        from barrow._worker import Order

        plan = self.plan
        order = Order(self.bundle, self.maker, self.settings, plan.seed, plan.time_limit, plan.part)
        return _workers.Crew(order, hands) if given is None else given.begin(order)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Searched(Held):
    """A result that a search, or one in each of folds, has found, and finds again over other bars."""

    #: Who spreads markets over machines, where that found it.
    _spread: Any = None

    def _again(self) -> tuple[Search, Any]:
        """What was searched, and how the bars were cut; ``None`` where they were not."""
        raise NotImplementedError

    def _reached(self) -> Optional[float]:
        """The objective of what was found."""
        raise NotImplementedError

    def permutation_test(
        self, draws: int = 200, *, seed: Optional[int] = None, progress: Union[bool, Show, None] = None
    ) -> PermutationTest:
        """How often chance does as well: all of it again over markets that have the same moves in another order.

        What is compared is what was searched for, the first objective: of a sweep that of its best trial, so that choosing among all of
        them has its price; of a walk-forward that of the tests one after the other; of a cross-validation its median over the paths.
        What the command computes with ``--permutations``, with the same numbers for the same seed. Source: Masters (2018),
        "Permutation and randomization tests for trading system development", for assets whose bars have the same times; the rule
        for others, and which moves change places, are in ``docs/validation.md``.

        Markets are run one after the other, each with as many threads or processes as the result itself was found with (``workers``).
        Those of a result that was found on a Ray cluster are spread over its actors, each of which draws and searches markets of its
        own; a result that came by a pickle is tested on this machine. A market takes as much memory as the bars of the run do, three
        times while it is drawn, which takes 0.15 us a bar of the processors' time; then as long as finding the result took, where
        indicators are exact a few times that: its prices have more digits than those of a market.

        :param draws: How many markets, at least one.
        :param seed: Of the orders; that of the result unless given. The search and the strategy keep theirs.
        :param progress: ``True``, ``False``, or a function of markets done, all markets, and ``None``.

        Raises ``barrow.errors.StatisticError`` where the result does not have the objective, or a price is not above zero;
        ``barrow.errors.SettingError`` where the result came by a pickle that its strategy could not be part of.
        """
        search, cut = self._again()
        count, seed = markets(draws), search.settings.seed if seed is None else seed
        try:
            with shown(progress, search.plan.objective, "market") as bar:
                if self._spread is None:
                    return _barrow.permuted(*search, cut, self._reached(), count, seed, search.again, show=bar)
                test: PermutationTest = self._spread.permuted(search, cut, self._reached(), count, seed, bar)
                return test
        finally:
            if self._spread is None and not isinstance(search.maker, str):
                from barrow import _workers

                _workers.rest()
