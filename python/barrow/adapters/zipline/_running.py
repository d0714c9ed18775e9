"""Zipline's algorithms over bundles of Barrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas
from zipline.algorithm import TradingAlgorithm
from zipline.data.bundles.core import BundleData
from zipline.data.data_portal import DataPortal
from zipline.data.resample import MinuteResampleSessionBarReader
from zipline.finance.trading import SimulationParameters
from zipline.pipeline.data import EquityPricing
from zipline.pipeline.loaders import USEquityPricingLoader

from barrow import Bundle
from barrow.adapters.zipline._databases import adjustments, assets
from barrow.adapters.zipline._readers import MinuteReader, SessionReader

__all__ = ["bundle_data", "data_portal", "run_algorithm"]


def bundle_data(bundle: Bundle, calendar: Any = "XNYS") -> BundleData:
    """What zipline makes of a bundle of its own: an asset finder, readers and adjustments. Its databases are in memory.

    Of a bundle of minutes the daily reader puts them together. Mergers become ratios of prices, as zipline has them.
    """
    if bundle.stamp == "session":
        minute, daily = None, SessionReader(bundle, calendar)
    else:
        minute = MinuteReader(bundle, calendar)
        daily = MinuteResampleSessionBarReader(minute.trading_calendar, minute)
    return BundleData(assets(bundle), minute, daily, adjustments(bundle, daily))


def data_portal(bundle: Bundle, calendar: Any = "XNYS") -> DataPortal:
    """A data portal of zipline over a bundle."""
    return _portal(bundle_data(bundle, calendar))


def _portal(data: BundleData) -> DataPortal:
    daily = data.equity_daily_bar_reader
    return DataPortal(
        data.asset_finder,
        trading_calendar=daily.trading_calendar,
        first_trading_day=daily.first_trading_day,
        equity_minute_reader=data.equity_minute_bar_reader,
        equity_daily_reader=daily,
        adjustment_reader=data.adjustment_reader,
    )


def run_algorithm(
    bundle: Bundle,
    start: Any,
    end: Any,
    *,
    initialize: Callable[..., Any],
    handle_data: Callable[..., Any] | None = None,
    before_trading_start: Callable[..., Any] | None = None,
    analyze: Callable[..., Any] | None = None,
    capital_base: float = 100_000.0,
    data_frequency: str = "daily",
    calendar: Any = "XNYS",
    benchmark_returns: Any = None,
    metrics_set: str = "default",
    **more: Any,
) -> pandas.DataFrame:
    """``zipline.run_algorithm`` over a bundle of Barrow; the arguments are zipline's.

    Without ``benchmark_returns`` the benchmark is nothing, all zero. ``more`` goes to ``TradingAlgorithm``.
    """
    from zipline.finance import metrics

    data = bundle_data(bundle, calendar)
    portal = _portal(data)
    sessions = portal.trading_calendar.sessions_in_range(pandas.Timestamp(start), pandas.Timestamp(end))
    if benchmark_returns is None:
        benchmark_returns = pandas.Series(0.0, index=sessions)
    loader = USEquityPricingLoader.without_fx(data.equity_daily_bar_reader, data.adjustment_reader)

    def loader_of(column: Any) -> Any:
        if column.unspecialize() in EquityPricing.columns:
            return loader
        raise ValueError(f"no loader for {column}")

    algorithm = TradingAlgorithm(
        namespace={},
        data_portal=portal,
        get_pipeline_loader=more.pop("get_pipeline_loader", loader_of),
        trading_calendar=portal.trading_calendar,
        sim_params=SimulationParameters(
            start_session=sessions[0],
            end_session=sessions[-1],
            trading_calendar=portal.trading_calendar,
            capital_base=capital_base,
            data_frequency=data_frequency,
        ),
        metrics_set=metrics.load(metrics_set),
        benchmark_returns=benchmark_returns,
        initialize=initialize,
        handle_data=handle_data,
        before_trading_start=before_trading_start,
        analyze=analyze,
        **more,
    )
    return algorithm.run()
