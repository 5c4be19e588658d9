"""What a run hands to those who watch it: columns of wake-ups and fills, chunk by chunk. Pure.

    run -> Chunk (at most 100 ms of event time) -> collectors, logs, A/B test: `ChunkObserver.on_chunk`

None of them is called for a single event, and none can change what the run does. Live and in a replay the
chunks hold the same, but for what a clock measured: `Tick.total_ns` and `Tick.stages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

__all__ = ["CHUNK_NS", "NO_STAGES", "Chunk", "ChunkObserver", "Fetched", "Filled", "Gap", "Tick"]

CHUNK_NS: Final = 100_000_000
"""The longest stretch of event time of a chunk, but for a single record that is longer."""

NO_STAGES: Final[Mapping[str, int]] = {}


class Fetched(NamedTuple):
    """What a wake-up had from the market-data cache. ``hit``: it was fresh enough. ``age_ns``: how old it
    was, None when there was nothing. ``wait_ns``: how long a guard waited. ``deadline_miss``: in vain.
    """

    hit: bool
    age_ns: int | None
    used_stale: bool = False
    wait_ns: int = 0
    deadline_miss: bool = False


class Tick(NamedTuple):
    """A wake-up through the pipeline, about one instrument.

    ``ts_ns``: event time, wall. ``instrument``, ``symbol``: our id and the venue's name. Best prices and
    sizes as numbers, None where there is none, or no trusted one. ``quotes``: orders placed and replaced for
    it. ``order``: its oldest resting order, as (strategy, number), None without one; ``ahead``: the size
    before that, None when unknown.
    ``total_ns``, ``stages``: how long it took and its stages (`stages.STAGES`), None and empty in a replay.
    ``fetched``: None without a cache.
    """

    ts_ns: int
    instrument: str
    symbol: str
    bid: float | None
    bid_size: float | None
    ask: float | None
    ask_size: float | None
    quotes: int = 0
    order: tuple[str, int] | None = None
    ahead: float | None = None
    total_ns: int | None = None
    stages: Mapping[str, int] = NO_STAGES
    fetched: Fetched | None = None


class Filled(NamedTuple):
    """A fill. ``side``: +1 bought, -1 sold. ``fee``: in the quote currency, a rebate is negative.

    ``quote_price``, ``quote_mid``, ``quote_spread``: what was asked for, and mid and spread when it was.
    ``mid``: when the fill became known. ``latency_ns``: from the decision until then. ``ahead``: size before
    the order when it began to rest, None for a taker or unknown.
    """

    ts_ns: int
    instrument: str
    symbol: str
    strategy: str
    order: int
    side: int
    price: float
    size: float
    fee: float
    maker: bool
    quote_price: float
    quote_mid: float | None
    quote_spread: float | None
    mid: float | None
    latency_ns: int
    ahead: float | None = None


class Gap(NamedTuple):
    """The market of an instrument was not trusted from ``from_ns`` on, until ``to_ns`` (event times)."""

    from_ns: int
    to_ns: int
    instrument: str
    symbol: str


class Chunk(NamedTuple):
    """A stretch of a run, up to ``ts_ns``; each column in order of its times."""

    ts_ns: int
    ticks: Sequence[Tick] = ()
    fills: Sequence[Filled] = ()
    gaps: Sequence[Gap] = ()


class ChunkObserver(Protocol):
    """Watches a run. What it raises ends the run."""

    def on_chunk(self, chunk: Chunk) -> None:
        """The next chunk; it may be kept."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...
