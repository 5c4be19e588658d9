"""What the relay says: one envelope, one type of ``data`` for each word of ``type``.

    {"type": "diff", "exchange": "kraken", "symbol": "BTC/EUR", "ts_ms": 1767225600123, "data": {...}}

``ts_ms`` is our receive time of what the message is about. ``symbol`` is the name that the client asked
with: ours or the venue's. Prices and sizes are decimal strings as the venue's ticks give them. `schema`
is the same as JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "DATA",
    "TYPES",
    "Data",
    "Diff",
    "Event",
    "Level",
    "Levels",
    "Snapshot",
    "Spread",
    "Status",
    "Trade",
    "Volume",
    "Word",
    "schema",
]

Level = Annotated[tuple[str, str], Meta(description="Price and size.")]
State = Literal["CONNECTING", "SNAPSHOT", "SYNCING", "SYNCED", "RESYNCING", "STOPPED"]
Word = Literal["state_change", "gap", "checksum_mismatch", "definition", "status"]
Epoch = Annotated[int, Meta(description="Raised when the book was lost and is built anew; never falls.")]
BookSeq = Annotated[int, Meta(description="One more with each snapshot and diff of the instrument.")]
VenueMs = Annotated[int | None, Meta(description="The venue's time in ms, null if it said none.")]


class Snapshot(Struct, frozen=True):
    """The whole book: at the beginning, and whenever the venue replaced it or it was built anew."""

    epoch: Epoch
    seq: BookSeq
    state: Annotated[State, Meta(description="Trust the book only while SYNCED.")]
    venue_ms: VenueMs
    bids: Annotated[list[Level], Meta(description="Best first.")]
    asks: Annotated[list[Level], Meta(description="Best first.")]


class Diff(Struct, frozen=True):
    """Levels that changed; a size of 0 removes the level. Its ``seq`` follows the one before."""

    epoch: Epoch
    seq: BookSeq
    venue_ms: VenueMs
    bids: list[Level]
    asks: list[Level]


class Trade(Struct, frozen=True):
    """A print."""

    epoch: Epoch
    seq: Annotated[int, Meta(description="One more with each trade of the instrument.")]
    venue_ms: VenueMs
    price: str
    size: str
    side: Annotated[Literal["buy", "sell"] | None, Meta(description="The aggressor's, null if not told.")]
    trade_id: Annotated[str | None, Meta(description="The venue's number, null if it has none.")]


class Event(Struct, frozen=True):
    """Something about the data itself: a change of state, a gap, a new definition, a status."""

    event: Word
    epoch: Epoch
    reason: str | None = None
    old: Annotated[State | None, Meta(description="The state before.")] = None
    new: Annotated[State | None, Meta(description="The state now.")] = None
    expected: Annotated[str | None, Meta(description="The number or checksum that was due.")] = None
    found: Annotated[str | None, Meta(description="The one that came.")] = None
    tick_size: str | None = None
    lot_size: str | None = None
    status: Annotated[str | None, Meta(description="What the venue says of the market.")] = None


class Spread(Struct, frozen=True):
    """The best prices, each time that one of them changed while the book is SYNCED."""

    bid: str
    ask: str
    mid: str
    spread_abs: str
    spread_bps: Annotated[float, Meta(description="Of the mid price, four decimals.")]


class Levels(Struct, frozen=True):
    """The best levels, once a second if the book changed."""

    epoch: Epoch
    seq: BookSeq
    bids: list[Level]
    asks: list[Level]


class Volume(Struct, frozen=True):
    """What was traded in the last 24 hours, as far as this server heard; once a second if it changed."""

    base: Annotated[str, Meta(description="Sum of sizes.")]
    quote: Annotated[str, Meta(description="Sum of prices times sizes.")]
    trades: int
    covered_s: Annotated[int, Meta(description="How long the server has heard trades, at most 86400.")]


class Status(Struct, frozen=True):
    """How the instrument is, once a second if it changed."""

    state: State
    epoch: Epoch
    seq: BookSeq
    venue_symbol: str
    messages: Annotated[int, Meta(description="Changes of the book since the server began.")]
    trades: int
    gaps: int
    mismatches: Annotated[int, Meta(description="Checksums that did not hold.")]
    resyncs: Annotated[int, Meta(description="How often a book that was SYNCED was lost.")]
    age_ms: Annotated[
        dict[str, float] | None,
        Meta(description="Receive time less venue time: p50, p95, p99, max; null without venue times."),
    ]
    age_histogram: Annotated[
        list[tuple[float, int]], Meta(description="Upper bound in ms and count, ascending; not summed up.")
    ]


Data = Snapshot | Diff | Trade | Event | Spread | Levels | Volume | Status

DATA: Final[dict[str, type[Data]]] = {
    "snapshot": Snapshot,
    "diff": Diff,
    "trade": Trade,
    "event": Event,
    "spread": Spread,
    "levels": Levels,
    "volume_24h": Volume,
    "status": Status,
}
TYPES: Final = frozenset(DATA)

_encode = msgspec.json.Encoder().encode


def body(type: str, ts_ms: int, data: Data) -> tuple[bytes, bytes]:
    """The parts of a message before and behind the names, which differ between its readers."""
    return b'{"type":"%b","exchange":' % type.encode(), b',"ts_ms":%d,"data":%b}' % (ts_ms, _encode(data))


def names(exchange: str, symbol: str) -> bytes:
    """The part between."""
    return b'%b,"symbol":%b' % (_encode(exchange), _encode(symbol))


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of all messages: ``oneOf`` by type, with ``$defs``."""
    shapes, components = msgspec.json.schema_components(DATA.values(), ref_template="#/$defs/{name}")
    messages = [
        {
            "type": "object",
            "title": name,
            "properties": {
                "type": {"const": name},
                "exchange": {"type": "string"},
                "symbol": {"type": "string"},
                "ts_ms": {"type": "integer"},
                "data": shape,
            },
            "required": ["type", "exchange", "symbol", "ts_ms", "data"],
            "additionalProperties": False,
        }
        for name, shape in zip(DATA, shapes, strict=True)
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages of the relay",
        "oneOf": messages,
        "$defs": components,
    }
