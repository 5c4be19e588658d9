"""What is measured on: recordings of emulated venues from a fixed seed, each imported as a run bundle.

    book10  book25   Kraken BTC/EUR, book updates of depth 10 and 25 and nothing else
    deep             Kraken BTC/EUR, every level of the book: nothing is ever cut off
    mixed            Kraken BTC/EUR and ADA/EUR: books of depth 25, trades, tickers
    prints           the trades and tickers of the same two
    binance          Binance BTC/USDT, updates of the whole book every 100 ms, joined to a REST snapshot
    bitfinex         Bitfinex tBTCUSD, book P0 of length 100: a level a frame, numbers, times, checksums
    bitfinex_seq     the same without times and checksums
    polymarket       Polymarket, one market: changes of the books of both its tokens

Most Kraken updates carry one or two levels. A frame of ``book10`` has 197 bytes and 1.4 levels in the mean;
recordings of the venue have 194 bytes and 1.3 levels (BTC/USD, depth 10, 2023-07-30), 212 bytes and 2.0
levels (MINA/GBP, depth 25, 2026-08-16). As in these, no update changes both sides. An update of Binance
has about 40 levels in 1.4 KB, a frame of Bitfinex about 50 bytes, one of Polymarket about 600.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
from venues import KITS, Heard, Recipe, listen, write

from mm_bitfinex import table
from mm_bitfinex.requests import conf
from mm_framework.bundle.frames import ShardReader
from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import Run, open_run
from mm_framework.emulator.settings import MarketSettings
from mm_framework.model.frame import RecordKind, encode_json, iter_records
from mm_polymarket.emulator_listings import TOKENS, identity

__all__ = ["RECIPES", "SHARD", "Content", "bundle", "emulate", "load", "make"]

SHARD: Final = 0

_ONE: Final = ("kraken:BTC/EUR",)
_TWO: Final = ("kraken:BTC/EUR", "kraken:ADA/EUR")
_BITCOIN: Final = ("bitfinex:BTC/USD",)
_TOKENS: Final = (f"polymarket:{TOKENS[0]}", f"polymarket:{identity(TOKENS[0]).market.no}")
_NUMBERS: Final = encode_json({"event": "conf", "flags": table.SEQUENCE})

RECIPES: Final = {
    "book10": Recipe("kraken", _ONE, ("book",), 10, 250.0, MarketSettings(rate=400.0, levels=80)),
    "book25": Recipe("kraken", _ONE, ("book",), 25, 120.0, MarketSettings(rate=400.0, levels=80)),
    "deep": Recipe("kraken", _ONE, ("book",), 1000, 20.0, MarketSettings(rate=400.0, levels=400)),
    "mixed": Recipe(
        "kraken", _TWO, ("book", "trade", "ticker"), 25, 40.0, MarketSettings(rate=150.0, levels=80)
    ),
    "prints": Recipe("kraken", _TWO, ("trade", "ticker"), None, 160.0, MarketSettings(rate=150.0, levels=80)),
    "binance": Recipe(
        "binance",
        ("binance:BTC/USDT",),
        ("depth",),
        None,
        600.0,
        MarketSettings(rate=485.0, levels=800, quiet_factor=0.5, burst_factor=2.0),
        snapshot_s=0.55,
    ),
    "bitfinex": Recipe(
        "bitfinex",
        _BITCOIN,
        ("book",),
        100,
        90.0,
        MarketSettings(rate=400.0, levels=200),
        first=(conf(bulk=False),),
    ),
    "bitfinex_seq": Recipe(
        "bitfinex",
        _BITCOIN,
        ("book",),
        100,
        90.0,
        MarketSettings(rate=400.0, levels=200),
        first=(_NUMBERS,),
    ),
    "polymarket": Recipe(
        "polymarket",
        _TOKENS,
        ("book",),
        None,
        20.0,
        MarketSettings(rate=400.0, levels=80, trade_share=0.0),
    ),
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


def emulate(name: str, part: float = 1.0) -> list[Heard]:
    """The recording of a recipe, or the first ``part`` of it."""
    return listen(RECIPES[name], part)


def bundle(heard: Sequence[Heard], path: Path, venue: str) -> None:
    """Import a recording as a bundle at ``path``."""
    file = write(heard, path.with_suffix(".ndjson"))
    import_recording(ImportRequest((file,), venue, path), KITS[venue], created="", made_by="benchmarks")


def make(folder: Path, part: float) -> None:
    """Every recording as a bundle in ``folder``; ``part``: how much of each."""
    for name, recipe in RECIPES.items():
        bundle(emulate(name, part), folder / name, recipe.venue)


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
