"""What a call answers instead of what was asked for.

Every exception is a `BarrowError`, and also one of the built-in class that fits it, so that code which knows nothing
of Barrow catches it too. Values of an error are attributes of its exception.
"""

from __future__ import annotations

__all__ = [
    "AmbiguousVersionError",
    "BacktestError",
    "BarrowError",
    "ColumnTypeError",
    "DamagedError",
    "IngestError",
    "LockedError",
    "MissingFileError",
    "MissingPackageError",
    "NameSyntaxError",
    "NotFoundError",
    "NotMappedError",
    "QueryError",
    "RemoteError",
    "RevisionError",
    "SettingError",
    "StatisticError",
    "StorageError",
    "StudyError",
    "TooSlowError",
    "UnknownBundleError",
    "UnknownColumnError",
    "UnknownStrategyError",
    "UnknownSymbolError",
    "UnknownVersionError",
]


class BarrowError(Exception):
    """Any error of this package."""

    def __str__(self) -> str:
        # A `KeyError` would show the text in quotes.
        return str(self.args[0]) if self.args else ""


class NotFoundError(BarrowError, LookupError):
    """There is no such thing."""


class UnknownBundleError(NotFoundError, FileNotFoundError):
    """The catalog has no bundle of this name.

    `bundle`, `root`, and `nearest`: the name that is spelled most like it, or `None`.
    """

    bundle: str
    root: str
    nearest: str | None


class UnknownSymbolError(NotFoundError, KeyError):
    """The bundle has no asset of this symbol, or none that matches a pattern.

    `symbol`, `bundle`, and `nearest`: the symbol that is spelled most like it, or `None`.
    """

    symbol: str
    bundle: str
    nearest: str | None


class UnknownColumnError(NotFoundError, KeyError, AttributeError):
    """The bundle has no column of this name. `column`, `bundle`, and `available`: the columns there are."""

    column: str
    bundle: str
    available: tuple[str, ...]


class UnknownVersionError(NotFoundError):
    """The bundle has no such version, or had none at the moment asked for."""


class AmbiguousVersionError(BarrowError, ValueError):
    """Several versions start with these digits. `bundle` and `candidates`."""

    bundle: str
    candidates: tuple[str, ...]


class NameSyntaxError(BarrowError, ValueError):
    """A text that cannot be the name of a bundle, or a version."""


class ColumnTypeError(BarrowError, TypeError):
    """The column's values are of a type that the call cannot give back exactly. `column`."""

    column: str


class DamagedError(BarrowError, ValueError):
    """Bytes on disk are not those that were written. The text names file, section and place."""


class NotMappedError(BarrowError, ValueError):
    """The version cannot be served by slices of the map alone, which `zero_copy=True` demands."""


class StorageError(BarrowError, OSError):
    """The operating system refused something. `errno` and `filename`."""


class MissingFileError(StorageError, FileNotFoundError):
    """A file is not there. `errno` and `filename`."""


class RemoteError(BarrowError, OSError):
    """A remote cannot be reached, or refused something. Its cause is what the protocol answered.

    What was moved before is not moved again by the next attempt.
    """


class LockedError(BarrowError, BlockingIOError):
    """Another writer is at work on the bundle. `bundle`, and `holder`: its process id, or `None`."""

    bundle: str
    holder: int | None


class IngestError(BarrowError, ValueError):
    """Sources do not make a bundle, and nothing was published.

    Where a row is at fault: `file`, `line` (from 1), `column` and `value`; otherwise `None`.
    """

    file: str | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None


class QueryError(BarrowError, ValueError):
    """A query cannot be read, or cannot be answered."""


class RevisionError(BarrowError, ValueError):
    """Bars cannot be appended to a bundle, or corrected in it."""


class SettingError(BarrowError, ValueError):
    """Settings, parameters, a space or a search that cannot be: the text says what would be right."""


class UnknownStrategyError(NotFoundError, KeyError):
    """There is no built-in strategy of this name. ``strategy``, and ``known``: those there are."""

    strategy: str
    known: tuple[str, ...]


class BacktestError(BarrowError, RuntimeError):
    """A run that cannot go on: a price or a quantity that is no number, a period without bars."""


class TooSlowError(BacktestError, TimeoutError):
    """A trial took longer than it may."""


class StudyError(BarrowError, ValueError):
    """A study is of something else, or its file is no study."""


class StatisticError(BarrowError, ValueError):
    """A statistic is not defined for what it was given."""


class MissingPackageError(BarrowError, ImportError):
    """Something needs a package that is not installed."""

    @classmethod
    def of(cls, package: str, what: str) -> MissingPackageError:
        """The error of ``what``, which needs ``package``."""
        return cls(f"{what} needs the package `{package}`: `pip install {package}`", name=package)
