"""Sending strategies to other processes: by reference where that can be, else by value."""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any, Optional

from barrow.errors import MissingPackageError, SettingError

__all__ = ["dumps", "packed", "preparation", "prepare", "unpacked"]

_is_preparing = False


def dumps(thing: Any, cloudpickle: Any = None) -> bytes:
    """Pickles a thing for a process that :func:`prepare` has prepared.

    What is defined in ``__main__`` goes by value with ``cloudpickle``, which is the installed package unless another is given;
    without one, the other process reads the main file again, as those of ``multiprocessing`` do.
    """
    if _is_preparing:
        # The main file of a worker would start workers of its own, and so on.
        raise SettingError(
            "a worker process reads the main file again, and finds a sweep there: "
            "put what it runs under `if __name__ == '__main__':`, or `pip install cloudpickle`"
        )
    cloudpickle = cloudpickle or _cloudpickle()
    if cloudpickle is not None:
        data: bytes = cloudpickle.dumps(thing)
        return data
    try:
        data = pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise MissingPackageError.of("cloudpickle", "sending a strategy that no module names") from error
    if b"__main__" in data and not _has_main_file():
        raise MissingPackageError.of("cloudpickle", "sending a strategy of an interactive session to other processes")
    return data


def packed(thing: Any) -> Optional[bytes]:
    """Pickles a thing; ``None`` where no other process could read it."""
    try:
        return dumps(thing)
    except (MissingPackageError, pickle.PicklingError, TypeError):
        return None


def unpacked(data: Optional[bytes], what: str) -> Any:
    """Reads what :func:`packed` wrote."""
    if data is None:
        raise SettingError(f"the strategy of this {what} could not be sent: define it in a module, or `pip install cloudpickle`")
    return pickle.loads(data)


def preparation() -> bytes:
    """What another process needs to know before it reads what :func:`dumps` wrote."""
    from multiprocessing import spawn

    data = spawn.get_preparation_data("barrow")
    # A secret of `multiprocessing`'s own pipes; and how this process starts others, of which another may know nothing.
    data.pop("authkey", None)
    data.pop("start_method", None)
    # A main file is read again only where that is the only way to find what is defined in it.
    if _cloudpickle() is not None or not _has_main_file():
        data.pop("init_main_from_path", None)
        data.pop("init_main_from_name", None)
    return pickle.dumps(data)


def _has_main_file() -> bool:
    """Whether the main module lies in a file; one that is read from a pipe or typed does not."""
    return os.path.exists(getattr(sys.modules.get("__main__"), "__file__", None) or "")


def _cloudpickle() -> Any:
    """What pickles by value, where it is installed."""
    try:
        import cloudpickle
    except ImportError:
        return None
    return cloudpickle


def prepare(preparation: bytes) -> None:
    """Takes over search path, working directory and main module."""
    from multiprocessing import spawn

    global _is_preparing
    _is_preparing = True
    try:
        spawn.prepare(pickle.loads(preparation))
    finally:
        _is_preparing = False
