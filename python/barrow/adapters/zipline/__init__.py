"""Bundles in zipline: as its bar readers, and its own bundles brought here.

::

    from barrow.adapters import zipline

    performance = zipline.run_algorithm(bundle, start, end, initialize=initialize, handle_data=handle_data)
    barrow.adapters.zipline.ingest("us-daily", "quandl")     # a bundle that zipline has ingested

Readers answer from the map: what zipline holds in memory is the rows that it asks for. Prices are those of the bundle, unadjusted;
its splits and dividends become zipline's adjustments, which zipline applies as of each session.
"""

from __future__ import annotations

from barrow.adapters.zipline._ingest import ingest
from barrow.adapters.zipline._readers import MinuteReader, SessionReader
from barrow.adapters.zipline._running import bundle_data, data_portal, run_algorithm

__all__ = ["MinuteReader", "SessionReader", "bundle_data", "data_portal", "ingest", "run_algorithm"]
