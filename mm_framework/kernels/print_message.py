"""Messages of trades and of best prices: numbers in order, integers at the scales of the instrument."""

from __future__ import annotations

from mm_framework.kernels.book_message import look, scaled
from mm_framework.kernels.codes import GOOD, NO_UNDO, STATE, TOPS, TRADES, tally
from mm_framework.kernels.jit import helper
from mm_framework.kernels.layout import (
    CTX_TRADE_IDS,
    INSTRUMENT_DEFINED,
    INSTRUMENT_HOT_TRADES,
    INSTRUMENT_LAST,
    INSTRUMENT_PRICE_SCALE,
    INSTRUMENT_SIZE_SCALE,
    INSTRUMENT_SYNCED,
    INSTRUMENT_TRADE,
    INSTRUMENT_WITNESS,
    ROW_AUX,
    ROW_BYTES,
    ROW_PRICE,
    ROW_PRICE_DECIMALS,
    ROW_SIDE,
    ROW_SIZE,
    ROW_SIZE_DECIMALS,
    TOLD_ASK,
    TOLD_ASK_SIZE,
    TOLD_BID,
    TOLD_BID_SIZE,
    TOLD_FIRST,
    TOLD_LAST,
    TOLD_ROWS,
)
from mm_framework.kernels.memory import load_i8, load_u1, store_1, store_8
from mm_framework.kernels.undo import change
from mm_framework.kernels.witness import witness_tell
from mm_framework.model.fixed import NULL

__all__ = ["take_ticker", "take_trades"]


@helper
def take_trades(ctx: int, told: int, instrument: int, row: int) -> int:
    """Check the numbers of the trades of one message, and scale them."""
    if load_i8(instrument + INSTRUMENT_HOT_TRADES) == 0:
        return STATE
    n = load_i8(told + TOLD_ROWS)
    if n == 0:
        return STATE
    price_scale = load_i8(instrument + INSTRUMENT_PRICE_SCALE)
    size_scale = load_i8(instrument + INSTRUMENT_SIZE_SCALE)
    last, rule = load_i8(instrument + INSTRUMENT_TRADE), load_i8(ctx + CTX_TRADE_IDS)
    at, end = row, row + n * ROW_BYTES
    while at < end:
        number = load_i8(at + ROW_AUX)
        if rule and number != NULL:
            if last == NULL or number <= last or (rule == 1 and number != last + 1):
                return STATE
            last = number
        price = scaled(load_i8(at + ROW_PRICE), load_u1(at + ROW_PRICE_DECIMALS), price_scale)
        size = scaled(load_i8(at + ROW_SIZE), load_u1(at + ROW_SIZE_DECIMALS), size_scale)
        if price < 0 or size < 0:
            return STATE
        store_8(at + ROW_PRICE, price)
        store_8(at + ROW_SIZE, size)
        at += ROW_BYTES
    if change(ctx, instrument + INSTRUMENT_TRADE, last) == 0:
        return NO_UNDO
    store_8(told + TOLD_FIRST, load_i8(row + ROW_AUX))
    store_8(told + TOLD_LAST, load_i8(end - ROW_BYTES + ROW_AUX))
    tally(ctx, TRADES, n)
    return GOOD


@helper
def take_ticker(ctx: int, told: int, instrument: int, row: int) -> int:
    """Make the two rows of a ticker."""
    if load_i8(instrument + INSTRUMENT_DEFINED) == 0:
        return STATE
    price_scale = load_i8(instrument + INSTRUMENT_PRICE_SCALE)
    size_scale = load_i8(instrument + INSTRUMENT_SIZE_SCALE)
    for side, price_at, size_at in ((1, TOLD_BID, TOLD_BID_SIZE), (255, TOLD_ASK, TOLD_ASK_SIZE)):
        price, size = load_i8(told + price_at), load_i8(told + size_at)
        if price == NULL:
            size = NULL
        else:
            price = scaled(price, load_i8(told + price_at + 8), price_scale)
            size = NULL if size == NULL else scaled(size, load_i8(told + size_at + 8), size_scale)
            if price < 0 or size == -1:
                return STATE
        store_8(row + ROW_PRICE, price)
        store_8(row + ROW_SIZE, size)
        store_8(row + ROW_AUX, load_i8(told + TOLD_LAST))
        store_1(row + ROW_SIDE, side)
        row += ROW_BYTES
    tally(ctx, TOPS, 1)
    witness, number = load_i8(instrument + INSTRUMENT_WITNESS), load_i8(told + TOLD_LAST)
    if witness == 0 or number == NULL:
        return GOOD
    if witness_tell(ctx, witness, number, row - 2 * ROW_BYTES) == 0:
        return NO_UNDO
    synced = load_i8(instrument + INSTRUMENT_SYNCED)
    return look(ctx, instrument) if synced and number <= load_i8(instrument + INSTRUMENT_LAST) else GOOD
