"""The content of a comparison: one market in every form of the wire that is measured.

    make("kraken", folder, depth=10, part=1.0)
    folder/v1.txt, v2.txt     what a peer reads, a frame a line
    folder/v1, v2             the same as run bundles, for us

Kraken: ``v1`` and ``v2``, the versions of its WebSocket. Binance: ``combined``, its only form; the file
begins with the body of the REST snapshot. Bitfinex: ``seq``, frames with numbers, and ``full``, with
times and checksums besides, which is what we ask the venue for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec
from content import bundle, emulate
from venues import Heard

__all__ = ["VENUES", "Made", "make", "version_1"]


@attrs.frozen
class Made:
    """What was made: ``frames`` with books by form, ``what`` they are."""

    frames: dict[str, int]
    what: str


def make(venue: str, folder: Path, depth: int, part: float) -> Made:
    """All forms of a venue's content in ``folder``; ``depth`` is for Kraken, ``part``: how much of it."""
    return VENUES[venue](folder, depth, part)


def _kraken(folder: Path, depth: int, part: float) -> Made:
    """Both bundles hold the requests and acknowledgements, too: they tell the depth of a v2 book."""
    heard = emulate(f"book{depth}", part)
    asked = [one for one in heard if one.direction == "out" or b'"subscribe"' in one.payload]
    received = [one for one in heard if one.direction == "in" and b'"book"' in one.payload]
    old = [(one, version_1(one.payload, depth)) for one in received]
    books = [(one, one._replace(payload=frame)) for one, frame in old if frame is not None]
    _put(folder, "v1", "kraken", [one for _, one in books])
    _put(folder, "v2", "kraken", [one for one, _ in books], asked)
    return Made(
        {"v1": len(books), "v2": len(books)},
        f"Kraken BTC/EUR, {len(books)} book frames of depth {depth},"
        f" {_mean([one for one, _ in books])} bytes each in v2 in the mean",
    )


def _binance(folder: Path, depth: int, part: float) -> Made:
    """From the REST snapshot on: what came before it is in it."""
    heard = emulate("binance", part)
    at = next(place for place, one in enumerate(heard) if one.direction == "http")
    snapshot, updates = heard[at], heard[at + 1 :]
    _put(
        folder,
        "combined",
        "binance",
        [snapshot, *updates],
        [one for one in heard[:at] if b'"id"' in one.payload],
    )
    return Made(
        {"combined": len(updates)},
        f"Binance BTC/USDT, a REST snapshot and {len(updates)} updates of the whole book,"
        f" {_mean(updates)} bytes each in the mean",
    )


def _bitfinex(folder: Path, depth: int, part: float) -> Made:
    frames, means = {}, {}
    for wire, name in (("seq", "bitfinex_seq"), ("full", "bitfinex")):
        heard = emulate(name, part)
        received = [one for one in heard if one.direction == "in"]
        _put(folder, wire, "bitfinex", received, [one for one in heard if one.direction == "out"])
        books = [one for one in received if one.payload.startswith(b"[")]
        frames[wire], means[wire] = len(books), _mean(books)
    sizes = ", ".join(f"{size} bytes each in {wire}" for wire, size in means.items())
    return Made(frames, f"Bitfinex tBTCUSD, {frames['seq']} book frames of precision P0, in the mean {sizes}")


def _put(folder: Path, wire: str, venue: str, received: Sequence[Heard], asked: Sequence[Heard] = ()) -> None:
    """``received`` is for peers and us; ``asked``, for us, tells what was subscribed."""
    (folder / f"{wire}.txt").write_bytes(b"".join(one.payload + b"\n" for one in received))
    bundle(sorted([*asked, *received], key=lambda one: one.wall_ns), folder / wire, venue)


def _mean(frames: Sequence[Heard]) -> int:
    return sum(len(one.payload) for one in frames) // len(frames)


VENUES: Final[dict[str, Callable[[Path, int, float], Made]]] = {
    "kraken": _kraken,
    "binance": _binance,
    "bitfinex": _bitfinex,
}


class _Book(msgspec.Struct):
    symbol: str
    bids: list[dict[str, Decimal]]
    asks: list[dict[str, Decimal]]
    checksum: int
    timestamp: str


class _Frame(msgspec.Struct):
    channel: str
    type: str = "update"
    data: msgspec.Raw = msgspec.Raw(b"[]")


_frames: Final = msgspec.json.Decoder(_Frame)
_books: Final = msgspec.json.Decoder(list[_Book])


def version_1(frame: bytes, depth: int) -> bytes | None:
    """A book frame of Kraken's WebSocket v2 as v1 wrote it; None for a frame of another kind.

    The digits, the levels, their order and the checksum are the same. In v1 numbers are texts, every
    level has a time, and a snapshot has no checksum.
    """
    try:
        head = _frames.decode(frame)
    except msgspec.ValidationError:
        return None
    if head.channel != "book":
        return None
    (book,) = _books.decode(head.data)
    at = f"{datetime.fromisoformat(book.timestamp).timestamp():.6f}"
    sides = {
        name: [[str(level["price"]), f"{level['qty']:f}", at] for level in levels]
        for name, levels in (("a", book.asks), ("b", book.bids))
    }
    parts: list[dict[str, Any]]
    if head.type == "snapshot":
        parts = [{"as": sides["a"], "bs": sides["b"]}]
    else:
        parts = [{name: levels} for name, levels in sides.items() if levels]
        parts[-1]["c"] = str(book.checksum)
    symbol = book.symbol.replace("BTC", "XBT")
    return msgspec.json.encode([336, *parts, f"book-{depth}", symbol])
