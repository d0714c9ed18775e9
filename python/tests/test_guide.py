"""Promise: the code of the guide runs.

Method: all blocks of Python of `docs/python.md`, in order, as one program, in a catalog of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_guide_runs(root: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) > 5
    program = "\n".join(blocks)
    exec(compile(program, str(GUIDE), "exec"), {"__name__": "guide"})
