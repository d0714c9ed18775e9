"""Promise: progress is seen where people look: one bar a piece of work, that tells the truth of its pace, also in a page that is kept.

Method: a notebook is executed and what its cells are left with is read; bars of terminals are drawn by a clock that is set by hand.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import barrow
from barrow import _progress

CELLS = [
    "import barrow\nfrom barrow import _progress\n_progress._QUIET_SECONDS = 0.0",
    'barrow.sweep("market", "sma-cross", {"fast": "2..7", "slow": "8..17"}, objective="total_return").best',
    'barrow.cross_validate("market", "sma-cross", {"fast": "2..7", "slow": "8..17"}, objective="total_return", groups=4).facts["trials"]',
    'barrow.walk_forward("market", "sma-cross", {"fast": [2], "slow": [8]}, train=20, test=10, progress=False).facts["trials"]',
]


@pytest.mark.filterwarnings("ignore")
def test_a_notebook_is_left_with_one_full_bar_a_call(bundle: barrow.Bundle, root: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={**os.environ, "BARROW_ROOT": str(root)})
    kinds = [[output.output_type for output in cell.outputs] for cell in notebook.cells]
    assert kinds == [[], ["display_data", "execute_result"], ["display_data", "execute_result"], ["execute_result"]]
    for cell, total in ((notebook.cells[1], 60), (notebook.cells[2], 6 * 60)):
        drawn, words = (cell.outputs[0].data[kind] for kind in ("text/html", "text/plain"))
        assert f'<progress value="{total}" max="{total}"' in drawn
        assert re.fullmatch(rf"{total}/{total} trials, [\d,]+ a second, in [\d.]+ s, best total_return [-\d.e]+", words), words
        assert words in drawn


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The monotonic clock, which goes when it is told to."""

    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(_progress, "time", clock)
    return clock


def test_a_line_counts_from_the_beginning(clock: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with _progress.shown(True, "sharpe") as bar:
        assert bar is not None
        clock.now += 0.4
        bar(40, 100, 1.25)
        assert capsys.readouterr().err == "", "short work shows nothing"
        clock.now += 0.6
        bar(50, 100, 1.25)
        assert capsys.readouterr().err == "\r50/100 trials, 50 a second, 1.0 s left, best sharpe 1.25\x1b[K"
        clock.now += 1.0
        bar(100, 100, None)
    assert capsys.readouterr().err == "\r100/100 trials, 50 a second, in 2.0 s, best sharpe 1.25\x1b[K\n"
    line = _progress._Line("series", "writing", clock.now - 7384)
    line.total, line.n = 200, 100
    assert line.said() == "writing: 100/200 series, 0 a second, 2:03 h left"
    line.n = 198
    assert line.said() == "writing: 198/200 series, 0 a second, 1:15 min left"


def test_tqdm_counts_from_the_beginning_too(clock: Any, capsys: Any) -> None:
    pytest.importorskip("tqdm")
    with _progress.shown(True, "sharpe") as bar:
        assert bar is not None
        clock.now += 100.0
        bar(5000, 10_000, None)
    said = capsys.readouterr().err
    assert "01:40<01:40" in said
    assert re.search(r"(49\.9|50\.0)\dtrial/s", said), said
    assert "0trial [" not in said, "nothing is drawn before there is anything to tell"
