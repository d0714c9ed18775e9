"""Libraries that tests compare with and that not every Python has a wheel of."""

from __future__ import annotations

import importlib
from typing import Any

import pytest


class _Absent:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        pytest.skip(f"{self._name} is not installed")


def library(name: str) -> Any:
    """A library, or where it is not installed something whose first use ends the test as skipped."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return _Absent(name)
