"""The loop of a worker process: trials come in through a pipe, and how they ended goes out.

A message is a length (eight bytes, little-endian) and a pickle. Names, versions and parameters travel, never data: each
worker maps the bundle itself.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from typing import IO, Any, NamedTuple, Optional

__all__ = ["Bench", "Order", "Stretches", "read", "write"]

Stretches = tuple[tuple[int, int], ...]
"""First and last time of each stretch of history that a trial is run over: nanoseconds since 1970. None: the whole period."""

_LENGTH = struct.Struct("<Q")
_RUN = 8


def write(to: IO[bytes], message: Any) -> None:
    """Writes a message."""
    data = pickle.dumps(message)
    to.write(_LENGTH.pack(len(data)) + data)
    to.flush()


def read(source: IO[bytes]) -> Optional[Any]:
    """Reads a message; ``None`` where the pipe ends."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _LENGTH.unpack(head)[0]
    data = source.read(length)
    return pickle.loads(data) if len(data) == length else None


class Order(NamedTuple):
    """What a worker is told of a sweep."""

    bundle: Any
    #: A built-in strategy's name, or what makes a strategy of parameters.
    maker: Any
    settings: Any
    seed: int
    #: Seconds that a trial may take.
    time_limit: Optional[float]
    #: What a budget below 1 runs on.
    part: str

    def bench(self, threads: int) -> Bench:
        """What runs the trials."""
        return Bench(self, threads)


class Bench:
    """Runners by stretches of time, over one bundle and one strategy."""

    def __init__(self, order: Order, threads: int) -> None:
        self._threads, self._order = threads, order
        self._runners: dict[Stretches, Any] = {}

    @property
    def bundle(self) -> Any:
        """The bundle, opened here."""
        return self._order.bundle

    def run(self, asks: list[bytes], stretches: Stretches) -> list[bytes]:
        """Runs trials over stretches of time, and says how they ended."""
        runner = self._runners.pop(stretches, None)
        if runner is None:
            from barrow._barrow import TrialRunner

            it = self._order
            runner = TrialRunner(
                it.bundle, it.maker, it.settings, stretches, it.seed, self._threads, it.time_limit, it.part
            )
        # The last used is kept longest; a fold has three such at a time.
        self._runners[stretches] = runner
        while len(self._runners) > 4:
            del self._runners[next(iter(self._runners))]
        # Python runs on one thread: in short runs, that it keeps its turn on a processor that others want too.
        step = max(1, len(asks)) if isinstance(self._order.maker, str) else _RUN
        return [end for at in range(0, len(asks), step) for end in runner.run(asks[at : at + step])]


def main() -> None:
    """Serves until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, to = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a strategy prints is no message.
    os.dup2(2, 1)
    bench: Optional[Bench] = None
    from barrow._shipping import prepare

    while (message := read(source)) is not None:
        kind, *rest = message
        try:
            if kind == "prepare":
                prepare(rest[0])
            elif kind == "order":
                order: Order = pickle.loads(rest[0])
                bench = order.bench(1)
                write(to, ("ready", os.getpid()))
            elif kind == "rest":
                bench = None
            elif bench is not None:
                asks, stretches = rest
                for ask in asks:
                    write(to, ("ends", bench.run([ask], stretches)))
        except Exception as error:
            write(to, ("error", _portable(error)))


def _portable(error: Exception) -> Exception:
    """The error itself, or one that says the same where it cannot be pickled."""
    from barrow.errors import BacktestError

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return BacktestError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main()
