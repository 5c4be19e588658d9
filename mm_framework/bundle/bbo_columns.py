"""The columns of a CSV of best prices: a sink writes them, a check reads them."""

from __future__ import annotations

from typing import Final

__all__ = ["BBO_COLUMNS"]

BBO_COLUMNS: Final = (
    "capture_time_utc",
    "recv_ts_ms",
    "exchange_ts",
    "exchange_ts_ms",
    "symbol",
    "bid",
    "ask",
    "bid_qty",
    "ask_qty",
    "raw_age_ms",
    "adjusted_age_ms",
    "e2e_since_sub_ms",
)
