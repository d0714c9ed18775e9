"""Market data as NumPy views and Arrow streams of one mapped file."""

from barrow import errors
from barrow._barrow import Bars, Bundle, __version__, default_root, open
from barrow.errors import BarrowError

__all__ = ["Bars", "BarrowError", "Bundle", "__version__", "default_root", "errors", "open"]
