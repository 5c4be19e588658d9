"""Capture public exchange data with proof, replay it bit for bit, run market-making strategies on it.

Main path: venue frames are recorded to a run bundle, `feed.Feed` turns records into messages, rows
and books, and the trading pipeline runs strategies on them; live and from a recording alike.

The names below are the Python API; each is imported when it is first used (`api`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mm_framework.api import Bundle, backtest, open_bundle, open_store

__all__ = ["Bundle", "__version__", "backtest", "open_bundle", "open_store"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("Bundle", "backtest", "open_bundle", "open_store"):
        from mm_framework import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
