"""The compiled path of `Feed` beside the reference path: the same records to both, everything compared.

    twin = Twin(kits)
    twin.take(records)      # one block to the compiled one; raises AssertionError for any difference
    twin.settle()           # counts, checkpoint, books

and what such comparisons of Kraken need: a log, and a market that writes the frames of both versions.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs
from feed_desk import Reading
from toy_venue import ToyLog

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.sync_engine import ChecksumSpec, SyncRules
from mm_framework.feed import Feed, FeedConfig, VenueKit
from mm_framework.feed.output import Output
from mm_framework.model.events import ASK, BID, iter_messages
from mm_framework.model.frame import Record, RecordKind, iter_records

__all__ = ["PLAIN", "STRICT", "Market", "Twin", "kits_with", "kraken_log", "payloads", "twin_over"]

PLAIN = SyncRules(crossed="ignore")
"""Nothing is proved: whatever is read goes into the books and out as rows."""

STRICT = SyncRules(checksum=ChecksumSpec(depth=10), trade_ids=True)
"""What Kraken's books are proved by."""

SYMBOLS = ("BTC/USD", "MINA/GBP")
OLD_NAMES = {"BTC/USD": "XBT/USD", "MINA/GBP": "MINA/GBP"}
TIME = "2026-09-21T10:00:00.123456Z"


def kits_with(rules: SyncRules) -> dict[str, VenueKit]:
    """Kraken under other rules; only this needs its plugin."""
    from mm_kraken.adapter import KrakenAdapter
    from mm_kraken.normalizer import KrakenNormalizer

    return {"kraken": VenueKit(KrakenAdapter(), KrakenNormalizer(), rules)}


class _Watched(Feed):
    """Counts the frames that the reference path takes."""

    slow = 0

    def _take(self, record: Record) -> None:
        self.slow += record.kind == RecordKind.FRAME
        super()._take(record)


def payloads(records: Iterable[bytes]) -> list[bytes]:
    """What the records hold, for the message of a failure."""
    return [bytes(record.payload) for one in records for record in iter_records(one)]


def _books(feed: Feed) -> list[tuple[Any, ...]]:
    return [
        (
            view.id,
            view.definition,
            view.state,
            view.epoch,
            view.bound,
            view.book.bids(),
            view.book.asks(),
            len(view.book),
            view.book.crossed,
            view.book.best_bid,
            view.book.best_ask,
            [view.book.bound(side, 10) for side in (BID, ASK)],
        )
        for view in feed.instruments()
    ]


def _counted(feed: Feed) -> dict[str, int]:
    return {name: n for name, n in attrs.asdict(feed.counts).items() if name != "fallback_frames"}


class Twin:
    """Two feeds of the same shard; ``slow``: frames that the compiled one left to its reference path."""

    def __init__(self, kits: Mapping[str, VenueKit], shard: int = 0) -> None:
        self.compiled = _Watched(kits, shard)
        self.reference = Feed(kits, shard, reference=True)

    @property
    def slow(self) -> int:
        """Frames so far that the scanner, or `advance`, did not take."""
        return self.compiled.slow

    def take(self, records: Sequence[bytes], *, singly: bool = False) -> Reading:
        """Feed one block, to the reference path a record at a time when ``singly``; what came out."""
        block = b"".join(records)
        if singly:
            expected = Reading()
            for record in records:
                _extend(expected, _reading(self.reference.feed(record)))
            raw = b""
        else:
            output = self.reference.feed(block)
            expected, raw = _reading(output), bytes(output.messages)
        output = self.compiled.feed(block)
        found = _reading(output)
        if found != expected:
            said = f"after {payloads(records)}"
            assert found.events() == expected.events(), said
            for name in ("rows", "messages", "mono_ns", "commands", "notices"):
                assert getattr(found, name) == getattr(expected, name), f"{name} {said}"
        assert singly or output.messages == raw, f"messages after {payloads(records)}"
        due = self.compiled.next_deadline_ns()
        assert due == self.reference.next_deadline_ns(), f"deadline after {payloads(records)}"
        return expected

    def settle(self, frames: Sequence[bytes] = ()) -> None:
        """Compare the state; ``frames`` are for the message of a failure."""
        said = f"after {list(frames)}"
        assert _counted(self.compiled) == _counted(self.reference), said
        assert _books(self.compiled) == _books(self.reference), said
        assert self.compiled.definitions == self.reference.definitions, said
        assert self.compiled.checkpoint() == self.reference.checkpoint(), said

    def states(self) -> dict[str, str]:
        """The state of each book by instrument; the compiled feed is not asked."""
        return {view.id: view.state.name for view in self.reference.instruments()}


def _reading(output: Output) -> Reading:
    """A copy of what one call gave."""
    return Reading(
        bytearray(output.rows),
        list(iter_messages(output.messages)),
        list(output.mono_ns),
        list(output.commands),
        list(output.notices),
    )


def _extend(said: Reading, part: Reading) -> None:
    base = len(said.rows) // 64
    said.messages += [message._replace(first_row=message.first_row + base) for message in part.messages]
    said.rows += part.rows
    for name in ("mono_ns", "commands", "notices"):
        getattr(said, name).extend(getattr(part, name))


def twin_over(
    kits: Mapping[str, VenueKit], records: Sequence[bytes], draw: random.Random, *, most: int = 60
) -> tuple[Twin, Reading]:
    """Both paths over a log cut at random, in blocks of at most ``most`` records; compared with an uncut
    compiled one as well.
    """
    twin, said, place = Twin(kits), Reading(), 0
    while place < len(records):
        block = records[place : place + draw.randint(1, most)]
        part = twin.take(block, singly=draw.random() < 0.2)
        _extend(said, part)
        if draw.random() < 0.1:
            twin.settle(payloads(block))
        place += len(block)
    twin.settle()
    uncut = Feed(kits)
    assert _reading(uncut.feed(b"".join(records))) == said
    assert uncut.checkpoint() == twin.reference.checkpoint()
    assert _counted(uncut) == _counted(twin.reference)
    return twin, said


def kraken_log(
    *,
    symbols: Sequence[str] = SYMBOLS,
    depth: int = 10,
    live: bool = True,
    untimed: bool = False,
    discover: bool = False,
) -> ToyLog:
    """A log that begins with the configuration and an open connection."""
    subscriptions = tuple(
        Subscription(f"kraken:{symbol}", symbol, channel, depth if channel == "book" else None)
        for channel in ("book", "trade", "ticker")
        for symbol in symbols
    )
    config = FeedConfig(
        venue="kraken",
        subscriptions=() if discover else subscriptions,
        wall0_ns=1_790_000_000_000_000_000,
        mono0_ns=1_000_000_000,
        discover=discover,
        untimed=untimed,
        live=live,
    )
    log = ToyLog(config.to_json())
    log.open(0, "wss://ws.kraken.com/v2")
    return log


class Market:
    """The venue's side of one pair: a book and its checksum, and frames of both versions about it."""

    def __init__(self, symbol: str = "BTC/USD", price: str = "50000.0", depth: int = 10) -> None:
        self.symbol, self.old_name, self.depth = symbol, OLD_NAMES[symbol], depth
        self.sides: dict[int, dict[str, str]] = {BID: {}, ASK: {}}
        self.trade_id = 100
        middle, self.tick = Decimal(price), Decimal(1).scaleb(Decimal(price).as_tuple().exponent)  # type: ignore[arg-type]
        for n in range(1, depth + 1):
            self.sides[BID][str(middle - n * self.tick)] = f"{n}.50000000"
            self.sides[ASK][str(middle + n * self.tick)] = f"0.{n:08d}"

    def best(self, side: int, n: int = 10) -> list[tuple[str, str]]:
        """The best levels of a side."""
        return sorted(self.sides[side].items(), key=lambda level: Decimal(level[0]) * -side)[:n]

    def checksum(self) -> int:
        """The venue's checksum of the book as it is."""
        levels = [*self.best(ASK), *self.best(BID)]
        return zlib.crc32(
            "".join(text.replace(".", "").lstrip("0") for level in levels for text in level).encode()
        )

    def change(self, side: int, price: str, size: str) -> None:
        """Set a level and cut the side to the depth."""
        self.sides[side].pop(price, None)
        if Decimal(size):
            self.sides[side][price] = size
        self.sides[side] = dict(self.best(side, self.depth))

    def changes(self, draw: random.Random | None = None, count: int = 2) -> list[tuple[int, str, str]]:
        """Change the book; the levels that changed."""
        draw = draw or random.Random(len(self.sides[BID]))
        told = []
        for _ in range(count):
            side = draw.choice([BID, ASK])
            price = draw.choice(self.best(side))[0]
            size = f"{draw.randrange(1, 10**9) / 10**8:.8f}"
            self.change(side, price, size)
            told.append((side, price, size))
        return told

    def snapshot(self) -> bytes:
        """A snapshot of version 2."""
        return self.book_v2(
            [(s, *level) for s in (BID, ASK) for level in self.best(s, self.depth)], "snapshot"
        )

    def update(self, draw: random.Random | None = None) -> bytes:
        """An update of version 2 after random changes."""
        return self.book_v2(self.changes(draw))

    def book_v2(self, levels: Sequence[tuple[int, str, str]], kind: str = "update") -> bytes:
        """A book frame of version 2 with the present checksum."""
        return f'{{"channel":"book","type":"{kind}","data":[{self.entry_v2(levels)}]}}'.encode()

    def entry_v2(self, levels: Sequence[tuple[int, str, str]]) -> str:
        """The object of this pair in such a frame."""
        bids, asks = (
            ",".join(f'{{"price":{price},"qty":{size}}}' for one, price, size in levels if one == side)
            for side in (BID, ASK)
        )
        return (
            f'{{"symbol":"{self.symbol}","bids":[{bids}],"asks":[{asks}],'
            f'"checksum":{self.checksum()},"timestamp":"{TIME}"}}'
        )

    def book_v1(self, levels: Sequence[tuple[int, str, str]], *, split: bool = False) -> bytes:
        """A book frame of version 1 with the present checksum, a side in each object when ``split``."""
        sides: dict[str, Any] = {
            key: [[price, size, "1618678123.481570"] for one, price, size in levels if one == side]
            for key, side in (("a", ASK), ("b", BID))
        }
        parts = [{key: side} for key, side in sides.items()] if split else [sides]
        parts[-1]["c"] = str(self.checksum())
        body = [1360, *parts, f"book-{self.depth}", self.old_name]
        return json.dumps(body, separators=(",", ":")).encode()

    def trade(self, count: int = 1) -> bytes:
        """The next trades in version 2."""
        return f'{{"channel":"trade","type":"update","data":[{self.trades(count)}]}}'.encode()

    def trades(self, count: int = 1) -> str:
        """The objects of the next trades."""
        prints = []
        for _ in range(count):
            self.trade_id += 1
            prints.append(
                f'{{"symbol":"{self.symbol}","side":"{("buy", "sell")[self.trade_id % 2]}",'
                f'"price":{self.best(ASK)[0][0]},"qty":0.{self.trade_id:08d},"ord_type":"market",'
                f'"trade_id":{self.trade_id},"timestamp":"{TIME}"}}'
            )
        return ",".join(prints)

    def ticker(self) -> bytes:
        """The best prices in version 2."""
        (bid, bid_size), (ask, ask_size) = self.best(BID)[0], self.best(ASK)[0]
        return (
            f'{{"channel":"ticker","type":"update","data":[{{"symbol":"{self.symbol}","bid":{bid},'
            f'"bid_qty":{bid_size},"ask":{ask},"ask_qty":{ask_size},"last":{ask},"volume":12.5,'
            f'"timestamp":"{TIME}"}}]}}'
        ).encode()

    def trade_v1(self) -> bytes:
        """Trades in version 1."""
        price = self.best(BID)[0][0]
        return (
            f'[993,[["{price}","0.89594024","1618678142.557535","s","l",""],'
            f'["{price}","1.00000000","1618678142.557600","b","m",""]],"trade","{self.old_name}"]'
        ).encode()

    def ticker_v1(self) -> bytes:
        """The best prices in version 1."""
        (bid, bid_size), (ask, ask_size) = self.best(BID)[0], self.best(ASK)[0]
        return (
            f'[1668,{{"a":["{ask}",35,"{ask_size}"],"b":["{bid}",185,"{bid_size}"],"c":["1","2"]}},'
            f'"ticker","{self.old_name}"]'
        ).encode()

    def introduction(self) -> list[bytes]:
        """Frames after which every stream is connected and every name known."""
        return [
            self.snapshot(),
            self.update(),
            self.book_v1(self.changes()),
            self.trade(),
            self.trade_v1(),
            self.ticker(),
            self.ticker_v1(),
        ]
