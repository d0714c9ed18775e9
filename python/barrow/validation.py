"""Whether a result is more than luck.

Returns are simple returns per bar, oldest first; ratios are per bar too. What is random takes a seed and gives the same bits
for it. P-values are ``(1 + count) / (1 + resamples)``, so never zero. ``docs/validation.md`` names the sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from barrow import _barrow
from barrow.walks import cut_of

__all__ = [
    "block_length",
    "deflated_sharpe",
    "expected_max_sharpe",
    "folds",
    "haircut",
    "min_backtest_years",
    "moments",
    "overfitting_probability",
    "permutation_p_value",
    "purged_splits",
    "superiority",
    "trade_order",
]


def _flat(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(values, dtype=np.float64)


def moments(returns: npt.ArrayLike, benchmark: float = 0.0, confidence: float = 0.95) -> dict[str, Any]:
    """Sharpe ratio, skewness and kurtosis of returns, the probability that the ratio is above ``benchmark``, and how many
    returns it takes to say so at ``confidence`` (``None``: it is not above it)."""
    return _barrow.moments(_flat(returns), benchmark, confidence)


def deflated_sharpe(returns: npt.ArrayLike, trials: float, variance: float) -> float:
    """The probability that the Sharpe ratio of the best of ``trials`` is above what luck gives, where the trials' ratios have
    this variance."""
    return _barrow.deflated_sharpe(_flat(returns), trials, variance)


def expected_max_sharpe(trials: float, variance: float) -> float:
    """The largest Sharpe ratio to be expected of so many trials without skill."""
    return _barrow.expected_max_sharpe(trials, variance)


def min_backtest_years(trials: float) -> float:
    """Years below which the best of so many trials without skill reaches an annual Sharpe ratio of 1."""
    return _barrow.min_backtest_years(trials)


def overfitting_probability(returns: npt.ArrayLike, blocks: int = 16) -> dict[str, Any]:
    """The probability of backtest overfitting by CSCV: a column a trial, a row a bar. ``blocks`` is even, 2 to 20."""
    return _barrow.overfitting_probability(_flat(returns), blocks)


def superiority(
    differences: npt.ArrayLike,
    mean_block: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.05,
) -> dict[str, Any]:
    """Whether any trial beats the benchmark: a column a trial, returns less those of the benchmark.

    P-values of White's ``reality_check`` and of Hansen's test (``consistent``, ``lower``, ``upper``), and the columns that
    are ``better`` at ``level`` by the step-down of Romano and Wolf. Blocks have a length that suits the first column unless
    ``mean_block`` is given.
    """
    matrix = _flat(differences)
    block = max(1.0, block_length(matrix[:, 0])) if mean_block is None else mean_block
    return _barrow.superiority(matrix, block, resamples, seed, level)


def block_length(values: npt.ArrayLike) -> float:
    """The mean block length of the stationary bootstrap that suits a series: at least nine values."""
    return _barrow.block_length(_flat(values))


def haircut(sharpes: npt.ArrayLike, periods: int) -> dict[str, Any]:
    """P-values of Sharpe ratios over so many returns each: ``single``, and adjusted for their number (``bonferroni``,
    ``holm``)."""
    return _barrow.haircut(_flat(sharpes), periods)


def trade_order(start: float, profits: npt.ArrayLike, shuffles: int = 1000, seed: int = 0) -> dict[str, Any]:
    """The path of trades beside the same trades in other orders, from an equity of ``start``."""
    return _barrow.trade_order(start, _flat(profits), shuffles, seed)


def permutation_p_value(best: float, permuted: npt.ArrayLike) -> float:
    """How often the best on permuted histories is at least as good as the best on the true one."""
    return _barrow.permutation_p_value(best, _flat(permuted))


def folds(
    times: npt.ArrayLike,
    *,
    train: Any,
    test: Any,
    validate: Any = None,
    step: Any = None,
    embargo: int = 0,
    purge: int = 0,
    anchored: bool = False,
    partial_last: bool = True,
) -> list[tuple[range, range, range]]:
    """The folds of :func:`barrow.walk_forward` over a clock: places to train, to validate (empty without) and to test."""
    ns = np.ascontiguousarray(np.asarray(times, dtype="M8[ns]").view(np.int64))
    cut = cut_of(train, test, validate, step, embargo, purge, anchored, partial_last)
    return [(range(*fold[0]), range(*fold[1]), range(*fold[2])) for fold in _barrow.folds(ns, cut)]


def purged_splits(
    bars: int, *, groups: int = 6, test_groups: int = 2, holding: int = 0, purge: int = 0, embargo: int = 0
) -> list[tuple[Sequence[range], Sequence[range]]]:
    """Splits of combinatorial purged cross-validation: stretches to fit on, and stretches to judge on."""
    splits = _barrow.purged_splits(bars, groups, test_groups, holding, purge, embargo)
    return [([range(*one) for one in train], [range(*one) for one in test]) for train, test in splits]
