"""Progress bars: tqdm's where it is installed, else one of our own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Optional, Union

__all__ = ["shown"]

Show = Callable[[int, int, Optional[float]], None]

_QUIET_SECONDS = 0.5
_PAUSE_SECONDS = 0.1


def shown(progress: Union[bool, Show, None], objective: str) -> Optional[_Bar]:
    """What shows progress: nothing for ``False``, and for ``None`` where nobody would see it."""
    if callable(progress):
        return _Bar(objective, progress)
    if progress is None:
        progress = _in_notebook() or sys.stderr.isatty()
    return _Bar(objective, None) if progress else None


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class _Bar:
    """Called with trials done, all trials (0 if unknown) and the best objective."""

    def __init__(self, objective: str, to: Optional[Show]) -> None:
        self._objective, self._to = objective, to
        self._began = time.monotonic()
        self._next = self._began + (0.0 if to else _QUIET_SECONDS)
        self._bar: Any = None
        self._last: Optional[tuple[int, int, Optional[float]]] = None
        self._drawn: Optional[tuple[int, int, Optional[float]]] = None

    def __call__(self, done: int, total: int, best: Optional[float]) -> None:
        self._last = (done, total, best)
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PAUSE_SECONDS
            self._draw()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._to or self._bar is not None:
            self._draw()
        if self._bar is not None:
            self._bar.close()

    def _draw(self) -> None:
        if self._last is None or self._last == self._drawn:
            return
        self._drawn = done, total, best = self._last
        if self._to:
            self._to(done, total, best)
            return
        if self._bar is None:
            self._bar = _tqdm(total) or _Line()
        self._bar.total = total or None
        self._bar.n = done
        if best is not None:
            self._bar.set_postfix_str(f"best {self._objective} {best:.4g}", refresh=False)
        self._bar.refresh()


def _tqdm(total: int) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=total or None, unit="trial")


class _Line:
    """As much of tqdm as is used here, in one line of a terminal."""

    def __init__(self) -> None:
        self.total: Optional[int] = None
        self.n = 0
        self._words = ""
        self._began = time.monotonic()

    def set_postfix_str(self, words: str, refresh: bool) -> None:
        self._words = words

    def refresh(self) -> None:
        rate = self.n / max(time.monotonic() - self._began, 1e-9)
        of = f"/{self.total}" if self.total else ""
        sys.stderr.write(f"\r{self.n}{of} trials, {rate:,.0f} a second  {self._words}\x1b[K")
        sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write("\n")
