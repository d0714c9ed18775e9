"""Promise: a cross-validation fits on no bar that it judges, judges every bar once a path, and is that of the command.

Method: it is made again in Python: for each combination of groups every point is a backtest on each stretch that purging leaves,
one after the other, and the best is a backtest on each test group; paths are put together by counting. The command, where
`BARROW_COMMAND` names it, is run with the same flags, and its page and document compared.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow
from scripted import Crossing, leader

SPACE = {"fast": "2..4", "slow": [6, 8]}
CUT: dict[str, Any] = {"groups": 5, "test_groups": 2, "holding": 1, "purge": 1, "embargo": 1}
CASH = 100_000.0


def stretches(free: list[bool]) -> list[tuple[int, int]]:
    """First and last place of each run of free bars."""
    runs = [[at for at, _ in run] for is_free, run in itertools.groupby(enumerate(free), lambda pair: pair[1]) if is_free]
    return [(run[0], run[-1]) for run in runs]


def stitched(bundle: barrow.Bundle, params: dict[str, Any], ends: list[tuple[int, int]]) -> float:
    """What is left of one unit after a run on each stretch, one after the other."""
    level = 1.0
    for first, last in ends:
        times = bundle.calendar[[first, last]]
        level *= barrow.backtest(bundle, "sma-cross", start=times[0], end=times[1], params=params).equity[-1] / CASH
    return level


def test_it_is_that_of_a_naive_model(bundle: barrow.Bundle) -> None:
    found = barrow.cross_validate(bundle, "sma-cross", SPACE, objective="total_return", **CUT)
    bars, groups = len(bundle.calendar), 5
    bounds = [(group * bars // groups, (group + 1) * bars // groups - 1) for group in range(groups)]
    assert [(first[:10], last[:10]) for first, last in found.groups] == [
        tuple(str(bundle.calendar[at])[:10] for at in ends) for ends in bounds
    ]
    points = [{"fast": fast, "slow": slow} for fast in (2, 3, 4) for slow in (6, 8)]
    judged: dict[int, list[tuple[int, dict[str, Any]]]] = {group: [] for group in range(groups)}
    for place, tested in enumerate(itertools.combinations(range(groups), 2)):
        free = [True] * bars
        for group in tested:
            first, last = bounds[group]
            # One bar before, since a holding period or a purge takes it; two behind: the purge and the embargo.
            free[max(0, first - 1) : last + 3] = [False] * (min(bars, last + 3) - max(0, first - 1))
        train = stretches(free)
        returns = [stitched(bundle, point, train) - 1 for point in points]
        split = found.splits[place]
        assert split["test_groups"] == list(tested)
        assert split["on_train"]["total_return"] == pytest.approx(max(returns), rel=1e-12)
        assert split["chosen"] == points[int(np.argmax(returns))]
        assert split["trials"] == len(points)
        on_test = stitched(bundle, split["chosen"], [bounds[group] for group in tested]) - 1
        assert split["on_test"]["total_return"] == pytest.approx(on_test, rel=1e-12)
        for group in tested:
            judged[group].append((place, split["chosen"]))
    assert found.judges.tolist() == [[judged[group][path][0] for group in range(groups)] for path in range(4)]
    for path in range(4):
        level, equity = CASH, []
        for group, (first, last) in enumerate(bounds):
            period = bundle.calendar[[first, last]]
            run = barrow.backtest(
                bundle, "sma-cross", start=period[0], end=period[1], params=judged[group][path][1]
            )
            equity.append(run.equity * (level / CASH))
            level = float(equity[-1][-1])
        np.testing.assert_allclose(found.equity[path], np.concatenate(equity), rtol=1e-12)
    np.testing.assert_array_equal(found.times, bundle.calendar)
    np.testing.assert_allclose(found.paths["total_return"], found.equity[:, -1] / CASH - 1, rtol=1e-12)
    ratios = found.paths["sharpe"]
    assert found.sharpe is not None
    assert found.sharpe["mean"] == pytest.approx(ratios.mean())
    assert found.sharpe["deviation"] == pytest.approx(ratios.std(ddof=1))
    for name, share in (("low", 0.05), ("median", 0.5), ("high", 0.95)):
        assert found.sharpe[name] == pytest.approx(np.quantile(ratios, share))
    assert found.sharpe["not_above_zero"] == (ratios <= 0).mean()


@pytest.mark.parametrize("search", [{}, {"search": "bohb:min=1/3", "trials": 12}, {"search": "tpe", "trials": 8, "part": "first"}])
def test_it_is_the_same_whoever_runs_the_trials(bundle: barrow.Bundle, search: dict[str, Any]) -> None:
    run: dict[str, Any] = {**CUT, "commission": "bps:3", **search}
    first = barrow.cross_validate(bundle, "sma-cross", SPACE, workers=1, **run)
    for strategy, workers, isolate in (("sma-cross", 2, False), ("sma-cross", 2, True), (Crossing, 1, False), (Crossing, 2, False)):
        other = barrow.cross_validate(bundle, strategy, SPACE, workers=workers, isolate=isolate, **run)
        np.testing.assert_array_equal(other.equity, first.equity)
        assert other.splits == first.splits


def test_functions_are_validated_in_processes_too(bundle: barrow.Bundle) -> None:
    run: dict[str, Any] = {"groups": 4, "test_groups": 1}
    here = barrow.cross_validate(bundle, leader, {"lookback": "2..5"}, workers=1, **run)
    there = barrow.cross_validate(bundle, leader, {"lookback": "2..5"}, workers=2, **run)
    assert len(here.splits) == 4 and here.splits == there.splits
    np.testing.assert_array_equal(here.equity, there.equity)


def test_results_are_pages_tables_and_pickles(bundle: barrow.Bundle, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = barrow.cross_validate(
        bundle, "sma-cross", SPACE, progress=lambda done, total, best: seen.append((done, total)), **CUT
    )
    assert seen[-1] == (60, 60)
    found.report(tmp_path / "paths.html")
    sent = pickle.dumps(found)
    again: barrow.CrossValidation = pickle.loads(sent)
    assert pickle.dumps(again) == sent
    again.report(tmp_path / "again.html")
    assert (tmp_path / "paths.html").read_bytes() == (tmp_path / "again.html").read_bytes()
    assert again.splits == found.splits and again.sharpe == found.sharpe and again.facts == found.facts
    assert again.groups == found.groups and repr(again) == repr(found) and again.out_of_sample == found.out_of_sample
    np.testing.assert_array_equal(again.times, found.times)
    np.testing.assert_array_equal(again.equity, found.equity)
    np.testing.assert_array_equal(again.judges, found.judges)
    assert found.table.columns == ("test_groups", "fast", "slow", "on_train", "on_test", "rank_correlation")
    assert found.table["test_groups"].tolist()[:2] == ["1, 2", "1, 3"]
    assert len(found.paths.to_pandas()) == 4
    assert "10 splits of sma-cross" in repr(found) and "4 paths" in repr(found)
    assert "<table>" in found._repr_html_()
    with pytest.raises(ValueError):
        found.equity[0, 0] = 1.0
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert len(found.plot().lines) == 4 + 4


def test_what_cannot_be_cut_says_so(bundle: barrow.Bundle) -> None:
    with pytest.raises(barrow.errors.StatisticError, match="below `groups` test groups"):
        barrow.cross_validate(bundle, "sma-cross", SPACE, groups=3, test_groups=3)
    with pytest.raises(barrow.errors.StatisticError, match="bars to fit on that purging leaves"):
        barrow.cross_validate(bundle, "sma-cross", SPACE, groups=3, test_groups=1, purge=60)
    with pytest.raises(barrow.errors.SettingError, match="one objective|no metric"):
        barrow.cross_validate(bundle, "sma-cross", SPACE, objective="none")


@pytest.mark.skipif("BARROW_COMMAND" not in os.environ, reason="`BARROW_COMMAND` does not name the command")
def test_it_is_that_of_the_command(bundle: barrow.Bundle, root: Path, tmp_path: Path) -> None:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in CUT.items()]
    params = ["-p", "fast=2..4", "-p", "slow=6,8", "--search=bohb:min=1/3", "--trials=12", "--commission=bps:3", "--seed=4"]
    command = [os.environ["BARROW_COMMAND"], "--root", str(root), "cross-validate", "market", "-s", "sma-cross"]
    page = tmp_path / "command.html"
    said = subprocess.run(
        [*command, *params, *flags, "--report", str(page), "--json"], capture_output=True, text=True, check=True
    )
    document = json.loads(said.stdout)
    found = barrow.cross_validate(
        bundle, "sma-cross", SPACE, search="bohb:min=1/3", trials=12, commission="bps:3", seed=4, **CUT
    )
    assert found.facts["version"] == document["version"]
    assert [list(ends) for ends in found.groups] == document["groups"]
    assert found.sharpe == document["sharpe"]
    assert found.equity.tolist() == [path["equity"] for path in document["paths"]]
    assert found.judges.tolist() == [path["splits"] for path in document["paths"]]
    for split, expected in zip(found.splits, document["splits"]):
        for name in ("test_groups", "chosen", "rank_correlation", "trials", "failed"):
            assert split[name] == expected[name]
        for name in ("on_train", "on_test"):
            known = expected[name]
            assert {metric: split[name][metric] for metric in known} == known
    found.report(tmp_path / "python.html")
    assert cleaned(tmp_path / "python.html") == cleaned(page)


def cleaned(page: Path) -> list[str]:
    """The lines of a page that do not say how long something took."""
    return [line for line in page.read_text().splitlines() if "elapsed" not in line and " ms" not in line and " us" not in line]
