"""Promise: a strategy written in Python gives the bits of the same strategy in Rust, and cannot look ahead.

Method: three forms of the crossing of means (told of changes, by windows, by panels) and a function from panels to weights are
compared with the built-in strategy, or with each other; a strategy that notes all that it is shown is run on two histories
that differ after a cut.
"""

from __future__ import annotations

import copy
import gc
import re
import weakref
from typing import Any

import numpy as np
import pandas as pd
import pytest

import barrow
from barrow._barrow import Context, Series, Setup
from scripted import Crossing


class Told(Crossing):
    """Is told of crossings."""


class Windows(Told):
    """Looks at the window of each asset; sums of cents are exact."""

    def setup(self, setup: Setup) -> None:
        pass

    def on_bar(self, ctx: Context) -> None:
        for asset in ctx.active:
            cents = np.rint(ctx.history(asset, "close", self.slow) * 100)
            if len(cents) == self.slow:
                above = cents[-self.fast :].sum() * self.slow > cents.sum() * self.fast
                ctx.order_target(asset, self.shares if above else 0)


class Wide(Told):
    """Looks at all assets at once."""

    def setup(self, setup: Setup) -> None:
        pass

    def on_bar(self, ctx: Context) -> None:
        cents = np.rint(ctx.panel("close", self.slow) * 100)
        above = cents[:, -self.fast :].sum(axis=1) * self.slow > cents.sum(axis=1) * self.fast
        targets = np.where(above, float(self.shares), 0.0)
        known = ~np.isnan(cents[:, 0])
        active = np.isin(np.arange(len(targets)), ctx.active)
        ctx.order_targets(np.where(known & active, targets, np.nan))


def same(left: barrow.Performance, right: barrow.Performance) -> None:
    np.testing.assert_array_equal(left.equity, right.equity)
    assert left.metrics == right.metrics
    assert left.positions == right.positions
    for table, other in ((left.fills, right.fills), (left.open_orders, right.open_orders)):
        for name in table:
            np.testing.assert_array_equal(table[name], other[name])


@pytest.mark.parametrize("strategy", [Told, Windows, Wide])
@pytest.mark.parametrize("start", [None, "2020-02-10"])
def test_three_forms_of_a_crossing_have_the_bits_of_rust(
    bundle: barrow.Bundle, strategy: type[barrow.Strategy], start: str | None
) -> None:
    settings: dict[str, Any] = {"commission": "bps:7", "slippage": "bps:3", "start": start}
    built_in = barrow.backtest(bundle, "sma-cross", fast=2, slow=7, shares=30, **settings)
    scripted = barrow.backtest(bundle, strategy, fast=2, slow=7, shares=30, **settings)
    assert len(built_in.fills) > 5
    same(scripted, built_in)
    assert scripted.params == {"fast": 2, "slow": 7, "shares": 30}
    assert scripted.strategy == strategy.__name__


def test_indicators_are_those_of_rust(bundle: barrow.Bundle) -> None:
    class Reversion(barrow.Strategy):
        lookback = 5
        entry = 1.0
        exit = 0.0
        shares = 100
        _score: Series

        def setup(self, setup: Setup) -> None:
            self._score = setup.zscore("close", self.lookback)

        def on_bar(self, ctx: Context) -> None:
            for asset in ctx.active:
                z, position = ctx.value(asset, self._score), ctx.position(asset)
                if z is None:
                    continue
                if position > 0:
                    target = 0.0 if z >= -self.exit else position
                else:
                    target = float(self.shares) if z < -self.entry else 0.0
                ctx.order_target(asset, target)

    fixed = {"lookback": 5, "entry": 1.0, "exit": 0.0, "shares": 100, "short": False}
    built_in = barrow.backtest(bundle, "mean-reversion", params=fixed)
    assert len(built_in.fills) > 3
    same(barrow.backtest(bundle, Reversion), built_in)


class Notes(barrow.Strategy):
    """Notes all that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def setup(self, setup: Setup) -> None:
        self._mean = setup.sma("close", 4, keep=3)
        self._rise = setup.rate_of_change("close", 2)
        self._cross = setup.mean_cross("close", 2, 4)
        self._news = setup.changes(self._rise)

    def on_bar(self, ctx: Context) -> None:
        shown: list[Any] = [ctx.now, ctx.now_ns, ctx.elapsed, ctx.cash, ctx.equity, ctx.active]
        for asset in ctx.assets:
            shown += [ctx.history(asset, name, 5).copy() for name in ("open", "close", "volume")]
            shown += [ctx.history(asset, "close", 10**6).copy(), ctx.bars_so_far(asset), ctx.has_bar(asset)]
            shown += [ctx.price(asset), ctx.value(asset, self._rise), ctx.position(asset)]
        shown += [ctx.panel("close", 3), ctx.prices("open"), ctx.values(self._mean), ctx.values(self._rise)]
        shown += [ctx.changes(self._cross), ctx.changes(self._news), ctx.positions, ctx.open_quantities]
        self.seen.append(shown)
        ctx.order(ctx.elapsed % len(ctx.symbols), 1.0)


def test_what_is_shown_does_not_depend_on_the_future(bundle: barrow.Bundle, rows: dict[str, Any]) -> None:
    cut = 30
    times = bundle.calendar
    until = rows["time"] <= times[cut - 1]
    changed = dict(rows)
    for name in ("open", "high", "low", "close"):
        changed[name] = np.where(until, rows[name], np.round(rows[name] * 1.37, 2))
    barrow.ingest("other", changed)
    first, second = Notes(), Notes()
    whole = barrow.backtest(bundle, first)
    barrow.backtest(barrow.open("other"), second)
    for left, right in zip(first.seen[:cut], second.seen[:cut]):
        for one, other in zip(left, right):
            np.testing.assert_array_equal(one, other)
    assert any(not np.array_equal(a, b) for a, b in zip(first.seen[cut][6:9], second.seen[cut][6:9]))
    # Equity as the strategy sees it is that of the curve.
    np.testing.assert_array_equal([shown[4] for shown in first.seen], whole.equity)


def test_windows_are_views_that_end_now_and_cannot_be_written(bundle: barrow.Bundle) -> None:
    kept: list[Any] = []

    class Looks(barrow.Strategy):
        def on_bar(self, ctx: Context) -> None:
            if ctx.elapsed == 20:
                window = ctx.history("AAA", "close", 5)
                whole = bundle["AAA"].close
                assert window.ctypes.data == whole.ctypes.data + 8 * (21 - 5)
                assert not hasattr(window.base, "column")
                assert [name for name in dir(window.base) if not name.startswith("_")] == []
                with pytest.raises(ValueError, match="read-only"):
                    window[0] = 1.0
                with pytest.raises(ValueError, match="WRITEABLE"):
                    window.flags.writeable = True
                kept.append(window)

    barrow.backtest(bundle, Looks)
    expected = bundle["AAA"].close[16:21].copy()
    barrow.pool.clear()
    gc.collect()
    np.testing.assert_array_equal(kept[0], expected)


def test_an_exception_comes_out_with_the_bar_and_the_asset(bundle: barrow.Bundle) -> None:
    class Fails(barrow.Strategy):
        def on_bar(self, ctx: Context) -> None:
            ctx.price("BBB")
            if ctx.elapsed == 10:
                raise ZeroDivisionError("of my own")

    with pytest.raises(ZeroDivisionError, match="of my own") as caught:
        barrow.backtest(bundle, Fails)
    day = str(bundle.calendar[10])[:10]
    assert getattr(caught.value, "__notes__") == [f"at the bar of {day}; the asset asked about last: BBB"]


def test_orders_are_checked_where_they_are_sent(bundle: barrow.Bundle) -> None:
    kept: list[Context] = []

    class Odd(barrow.Strategy):
        what = "nan"

        def on_bar(self, ctx: Context) -> None:
            kept.append(ctx)
            if self.what == "nan":
                ctx.order("AAA", float("nan"))
            elif self.what == "symbol":
                ctx.order("AAB", 1)
            elif self.what == "place":
                ctx.order(3, 1)
            elif self.what == "column":
                ctx.history("AAA", "clse", 3)
            elif self.what == "targets":
                ctx.order_targets(np.zeros(2))

    for what, error, text in (
        ("nan", barrow.errors.BacktestError, "order of NaN `AAA` at 2020-01-01 is not a finite quantity"),
        ("symbol", barrow.errors.UnknownSymbolError, "did you mean `AAA`"),
        ("place", IndexError, "no asset at place 3 of 3"),
        ("column", barrow.errors.UnknownColumnError, "clse"),
        ("targets", ValueError, "each of 3 assets, found 2"),
    ):
        with pytest.raises(error, match=re.escape(text)):
            barrow.backtest(bundle, Odd, what=what)
    with pytest.raises(RuntimeError, match="within `on_bar` only"):
        kept[0].order("AAA", 1.0)


def test_targets_are_what_numpy_makes_an_array_of(bundle: barrow.Bundle) -> None:
    class Targets(barrow.Strategy):
        kind = "array"

        def on_bar(self, ctx: Context) -> None:
            if ctx.elapsed == 30:
                targets: Any = {"array": np.array([1.0, 2.0, 3.0]), "list": [1, 2.0, 3], "whole": np.array([1, 2, 3])}
                ctx.order_targets({**targets, "few": [1.0], "text": ["a", "b", "c"]}[self.kind])

    expected = barrow.backtest(bundle, Targets)
    assert expected.positions == {"AAA": 1.0, "BBB": 2.0, "CCC": 3.0}
    for kind in ("list", "whole"):
        np.testing.assert_array_equal(barrow.backtest(bundle, Targets, kind=kind).equity, expected.equity)
    with pytest.raises(ValueError, match="a target for each of 3 assets, found 1"):
        barrow.backtest(bundle, Targets, kind="few")
    with pytest.raises(ValueError, match="could not convert"):
        barrow.backtest(bundle, Targets, kind="text")


def test_orders_of_one_bar_add_up(bundle: barrow.Bundle) -> None:
    class Twice(barrow.Strategy):
        def on_bar(self, ctx: Context) -> None:
            if ctx.elapsed == 3:
                ctx.order("AAA", 10)
                assert ctx.open_quantity("AAA") == 10
                ctx.order_target("AAA", 4)
                assert (ctx.open_quantity("AAA"), ctx.position("AAA")) == (4, 0)

    result = barrow.backtest(bundle, Twice)
    assert result.fills["quantity"].tolist() == [10.0, -6.0]
    assert result.positions == {"AAA": 4.0}


def test_parameters_are_class_attributes(bundle: barrow.Bundle) -> None:
    assert Windows(fast=4).params() == {"fast": 4, "slow": 8, "shares": 100}
    assert repr(Told(slow=9)) == "Told(fast=3, slow=9, shares=100)"
    with pytest.raises(barrow.errors.SettingError, match="did you mean `fast`"):
        Told(fst=3)
    with pytest.raises(barrow.errors.SettingError, match="admits"):
        barrow.backtest(bundle, Told, fast=9)
    with pytest.raises(barrow.errors.SettingError, match="is no `barrow.Strategy`"):
        barrow.backtest(bundle, dict)
    same(barrow.backtest(bundle, Told(fast=2), slow=7), barrow.backtest(bundle, Told, fast=2, slow=7))


class Counting(barrow.Strategy):
    """Trades by what it has seen, of which only the first run of an object begins with nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []
        self.cannot_be_copied = (number for number in range(0))

    def on_bar(self, ctx: Context) -> None:
        self.seen.append(ctx.equity)
        if ctx.has_bar("AAA"):
            ctx.order_target("AAA", len(self.seen) % 7)


def test_what_is_run_again_begins_with_nothing(bundle: barrow.Bundle) -> None:
    strategy = Counting()
    result = barrow.backtest(bundle, strategy)
    assert len(strategy.seen) == 60, "the object itself was run"
    expected = barrow.backtest(bundle, Counting)
    same(result, expected)
    for seed in (0, 1):
        test, of_class = result.permutation_test(5, seed=seed), expected.permutation_test(5, seed=seed)
        np.testing.assert_array_equal(test.values, of_class.values)
        np.testing.assert_array_equal(result.noise_test(3, seed=seed).values, expected.noise_test(3, seed=seed).values)
    assert len(strategy.seen) == 60


def test_what_is_no_parameter_says_what_it_is(bundle: barrow.Bundle) -> None:
    class Odd(Told):
        windows = (1, 2)
        ratio = np.float32(0.5)
        count = np.int64(3)

    assert Odd(ratio=0.25).params() == {"fast": 3, "slow": 8, "shares": 100, "ratio": 0.25, "count": 3}
    assert barrow.backtest(bundle, Odd).params["count"] == 3
    with pytest.raises(barrow.errors.SettingError, match="`windows` of strategy `Odd` is a `tuple`, and no parameter"):
        Odd(windows=5)
    with pytest.raises(barrow.errors.SettingError, match="no parameter `window`; known: fast"):
        Odd(window=5)
    with pytest.raises(ValueError, match="a whole number has 64 bits, found 1180591620717411303424"):
        barrow.backtest(bundle, Odd, fast=2**70)


def test_a_strategy_that_would_do_nothing_is_refused() -> None:
    with pytest.raises(barrow.errors.SettingError, match="`on_bar` of `Lazy` would end before its first line"):

        class Lazy(barrow.Strategy):
            def on_bar(self, ctx: Context) -> Any:
                yield ctx

    with pytest.raises(barrow.errors.SettingError, match="without `yield` and `async`"):

        class Later(barrow.Strategy):
            async def on_bar(self, ctx: Context) -> None:  # type: ignore[override]
                pass


def test_nothing_of_a_run_is_kept_alive(bundle: barrow.Bundle) -> None:
    strategy = Told()
    gone = weakref.ref(strategy)
    barrow.backtest(bundle, strategy)
    del strategy
    gc.collect()
    assert gone() is None


def momentum(panels: barrow.Panels, lookback: int = 5) -> Any:
    """All of the equity in the asset that rose most, chosen every tenth bar."""
    close = panels["close"]
    weights = np.full(close.shape, np.nan)
    for row in range(lookback, len(close), 10):
        rise = close[row] / close[row - lookback] - 1
        if not np.isnan(rise).all():
            weights[row] = 0.0
            weights[row, np.nanargmax(rise)] = 0.9
    return weights


def test_weights_are_ordered_at_the_close_and_filled_at_the_next_open(bundle: barrow.Bundle) -> None:
    class ByHand(barrow.Strategy):
        lookback = 5

        def on_bar(self, ctx: Context) -> None:
            panels = barrow.Panels(bundle)
            weights = momentum(panels, self.lookback)[ctx.elapsed]
            equity = ctx.equity
            for asset in ctx.active:
                price = ctx.price(asset)
                if not np.isnan(weights[asset]) and price is not None:
                    ctx.order_target(asset, float(np.trunc(weights[asset] * equity / price)))

    result = barrow.backtest(bundle, momentum, lookback=4, commission="bps:2", causality_checks=3)
    assert len(result.fills) > 3
    same(result, barrow.backtest(bundle, ByHand, lookback=4, commission="bps:2"))
    assert (result.strategy, result.params) == ("momentum", {"lookback": 4})


def test_weights_over_some_assets_and_a_period(bundle: barrow.Bundle) -> None:
    shapes = []

    def half(panels: barrow.Panels) -> Any:
        shapes.append((panels["close"].shape, panels.symbols, str(panels.times[-1])[:10]))
        return np.full(panels["close"].shape, 0.5)

    result = barrow.backtest(bundle, half, assets=["CCC", "AAA"], start="2020-02-10", end="2020-03-02", whole_shares=False)
    assert shapes == [((44, 2), ("AAA", "CCC"), "2020-03-02")]
    assert str(result.fills["time"][0])[:10] == "2020-02-11"
    first = barrow.open("market")["AAA"].between("2020-02-10", "2020-02-10").close[0]
    assert result.fills["quantity"][0] == 0.5 * 100_000 / first


def test_panels_are_a_mapping_of_columns(bundle: barrow.Bundle) -> None:
    panels = barrow.Panels(bundle)
    assert list(panels) == list(panels.keys()) == ["open", "high", "low", "close", "volume"]
    assert len(panels) == 5 and "close" in panels and "time" not in panels
    for name, values in panels.items():
        np.testing.assert_array_equal(values, bundle.panel(name).values)
        assert getattr(panels, name) is values is panels[name]
    assert panels.get("vwap") is None and len({panels, panels, barrow.Panels(bundle)}) == 2
    with pytest.raises(AttributeError, match="panels have no `clos`; their columns: open, high, low, close, volume"):
        getattr(panels, "clos")
    with pytest.raises(barrow.errors.UnknownColumnError, match="no column `clos`"):
        panels["clos"]
    assert repr(copy.copy(panels)) == repr(panels) == "<barrow.Panels of market: 60 times, 3 assets>"


def test_a_function_that_looks_ahead_is_found(bundle: barrow.Bundle) -> None:
    def ahead(panels: barrow.Panels) -> Any:
        close = panels["close"]
        return np.where(np.roll(close, -1, axis=0) > close, 0.3, 0.0)

    barrow.backtest(bundle, ahead)
    with pytest.raises(barrow.errors.SettingError, match="looks ahead"):
        barrow.backtest(bundle, ahead, causality_checks=5)


def test_weights_of_a_wrong_shape_are_refused(bundle: barrow.Bundle) -> None:
    with pytest.raises(ValueError, match=re.escape("expected weights of shape [60, 3]")):
        barrow.backtest(bundle, lambda panels: panels["close"][:-1])
    with pytest.raises(ValueError, match="finite number, or NaN"):
        barrow.backtest(bundle, lambda panels: panels["close"] * np.inf)
    for weights, found in ((None, "none"), (np.ones(3), "[3]"), (0.5, "[]")):
        with pytest.raises(barrow.errors.SettingError, match=re.escape(f"shape [60, 3] (times, assets), found {found}")):
            barrow.backtest(bundle, lambda panels: weights)


def test_weights_in_a_frame_go_by_its_labels(bundle: barrow.Bundle) -> None:
    def frame(panels: barrow.Panels, zone: str = "") -> Any:
        made = panels.to_pandas("close").notna() * np.linspace(0.1, 0.3, 3)
        some = made.iloc[::-4, [2, 0]]
        return some.tz_localize(zone) if zone else some

    def array(panels: barrow.Panels) -> Any:
        rows = range(len(panels.times) - 1, -1, -4)
        made = np.full(panels["close"].shape, np.nan)
        made[rows] = ~np.isnan(panels["close"][rows]) * np.linspace(0.1, 0.3, 3)
        made[:, 1] = np.nan
        return made

    array.__name__ = "frame"
    expected = barrow.backtest(bundle, array)
    assert len(expected.fills) > 10
    same(barrow.backtest(bundle, frame), expected)
    np.testing.assert_array_equal(barrow.backtest(bundle, frame, zone="UTC").equity, expected.equity)
    with pytest.raises(barrow.errors.SettingError, match="have a column `DDD`, which is no asset of the run"):
        barrow.backtest(bundle, lambda panels: frame(panels).assign(DDD=1.0))
    with pytest.raises(barrow.errors.SettingError, match="have a row of 1999-01-01 00:00:00, where there is no bar"):
        barrow.backtest(bundle, lambda panels: frame(panels).rename(index=lambda _: pd.Timestamp("1999")).iloc[:1])
