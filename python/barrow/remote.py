"""Versions to and from a remote: a directory, a bucket, a web server.

A directory is read and written by the library itself; every other URL goes through ``fsspec``, which has to be installed, and
whatever it needs for the protocol (``s3fs`` for ``s3://``, ``aiohttp`` for ``https://``). The layout is the same everywhere, and
``barrow push`` and ``barrow fetch`` share it. ``docs/remote.md`` describes it.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, List, NamedTuple, Optional, Protocol, Union

from barrow import _barrow

__all__ = ["Fetched", "Prunable", "Pushed", "Remote", "RemotePruned", "fetch", "prune", "push"]

_Path = Union[str, "os.PathLike[str]"]
_Watch = Optional[Callable[[int, int], object]]
#: A method of a remote has the name of the built-in.
_Names = List[str]


class Remote(Protocol):
    """What a place has to answer to be a remote. Several threads call at once.

    Keys are relative paths of ASCII letters, digits, ``.``, ``_`` and ``-``, with ``/`` between the folders. ``FileNotFoundError`` says
    that there is no such object; any other exception, that the place failed.
    """

    def describe(self) -> str:
        """What people know the place by, without a password."""

    def bytes_of(self, key: str) -> int | None:
        """Length of an object in bytes, ``None`` where there is none."""

    def list(self, folder: str) -> _Names:
        """Names of the objects and folders directly in a folder; none where there is no such folder."""

    def read(self, key: str, bytes_max: int) -> bytes:
        """An object, or its first ``bytes_max`` bytes where it is longer."""

    def write(self, key: str, data: bytes) -> None:
        """Store an object, whole or not at all, in the place of one that has the key."""


class Prunable(Remote, Protocol):
    """What a place has to answer beside that to be pruned."""

    def age_of(self, key: str) -> float | None:
        """Seconds since an object was written, by the place's own clock if it has one; ``None`` where there is none."""

    def remove(self, key: str) -> None:
        """Remove an object; that there is none is no error."""


class Pushed(NamedTuple):
    """What a push did."""

    version: str
    #: Whether the version is the remote's newest now.
    newest: bool
    #: Files of the version, and those of which something was sent.
    parts: int
    parts_sent: int
    #: Size of all parts, and what was sent of them.
    bytes: int
    bytes_sent: int


class Fetched(NamedTuple):
    """What a fetch did. ``barrow.open(name, fetched.version)`` opens it."""

    version: str
    #: Whether the version is the newest of the bundle here.
    newest: bool
    #: Whether there was nothing to do.
    unchanged: bool
    #: Files of the version, and those that were not here.
    parts: int
    parts_fetched: int
    #: Size of all parts, what came, and what an interrupted fetch had loaded before.
    bytes: int
    bytes_fetched: int
    bytes_resumed: int


class RemotePruned(NamedTuple):
    """What pruning a remote did, or would do."""

    #: The versions that are gone, each with its bundle, and how many are left in all.
    versions: list[tuple[str, str]]
    kept: int
    #: Parts and objects that are gone, and the size of these objects.
    parts: int
    objects: int
    bytes: int
    #: Parts and objects that no version needs, but that are too young to go.
    young: int


def push(
    name: str,
    remote: _Path | Remote,
    version: str | datetime.date | None = None,
    *,
    root: _Path | None = None,
    streams: int = 4,
    check: bool = False,
    progress: _Watch = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Pushed:
    """Publish a version of a bundle to a remote, from which others fetch it.

    Every byte of the version is verified first; then what the remote does not have is sent. A push that was interrupted goes on
    where it stopped when it is called again. Without ``version`` the newest version is sent, and is the remote's newest then;
    with one (digits, or a date as of which it was the newest), it becomes the remote's newest only where there is none.

    ``remote`` is a directory, a URL, or anything that is a :class:`Remote`. ``streams`` objects of 8 MiB are under way at once. With
    ``check``, what the remote has is read, and what is damaged of it is sent again. ``progress`` is called with the bytes that are
    done and those in all. ``storage_options`` go to ``fsspec``.

    Raises :class:`~barrow.errors.UnknownBundleError` and :class:`~barrow.errors.UnknownVersionError` where there is no such version
    here, :class:`~barrow.errors.DamagedError` where it is damaged, and :class:`~barrow.errors.RemoteError` where the remote fails.
    """
    spec = _spec(name, version)
    place = _place(remote, storage_options)
    return Pushed(**_barrow.push(spec, place, root, streams, check, progress))


def fetch(
    name: str,
    remote: _Path | Remote,
    version: str | None = None,
    *,
    root: _Path | None = None,
    wait: float | None = None,
    streams: int = 4,
    progress: _Watch = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Fetched:
    """Bring a version of a bundle here from a remote, verify every byte of it, and publish it.

    What is here is not loaded, nor what an interrupted fetch has loaded. Without ``version`` the remote's newest version is brought
    and is the newest here then; with one (its digits), it lies beside the newest one, unless the bundle is not here at all. Of
    several fetches at once on a machine one loads, and the others wait ``wait`` seconds for it, ``None`` for ever. A version of
    which all 64 digits are given and that is here costs nothing: not a word goes to the remote.

    The other arguments are those of :func:`push`.

    Raises :class:`~barrow.errors.UnknownBundleError` and :class:`~barrow.errors.UnknownVersionError` where the remote has no such
    version, :class:`~barrow.errors.DamagedError` where what it has is not that version, of which nothing is kept then,
    :class:`~barrow.errors.RemoteError` where it fails, and :class:`~barrow.errors.LockedError` where another writer took too long.
    """
    spec = _spec(name, version)
    place = _place(remote, storage_options)
    return Fetched(**_barrow.fetch(spec, place, root, streams, wait, progress))


def prune(
    remote: _Path | Prunable,
    name: str | None = None,
    *,
    keep: int | None = None,
    older_than: datetime.timedelta = datetime.timedelta(days=7),
    dry_run: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> RemotePruned:
    """Remove from a remote what no version there needs: what interrupted pushes left, and with ``keep`` older versions.

    Of the bundle ``name``, or of every bundle, the ``keep`` versions that were published last stay, and that which is marked newest; without
    ``keep`` all of them. Then parts go that no version of any bundle names, and objects that no part names. Nothing goes that was
    written less than ``older_than`` ago, which is at least two days: a push at the same time writes again what it relies on and is older
    than a day, so that it stays. With ``dry_run`` nothing goes, and what would go is told.

    ``remote`` is a directory, a URL whose protocol tells when an object was written, or anything that is a :class:`Prunable`.

    Raises :class:`~barrow.errors.SettingError` for a lower age, :class:`~barrow.errors.DamagedError` where a record or inventory cannot be
    read, and :class:`~barrow.errors.RemoteError` where the remote fails, tells no ages or removes nothing.
    """
    place = _place(remote, storage_options)
    return RemotePruned(**_barrow.prune_remote(place, keep, name, older_than.total_seconds(), dry_run))


def _spec(name: str, version: str | datetime.date | None) -> str:
    if version is None:
        return name
    text = version.isoformat() if isinstance(version, datetime.date) else version
    return f"{name}@{text}"


def _place(remote: _Path | Remote, storage_options: Mapping[str, Any] | None) -> object:
    if not isinstance(remote, (str, os.PathLike)):
        return remote
    text = os.fspath(remote)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    if scheme in ("file", "local") and rest.startswith("/"):
        return rest
    return _Files(text, dict(storage_options or {}))


class _Files:
    """A remote through ``fsspec``."""

    #: Protocols whose files grow while they are written: there an object is written beside its place and renamed.
    _GROWING = frozenset({"sftp", "ssh", "ftp", "smb", "hdfs", "webhdfs", "arrow_hdfs", "dbfs", "github"})

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise ImportError(f"a remote at `{url}` needs `fsspec`: `pip install fsspec`") from error
        # What is listed once may be something else by now, and another process may have written it.
        options.setdefault("use_listings_cache", False)
        self._files, self._root = fsspec.core.url_to_fs(url, **options)
        self._files.invalidate_cache()
        protocol = self._files.protocol
        protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._grows = bool(protocols & self._GROWING)
        self._serial = count()
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("?")[0].partition("/")
        # Not the password that may stand before the host.
        self._shown = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}"

    def describe(self) -> str:
        return self._shown

    def bytes_of(self, key: str) -> int | None:
        try:
            facts = self._files.info(self._path(key))
        except FileNotFoundError:
            return None
        if facts.get("type") == "directory":
            return None
        size = facts.get("size")
        # A web server need not say.
        return len(self._files.cat_file(self._path(key))) if size is None else int(size)

    def list(self, folder: str) -> _Names:
        try:
            found = self._files.ls(self._path(folder), detail=False)
        except FileNotFoundError:
            return []
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def read(self, key: str, bytes_max: int) -> bytes:
        data: bytes = self._files.cat_file(self._path(key), start=0, end=bytes_max)
        # A web server that knows no ranges sends everything.
        return bytes(data[:bytes_max])

    def write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        if not self._grows:
            self._files.pipe_file(path, data)
            return
        folder = path.rpartition("/")[0]
        self._files.makedirs(folder, exist_ok=True)
        unfinished = f"{folder}/.{os.getpid()}-{next(self._serial)}"
        self._files.pipe_file(unfinished, data)
        self._files.mv(unfinished, path)

    def age_of(self, key: str) -> float | None:
        try:
            written: datetime.datetime = self._files.modified(self._path(key))
        except FileNotFoundError:
            return None
        if written.tzinfo is None:
            written = written.replace(tzinfo=datetime.timezone.utc)
        return (datetime.datetime.now(datetime.timezone.utc) - written).total_seconds()

    def remove(self, key: str) -> None:
        try:
            self._files.rm_file(self._path(key))
        except FileNotFoundError:
            pass
