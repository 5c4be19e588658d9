"""Records for tests of sinks: a short run of a made-up venue, with a loss and a reconnect in it.

    tape = sink_tape()
    drive(MySink(), out, tape)          # every record through `Feed` into the sink, as an export does

The venue ``plain`` says in JSON what a frame means; it needs no plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mm_framework.contracts.adapter import Channel, Proof, Subscription
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter, Requested
from mm_framework.contracts.sink import Sink, SinkRun
from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.errors import MalformedFrame
from mm_framework.feed import Feed, FeedConfig, VenueKit
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.formats.file_adapter import FileAdapter
from mm_framework.model.events import NULL
from mm_framework.model.frame import RecordKind, encode_json, encode_record
from mm_framework.sinks.driver import SinkSet

__all__ = ["INSTRUMENT", "drive", "plain_kits", "sink_tape"]

INSTRUMENT = "plain:BTC/EUR"
_SYMBOL = "BTC/EUR"
_WALL0_NS = 1_750_000_000_000_000_000
_MONO0_NS = 1_000_000_000
_MS = 1_000_000
_CHANNELS = ("book", "trade", "ticker")


class _Adapter(FileAdapter):
    """A venue that is connected to, and told which channels are wanted."""

    def __init__(self) -> None:
        channels = (
            Channel("book", "book", Proof("sequence")),
            Channel("trade", "trade", Proof("none")),
            Channel("ticker", "ticker", Proof("none")),
        )
        super().__init__("plain", channels, url="wss://plain.invalid")

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        return 2, 4

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        return [encode_json({"subscribe": one.channel}) for one in subscriptions]


class _Normalizer:
    version = "1"

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        try:
            body = msgspec.json.decode(frame, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise MalformedFrame(str(error)) from error
        carries, time_ns = body["is"], body["t"] * _MS
        if out.begin(carries, carries, _SYMBOL, snapshot=body.get("snapshot", False)):
            for row in body["rows"]:
                if carries == "book":
                    out.level(*row)
                elif carries == "trade":
                    side, price, size, number, order_type = row
                    out.trade(side, price, size, number, time_ns, order_type)
                else:
                    out.top(*row)
            last = body.get("n", NULL)
            out.end(first=last, last=last, ts_venue_ns=time_ns, time_text=str(body["t"]))
        return FrameClass.DATA

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        out.control(Requested(msgspec.json.decode(message)["subscribe"], (_SYMBOL,)))

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        return FrameClass.UNKNOWN


def plain_kits() -> dict[str, VenueKit]:
    """A new kit of the venue."""
    return {"plain": VenueKit(_Adapter(), _Normalizer(), SyncRules(sequence=SequenceSpec()))}


class _Writer:
    """Writes records 50 ms apart."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.number = 0

    def add(self, kind: RecordKind, body: object, connection: int = 0) -> None:
        n = len(self.records)
        mono_ns = _MONO0_NS + n * 50 * _MS
        payload, wall_ns = encode_json(body), _WALL0_NS + n * 50 * _MS
        record = encode_record(
            kind, payload, connection=connection, index=n, mono_ns=mono_ns, wall_ns=wall_ns
        )
        self.records.append(record)

    def frame(self, connection: int, carries: str, rows: list[Any], **more: Any) -> None:
        time_ms = _WALL0_NS // _MS + len(self.records) * 50 - 20
        body = {"is": carries, "rows": rows, "t": time_ms, **more}
        if carries == "book":
            self.number += 1
            body["n"] = self.number
        self.add(RecordKind.FRAME, body, connection)

    def connect(self, connection: int) -> None:
        self.add(RecordKind.OPEN, {"attempt": 1, "url": _Adapter().url}, connection)
        for channel in _CHANNELS:
            self.add(RecordKind.SENT, {"subscribe": channel}, connection)
        levels = [[1, "100.00", "1.5000"], [1, "99.50", "2"], [-1, "100.50", "0.25"], [-1, "101", "3"]]
        self.frame(connection, "book", levels, snapshot=True)

    def talk(self, connection: int, rounds: int) -> None:
        for n in range(rounds):
            self.frame(connection, "book", [[1, "100.00", f"{n + 1}.5"]])
            self.frame(connection, "trade", [[1, "100.50", "0.0100", n + 1, "limit"]])
            self.frame(connection, "ticker", [["100.00", f"{n + 1}.5", "100.50", None]])


def sink_tape(rounds: int = 30) -> list[bytes]:
    """The encoded records of a run of one shard: books, trades, tickers, a missing update, a reconnect."""
    config = FeedConfig(
        "plain",
        subscriptions=tuple(Subscription(INSTRUMENT, _SYMBOL, channel) for channel in _CHANNELS),
        wall0_ns=_WALL0_NS,
        mono0_ns=_MONO0_NS,
    )
    tape = _Writer()
    tape.add(RecordKind.CONTROL, {"op": "start", "config": config.to_json()})
    tape.connect(0)
    tape.talk(0, rounds)
    tape.number += 1
    tape.talk(0, 1)
    lost = {"code": 1006, "detail": "", "planned": False, "reason": "RESET"}
    tape.add(RecordKind.LOST, lost)
    tape.connect(1)
    tape.talk(1, rounds)
    tape.add(RecordKind.LOST, {**lost, "planned": True, "reason": "SHUTDOWN"}, 1)
    tape.add(RecordKind.CONTROL, {"op": "stop", "stopped_by": "max_seconds"})
    return tape.records


def drive(sink: Sink, out: Path, records: Sequence[bytes]) -> None:
    """Open the sink at ``out``, give it every record, close it. Raises what the sink raises."""
    kits = plain_kits()
    run = SinkRun(
        run_id="tape",
        wall0_ns=_WALL0_NS,
        mono0_ns=_MONO0_NS,
        venues=("plain",),
        rules={"plain": kits["plain"].rules},
        data_dir=out.parent,
        clock=ClockSettings(),
        out=out,
        subscriptions=tuple(Subscription(INSTRUMENT, _SYMBOL, channel) for channel in _CHANNELS),
        start_ns=_WALL0_NS,
    )
    feed, sinks = Feed(plain_kits()), SinkSet([sink], kits)
    sinks.open([run])
    try:
        for record in records:
            sinks.take(0, record, feed.feed(record).kept())
    finally:
        sinks.close()
