"""Promise: Ctrl-C ends work in this process within a bar of a strategy, and what it cuts short has not failed.

Method: a strategy interrupts this process in the middle of a run, in which the bars that are left would go on for seconds; it notes the
last bar that it saw.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import barrow
from barrow._barrow import Context


class Button:
    """What a strategy presses, in the run after so many others."""

    def __init__(self) -> None:
        self.patience, self.last, self.is_pressed = 0, -1, False

    def ready(self, patience: int) -> None:
        self.patience, self.last, self.is_pressed = patience, -1, False


BUTTON = Button()


class Pressing(barrow.Strategy):
    """Presses Ctrl-C at its third bar, and then takes its time."""

    size = 1

    def on_bar(self, ctx: Context) -> None:
        BUTTON.last = ctx.elapsed
        ctx.order_target("AAA", self.size * (ctx.elapsed % 2))
        if BUTTON.is_pressed:
            time.sleep(0.2)
        elif ctx.elapsed == 2:
            BUTTON.patience -= 1
            if BUTTON.patience < 0:
                BUTTON.is_pressed = True
                signal.raise_signal(signal.SIGINT)


def sweep(bundle: barrow.Bundle, **more: Any) -> barrow.Sweep:
    return barrow.sweep(bundle, Pressing, {"size": [1, 2, 3]}, workers=1, **more)


WORK: dict[str, tuple[int, Callable[[barrow.Bundle, Path], Any]]] = {
    "grid": (1, lambda bundle, _: sweep(bundle)),
    "search": (1, lambda bundle, path: sweep(bundle, search="random", trials=3, study=path)),
    "parts": (1, lambda bundle, path: sweep(bundle, search="halving:min=1/3", trials=3, part="first", study=path)),
    "folds": (4, lambda bundle, _: barrow.walk_forward(bundle, Pressing, {"size": [1, 2]}, workers=1, train=20, test=10)),
    "page": (4, lambda bundle, path: sweep(bundle).report(path)),
    "markets of a sweep": (4, lambda bundle, _: sweep(bundle).permutation_test(3)),
    "markets of a run": (2, lambda bundle, _: barrow.backtest(bundle, Pressing).permutation_test(3)),
    "noise": (2, lambda bundle, _: barrow.backtest(bundle, Pressing).noise_test(3)),
}


@pytest.mark.parametrize("what", WORK)
def test_an_interrupt_ends_a_run_in_its_middle(bundle: barrow.Bundle, tmp_path: Path, what: str) -> None:
    patience, work = WORK[what]
    file = tmp_path / "file"
    BUTTON.ready(patience)
    with pytest.raises(KeyboardInterrupt):
        work(bundle, file)
    # Seconds before the end of any of them, had it gone on.
    assert BUTTON.is_pressed and 2 <= BUTTON.last < 30
    if what in ("search", "parts"):
        _, trials = barrow.read_study(file)
        assert {trial["state"] for trial in trials} == {"done", "open"}
        BUTTON.ready(1000)
        again = work(bundle, file)
        assert again.facts["resumed"] == 1 and again.failed == []
