"""A `Feed` at a desk: records go in one at a time, and no deadline may stay in the past."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from toy_venue import (
    HEARTBEAT,
    VENUE,
    ToyAdapter,
    ToyLog,
    ToyMarket,
    ToyNormalizer,
    ack,
    connect,
    toy_config,
    toy_kits,
    toy_rules,
)

from mm_framework.contracts.adapter import Subscription
from mm_framework.feed import Feed, FeedConfig, FeedSettings, Notice, VenueKit
from mm_framework.feed.output import Command, Reconnect, Send
from mm_framework.model.events import Message, Row, iter_messages, iter_rows
from mm_framework.model.frame import RecordKind, encode_http, encode_json, encode_record, iter_records

__all__ = ["Desk", "Reading", "book_of", "checkpoint_record", "kits_of", "read", "reconnects", "stormy_log"]

S = 1_000_000_000


@attrs.define
class Reading:
    """All that a feed said: `Message.first_row` counts from the first row of the reading."""

    rows: bytearray = attrs.Factory(bytearray)
    messages: list[Message] = attrs.Factory(list)
    mono_ns: list[int] = attrs.Factory(list)
    commands: list[Command] = attrs.Factory(list)
    notices: list[Notice] = attrs.Factory(list)

    def take(self, feed: Feed, block: bytes) -> None:
        """Feed the block and keep a copy of what comes out."""
        output = feed.feed(block)
        base = len(self.rows) // 64
        self.messages += [m._replace(first_row=m.first_row + base) for m in iter_messages(output.messages)]
        self.rows += output.rows
        self.mono_ns += output.mono_ns
        self.commands += output.commands
        self.notices += output.notices

    def events(self) -> list[Row]:
        """The rows."""
        return list(iter_rows(self.rows))

    def of(self, kind: type[Any]) -> list[Any]:
        """The notices and commands of one class."""
        return [one for one in [*self.notices, *self.commands] if isinstance(one, kind)]

    def sent(self) -> list[dict[str, Any]]:
        """The messages to be sent, decoded."""
        return [json.loads(command.payload) for command in self.commands if isinstance(command, Send)]


def read(feed: Feed, records: Iterable[bytes], cuts: Sequence[int] = ()) -> Reading:
    """Feed the records in blocks that end at the given places (none: all in one block)."""
    reading, many = Reading(), list(records)
    edges = sorted({cut for cut in cuts if 0 < cut < len(many)})
    for start, end in zip([0, *edges], [*edges, len(many)], strict=True):
        if end > start:
            reading.take(feed, b"".join(many[start:end]))
    return reading


def checkpoint_record(payload: bytes, like: bytes) -> bytes:
    """A CHECKPOINT record with the stamps of another record."""
    (record,) = iter_records(like)
    return encode_record(
        RecordKind.CHECKPOINT, payload, index=record.index, mono_ns=record.mono_ns, wall_ns=record.wall_ns
    )


def book_of(symbol: str = "A/B", channel: str = "book") -> Subscription:
    """A subscription of the toy venue as a plan makes it."""
    return Subscription(f"{VENUE}:{symbol}", symbol, channel, 5 if channel == "book" else None)


def kits_of(*, ping_s: float | None = None, metadata_first: bool = False) -> dict[str, VenueKit]:
    """The toy venue with other habits."""
    adapter = ToyAdapter()
    adapter.ping_interval_s, adapter.metadata_first = ping_s, metadata_first
    return {VENUE: VenueKit(adapter, ToyNormalizer(), toy_rules())}


class Desk:
    """A live feed, its log and everything that it said. Idle time-outs are off unless asked for."""

    def __init__(
        self,
        symbols: Sequence[str] = ("A/B",),
        *,
        channels: Sequence[str] = ("book",),
        kits: dict[str, VenueKit] | None = None,
        idle_s: float = 1e6,
        **settings: Any,
    ) -> None:
        plain = FeedConfig.from_json(toy_config(symbols, channels=channels))
        config = attrs.evolve(plain, settings=FeedSettings(idle_timeout_s=idle_s, **settings))
        self.log, self.kits = ToyLog(config.to_json()), kits or toy_kits()
        self.feed, self.all, self.last = Feed(self.kits), Reading(), Reading()
        self.markets = [ToyMarket(symbol, seed=n + 1) for n, symbol in enumerate(symbols)]
        self.do(self.log.records[-1])

    @property
    def market(self) -> ToyMarket:
        """The first symbol's."""
        return self.markets[0]

    def do(self, record: bytes) -> Reading:
        """Feed a record that the log has made; what it caused."""
        self.last = read(self.feed, [record])
        for name in ("messages", "mono_ns", "commands", "notices"):
            getattr(self.all, name).extend(getattr(self.last, name))
        self.all.rows += self.last.rows
        return self.last

    def open(self, connection: int = 0, replaces: int | None = None) -> Reading:
        """A connection is open."""
        return self.do(self.log.open(connection, replaces=replaces))

    def frame(self, payload: bytes, connection: int = 0) -> Reading:
        """The venue says this."""
        return self.do(self.log.frame(payload, connection))

    def synced(self) -> None:
        """Open, acknowledge and send the snapshots of all books."""
        self.open()
        for market in self.markets:
            self.frame(ack(market.symbol))
            self.frame(market.snapshot())

    def control(self, op: str, *subscriptions: Subscription, **body: Any) -> Reading:
        """A change of what is followed."""
        if subscriptions:
            body["subscriptions"] = [attrs.asdict(one) for one in subscriptions]
        return self.do(self.log.control(op, **body))

    def due(self) -> tuple[float, Reading]:
        """A TICK exactly at the next deadline: seconds until then, and what it caused.

        The deadline after it must lie in the future, or a runner would spin.
        """
        deadline = self.feed.next_deadline_ns()
        assert deadline is not None
        waited = max(deadline - self.log.mono_ns, 1)
        reading = self.do(self.log.tick(waited))
        after = self.feed.next_deadline_ns()
        assert after is None or after > self.log.mono_ns, "a deadline stays in the past"
        return waited / S, reading

    def act(self, most: int = 50) -> tuple[float, Reading]:
        """TICKs at the deadlines until one causes a command: seconds until then, and what it caused."""
        total = 0.0
        for _ in range(most):
            waited, reading = self.due()
            total += waited
            if reading.commands:
                return total, reading
        raise AssertionError("no deadline causes a command")

    def state(self, symbol: str = "A/B") -> str:
        """The state of a book."""
        return next(view.state.name for view in self.feed.instruments() if view.id == f"{VENUE}:{symbol}")


def stormy_log(seed: int, steps: int = 120, *, live: bool = True, untimed: bool = False) -> ToyLog:
    """A log in which everything happens that can: losses, damage, silence, handovers, new scales."""
    draw = random.Random(seed)
    symbols = ("A/B", "C/D")
    config = toy_config(symbols, channels=("book", "trade", "ticker"), untimed=untimed)
    config["live"] = live
    log = ToyLog(config)
    log.markets = [ToyMarket(symbol, seed=seed * 10 + n) for n, symbol in enumerate(symbols)]
    connection, unused = connect(log, log.markets, 0), 1
    for _ in range(steps):
        market, roll = draw.choice(log.markets), draw.randrange(100)
        t = None if draw.random() < 0.2 else log.wall0_ns + log.mono_ns - log.mono0_ns
        if roll < 45:
            log.frame(market.step(t), connection)
        elif roll < 52:
            log.frame(market.trade(t, count=draw.randrange(1, 4)), connection)
        elif roll < 55:
            market.step(t), market.trade(t)  # never sent
        elif roll < 58:
            log.frame(market.step(t).replace(b'"c": ', b'"c": 1'), connection)
        elif roll < 63:
            log.frame(draw.choice([HEARTBEAT, b"{", b"[]", b'{"op":"what"}', market.ticker()]), connection)
        elif roll < 70:
            log.frame(market.snapshot(t), connection)
        elif roll < 78:
            log.tick(draw.choice([1, S, 15 * S, 130 * S, 400 * S]))
        elif roll < 80:
            log.add(
                RecordKind.DROP, encode_json({"count": 2, "bytes": 9, "connection": connection}), connection
            )
        elif roll < 82:
            log.frame(
                b'{"ch":"status","text":"x","online":%s}' % draw.choice([b"true", b"false"]), connection
            )
        elif roll < 84:
            log.sent(b'{"op":"ping","id":%d}' % draw.randrange(9), connection)
            log.frame(
                b'{"op":"pong","id":%d,"in":%d,"out":%d}' % (draw.randrange(9), log.wall0_ns, log.wall0_ns)
            )
        elif roll < 86:
            log.frame(market.metadata(), connection)
        elif roll < 88:
            market.price_decimals = draw.choice([2, 7])
        elif roll < 90:
            huge = b'"bids": [["%d' % 10**20
            log.frame(market.snapshot(t).replace(b'"bids": [["', huge), connection)
        elif roll == 90:
            op = draw.choice(["follow", "unfollow"])
            channel = draw.choice(["book", "book", "trade", "ticker"])
            log.control(op, subscriptions=[attrs.asdict(book_of(market.symbol, channel))])
        elif roll < 92:
            log.add(RecordKind.HTTP, draw.choice([b"", encode_http({"id": 1}, b"x")]), connection)
            log.add(RecordKind.CLOCK, encode_json({"before_ns": 1, "after_ns": 2}))
        elif roll == 92:
            log.control("rotate", reason="CLOCK_REFRESH")
            log.open(unused, replaces=connection)
            for one in draw.sample(log.markets, draw.randrange(len(log.markets) + 1)):
                log.frame(one.snapshot(), unused)
                log.frame(one.step(), draw.choice([connection, unused]))
                log.frame(one.trade(), draw.choice([connection, unused]))
            if draw.random() < 0.5:
                log.tick(draw.choice([3, 15, 40]) * S)
            lost, kept = draw.sample([connection, unused], 2)
            log.lost(draw.choice(["RESET", "CLOCK_REFRESH"]), connection=lost)
            connection, unused = kept, unused + 1
        elif roll < 95:
            log.open(unused)
            for one in log.markets:
                log.frame(one.snapshot(), unused)
            log.lost("CLOCK_REFRESH", planned=True, connection=connection)
            connection, unused = unused, unused + 1
        else:
            log.lost(draw.choice(["RESET", "IDLE", "SHUTDOWN"]), connection=connection)
            if draw.random() < 0.3:
                log.lost("CONNECT_FAILED", connection=unused)
            connection, unused = connect(log, log.markets, unused), unused + 1
    log.stop()
    return log


def reconnects(reading: Reading) -> list[Reconnect]:
    """The connections that the feed wants ended."""
    return [command for command in reading.commands if isinstance(command, Reconnect)]
