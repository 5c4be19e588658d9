"""Orders at the venue: the list of each slot, their executions, and what the venue reports of them."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.fixed import MAX, NULL
from mm_framework.model.orders import OrderState
from mm_framework.trading.compiled.columns import added
from mm_framework.trading.compiled.layout import (
    COLUMN_COUNT,
    FILL_BYTES,
    FILL_MAKER,
    FILL_MID2,
    FILL_MID2_LATER,
    FILL_MID2_THEN,
    FILL_ORDER,
    FILL_PRICE,
    FILL_SEQ,
    FILL_SIDE,
    FILL_SIZE,
    FILL_SLOT,
    FILL_STRATEGY,
    FILL_TS,
    LIMIT,
    ORDER_LEAVES,
    ORDER_LOT,
    ORDER_NEXT,
    ORDER_NUMBER,
    ORDER_PREVIOUS,
    ORDER_PRICE,
    ORDER_SIDE,
    ORDER_SIZE,
    ORDER_SLOT,
    ORDER_STATE,
    ORDER_STRATEGY,
    REPORT_AHEAD,
    REPORT_BYTES,
    REPORT_FILL,
    REPORT_FILLED,
    REPORT_KIND,
    REPORT_LEAVES,
    REPORT_ORDER,
    REPORT_PRICE,
    REPORT_REFUSAL,
    REPORT_SIDE,
    REPORT_SIZE,
    REPORT_SLOT,
    REPORT_STATE,
    REPORT_STRATEGY,
    REPORT_TS,
    REPORT_UNSENT,
    RUN_FILLS,
    RUN_FREE,
    RUN_FREE_COUNT,
    RUN_GRID,
    RUN_HORIZON,
    RUN_MARKED,
    RUN_NEXT_GRID,
    RUN_NEXT_MARK,
    RUN_RANKS,
    RUN_REPORTS,
    RUN_RESTING,
    RUN_TOO_LARGE,
    RUN_VENUE_SLOTS,
    SLOT_BYTES,
    SLOT_FIRST,
    SLOT_INDEX,
    SLOT_LAST,
    SLOT_MID2,
    SLOT_MOMENT_MID2,
    SLOT_RANKED,
    SLOT_TURNOVER,
)
from mm_framework.trading.compiled.way import answer

__all__ = [
    "end_order",
    "execute",
    "fill_resting",
    "find_order",
    "free_order",
    "mark",
    "new_order",
    "order_lot",
    "refuse",
    "remove",
    "report",
    "rest",
]

_FILLED: Final = int(OrderState.FILLED)
_PARTIALLY_FILLED: Final = int(OrderState.PARTIALLY_FILLED)


@inline
def order_lot(order: int) -> int:
    """The unit of the lots ahead of it."""
    return load_i8(order + ORDER_LOT)


@helper
def find_order(slot: int, strategy: int, number: int) -> int:
    """The resting order of that number, 0 for none."""
    order = load_i8(slot + SLOT_FIRST)
    while order != 0:
        if load_i8(order + ORDER_NUMBER) == number and load_i8(order + ORDER_STRATEGY) == strategy:
            return order
        order = load_i8(order + ORDER_NEXT)
    return 0


@inline
def new_order(run: int) -> int:
    """An order of the pool; what it holds is left over."""
    order = load_i8(run + RUN_FREE)
    store_8(run + RUN_FREE, load_i8(order + ORDER_NEXT))
    store_8(run + RUN_FREE_COUNT, load_i8(run + RUN_FREE_COUNT) - 1)
    return order


@inline
def free_order(run: int, order: int) -> None:
    """Back into the pool."""
    store_8(order + ORDER_NEXT, load_i8(run + RUN_FREE))
    store_8(run + RUN_FREE, order)
    store_8(run + RUN_FREE_COUNT, load_i8(run + RUN_FREE_COUNT) + 1)


@helper
def rest(run: int, order: int) -> None:
    """Put an order last into the list of its slot."""
    slot = load_i8(order + ORDER_SLOT)
    last = load_i8(slot + SLOT_LAST)
    store_8(order + ORDER_NEXT, 0)
    store_8(order + ORDER_PREVIOUS, last)
    store_8(slot + SLOT_FIRST if last == 0 else last + ORDER_NEXT, order)
    store_8(slot + SLOT_LAST, order)
    store_8(run + RUN_RESTING, load_i8(run + RUN_RESTING) + 1)
    if load_i8(slot + SLOT_RANKED) == 0:
        store_8(slot + SLOT_RANKED, 1)
        store_8(added(run + RUN_RANKS, 8), slot)


@helper
def remove(run: int, order: int) -> None:
    """Take an order out of the list of its slot."""
    slot = load_i8(order + ORDER_SLOT)
    following, previous = load_i8(order + ORDER_NEXT), load_i8(order + ORDER_PREVIOUS)
    store_8(slot + SLOT_FIRST if previous == 0 else previous + ORDER_NEXT, following)
    store_8(slot + SLOT_LAST if following == 0 else following + ORDER_PREVIOUS, previous)
    store_8(run + RUN_RESTING, load_i8(run + RUN_RESTING) - 1)


@helper
def report(run: int, order: int, state: int, now_ns: int, kind: int, refusal: int) -> int:
    """What became of an order, as it is now; it goes on its way. The report's address."""
    made = added(run + RUN_REPORTS, REPORT_BYTES)
    store_8(made + REPORT_TS, now_ns)
    store_8(made + REPORT_SLOT, load_i8(load_i8(order + ORDER_SLOT) + SLOT_INDEX))
    store_8(made + REPORT_STRATEGY, load_i8(order + ORDER_STRATEGY))
    store_8(made + REPORT_ORDER, load_i8(order + ORDER_NUMBER))
    store_8(made + REPORT_STATE, state)
    store_8(made + REPORT_KIND, kind)
    store_8(made + REPORT_REFUSAL, refusal)
    store_8(made + REPORT_PRICE, load_i8(order + ORDER_PRICE))
    store_8(made + REPORT_SIZE, load_i8(order + ORDER_SIZE))
    store_8(made + REPORT_LEAVES, load_i8(order + ORDER_LEAVES))
    store_8(made + REPORT_FILL, -1)
    store_8(made + REPORT_SIDE, load_i8(order + ORDER_SIDE))
    store_8(made + REPORT_FILLED, 0)
    store_8(made + REPORT_UNSENT, 0)
    store_8(made + REPORT_AHEAD, NULL)
    answer(run, made)
    return made


@helper
def refuse(run: int, order: int, state: int, now_ns: int, kind: int, refusal: int) -> None:
    """A request is refused that is about no order; ``order`` only says whose it is. No order is kept."""
    made = report(run, order, state, now_ns, kind, refusal)
    for field in (REPORT_PRICE, REPORT_SIZE, REPORT_LEAVES):
        store_8(made + field, 0)


@helper
def end_order(run: int, order: int, state: int, now_ns: int, kind: int) -> None:
    """A resting order ends."""
    store_8(order + ORDER_STATE, state)
    remove(run, order)
    report(run, order, state, now_ns, kind, 0)
    free_order(run, order)


@helper
def execute(
    run: int, order: int, price: int, size: int, seq: int, now_ns: int, maker: int, mid2: int
) -> None:
    """An execution: the order, a fill, a report. Nothing is freed."""
    slot, leaves = load_i8(order + ORDER_SLOT), load_i8(order + ORDER_LEAVES) - size
    state = _PARTIALLY_FILLED if leaves else _FILLED
    store_8(order + ORDER_LEAVES, leaves)
    store_8(order + ORDER_STATE, state)
    number = load_i8(run + RUN_FILLS + COLUMN_COUNT)
    fill = added(run + RUN_FILLS, FILL_BYTES)
    store_8(fill + FILL_SEQ, seq)
    store_8(fill + FILL_TS, now_ns)
    store_8(fill + FILL_STRATEGY, load_i8(order + ORDER_STRATEGY))
    store_8(fill + FILL_SLOT, load_i8(slot + SLOT_INDEX))
    store_8(fill + FILL_ORDER, load_i8(order + ORDER_NUMBER))
    store_8(fill + FILL_SIDE, load_i8(order + ORDER_SIDE))
    store_8(fill + FILL_PRICE, price)
    store_8(fill + FILL_SIZE, size)
    store_8(fill + FILL_MAKER, maker)
    store_8(fill + FILL_MID2, mid2)
    store_8(fill + FILL_MID2_THEN, load_i8(slot + SLOT_MID2))
    store_8(fill + FILL_MID2_LATER, 0)
    grid_ns = load_i8(run + RUN_GRID)
    if number == 0 and grid_ns:
        store_8(run + RUN_NEXT_GRID, -(-now_ns // grid_ns) * grid_ns)
    if load_i8(run + RUN_MARKED) == number:
        store_8(run + RUN_NEXT_MARK, now_ns + load_i8(run + RUN_HORIZON))
    turnover = load_i8(slot + SLOT_TURNOVER) + size
    store_8(slot + SLOT_TURNOVER, min(turnover, LIMIT))
    if turnover > LIMIT:
        store_8(run + RUN_TOO_LARGE, 1)
    made = report(run, order, state, now_ns, 0, 0)
    store_8(made + REPORT_FILL, number)
    store_8(made + REPORT_FILLED, size)


@helper
def fill_resting(run: int, order: int, size: int, seq: int, now_ns: int) -> None:
    """A resting order executes at its own price."""
    mid2 = load_i8(load_i8(order + ORDER_SLOT) + SLOT_MOMENT_MID2)
    execute(run, order, load_i8(order + ORDER_PRICE), size, seq, now_ns, 1, mid2)
    if load_i8(order + ORDER_LEAVES) == 0:
        remove(run, order)
        free_order(run, order)


@helper
def mark(run: int, now_ns: int) -> None:
    """Time reaches ``now_ns``: keep the mids of fills whose horizon ended before it."""
    fills, horizon = load_i8(run + RUN_FILLS), load_i8(run + RUN_HORIZON)
    count, marked = load_i8(run + RUN_FILLS + COLUMN_COUNT), load_i8(run + RUN_MARKED)
    due = MAX
    while marked < count:
        fill = fills + marked * FILL_BYTES
        due = load_i8(fill + FILL_TS) + horizon
        if due >= now_ns:
            break
        slot = load_i8(run + RUN_VENUE_SLOTS) + load_i8(fill + FILL_SLOT) * SLOT_BYTES
        store_8(fill + FILL_MID2_LATER, load_i8(slot + SLOT_MID2))
        marked += 1
        due = MAX
    store_8(run + RUN_MARKED, marked)
    store_8(run + RUN_NEXT_MARK, due)
