"""What tells the code of a strategy from another's of the same name."""

from __future__ import annotations

import hashlib
import types
from typing import Any

from barrow.strategy import Strategy

__all__ = ["digest"]


def digest(strategy: Any) -> str:
    """A digest of a class's, instance's or function's own code, sixteen hexadecimal digits.

    It covers bytecode and constants of functions, and the defaults of parameters, of the class and its bases up to
    :class:`barrow.Strategy`; not comments, layout and documentation, and not what the code calls elsewhere. Another minor version of
    CPython compiles to another digest.
    """
    found = hashlib.sha256()
    if isinstance(strategy, Strategy):
        _add(found, strategy.params())
        strategy = type(strategy)
    for part in strategy.__mro__ if isinstance(strategy, type) else [strategy]:
        if part in (Strategy, object):
            continue
        members = vars(part) if isinstance(part, type) else {"": part}
        for name in sorted(members):
            if name not in _NO_CODE:
                found.update(name.encode())
                _add(found, members[name])
    return found.hexdigest()[:16]


#: What Python makes of every class, and what says nothing of what a strategy does.
_NO_CODE = frozenset(
    ["__annotations__", "__dict__", "__doc__", "__firstlineno__", "__module__", "__qualname__", "__static_attributes__", "__weakref__"]
)


_PLAIN = (bool, int, float, str, bytes, type(None))


def _add(to: Any, value: Any) -> None:
    """Adds what a value does; of what is neither code nor plain its type alone."""
    value = getattr(value, "__func__", value)
    if isinstance(value, property):
        value = (value.fget, value.fset)
    if isinstance(value, types.FunctionType):
        code = value.__code__
        has_words = code.co_consts[:1] == (value.__doc__,)
        kept = [cell.cell_contents for cell in value.__closure__ or () if isinstance(_content(cell), _PLAIN)]
        value = (code.replace(co_consts=code.co_consts[has_words:]), value.__defaults__, value.__kwdefaults__, kept)
    if isinstance(value, types.CodeType):
        value = (value.co_code, value.co_names, value.co_varnames, value.co_consts)
    to.update(type(value).__name__.encode())
    if isinstance(value, (tuple, list)):
        for item in value:
            _add(to, item)
    elif isinstance(value, dict):
        _add(to, [part for name in sorted(value) for part in (name, value[name])])
    elif isinstance(value, _PLAIN):
        to.update(repr(value).encode())


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        # Nothing yet: a function that is being defined.
        return ...
