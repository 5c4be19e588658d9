"""The venue's hash of a whole book: SHA-1 over compact JSON, levels in the order of the message.

    {"market":"0x…","asset_id":"6519…","timestamp":"1778997825875","hash":"","bids":[{"price":"0.001",
     "size":"5579792.8"},…],"asks":[…],"min_order_size":"5","tick_size":"0.001","neg_risk":true,
     "last_trade_price":"0.006"}

Usually that is from the worst to the best. Keys that the venue did not have at the time are left out:
the four after the asks in 2024, the last one in October 2025. REST tells every key: its hash is proved
or refuted. WebSocket messages leave some out: then the forms that fit are tried. A hash that matches one
is proved; one that matches none is not known to be wrong, since ``last_trade_price`` may already be that
of a later trade.

Source: Polymarket/py-clob-client ``py_clob_client/utilities.py``, read 2026-11-21; recordings of
2024-12-05 and 2025-10-23, REST answers of 2026-05-17.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from mm_framework.contracts.sync_engine import HashText
from mm_framework.model.book import Book, Level
from mm_framework.model.fixed import text

__all__ = ["HASH_TEXT", "BookHash", "Told"]

TICKS: Final = ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001")
"""Tick sizes that were seen: tried where a message does not tell."""

MIN_SIZE: Final = "5"
"""The least order of the books that were seen: tried where a message does not tell."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message says that its hash covers, beside the levels; None where it is silent.

    ``bids_best_first``, ``asks_best_first``: the message has that side in the other order than usual.
    """

    hash: str
    market: str
    timestamp: str
    min_order_size: str | None = None
    tick_size: str | None = None
    neg_risk: bool | None = None
    last_trade_price: str | None = None
    bids_best_first: bool = False
    asks_best_first: bool = False

    def encode(self) -> str:
        """As the ``digest`` of a message."""
        return _encoder.encode(self).decode()

    @property
    def complete(self) -> bool:
        """Whether it is told all that REST tells: then nothing is to be tried."""
        return None not in (self.min_order_size, self.tick_size, self.neg_risk)


class BookHash:
    """Implements `contracts.sync_engine.HashCheck`."""

    def verify(self, book: Book, scales: tuple[int, int], told: str, venue_symbol: str) -> bool | None:
        """Whether the hash is that of ``book``; None when it matches no form and not all is told."""
        message = _decoder.decode(told)
        begun = hashlib.sha1(
            _levels_text(book, scales, message, venue_symbol).encode(), usedforsecurity=False
        )
        for ending in _endings(message):
            digest = begun.copy()
            digest.update(ending.encode())
            if digest.hexdigest() == message.hash:
                return True
        return False if message.complete else None


def _levels_text(book: Book, scales: tuple[int, int], message: Told, token: str) -> str:
    bids = _side(book.bids(), scales, best_first=message.bids_best_first)
    asks = _side(book.asks(), scales, best_first=message.asks_best_first)
    return (
        f'{{"market":"{message.market}","asset_id":"{token}","timestamp":"{message.timestamp}","hash":"",'
        f'"bids":[{bids}],"asks":[{asks}]'
    )


def _side(levels: list[Level], scales: tuple[int, int], *, best_first: bool) -> str:
    ordered = levels if best_first else reversed(levels)
    return ",".join([_level(*level, *scales) for level in ordered])


def _level(price: int, size: int, price_scale: int, size_scale: int) -> str:
    return f'{{"price":"{_price(price, price_scale)}","size":"{text(size, size_scale)}"}}'


_price: Final = lru_cache(maxsize=1 << 12)(text)
"""Prices lie between 0 and 1: few differ. Sizes do, and a cache of them would take tens of MB."""


def _endings(message: Told) -> Iterator[str]:
    """The forms of what comes after the levels."""
    last = message.last_trade_price
    lasts = [None] if last is None else [f',"last_trade_price":"{last}"', None]
    ticks = TICKS if message.tick_size is None else (message.tick_size,)
    sizes = message.min_order_size if message.min_order_size is not None else MIN_SIZE
    risks = (False, True) if message.neg_risk is None else (message.neg_risk,)
    for tick in ticks:
        for risk in risks:
            for trade in lasts[:1] if message.complete else lasts:
                fields = f',"min_order_size":"{sizes}","tick_size":"{tick}","neg_risk":{str(risk).lower()}'
                yield f"{fields}{trade or ''}}}"
    if not message.complete:
        yield "}"


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Told)

HASH_TEXT: Final = HashText(
    head=(
        '{"market":"', "market", '","asset_id":"', "symbol", '","timestamp":"', "time",
        '","hash":"","bids":[',
    ),
    level=('{"price":"', '","size":"', '"}'),
    between='],"asks":[',
    endings=tuple(f"]{ending}" for ending in _endings(Told("", "", ""))),
)  # fmt: skip
"""What the hash of a price change covers, for kernels: such a message tells none of the last four fields."""
