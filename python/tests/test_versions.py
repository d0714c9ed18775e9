"""Promise: one wheel serves every CPython from 3.9 on; one without an interpreter's lock has a wheel of its own, and stays without.

Method: the tag of the installed wheel is read, and all Python code of the package is searched for what came later. That it works there is
tested where such a Python is installed: see `.ci/run`.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
PACKAGE = Path(__file__).parents[1] / "barrow"


def test_the_wheel_is_for_the_stable_interface_of_3_9() -> None:
    wheel = importlib.metadata.distribution("barrow").read_text("WHEEL")
    assert wheel is not None
    tags = [line.partition(": ")[2] for line in wheel.splitlines() if line.startswith("Tag")]
    own = f"cp3{sys.version_info.minor}"
    expected = f"{own}-{own}t-" if FREE_THREADED else "cp39-abi3-"
    assert tags and all(tag.startswith(expected) for tag in tags)


@pytest.mark.skipif(not FREE_THREADED, reason="this interpreter has a lock")
def test_importing_it_does_not_bring_the_lock_back() -> None:
    # Where a variable says nothing of it: an extension that needs the lock brings it back as it is imported.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    program = "import sys, barrow, barrow.sweeps; sys.exit(sys._is_gil_enabled())"
    subprocess.run([sys.executable, "-W", "error", "-c", program], env=environment, check=True)


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
