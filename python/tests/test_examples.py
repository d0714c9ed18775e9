"""Promise: the examples and the tutorial run, and give what one process gives.

Method: each file of `python/examples` is run as a program of its own, and what it prints is compared with backtests made here; the
notebook and the guide are executed from the first cell to the last. Those whose package is not installed are left out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import barrow

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name, package", [("multiprocessing_pool", "numpy"), ("joblib_parallel", "joblib"), ("dask_bag", "dask"), ("ray_sweep", "ray")]
)
@pytest.mark.filterwarnings("ignore")
def test_an_example_runs(bundle: barrow.Bundle, root: Path, name: str, package: str) -> None:
    pytest.importorskip(package)
    environment = {**os.environ, "BARROW_ROOT": str(root), "RAY_USAGE_STATS_ENABLED": "0"}
    program = [sys.executable, str(CHECKOUT / "python" / "examples" / f"{name}.py"), bundle.name]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, cwd=root.parent)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if re.match(r"\d+ ", line)]
    expected = [barrow.backtest(bundle, "sma-cross", fast=fast, slow=20).metrics["sharpe"] for fast in range(2, 6)]
    assert [int(fast) for fast, _ in lines] == [2, 3, 4, 5]
    assert [float(value) for _, value in lines] == pytest.approx(expected)


def test_the_guide_to_backtests_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    guide = CHECKOUT / "docs" / "python-backtests.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 5
    exec(compile("\n".join(blocks), str(guide), "exec"), {"__name__": "guide"})
    assert {path.name for path in tmp_path.iterdir()} >= {"run.html", "best.html", "sweep.html", "sma.study"}


@pytest.mark.filterwarnings("ignore")
def test_the_tutorial_runs(root: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(CHECKOUT / "docs" / "python-backtests.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={**os.environ, "BARROW_ROOT": str(root)})
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.output_type == "error"]
    assert any("text/html" in output.get("data", {}) for output in shown)
