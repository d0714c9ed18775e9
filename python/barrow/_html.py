"""What notebooks show."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from barrow._barrow import Bars, Bundle, Catalog, Table
    from barrow.panels import Panel

_ROWS = 10
_COLUMNS = 12


def bundle(shown: Bundle) -> str:
    """Name and version, what it holds, and the first assets."""
    facts = [
        ("version", shown.version[:12]),
        ("assets", f"{len(shown):,}"),
        ("bars", f"{shown.rows:,} {shown.frequency}"),
        ("columns", ", ".join(shown.column_names)),
        ("calendar", _span(shown.calendar)),
        ("time zone", shown.time_zone or "UTC"),
        ("file", str(shown.path)),
    ]
    assets = (shown[place].asset for place in range(min(len(shown), _ROWS)))
    rows = [(it.symbol, f"{it.rows:,}", _time(it.first), _time(it.last)) for it in assets]
    table_ = _table(("symbol", "bars", "first", "last"), rows, len(shown))
    return f"<b>{html.escape(shown.name)}</b>{_facts(facts)}{table_}"


def bars(shown: Bars) -> str:
    """The last bars of an asset."""
    names = shown.column_names
    last = shown.last(_ROWS)
    columns = [last[name] for name in names]
    rows = [[_cell(value) for value in row] for row in zip(*columns)]
    title = f"<b>{html.escape(shown.symbol)}</b> of {html.escape(shown.bundle.name)}: {len(shown):,} bars"
    return title + _table(names, rows, len(shown), "last")


def panel(shown: Panel) -> str:
    """The corner of the last times and the first assets."""
    symbols = shown.symbols[:_COLUMNS]
    rows = [
        [_time(time), *(_cell(value) for value in values)]
        for time, values in zip(shown.times[-_ROWS:], shown.values[-_ROWS:, :_COLUMNS])
    ]
    times, assets = shown.shape
    title = f"<b>{html.escape(shown.column)}</b>: {times:,} times x {assets:,} assets"
    return title + _table(("time", *symbols), rows, times, "last")


def catalog(shown: Catalog) -> str:
    """Its bundles."""
    rows = [
        (it.name, it.version[:12], f"{it.assets:,}", f"{it.rows:,}", _time(it.published))
        for it in shown.bundles()
    ]
    title = f"<b>{html.escape(str(shown.root))}</b>"
    return title + _table(("bundle", "version", "assets", "bars", "published"), rows, len(rows))


def table(shown: Table) -> str:
    """Its columns."""
    return html.escape(repr(shown))


def _span(times: Any) -> str:
    if len(times) == 0:
        return "empty"
    return f"{len(times):,} times, {_time(times[0])} to {_time(times[-1])}"


def _time(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    date, _, time = text.partition("T")
    return date if not time.strip("0:.") else f"{date} {time.rstrip('0').rstrip(':.')}"


def _cell(value: Any) -> str:
    kind = value.dtype.kind
    if kind == "M":
        return _time(value)
    return f"{value:,.6g}" if kind == "f" and abs(value) < 1e6 else f"{value:,}"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in facts
    )
    return f"<table>{rows}</table>"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], count: int, which: str = "first") -> str:
    shown = list(islice(rows, _ROWS))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in shown
    )
    rest = f"<small>the {which} {len(shown)} of {count:,}</small>" if count > len(shown) else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"
