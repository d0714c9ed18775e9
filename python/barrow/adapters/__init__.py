"""Bundles in other libraries.

One module a library, which imports it: ``from barrow.adapters import zipline``. Importing ``barrow`` imports none of them.

==================  ===========================================================================
``frames``          pandas frames: one asset, or one column of all; what vectorbt takes
``backtesting``     the frame that backtesting.py takes
``backtrader``      a data feed
``zipline``         bar readers, a data portal, ``run_algorithm``; ingestion of zipline's bundles
``optuna``          spaces as suggestions, and an objective without a storage
``sklearn``         a splitter of the folds of a walk-forward
==================  ===========================================================================

``docs/adapters.md`` has an example of each.
"""
