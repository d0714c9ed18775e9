"""What tells the code of a strategy from another's of the same name."""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from barrow.strategy import Strategy

__all__ = ["digest"]


def digest(strategy: Any) -> str:
    """A digest of a class's, instance's or function's code and of what it calls, sixteen hexadecimal digits.

    It covers bytecode and constants of functions and the defaults of parameters, of the class and its bases up to
    :class:`barrow.Strategy`; and of what that code names: functions, classes and variables of its own modules, wherever it takes them
    from, and what those name in turn. Its own are the modules of the same top-level package, or the one module that is in none.

    Not covered are comments, layout and documentation; other packages, of which a name counts alone; what is looked up by a text,
    as with ``getattr``; what is an attribute of an object rather than of a class or module; and values that are neither numbers, texts,
    arrays nor collections of these, of which the type counts alone. Another minor version of CPython compiles to another digest.
    """
    kind = type(strategy) if isinstance(strategy, Strategy) else strategy
    reader = _Reader(_parts_of(kind))
    if isinstance(strategy, Strategy):
        reader.add(strategy.params())
    reader.add(kind)
    return reader.digest()


def _parts_of(kind: Any) -> list[Any]:
    """A class and its bases, or a function."""
    return [part for part in kind.__mro__ if part not in (Strategy, object)] if isinstance(kind, type) else [kind]


def _package(value: Any) -> str:
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return str(name or "").partition(".")[0]


#: What Python makes of every class, and what says nothing of what a strategy does.
_NO_CODE = frozenset(
    ["__annotations__", "__dict__", "__doc__", "__firstlineno__", "__module__", "__qualname__", "__static_attributes__", "__weakref__"]
)

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))


class _Reader:
    """Hashes what values do, each function and class once."""

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        self._own = {_package(part) for part in parts} - {"barrow", "builtins"}
        self._hash = hashlib.sha256()
        # In the order in which they were met; kept, so that no other value takes their place in memory.
        self._met: dict[int, tuple[int, Any]] = {}

    def digest(self) -> str:
        return self._hash.hexdigest()[:16]

    def _say(self, *words: str) -> None:
        for word in words:
            data = word.encode("utf-8", "surrogatepass")
            self._hash.update(len(data).to_bytes(8, "little") + data)

    def add(self, value: Any) -> None:
        """Adds what a value does; of what is neither code nor plain its type alone."""
        value = getattr(value, "__func__", value)
        self._say(type(value).__name__)
        if isinstance(value, _PLAIN):
            self._say(repr(value))
        elif isinstance(value, (tuple, list)):
            self._add_all(value)
        elif isinstance(value, (set, frozenset)):
            self._add_all(sorted(value, key=lambda item: (type(item).__name__, repr(item))))
        elif isinstance(value, dict):
            self._add_all([part for key in sorted(value, key=repr) for part in (key, value[key])])
        elif isinstance(value, (np.ndarray, np.generic)):
            self._say(str(value.dtype), str(value.shape))
            self.add(value.tolist() if value.dtype.hasobject else value.tobytes())
        elif isinstance(value, property):
            self._add_all((value.fget, value.fset))
        elif isinstance(value, functools.partial):
            self._add_all((value.func, value.args, value.keywords))
        elif isinstance(value, types.ModuleType):
            self._say(value.__name__)
        elif isinstance(value, types.CodeType):
            self._add_code(value)
        elif isinstance(value, (type, types.FunctionType)):
            self._add_definition(value)
        else:
            # A cached property, or a function behind a decorator that is written in C.
            inner = getattr(value, "func", None) or getattr(value, "__wrapped__", None)
            if isinstance(inner, types.FunctionType):
                self.add(inner)

    def _add_all(self, values: Any) -> None:
        self._say(str(len(values)))
        for value in values:
            self.add(value)

    def _add_definition(self, value: Any) -> None:
        place, _ = self._met.setdefault(id(value), (len(self._met), value))
        self._say(str(place))
        if place < len(self._met) - 1:
            return
        if not self._is_own(value):
            self._say(str(value.__module__), value.__qualname__)
        elif isinstance(value, type):
            self._add_class(value)
        else:
            self._add_function(value)

    def _is_own(self, value: Any) -> bool:
        package = _package(value)
        # What a text defines that is in no module says that it is built in.
        of_text = package in ("", "builtins") and isinstance(value, types.FunctionType)
        return package in self._own or of_text or any(value is part for part in self._parts)

    def _add_class(self, kind: type) -> None:
        for base in kind.__bases__:
            if base not in (Strategy, object):
                self.add(base)
        for name in sorted(vars(kind)):
            if name not in _NO_CODE:
                self._say(name)
                self.add(vars(kind)[name])

    def _add_function(self, function: types.FunctionType) -> None:
        code = function.__code__
        has_words = code.co_consts[:1] == (function.__doc__,)
        self._add_code(code.replace(co_consts=code.co_consts[has_words:]))
        self._add_all((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            self.add(_content(cell))
        for name, value in _named(code, function.__globals__, self._own):
            self._say(name)
            self.add(value)

    def _add_code(self, code: types.CodeType) -> None:
        self._add_all((code.co_code, code.co_names, code.co_varnames, code.co_consts))


def _named(code: types.CodeType, names: dict[str, Any], own: set[str]) -> Iterator[tuple[str, Any]]:
    """The variables of a module that code names, and of its own modules what it names of them."""
    said = sorted(_names(code))
    for name in said:
        if name in names:
            value = names[name]
            yield name, value
            if isinstance(value, types.ModuleType) and _package(value) in own:
                yield from ((f"{name}.{member}", vars(value)[member]) for member in said if member in vars(value))


def _names(code: types.CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*(_names(code) for code in inner))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        # Nothing yet: a function that is being defined.
        return ...
