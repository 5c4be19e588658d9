"""What the REST interface answers: one frozen type an answer. The OpenAPI document is made of these types.

Prices, sizes and volumes are decimal strings; times are epoch ms, UTC; null: nothing was said.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mm_framework.serve.messages import Level, State, Status

__all__ = [
    "Arm",
    "Bar",
    "BookAnswer",
    "Candles",
    "Capture",
    "Channel",
    "Errors",
    "Fault",
    "GateNow",
    "InstrumentNow",
    "Instruments",
    "Judged",
    "Quality",
    "RunInfo",
    "Runs",
    "ServerNow",
    "SourceNow",
    "StatusAnswer",
    "StrategyNow",
    "SymbolNow",
    "TradeRow",
    "Trades",
    "Venue",
    "Venues",
]

Ms = Annotated[int, Meta(description="Epoch ms, UTC.")]
MaybeMs = Annotated[int | None, Meta(description="Epoch ms, UTC; null if unknown.")]


class Fault(Struct, frozen=True):
    """Why a request was refused."""

    code: Annotated[str, Meta(description="A word that stays the same.")]
    message: Annotated[str, Meta(description="What was found.")]
    expected: Annotated[str, Meta(description="What would have been right.")]


class Errors(Struct, frozen=True):
    """The answer to every request that is refused."""

    error: Fault


class Channel(Struct, frozen=True):
    """A channel of a venue."""

    name: str
    carries: Annotated[str, Meta(description="book, trade or ticker.")]
    proof: Annotated[str, Meta(description="Of its continuity: sequence, ids, checksum(n), hash or none.")]
    proved: bool
    depths: list[int]


class Venue(Struct, frozen=True):
    """An installed venue."""

    name: str
    description: str
    capabilities: list[str]
    parts: Annotated[list[str], Meta(description="Kinds of plugins that are registered under its name.")]
    url: Annotated[str | None, Meta(description="Its public endpoint.")]
    channels: list[Channel]
    error: Annotated[str | None, Meta(description="Why its plugin cannot be used.")]


class Venues(Struct, frozen=True):
    """The installed venues."""

    venues: list[Venue]


class InstrumentNow(Struct, frozen=True):
    """An instrument that the server knows."""

    exchange: str
    symbol: Annotated[str, Meta(description="Our name of it.")]
    venue_symbol: Annotated[str | None, Meta(description="The venue's name of it.")]
    tick_size: str | None
    lot_size: str | None
    live: Annotated[bool, Meta(description="A source of this server tells of it.")]
    stored: Annotated[bool, Meta(description="The store has rows of it.")]


class Instruments(Struct, frozen=True):
    """The instruments of the sources and of the store, sorted."""

    instruments: list[InstrumentNow]


class BookAnswer(Struct, frozen=True):
    """A book as it is now."""

    exchange: str
    symbol: str
    ts_ms: Annotated[int | None, Meta(description="When it last changed; null before its first snapshot.")]
    epoch: int
    seq: Annotated[int, Meta(description="That of the relay's snapshot or diff that made it so.")]
    state: Annotated[State, Meta(description="Trust the book only while SYNCED.")]
    bids: Annotated[list[Level], Meta(description="Best first.")]
    asks: Annotated[list[Level], Meta(description="Best first.")]


class TradeRow(Struct, frozen=True):
    """A print."""

    ts_ms: Annotated[int, Meta(description="The venue's time of it; ours where it told none.")]
    received_ms: Ms
    price: str
    size: str
    side: Annotated[str | None, Meta(description="The aggressor's: buy, sell, or null if not told.")]
    trade_id: str | None


class Trades(Struct, frozen=True):
    """Trades, the oldest first."""

    exchange: str
    symbol: str
    from_ms: MaybeMs
    to_ms: Annotated[int | None, Meta(description="All trades before it are here: ask on from there.")]
    trades: list[TradeRow]


class Bar(Struct, frozen=True):
    """The trades of an interval that begins at ``ts_ms``."""

    ts_ms: Ms
    open: str
    high: str
    low: str
    close: str
    volume: str
    source: Annotated[Literal["store", "live"], Meta(description="Where its trades were.")]


class Candles(Struct, frozen=True):
    """Candles, the oldest first. An interval without a trade has none; the last one may still run."""

    exchange: str
    symbol: str
    interval: str
    from_ms: Ms
    to_ms: Annotated[int, Meta(description="Where the answer ends: ask from there on for more.")]
    candles: list[Bar]


class RunInfo(Struct, frozen=True):
    """A run bundle of the data directory."""

    run_id: str
    state: str
    running: Annotated[bool, Meta(description="A process is writing it now.")]
    created: str
    made_by: str
    venues: list[str]
    instruments: int
    flags: list[str]


class Runs(Struct, frozen=True):
    """Run bundles, the newest first."""

    runs: list[RunInfo]


class Judged(Struct, frozen=True):
    """What may be done with a day of an instrument."""

    exchange: str
    date: Annotated[str, Meta(description="UTC date of the receive time.")]
    symbol: str
    rows: int
    verdict: Literal["PASS", "WARN", "QUARANTINE", "REJECT"]
    flags: list[str]
    digest: str


class Quality(Struct, frozen=True):
    """The verdicts of the store, the newest day first."""

    partitions: list[Judged]


class SymbolNow(Status, frozen=True):
    """An instrument of a source, as its status messages say, with its best prices while SYNCED."""

    exchange: str
    symbol: str
    bid: str | None
    ask: str | None


class GateNow(Struct, frozen=True):
    """What a gate says of a capture so far."""

    name: str
    status: Literal["PASS", "WARN", "FAIL", "N/A"]
    value: float | None
    limit: float | None
    text: str


class Capture(Struct, frozen=True):
    """A capture that is being written to the data directory, by this process or another."""

    run_id: str
    running: bool
    elapsed_s: float | None
    frames_per_s: float | None
    connected: int | None
    reconnects: int
    gates: list[GateNow]


class SourceNow(Struct, frozen=True):
    """Where the server hears from."""

    kind: str
    state: str
    told: Annotated[dict[str, str], Meta(description="What else it says of itself.")]


class ServerNow(Struct, frozen=True):
    """What the server counts of itself."""

    clients: int
    requests: int
    sent: int
    sent_bytes: int
    published: Annotated[dict[str, int], Meta(description="Messages by type.")]
    refused: Annotated[dict[str, int], Meta(description="Requests by reason.")]
    closed: Annotated[dict[str, int], Meta(description="Relay clients by reason.")]


class StatusAnswer(Struct, frozen=True):
    """All that the dashboard shows beside the relay."""

    ts_ms: Ms
    symbols: list[SymbolNow]
    captures: list[Capture]
    sources: list[SourceNow]
    server: ServerNow


class Arm(Struct, frozen=True):
    """A strategy of a run on one instrument."""

    name: str
    arm: Literal["A", "B"] | None
    exchange: str
    symbol: str
    quote: str | None
    inventory: str
    equity: str | None
    realized: str | None
    unrealized: str | None
    fees: str | None
    fills: int
    orders_open: int


class StrategyNow(Struct, frozen=True):
    """The run of a strategy that is attached."""

    run_id: str
    ts_ms: Ms
    arms: list[Arm]
    ab: Annotated[dict[str, str] | None, Meta(description="State of its A/B test, null without one.")]
