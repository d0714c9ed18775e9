"""Promise: a walk-forward chooses on what came before its tests, and is the same whoever runs its trials.

Method: folds are made again by hand: a sweep over the train stretch, a backtest of its best over the test; the validation
statistics are compared with their formulas in NumPy.
"""

from __future__ import annotations

import datetime
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow
from scripted import Crossing, leader

SPACE = {"fast": "2..4", "slow": [6, 8]}
CUT: dict[str, Any] = {"train": 25, "test": 10}


def test_a_fold_is_a_sweep_and_a_backtest(bundle: barrow.Bundle) -> None:
    walk = barrow.walk_forward(bundle, "sma-cross", SPACE, objective="total_return", **CUT)
    assert [fold["test"] for fold in walk.folds][0][0] == str(bundle.calendar[25])[:10]
    assert len(walk.folds) == 4
    level = 100_000.0
    for fold in walk.folds:
        (first, last), (begin, end) = fold["train"], fold["test"]
        found = barrow.sweep(bundle, "sma-cross", SPACE, objective="total_return", start=first, end=last)
        assert found.best == fold["chosen"]
        test = barrow.backtest(bundle, "sma-cross", start=begin, end=end, params=fold["chosen"])
        assert test.metrics == fold["on_test"]
        inside = (walk.times >= test.times[0]) & (walk.times <= test.times[-1])
        np.testing.assert_allclose(walk.equity[inside], test.equity * (level / 100_000.0), rtol=1e-12)
        level = float(walk.equity[inside][-1])
    assert walk.metrics["total_return"] == pytest.approx(level / 100_000.0 - 1)


@pytest.mark.parametrize("search", [{}, {"search": "bohb:min=1/3", "trials": 15}])
def test_it_is_the_same_whoever_runs_the_trials(bundle: barrow.Bundle, search: dict[str, Any]) -> None:
    run: dict[str, Any] = {**CUT, "validate": 10, "commission": "bps:3", **search}
    first = barrow.walk_forward(bundle, "sma-cross", SPACE, workers=1, **run)
    for strategy, workers, isolate in (("sma-cross", 2, False), ("sma-cross", 2, True), (Crossing, 1, False), (Crossing, 2, False)):
        other = barrow.walk_forward(bundle, strategy, SPACE, workers=workers, isolate=isolate, **run)
        np.testing.assert_array_equal(other.equity, first.equity)
        assert other.folds == first.folds


def test_functions_walk_too(bundle: barrow.Bundle) -> None:
    walk = barrow.walk_forward(bundle, leader, {"lookback": "2..5"}, workers=1, **CUT)
    assert len(walk.folds) == 4


def test_results_are_pages_tables_and_drawings(bundle: barrow.Bundle) -> None:
    walk = barrow.walk_forward(bundle, "sma-cross", SPACE, **CUT)
    assert walk.table.columns[:4] == ("test_from", "test_to", "fast", "slow")
    assert "4 folds of sma-cross" in repr(walk)
    assert "<table>" in walk._repr_html_()
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert len(walk.plot().lines) == 1 + 4


@pytest.mark.parametrize("more", [{}, {"validate": 8, "search": "bohb:min=1/3", "trials": 9, "anchored": True}])
def test_a_pickle_is_the_result(bundle: barrow.Bundle, root: Path, tmp_path: Path, more: dict[str, Any]) -> None:
    walk = barrow.walk_forward(bundle, "sma-cross", SPACE, workers=1, **CUT, **more)
    sent = pickle.dumps(walk)
    assert len(sent) < 40 * walk.equity.size + 1000 * len(walk.folds) + 4000
    barrow.pool.clear()
    # The tables and the page are there without the bundle.
    root.rename(tmp_path / "away")
    again: barrow.WalkForward = pickle.loads(sent)
    assert pickle.dumps(again) == sent
    for name in ("facts", "folds", "metrics", "out_of_sample"):
        assert getattr(again, name) == getattr(walk, name), name
    np.testing.assert_array_equal(again.times, walk.times)
    np.testing.assert_array_equal(again.equity, walk.equity)
    assert repr(again) == repr(walk) and again._repr_html_() == walk._repr_html_()
    assert not again.equity.flags.writeable
    for result, name in ((walk, "walk"), (again, "again")):
        result.report(tmp_path / name)
    assert (tmp_path / "walk").read_bytes() == (tmp_path / "again").read_bytes()


@pytest.mark.parametrize("how", ["sweep", "walk_forward"])
def test_a_pickle_of_another_form_says_so(bundle: barrow.Bundle, how: str) -> None:
    more = CUT if how == "walk_forward" else {}
    native = getattr(barrow, how)(bundle, "sma-cross", SPACE, workers=1, **more)._native
    make, parts = native.__reduce__()
    assert parts[-1]["form"] == 1
    assert type(make(*parts)) is type(native)
    with pytest.raises(barrow.errors.SettingError, match="another version of this library, in form 2, and this one reads form 1"):
        make(*parts[:-1], {**parts[-1], "form": 2})
    with pytest.raises(ValueError, match="do not make a result"):
        make(*parts[:-1], {**parts[-1], "trials" if how == "sweep" else "times": b"\5"})


def test_lengths_are_read_in_their_units(bundle: barrow.Bundle) -> None:
    folds = barrow.validation.folds(bundle.calendar, train="1m", test="10d", purge=2, embargo=1)
    train, validate, test = folds[0]
    assert len(validate) == 0
    assert test.start == train.stop + 2 + 1
    assert bundle.calendar[train.stop + 1] < np.datetime64("2020-02-01")
    for days in (datetime.timedelta(days=30), np.timedelta64(30, "D"), np.timedelta64(720, "h")):
        assert barrow.validation.folds(bundle.calendar, train=days, test=5) == barrow.validation.folds(
            bundle.calendar, train="30d", test=5
        )
    with pytest.raises(ValueError, match="`4w` is no length of a window: write 500"):
        barrow.walk_forward(bundle, "sma-cross", SPACE, train="4w", test=5)
    with pytest.raises(ValueError, match="`1:00:00` is no length"):
        barrow.validation.folds(bundle.calendar, train=datetime.timedelta(hours=1), test=5)
    with pytest.raises(barrow.errors.SettingError, match="takes one objective|no metric"):
        barrow.walk_forward(bundle, "sma-cross", SPACE, objective="none", **CUT)


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def test_statistics_are_those_of_their_formulas() -> None:
    random = np.random.default_rng(3)
    returns = random.normal(0.001, 0.01, 250)
    ratio = returns.mean() / returns.std(ddof=1)
    z = (returns - returns.mean()) / returns.std()
    skewness, kurtosis = (z**3).mean(), (z**4).mean()
    moments = barrow.validation.moments(returns)
    assert moments["sharpe"] == pytest.approx(ratio)
    assert (moments["skewness"], moments["kurtosis"]) == (pytest.approx(skewness), pytest.approx(kurtosis))
    spread = math.sqrt(1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2)
    assert moments["probabilistic_sharpe"] == pytest.approx(normal_cdf(ratio * math.sqrt(249) / spread), rel=1e-9)
    best = barrow.validation.expected_max_sharpe(50, 0.01)
    expected = normal_cdf((ratio - best) * math.sqrt(249) / spread)
    assert barrow.validation.deflated_sharpe(returns, 50, 0.01) == pytest.approx(expected, rel=1e-9)
    adjusted = barrow.validation.haircut([0.1, 0.05], 250)
    single = 2 * normal_cdf(-0.1 * math.sqrt(250))
    np.testing.assert_allclose(adjusted["bonferroni"][0], min(1, 2 * single), rtol=1e-9)
    assert barrow.validation.permutation_p_value(2.0, [1.0, 2.0, 3.0]) == 3 / 4


def test_noise_is_no_skill_and_skill_is_seen() -> None:
    random = np.random.default_rng(5)
    noise = random.normal(0, 0.01, (400, 10))
    skill = noise.copy()
    skill[:, 3] += 0.004
    assert barrow.validation.overfitting_probability(skill, 8)["probability"] < 0.05
    seen = barrow.validation.superiority(skill, seed=1)
    assert 3 in seen["better"] and seen["consistent"] < 0.01 and seen["reality_check"] < 0.01
    assert seen == barrow.validation.superiority(skill, seed=1)
    luck = [barrow.validation.superiority(random.normal(0, 0.01, (400, 10)), seed=1)["consistent"] for _ in range(9)]
    assert 0.1 < np.median(luck) < 0.9
    with pytest.raises(barrow.errors.StatisticError, match="found 1"):
        barrow.validation.moments([0.1])


def test_purged_splits_do_not_touch() -> None:
    splits = barrow.validation.purged_splits(60, groups=6, test_groups=2, purge=2, embargo=1)
    assert len(splits) == 15
    for train, test in splits:
        fitted = {bar for stretch in train for bar in stretch}
        judged = {bar for stretch in test for bar in stretch}
        assert len(judged) == 20
        assert not any(bar + shift in judged for bar in fitted for shift in (-1, 0, 1))


def test_the_order_of_trades_is_shuffled() -> None:
    order = barrow.validation.trade_order(100.0, [10.0] * 20 + [-5.0] * 10, 200, seed=2)
    assert order["longest_losing_run"] == 10
    assert order["max_drawdown"] == pytest.approx(50 / 300)
    assert order["drawdown_p_value"] < 0.05
