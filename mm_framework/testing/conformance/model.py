"""A model venue that obeys given rules and nothing else, so that rules can be tried in every order.

`Model` holds the book after each of its numbered updates and writes frames about it; `Desk` feeds them
to a `Feed` in any order: `Desk.say` raises AssertionError when the book is SYNCED and wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import msgspec

from mm_framework.contracts.adapter import Channel, HttpRequest, Proof, Subscription
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.feed import Feed, FeedConfig, VenueKit
from mm_framework.formats.file_adapter import FileAdapter
from mm_framework.model.book import Level, OrderBook
from mm_framework.model.events import ASK, BID, NULL, SyncState
from mm_framework.model.fixed import digits
from mm_framework.model.frame import RecordKind, encode_http, encode_json, encode_record
from mm_framework.sync.checksum import checksum

__all__ = ["Desk", "Item", "Model"]

VENUE = "model"
SYMBOL = "A/B"
SCALES = (2, 3)
MIDDLE = 10_000
STEP = 10
"""Numbers of one update: ``first`` to ``last`` of update n are 10 n - 9 to 10 n."""

Sides = tuple[list[Level], list[Level]]


@attrs.frozen
class Item:
    """What the venue says: ``update`` n, or ``snapshot`` after update n. ``frames`` belong together."""

    kind: str
    n: int
    frames: tuple[bytes, ...]


class Model:
    """The venue's side. ``levels`` a side; a book's best levels change with every update."""

    def __init__(self, rules: SyncRules, updates: int) -> None:
        self.rules = rules
        self.levels = max(5, 0 if rules.checksum is None else rules.checksum.depth)
        self._books = [self._first()]
        self._changes: list[list[tuple[int, int, int]]] = [[]]
        for n in range(1, updates + 1):
            self._change(n)

    @property
    def fetched(self) -> bool:
        """Whether snapshots come over REST."""
        return self.rules.sequence is not None and self.rules.sequence.bridge == "rest"

    def book(self, n: int) -> Sides:
        """``(bids, asks)`` after update n, best first."""
        return self._books[n].bids(), self._books[n].asks()

    def items(self, place: int, snapshot: int) -> list[Item]:
        """All updates in order; after ``place`` of them stands the snapshot after update ``snapshot``."""
        items: list[Item] = []
        number = 0
        for n in range(len(self._books)):
            if n == place:
                items.append(self.snapshot(snapshot, number))
                number += len(items[-1].frames)
            if n + 1 < len(self._books):
                items.append(self.update(n + 1, number))
                number += len(items[-1].frames)
        return items

    def _first(self) -> OrderBook:
        book = OrderBook()
        for n in range(1, self.levels + 1):
            book.apply(BID, MIDDLE - n, 1000 * n)
            book.apply(ASK, MIDDLE + n, 1000 * n + 1)
        return book

    def _change(self, n: int) -> None:
        """Update n gives two of the best levels sizes of its own, and takes one away for the next."""
        book, last = OrderBook(), self._books[-1]
        book.load(last.bids(), last.asks())
        gone = ASK if n % 2 else BID
        sides = {BID: book.bids(), ASK: book.asks()}
        levels = [
            (BID, sides[BID][n % 3][0], 7000 + n),
            (ASK, sides[ASK][(n + 1) % 2][0], 9000 + n),
            (gone, sides[gone][3][0], 0),
            (gone, sides[gone][-1][0] - gone, 500 + n),
        ]
        for level in levels:
            book.apply(*level)
        self._books.append(book)
        self._changes.append(levels)

    def update(self, n: int, number: int) -> Item:
        """Update n, ``number`` frames after the first of the connection."""
        body: dict[str, Any] = {"kind": "update", "levels": self._texts(self._changes[n])}
        body |= {"first": STEP * n - STEP + 1, "last": STEP * n, "prev": STEP * n - STEP}
        return self._item("update", n, body, number)

    def snapshot(self, n: int, number: int) -> Item:
        """The book after update n, ``number`` frames after the first of the connection."""
        bids, asks = self.book(n)
        levels = [(BID, *level) for level in bids] + [(ASK, *level) for level in asks]
        body: dict[str, Any] = {"kind": "snapshot", "levels": self._texts(levels), "last": STEP * n}
        return self._item("snapshot", n, body, number)

    def _item(self, kind: str, n: int, body: dict[str, Any], number: int) -> Item:
        """The frames of a message: one, or with a checksum in a frame of its own two."""
        spec, bodies = self.rules.checksum, [body]
        if spec is not None:
            value = checksum(spec, self._books[n], SCALES, SCALES)
            if spec.when == "own_frame":
                bodies.append({"kind": "update", "levels": [], "checksum": value})
            else:
                body["checksum"] = value
        for place, one in enumerate(bodies):
            one["sequence"] = number + place + 1
        return Item(kind, n, tuple(encode_json(one) for one in bodies))

    def _texts(self, levels: Sequence[tuple[int, int, int]]) -> list[tuple[int, str, str]]:
        return [
            (side, digits(price, SCALES[0], SCALES[0]), digits(size, SCALES[1], SCALES[1]))
            for side, price, size in levels
        ]


class Desk:
    """A `Feed` that follows the model's book. ``levels``: how many of the best a proof covers, None: all."""

    def __init__(self, model: Model, levels: int | None) -> None:
        self.model, self.levels = model, levels
        self.feed = Feed({VENUE: _kit(model)}, reference=True)
        self._records = 0
        self._newest = 0
        self._held: int | None = None
        wanted = Subscription(f"{VENUE}:{SYMBOL}", SYMBOL, "book", model.levels)
        config = FeedConfig(VENUE, subscriptions=(wanted,))
        self._feed(RecordKind.CONTROL, encode_json({"op": "start", "config": config.to_json()}))
        self._feed(RecordKind.OPEN, encode_json({"url": _Adapter().url}))

    @property
    def synced(self) -> bool:
        """Whether the book claims to be the venue's."""
        return any(view.state is SyncState.SYNCED for view in self.feed.instruments())

    def say(self, item: Item) -> None:
        """The venue says this. Raises AssertionError when the book is then SYNCED and wrong."""
        for frame in item.frames:
            if item.kind == "snapshot" and self.model.fetched:
                meta = {"what": "snapshot", "instrument": f"{VENUE}:{SYMBOL}", "status": 200}
                self._feed(RecordKind.HTTP, encode_http(meta, frame))
            else:
                self._feed(RecordKind.FRAME, frame)
        self._newest = max(self._newest, item.n)
        if self.synced:
            self._check(item)
        else:
            self._held = None

    def _check(self, item: Item) -> None:
        """The book is that of this message, or of the newest; or the message is older and was ignored."""
        (view,) = self.feed.instruments()
        found = self._best((view.book.bids(), view.book.asks()))
        allowed = {item.n, self._newest}
        if self._held is not None and item.n <= self._held:
            allowed.add(self._held)
        for n in sorted(allowed):
            if found == self._best(self.model.book(n)):
                self._held = n
                return
        raise AssertionError(f"SYNCED and wrong after {item.kind} {item.n}: the book is {found}")

    def _best(self, sides: Sides) -> Sides:
        return sides[0][: self.levels], sides[1][: self.levels]

    def _feed(self, kind: RecordKind, payload: bytes) -> None:
        self._records += 1
        self.feed.feed(
            encode_record(
                kind, payload, index=self._records, mono_ns=self._records * 1000, wall_ns=self._records
            )
        )


class _Adapter(FileAdapter):
    """Implements `SnapshotSource` too."""

    def __init__(self) -> None:
        super().__init__(VENUE, (Channel("book", "book", Proof("none")),), url="ws://model.invalid")

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        return SCALES

    def snapshot_request(self, subscription: Subscription) -> HttpRequest:
        return HttpRequest("https://model.invalid/book", "snapshot", instrument=subscription.instrument)


class _Body(msgspec.Struct):
    kind: str
    levels: list[tuple[int, str, str]]
    sequence: int
    first: int = NULL
    last: int = NULL
    prev: int = NULL
    checksum: int = NULL


class _Normalizer:
    """Implements `contracts.normalizer.Normalizer`; it tells the numbers that the rules ask for."""

    version = "1"

    def __init__(self, sequence: SequenceSpec | None) -> None:
        self._scope = None if sequence is None else sequence.scope

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        return self._read(frame, out)

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        return self._read(body, out)

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        pass

    def _read(self, frame: bytes, out: MessageWriter) -> FrameClass:
        body = _decoder.decode(frame)
        if self._scope == "connection":
            out.sequence(body.sequence)
        if out.begin("book", "book", SYMBOL, snapshot=body.kind == "snapshot"):
            for level in body.levels:
                out.level(*level)
            numbers = (body.first, body.last, body.prev) if self._scope == "instrument" else (NULL,) * 3
            out.end(first=numbers[0], last=numbers[1], prev=numbers[2], checksum=body.checksum)
        return FrameClass.DATA


_decoder = msgspec.json.Decoder(_Body)


def _kit(model: Model) -> VenueKit:
    rules = attrs.evolve(model.rules, hash=None, trade_ids=False)
    return VenueKit(_Adapter(), _Normalizer(rules.sequence), rules)
