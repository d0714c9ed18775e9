"""The pool of opened bundles that all of a process shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from barrow import _barrow

if TYPE_CHECKING:
    from barrow.records import PoolStats


class Pool:
    """The bundles that this process keeps open, least recently used ones leaving first.

    A bundle that leaves stays mapped for as long as an object or an array of it lives. Use it as `barrow.pool`.
    """

    __slots__ = ()

    @property
    def capacity(self) -> int:
        """How many bundles are kept; 100 to begin with."""
        return _barrow.pool_capacity()

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        _barrow.set_pool_capacity(capacity)

    @property
    def stats(self) -> PoolStats:
        """What the pool has done so far and holds now."""
        return _barrow.pool_stats()

    def clear(self) -> None:
        """Let go of every bundle that nobody holds."""
        _barrow.clear_pool()

    def __repr__(self) -> str:
        return f"<barrow.Pool of {self.capacity}: {self.stats.open} open>"


pool = Pool()
