"""A market in a SLOT: messages in, best prices and changes out; `trading.market` in kernels.

The same functions serve both clocks. A slot here has a view beside, which follows as it settles.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.strategy import On
from mm_framework.kernels.book import book_clear, book_room, book_set, book_top, book_truncate
from mm_framework.kernels.book_side import BASE, SIDE_BYTES, SIZES, STEP, SUMMARY, highest
from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import ROW_BYTES, ROW_EPOCH, ROW_KIND, ROW_PRICE, ROW_SIDE, ROW_SIZE
from mm_framework.kernels.memory import load_i8, load_u1, load_u2, store_8
from mm_framework.model.events import Kind, SyncState
from mm_framework.model.fixed import NULL
from mm_framework.trading.compiled.layout import (
    RUN_DEPTH,
    RUN_LEVELS,
    RUN_PAIRS,
    RUN_WHO,
    SLOT_ASK,
    SLOT_ASK_SIZE,
    SLOT_BID,
    SLOT_BID_SIZE,
    SLOT_BOOK,
    SLOT_CURRENT,
    SLOT_DEPTH,
    SLOT_EPOCH,
    SLOT_LAST_ASK,
    SLOT_LAST_BID,
    SLOT_LOT,
    SLOT_MID2,
    SLOT_PRICE_SCALE,
    SLOT_SHOWN,
    SLOT_SIZE_SCALE,
    SLOT_SOURCE,
    SLOT_STATE,
    SLOT_TICK,
    SLOT_TICKER,
    SLOT_TICKER_LIVE,
    SLOT_TRUSTED,
    SLOT_VERSION,
    SLOT_VIEW,
    SLOT_WAS_EPOCH,
    SLOT_WAS_TRUSTED,
    TAPE_BEST,
    TAPE_COUNT,
    TAPE_EPOCH,
    TAPE_KIND,
    TAPE_ROWS,
    VIEW_ASK,
    VIEW_ASK_PRICES,
    VIEW_ASK_SIZES,
    VIEW_ASKS,
    VIEW_BID,
    VIEW_BID_PRICES,
    VIEW_BID_SIZES,
    VIEW_BIDS,
    VIEW_HAS_ASK,
    VIEW_HAS_BID,
    VIEW_LOT,
    VIEW_PRICE_SCALE,
    VIEW_SIZE_SCALE,
    VIEW_TICK,
    VIEW_TRUSTED,
    Status,
)

__all__ = [
    "QUOTED",
    "SHARED",
    "TICKER",
    "TOUCHED",
    "apply",
    "apply_told",
    "describe",
    "settle",
    "show",
    "tell_best",
]

TICKER: Final = 1
SHARED: Final = 2
"""Of SLOT_SOURCE; 0 is the book."""
TOUCHED: Final = -1
QUOTED: Final = -2
"""What `apply` answers beside 0 and a status."""

_LEVEL: Final = int(Kind.LEVEL)
_SNAPSHOT_START: Final = int(Kind.SNAPSHOT_START)
_SYNC_CHANGE: Final = int(Kind.SYNC_CHANGE)
_TOP: Final = int(Kind.TOP)
_SYNCED: Final = int(SyncState.SYNCED)
_STOPPED: Final = int(SyncState.STOPPED)
_MARKET: Final = int(On.MARKET)
_RESYNC: Final = int(On.RESYNC)
_EPOCH: Final = int(Status.EPOCH)
_BOOK: Final = int(Status.BOOK)


@helper
def _apply_book(run: int, slot: int, rows: int, count: int) -> int:
    """Levels of one message, then the cut to the depth that the venue keeps."""
    book = load_i8(slot + SLOT_BOOK)
    if book_room(book) < count:
        store_8(run + RUN_WHO, slot)
        store_8(run + RUN_LEVELS, count)
        return _BOOK
    for row in range(rows, rows + count * ROW_BYTES, ROW_BYTES):
        epoch = load_u2(row + ROW_EPOCH)
        if load_u1(row + ROW_KIND) == _SNAPSHOT_START:
            book_clear(book)
            store_8(slot + SLOT_EPOCH, epoch)
        elif epoch == load_i8(slot + SLOT_EPOCH):
            side = 1 if load_u1(row + ROW_SIDE) == 1 else -1
            book_set(book, side, load_i8(row + ROW_PRICE), load_i8(row + ROW_SIZE))
        else:
            store_8(run + RUN_WHO, row)
            return _EPOCH
    depth = load_i8(slot + SLOT_DEPTH)
    if depth:
        book_truncate(book, depth)
    return QUOTED


@helper
def _apply_ticker(slot: int, rows: int, count: int) -> int:
    """Two rows, bid and ask; a size that was not told becomes 0."""
    ticker = slot + SLOT_TICKER
    for side in range(2):
        store_8(ticker + 16 * side, NULL)
        store_8(ticker + 16 * side + 8, 0)
    for row in range(rows, rows + count * ROW_BYTES, ROW_BYTES):
        side = load_u1(row + ROW_SIDE)
        place = ticker if side == 1 else ticker + 16
        if side == 0:
            continue
        price, size = load_i8(row + ROW_PRICE), load_i8(row + ROW_SIZE)
        store_8(place, price)
        store_8(place + 8, 0 if price == NULL or size == NULL else size)
    store_8(slot + SLOT_TICKER_LIVE, 1)
    return QUOTED


@helper
def apply(run: int, slot: int, entry: int) -> int:
    """One message that is no print and no definition: 0, TOUCHED, QUOTED, or a status and no change."""
    kind = load_i8(entry + TAPE_KIND)
    rows, count = load_i8(entry + TAPE_ROWS), load_i8(entry + TAPE_COUNT)
    ticker = load_i8(slot + SLOT_SOURCE) == TICKER
    if kind in (_LEVEL, _SNAPSHOT_START):
        return 0 if ticker else _apply_book(run, slot, rows, count)
    if kind == _SYNC_CHANGE:
        store_8(slot + SLOT_STATE, load_i8(rows + ROW_SIZE))
        return TOUCHED
    if kind == _TOP and ticker:
        return _apply_ticker(slot, rows, count)
    return 0


@inline
def tell_best(slot: int, entry: int) -> None:
    """Keep with a message what the venue's book is after it."""
    store_8(entry + TAPE_EPOCH, load_i8(slot + SLOT_EPOCH))
    for word in range(0, 32, 8):
        store_8(entry + TAPE_BEST + word, load_i8(slot + SLOT_BID + word))


@inline
def apply_told(slot: int, entry: int) -> int:
    """`apply` of a message to a market here which has no book: what the venue kept with it."""
    kind = load_i8(entry + TAPE_KIND)
    synced = kind == _SYNC_CHANGE
    if not synced and kind != _LEVEL and kind != _SNAPSHOT_START:
        return 0
    if synced:
        store_8(slot + SLOT_STATE, load_i8(load_i8(entry + TAPE_ROWS) + ROW_SIZE))
    store_8(slot + SLOT_EPOCH, load_i8(entry + TAPE_EPOCH))
    for word in range(0, 32, 8):
        store_8(slot + SLOT_TICKER + word, load_i8(entry + TAPE_BEST + word))
    return TOUCHED if synced else QUOTED


@inline
def _best(side: int, sign: int) -> tuple[int, int]:
    """The best level of one side of a book; NULL, 0 when it is empty."""
    if load_i8(side + SUMMARY) == 0:
        return NULL, 0
    tick = highest(side)
    return sign * tick * load_i8(side + STEP), load_i8(side + SIZES + (tick - load_i8(side + BASE)) * 8)


@inline
def _new_version(slot: int) -> None:
    store_8(slot + SLOT_VERSION, load_i8(slot + SLOT_VERSION) + 1)


@helper
def _take(slot: int) -> int:
    """The best prices of a trusted market; On.MARKET when they are others."""
    if load_i8(slot + SLOT_SOURCE) != 0:
        ticker = slot + SLOT_TICKER
        bid, bid_size = load_i8(ticker), load_i8(ticker + 8)
        ask, ask_size = load_i8(ticker + 16), load_i8(ticker + 24)
    else:
        book = load_i8(slot + SLOT_BOOK)
        bid, bid_size = _best(book, 1)
        ask, ask_size = _best(book + SIDE_BYTES, -1)
    if (
        bid == load_i8(slot + SLOT_BID)
        and bid_size == load_i8(slot + SLOT_BID_SIZE)
        and ask == load_i8(slot + SLOT_ASK)
        and ask_size == load_i8(slot + SLOT_ASK_SIZE)
    ):
        return 0
    store_8(slot + SLOT_BID, bid)
    store_8(slot + SLOT_BID_SIZE, bid_size)
    store_8(slot + SLOT_ASK, ask)
    store_8(slot + SLOT_ASK_SIZE, ask_size)
    _new_version(slot)
    if bid != NULL:
        store_8(slot + SLOT_LAST_BID, bid)
    if ask != NULL:
        store_8(slot + SLOT_LAST_ASK, ask)
    if bid != NULL and ask != NULL and ask >= bid:
        store_8(slot + SLOT_MID2, bid + ask)
    return _MARKET


@helper
def settle(slot: int) -> int:
    """Look at the market after whole messages; the bits of `On` that became true."""
    state, was = load_i8(slot + SLOT_STATE), load_i8(slot + SLOT_WAS_TRUSTED)
    epoch = load_i8(slot + SLOT_EPOCH)
    trusted = 1 if state == _SYNCED else 0
    if load_i8(slot + SLOT_SOURCE) == TICKER:
        epoch = 0
        trusted = 1 if load_i8(slot + SLOT_TICKER_LIVE) == 1 and state != _STOPPED else 0
    reasons = 0
    store_8(slot + SLOT_TRUSTED, trusted)
    if trusted != was or epoch != load_i8(slot + SLOT_WAS_EPOCH):
        reasons = _RESYNC if trusted == 1 or was == 1 else 0
        store_8(slot + SLOT_WAS_TRUSTED, trusted)
        store_8(slot + SLOT_WAS_EPOCH, epoch)
        _new_version(slot)
    if trusted == 1:
        store_8(slot + SLOT_CURRENT, 1)
        return reasons | _take(slot)
    if load_i8(slot + SLOT_CURRENT) == 1 and state != _STOPPED:
        store_8(slot + SLOT_CURRENT, 0)
        _new_version(slot)
    return reasons


# what strategies see


@inline
def _show_one(slot: int, best: int, prices: int, sizes: int) -> int:
    """The best level of a side into two arrays of one; how many there are."""
    price = load_i8(slot + best)
    shown = load_i8(slot + SLOT_CURRENT) == 1 and price != NULL
    store_8(prices, price if shown else 0)
    store_8(sizes, load_i8(slot + best + 8) if shown else 0)
    return 1 if shown else 0


@helper
def _show_levels(run: int, slot: int, sign: int, prices: int, sizes: int) -> int:
    """The best levels of a side into two arrays; how many there are."""
    depth, count = load_i8(run + RUN_DEPTH), 0
    best = slot + (SLOT_BID if sign > 0 else SLOT_ASK)
    if load_i8(slot + SLOT_CURRENT) == 1 and load_i8(best) != NULL:
        if load_i8(slot + SLOT_SOURCE) == TICKER:
            count = 1
            store_8(prices, load_i8(best))
            store_8(sizes, load_i8(best + 8))
        else:
            pairs = load_i8(run + RUN_PAIRS)
            count = book_top(load_i8(slot + SLOT_BOOK), sign, depth, pairs)
            for place in range(count):
                store_8(prices + place * 8, load_i8(pairs + place * 16))
                store_8(sizes + place * 8, load_i8(pairs + place * 16 + 8))
    for place in range(count, depth):
        store_8(prices + place * 8, 0)
        store_8(sizes + place * 8, 0)
    return count


@inline
def _show_best(best: int, has: int, shown: int) -> None:
    """One best level, 0 where there is none."""
    price = load_i8(best)
    store_8(has, 0 if price == NULL else 1)
    store_8(shown, 0 if price == NULL else price)
    store_8(shown + 8, 0 if price == NULL else load_i8(best + 8))


@helper
def show(run: int, slot: int) -> None:
    """Bring the view of a slot here up to date."""
    version, view = load_i8(slot + SLOT_VERSION), load_i8(slot + SLOT_VIEW)
    if version == load_i8(slot + SLOT_SHOWN):
        return
    store_8(slot + SLOT_SHOWN, version)
    store_8(view + VIEW_TRUSTED, load_i8(slot + SLOT_TRUSTED))
    _show_best(slot + SLOT_BID, view + VIEW_HAS_BID, view + VIEW_BID)
    _show_best(slot + SLOT_ASK, view + VIEW_HAS_ASK, view + VIEW_ASK)
    prices, sizes = load_i8(view + VIEW_BID_PRICES), load_i8(view + VIEW_BID_SIZES)
    ask_prices, ask_sizes = load_i8(view + VIEW_ASK_PRICES), load_i8(view + VIEW_ASK_SIZES)
    if load_i8(run + RUN_DEPTH) == 1:
        store_8(view + VIEW_BIDS, _show_one(slot, SLOT_BID, prices, sizes))
        store_8(view + VIEW_ASKS, _show_one(slot, SLOT_ASK, ask_prices, ask_sizes))
    else:
        store_8(view + VIEW_BIDS, _show_levels(run, slot, 1, prices, sizes))
        store_8(view + VIEW_ASKS, _show_levels(run, slot, -1, ask_prices, ask_sizes))


@helper
def describe(slot: int) -> None:
    """What a definition says of a market, for strategies to see."""
    view = load_i8(slot + SLOT_VIEW)
    store_8(view + VIEW_TICK, load_i8(slot + SLOT_TICK))
    store_8(view + VIEW_LOT, load_i8(slot + SLOT_LOT))
    store_8(view + VIEW_PRICE_SCALE, load_i8(slot + SLOT_PRICE_SCALE))
    store_8(view + VIEW_SIZE_SCALE, load_i8(slot + SLOT_SIZE_SCALE))
