"""Actors of Ray that run the trials of sweeps."""

from __future__ import annotations

import pickle
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Optional, Union

from barrow import _markets
from barrow._barrow import Bundle, failed_end
from barrow._progress import Show
from barrow._search import Search
from barrow._shipping import dumps
from barrow._worker import Order, Stretches
from barrow.errors import BacktestError, MissingPackageError
from barrow.records import PermutationTest

__all__ = ["Bench", "Crew", "place_of", "shutdown"]

Ask = tuple[int, bytes]

_BATCH_SECONDS = 0.5
_BATCH_MAX = 256
_MESSAGE_SECONDS = 0.01
_GRACE_SECONDS = 1.0
_TRIES_MAX = 2
_FALSE_STARTS_MAX = 3


def ray_of(what: str) -> Any:
    """The package Ray, for what needs it."""
    try:
        import ray
        import ray.cloudpickle
    except ImportError as error:
        raise MissingPackageError.of("ray", what) from error
    return ray


class Bench:
    """The actor: a bundle, a strategy and settings in a process that stays."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._bench: Any = None

    def take(self, order: bytes, place: tuple[Any, ...], store: Any) -> str:
        """Is told what the trials that follow are of; opens the bundle, and fetches it first where it is not here."""
        name, root, is_file, version = place
        if store is not None and not is_file:
            from barrow.remote import fetch

            fetch(name, store, version, root=root)
        # Where it opens the bundle that it names.
        self._bench = pickle.loads(order).bench(self._threads)
        return str(self._bench.bundle.version)

    def run(self, asks: list[bytes], stretches: Stretches) -> list[bytes]:
        """Runs a batch."""
        ends: list[bytes] = self._bench.run(asks, stretches)
        return ends


class _Hand:
    """An actor as the driver sees it."""

    def __init__(self, actor: Any, node: str, threads: int) -> None:
        self.actor, self.node, self.threads = actor, node, threads
        self.order: Optional[bytes] = None
        # What it answers once it has done what the order says.
        self.answer: Any = None
        self.is_ready = False
        # The batches under way, oldest first, and since when the oldest runs.
        self.batches: deque[tuple[Any, list[Ask]]] = deque()
        self.since = 0.0
        self.size = threads
        # Trials that are worth a message of their own: as many as take far longer than it does.
        self.least = 1


# Actors that stay, by what they were made with; of the Ray connection that made them.
_hands: dict[tuple[str, int], list[_Hand]] = {}
_job: Optional[str] = None


def shutdown() -> None:
    """Ends the actors; the next sweep starts new ones."""
    ray = ray_of("ending its actors")
    for hands in _hands.values():
        for hand in hands:
            ray.kill(hand.actor)
    _hands.clear()


class Crew:
    """Who runs the trials of a sweep on Ray: ``barrow.sweep(..., crew=Crew(store))`` is :func:`sweep`."""

    def __init__(self, store: Any = None) -> None:
        self._store = store

    def begin(self, order: Order) -> _Crew:
        """Makes ready for a sweep."""
        return _Crew(order, self._store)

    def permuted(
        self, search: Search, cut: Any, real: Optional[float], count: int, seed: int, show: Optional[Show]
    ) -> PermutationTest:
        """What permuted markets say of a result: each actor draws some of them, and searches them by itself."""
        return _markets.permuted(lambda order: _Crew(order, self._store), search, cut, real, count, seed, show)


class _Crew:
    """Runs the trials of one sweep."""

    def __init__(self, order: Union[Order, _markets.Order], store: Any) -> None:
        self._ray = ray_of("a sweep on a cluster")
        if not self._ray.is_initialized():
            self._ray.init()
        self._order = dumps(order, self._ray.cloudpickle)
        self._place, self._store = place_of(order.bundle), store
        self._is_built_in = isinstance(order.maker, str)
        self._limit = order.time_limit
        self._hung = f"took longer than {order.time_limit} s: its process was killed"
        self._tries: dict[int, int] = {}
        self._false_starts = 0
        self._team = self._hire()
        self.hands = sum(hand.threads for hand in self._team)

    def _hire(self) -> list[_Hand]:
        """The actors that stayed, and new ones on nodes that have none."""
        global _job
        job = str(self._ray.get_runtime_context().get_job_id())
        if _job != job:
            _hands.clear()
            _job = job
        team = []
        for node in self._ray.nodes():
            cores = int(node["Resources"].get("CPU", 0))
            if not node["Alive"] or cores == 0:
                continue
            threads = cores if self._is_built_in else 1
            known = _hands.setdefault((node["NodeID"], threads), [])
            while len(known) < cores // threads:
                known.append(self._start(node["NodeID"], threads, soft=False))
            team += known
        if not team:
            raise BacktestError("no node of the Ray cluster has a processor to run trials on")
        return team

    def _start(self, node: str, threads: int, *, soft: bool) -> _Hand:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # Actors of both kinds stay, so none holds on to processors that it does not use.
        options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0}
        where = NodeAffinitySchedulingStrategy(node, soft=soft)
        actor = self._ray.remote(Bench).options(**options, scheduling_strategy=where).remote(threads)
        return _Hand(actor, node, threads)

    def run(self, asks: list[Ask], stretches: Stretches) -> Iterator[list[bytes]]:
        """Runs trials over stretches of time, and yields how they ended, as they end."""
        try:
            yield from self._run(asks, stretches)
        except BaseException:
            # What is under way is of no use, and would keep the next sweep waiting.
            for hand in [hand for hand in self._team if hand.batches or not hand.is_ready]:
                self._dismiss(hand)
            raise

    def _run(self, asks: list[Ask], stretches: Stretches) -> Iterator[list[bytes]]:
        ray = self._ray
        waiting, alone = deque(asks), deque[Ask]()
        left = len(asks)
        refs: dict[Any, _Hand] = {}
        for hand in self._team:
            self._brief(hand, refs)
        while left:
            for hand in self._team:
                if hand.is_ready:
                    self._feed(hand, waiting, alone, stretches, refs)
            late = next((hand for hand in self._team if self._is_late(hand)), None)
            if late is not None:
                failed = self._bury(late, waiting, alone, refs, None)
                left -= len(failed)
                yield failed
                continue
            done, _ = ray.wait(list(refs), num_returns=1, timeout=None if self._limit is None else 0.1)
            if not done:
                continue
            hand = refs.pop(done[0])
            try:
                answer = ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                failed = self._bury(hand, waiting, alone, refs, error)
                left -= len(failed)
                yield failed
                continue
            if done[0] == hand.answer:
                self._check_version(answer)
                hand.is_ready = True
                continue
            _, batch = hand.batches.popleft()
            now = time.monotonic()
            # As many as take the time that a batch is to take.
            pace = max(now - hand.since, 1e-6) / len(batch)
            hand.size = max(1, min(_BATCH_MAX, 4 * hand.size, int(_BATCH_SECONDS / pace)))
            hand.least = max(1, min(hand.size, int(_MESSAGE_SECONDS / pace)))
            hand.since = now
            left -= len(answer)
            yield answer

    def _is_late(self, hand: _Hand) -> bool:
        """Whether a trial must be hanging: one that is slow but alive ends by itself, at the limit."""
        if self._limit is None or not hand.batches:
            return False
        first, batch = hand.batches[0]
        # A batch is half a second of trials. Who is wrongly taken for hanging, as when a node is lost, is tried again.
        most = self._limit + (_BATCH_SECONDS if len(batch) > 1 else 0.0) + _GRACE_SECONDS
        return time.monotonic() - hand.since > most and not self._ray.wait([first], timeout=0)[0]

    def _dismiss(self, hand: _Hand) -> None:
        """Lets an actor go for good."""
        hand.batches.clear()
        self._ray.kill(hand.actor)
        for hands in _hands.values():
            if hand in hands:
                hands.remove(hand)
        self._team.remove(hand)

    def _brief(self, hand: _Hand, refs: dict[Any, _Hand]) -> None:
        if hand.order != self._order:
            hand.order, hand.is_ready, hand.size = self._order, False, hand.threads
            hand.answer = hand.actor.take.remote(self._order, self._place, self._store)
        if not hand.is_ready:
            refs[hand.answer] = hand

    def _check_version(self, version: str) -> None:
        if version != self._place[3]:
            raise BacktestError(f"a node has version {version} of `{self._place[0]}`, expected {self._place[3]}")

    def _feed(
        self,
        hand: _Hand,
        waiting: deque[Ask],
        alone: deque[Ask],
        stretches: Stretches,
        refs: dict[Any, _Hand],
    ) -> None:
        """Keeps an actor busy: a batch under way and one behind it."""
        while len(hand.batches) < 2 and (waiting or alone):
            if alone:
                if hand.batches:
                    # One that may be poison is not sent beside others.
                    return
                batch = [alone.popleft()]
            else:
                # The last trials are shared out.
                share = max(hand.least, len(waiting) // (4 * len(self._team)))
                batch = [waiting.popleft() for _ in range(min(hand.size, share, len(waiting)))]
            if not hand.batches:
                hand.since = time.monotonic()
            ref = hand.actor.run.remote([ask for _, ask in batch], stretches)
            hand.batches.append((ref, batch))
            refs[ref] = hand
            if len(batch) == 1 and batch[0][0] in self._tries:
                return

    def _bury(
        self,
        hand: _Hand,
        waiting: deque[Ask],
        alone: deque[Ask],
        refs: dict[Any, _Hand],
        error: Optional[Exception],
    ) -> list[bytes]:
        """Replaces an actor that has ended with an error, or hangs where there is none.

        What it was at is tried again one by one, what was behind it is sent to others.
        """
        for ref in [ref for ref, owner in refs.items() if owner is hand]:
            del refs[ref]
        batches, failed = [batch for _, batch in hand.batches], []
        for trial in reversed(batches[0] if batches else []):
            tries = self._tries[trial[0]] = self._tries.get(trial[0], 0) + 1
            if tries >= _TRIES_MAX:
                ended = f"its process ended {tries} times: {_first_line(error)}"
                failed.append(failed_end(trial[0], self._hung if error is None else ended))
            else:
                alone.append(trial)
        for batch in reversed(batches[1:]):
            waiting.extendleft(reversed(batch))
        if not hand.is_ready:
            self._false_starts += 1
        self._dismiss(hand)
        if self._false_starts > _FALSE_STARTS_MAX:
            raise BacktestError(f"actors of the Ray cluster cannot begin: {error}")
        nodes = {node["NodeID"]: node["Alive"] for node in self._ray.nodes()}
        if nodes.get(hand.node):
            heir = self._start(hand.node, hand.threads, soft=False)
            _hands.setdefault((hand.node, hand.threads), []).append(heir)
            self._team.append(heir)
            self._brief(heir, refs)
        if not self._team:
            raise BacktestError(f"all actors of the Ray cluster have ended: {_first_line(error)}")
        return failed


def place_of(bundle: Bundle) -> tuple[Any, ...]:
    """Name, root, whether it is a file, and version: as they are pickled."""
    reduced: Any = bundle.__reduce__()
    return tuple(reduced[1][:4])


def _first_line(error: Optional[Exception]) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
