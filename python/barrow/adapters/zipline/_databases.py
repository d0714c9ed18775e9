"""What a bundle knows of its assets and their adjustments as zipline's databases, in memory."""

from __future__ import annotations

import sqlite3
from typing import Any

import pandas
import sqlalchemy
from zipline.assets import AssetDBWriter, AssetFinder
from zipline.data.adjustments import SQLiteAdjustmentReader, SQLiteAdjustmentWriter

from barrow import Bundle
from barrow.adapters.zipline._clock import sids

__all__ = ["adjustments", "assets"]


def assets(bundle: Bundle) -> AssetFinder:
    """The assets of a bundle, by zipline's numbers."""
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=sqlalchemy.pool.StaticPool, connect_args={"check_same_thread": False}
    )
    rows = []
    numbers = {symbol: sid for sid, symbol in sids(bundle).items()}
    for asset in bundle.assets:
        told = asset.metadata if isinstance(asset.metadata, dict) else {}
        first, last = _day(asset.first), _day(asset.last)
        rows.append(
            {
                "sid": numbers[asset.symbol],
                "symbol": told.get("symbol", asset.symbol),
                "asset_name": told.get("name", asset.symbol),
                "start_date": first,
                "end_date": last,
                "first_traded": first,
                "auto_close_date": last + pandas.Timedelta(days=1),
                "exchange": told.get("exchange", "NYSE"),
            }
        )
    equities = pandas.DataFrame(rows).set_index("sid")
    exchanges = pandas.DataFrame(
        {"exchange": sorted(set(equities["exchange"])), "canonical_name": sorted(set(equities["exchange"])), "country_code": "US"}
    )
    AssetDBWriter(engine).write(equities=equities, exchanges=exchanges)
    return AssetFinder(engine)


def _day(time: Any) -> pandas.Timestamp:
    return pandas.Timestamp(0) if time is None else pandas.Timestamp(time).normalize()


def adjustments(bundle: Bundle, daily: Any) -> SQLiteAdjustmentReader:
    """The splits, mergers and cash dividends of a bundle; ``daily`` reads the closes before them."""
    numbers = {symbol: sid for sid, symbol in sids(bundle).items()}
    ratios: dict[str, list[tuple[int, pandas.Timestamp, float]]] = {"split": [], "merger": []}
    dividends = []
    for it in bundle.adjustments:
        sid, day = numbers[it.symbol], _day(it.time)
        if it.kind == "cash dividend":
            dividends.append({"sid": sid, "amount": it.value, **dict.fromkeys(("ex_date", "declared_date", "record_date", "pay_date"), day)})
        else:
            # Zipline's ratio is what a price is multiplied by.
            ratios[it.kind].append((sid, day, 1.0 / it.value))
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    with_ratios = {
        name: pandas.DataFrame(rows, columns=["sid", "effective_date", "ratio"]) if rows else None for name, rows in ratios.items()
    }
    SQLiteAdjustmentWriter(connection, daily, overwrite=False).write(
        splits=with_ratios["split"],
        mergers=with_ratios["merger"],
        dividends=pandas.DataFrame(dividends) if dividends else None,
    )
    return SQLiteAdjustmentReader(connection)
