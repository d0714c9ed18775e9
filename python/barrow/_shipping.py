"""Sending strategies to other processes: by reference where that can be, else by value."""

from __future__ import annotations

import pickle
import sys
from typing import Any

from barrow.errors import MissingPackageError

__all__ = ["dumps", "preparation", "prepare"]


def dumps(thing: Any) -> bytes:
    """Pickles a thing for a process that :func:`prepare` has prepared.

    What is defined in ``__main__`` goes by value if ``cloudpickle`` is installed; else the other process reads the main
    file again, as those of ``multiprocessing`` do.
    """
    try:
        import cloudpickle
    except ImportError:
        pass
    else:
        data: bytes = cloudpickle.dumps(thing)
        return data
    main = sys.modules.get("__main__")
    try:
        data = pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise MissingPackageError.of("cloudpickle", "sending a strategy that no module names") from error
    if b"__main__" in data and not hasattr(main, "__file__"):
        raise MissingPackageError.of("cloudpickle", "sending a strategy of an interactive session to other processes")
    return data


def preparation() -> bytes:
    """What another process needs to know before it reads what :func:`dumps` wrote."""
    from multiprocessing import spawn

    data = spawn.get_preparation_data("barrow")
    # A secret of `multiprocessing`'s own pipes.
    data.pop("authkey", None)
    # A main file is read again only where that is the only way to find what is defined in it.
    try:
        import cloudpickle  # noqa: F401
    except ImportError:
        pass
    else:
        data.pop("init_main_from_path", None)
        data.pop("init_main_from_name", None)
    return pickle.dumps(data)


def prepare(preparation: bytes) -> None:
    """Takes over search path, working directory and main module."""
    from multiprocessing import spawn

    spawn.prepare(pickle.loads(preparation))
