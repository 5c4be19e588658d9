"""The venues that are measured, and listening to an emulated one.

heard = listen(Recipe("kraken", ("kraken:BTC/EUR",), ("book",), 10, 250.0, MarketSettings()), part=1.0)
write(heard, path)      # a file that `mm import` reads
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

import attrs

from mm_binance.adapter import BinanceAdapter
from mm_binance.emulator import BinanceDialect
from mm_binance.markets import SPOT
from mm_binance.normalizer import BinanceNormalizer
from mm_binance.sync import rules_of
from mm_bitfinex.adapter import BitfinexAdapter
from mm_bitfinex.emulator import BitfinexDialect
from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_bitfinex.sync import RULES as BITFINEX_RULES
from mm_framework.contracts.adapter import SnapshotSource, Subscription
from mm_framework.contracts.emulator import Dialect
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import VenueKit
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.sync import RULES as KRAKEN_RULES
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.settings import PolymarketSettings
from mm_polymarket.sync import RULES as POLYMARKET_RULES

__all__ = ["KITS", "START_NS", "Heard", "Recipe", "listen", "write"]

START_NS: Final = 1_790_000_000_000_000_000
"""The wall clock when a recording starts: 2026-09-21, in whole seconds."""

SEED: Final = 1

KITS: Final = {
    "binance": VenueKit(BinanceAdapter(SPOT), BinanceNormalizer(SPOT), rules_of(SPOT)),
    "bitfinex": VenueKit(BitfinexAdapter(), BitfinexNormalizer(), BITFINEX_RULES),
    "kraken": VenueKit(KrakenAdapter(), KrakenNormalizer(), KRAKEN_RULES),
    "polymarket": VenueKit(
        PolymarketAdapter(PolymarketSettings(custom_features=False)), PolymarketNormalizer(), POLYMARKET_RULES
    ),
}

DIALECTS: Final[dict[str, Callable[[], Dialect]]] = {
    "binance": lambda: BinanceDialect(SPOT),
    "bitfinex": BitfinexDialect,
    "kraken": KrakenDialect,
    "polymarket": PolymarketDialect,
}


class Heard(NamedTuple):
    """At ``wall_ns``: a message of ours (``out``), a frame (``in``), the body of a REST answer (``http``)."""

    wall_ns: int
    direction: Literal["in", "out", "http"]
    payload: bytes
    url: str = ""


@attrs.frozen
class Recipe:
    """How a recording is made.

    ``seconds`` of venue time for a whole measurement; ``depth`` None: whole books; ``first``: messages
    before the subscriptions; ``snapshot_s``: when each book's REST snapshot is asked for, None: never.
    """

    venue: str
    instruments: tuple[str, ...]
    channels: tuple[str, ...]
    depth: int | None
    seconds: float
    market: MarketSettings
    first: tuple[bytes, ...] = ()
    snapshot_s: float | None = None


def listen(recipe: Recipe, part: float) -> list[Heard]:
    """Connect, subscribe, and listen for ``part`` of the recipe's seconds; twice the same bytes."""
    adapter, dialect = KITS[recipe.venue].adapter, DIALECTS[recipe.venue]()
    symbols = [adapter.venue_symbol(instrument) for instrument in recipe.instruments]
    listings = {one.symbol: one for one in map(dialect.listing, symbols)}
    venue = VenueEmulator(
        dialect, list(listings.values()), seed=SEED, settings=recipe.market, wall_ns=START_NS
    )
    wanted = [
        Subscription(instrument, symbol, channel.name, recipe.depth if channel.depths else None)
        for name in recipe.channels
        for channel in adapter.channels
        if channel.name == name
        for instrument, symbol in zip(recipe.instruments, symbols, strict=True)
    ]
    heard: list[Heard] = []
    connection = venue.connect(0, dialect.paths[0])
    for number, message in enumerate([*recipe.first, *adapter.subscribe(wanted, 1)], 1):
        at_ns = number * 1_000_000
        venue.receive(connection, message, at_ns)
        heard.append(Heard(START_NS + at_ns, "out", message))
    if recipe.snapshot_s is not None:
        heard += _snapshots(venue, adapter, wanted, round(recipe.snapshot_s * 1e9))
    venue.advance(round(recipe.seconds * part * 1e9))
    heard += [
        Heard(START_NS + action.at_ns, "in", action.payload)
        for action in venue.drain()
        if isinstance(action, SendFrame)
    ]
    return sorted(heard, key=lambda one: (one.wall_ns, one.direction == "in"))


def _snapshots(
    venue: VenueEmulator, adapter: object, books: Sequence[Subscription], at_ns: int
) -> list[Heard]:
    source, heard = cast("SnapshotSource", adapter), []
    for book in books:
        asked = urlsplit(url := source.snapshot_request(book).url)
        body = venue.http("GET", asked.path, dict(parse_qsl(asked.query)), at_ns).body
        heard.append(Heard(START_NS + at_ns, "http", body, url))
    return heard


def write(heard: Sequence[Heard], path: Path) -> Path:
    """Write a file of format ``recorder``."""

    def line(wall_ns: int, **rest: str) -> str:
        seconds, ns = divmod(wall_ns, 10**9)
        return json.dumps({"ts": f"{seconds}.{ns:09d}", **rest}) + "\n"

    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(line(heard[0].wall_ns, dir="open", url="ws://emulated.invalid"))
        for one in heard:
            told = {"url": one.url} if one.url else {}
            file.write(line(one.wall_ns, dir=one.direction, **told, raw=one.payload.decode()))
    return path
