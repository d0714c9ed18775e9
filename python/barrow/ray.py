"""Sweeps and walk-forward on a Ray cluster, and a trainable for Ray Tune.

No data enters Ray's object store: what travels are names, versions and parameters. Each node maps its own copy of the bundle; a
node that has not that version fetches it once from ``store``. The search itself runs in the driver, so the trials, and what they
give, are those of the same sweep without Ray, to the last bit, whatever dies on the way.

Built-in strategies run in one actor a node, which has a thread a core; strategies of Python in one actor a core. Actors stay from
sweep to sweep, get trials in batches of about half a second, two at a time, and answer with a few hundred bytes a trial.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Optional

from barrow import _barrow
from barrow._barrow import Bundle, failed_end
from barrow.errors import BacktestError, MissingPackageError
from barrow.running import maker_of, opened
from barrow.sweeps import Sweep
from barrow.sweeps import sweep as _sweep
from barrow.walks import WalkForward
from barrow.walks import walk_forward as _walk_forward

__all__ = ["Crew", "shutdown", "sweep", "trainable", "walk_forward"]

Ask = tuple[int, bytes]

_BATCH_SECONDS = 0.5
_BATCH_MAX = 256
_MESSAGE_SECONDS = 0.05
_TRIES_MAX = 2


def sweep(bundle: Bundle | str, strategy: Any, space: Any = None, *, store: Any = None, **settings: Any) -> Sweep:
    """Runs :func:`barrow.sweep` on the Ray cluster that this process is connected to, or on one that is started here.

    :param store: Where nodes fetch a version that they do not have: what :func:`barrow.remote.fetch` takes. Without it every node
        must have it, in its own catalog or on a shared path.

    The other arguments, and the result, are those of :func:`barrow.sweep`. A trial in whose batch an actor dies is tried again by
    itself, and has failed when that happens twice.
    """
    return _sweep(bundle, strategy, space, crew=Crew(store), **settings)


def walk_forward(
    bundle: Bundle | str, strategy: Any, space: Any = None, *, store: Any = None, **settings: Any
) -> WalkForward:
    """Runs :func:`barrow.walk_forward` on a Ray cluster: see :func:`sweep`."""
    return _walk_forward(bundle, strategy, space, crew=Crew(store), **settings)


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError.of("ray", "a sweep on a cluster") from error
    if not ray.is_initialized():
        ray.init()
    return ray


class _Bench:
    """The actor: a bundle, a strategy and settings in a process that stays."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._bench: Any = None

    def order(self, orders: bytes, place: tuple[Any, ...], store: Any) -> str:
        """Is told what the trials that follow are of; opens the bundle, and fetches it first where it is not here."""
        from barrow._worker import Bench

        name, root, is_file, version = place
        if store is not None and not is_file:
            from barrow.remote import fetch

            fetch(name, store, version, root=root)
        self._bench = Bench(orders, self._threads)
        return str(self._bench.bundle.version)

    def run(self, asks: list[bytes], first_ns: int, last_ns: int) -> list[bytes]:
        """Runs a batch."""
        ends: list[bytes] = self._bench.run(asks, first_ns, last_ns)
        return ends


class _Hand:
    """An actor as the driver sees it."""

    def __init__(self, actor: Any, node: str, threads: int) -> None:
        self.actor, self.node, self.threads = actor, node, threads
        self.orders: Optional[bytes] = None
        # What it answers once it has done what the orders say.
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
    ray = _ray()
    for hands in _hands.values():
        for hand in hands:
            ray.kill(hand.actor)
    _hands.clear()


class Crew:
    """Who runs the trials of a sweep on Ray: ``barrow.sweep(..., crew=Crew(store))`` is :func:`sweep`."""

    def __init__(self, store: Any = None) -> None:
        self._store = store

    def begin(self, orders: bytes, maker: Any, bundle: Bundle, time_limit: Optional[float]) -> _Crew:
        """Makes ready for a sweep: ``orders`` are what the actors are told of it."""
        return _Crew(orders, _place(bundle), self._store, isinstance(maker, str))


class _Crew:
    """Runs the trials of one sweep."""

    def __init__(self, orders: bytes, place: tuple[Any, ...], store: Any, is_built_in: bool) -> None:
        self._ray = _ray()
        self._orders, self._place, self._store = orders, place, store
        self._is_built_in = is_built_in
        self._tries: dict[int, int] = {}
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
        actor = self._ray.remote(_Bench).options(**options, scheduling_strategy=where).remote(threads)
        return _Hand(actor, node, threads)

    def run(self, asks: list[Ask], first_ns: int, last_ns: int) -> Iterator[list[bytes]]:
        """Runs trials over a stretch of time, and yields how they ended, as they end."""
        try:
            yield from self._run(asks, (first_ns, last_ns))
        except BaseException:
            # What is under way is of no use, and would keep the next sweep waiting.
            for hand in [hand for hand in self._team if hand.batches or not hand.is_ready]:
                self._dismiss(hand)
            raise

    def _run(self, asks: list[Ask], stretch: tuple[int, int]) -> Iterator[list[bytes]]:
        ray = self._ray
        waiting, alone = deque(asks), deque[Ask]()
        left = len(asks)
        refs: dict[Any, _Hand] = {}
        for hand in self._team:
            self._order(hand, refs)
        while left:
            for hand in self._team:
                if hand.is_ready:
                    self._feed(hand, waiting, alone, stretch, refs)
            done, _ = ray.wait(list(refs), num_returns=1)
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

    def _dismiss(self, hand: _Hand) -> None:
        """Lets an actor go for good."""
        hand.batches.clear()
        self._ray.kill(hand.actor)
        for hands in _hands.values():
            if hand in hands:
                hands.remove(hand)
        self._team.remove(hand)

    def _order(self, hand: _Hand, refs: dict[Any, _Hand]) -> None:
        if hand.orders != self._orders:
            hand.orders, hand.is_ready, hand.size = self._orders, False, hand.threads
            hand.answer = hand.actor.order.remote(self._orders, self._place, self._store)
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
        stretch: tuple[int, int],
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
                share = max(hand.least, len(waiting) // (2 * len(self._team)))
                batch = [waiting.popleft() for _ in range(min(hand.size, share, len(waiting)))]
            if not hand.batches:
                hand.since = time.monotonic()
            ref = hand.actor.run.remote([ask for _, ask in batch], *stretch)
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
        error: Exception,
    ) -> list[bytes]:
        """Replaces an actor: what it was at is tried again one by one, what was behind it is sent to others."""
        for ref in [ref for ref, owner in refs.items() if owner is hand]:
            del refs[ref]
        failed = []
        for at, (_, batch) in enumerate(hand.batches):
            for trial in reversed(batch):
                tries = self._tries[trial[0]] = self._tries.get(trial[0], 0) + (at == 0)
                if at > 0:
                    self._tries.pop(trial[0]) if tries == 0 else None
                    waiting.appendleft(trial)
                elif tries >= _TRIES_MAX:
                    failed.append(failed_end(trial[0], f"its process ended {tries} times: {_first_line(error)}"))
                else:
                    alone.append(trial)
        self._dismiss(hand)
        nodes = {node["NodeID"]: node["Alive"] for node in self._ray.nodes()}
        if nodes.get(hand.node):
            heir = self._start(hand.node, hand.threads, soft=False)
            _hands.setdefault((hand.node, hand.threads), []).append(heir)
            self._team.append(heir)
            self._order(heir, refs)
        if not self._team:
            raise BacktestError(f"all actors of the Ray cluster have ended: {_first_line(error)}")
        return failed


def _place(bundle: Bundle) -> tuple[Any, ...]:
    """Name, root, whether it is a file, and version: as they are pickled."""
    reduced: Any = bundle.__reduce__()
    return tuple(reduced[1][:4])


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def trainable(
    bundle: Bundle | str,
    strategy: Any,
    *,
    objective: str = "sharpe",
    max_t: int = 81,
    store: Any = None,
    cash: float = 100_000.0,
    commission: str = "none",
    slippage: str = "none",
    start: Any = None,
    end: Any = None,
    assets: Any = None,
    seed: int = 0,
    part: str = "first",
) -> type:
    """A class for ``ray.tune.Tuner``: its configuration are the parameters of the strategy.

    An iteration is a share ``1 / max_t`` of the whole run, so a scheduler of ``max_t`` iterations (ASHA, HyperBand, BOHB) stops
    trials by what a part of the period says, and each iteration reports the figures of the part so far. With ``part="first"`` a
    trial goes on where it stopped. A checkpoint is the number of iterations: a trial that is restored runs again what it had.

    Tune's own cost of each trial and iteration is far above that of a backtest: :func:`sweep` has the same searches without it.
    """
    try:
        from ray import tune
    except ImportError as error:
        raise MissingPackageError.of("ray[tune]", "a trainable") from error
    from barrow import _workers

    source = opened(bundle)
    settings = _barrow.Settings(cash, commission, slippage, start, end, assets, seed)
    maker = maker_of(strategy, source, assets, end)
    orders = _workers.orders(source, maker, settings, seed, None, part)
    place = _place(source)
    calendar = source.calendar
    stretch = (int(calendar[0].astype("int64")), int(calendar[-1].astype("int64")))
    metric = objective.split(":")[-1]

    class BacktestTrainable(tune.Trainable):  # type: ignore[misc, unused-ignore]
        """One iteration is a share of the run."""

        def setup(self, config: dict[str, Any]) -> None:
            self._bench = _Bench(1)
            self._bench.order(orders, place, store)
            self._begin(config)

        def _begin(self, config: dict[str, Any]) -> None:
            self._params, self._done = dict(config), 0

        def step(self) -> dict[str, Any]:
            self._done += 1
            budget = min(1.0, self._done / max_t)
            resumes = self._done - 1 if self._done > 1 else None
            ask = _barrow.ask_of(self._done, self._params, budget, resumes)
            figures, reason = _barrow.figures_of(self._bench.run([ask], *stretch)[0])
            if figures is None:
                raise BacktestError(reason or "the parameters break the strategy's rule")
            numbers = {name: float("nan") if value is None else value for name, value in figures.items()}
            return {**numbers, metric: numbers[metric], "budget": budget, tune.result.DONE: self._done >= max_t}

        def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
            return {"done": self._done}

        def load_checkpoint(self, checkpoint: Optional[dict[str, Any]]) -> None:
            self._done = int((checkpoint or {}).get("done", 0))

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._begin(new_config)
            return True

    return BacktestTrainable
