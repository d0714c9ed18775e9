"""The folds of a walk-forward as a splitter of scikit-learn.

::

    from sklearn.model_selection import cross_val_score
    from barrow.adapters.sklearn import WalkForwardSplit

    split = WalkForwardSplit(times, train=500, test=60, purge=5, embargo=5)
    cross_val_score(model, X, y, cv=split)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import BaseCrossValidator

from barrow import validation

__all__ = ["WalkForwardSplit"]


class WalkForwardSplit(BaseCrossValidator):  # type: ignore[misc]
    """Trains on one stretch of rows and tests on the next, again and again: the folds of :func:`barrow.walk_forward`.

    :param times: The timestamp of each row, ascending; of several rows of one time each gets the fold of its time, so a table of
        many assets will do. Without it the rows are the clock, and lengths are counts of rows.
    :param train, test, step: Lengths: ``500`` bars, ``"250s"`` sessions, ``"90d"``, ``"6m"``, ``"4y"``.
    :param purge: Bars taken from the end of each train stretch, whose labels would reach into the test.
    :param embargo: Bars left out before each test.
    :param anchored: Trains from the first bar on in every fold.
    :param partial_last: Whether a last test that the data cuts short counts.
    """

    def __init__(
        self,
        times: npt.ArrayLike | None = None,
        *,
        train: Any,
        test: Any,
        step: Any = None,
        purge: int = 0,
        embargo: int = 0,
        anchored: bool = False,
        partial_last: bool = True,
    ) -> None:
        self.times = times
        self.train = train
        self.test = test
        self.step = step
        self.purge = purge
        self.embargo = embargo
        self.anchored = anchored
        self.partial_last = partial_last

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
        """The rows of each fold, first those to train on, then those to test on, both ascending."""
        count = len(X) if X is not None else len(self._given())
        given = self._given() if self.times is not None else np.arange(count).astype("M8[D]").astype("M8[ns]")
        if len(given) != count:
            raise ValueError(f"{len(given)} times, but {count} rows")
        if np.any(given[1:] < given[:-1]):
            raise ValueError("rows must be in the order of their times")
        clock, first = np.unique(given, return_index=True)
        edges = np.append(first, count)
        for train, _, test in self._folds(clock):
            yield tuple(np.arange(edges[it.start], edges[it.stop]) for it in (train, test))  # type: ignore[misc]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """The number of folds; without times it takes the rows to tell."""
        if self.times is not None:
            return len(self._folds(np.unique(self._given())))
        if X is None:
            raise ValueError("without times, the rows say how many folds there are")
        return sum(1 for _ in self.split(X))

    def _given(self) -> npt.NDArray[np.datetime64]:
        times = np.asarray(self.times)
        return times.astype("M8[ns]")

    def _folds(self, clock: npt.NDArray[np.datetime64]) -> list[tuple[range, range, range]]:
        return validation.folds(
            clock,
            train=self.train,
            test=self.test,
            step=self.step,
            purge=self.purge,
            embargo=self.embargo,
            anchored=self.anchored,
            partial_last=self.partial_last,
        )
