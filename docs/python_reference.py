"""Writes the reference of the Python package as pages: `python python_reference.py FOLDER`.

pdoc sees neither the types of an extension module nor the order in which its members are declared. Both stand in the stub,
`_barrow.pyi`, and are taken from there. Functions come before classes, types of arrays are written as in the sources, and
what is said of a parameter may hold a colon.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pdoc
from pdoc import doc, doc_pyi, docstrings

import barrow
from barrow import _barrow

STUB = Path(barrow.__file__).with_name("_barrow.pyi")
#: Which modules have pages.
MODULES = ("barrow", "!barrow.adapters.")


def declared() -> dict[str, list[str]]:
    """The names of each class's members, in the order of the stub."""
    classes = (node for node in ast.parse(STUB.read_text("utf-8")).body if isinstance(node, ast.ClassDef))
    return {made.name: [it.name for it in made.body if isinstance(it, ast.FunctionDef)] for made in classes}


def completed(module: doc.Module) -> None:
    """Puts what the stub knows into what pdoc found of the package."""
    if module.modulename != "barrow":
        return include_types(module)
    about, found = module.docstring, dict(module.members)
    # Functions and classes of Python may have the names of those of the extension that they call.
    members = {name: it for name, it in found.items() if getattr(_barrow, name, None) is it.obj}
    refill(module.members, members)
    include_types(module)
    module.docstring, orders = about, declared()
    for name, member in members.items():
        if isinstance(member, doc.Class):
            inner = member.members
            refill(inner, {it: inner[it] for it in orders[name] if it in inner})
    refill(module.members, dict(sorted(found.items(), key=lambda it: isinstance(it[1], doc.Class))))
    return None


def refill(members: dict[str, Any], by: dict[str, Any]) -> None:
    """Makes one dictionary equal to another, order included."""
    members.clear()
    members.update(by)


def as_written(annotation: Any, *options: Any) -> str:
    """A type as text."""
    text = in_full(annotation, *options)
    text = re.sub(r"numpy\.ndarray\[tuple\[(?:typing\.)?Any, \.\.\.\], numpy\.dtype\[(\S*)\]\]", r"NDArray[\1]", text)
    return text.replace("typing.", "").replace("collections.abc.", "").replace("~_", "")


def fields(contents: str) -> str:
    """Lists of parameters, whose names end at the first colon."""
    contents = re.sub(r"^:param ", "###### Parameters\n:param ", contents, count=1, flags=re.MULTILINE)
    return other_fields(re.sub(r"^:param (\w+): ", r"- **\1**: ", contents, flags=re.MULTILINE))


find_stub, include_types = doc_pyi.find_stub_file, doc_pyi.include_typeinfo_from_stub_files
in_full, other_fields = inspect.formatannotation, docstrings._rst_fields


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # pdoc has no settings for these.
    changes = (
        (doc_pyi, "find_stub_file", lambda name: STUB if name == "barrow" else find_stub(name)),
        (doc_pyi, "include_typeinfo_from_stub_files", completed),
        (docstrings, "_rst_fields", fields),
        (inspect, "formatannotation", as_written),
        (doc, "formatannotation", as_written),
    )
    for module, name, change in changes:
        setattr(module, name, change)
    pdoc.render.configure(show_source=False)
    pdoc.pdoc(*MODULES, output_directory=Path(sys.argv[1]))


if __name__ == "__main__":
    main()
