"""Progress bars: in notebooks a bar of HTML, in terminals tqdm's where it is installed, else a line of our own."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Optional, Union

__all__ = ["Show", "shown", "stages"]

Show = Callable[[int, int, Optional[float]], None]
"""Is told of trials done, all trials (0 if unknown) and the best objective."""

ShowStage = Callable[[str, int, int], None]
"""Is told of a phase of the work, its units done, and all of them (0 if there are none)."""

_QUIET_SECONDS = 0.5
_PAUSE_SECONDS = 0.1


def shown(progress: Union[bool, Show, None], objective: str, unit: str = "trial") -> AbstractContextManager[Optional[Bar]]:
    """What shows the progress of a sweep: nothing for ``False``, and for ``None`` where nobody would see it."""
    return _bar_of(progress, lambda: _Trials(objective, unit))


def stages(progress: Union[bool, ShowStage, None]) -> AbstractContextManager[Optional[Bar]]:
    """What shows the progress of an ingestion, likewise."""
    return _bar_of(progress, _Stages)


def _bar_of(progress: Any, drawn: Callable[[], Callable[..., None]]) -> AbstractContextManager[Optional[Bar]]:
    if callable(progress):
        return Bar(progress, None)
    if progress is None:
        progress = _in_notebook() or sys.stderr.isatty()
    return Bar(None, drawn()) if progress else nullcontext()


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class Bar:
    """Is called with how far the work is, as often as it likes; calls a function or draws every tenth of a second.

    What is drawn comes into sight after half a second: shorter work shows nothing.
    """

    def __init__(self, to: Optional[Callable[..., None]], drawn: Any) -> None:
        self._to, self._drawn = to, drawn
        self._next = time.monotonic() + (0.0 if to else _QUIET_SECONDS)
        self._is_in_sight = to is not None
        self._last: Optional[tuple[Any, ...]] = None
        self._told: Optional[tuple[Any, ...]] = None

    def __call__(self, *at: Any) -> None:
        self._last = at
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PAUSE_SECONDS
            self._is_in_sight = True
            self._tell()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_in_sight:
            self._tell()
        if self._drawn is not None:
            self._drawn.close()

    def _tell(self) -> None:
        if self._last is None or self._last == self._told:
            return
        self._told = self._last
        (self._to or self._drawn)(*self._last)


class _Trials:
    """Draws trials, or markets that they are run over."""

    def __init__(self, objective: str, unit: str) -> None:
        self._objective, self._unit = objective, unit
        self._line: Any = None
        self._began = time.monotonic()

    def __call__(self, done: int, total: int, best: Optional[float]) -> None:
        if self._line is None:
            self._line = _line(self._unit, None, self._began)
        words = "" if best is None else f"best {self._objective} {best:.4g}"
        _draw(self._line, done, total, words)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()


class _Stages:
    """Draws phases one after the other, each from its beginning."""

    _UNITS = {"reading": "B", "sorting": "row", "writing": "series"}

    def __init__(self) -> None:
        self._line: Any = None
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        if phase not in self._UNITS:
            return
        if phase != self._phase:
            self.close()
            self._phase, self._line = phase, _line(self._UNITS[phase], phase, time.monotonic())
        _draw(self._line, done, total, "")

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


def _draw(line: Any, done: int, total: int, words: str) -> None:
    line.total = total or None
    line.n = done
    if words:
        line.set_postfix_str(words, refresh=False)
    line.refresh()


def _line(unit: str, desc: Optional[str], began: float) -> Any:
    """A bar of a notebook, of tqdm, or a line of our own, of work that began at a reading of the monotonic clock."""
    if _in_notebook():
        return _Notebook(unit, desc, began)
    try:
        from tqdm import tqdm
    except ImportError:
        return _Line(unit, desc, began)
    # Bytes and rows by the thousand and million. It draws itself when it is told how far the work is, and not before.
    line = tqdm(unit=unit, unit_scale=unit in ("B", "row"), desc=desc, delay=1e-9)
    line.start_t -= time.monotonic() - began
    return line


class _Line:
    """As much of tqdm as is used here, in one line of a terminal."""

    def __init__(self, unit: str, desc: Optional[str], began: float) -> None:
        self.total: Optional[int] = None
        self.n = 0
        self._unit, self._desc, self._words = unit, desc, ""
        self._began = began

    def set_postfix_str(self, words: str, refresh: bool) -> None:
        self._words = words

    def said(self) -> str:
        """How far the work is, in words."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        of = f"/{self.total:,}" if self.total else ""
        units = self._unit if len(self._unit) == 1 or self._unit == "series" else f"{self._unit}s"
        parts = [f"{self.n:,}{of} {units}, {self.n / seconds:,.0f} a second"]
        if self.total and 0 < self.n < self.total:
            parts.append(f"{_clock(seconds * (self.total - self.n) / self.n)} left")
        elif self.n == self.total:
            parts.append(f"in {_clock(seconds)}")
        words = ", ".join([*parts, self._words] if self._words else parts)
        return f"{self._desc}: {words}" if self._desc else words

    def refresh(self) -> None:
        sys.stderr.write(f"\r{self.said()}\x1b[K")
        sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write("\n")


class _Notebook(_Line):
    """The same in a notebook: one output that is replaced, and that a page made of the notebook shows as it was last."""

    _shown: Any = None

    def refresh(self) -> None:
        from IPython.display import display

        words, most = self.said(), f' max="{self.total}"' if self.total else ""
        value = f' value="{self.n}"' if self.total else ""
        bar = f'<progress{value}{most} style="width: 16em; vertical-align: middle"></progress>'
        drawn = {"text/html": f"<div>{bar}&nbsp; {html.escape(words)}</div>", "text/plain": words}
        if self._shown is None:
            self._shown = display(drawn, raw=True, display_id=True)
        else:
            self._shown.update(drawn, raw=True)

    def close(self) -> None:
        pass


def _clock(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
