"""Results that are plain values."""

from typing import NamedTuple, Optional

import numpy as np
import numpy.typing as npt

__all__ = [
    "AssetDifference",
    "BundleEntry",
    "Change",
    "ColumnDifference",
    "Difference",
    "IngestSummary",
    "NoiseTest",
    "PermutationTest",
    "PoolStats",
    "Pruned",
    "Publication",
    "Published",
    "Usage",
    "VersionEntry",
]


class BundleEntry(NamedTuple):
    """A bundle of a catalog and its newest version."""

    name: str
    version: str
    generation: int
    """How many publications the bundle has seen."""
    rows: int
    assets: int
    bytes: int
    """Size of the version's files."""
    published: np.datetime64
    """When the version was first published: `datetime64[ns]`, UTC."""
    tool: str
    """The program that wrote it."""


class Change(NamedTuple):
    """What a publication changed, against the version before."""

    kind: str
    """`ingest`, `append`, `correct`, `restore`, `fetch`, or what a later version knows of."""
    rows_added: int
    rows_changed: int
    rows_removed: int
    assets_added: int
    assets_removed: int
    adjustments_changed: int


class VersionEntry(NamedTuple):
    """One version of a bundle, as the catalog records it."""

    version: str
    parent: Optional[str]
    """The version that was the newest before this one was first published."""
    generation: int
    published: np.datetime64
    parts: int
    """Number of files it lies in."""
    bytes: int
    tool: str
    rows: int
    assets: int
    change: Optional[Change]


class Publication(NamedTuple):
    """One publication: a version became the newest."""

    generation: int
    published: np.datetime64
    parent: Optional[str]
    change: Change
    version: VersionEntry


class Published(NamedTuple):
    """What a publication did."""

    version: str
    parent: Optional[str]
    generation: int
    bytes: int
    unchanged: bool
    """Whether the content was the newest version already, so that nothing was published."""
    change: Change


class AssetDifference(NamedTuple):
    """What lies between two versions of an asset's bars."""

    symbol: str
    rows_added: int
    rows_removed: int
    rows_changed: int
    first: np.datetime64
    last: np.datetime64


class ColumnDifference(NamedTuple):
    """What lies between two versions of a column; values that are missing do not count."""

    name: str
    in_first: bool
    in_second: bool
    values_added: int
    values_removed: int
    values_changed: int


class Difference(NamedTuple):
    """What lies between two versions, the first and the second."""

    assets_added: list[str]
    assets_removed: list[str]
    assets_changed: list[AssetDifference]
    rows_added: int
    rows_removed: int
    rows_changed: int
    columns: list[ColumnDifference]
    adjustments_added: int
    adjustments_removed: int
    adjustments_changed: int
    meaning_changed: bool
    """Whether frequency, time zone, what timestamps say, calendar or type of a column differ."""
    is_empty: bool
    """Whether the content is the same."""


class Pruned(NamedTuple):
    """What pruning did, or would do."""

    removed: list[str]
    """The versions that are gone, newest first."""
    spared: list[tuple[str, str]]
    """Versions that could go but are needed, and why: `pinned` or `leased`."""
    kept: int
    parts: int
    bytes: int


class Usage(NamedTuple):
    """What a bundle takes on disk."""

    versions: int
    pinned: int
    leased: int
    newest_bytes: int
    bytes: int
    reclaimable_bytes: int


class PoolStats(NamedTuple):
    """What the pool of opened bundles has done so far and holds now."""

    hits: int
    misses: int
    evictions: int
    invalidations: int
    open: int
    open_ns: int
    """Nanoseconds spent opening, over all misses."""


class IngestSummary(NamedTuple):
    """What an ingestion did."""

    bundle: str
    version: str
    """Content version that is now the newest: 64 hexadecimal digits."""
    parent: Optional[str]
    unchanged: bool
    """Whether the content was the newest version already, so that nothing was published."""
    change: Change
    assets: int
    rows: int
    rejected: int
    rejects: Optional[str]
    bytes: int
    sources: int
    source_bytes: int
    skipped: list[str]
    frequency: str
    columns: list[str]
    dropped_columns: list[str]
    adjustments: int
    unused_actions: int
    recognised: str
    elapsed_seconds: float


class PermutationTest(NamedTuple):
    """A run, a sweep or folds beside the same over markets that have the same moves in another order."""

    objective: str
    """The metric that is compared, with its direction where that is not its usual one."""
    real: float
    """Its value over the true market."""
    values: npt.NDArray[np.float64]
    """Its value over each market: shape `[draws]`; NaN where it is undefined, which counts as not as good."""
    p_value: float
    """The chance of a value as good as the true one if moves have no pattern in time: `(1 + as good) / (1 + draws)`."""
    free: float
    """The share of the period's ticks whose moves can change places: where it is small, the test says little."""


class NoiseTest(NamedTuple):
    """A run beside the same run over markets with noise on their returns."""

    objective: str
    """The metric that is compared."""
    real: float
    """Its value over the true market."""
    share: float
    """How much noise: a share of the deviation of an asset's last 20 returns."""
    values: npt.NDArray[np.float64]
    """Its value over each market: shape `[draws]`; NaN where it is undefined."""
    median: float
    """Of those that are defined."""
    low: float
    """Their 5 % quantile."""
    same_sign: float
    """The share of them with the sign of `real`."""
