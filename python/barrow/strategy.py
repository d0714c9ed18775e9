"""Strategies written in Python."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, ClassVar, Union

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
        own = {
            name: value
            for name, value in vars(cls).items()
            if not name.startswith("_") and name != "name" and isinstance(value, (bool, int, float, str))
        }
        cls._defaults = {**cls._defaults, **own}

    def __init__(self, **params: Param) -> None:
        for name, value in params.items():
            if name not in self._defaults:
                raise SettingError(_unknown(type(self).__name__, name, list(self._defaults)))
            setattr(self, name, value)

    def params(self) -> dict[str, Param]:
        """All parameters with their values; results carry them."""
        return {name: getattr(self, name) for name in self._defaults}

    def admits(self) -> bool:
        """Whether the parameters go together. A sweep skips a point whose strategy says no."""
        return True

    def setup(self, setup: Setup) -> None:
        """Is called once before the first bar: declares indicators and signals that :meth:`on_bar` reads.

        Forgets any earlier run.
        """

    def on_bar(self, ctx: Context) -> None:
        """Is called at every tick of the clock, after the orders due have filled at the open, with the closes known."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `on_bar`")

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.params().items())
        return f"{type(self).__name__}({params})"


def _unknown(strategy: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    meant = f", did you mean `{near[0]}`" if near else ""
    return f"strategy `{strategy}` has no parameter `{name}`{meant}; known: {', '.join(known) or 'none'}"
