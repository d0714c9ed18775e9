"""Promise: the digest of a strategy changes with what the strategy does, and with nothing else.

Method: a package is written to disk and read in a process of its own, as it is and with one place changed: changes of what the strategy
reaches change the digest, all to different ones; changes of what it does not reach leave it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from barrow._code import digest

STRATEGY = '''
"""A module."""
import functools
import math
import numpy as np
import barrow
from mine import rules
from mine.rules import scaled as rescaled

LIMIT = 3
TABLE = {"b": [1, 2.5], "a": ("x", None), "set": {"one", "two", "three"}}
CURVE = np.arange(4.0)

def outer(x):
    """Words."""
    return inner(x) + LIMIT  # a remark

def inner(x):
    return outer(x - 1) if x > 100 else x * 2

def unused(x):
    return x * 77

def decorated(factor):
    def wrap(function):
        @functools.wraps(function)
        def run(*args):
            return function(*args) * factor
        return run
    return wrap

@decorated(1.5)
def wrapped(x):
    return x + 11

@functools.lru_cache(maxsize=None)
def remembered(x):
    return x + 22

class Helper:
    weight = 4
    def apply(self, x):
        return x * self.weight

class Base(barrow.Strategy):
    window = 5
    def level(self, x):
        return math.floor(x)

class Mine(Base):
    def on_bar(self, ctx):
        values = [Helper().apply(outer(it)) for it in (1, 2)]
        again = functools.partial(wrapped, 3)
        self.level(remembered(again())) + rescaled(2) + rules.twice(LIMIT) + TABLE["b"][0] + CURVE[0]
'''
RULES = '''
FACTOR = 6

def scaled(x):
    return x * FACTOR

def twice(x):
    return helper(x) * 2

def helper(x):
    return x + 33

def never(x):
    return x + 88
'''
#: What is replaced in the package by what, where the digest is to change.
SEEN = [
    ("LIMIT = 3", "LIMIT = 4"),
    ("2.5]", "2.75]"),
    ('"three"}', '"four"}'),
    ("np.arange(4.0)", "np.arange(5.0)"),
    ("inner(x) + LIMIT", "inner(x) - LIMIT"),
    ("x * 2\n\ndef unused", "x * 3\n\ndef unused"),
    ("@decorated(1.5)", "@decorated(1.25)"),
    ("return x + 11", "return x + 12"),
    ("return x + 22", "return x + 23"),
    ("weight = 4", "weight = 5"),
    ("return x * self.weight", "return self.weight / x"),
    ("window = 5", "window = 6"),
    ("math.floor", "math.ceil"),
    ("partial(wrapped, 3)", "partial(wrapped, 4)"),
    ("FACTOR = 6", "FACTOR = 7"),
    ("helper(x) * 2", "helper(x) * 4"),
    ("return x + 33", "return x + 34"),
]
UNSEEN = [
    ("# a remark", "# another\n"),
    ('"""Words."""', '"""Other words."""'),
    ("x * 77", "x * 78"),
    ("return x + 88", "return x + 89"),
    ('"""A module."""', "\n\n\n"),
]


def digest_of(folder: Path, old: str, new: str, seed: int = 0) -> str:
    texts = {"__init__.py": "", "strategy.py": STRATEGY, "rules.py": RULES}
    assert sum(old in text for text in texts.values()) >= 1, old
    package = folder / "mine"
    package.mkdir(parents=True)
    for name, text in texts.items():
        (package / name).write_text(text.replace(old, new))
    script = "from barrow._code import digest; from mine.strategy import Mine; print(digest(Mine), digest(Mine(window=9)))"
    environment = {"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join([str(folder), *sys.path])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_covers_what_the_code_reaches_and_nothing_else(tmp_path: Path) -> None:
    plain = digest_of(tmp_path / "plain", "LIMIT", "LIMIT")
    assert digest_of(tmp_path / "again", "LIMIT", "LIMIT", seed=5) == plain, "it does not depend on the order of sets"
    found = {change: digest_of(tmp_path / f"seen{place}", *change) for place, change in enumerate(SEEN)}
    found["as", "it is"] = plain
    by_digest: dict[str, Any] = {}
    for change, known in found.items():
        assert by_digest.setdefault(known, change) == change
    for place, change in enumerate(UNSEEN):
        assert digest_of(tmp_path / f"unseen{place}", *change) == plain, change


def test_functions_of_functions_are_told_apart() -> None:
    def around(inner: Any, scale: Any = None) -> Any:
        return lambda panels: inner(panels, scale)

    def first(panels: Any, scale: Any) -> Any:
        return panels

    def second(panels: Any, scale: Any) -> Any:
        return -panels

    scales = [None, 1, 1.0, True, "1", b"1", (1,), [1], {1: 1}, {1}, np.float64(1), np.ones(1), np.ones((1, 1))]
    found = [digest(around(first, scale)) for scale in scales]
    assert len(set(found)) == len(scales)
    assert digest(around(first)) == digest(around(first)) != digest(around(second))
