"""The checksum of a message against the book: of each side's text only what has changed is made anew.

A venue's text is one side behind the other (unless it interleaves them). A message mostly changes one
side; the other one's text and, where it stands first, its CRC are kept with the instrument until the
side's version changes.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.book import book_top, book_version
from mm_framework.kernels.checksum import checksum_levels, side_text
from mm_framework.kernels.crc import crc32
from mm_framework.kernels.jit import helper
from mm_framework.kernels.layout import (
    CHECKSUM_ASKS_FIRST,
    CHECKSUM_MIXED,
    CTX_CHECKSUM,
    CTX_CHECKSUM_DEPTH,
    CTX_CHECKSUM_SIDES,
    CTX_CHECKSUM_SIGNED,
    CTX_SCRATCH,
    INSTRUMENT_ASKS,
    INSTRUMENT_BIDS,
    INSTRUMENT_BOOK,
    INSTRUMENT_PRICE_DECIMALS,
    INSTRUMENT_PRICE_SCALE,
    INSTRUMENT_SIZE_DECIMALS,
    INSTRUMENT_SIZE_SCALE,
    SIDE_BOUND,
    SIDE_CRC,
    SIDE_LENGTH,
    SIDE_TEXT,
    SIDE_VERSION,
)
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.fixed import MAX, NULL

__all__ = ["checksum_of"]

_SIGN_BIT: Final = 1 << 31


@helper
def _bound(levels: int, count: int, depth: int, side: int) -> int:
    """The price of the last level that a checksum covers; one beyond all prices when it covers them all."""
    if count == depth:
        return load_i8(levels + (depth - 1) * 16)
    return 0 if side > 0 else MAX


@helper
def _refresh(ctx: int, instrument: int, kept: int, side: int) -> int:
    """Bring a side's text up to date; 0 when a value has more decimals than are printed."""
    book = load_i8(instrument + INSTRUMENT_BOOK)
    version = book_version(book, side)
    if load_i8(kept + SIDE_VERSION) == version:
        return 1
    depth, levels, text = (
        load_i8(ctx + CTX_CHECKSUM_DEPTH),
        load_i8(ctx + CTX_SCRATCH),
        load_i8(kept + SIDE_TEXT),
    )
    count = book_top(book, side, depth, levels)
    end = side_text(
        load_i8(ctx + CTX_CHECKSUM),
        levels,
        count,
        1 if side < 0 else 0,
        load_i8(instrument + INSTRUMENT_PRICE_SCALE),
        load_i8(instrument + INSTRUMENT_SIZE_SCALE),
        load_i8(instrument + INSTRUMENT_PRICE_DECIMALS),
        load_i8(instrument + INSTRUMENT_SIZE_DECIMALS),
        text,
    )
    if end == 0:
        return 0
    store_8(kept + SIDE_LENGTH, end - text)
    store_8(kept + SIDE_BOUND, _bound(levels, count, depth, side))
    store_8(kept + SIDE_CRC, -1)
    store_8(kept + SIDE_VERSION, version)
    return 1


@helper
def _mixed(ctx: int, instrument: int) -> int:
    """The checksum of a text in which the sides are not apart, or with something between them."""
    book, depth = load_i8(instrument + INSTRUMENT_BOOK), load_i8(ctx + CTX_CHECKSUM_DEPTH)
    bids = load_i8(ctx + CTX_SCRATCH)
    asks = bids + depth * 16
    n_bids, n_asks = book_top(book, 1, depth, bids), book_top(book, -1, depth, asks)
    store_8(instrument + INSTRUMENT_BIDS + SIDE_BOUND, _bound(bids, n_bids, depth, 1))
    store_8(instrument + INSTRUMENT_ASKS + SIDE_BOUND, _bound(asks, n_asks, depth, -1))
    return checksum_levels(
        load_i8(ctx + CTX_CHECKSUM),
        bids,
        n_bids,
        asks,
        n_asks,
        load_i8(instrument + INSTRUMENT_PRICE_SCALE),
        load_i8(instrument + INSTRUMENT_SIZE_SCALE),
        load_i8(instrument + INSTRUMENT_PRICE_DECIMALS),
        load_i8(instrument + INSTRUMENT_SIZE_DECIMALS),
        asks + depth * 16,
    )


@helper
def checksum_of(ctx: int, instrument: int) -> int:
    """The venue's number for the book; NULL when a value has more decimals than are printed.

    Leaves the bounds of what it covers in SIDE_BOUND of both sides.
    """
    order = load_i8(ctx + CTX_CHECKSUM_SIDES)
    if order == CHECKSUM_MIXED:
        return _mixed(ctx, instrument)
    bids, asks = instrument + INSTRUMENT_BIDS, instrument + INSTRUMENT_ASKS
    if _refresh(ctx, instrument, bids, 1) == 0 or _refresh(ctx, instrument, asks, -1) == 0:
        return NULL
    first, second = (asks, bids) if order == CHECKSUM_ASKS_FIRST else (bids, asks)
    crc = load_i8(first + SIDE_CRC)
    if crc < 0:
        crc = crc32(0, load_i8(first + SIDE_TEXT), load_i8(first + SIDE_LENGTH))
        store_8(first + SIDE_CRC, crc)
    crc = crc32(crc, load_i8(second + SIDE_TEXT), load_i8(second + SIDE_LENGTH))
    return crc - 2 * (crc & _SIGN_BIT) if load_i8(ctx + CTX_CHECKSUM_SIGNED) else crc
