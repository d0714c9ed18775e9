"""The keyword arguments of `barrow.ingest`, with types. Never imported at run time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict, Union

Path = Union[str, "os.PathLike[str]"]
Names = Union[str, Sequence[str]]


class IngestOptions(TypedDict, total=False):
    """What an ingestion can be told; everything is recognised from the content otherwise."""

    append: bool
    correct: bool
    lenient: bool
    rejects: Path | None
    rejects_max: int
    sort: bool
    allow_nonpositive_prices: bool
    format: Literal["csv", "long", "wide", "lean", "parquet", "arrow"] | None
    symbol_column: str | None
    time_column: str | None
    time_format: str | None
    timezone: str | None
    map: Mapping[str, str] | None
    drop: Names | None
    columns: Names | None
    price_scale: float | None
    frequency: str | None
    timestamps: Literal["start", "end", "session"] | None
    symbol: str | None
    symbol_from_file: str | None
    delimiter: str | None
    include: Names | None
    exclude: Names | None
    wide_column: str | None
    adjusted: Literal["keep", "drop"] | None
    splits: Path | None
    dividends: Path | None
    compression: str | None
    memory: int | str | None
    threads: int | None
    temp_dir: Path | None
    wait: float | None
