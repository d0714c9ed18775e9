"""Market data as NumPy views and Arrow streams of one mapped file.

```python
import barrow

barrow.ingest("us-daily", "prices/")           # CSV, Parquet, zip, frames
bundle = barrow.open("us-daily")               # mapped once a process
close = bundle["AAPL"].close                   # a read-only view, f64 [bars]
panel = bundle.panel("close", "2020", "2024")  # times x assets
frame = bundle.to_polars()                     # or pyarrow.table(bundle)
```

Importing it imports NumPy and no frame library: those are imported where the first frame is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from barrow import errors
from barrow._barrow import (
    Adjustment,
    Asset,
    Bars,
    Bundle,
    Catalog,
    Column,
    Table,
    __version__,
    default_root,
    open,
)
from barrow._pool import Pool, pool
from barrow.errors import BarrowError

if TYPE_CHECKING:
    import os

    from barrow import panels, ray, records, remote, validation
    from barrow._ingest import ingest
    from barrow.columns import Columns
    from barrow.panels import Panel
    from barrow.paths import CrossValidation, cross_validate
    from barrow.remote import Fetched, Pushed, fetch, push
    from barrow.running import Performance, backtest
    from barrow.strategy import Strategy
    from barrow.sweeps import Space, Sweep, read_study, sweep
    from barrow.walks import WalkForward, walk_forward
    from barrow.weighing import Panels

__all__ = [
    "Adjustment",
    "Asset",
    "BarrowError",
    "Bars",
    "Bundle",
    "Catalog",
    "Column",
    "Columns",
    "CrossValidation",
    "Fetched",
    "Panel",
    "Panels",
    "Performance",
    "Pool",
    "Pushed",
    "Space",
    "Strategy",
    "Sweep",
    "Table",
    "WalkForward",
    "__version__",
    "backtest",
    "catalog",
    "cross_validate",
    "default_root",
    "errors",
    "fetch",
    "ingest",
    "open",
    "panels",
    "pool",
    "push",
    "ray",
    "read_study",
    "records",
    "remote",
    "sweep",
    "validation",
    "walk_forward",
]


def catalog(root: str | os.PathLike[str] | None = None) -> Catalog:
    """The catalog at a directory, or the default one: `BARROW_ROOT`, else `barrow` in the platform's data folder."""
    return Catalog(root)


#: Where the names are that are imported when they are first used.
_LATER = {
    "Columns": "barrow.columns",
    "CrossValidation": "barrow.paths",
    "Fetched": "barrow.remote",
    "Panel": "barrow.panels",
    "Panels": "barrow.weighing",
    "Performance": "barrow.running",
    "Pushed": "barrow.remote",
    "Space": "barrow.sweeps",
    "Strategy": "barrow.strategy",
    "Sweep": "barrow.sweeps",
    "WalkForward": "barrow.walks",
    "backtest": "barrow.running",
    "cross_validate": "barrow.paths",
    "fetch": "barrow.remote",
    "ingest": "barrow._ingest",
    "push": "barrow.remote",
    "read_study": "barrow.sweeps",
    "sweep": "barrow.sweeps",
    "walk_forward": "barrow.walks",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _LATER:
        value = getattr(importlib.import_module(_LATER[name]), name)
    elif name in ("panels", "ray", "records", "remote", "validation"):
        value = importlib.import_module(f"barrow.{name}")
    else:
        raise AttributeError(f"module 'barrow' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
