"""Strategies written in Python."""

from __future__ import annotations

import difflib
import inspect
from typing import TYPE_CHECKING, Any, ClassVar, Union

import numpy as np

from barrow.errors import SettingError

if TYPE_CHECKING:
    from barrow._barrow import Context, Setup

__all__ = ["Strategy"]

Param = Union[bool, int, float, str]


class Strategy:
    """A strategy: decides at the close of each bar what to order for the next bars.

    Public class attributes that are numbers, truth values or texts are its parameters, with their defaults::

        class Follow(barrow.Strategy):
            shares = 100

            def on_bar(self, ctx):
                for asset in ctx.active:
                    closes = ctx.history(asset, "close", 2)
                    if len(closes) == 2:
                        ctx.order_target(asset, self.shares if closes[1] > closes[0] else 0)

        barrow.backtest(bundle, Follow, shares=50)

    Orders fill at the open of the asset's next bar, with the commission and slippage of the run: the rules, and the bits of
    the result, are those of strategies written in Rust.
    """

    name: ClassVar[str] = "Strategy"
    """The name that results carry: that of the class, unless it says another."""

    _defaults: ClassVar[dict[str, Param]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = cls.__name__
        public = {name: value for name, value in vars(cls).items() if not name.startswith("_") and name != "name"}
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in public.items()}
        own = {name: value for name, value in plain.items() if isinstance(value, (bool, int, float, str))}
        cls._defaults = {**cls._defaults, **own}
        if inspect.isgeneratorfunction(cls.on_bar) or inspect.iscoroutinefunction(cls.on_bar):
            raise SettingError(f"`on_bar` of `{cls.__name__}` would end before its first line: write it without `yield` and `async`")

    def __init__(self, **params: Param) -> None:
        for name, value in params.items():
            if name not in self._defaults:
                raise SettingError(_unknown(type(self), name, list(self._defaults)))
            setattr(self, name, value)

    def params(self) -> dict[str, Param]:
        """All parameters with their values; results carry them."""
        return {name: getattr(self, name) for name in self._defaults}

    def admits(self) -> bool:
        """Whether the parameters go together. A sweep skips a point whose strategy says no."""
        return True

    def setup(self, setup: Setup) -> None:
        """Is called once before the first bar: declares indicators and signals that :meth:`on_bar` reads.

        Forgets any earlier run of this object. Tests of a result that an object was run for run copies of what it was before.
        """

    def on_bar(self, ctx: Context) -> None:
        """Is called at every tick of the clock, after the orders due have filled at the open, with the closes known."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `on_bar`")

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.params().items())
        return f"{type(self).__name__}({params})"


def _unknown(strategy: type[Strategy], name: str, known: list[str]) -> str:
    if name in dir(strategy) and name not in dir(Strategy):
        kind = type(getattr(strategy, name)).__name__
        return (
            f"`{name}` of strategy `{strategy.__name__}` is a `{kind}`, and no parameter: "
            "those are public class attributes that are numbers, truth values or texts"
        )
    near = difflib.get_close_matches(name, known, 1)
    meant = f", did you mean `{near[0]}`" if near else ""
    return f"strategy `{strategy.__name__}` has no parameter `{name}`{meant}; known: {', '.join(known) or 'none'}"
