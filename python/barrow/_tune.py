"""A trainable for Ray Tune."""

from __future__ import annotations

from typing import Any, Optional

from barrow import _barrow
from barrow._barrow import Bundle
from barrow._ray_crew import Bench, place_of, ray_of
from barrow._shipping import dumps
from barrow._worker import Order
from barrow.errors import BacktestError, MissingPackageError
from barrow.running import maker_of, opened

__all__ = ["trainable"]


def trainable(
    bundle: Bundle | str,
    strategy: Any,
    *,
    objective: str = "sharpe",
    max_t: int = 81,
    store: Any = None,
    cash: float = 100_000.0,
    commission: str = "none",
    slippage: str = "none",
    start: Any = None,
    end: Any = None,
    assets: Any = None,
    seed: int = 0,
    part: str = "first",
) -> type:
    """A class for ``ray.tune.Tuner``: its configuration are the parameters of the strategy.

    An iteration is a share ``1 / max_t`` of the whole run, so a scheduler of ``max_t`` iterations (ASHA, HyperBand, BOHB) stops
    trials by what a part of the period says, and each iteration reports the figures of the part so far. With ``part="first"`` a
    trial goes on where it stopped. A checkpoint is the number of iterations: a trial that is restored runs again what it had.

    Tune's own cost of each trial and iteration is far above that of a backtest: :func:`sweep` has the same searches without it.
    """
    ray = ray_of("a trainable")
    try:
        from ray import tune
    except ImportError as error:
        raise MissingPackageError.of("ray[tune]", "a trainable") from error
    source = opened(bundle)
    settings = _barrow.Settings(cash, commission, slippage, start, end, assets, seed)
    maker = maker_of(strategy, source, settings)
    order = dumps(Order(source, maker, settings, seed, None, part), ray.cloudpickle)
    place = place_of(source)
    metric = objective.split(":")[-1]

    class BacktestTrainable(tune.Trainable):  # type: ignore[misc, unused-ignore]
        """One iteration is a share of the run."""

        def setup(self, config: dict[str, Any]) -> None:
            self._bench = Bench(1)
            self._bench.take(order, place, store)
            self._asked = 0
            self._begin(config)

        def _begin(self, config: dict[str, Any]) -> None:
            self._params, self._done = dict(config), 0
            # What this actor ran last may have been another trial's, and then is nothing to go on with.
            self._last: Optional[int] = None

        def step(self) -> dict[str, Any]:
            self._done += 1
            self._asked += 1
            budget = min(1.0, self._done / max_t)
            ask = _barrow.ask_of(self._asked, self._params, budget, self._last)
            self._last = self._asked
            figures, reason = _barrow.figures_of(self._bench.run([ask], ())[0])
            if figures is None:
                raise BacktestError(reason or "the parameters break the strategy's rule")
            numbers = {name: float("nan") if value is None else value for name, value in figures.items()}
            return {**numbers, metric: numbers[metric], "budget": budget, tune.result.DONE: self._done >= max_t}

        def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
            return {"done": self._done}

        def load_checkpoint(self, checkpoint: Optional[dict[str, Any]]) -> None:
            self._done, self._last = int((checkpoint or {}).get("done", 0)), None

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._begin(new_config)
            return True

    return BacktestTrainable
