"""Spaces and backtests for Optuna.

::

    import optuna
    from barrow.adapters.optuna import Objective

    study = optuna.create_study(direction="maximize")
    study.optimize(Objective("us-daily", "sma-cross", {"fast": "2..50", "slow": "20..200"}, constraints=["fast < slow"]), n_trials=200)

Optuna proposes, Barrow runs. Nothing but the study itself keeps the trials: there is no storage to set up, and an objective that is sent
to another process carries the bundle's name and version, not its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna

from barrow import Bundle, Space, _barrow, backtest
from barrow.sweeps import space_of

__all__ = ["Objective", "distributions", "suggest"]


def suggest(trial: optuna.Trial, space: _barrow.Space) -> dict[str, Any]:
    """Asks a trial for the parameters of a point of the space.

    Whole numbers become ``suggest_int``, real ones ``suggest_float``, both with the step and the scale of their axis, and lists
    ``suggest_categorical``. An axis with conditions is asked for only where they hold. A point that breaks a constraint between
    parameters ends the trial as pruned: Optuna has no such rules before a trial.
    """
    params: dict[str, Any] = {}
    for axis in _barrow.space_axes(space):
        if _active(axis, params):
            params[axis["name"]] = _ask(trial, axis)
    if params not in space:
        raise optuna.TrialPruned(f"{params} breaks a rule of the space: {', '.join(space.constraints)}")
    return params


def distributions(space: _barrow.Space) -> dict[str, optuna.distributions.BaseDistribution]:
    """The distributions of a space without conditions, for ``study.ask`` and ``optuna.create_trial``."""
    found: dict[str, optuna.distributions.BaseDistribution] = {}
    for axis in _barrow.space_axes(space):
        if axis["conditions"]:
            raise ValueError(f"`{axis['name']}` has a condition: ask a trial with `suggest`")
        found[axis["name"]] = _distribution(axis)
    return found


class Objective:
    """A backtest as a function of an Optuna trial.

    :param bundle: An opened bundle, or its name.
    :param strategy: As of :func:`barrow.backtest`.
    :param space: A :class:`barrow.Space`, or axes by name as of :func:`barrow.sweep`.
    :param objective: A metric, or several for a study of several objectives. The study's direction says which way is better.
    :param constraints: Rules between parameters, such as ``"fast < slow"``.
    :param settings: Every other argument goes to :func:`barrow.backtest`.

    A trial whose metric is undefined, since nothing was traded perhaps, is pruned. The other metrics and the bundle's version are
    user attributes of the trial. It pickles where the axes are given by name.
    """

    def __init__(
        self,
        bundle: Bundle | str,
        strategy: Any,
        space: Space | Mapping[str, Any],
        objective: str | Sequence[str] = "sharpe",
        *,
        constraints: Iterable[str] = (),
        **settings: Any,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else _barrow.open(bundle)
        self.strategy = strategy
        self._said = (space, tuple(constraints))
        self.space = space_of(space, self._said[1], {})
        self.objectives = [objective] if isinstance(objective, str) else list(objective)
        self.settings = settings

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "space"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.space = space_of(*self._said, {})

    def __call__(self, trial: optuna.Trial) -> float | Sequence[float]:
        params = suggest(trial, self.space)
        performance = backtest(self.bundle, self.strategy, params=params, **self.settings)
        trial.set_user_attr("version", self.bundle.version)
        for name, value in performance.metrics.items():
            trial.set_user_attr(name, value)
        found = [performance.metrics[name] for name in self.objectives]
        values = [value for value in found if value is not None and value == value]
        if len(values) < len(found):
            raise optuna.TrialPruned(f"{', '.join(self.objectives)} of {params} is not defined")
        return values[0] if len(values) == 1 else values


def _active(axis: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    return all(parent in params and params[parent] in values for parent, values in axis["conditions"])


def _ask(trial: optuna.Trial, axis: Mapping[str, Any]) -> Any:
    name, kind = axis["name"], axis["kind"]
    if kind == "int":
        return trial.suggest_int(name, axis["low"], axis["high"], step=axis["step"], log=axis["log"])
    if kind == "real":
        return trial.suggest_float(name, axis["low"], axis["high"], log=axis["log"])
    values = axis["values"]
    return values[0] if len(values) == 1 else trial.suggest_categorical(name, values)


def _distribution(axis: Mapping[str, Any]) -> optuna.distributions.BaseDistribution:
    if axis["kind"] == "int":
        return optuna.distributions.IntDistribution(axis["low"], axis["high"], log=axis["log"], step=axis["step"])
    if axis["kind"] == "real":
        return optuna.distributions.FloatDistribution(axis["low"], axis["high"], log=axis["log"])
    return optuna.distributions.CategoricalDistribution(axis["values"])
