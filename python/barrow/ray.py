"""Sweeps, walk-forward and cross-validation on a Ray cluster, and a trainable for Ray Tune.

No data enters Ray's object store: what travels are names, versions and parameters. Each node maps its own copy of the bundle; a
node that has not that version fetches it once from ``store``. The search itself runs in the driver, so the trials, and what they
give, are those of the same sweep without Ray, to the last bit, whatever dies on the way.

Built-in strategies run in one actor a node, which has a thread a core; strategies of Python in one actor a core. Actors stay from
sweep to sweep, get trials in batches of about half a second, two at a time, and answer with a few hundred bytes a trial.
"""

from __future__ import annotations

from typing import Any

from barrow._barrow import Bundle
from barrow._ray_crew import Crew, shutdown
from barrow._tune import trainable
from barrow.paths import CrossValidation
from barrow.paths import cross_validate as _cross_validate
from barrow.sweeps import Sweep
from barrow.sweeps import sweep as _sweep
from barrow.walks import WalkForward
from barrow.walks import walk_forward as _walk_forward

__all__ = ["Crew", "cross_validate", "shutdown", "sweep", "trainable", "walk_forward"]


def sweep(bundle: Bundle | str, strategy: Any, space: Any = None, *, store: Any = None, **settings: Any) -> Sweep:
    """Runs :func:`barrow.sweep` on the Ray cluster that this process is connected to, or on one that is started here.

    :param store: Where nodes fetch a version that they do not have: what :func:`barrow.remote.fetch` takes. Without it every node
        must have it, in its own catalog or on a shared path.

    The other arguments, and the result, are those of :func:`barrow.sweep`. A trial in whose batch an actor dies is tried again by
    itself, and has failed when that happens twice. One that hangs is found by ``time_limit``: its actor is killed, the trial has failed.
    Without a limit its actor is waited for until Ctrl-C.
    """
    return _sweep(bundle, strategy, space, crew=Crew(store), **settings)


def walk_forward(
    bundle: Bundle | str, strategy: Any, space: Any = None, *, store: Any = None, **settings: Any
) -> WalkForward:
    """Runs :func:`barrow.walk_forward` on a Ray cluster: see :func:`sweep`."""
    return _walk_forward(bundle, strategy, space, crew=Crew(store), **settings)


def cross_validate(
    bundle: Bundle | str, strategy: Any, space: Any = None, *, store: Any = None, **settings: Any
) -> CrossValidation:
    """Runs :func:`barrow.cross_validate` on a Ray cluster: see :func:`sweep`."""
    return _cross_validate(bundle, strategy, space, crew=Crew(store), **settings)
