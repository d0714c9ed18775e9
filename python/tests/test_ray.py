"""Promise: a sweep on a Ray cluster is the sweep without it, to the last bit, and loses nothing when nodes and workers die.

Method: a cluster of two nodes on this machine, the second with a catalog of its own, which is empty; results are compared with
local ones while actors are killed, a trial kills whoever runs it, and a node is taken away. The object store is looked at before
and after. It takes a minute, and is left out where Ray is not installed.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow
from barrow import _ray_crew
from conftest import market
from scripted import MINE, Crossing, Fragile, leader
from test_sweep import same

ray = pytest.importorskip("ray", reason="the package `ray` is not installed: `pip install 'ray[tune]'`")

pytestmark = pytest.mark.filterwarnings("ignore")

SPACE = {"fast": "int(2..6)", "slow": "int(7..14)"}
STORE_BYTES = 78 * 2**20


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("PYTHONPATH", path)
        patch.setenv("BARROW_ROOT", str(first))
        barrow.ingest("market", market(), root=first)
        node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
        cluster: Any = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        cluster.other_root = second

        def other_node() -> Any:
            added = cluster.add_node(**node, env_vars={"BARROW_ROOT": str(second)})
            # Ray sets the variables here as well.
            os.environ["BARROW_ROOT"] = str(first)
            return added

        cluster.other_node, cluster.second = other_node, other_node()
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def bundle(cluster: Any) -> barrow.Bundle:
    return barrow.open("market")


@pytest.fixture
def store(bundle: barrow.Bundle, tmp_path: Path) -> Path:
    """A folder from which nodes fetch."""
    barrow.push(bundle.name, tmp_path / "store")
    return tmp_path / "store"


def test_a_sweep_is_that_of_this_process(cluster: Any, bundle: barrow.Bundle, store: Path) -> None:
    for search in ({"search": "random", "trials": 60}, {"search": "bohb:min=1/9", "trials": 40, "part": "first"}):
        run: dict[str, Any] = {"seed": 4, **search}
        local = barrow.sweep(bundle, "sma-cross", SPACE, **run)
        same(barrow.ray.sweep(bundle, "sma-cross", SPACE, store=store, **run), local)
        same(barrow.ray.sweep(bundle, Crossing, SPACE, store=store, **run), local)
    # The second node fetches the version while the first is at work already.
    patience = time.monotonic() + 60
    while "market" not in barrow.catalog(cluster.other_root) and time.monotonic() < patience:
        time.sleep(0.1)
    assert [entry.version for entry in barrow.catalog(cluster.other_root).versions("market")] == [bundle.version]


def test_a_cross_validation_is_that_of_this_process(bundle: barrow.Bundle, store: Path) -> None:
    run: dict[str, Any] = {"groups": 4, "test_groups": 2, "holding": 1}
    local = barrow.cross_validate(bundle, "sma-cross", SPACE, **run)
    remote = barrow.ray.cross_validate(bundle, Crossing, SPACE, store=store, **run)
    np.testing.assert_array_equal(local.equity, remote.equity)
    assert local.splits == remote.splits


def test_a_walk_forward_is_that_of_this_process(bundle: barrow.Bundle, store: Path) -> None:
    run: dict[str, Any] = {"train": 25, "test": 10, "search": "random", "trials": 10}
    local = barrow.walk_forward(bundle, "sma-cross", SPACE, **run)
    remote = barrow.ray.walk_forward(bundle, Crossing, SPACE, store=store, **run)
    np.testing.assert_array_equal(remote.equity, local.equity)
    assert remote.folds == local.folds


FOUND: list[tuple[str, dict[str, Any]]] = [
    ("sweep", {"search": "tpe", "trials": 12}),
    ("walk_forward", {"train": 25, "test": 10}),
    ("cross_validate", {"groups": 4, "test_groups": 1}),
]


@pytest.mark.parametrize("how, run", FOUND)
def test_permuted_markets_are_spread(bundle: barrow.Bundle, store: Path, how: str, run: dict[str, Any]) -> None:
    space = {"fast": "int(2..6)", "slow": "int(7..14)"} if how == "sweep" else {"fast": [2, 3], "slow": [7, 9]}
    local = getattr(barrow, how)(bundle, "sma-cross", space, workers=1, **run).permutation_test(9, seed=3)
    for strategy in ("sma-cross", Crossing):
        found = getattr(barrow.ray, how)(bundle, strategy, space, store=store, **run)
        told: list[tuple[int, int, Any]] = []
        test = found.permutation_test(9, seed=3, progress=lambda *at: told.append(at))
        np.testing.assert_array_equal(test.values, local.values)
        assert test._replace(values=local.values) == local
        assert told[-1] == (9, 9, None)
        assert local == pickle.loads(pickle.dumps(found)).permutation_test(9, seed=3)._replace(values=local.values)


def test_permuted_markets_outlive_an_actor(bundle: barrow.Bundle, store: Path) -> None:
    space = {"lookback": [3, 5]}
    expected = barrow.sweep(bundle, leader, space, workers=1).permutation_test(60)
    found = barrow.ray.sweep(bundle, leader, space, store=store)
    killed: list[Any] = []

    def kill(done: int, total: int, best: float | None) -> None:
        if not killed:
            killed.append(next(hand for hands in _ray_crew._hands.values() for hand in hands if hand.batches))
            ray.kill(killed[0].actor)

    np.testing.assert_array_equal(found.permutation_test(60, progress=kill).values, expected.values)
    assert killed
    with pytest.raises(barrow.errors.SettingError, match="at least one market"):
        found.permutation_test(0)
    with pytest.raises(barrow.errors.StatisticError, match="has no `sharpe`"):
        barrow.ray.sweep(bundle, idle, {"size": [0, 1]}, store=store, whole_shares=False).permutation_test(2)


def idle(panels: barrow.Panels, size: float = 0.0) -> Any:
    """Never orders."""
    return panels["close"] * np.nan


def test_actors_stay_and_nothing_enters_the_object_store(bundle: barrow.Bundle, store: Path) -> None:
    barrow.ray.sweep(bundle, "sma-cross", SPACE, store=store)
    before = {hand.actor._actor_id for hands in _ray_crew._hands.values() for hand in hands}
    free = ray.available_resources()["object_store_memory"]
    barrow.ray.sweep(bundle, "sma-cross", SPACE, store=store, search="random", trials=2000, commission="bps:1")
    assert {hand.actor._actor_id for hands in _ray_crew._hands.values() for hand in hands} == before
    assert (free - ray.available_resources()["object_store_memory"]) / 2000 < 1024


def test_a_trial_that_kills_its_actor_fails_after_two_tries(bundle: barrow.Bundle, store: Path) -> None:
    space = {"fast": "2..5", "slow": [6, 8]}
    sweep = barrow.ray.sweep(bundle, Fragile, space, store=store, how="die")
    assert len(sweep) == 6
    assert [params["fast"] for params, _ in sweep.failed] == [4, 4]
    assert all("its process ended 2 times" in reason for _, reason in sweep.failed)
    local = barrow.sweep(bundle, Crossing, space, search="grid", workers=1)
    survivors = local.trials["fast"] != 4
    np.testing.assert_array_equal(sweep.trials["sharpe"], local.trials["sharpe"][survivors])


def test_a_trial_that_raises_has_failed(bundle: barrow.Bundle, store: Path) -> None:
    sweep = barrow.ray.sweep(bundle, Fragile, {"fast": "2..5", "slow": 8}, store=store)
    assert [params["fast"] for params, _ in sweep.failed] == [4]
    assert "ValueError: of my own" in sweep.failed[0][1]
    with pytest.raises(barrow.errors.SettingError, match="no parameter `fst`"):
        barrow.ray.sweep(bundle, Crossing, {"fst": [1, 2]}, store=store)


def test_a_trial_that_hangs_is_killed(bundle: barrow.Bundle, store: Path) -> None:
    space = {"fast": "2..5", "slow": [6, 8]}
    sweep = barrow.ray.sweep(bundle, Fragile, space, store=store, how="hang", time_limit=0.5)
    assert len(sweep) == 6
    assert [params["fast"] for params, _ in sweep.failed] == [4, 4]
    assert {reason for _, reason in sweep.failed} == {"took longer than 0.5 s: its process was killed"}
    local = barrow.sweep(bundle, Fragile, space, how="hang", time_limit=0.5, workers=2)
    same(sweep, local)
    assert sweep.failed == local.failed


def test_actors_that_cannot_begin_end_the_sweep(bundle: barrow.Bundle, store: Path) -> None:
    with pytest.raises(barrow.errors.BacktestError, match="cannot begin"):
        barrow.ray.sweep(bundle, Poison(), {"fast": [2, 3]}, store=store)


def test_a_strategy_of_the_main_program_goes_by_value(cluster: Any, bundle: barrow.Bundle, store: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(MINE + RUN)
    done = subprocess.run(
        [sys.executable, str(program), "without", cluster.address, bundle.name, str(store)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    expected = barrow.sweep(bundle, "sma-cross", {"fast": "2..5", "slow": 8})
    assert [float(text) for text in done.stdout.split()] == list(expected.trials["sharpe"])


def test_tune_stops_trials_by_a_part_of_the_period(bundle: barrow.Bundle, tmp_path: Path, store: Path) -> None:
    pytest.importorskip("ray.tune")
    from ray import tune
    from ray.tune.schedulers import HyperBandScheduler

    train = barrow.ray.trainable(bundle, "sma-cross", max_t=9, store=store)
    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={"fast": tune.grid_search([2, 3, 4]), "slow": 9},
        tune_config=tune.TuneConfig(
            metric="total_return", mode="max", scheduler=HyperBandScheduler(max_t=9, reduction_factor=3), reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    )
    results = tuner.fit()
    assert not results.errors
    best = results.get_best_result()
    assert best.metrics is not None and best.metrics["budget"] == 1.0
    config = best.metrics["config"]
    whole = barrow.backtest(bundle, "sma-cross", params=config)
    assert best.metrics["total_return"] == whole.metrics["total_return"]
    assert best.metrics["fills"] == whole.metrics["fills"]


def test_an_actor_that_is_used_again_knows_its_trials_apart(bundle: barrow.Bundle, store: Path) -> None:
    pytest.importorskip("ray.tune")
    train = barrow.ray.trainable(bundle, "sma-cross", max_t=9, store=store)
    first, second = {"fast": 2, "slow": 9}, {"fast": 3, "slow": 12}
    fresh, used = train(config=second), train(config=first)
    for _ in range(3):
        used.step()
        fresh.step()
    # As Tune does with a trial that was paused after three iterations.
    assert used.reset_config(second)
    used.load_checkpoint({"done": 3})
    steps = [(used.step(), fresh.step()) for _ in range(6)]
    # As text, since a figure that does not exist is NaN.
    assert [str(again) for again, _ in steps] == [str(alone) for _, alone in steps]
    assert steps[-1][0]["fills"] == barrow.backtest(bundle, "sma-cross", params=second).metrics["fills"]


def test_a_trainable_is_of_its_period(bundle: barrow.Bundle, store: Path) -> None:
    pytest.importorskip("ray.tune")
    period: dict[str, Any] = {"start": "2020-02-01", "end": "2020-03-15"}
    point = {"fast": 2, "slow": 9}
    step = barrow.ray.trainable(bundle, "sma-cross", max_t=1, store=store, **period)(config=point).step()
    run = barrow.backtest(bundle, "sma-cross", params=point, **period)
    assert (step["total_return"], step["fills"]) == (run.metrics["total_return"], run.metrics["fills"])
    assert run.metrics != barrow.backtest(bundle, "sma-cross", params=point).metrics


def test_tunes_bohb_asks_and_stops(bundle: barrow.Bundle, tmp_path: Path, store: Path) -> None:
    pytest.importorskip("hpbandster")
    pytest.importorskip("ConfigSpace")
    from ray import tune
    from ray.tune.schedulers import HyperBandForBOHB
    from ray.tune.search.bohb import TuneBOHB

    scheduler = HyperBandForBOHB(time_attr="training_iteration", max_t=9, reduction_factor=3, stop_last_trials=False)
    tuner = tune.Tuner(
        tune.with_resources(barrow.ray.trainable(bundle, Crossing, max_t=9, store=store), {"cpu": 1}),
        param_space={"fast": tune.randint(2, 7), "slow": tune.randint(8, 15)},
        tune_config=tune.TuneConfig(
            metric="total_return", mode="max", num_samples=9, search_alg=TuneBOHB(seed=1), scheduler=scheduler, reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    )
    results = tuner.fit()
    assert not results.errors
    ended = [result.metrics for result in results if result.metrics is not None]
    reached = [metrics["training_iteration"] for metrics in ended]
    # Most are stopped early, and who is not goes to the end.
    assert len(reached) == 9 and 1 in reached and 9 in reached
    for metrics in ended:
        assert metrics["budget"] == metrics["training_iteration"] / 9
        if metrics["budget"] == 1.0:
            whole = barrow.backtest(bundle, "sma-cross", params=metrics["config"])
            assert metrics["total_return"] == whole.metrics["total_return"]


def test_a_node_that_dies_takes_nothing_along(cluster: Any, bundle: barrow.Bundle, store: Path, tmp_path: Path) -> None:
    study = tmp_path / "sweep.study"
    run: dict[str, Any] = {"search": "random", "trials": 150, "seed": 9, "shares": 10}
    local = barrow.sweep(bundle, Slow, SPACE, workers=1, naps=0, **run)
    killed = threading.Event()

    def kill(done: int, _total: int, _best: float | None) -> None:
        if done > 20 and not killed.is_set():
            killed.set()
            cluster.remove_node(cluster.second, allow_graceful=False)

    sweep = barrow.ray.sweep(bundle, Slow, SPACE, store=store, study=study, progress=kill, naps=1, **run)
    assert killed.is_set()
    assert sweep.failed == []
    for name in set(local.trials) - {"naps"}:
        np.testing.assert_array_equal(sweep.trials[name], local.trials[name])
    states = [trial["state"] for trial in barrow.read_study(study)[1]]
    assert states.count("done") == len(states)
    # A node that joins later takes part in the next sweep.
    cluster.second = cluster.other_node()
    patience = time.monotonic() + 60
    while sum(node["Alive"] for node in ray.nodes()) != 2 and time.monotonic() < patience:
        time.sleep(0.1)
    assert barrow.ray.sweep(bundle, "sma-cross", SPACE, store=store, search="random", trials=20).facts["workers"] == 2


class Poison(Crossing):
    """Ends the process that reads it."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


RUN = """
import ray

ray.init(address=sys.argv[2], log_to_driver=False)
sweep = barrow.ray.sweep(barrow.open(sys.argv[3]), Mine, {"fast": "2..5", "slow": 8}, store=sys.argv[4])
print(*map(float, sweep.trials["sharpe"]))
"""


class Slow(Crossing):
    """Takes its time."""

    name = "Slow"
    naps = 0

    def setup(self, setup: Any) -> None:
        super().setup(setup)
        time.sleep(0.02 * self.naps)
