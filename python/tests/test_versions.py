"""Promise: one wheel serves every CPython from 3.9 on.

Method: the tag of the installed wheel is read, and all Python code of the package is searched for what came later. That it works there is
tested where such a Python is installed: see `.ci/run`.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "barrow"


def test_the_wheel_is_for_the_stable_interface_of_3_9() -> None:
    wheel = importlib.metadata.distribution("barrow").read_text("WHEEL")
    assert wheel is not None
    tags = [line.partition(": ")[2] for line in wheel.splitlines() if line.startswith("Tag")]
    assert tags and all(tag.startswith("cp39-abi3-") for tag in tags)


def test_nothing_that_came_after_3_9_is_used(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("vermin")
    if not program.exists():
        pytest.skip("`pip install vermin`")
    command = [str(program), "--quiet", "--target=3.9-", "--violations", "--no-tips"]
    searched = subprocess.run([*command, str(PACKAGE)], capture_output=True, text=True)
    assert searched.returncode == 0, searched.stdout
    late = tmp_path / "late.py"
    late.write_text("match 1:\n    case _:\n        pass\n")
    assert subprocess.run([*command, str(late)], capture_output=True).returncode != 0
