"""Promise: a sweep gives the same trials whoever runs them, and one bad trial ends no sweep.

Method: each trial is compared with a backtest of its parameters; threads, processes and this process are compared with each
other; strategies raise, die and hang; a study is read back by the library and continued.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow
from barrow import _workers
from scripted import MINE, Crossing, Fragile, leader

SPACE = {"fast": "2..5", "slow": [6, 8, 11]}


def same(left: barrow.Sweep, right: barrow.Sweep) -> None:
    assert left.trials.columns == right.trials.columns
    for name in left.trials:
        np.testing.assert_array_equal(left.trials[name], right.trials[name])
    assert (left.best, left.best_value) == (right.best, right.best_value)
    for name in left.partial:
        np.testing.assert_array_equal(left.partial[name], right.partial[name])


def test_each_trial_is_a_backtest_of_its_parameters(bundle: barrow.Bundle) -> None:
    sweep = barrow.sweep(bundle, "sma-cross", SPACE, commission="bps:5", shares=20)
    assert len(sweep) == 12
    sharpe = []
    for at in range(12):
        params = {name: int(sweep.trials[name][at]) for name in ("fast", "slow", "shares")}
        alone = barrow.backtest(bundle, "sma-cross", commission="bps:5", params=params)
        for name, value in alone.metrics.items():
            np.testing.assert_array_equal(sweep.trials[name][at], np.nan if value is None else value)
        sharpe.append(alone.metrics["sharpe"])
    best = int(np.argmax(np.array(sharpe, dtype=float)))
    assert sweep.best is not None and sweep.best["fast"] == sweep.trials["fast"][best]
    assert sweep.best_value == sharpe[best]
    np.testing.assert_array_equal(sweep.ranking(3)["sharpe"], sorted(np.array(sharpe, float), reverse=True)[:3])
    np.testing.assert_array_equal(
        sweep.run().equity, barrow.backtest(bundle, "sma-cross", commission="bps:5", params=sweep.best).equity
    )


@pytest.mark.parametrize(
    "search",
    [
        {"search": "grid"},
        {"search": "random", "trials": 20},
        {"search": "tpe", "trials": 30},
        {"search": "bohb:min=1/9", "trials": 40},
        {"search": "bohb:min=1/9", "trials": 30, "part": "first"},
    ],
)
def test_the_trials_are_the_same_whoever_runs_them(bundle: barrow.Bundle, search: dict[str, Any]) -> None:
    run: dict[str, Any] = {"seed": 3, "constraints": ["fast < slow"], **search}
    space = {"fast": "int(2..6)", "slow": "int(4..12)"} if "trials" in search else SPACE
    first = barrow.sweep(bundle, "sma-cross", space, workers=1, **run)
    assert len(first) > 0
    same(barrow.sweep(bundle, "sma-cross", space, workers=2, **run), first)
    same(barrow.sweep(bundle, "sma-cross", space, workers=2, isolate=True, **run), first)
    same(barrow.sweep(bundle, Crossing, space, workers=1, **run), first)
    same(barrow.sweep(bundle, Crossing, space, workers=2, **run), first)


def test_functions_are_swept_too(bundle: barrow.Bundle) -> None:
    here = barrow.sweep(bundle, leader, {"lookback": "2..7"}, workers=1)
    same(barrow.sweep(bundle, leader, {"lookback": "2..7"}, workers=2), here)
    alone = barrow.backtest(bundle, leader, lookback=4)
    assert here.trials["final_equity"][2] == alone.facts["final_equity"]


def test_a_strategy_that_no_module_names_is_sent_by_value(bundle: barrow.Bundle) -> None:
    pytest.importorskip("cloudpickle")

    class Local(Crossing):
        pass

    same(barrow.sweep(bundle, Local, SPACE, workers=2), barrow.sweep(bundle, "sma-cross", SPACE))


def test_without_cloudpickle_it_is_said(bundle: barrow.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    class Local(Crossing):
        pass

    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(barrow.errors.MissingPackageError, match="cloudpickle"):
        barrow.sweep(bundle, Local, SPACE, workers=2)


RUN = """
def run():
    sweep = barrow.sweep("market", Mine, {"fast": "2..5", "slow": 8}, workers=2)
    print(*map(float, sweep.trials["sharpe"]))

"""
GUARDED, BARE = MINE + RUN + 'if __name__ == "__main__":\n    run()\n', MINE + RUN + "run()\n"


@pytest.mark.parametrize(
    "program, is_file, cloudpickle, problem",
    [
        (GUARDED, True, "with", ""),
        (GUARDED, True, "without", ""),
        (BARE, True, "with", ""),
        (BARE, True, "without", "put what it runs under `if __name__ == '__main__':`, or `pip install cloudpickle`"),
        (BARE, False, "with", ""),
        (BARE, False, "without", "needs the package `cloudpickle`: `pip install cloudpickle`"),
    ],
)
def test_a_strategy_of_the_main_program_reaches_the_workers(
    bundle: barrow.Bundle, tmp_path: Path, program: str, is_file: bool, cloudpickle: str, problem: str
) -> None:
    if cloudpickle == "with":
        pytest.importorskip("cloudpickle")
    path = tmp_path / "program.py"
    path.write_text(program)
    # Without a file, as in an interactive session.
    command = [sys.executable, str(path) if is_file else "-", cloudpickle]
    done = subprocess.run(command, input="" if is_file else program, capture_output=True, text=True)
    if problem:
        assert done.returncode != 0 and problem in done.stderr
        return
    assert done.returncode == 0, done.stderr
    expected = barrow.sweep(bundle, "sma-cross", {"fast": "2..5", "slow": 8})
    assert [float(text) for text in done.stdout.split()] == list(expected.trials["sharpe"])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_trial_that_raises_has_failed_and_the_others_go_on(bundle: barrow.Bundle, workers: int) -> None:
    sweep = barrow.sweep(bundle, Fragile, SPACE, workers=workers)
    assert len(sweep) == 9
    assert [params["fast"] for params, _ in sweep.failed] == [4, 4, 4]
    assert "ValueError: of my own" in sweep.failed[0][1]
    assert "2020-01-29" in sweep.failed[0][1]


def test_a_trial_that_kills_its_process_has_failed(bundle: barrow.Bundle) -> None:
    sweep = barrow.sweep(bundle, Fragile, SPACE, workers=2, how="die")
    assert len(sweep) == 9
    assert [params["fast"] for params, _ in sweep.failed] == [4, 4, 4]
    assert {reason for _, reason in sweep.failed} == {"its process ended: exit code 3"}


def test_a_trial_that_hangs_is_killed(bundle: barrow.Bundle) -> None:
    sweep = barrow.sweep(bundle, Fragile, {"fast": "3..5", "slow": 8}, workers=2, how="hang", time_limit=0.5)
    assert len(sweep) == 2
    assert sweep.failed == [({"fast": 4, "slow": 8, "how": "hang"}, "took longer than 0.5 s: its process was killed")]


def test_how_this_process_starts_others_is_its_own_matter(bundle: barrow.Bundle, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    run = joblib.delayed(barrow.sweep)
    spaces = [{"fast": [2, 3]}, {"fast": [4, 5]}]
    sweeps = joblib.Parallel(2)(run(bundle, Crossing, space, workers=2) for space in spaces)
    for sweep, space in zip(sweeps, spaces):
        same(sweep, barrow.sweep(bundle, Crossing, space, workers=1))


def test_what_a_strategy_prints_disturbs_nothing(bundle: barrow.Bundle) -> None:
    assert len(barrow.sweep(bundle, Fragile, SPACE, workers=2, how="print")) == 12


def test_workers_stay(bundle: barrow.Bundle) -> None:
    barrow.sweep(bundle, Crossing, SPACE, workers=2)
    pool = _workers._shared()
    before = {worker.process.pid for worker in pool.workers}
    barrow.sweep(bundle, Crossing, SPACE, workers=2, commission="bps:1")
    assert {worker.process.pid for worker in pool.workers} == before
    # One that dies between sweeps is replaced.
    os.kill(next(iter(before)), 9)
    assert len(barrow.sweep(bundle, Crossing, SPACE, workers=2)) == 12


def test_a_wrong_space_ends_the_sweep(bundle: barrow.Bundle) -> None:
    for workers in (1, 2):
        with pytest.raises(barrow.errors.SettingError, match="no parameter `fst`"):
            barrow.sweep(bundle, Crossing, {"fst": [1, 2]}, workers=workers)
    with pytest.raises(barrow.errors.SettingError, match="no parameter `fst`"):
        barrow.sweep(bundle, "sma-cross", {"fst": [1, 2]})
    with pytest.raises(barrow.errors.SettingError, match="does not end by itself"):
        barrow.sweep(bundle, "sma-cross", SPACE, search="tpe")
    with pytest.raises(barrow.errors.SettingError, match="no metric `sharp`"):
        barrow.sweep(bundle, "sma-cross", SPACE, objective="sharp")
    with pytest.raises(barrow.errors.SettingError, match="fast"):
        barrow.sweep(bundle, "sma-cross", {"fast": "2.."})


def test_spaces_are_read_as_they_are_written(bundle: barrow.Bundle) -> None:
    space = barrow.Space(fast="2..4", slow=np.array([6, 8]), kind=["a,b", "c"], constraints=["fast < slow"])
    assert len(space) == 12
    assert space.names == ("fast", "slow", "kind")
    assert space.point(1) == {"fast": 2, "slow": 6, "kind": "c"}
    assert {"fast": 3, "slow": 8, "kind": "a,b"} in space
    assert {"fast": 9, "slow": 8, "kind": "c"} not in space
    assert space.constraints == ("fast < slow",)
    toml = barrow.Space.from_toml('constraints = ["fast < slow"]\n[params]\nfast = "2..4"\nslow = [6, 8]\n')
    assert len(toml) == 6
    texts = barrow.sweep(bundle, "sma-cross", ["fast=2..3", "slow=6,8"])
    same(texts, barrow.sweep(bundle, "sma-cross", barrow.Space(fast=[2, 3], slow=[6, 8])))
    assert repr(space) == "<barrow.Space of 12 points: fast, slow, kind; fast < slow>"
    assert repr(barrow.Space(stop="log(1e-4..1)")) == "<barrow.Space: stop>"


def test_one_text_is_not_its_letters(bundle: barrow.Bundle) -> None:
    space = {"fast": [2, 9], "slow": np.int64(8), "kind": np.str_("x")}
    assert barrow.Space(space, constraints="fast < slow").constraints == ("fast < slow",)
    del space["kind"]
    several = barrow.sweep(bundle, "sma-cross", space, constraints=["fast < slow"], limits=["trades>=1"], assets=["AAA"])
    same(barrow.sweep(bundle, "sma-cross", space, constraints="fast < slow", limits="trades>=1", assets="AAA"), several)
    assert several.run().symbols == ("AAA",)


def test_trials_of_a_part_are_told(bundle: barrow.Bundle) -> None:
    sweep = barrow.sweep(bundle, "sma-cross", {"fast": "int(2..9)", "slow": "int(10..30)"}, search="hyperband", trials=5)
    assert len(sweep) == 0
    assert f"0 trials of sma-cross on market, hyperband; {len(sweep.partial)} on a part of the period" in repr(sweep)


def test_a_study_goes_on_and_is_read_back(bundle: barrow.Bundle, tmp_path: Path) -> None:
    study = tmp_path / "crossing.study"
    run: dict[str, Any] = {"search": "tpe", "seed": 5, "study": study}
    space = {"fast": "int(2..6)", "slow": "int(4..12)"}
    barrow.sweep(bundle, Crossing, space, trials=10, workers=1, **run)
    both = barrow.sweep(bundle, Crossing, space, trials=25, workers=2, **run)
    assert both.facts["resumed"] >= 10
    whole = barrow.sweep(bundle, "sma-cross", space, trials=25, search="tpe", seed=5)
    same(both, whole)
    identity, trials = barrow.read_study(study)
    assert (identity["strategy"], identity["bundle version"]) == ("sma-cross", bundle.version)
    assert len(trials) == whole.facts["asked"]
    done = {trial["id"]: trial["metrics"]["sharpe"] for trial in trials if trial["state"] == "done"}
    np.testing.assert_array_equal([done[id] for id in whole.trials["id"]], whole.trials["sharpe"])
    with pytest.raises(barrow.errors.StudyError, match="seed"):
        barrow.sweep(bundle, Crossing, space, trials=25, search="tpe", seed=6, study=study, workers=1)
    with pytest.raises(barrow.errors.StudyError, match="`strategy code` .* name another file"):
        barrow.sweep(bundle, "sma-cross", space, trials=25, **run)
    with pytest.raises(FileNotFoundError):
        barrow.read_study(tmp_path / "none.study")


def strategy_of(body: str, words: str = "", **names: Any) -> Any:
    """A strategy as a user changes it from one run to the next."""
    text = f"class Mine(Crossing):\n    {words!r}\n    def on_bar(self, ctx):\n        {body}\n"
    space: dict[str, Any] = {"Crossing": Crossing, "np": np, **names}
    exec(text, space)
    return space["Mine"]


def test_a_study_is_of_the_code_of_its_strategy(bundle: barrow.Bundle, tmp_path: Path) -> None:
    run: dict[str, Any] = {"study": tmp_path / "mine.study", "workers": 1}
    space = {"fast": "2..4", "slow": 8}
    barrow.sweep(bundle, strategy_of("ctx.order(0, 1)"), space, **run)
    # The same code goes on, whatever is said of it.
    again = barrow.sweep(bundle, strategy_of("ctx.order(0, 1)  # again", "words"), space, **run)
    assert again.facts["resumed"] == 3
    for other in ("ctx.order(0, 2)", "ctx.order_target(0, 1)", "[ctx.order(0, 1) for _ in range(2)]"):
        with pytest.raises(barrow.errors.StudyError, match="strategy code"):
            barrow.sweep(bundle, strategy_of(other), space, **run)
    changed = strategy_of("ctx.order(0, 1)")
    changed.shares, changed._defaults = 7, {**changed._defaults, "shares": 7}
    with pytest.raises(barrow.errors.StudyError, match="strategy code"):
        barrow.sweep(bundle, changed, space, **run)


def test_the_digest_of_a_strategy_covers_what_it_does(bundle: barrow.Bundle) -> None:
    from barrow._code import digest

    def weights(factor: float, offset: int = 1) -> Any:
        return lambda panels, lookback=5: panels["close"] * factor + offset

    assert digest(weights(1.0)) == digest(weights(1.0))
    assert len({digest(it) for it in (weights(1.0), weights(2.0), weights(1.0, 2), leader, Crossing, Fragile, Crossing(fast=4))}) == 7
    assert digest(Crossing(fast=4)) == digest(Crossing(fast=4))


def test_several_objectives_have_a_front(bundle: barrow.Bundle) -> None:
    sweep = barrow.sweep(
        bundle, "sma-cross", {"fast": "2..6", "slow": "7..12"}, objective=["total_return", "max_drawdown"], search="random", trials=25
    )
    gains, falls = sweep.trials["total_return"], sweep.trials["max_drawdown"]
    free = [
        at
        for at in range(len(sweep))
        if not any(
            gains[o] >= gains[at] and falls[o] <= falls[at] and (gains[o] > gains[at] or falls[o] < falls[at])
            for o in range(len(sweep))
        )
    ]
    np.testing.assert_array_equal(sweep.front["id"], sweep.trials["id"][free])


def test_limits_come_before_the_objective(bundle: barrow.Bundle) -> None:
    sweep = barrow.sweep(bundle, "sma-cross", {"fast": "2..6", "slow": "7..12"}, limits=["fills<=20"])
    kept = sweep.trials["fills"] <= 20
    assert kept.any() and not kept.all()
    assert sweep.best_value == sweep.trials["sharpe"][kept].max()
    for held in (sweep, pickle.loads(pickle.dumps(sweep))):
        ranking = held.ranking(len(sweep))
        assert len(ranking["id"]) == len(sweep) and ranking["sharpe"][0] == sweep.best_value
        assert (ranking["fills"][: kept.sum()] <= 20).all() and (ranking["fills"][kept.sum() :] > 20).all()


def test_the_best_so_far_keeps_the_limits(bundle: barrow.Bundle) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    sweep = barrow.sweep(bundle, "sma-cross", {"fast": "2..6", "slow": "7..12"}, limits=["fills<=20"])
    assert np.nanmax(sweep.plot().lines[1].get_ydata()) == sweep.best_value


def test_a_point_that_a_search_comes_back_to_is_ranked_once(bundle: barrow.Bundle) -> None:
    sweep = barrow.sweep(bundle, "sma-cross", {"fast": "2..3", "slow": "7..8"}, search="random", trials=30)
    ranking = sweep.ranking()
    points = list(zip(ranking["fast"], ranking["slow"]))
    assert len(sweep) == 30 and len(points) == len(set(points)) == 4
    assert list(ranking["sharpe"]) == sorted(ranking["sharpe"], reverse=True)


def test_progress_is_shown(bundle: barrow.Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, int, float | None]] = []
    barrow.sweep(bundle, Crossing, SPACE, workers=2, progress=lambda *at: seen.append(at))
    assert seen[-1][0] == 12
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    best = barrow.sweep(bundle, "sma-cross", SPACE, progress=lambda *at: seen.append(at)).best_value
    assert seen[-1] == (12, 12, best)
    barrow.sweep(bundle, "sma-cross", SPACE, progress=False)
    assert capsys.readouterr().err == ""


def test_an_exception_while_progress_is_shown_ends_the_sweep(bundle: barrow.Bundle) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        barrow.sweep(bundle, "sma-cross", SPACE, progress=stop)


def test_results_are_pages_frames_drawings_and_pickles(bundle: barrow.Bundle, tmp_path: Path) -> None:
    sweep = barrow.sweep(bundle, Crossing, SPACE, workers=1)
    built_in = barrow.sweep(bundle, "sma-cross", SPACE)
    sweep.report(tmp_path / "scripted.html")
    built_in.report(tmp_path / "built-in.html")
    page = (tmp_path / "built-in.html").read_text(encoding="utf-8")
    assert "Is it more than luck" in page and "The best trial" in page
    assert (tmp_path / "scripted.html").read_text(encoding="utf-8").count("<svg") == page.count("<svg")
    assert sweep.verdict() == built_in.verdict()
    assert 0 <= sweep.verdict()["probabilistic"] <= 1
    again: barrow.Sweep = pickle.loads(pickle.dumps(sweep))
    same(again, sweep)
    np.testing.assert_array_equal(again.run().equity, sweep.run().equity)
    twice: barrow.Sweep = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(built_in))))
    assert twice.run(3).params == built_in.run(3).params and twice.best == built_in.best
    assert pickle.dumps(again) == pickle.dumps(sweep)
    assert "12 trials of sma-cross" in repr(sweep)
    assert "<table>" in sweep._repr_html_()
    pandas = pytest.importorskip("pandas")
    assert isinstance(sweep.to_pandas(), pandas.DataFrame)
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert len(sweep.plot().lines) == 2
    pytest.importorskip("polars")
    assert sweep.to_polars().shape == (12, len(sweep.trials.columns))


TOML = """
[params]
fast = "2..6"
slow = [8, 11]
"""
#: Reads a sweep and writes what it makes.
READER = """
import pickle, sys
sweep = pickle.load(open(sys.argv[1], "rb"))
sweep.report(sys.argv[2])
print(sweep.verdict(), sweep.facts, list(sweep.run().equity), sweep.failed)
"""


@pytest.mark.parametrize(
    "what",
    [
        {"constraints": ["fast < slow", "slow - fast > 3"], "commission": "bps:2", "assets": ["AAA", "BBB"], "seed": 3},
        {"search": "bohb:min=1/3", "trials": 25, "limits": ["fills>=1"], "part": "first", "objective": "total_return"},
        {"search": "genetic", "trials": 12, "objective": ["total_return", "max_drawdown"], "round": 4},
        {"space": barrow.Space.from_toml(TOML, ["fast < slow"]), "start": "2020-01-10", "time_limit": 60.0},
        {"strategy": Fragile, "at": 4},
    ],
)
def test_a_sweep_makes_its_page_in_another_process(bundle: barrow.Bundle, tmp_path: Path, what: dict[str, Any]) -> None:
    run = {"strategy": "sma-cross", "space": SPACE, "workers": 1, **what}
    sweep = barrow.sweep(bundle, **run)
    again: barrow.Sweep = pickle.loads(pickle.dumps(sweep))
    same(again, sweep)
    (tmp_path / "sweep").write_bytes(pickle.dumps(again))
    command = [sys.executable, "-c", READER, str(tmp_path / "sweep"), str(tmp_path / "there.html")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    expected = (sweep.verdict(), sweep.facts, list(sweep.run().equity), sweep.failed)
    assert done.stdout == " ".join(map(str, expected)) + "\n"
    sweep.report(tmp_path / "here.html")
    assert (tmp_path / "there.html").read_bytes() == (tmp_path / "here.html").read_bytes()


def test_spaces_are_pickled(bundle: barrow.Bundle) -> None:
    for space in (barrow.Space(SPACE, constraints=["fast < slow"], stop="log(1e-4..1)"), barrow.Space.from_toml(TOML, ["fast < slow"])):
        again: barrow.Space = pickle.loads(pickle.dumps(space))
        assert type(again) is type(space)
        assert (again.names, again.constraints, again.dims) == (space.names, space.constraints, space.dims)
        assert again.at([0.3] * space.dims) == space.at([0.3] * space.dims)
