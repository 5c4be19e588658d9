"""What is measured on: recordings of the emulated Kraken from a fixed seed, each imported as a run bundle.

    book10  book25   BTC/EUR, book updates of depth 10 and 25 and nothing else
    deep             BTC/EUR, every level of the book: nothing is ever cut off
    mixed            BTC/EUR and ADA/EUR: books of depth 25, trades, tickers
    prints           the trades and tickers of the same two

Most updates carry one or two levels. A frame of ``book10`` has 197 bytes and 1.4 levels in the mean;
recordings of the venue have 194 bytes and 1.3 levels (BTC/USD, depth 10, 2023-07-30), 212 bytes and 2.0
levels (MINA/GBP, depth 25, 2026-08-16). As in these, no update changes both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from mm_framework.bundle.frames import ShardReader
from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import Run, open_run
from mm_framework.emulator.settings import MarketSettings
from mm_framework.feed import VenueKit
from mm_framework.model.frame import RecordKind, iter_records
from mm_framework.testing.recordings import Recorded, record, write_recorder
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.sync import RULES

__all__ = ["KIT", "KITS", "RECIPES", "SHARD", "Content", "bundle", "emulate", "load", "make", "version_1"]

SHARD: Final = 0
KIT: Final = VenueKit(KrakenAdapter(), KrakenNormalizer(), RULES)
KITS: Final = {"kraken": KIT}

_ONE: Final = ("kraken:BTC/EUR",)
_TWO: Final = ("kraken:BTC/EUR", "kraken:ADA/EUR")


@attrs.frozen
class Recipe:
    """How a recording is made; ``seconds`` of venue time for a whole measurement."""

    instruments: tuple[str, ...]
    channels: tuple[str, ...]
    depth: int | None
    seconds: float
    market: MarketSettings


RECIPES: Final = {
    "book10": Recipe(_ONE, ("book",), 10, 250.0, MarketSettings(rate=400.0, levels=80)),
    "book25": Recipe(_ONE, ("book",), 25, 120.0, MarketSettings(rate=400.0, levels=80)),
    "deep": Recipe(_ONE, ("book",), 1000, 20.0, MarketSettings(rate=400.0, levels=400)),
    "mixed": Recipe(_TWO, ("book", "trade", "ticker"), 25, 40.0, MarketSettings(rate=150.0, levels=80)),
    "prints": Recipe(_TWO, ("trade", "ticker"), None, 160.0, MarketSettings(rate=150.0, levels=80)),
}


@attrs.frozen
class Content:
    """A recording: the venue's ``frames``, the bundle ``run`` and all its encoded ``records``."""

    name: str
    frames: list[bytes]
    run: Run
    records: list[bytes]

    def blocks(self) -> list[bytes]:
        """The log in memory, in the blocks in which it is read."""
        return [bytes(block) for block in ShardReader(self.run.path / "capture", SHARD).blocks()]


def emulate(name: str, part: float = 1.0) -> list[Recorded]:
    """The recording of a recipe, or the first ``part`` of it."""
    recipe = RECIPES[name]
    return record(
        KIT.adapter,
        KrakenDialect(),
        recipe.instruments,
        channels=recipe.channels,
        depth=recipe.depth,
        seconds=recipe.seconds * part,
        market=recipe.market,
    )


def bundle(recording: Sequence[Recorded], path: Path) -> None:
    """Import a recording as a bundle at ``path``."""
    file = write_recorder(recording, path.with_suffix(".ndjson"))
    import_recording(ImportRequest((file,), "kraken", path), KIT, created="", made_by="benchmarks")


def make(folder: Path, part: float) -> None:
    """Every recording as a bundle in ``folder``; ``part``: how much of each."""
    for name in RECIPES:
        bundle(emulate(name, part), folder / name)


def load(folder: Path, name: str) -> Content:
    """A recording that `make` made."""
    run = open_run(folder / name)
    records = [bytes(encoded) for _, encoded in run.records()]
    frames = [
        bytes(one.payload)
        for encoded in records
        for one in iter_records(encoded)
        if one.kind == RecordKind.FRAME
    ]
    return Content(name, frames, run, records)


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
