"""Market data as NumPy views and Arrow streams of one mapped file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from barrow import errors
from barrow._barrow import Bars, Bundle, __version__, default_root, open
from barrow.errors import BarrowError

if TYPE_CHECKING:
    from barrow.panels import Panel
    from barrow.running import Performance, backtest
    from barrow.strategy import Strategy
    from barrow.sweeps import Space, Sweep, read_study, sweep
    from barrow.table import Table
    from barrow.walks import WalkForward, walk_forward

__all__ = [
    "Bars",
    "BarrowError",
    "Bundle",
    "Panel",
    "Performance",
    "Space",
    "Strategy",
    "Sweep",
    "Table",
    "WalkForward",
    "__version__",
    "backtest",
    "default_root",
    "errors",
    "open",
    "read_study",
    "sweep",
    "walk_forward",
]

# What opening a bundle does not need is imported when it is asked for.
_LATER = {
    "Panel": "panels",
    "Performance": "running",
    "Space": "sweeps",
    "Strategy": "strategy",
    "Sweep": "sweeps",
    "Table": "table",
    "WalkForward": "walks",
    "backtest": "running",
    "read_study": "sweeps",
    "sweep": "sweeps",
    "walk_forward": "walks",
}
_MODULES = ("ray", "validation")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"barrow.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'barrow' has no attribute {name!r}")
    found = getattr(import_module(f"barrow.{_LATER[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER, *_MODULES])
