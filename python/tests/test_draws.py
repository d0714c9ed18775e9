"""Promise: a run is compared with the same run over markets that might have been, whoever wrote its strategy.

Method: a strategy that notes what it is shown tells what the markets are: their moves are compared with the true ones; the values
with those of the built-in strategy of the same rule, with the command's, and p-values with a count by hand.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import barrow
from barrow._barrow import Context
from scripted import Crossing, leader

SETTINGS: dict[str, Any] = {"commission": "bps:3", "seed": 4}


class Watching(barrow.Strategy):
    """Keeps the bars of the first asset."""

    seen: ClassVar[list[Any]] = []

    def on_bar(self, ctx: Context) -> None:
        if ctx.elapsed == 59:
            bars = {name: ctx.history("AAA", name, 60).copy() for name in ("time", "open", "high", "low", "close", "volume")}
            self.seen.append(bars)
        elif ctx.elapsed == 0:
            ctx.order("AAA", 10)


def moves(bars: Any) -> tuple[Any, Any]:
    """Gaps and bodies, each in ascending order."""
    gaps = np.log(bars["open"][1:] / bars["close"][:-1])
    bodies = [np.log(bars[name] / bars["open"])[1:] for name in ("close", "high", "low")]
    return np.sort(gaps), np.sort(np.stack([*bodies, bars["volume"][1:]]), axis=1)


def test_markets_have_the_same_moves_in_another_order(bundle: barrow.Bundle) -> None:
    Watching.seen.clear()
    found = barrow.backtest(bundle, Watching, assets=["AAA"]).permutation_test(5, objective="total_return")
    true, *markets = Watching.seen
    assert len(markets) == 5
    assert found.free == 59 / 60, "the first bar of all has no move"
    for bars in markets:
        np.testing.assert_array_equal(bars["time"], true["time"])
        assert not np.array_equal(bars["close"], true["close"])
        for gaps_or_bodies, expected in zip(moves(bars), moves(true)):
            np.testing.assert_allclose(gaps_or_bodies, expected, atol=1e-9)
    # All shares are bought at the second open; the last close is the same product of moves.
    expected = [(bars["close"][-1] - bars["open"][1]) * 10 / 1e5 for bars in markets]
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    again = [bars["close"] for bars in markets]
    Watching.seen.clear()
    barrow.backtest(bundle, Watching, assets=["AAA"], seed=9).permutation_test(5, objective="total_return", seed=0)
    np.testing.assert_array_equal([bars["close"] for bars in Watching.seen[1:]], again)


def test_noise_is_small_and_each_market_s_own(bundle: barrow.Bundle) -> None:
    Watching.seen.clear()
    found = barrow.backtest(bundle, Watching, assets=["AAA"]).noise_test(4, share=0.2, objective="total_return")
    true, *markets = (np.log(bars["close"]) for bars in Watching.seen)
    deviation = np.diff(true).std()
    noise = np.array([np.diff(market) - np.diff(true) for market in markets])
    assert np.all(noise[:, 25:].std(axis=1) < 0.4 * deviation)
    assert np.all(noise[:, 25:].std(axis=1) > 0.1 * deviation)
    assert len({market.tobytes() for market in markets}) == 4
    assert found.share == 0.2 and len(found.values) == 4
    np.testing.assert_allclose(found.median, np.median(found.values))
    assert found.low <= found.median and found.same_sign == np.mean((found.values > 0) == (found.real > 0))


@pytest.mark.parametrize("objective", ["sharpe", "max_drawdown", "max:max_drawdown"])
def test_strategies_of_python_have_the_values_of_built_in_ones(bundle: barrow.Bundle, objective: str) -> None:
    built_in = barrow.backtest(bundle, "sma-cross", fast=3, slow=8, shares=100, **SETTINGS)
    runs = [built_in, barrow.backtest(bundle, Crossing, **SETTINGS), barrow.backtest(bundle, Crossing(fast=3), **SETTINGS)]
    tests = [run.permutation_test(20, objective=objective) for run in runs]
    for found in tests:
        np.testing.assert_array_equal(found.values, tests[0].values)
        assert found.real == built_in.metrics[objective.split(":")[-1]]
        smaller = objective == "max_drawdown"
        as_good = found.values <= found.real if smaller else found.values >= found.real
        assert found.p_value == (1 + as_good.sum()) / 21
    assert 0 < tests[0].free <= 1
    for workers in (1, 3):
        np.testing.assert_array_equal(built_in.permutation_test(20, objective=objective, workers=workers).values, tests[0].values)
    noise = [run.noise_test(8, objective=objective).values for run in runs]
    np.testing.assert_array_equal(noise[0], noise[1])
    again: barrow.Performance = pickle.loads(pickle.dumps(built_in))
    np.testing.assert_array_equal(again.noise_test(8, objective=objective).values, noise[0])


def test_a_function_sees_the_panels_of_each_market(bundle: barrow.Bundle) -> None:
    seen: list[Any] = []

    def hold(panels: barrow.Panels) -> Any:
        seen.append(panels["close"].copy())
        weights = np.full(seen[-1].shape, np.nan)
        weights[0, 0] = 1.0
        return weights

    told: list[tuple[int, int]] = []
    found = barrow.backtest(bundle, hold).permutation_test(
        3, objective="final_equity", progress=lambda done, total, best: told.append((done, total))
    )
    assert len(seen) == 4 and told[-1] == (3, 3)
    closes = np.array([panel[-1, 0] for panel in seen[1:]])
    assert len({panel.tobytes() for panel in seen}) == 4
    # Whole shares of the equity at the first close, which all markets have in common.
    shares = 1e5 // seen[0][0, 0]
    Watching.seen.clear()
    barrow.backtest(bundle, Watching).permutation_test(3)
    for market, panel in zip(Watching.seen[1:], seen[1:]):
        np.testing.assert_array_equal(market["close"], panel[:, 0])
    opens = np.array([market["open"][1] for market in Watching.seen[1:]])
    np.testing.assert_allclose(found.values, 1e5 + shares * (closes - opens))
    leading = barrow.backtest(bundle, leader, lookback=7)
    assert len(np.unique(leading.permutation_test(4).values)) == 4


def test_what_cannot_be_tested_says_so(bundle: barrow.Bundle, root: Path, rows: dict[str, Any]) -> None:
    run = barrow.backtest(bundle, "sma-cross", fast=3, slow=8)
    with pytest.raises(barrow.errors.SettingError, match="at least one market"):
        run.permutation_test(0)
    with pytest.raises(barrow.errors.SettingError, match="no metric|metric"):
        run.noise_test(objective="luck")
    with pytest.raises(barrow.errors.SettingError, match="above zero, found -1"):
        run.noise_test(share=-1.0)
    idle = barrow.backtest(bundle, barrow_idle, whole_shares=False)
    with pytest.raises(barrow.errors.StatisticError, match="has no `sharpe`"):
        idle.permutation_test()
    odd = {name: values.copy() for name, values in rows.items()}
    odd["low"][7] = -1.0
    barrow.ingest("odd", odd, allow_nonpositive_prices=True)
    with pytest.raises(barrow.errors.StatisticError, match="`AAA` has a price of -1"):
        barrow.backtest("odd", "sma-cross", fast=3, slow=8).noise_test()

    class Fails(Crossing):
        def on_bar(self, ctx: Context) -> None:
            super().on_bar(ctx)
            if ctx.now_ns and calls.pop():
                raise ArithmeticError("of my own")

    calls = [True] + [False] * 150
    with pytest.raises(ArithmeticError, match="of my own"):
        barrow.backtest(bundle, Fails).permutation_test(50)


def barrow_idle(panels: barrow.Panels) -> Any:
    """Nothing is ever bought."""
    return np.full(panels["close"].shape, np.nan)


@pytest.mark.skipif("BARROW_COMMAND" not in os.environ, reason="`BARROW_COMMAND` does not name the command")
def test_it_is_that_of_the_command(bundle: barrow.Bundle, root: Path) -> None:
    flags = ["-p", "fast=3", "-p", "slow=8", "--commission=bps:3", "--seed=4", "--permutations=30", "--noise=20", "--from=2020-01-20"]
    command = [os.environ["BARROW_COMMAND"], "--root", str(root), "backtest", "market", "-s", "sma-cross", *flags, "--json"]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for strategy in ("sma-cross", Crossing):
        run = barrow.backtest(bundle, strategy, fast=3, slow=8, start="2020-01-20", **SETTINGS)
        found = run.permutation_test(30)
        expected = said["permutations"]
        assert found.values.tolist() == expected["values"]
        assert (found.objective, found.real, found.p_value, found.free) == tuple(
            expected[name] for name in ("objective", "real", "p_value", "free")
        )
        noise, expected = run.noise_test(20), said["resampled"]["noise"]
        assert noise.values.tolist() == expected["values"]
        assert (noise.median, noise.low, noise.same_sign) == tuple(expected[name] for name in ("median", "low", "same_sign"))
