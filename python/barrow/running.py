"""One run of a strategy, and what it returns."""

from __future__ import annotations

import copy
import html
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from barrow import _barrow
from barrow._barrow import Bundle, Settings
from barrow._progress import Show, shown
from barrow._results import Curve, axes_of, markets, write_page
from barrow.errors import SettingError
from barrow.records import NoiseTest, PermutationTest
from barrow.weighing import Weighing
from barrow.strategy import Strategy
from barrow.columns import Columns

__all__ = ["Performance", "backtest"]

Maker = Union[str, Callable[..., Any]]
"""A built-in strategy's name, or what makes a strategy of parameters."""


def backtest(
    bundle: Bundle | str,
    strategy: str | type[Strategy] | Strategy | Callable[..., Any],
    *,
    cash: float = 100_000.0,
    commission: str = "none",
    slippage: str = "none",
    start: Any = None,
    end: Any = None,
    assets: Union[str, Sequence[str], None] = None,
    seed: int = 0,
    whole_shares: bool = True,
    causality_checks: int = 0,
    params: Optional[Mapping[str, Any]] = None,
    **more: Any,
) -> Performance:
    """Runs a strategy over a bundle.

    Orders that are sent after a bar's close fill at the next bar's open of that asset. The same bundle version, strategy,
    parameters, settings, seed and library version give the same bits.

    :param bundle: An opened bundle, or its name.
    :param strategy: A built-in strategy by name (``"sma-cross"``, ``"momentum"``, ``"mean-reversion"``,
        ``"buy-and-hold"``), which runs without Python and with the interpreter's lock let go; a :class:`Strategy`, as a
        class or an instance; or a function from :class:`Panels` to target weights of shape ``[times, assets]``: shares of
        the equity, NaN for no order. Weights of a bar are ordered at its close.
    :param cash: Starting cash, quote currency.
    :param commission: ``"none"``, ``"per-share:0.001"``, ``"per-order:1"`` or ``"bps:10"``.
    :param slippage: ``"none"`` or ``"bps:5"``, from the open and against the trader.
    :param start: First date or instant of the clock; earlier bars remain visible as history.
    :param end: Last date or instant, taken in.
    :param assets: Symbols; all without it.
    :param seed: Handed to the strategy and recorded.
    :param whole_shares: Whether weights are rounded to whole shares, towards zero.
    :param causality_checks: How often a function is asked again with later bars taken away, which must not change its
        weights; 0 trusts it.
    :param params: Parameters of the strategy, beside those given by name.
    """
    bundle = opened(bundle)
    settings = Settings(cash, commission, slippage, start, end, assets, seed)
    maker = maker_of(strategy, bundle, settings, whole_shares, causality_checks)
    given = {**(params or {}), **more}
    return Performance(_barrow.run(bundle, maker, given, settings), (bundle, maker, given, settings))


def opened(bundle: Bundle | str) -> Bundle:
    """The bundle itself, or that of a name."""
    return bundle if isinstance(bundle, Bundle) else _barrow.open(bundle)


def maker_of(
    strategy: Any,
    bundle: Bundle,
    settings: Settings,
    whole_shares: bool = True,
    causality_checks: int = 0,
) -> Maker:
    """What makes the strategy of a run from its parameters."""
    if isinstance(strategy, str):
        return strategy
    if isinstance(strategy, Strategy):
        return _Again(strategy)
    if isinstance(strategy, type):
        if not issubclass(strategy, Strategy):
            raise SettingError(f"`{strategy.__name__}` is no `barrow.Strategy`")
        return strategy
    if callable(strategy):
        return Weighing(strategy, bundle, settings.assets, settings.end, whole_shares, causality_checks)
    kind = type(strategy).__name__
    raise SettingError(f"a strategy is a name, a `barrow.Strategy` or a function, found `{kind}`")


class _Again:
    """Makes strategies like an instance: itself the first time, where nothing is to be changed, and then what it was before."""

    def __init__(self, strategy: Strategy) -> None:
        self._first: Optional[Strategy] = strategy
        self._before = _copied(strategy)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Again, (self._before,)

    def __call__(self, **params: Any) -> Strategy:
        if params:
            return type(self._before)(**{**self._before.params(), **params})
        first, self._first = self._first, None
        return _copied(self._before) if first is None else first


def _copied(strategy: Strategy) -> Strategy:
    """A strategy with the state that another has; what cannot be copied is that of both."""
    made = object.__new__(type(strategy))
    for name, value in vars(strategy).items():
        try:
            vars(made)[name] = copy.deepcopy(value)
        except Exception:
            vars(made)[name] = value
    return made


class Performance(Curve):
    """The result of one run: figures, equity curve and fills, and what is needed to make it again.

    Pickles as its values; what is not among them, such as the page of :meth:`report`, is made by running again.
    """

    def __init__(self, native: Any, again: tuple[Bundle, Maker, dict[str, Any], Settings]) -> None:
        super().__init__(native)
        self._again = again

    def _here(self) -> Any:
        if self._native is None:
            self._native = _barrow.run(*self._again)
        return self._native

    def __getstate__(self) -> dict[str, Any]:
        names = ("bundle", "version", "strategy", "params", "symbols", "facts", "metrics")
        values = (*names, "times", "equity", "fills", "trades", "open_orders", "positions")
        return {"cache": {name: self._get(name) for name in values}, "again": self._again}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._native, self._again, self._cache = None, state["again"], state["cache"]

    @property
    def bundle(self) -> str:
        """Name of the bundle."""
        return str(self._get("bundle"))

    @property
    def version(self) -> str:
        """Content version of the bars: 64 hexadecimal digits."""
        return str(self._get("version"))

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return str(self._get("strategy"))

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters, defaults included."""
        return dict(self._get("params"))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the assets, ascending."""
        return tuple(self._get("symbols"))

    @property
    def returns(self) -> npt.NDArray[np.float64]:
        """Simple returns from bar to bar: shape ``[bars - 1]``."""
        equity = self.equity
        returns: npt.NDArray[np.float64] = equity[1:] / equity[:-1] - 1.0
        return returns

    @property
    def curve(self) -> Columns:
        """``time`` and ``equity``."""
        return Columns({"time": self.times, "equity": self.equity})

    @property
    def fills(self) -> Columns:
        """Orders that were carried out, in the order of filling.

        ``time`` of the bar at whose open it filled, ``symbol``, ``quantity`` (negative when sold), ``price`` with slippage,
        ``commission``.
        """
        time, place, quantity, price, commission = self._get("fills")
        columns = {"time": time, "symbol": self._named(place), "quantity": quantity, "price": price}
        return Columns({**columns, "commission": commission})

    @property
    def trades(self) -> Columns:
        """Round trips, from flat to flat in one asset, in the order in which they closed; open ones last.

        ``opened``, ``closed`` (``NaT`` while open), ``symbol``, ``quantity`` (the largest it had, negative when short),
        ``entry``, ``exit`` (NaN while nothing was closed), ``profit`` after commissions.
        """
        opened_at, closed, place, quantity, entry, exit_price, profit = self._get("trades")
        columns = {"opened": opened_at, "closed": closed, "symbol": self._named(place), "quantity": quantity}
        return Columns({**columns, "entry": entry, "exit": exit_price, "profit": profit})

    @property
    def open_orders(self) -> Columns:
        """Orders that had not filled at the end: ``time`` at whose close it was sent, ``symbol``, ``quantity``."""
        time, place, quantity = self._get("open_orders")
        return Columns({"time": time, "symbol": self._named(place), "quantity": quantity})

    @property
    def positions(self) -> dict[str, float]:
        """Positions at the end that are not zero, by symbol."""
        return dict(self._get("positions"))

    def permutation_test(
        self,
        draws: int = 200,
        *,
        objective: str = "sharpe",
        seed: Optional[int] = None,
        workers: int = 0,
        progress: Union[bool, Show, None] = None,
    ) -> PermutationTest:
        """How often chance does as well: the run again over markets that have the same moves in another order.

        The moves of a bar, the gap before it and its body, change places with those of other bars within the period, by one
        order for all assets; drift and the distribution of moves stay. What `barrow backtest --permutations` computes, with
        the same numbers for the same seed. Source: Masters (2018), "Permutation and randomization tests for trading system
        development", for assets whose bars have the same times; the rule for others is in ``docs/validation.md``.

        A market takes as much memory as the bars of the run do, and a run. Built-in strategies run on all processors with the
        interpreter's lock let go, those of Python one after the other.

        :param draws: How many markets, at least one.
        :param objective: The metric that is compared, or ``"max:METRIC"`` or ``"min:METRIC"``.
        :param seed: Of the orders; that of the run unless given.
        :param workers: Threads for built-in strategies; 0 is one a core. The values do not depend on it.
        :param progress: ``True``, ``False``, or a function of markets done, all markets, and ``None``.

        Raises ``barrow.errors.StatisticError`` where the run does not have the objective, or a price is not above zero.
        """
        draw = self._draws(draws, objective, seed, workers)
        with shown(progress, objective, "market") as bar:
            return _barrow.imagine(*self._subject(), draw, show=bar)

    def noise_test(
        self,
        draws: int = 200,
        *,
        share: float = 0.1,
        objective: str = "sharpe",
        seed: Optional[int] = None,
        workers: int = 0,
        progress: Union[bool, Show, None] = None,
    ) -> NoiseTest:
        """Whether the run survives a slightly different history: the run again over markets with noise on their returns.

        Each return of a close gets ``share`` of the deviation of its asset's last 20 returns times a normal draw, the same for
        all assets of a tick, and prices are cumulated anew. What `barrow backtest --noise` computes, with the same numbers
        for the same seed. The rule is this library's: ``docs/validation.md``.

        :param share: How much noise, above 0.

        The other arguments, what it takes and what it raises are those of :meth:`permutation_test`.
        """
        draw = self._draws(draws, objective, seed, workers)
        with shown(progress, objective, "market") as bar:
            return _barrow.imagine(*self._subject(), draw, share=share, show=bar)

    def _draws(self, count: int, objective: str, seed: Optional[int], workers: int) -> dict[str, Any]:
        seed = self.facts["seed"] if seed is None else seed
        return {"count": markets(count), "objective": objective, "seed": seed, "workers": workers}

    def _subject(self) -> tuple[Any, Maker, Any, dict[str, Any], Settings]:
        _, maker, params, settings = self._again
        return self._here(), maker, maker.over if isinstance(maker, Weighing) else None, params, settings

    def _named(self, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return np.array(self.symbols, dtype=np.str_)[places]

    def report(self, path: str | os.PathLike[str], *, permutations: Optional[PermutationTest] = None) -> None:
        """Writes a self-contained HTML page: the one that ``barrow backtest --report`` writes.

        :param permutations: What :meth:`permutation_test` said, for a section of the page.
        """
        write_page(path, self._here().page(permutations))

    def plot(self, ax: Any = None) -> Any:
        """Draws equity over time with Matplotlib, and returns the axes."""
        axes = axes_of(ax)
        axes.plot(self.times, self.equity)
        axes.set_title(f"{self.strategy} on {self.bundle}")
        axes.set_ylabel("equity")
        return axes

    def _lines(self) -> list[tuple[str, str]]:
        facts = self.facts
        params = ", ".join(f"{name}={value}" for name, value in self.params.items())
        head = [("strategy", f"{self.strategy} {params}".strip()), ("bundle", f"{self.bundle}@{self.version[:12]}")]
        head.append(("period", f"{facts['start']} to {facts['end']}, {facts['bars']} bars"))
        figures = ((name, value) for name, value in self.metrics.items() if value is not None)
        return head + [(name, f"{value:,.6g}") for name, value in figures]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<20} {value}" for name, value in self._lines())

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in self._lines())
        return f"<table>{rows}</table>"
