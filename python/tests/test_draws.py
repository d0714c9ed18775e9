"""Promise: a run, a sweep and folds are compared with the same over markets that might have been, whoever wrote the strategy.

Method: a strategy that notes what it is shown tells what the markets are: their moves are compared with the true ones, and what a
sweep or folds come to with the same over bundles that are ingested of what was shown; the values with those of the built-in strategy
of the same rule, with the command's, and p-values with a count by hand.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Union

import numpy as np
import pytest

import barrow
from barrow._barrow import Context
from scripted import Crossing, leader

SETTINGS: dict[str, Any] = {"commission": "bps:3", "seed": 4}
SPACE = {"fast": "2..4", "slow": [6, 8]}
Found = Union[barrow.Sweep, barrow.WalkForward, barrow.CrossValidation]


def found_by(how: str, bundle: Any, strategy: Any, space: Any = SPACE, **more: Any) -> Found:
    """A result of each kind; ``how`` is the command's name."""
    run = {**SETTINGS, **more}
    if how == "sweep":
        return barrow.sweep(bundle, strategy, space, **run)
    if how == "walk-forward":
        return barrow.walk_forward(bundle, strategy, space, train=25, test=10, **run)
    return barrow.cross_validate(bundle, strategy, space, groups=4, **run)


def reached(found: Found) -> Any:
    """Its objective."""
    return found.best_value if isinstance(found, barrow.Sweep) else found.out_of_sample


def left() -> list[str]:
    """Markets that nobody removed."""
    folder = Path("/dev/shm")
    return [path.name for path in folder.iterdir() if path.name.startswith("barrow-moment-")] if folder.is_dir() else []


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


HOWS = ["sweep", "walk-forward", "cross-validate"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("more", [{}, {"search": "bohb:min=1/3", "trials": 15, "start": "2020-01-08"}])
def test_a_search_is_run_again_over_each_market(bundle: barrow.Bundle, how: str, more: dict[str, Any]) -> None:
    seen: list[barrow.Panels] = []

    def crossing(panels: barrow.Panels, fast: int, slow: int) -> Any:
        if not any(panels is other for other in seen):
            seen.append(panels)
        return leader(panels, fast + slow)

    found = found_by(how, bundle, crossing, workers=1, **more)
    test = found.permutation_test(4, seed=9)
    assert test.real == reached(found) and test.objective == "sharpe"
    assert len(seen) == 5
    columns = ("open", "high", "low", "close", "volume")
    for number, panels in enumerate(seen):
        present = [~np.isnan(panels["close"][:, place]) for place in range(len(panels.symbols))]
        bars = {
            symbol: {"time": panels.times[rows], **{name: panels[name][rows, place] for name in columns}}
            for (place, symbol), rows in zip(enumerate(panels.symbols), present)
        }
        barrow.ingest(f"drawn-{number}", bars)
    drawn = [reached(found_by(how, f"drawn-{number}", crossing, workers=1, **more)) for number in range(5)]
    assert drawn[0] == found_by(how, bundle, crossing, workers=1, **more).permutation_test(1).real
    np.testing.assert_array_equal(test.values, drawn[1:])
    assert len(set(drawn)) == 5
    assert test.p_value == (1 + np.sum(test.values >= test.real)) / 5


@pytest.mark.parametrize("how", HOWS)
def test_it_is_the_same_whoever_runs_the_trials(bundle: barrow.Bundle, how: str) -> None:
    before = left()
    told: list[tuple[int, int, Any]] = []
    found = found_by(how, bundle, "sma-cross", workers=1)
    test = found.permutation_test(12, progress=lambda *at: told.append(at))
    assert told[-1] == (12, 12, None)
    others = [found_by(how, bundle, "sma-cross", workers=2)]
    others += [found_by(how, bundle, Crossing, workers=workers) for workers in (1, 2)]
    others += [pickle.loads(pickle.dumps(other)) for other in others]
    others[-1].permutation_test(1)
    kept = barrow.pool.stats.open
    for other in others:
        again = other.permutation_test(12)
        np.testing.assert_array_equal(again.values, test.values)
        assert again._replace(values=test.values) == test
    weights = [found_by(how, bundle, leader, {"lookback": [3, 5]}, workers=workers) for workers in (1, 2)]
    one, two = (other.permutation_test(5).values for other in weights)
    np.testing.assert_array_equal(one, two)
    assert (left(), barrow.pool.stats.open) == (before, kept), "no market stays"


class Knowing(barrow.Strategy):
    """Trades at bars of the true market alone."""

    name = "Knowing"
    size = 1
    closes: ClassVar[frozenset[float]] = frozenset()

    def on_bar(self, ctx: Context) -> None:
        # All markets have the first bar.
        if ctx.elapsed > 0 and ctx.price("AAA") in self.closes:
            ctx.order_target("AAA", self.size * (ctx.elapsed % 2))


@pytest.mark.parametrize("how", HOWS)
def test_a_market_without_the_objective_is_not_as_good(
    bundle: barrow.Bundle, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Knowing, "closes", frozenset(bundle["AAA"].close.tolist()))
    test = found_by(how, bundle, Knowing, {"size": [1, 2]}, workers=1, assets=["AAA"]).permutation_test(3)
    assert np.isnan(test.values).all() and not np.isnan(test.real)
    assert test.p_value == 1 / 4


def test_a_page_has_what_was_found(bundle: barrow.Bundle, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run = barrow.backtest(bundle, "sma-cross", fast=3, slow=8, **SETTINGS)
    run.report(page, permutations=run.permutation_test(4))
    pages = [page.read_text()]
    for how in HOWS:
        found = found_by(how, bundle, "sma-cross")
        test = found.permutation_test(4)
        found.report(page)
        assert "Would chance do as well?" not in page.read_text()
        found.report(page, permutations=test)
        pages.append(page.read_text())
        again: Found = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(found))))
        again.report(page, permutations=again.permutation_test(4))
        assert page.read_text() == pages[-1]
    for text in pages:
        assert "Would chance do as well?" in text and "p-value" in text


INTERRUPTED = """
import os, signal, sys, threading, barrow
signal.signal(signal.SIGINT, signal.default_int_handler)

class Slow(barrow.Strategy):
    size = 1

    def on_bar(self, ctx):
        ctx.order("AAA", self.size if ctx.elapsed == 0 else 0)

if __name__ == "__main__":
    strategy = Slow if sys.argv[1] == "Slow" else sys.argv[1]
    space = {"size": "1..4"} if strategy is Slow else {"fast": "2..4", "slow": "6..9"}
    found = barrow.walk_forward("market", strategy, space, train=25, test=10, workers=int(sys.argv[2]))

    begun = []

    def show(done, total, best):
        if done >= 5 and not begun:
            begun.append(threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)))
            begun[0].start()

    try:
        found.permutation_test(1_000_000_000, progress=show)
    except KeyboardInterrupt:
        sys.exit(7)
"""


@pytest.mark.parametrize("strategy, workers", [("sma-cross", 2), ("Slow", 1), ("Slow", 2)])
def test_an_interrupt_ends_it(bundle: barrow.Bundle, root: Path, tmp_path: Path, strategy: str, workers: int) -> None:
    before = left()
    (tmp_path / "program.py").write_text(INTERRUPTED)
    command = [sys.executable, "program.py", strategy, str(workers)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, timeout=60, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 7, ended.stderr
    assert left() == before


def test_what_cannot_be_found_again_says_so(bundle: barrow.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    for how in HOWS:
        with pytest.raises(barrow.errors.SettingError, match="at least one market, found 0"):
            found_by(how, bundle, "sma-cross").permutation_test(0)
    idle = barrow.sweep(bundle, barrow_idle, workers=1)
    with pytest.raises(barrow.errors.StatisticError, match="the sweep has no `sharpe` to compare with"):
        idle.permutation_test()
    monkeypatch.setitem(sys.modules, "cloudpickle", None)

    class Mine(Crossing):
        pass

    for how in HOWS:
        found = found_by(how, bundle, Mine, workers=1)
        assert found.permutation_test(2).values.shape == (2,)
        again: Found = pickle.loads(pickle.dumps(found))
        what = how.replace("validate", "validation")
        with pytest.raises(barrow.errors.SettingError, match=f"the strategy of this {what} could not be sent"):
            again.permutation_test(2)


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


@pytest.mark.skipif("BARROW_COMMAND" not in os.environ, reason="`BARROW_COMMAND` does not name the command")
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("search", [{}, {"search": "tpe", "trials": 8}])
def test_a_search_s_is_that_of_the_command(bundle: barrow.Bundle, root: Path, how: str, search: dict[str, Any]) -> None:
    cut = {"sweep": [], "walk-forward": ["--train=25", "--test=10"], "cross-validate": ["--groups=4"]}[how]
    flags = ["-p", "fast=2..4", "-p", "slow=6,8", "--commission=bps:3", "--seed=4", "--permutations=15", "--from=2020-01-08", *cut]
    flags += [f"--{name}={value}" for name, value in search.items()]
    command = [os.environ["BARROW_COMMAND"], "--root", str(root), how, "market", "-s", "sma-cross", *flags, "--json"]
    expected = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["permutations"]
    for strategy in ("sma-cross", Crossing):
        test = found_by(how, bundle, strategy, start="2020-01-08", **search).permutation_test(15)
        assert test.values.tolist() == expected["values"]
        assert (test.objective, test.real, test.p_value, test.free) == tuple(
            expected[name] for name in ("objective", "real", "p_value", "free")
        )
