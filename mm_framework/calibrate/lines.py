"""Lines of the calibration logs: what a fill and a tick say. Pure.

    artifacts/edge/feeds/fills_YYYYMMDD.jsonl            FillLine
    artifacts/edge/feeds/pipeline_ticks_YYYYMMDD.jsonl   TickLine
    artifacts/edge/feeds/runs.jsonl                      RunLine: which runs wrote them

One JSON object and one line feed a record. Times are event times, so that a replay writes the same lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

import msgspec

__all__ = ["FILLS", "RUNS", "TICKS", "FillLine", "RunLine", "TickLine", "encode", "file_name", "iso", "read"]

FILLS: Final = "fills"
TICKS: Final = "pipeline_ticks"
RUNS: Final = "runs.jsonl"


class FillLine(msgspec.Struct, frozen=True):
    """A fill. Prices and sizes are numbers for statistics; money is the ledger's business.

    ``queue_pos_est``: size ahead of it when it began to rest, None when unknown or for a taker.
    ``quote_price``: what was asked for. ``mid_at_quote``, ``spread_at_quote_bps``: when it was asked for;
    ``mid_now``: just before the fill. ``latency_ms``: from the decision to the fill. ``slip_bps``: 1e4 s
    (price - mid_at_quote) / mid_at_quote, positive is cost. ``fee``: charged for it, in the quote currency; a
    rebate is negative.
    """

    ts: int
    ts_iso: str
    symbol: str
    side: Literal["BUY", "SELL"]
    price: float
    qty: float
    maker: bool
    taker: bool
    queue_pos_est: float | None
    quote_price: float
    mid_at_quote: float | None
    mid_now: float | None
    spread_at_quote_bps: float | None
    latency_ms: float
    slip_bps: float | None
    fee: float = 0.0


class TickLine(msgspec.Struct, frozen=True):
    """A wake-up through the pipeline. ``stage_latencies``: ms by stage; ``stage_p95_ms``: of the last 1000.

    ``tick_total_ms``: None in a replay, where no clock runs. ``quotes``: orders that were asked for since the
    line before, of this symbol; ``ticks``: wake-ups since then, this one included.
    """

    ts: int
    ts_iso: str
    symbol: str
    stage_latencies: Mapping[str, float]
    stage_p95_ms: Mapping[str, float]
    tick_total_ms: float | None
    cache_hit: bool
    cache_age_ms: float | None
    used_stale: bool
    deadline_miss: bool
    quotes: int = 0
    ticks: int = 1


class RunLine(msgspec.Struct, frozen=True):
    """A run that logs from ``ts`` on. ``digest``: of what it replayed, None for a live one."""

    ts: int
    run_id: str
    mode: Literal["live", "replay", "backtest"]
    digest: str | None = None


Line = TypeVar("Line", bound=msgspec.Struct)


def iso(ts_ms: int) -> str:
    """``2026-11-21T17:30:00.123Z``."""
    seconds, rest = divmod(ts_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def file_name(kind: str, ts_ms: int) -> str:
    """``fills_20261121.jsonl``: the file of the UTC day of a time."""
    return f"{kind}_{datetime.fromtimestamp(ts_ms // 1000, UTC):%Y%m%d}.jsonl"


def encode(line: msgspec.Struct) -> bytes:
    """The line with its end. Numbers that are not finite become null."""
    return msgspec.json.encode(line) + b"\n"


def read(lines: Iterable[bytes], kind: type[Line]) -> Iterator[Line | None]:
    """The records of lines; None for a line that is none, as a torn last one."""
    decoder = msgspec.json.Decoder(kind)
    for line in lines:
        if line.strip():
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                yield None
