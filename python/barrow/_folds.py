"""What walk-forward and cross-validation return alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar, Optional, TypeVar, Union

from barrow._progress import Show, shown
from barrow._results import Timed, summary, write_page
from barrow._search import Search, Searched
from barrow._shipping import packed, unpacked
from barrow.columns import Columns
from barrow.records import PermutationTest

__all__ = ["Folded"]

_F = TypeVar("_F", bound="Folded")


class Folded(Searched, Timed):
    """A result of folds: a page and a row a fold. It pickles whole; where its strategy cannot be sent, without what finds it again."""

    #: What it is called.
    _what: ClassVar[str]

    def __init__(self, native: Any, again: Union[tuple[Search, Any], bytes, None]) -> None:
        super().__init__(native)
        # What was searched and how the bars were cut; of a result that was read, the pickle of it, or none.
        self._searched = again

    @classmethod
    def found(
        cls: type[_F],
        run: Callable[..., Any],
        search: Search,
        cut: Any,
        crew: Any,
        isolate: bool,
        progress: Union[bool, Show, None],
    ) -> _F:
        """Runs the folds of a cut by a function of the extension."""
        hands = search.crew(crew, isolate)
        with shown(progress, search.plan.objective) as bar:
            found = cls(run(*search, cut, crew=hands, show=bar), (search, cut))
        found._spread = crew
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        again = self._searched
        return type(self), (self._native, packed(again) if isinstance(again, tuple) else again)

    def _again(self) -> tuple[Search, Any]:
        again = self._searched
        if not isinstance(again, tuple):
            again = unpacked(again, self._what)
        return again[0], again[1]

    def _reached(self) -> Optional[float]:
        return self.out_of_sample

    @property
    def out_of_sample(self) -> Optional[float]:
        """The objective out of sample: of a walk-forward over the tests one after the other, of a cross-validation its median over
        the paths that have it; ``None`` where it is undefined.
        """
        value: Optional[float] = self._get("out_of_sample")
        return value

    def report(self, path: str | os.PathLike[str], *, permutations: Optional[PermutationTest] = None) -> None:
        """Writes a self-contained HTML page: the one that the command writes with ``--report``.

        :param permutations: What :meth:`permutation_test` said, for a section of the page.
        """
        write_page(path, self._native.page(permutations))

    @property
    def table(self) -> Columns:
        """A row a fold."""
        raise NotImplementedError

    def _head(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{self._head()}\n{self.table!r}"

    def _repr_html_(self) -> str:
        return summary(self._head(), self.table)
