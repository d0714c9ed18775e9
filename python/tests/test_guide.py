"""Promise: the code of the guide and of the notebook runs.

Method: all blocks of Python of `docs/python.md`, in order, as one program, in a catalog of its own; the cells of the notebook
likewise, and what each ends with is shown as a notebook would show it.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"


def test_the_guide_runs(root: Path) -> None:
    guide = DOCS / "python.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    assert len(blocks) > 5
    exec(compile("\n".join(blocks), str(guide), "exec"), {"__name__": "guide"})


def shown(value: Any) -> str:
    """What a notebook shows of a value."""
    html = getattr(value, "_repr_html_", None)
    return str(html()) if html is not None else repr(value)


def test_the_notebook_runs(root: Path) -> None:
    notebook = json.loads((DOCS / "tutorial.ipynb").read_text())
    names: dict[str, Any] = {"__name__": "notebook"}
    outputs = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == [], "outputs are not committed"
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell["id"], "exec"), names)
        if isinstance(last, ast.Expr):
            outputs.append(shown(eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)))
    assert len(outputs) == 8
    assert "<b>notebook</b>" in outputs[1]
    assert "2020-04-30" in outputs[2]
    assert "<th>CCC</th>" in outputs[3]
