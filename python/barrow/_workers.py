"""A pool of worker processes that lives as long as this one.

Python runs one thread of a process at a time, so trials of strategies written in Python run in processes of their own.
They are started once, by :mod:`subprocess` and not by a fork, and serve one sweep after another. Each opens the bundle by
name and version; what is sent are parameters.
"""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Optional

from barrow import _worker as wire
from barrow._barrow import failed_end
from barrow._shipping import dumps, preparation
from barrow.errors import BacktestError

__all__ = ["Crew", "close", "rest"]

_BATCH_SECONDS = 0.1
_GRACE_SECONDS = 1.0
_FALSE_STARTS_MAX = 3

Ask = tuple[int, bytes]


class _Worker:
    """A process, what it was sent, and since when it owes an answer."""

    def __init__(self, events: queue.SimpleQueue[tuple[_Worker, Any]]) -> None:
        # The environment's path may lead elsewhere than this interpreter's.
        command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; from barrow._worker import main; main()"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None and self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout
        self.order: Optional[bytes] = None
        self.pending: deque[Ask] = deque()
        self.is_ready = False
        self.since = time.monotonic()
        self.batch = 1
        self._events = events
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.send(("prepare", preparation()))

    def _listen(self) -> None:
        while True:
            try:
                message = wire.read(self._output)
            except (OSError, ValueError):
                message = None
            self._events.put((self, message))
            if message is None:
                self._output.close()
                return

    def send(self, message: Any) -> None:
        """Sends a message; a process that is gone is noticed by the listener."""
        try:
            wire.write(self._input, message)
        except (OSError, ValueError):
            pass

    def take(self, order: bytes) -> None:
        """Tells the process what the trials that follow are of."""
        if self.order != order:
            self.order, self.is_ready, self.batch = order, False, 1
            self.send(("order", order))

    def rest(self) -> None:
        """Tells the process to forget it."""
        self.order = None
        self.send(("rest",))

    def kill(self) -> str:
        """Ends the process and says how it ended."""
        self.process.kill()
        code = self.process.wait()
        try:
            self._input.close()
        except OSError:
            pass
        self._listener.join(1.0)
        return f"signal {-code}" if code < 0 else f"exit code {code}"


class _Pool:
    """Workers by place; one that is gone is replaced when it is needed."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[tuple[_Worker, Any]] = queue.SimpleQueue()
        self.workers: list[_Worker] = []
        self.lock = threading.Lock()

    def hire(self, count: int) -> list[_Worker]:
        for worker in [worker for worker in self.workers if worker.process.poll() is not None]:
            worker.kill()
            self.workers.remove(worker)
        while len(self.workers) < count:
            self.workers.append(_Worker(self.events))
        return self.workers[:count]

    def replace(self, worker: _Worker) -> _Worker:
        self.workers.remove(worker)
        self.workers.append(_Worker(self.events))
        return self.workers[-1]

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.workers.clear()


#: By process: a fork has no part in the workers of the one that it is of.
_pools: dict[int, _Pool] = {}


def _shared() -> _Pool:
    # One for all threads that ask at once.
    return _pools.setdefault(os.getpid(), _Pool())


@atexit.register
def close() -> None:
    """Ends the workers; the next sweep starts new ones."""
    pool = _pools.get(os.getpid())
    if pool is not None:
        pool.close()


def rest() -> None:
    """Lets the workers forget what they ran last; they stay."""
    pool = _pools.get(os.getpid())
    if pool is not None:
        with pool.lock:
            for worker in pool.workers:
                worker.rest()


class Crew:
    """Runs trials of one sweep on the pool.

    A trial whose process dies, or takes longer than ``time_limit`` and a second, is reported as failed; the others go on.
    """

    def __init__(self, order: wire.Order, hands: int) -> None:
        self.hands = hands
        self._order = dumps(order)
        self._false_starts = 0
        self._limit = None if order.time_limit is None else order.time_limit + _GRACE_SECONDS

    def run(self, asks: list[Ask], stretches: wire.Stretches) -> Iterator[list[bytes]]:
        """Runs trials over stretches of time, and yields how they ended, as they end."""
        pool = _shared()
        with pool.lock:
            try:
                yield from self._run(pool, deque(asks), stretches)
            except BaseException:
                # What was under way is of no use, and would answer the next sweep.
                pool.close()
                raise

    def _run(self, pool: _Pool, waiting: deque[Ask], stretches: wire.Stretches) -> Iterator[list[bytes]]:
        left = len(waiting)
        workers = pool.hire(min(self.hands, left))
        for worker in workers:
            worker.take(self._order)
            self._feed(worker, waiting, stretches)
        while left:
            if self._limit is not None and pool.events.empty():
                late = next((worker for worker in workers if self._is_late(worker)), None)
                if late is not None:
                    reason = f"took longer than {self._limit - _GRACE_SECONDS:g} s: its process was killed"
                    workers[workers.index(late)], failed = self._bury(pool, late, waiting, reason, stretches)
                    left -= len(failed)
                    yield failed
                    continue
            try:
                worker, message = pool.events.get(timeout=0.05)
            except queue.Empty:
                continue
            if worker not in workers:
                continue
            if message is None:
                status = worker.kill()
                place = workers.index(worker)
                reason = f"its process ended: {status}"
                workers[place], failed = self._bury(pool, worker, waiting, reason, stretches)
                left -= len(failed)
                yield failed
                continue
            kind, content = message
            if kind == "error":
                raise content
            now = time.monotonic()
            if kind == "ready":
                worker.is_ready, worker.since = True, now
                continue
            worker.pending.popleft()
            if now - worker.since < _BATCH_SECONDS / worker.batch:
                worker.batch = min(2 * worker.batch, 256)
            worker.since = now
            left -= 1
            self._feed(worker, waiting, stretches)
            yield content

    def _feed(self, worker: _Worker, waiting: deque[Ask], stretches: wire.Stretches) -> None:
        """Keeps a worker busy: a batch under way and one behind it."""
        if len(worker.pending) > worker.batch or not waiting:
            return
        if not worker.pending:
            worker.since = time.monotonic()
        # The last trials are shared out.
        share = max(1, len(waiting) // (2 * self.hands))
        batch = [waiting.popleft() for _ in range(min(worker.batch, share, len(waiting)))]
        worker.pending.extend(batch)
        worker.send(("run", [ask for _, ask in batch], stretches))

    def _is_late(self, worker: _Worker) -> bool:
        owes = bool(worker.pending) and worker.is_ready
        return self._limit is not None and owes and time.monotonic() - worker.since > self._limit

    def _bury(
        self, pool: _Pool, worker: _Worker, waiting: deque[Ask], reason: str, stretches: wire.Stretches
    ) -> tuple[_Worker, list[bytes]]:
        """Replaces a worker: the trial that it was at has failed, those behind it are run by others."""
        worker.kill()
        failed = []
        if worker.pending and worker.is_ready:
            failed.append(failed_end(worker.pending.popleft()[0], reason))
        elif not worker.is_ready:
            self._false_starts += 1
            if self._false_starts > _FALSE_STARTS_MAX:
                raise BacktestError(f"worker processes cannot begin: {reason}")
        waiting.extendleft(reversed(worker.pending))
        worker.pending.clear()
        heir = pool.replace(worker)
        heir.take(self._order)
        self._feed(heir, waiting, stretches)
        return heir, failed
