"""Settings of the day folders, under the recorder's earlier names too."""

from __future__ import annotations

import re

import attrs
from attrs import validators

from mm_framework.settings import section, setting

__all__ = ["DaySettings"]


@section("sink.day-files")
@attrs.frozen
class DaySettings:
    """Day folders and the rolling live files in them. ``0`` switches off what has an interval."""

    depth_levels: int = setting(
        20,
        help="Levels a side in the frames of the book.",
        aliases=("depth_levels",),
        validator=validators.ge(1),
    )
    store_depth_diffs: bool = setting(
        True, help="Keep every update of the book.", aliases=("store_depth_diffs",)
    )
    live_stream: bool = setting(True, help="Also write the rolling live files.", aliases=("live_stream",))
    live_stream_rotate_s: float = setting(
        60.0,
        help="Time that one live file covers.",
        aliases=("live_stream_rotate_s",),
        validator=validators.gt(0),
    )
    live_stream_retention_s: float = setting(
        3600.0,
        help="Time that a rotated live file is kept; 0: for ever.",
        aliases=("live_stream_retention_s",),
        validator=validators.ge(0),
    )
    heartbeat_s: float = setting(
        30.0,
        help="Time between heartbeats in log and ledger.",
        aliases=("heartbeat_sec",),
        validator=validators.ge(0),
    )
    sync_warn_after_s: float = setting(
        10.0,
        help="Time without a proved book that the ledger tells.",
        aliases=("sync_warn_after_sec",),
        validator=validators.ge(0),
    )
    max_buffer_warn: int = setting(
        5000,
        help="Updates waiting for a snapshot that the ledger tells.",
        aliases=("max_buffer_warn",),
        validator=validators.ge(0),
    )
    orderbook_buffer_rows: int = setting(
        500,
        help="Most rows of a gzip member of books, updates and events.",
        aliases=("orderbook_buffer_rows",),
        validator=validators.ge(1),
    )
    trades_buffer_rows: int = setting(
        1000,
        help="Most rows of a gzip member of trades.",
        aliases=("trades_buffer_rows",),
        validator=validators.ge(1),
    )
    buffer_flush_interval_s: float = setting(
        1.0,
        help="Longest time that a gzip member covers; a kill loses at most that.",
        aliases=("buffer_flush_interval_sec",),
        validator=validators.ge(0),
    )
    folder_date: str = setting(
        "",
        help="Date of the folders, YYYYMMDD, for a run with a window; empty: the UTC date of each record.",
        validator=validators.matches_re(re.compile(r"(\d{8})?")),
    )
    log_dir: str = setting(
        "logs",
        help="Folder of the recorder's logs; a relative one lies beside the data directory, or in the "
        "folder that was named for the files.",
    )
