"""A message of a book: its levels into the book, and what proves or refutes it.

Answers are those of `codes`: 0, or why `advance` stops before the frame.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mm_framework.kernels.book import book_best, book_bound, book_count, book_crossed, book_room, book_worst
from mm_framework.kernels.codes import (
    BROKEN,
    COVERED,
    GOOD,
    HASHES_UNVERIFIED,
    HASHES_VERIFIED,
    LEVELS,
    NO_BOOK,
    NO_TEXT,
    NO_UNDO,
    NOT_COVERED,
    SEQUENCE_APPLIED,
    STATE,
    TOPS_COMPARED,
    TOPS_EQUAL,
    UNKNOWN_DELETES,
    UNPROVED,
    VERIFIED,
    tally,
)
from mm_framework.kernels.digest import digest_holds
from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import (
    CTX_CHECKSUM,
    CTX_FULL,
    CTX_HASH,
    CTX_NUMBERED,
    CTX_ONLINE,
    CTX_RESYNC_CROSSED,
    CTX_SEQUENCE,
    HOT_NOT,
    HOT_SYNCED,
    HOT_UNPROVED,
    INSTRUMENT_APPLIED,
    INSTRUMENT_ASKS,
    INSTRUMENT_BIDS,
    INSTRUMENT_BOOK,
    INSTRUMENT_BOUND_ASK,
    INSTRUMENT_BOUND_BID,
    INSTRUMENT_COMPARED,
    INSTRUMENT_DEPTH,
    INSTRUMENT_EQUAL,
    INSTRUMENT_HASH_HELD,
    INSTRUMENT_HASHED,
    INSTRUMENT_HOT_BOOK,
    INSTRUMENT_LAST,
    INSTRUMENT_NOT_HASHED,
    INSTRUMENT_PRICE_DECIMALS,
    INSTRUMENT_PRICE_SCALE,
    INSTRUMENT_SEEN_PRICE,
    INSTRUMENT_SEEN_SIZE,
    INSTRUMENT_SIZE_DECIMALS,
    INSTRUMENT_SIZE_SCALE,
    INSTRUMENT_TOLD,
    INSTRUMENT_UNPROVED,
    INSTRUMENT_WATCHED,
    INSTRUMENT_WINDOW,
    INSTRUMENT_WITNESS,
    ROW_BYTES,
    ROW_PRICE,
    ROW_PRICE_DECIMALS,
    ROW_SIDE,
    ROW_SIZE,
    ROW_SIZE_DECIMALS,
    SEQUENCE_FIRST,
    SEQUENCE_PREV,
    SIDE_BOUND,
    TOLD_CHECKSUM,
    TOLD_DIGEST,
    TOLD_FIRST,
    TOLD_LAST,
    TOLD_PREV,
    TOLD_ROWS,
    TOLD_UNPROVED,
)
from mm_framework.kernels.memory import load_i8, load_u1, store_8
from mm_framework.kernels.numbers import POWERS
from mm_framework.kernels.proof import checksum_of
from mm_framework.kernels.undo import change, set_level
from mm_framework.kernels.witness import witness_look
from mm_framework.model.fixed import MAX, NULL

__all__ = ["look", "scaled", "take_book"]

LIMITS: Final = np.array([MAX // 10**n for n in range(19)], dtype=np.int64)


@helper
def scaled(value: int, decimals: int, scale: int) -> int:
    """``value * 10**-decimals`` at ``scale``; -1 when that is not exact or does not fit."""
    if decimals <= scale:
        power = np.uint64(scale - decimals)
        return value * POWERS[power] if value <= LIMITS[power] else -1
    unit = POWERS[decimals - scale]
    shortened = value // unit
    return shortened if shortened * unit == value else -1


@helper
def _cut(ctx: int, book: int, side: int, depth: int) -> int:
    """Cut a side to its best ``depth`` levels; its bound (null: fewer), or -1 without room to remember."""
    count = book_count(book, side)
    while count > depth:
        if set_level(ctx, book, side, book_worst(book, side), 0) < 0:
            return -1
        count -= 1
    return book_worst(book, side) if count == depth else NULL


@helper
def _prove(ctx: int, told: int, instrument: int, row: int, n: int) -> int:
    """Compare the checksum of a message; count the levels that it covers."""
    if checksum_of(ctx, instrument) != load_i8(told + TOLD_CHECKSUM):
        return BROKEN
    bid = load_i8(instrument + INSTRUMENT_BIDS + SIDE_BOUND)
    ask = load_i8(instrument + INSTRUMENT_ASKS + SIDE_BOUND)
    covered, end = 0, row + n * ROW_BYTES
    while row < end:
        price = load_i8(row + ROW_PRICE)
        if price >= bid if load_u1(row + ROW_SIDE) == 1 else price <= ask:
            covered += 1
        row += ROW_BYTES
    tally(ctx, VERIFIED, 1)
    tally(ctx, COVERED, covered)
    tally(ctx, NOT_COVERED, n - covered)
    return GOOD


@helper
def _unproved(instrument: int, book: int) -> int:
    """Whether a best price lies beyond its bound."""
    bid, ask = load_i8(instrument + INSTRUMENT_BOUND_BID), load_i8(instrument + INSTRUMENT_BOUND_ASK)
    # Without a level the best bid is null, the least of all integers.
    if bid != NULL and book_best(book, 1) < bid:
        return 1
    best = book_best(book, -1)
    return 1 if ask != NULL and (best == NULL or best > ask) else 0


@helper
def _follows(ctx: int, told: int, instrument: int) -> int:
    """Whether the numbers of an update say that it is the next one of its instrument."""
    link, last = load_i8(ctx + CTX_SEQUENCE), load_i8(told + TOLD_LAST)
    if link not in (SEQUENCE_FIRST, SEQUENCE_PREV) or last == NULL:
        return GOOD
    number = load_i8(instrument + INSTRUMENT_LAST)
    joins = load_i8(told + TOLD_FIRST) - 1 if link == SEQUENCE_FIRST else load_i8(told + TOLD_PREV)
    if number == NULL or last <= number or joins != number:
        return STATE
    tally(ctx, SEQUENCE_APPLIED, 1)
    applied = load_i8(instrument + INSTRUMENT_APPLIED) + 1
    fits = change(ctx, instrument + INSTRUMENT_APPLIED, applied)
    fits &= change(ctx, instrument + INSTRUMENT_LAST, last)
    return GOOD if fits else NO_UNDO


@helper
def look(ctx: int, instrument: int) -> int:
    """Compare the book with the ticker of its number, if there is one."""
    witness, number = load_i8(instrument + INSTRUMENT_WITNESS), load_i8(instrument + INSTRUMENT_LAST)
    if witness == 0 or number == NULL:
        return GOOD
    equal = witness_look(ctx, witness, number, load_i8(instrument + INSTRUMENT_BOOK))
    if equal < 0:
        return NO_UNDO
    if equal == 2:
        return GOOD
    tally(ctx, TOPS_COMPARED, 1)
    tally(ctx, TOPS_EQUAL, equal)
    compared = load_i8(instrument + INSTRUMENT_COMPARED) + 1
    fits = change(ctx, instrument + INSTRUMENT_COMPARED, compared)
    fits &= change(ctx, instrument + INSTRUMENT_EQUAL, load_i8(instrument + INSTRUMENT_EQUAL) + equal)
    return GOOD if fits else NO_UNDO


@helper
def _hashed(ctx: int, told: int, instrument: int) -> int:
    """Compare the book with the hash of a message, if it has one; the first that differs is a doubt."""
    if load_i8(ctx + CTX_HASH) == 0 or load_i8(told + TOLD_DIGEST) <= 0:
        return GOOD
    holds = digest_holds(ctx, told, instrument)
    if holds < 0:
        store_8(ctx + CTX_FULL, instrument)
        return NO_TEXT
    held = instrument + INSTRUMENT_HASH_HELD
    if holds == 0 and load_i8(held):
        return STATE
    tally(ctx, HASHES_VERIFIED if holds else HASHES_UNVERIFIED, 1)
    count = instrument + (INSTRUMENT_HASHED if holds else INSTRUMENT_NOT_HASHED)
    fits = change(ctx, count, load_i8(count) + 1)
    fits &= change(ctx, held, holds)
    return GOOD if fits else NO_UNDO


@inline
def _apply(ctx: int, instrument: int, book: int, row: int, n: int) -> int:
    """Scale the levels of a message and set them."""
    price_scale = load_i8(instrument + INSTRUMENT_PRICE_SCALE)
    size_scale = load_i8(instrument + INSTRUMENT_SIZE_SCALE)
    seen_price = load_i8(instrument + INSTRUMENT_SEEN_PRICE)
    seen_size = load_i8(instrument + INSTRUMENT_SEEN_SIZE)
    at, end = row, row + n * ROW_BYTES
    while at < end:
        price_decimals, size_decimals = load_u1(at + ROW_PRICE_DECIMALS), load_u1(at + ROW_SIZE_DECIMALS)
        price = scaled(load_i8(at + ROW_PRICE), price_decimals, price_scale)
        size = scaled(load_i8(at + ROW_SIZE), size_decimals, size_scale)
        if price < 0 or size < 0:
            return STATE
        seen_price, seen_size = max(seen_price, price_decimals), max(seen_size, size_decimals)
        old = set_level(ctx, book, 1 if load_u1(at + ROW_SIDE) == 1 else -1, price, size)
        if old < 0:
            return NO_UNDO
        if old == 0 and size == 0:
            tally(ctx, UNKNOWN_DELETES, 1)
        store_8(at + ROW_PRICE, price)
        store_8(at + ROW_SIZE, size)
        at += ROW_BYTES
    fits = change(ctx, instrument + INSTRUMENT_SEEN_PRICE, seen_price)
    fits &= change(ctx, instrument + INSTRUMENT_SEEN_SIZE, seen_size)
    return GOOD if fits else NO_UNDO


@inline
def _bounds(ctx: int, instrument: int, book: int) -> int:
    """Cut the book to its depth, or look at its window: 1 if either is a bound, 0 if not, -1 without room."""
    depth, window = load_i8(instrument + INSTRUMENT_DEPTH), load_i8(instrument + INSTRUMENT_WINDOW)
    if depth >= 0:
        bid, ask = _cut(ctx, book, 1, depth), _cut(ctx, book, -1, depth)
        if bid == -1 or ask == -1:
            return -1
    elif window > 0:
        bid, ask = book_bound(book, 1, window), book_bound(book, -1, window)
    else:
        return 0
    fits = change(ctx, instrument + INSTRUMENT_BOUND_BID, bid)
    fits &= change(ctx, instrument + INSTRUMENT_BOUND_ASK, ask)
    return 1 if fits else -1


@inline
def _is_finer(instrument: int) -> bool:
    """Whether numbers have had more decimals than a checksum prints, if nobody told how many those are."""
    return load_i8(instrument + INSTRUMENT_TOLD) == 0 and (
        load_i8(instrument + INSTRUMENT_SEEN_PRICE) > load_i8(instrument + INSTRUMENT_PRICE_DECIMALS)
        or load_i8(instrument + INSTRUMENT_SEEN_SIZE) > load_i8(instrument + INSTRUMENT_SIZE_DECIMALS)
    )


@helper
def take_book(ctx: int, told: int, instrument: int, row: int) -> int:
    """Apply one book message: levels, cut, checksum, crossed, hash."""
    hot, numbered = load_i8(instrument + INSTRUMENT_HOT_BOOK), load_i8(ctx + CTX_NUMBERED)
    checked = load_i8(ctx + CTX_CHECKSUM) != 0
    digested = checked and load_i8(told + TOLD_CHECKSUM) != NULL
    if hot == HOT_NOT or (hot == HOT_UNPROVED and (digested or numbered != 0 or not checked)):
        return STATE
    n, book = load_i8(told + TOLD_ROWS), load_i8(instrument + INSTRUMENT_BOOK)
    if book_room(book) < n:
        store_8(ctx + CTX_FULL, instrument)
        return NO_BOOK
    stop = _apply(ctx, instrument, book, row, n)
    stop = stop if stop else _follows(ctx, told, instrument)
    if stop:
        return stop
    bounded = _bounds(ctx, instrument, book)
    if bounded < 0:
        return NO_UNDO
    if digested:
        if _is_finer(instrument):
            return STATE
        if _prove(ctx, told, instrument, row, n):
            return BROKEN
    if load_i8(ctx + CTX_RESYNC_CROSSED) and load_i8(ctx + CTX_ONLINE) and book_crossed(book):
        return BROKEN
    # Within bounds of its own the best price never lies beyond them.
    unproved = 0 if bounded else _unproved(instrument, book)
    if unproved and load_i8(instrument + INSTRUMENT_WATCHED):
        return STATE
    store_8(told + TOLD_UNPROVED, unproved)
    if n and unproved:
        tally(ctx, UNPROVED, 1)
        if change(ctx, instrument + INSTRUMENT_UNPROVED, load_i8(instrument + INSTRUMENT_UNPROVED) + 1) == 0:
            return NO_UNDO
    tally(ctx, LEVELS, n)
    looked = look(ctx, instrument) if hot == HOT_SYNCED else GOOD
    return looked if looked else _hashed(ctx, told, instrument)
