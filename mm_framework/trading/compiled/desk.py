"""The local half of a run: `trading.desk` in kernels.

    change, answer or timer -> CALLs, one for each strategy that it wakes, in order of name
        -> wishes of all of them, on the same state
        -> one by one: INTENT, limits, own orders, on the way to the venue
        -> refusals wake their strategies, until nobody wishes anything

Entry points answer 0 or a `Status`. A strategy whose function fails is called no more and leaves nothing.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.strategy import MAX_ANSWERS, MAX_ROUNDS, On
from mm_framework.kernels.jit import helper, inline, kernel
from mm_framework.kernels.layout import ROW_PRICE, ROW_SIDE, ROW_SIZE
from mm_framework.kernels.memory import copy, load_i8, load_u1, store_8
from mm_framework.model.orders import IntentKind, Refusal
from mm_framework.trading.compiled.bits import call
from mm_framework.trading.compiled.columns import added, room
from mm_framework.trading.compiled.context import (
    CTX_ANSWERED,
    CTX_ANSWERS,
    CTX_CALLS,
    CTX_FILLED,
    CTX_FUNCTION,
    CTX_INDEX,
    CTX_INSTRUMENT,
    CTX_INTENTS,
    CTX_NOW,
    CTX_ORDER,
    CTX_REASONS,
    CTX_REFUSAL,
    CTX_REFUSED,
    CTX_STOP_SEQ,
    CTX_STOPPED,
    CTX_TIMED,
    CTX_TIMERS,
    CTX_TRADE_PRICE,
    CTX_TRADE_SIDE,
    CTX_TRADE_SIZE,
    CTX_WAKES,
    CTX_WISHED,
    CTX_WISHES,
    WISH_BYTES,
    Stop,
)
from mm_framework.trading.compiled.desk_memory import (
    CALL_BYTES,
    CALL_FILLED,
    CALL_INSTRUMENT,
    CALL_ORDER,
    CALL_REASONS,
    CALL_REFUSAL,
    CALL_SEQ,
    CALL_STRATEGY,
    CALL_TRADE,
    CALL_WISHED,
    CALL_WISHES,
    DESK_CALLS,
    DESK_COUNT,
    DESK_NEXT,
    DESK_STRATEGIES,
    DESK_TIMED,
    DESK_TIMERS,
    DESK_WISHES,
    TIMERS_ROOM,
    WISHES_ROOM,
)
from mm_framework.trading.compiled.layout import (
    CHANGE_BYTES,
    CHANGE_REASONS,
    CHANGE_SEQ,
    CHANGE_SLOT,
    CHANGE_TRADE,
    COLUMN_COUNT,
    INTENT_BYTES,
    INTENT_KIND,
    INTENT_ORDER,
    INTENT_REFUSED,
    INTENT_SENT,
    INTENT_SEQ,
    INTENT_SLOT,
    INTENT_STRATEGY,
    REPORT_FILLED,
    REPORT_ORDER,
    REPORT_REFUSAL,
    REPORT_SLOT,
    REPORT_STRATEGY,
    RUN_ANSWER,
    RUN_CHANGES,
    RUN_DESK,
    RUN_INTENTS,
    RUN_NEXT_TIMER,
    RUN_NOW,
    RUN_REPORTS,
    RUN_REQUESTS,
    RUN_SEQ_HERE,
    Status,
)
from mm_framework.trading.compiled.limits import refusal_of
from mm_framework.trading.compiled.own import asked, filled, slot_of, told
from mm_framework.trading.compiled.timers import pop_timer, push_timer
from mm_framework.trading.compiled.way import send

__all__ = ["desk_answer", "desk_changes", "desk_end", "desk_timers"]

_PLACE: Final = int(IntentKind.PLACE)
_UNKNOWN_ORDER: Final = int(Refusal.UNKNOWN_ORDER)
_OWN_FILL: Final = int(On.OWN_FILL)
_OWN_REJECT: Final = int(On.OWN_REJECT)
_TIMER: Final = int(On.TIMER)
_END: Final = int(On.END)
_DESK: Final = int(Status.DESK)
_ERROR: Final = int(Stop.ERROR)
_ROUNDS: Final = int(Stop.ROUNDS)
_ANSWERS: Final = int(Stop.ANSWERS)


@inline
def _strategy(desk: int, index: int) -> int:
    return load_i8(load_i8(desk + DESK_STRATEGIES) + 8 * index)


@inline
def _raise(address: int, number: int) -> None:
    """Add to a count."""
    store_8(address, load_i8(address) + number)


@inline
def _planned(calls: int, k: int, ctx: int, instrument: int, reasons: int, seq: int) -> int:
    """Call ``k`` of a round; gives its address."""
    made = calls + k * CALL_BYTES
    store_8(made + CALL_STRATEGY, ctx)
    store_8(made + CALL_INSTRUMENT, instrument)
    store_8(made + CALL_REASONS, reasons)
    store_8(made + CALL_SEQ, seq)
    for field in (CALL_TRADE, CALL_ORDER, CALL_FILLED, CALL_REFUSAL):
        store_8(made + field, 0)
    return made


# waking


@inline
def _tell(run: int, planned: int, ctx: int) -> None:
    """Why it is called, for the strategy to see."""
    store_8(ctx + CTX_NOW, load_i8(run + RUN_NOW))
    store_8(ctx + CTX_INSTRUMENT, load_i8(planned + CALL_INSTRUMENT))
    store_8(ctx + CTX_REASONS, load_i8(planned + CALL_REASONS))
    row, side = load_i8(planned + CALL_TRADE), 0
    if row != 0:
        side = load_u1(row + ROW_SIDE)
        side = side - 256 if side > 127 else side
    store_8(ctx + CTX_TRADE_PRICE, load_i8(row + ROW_PRICE) if row != 0 else 0)
    store_8(ctx + CTX_TRADE_SIZE, load_i8(row + ROW_SIZE) if row != 0 else 0)
    store_8(ctx + CTX_TRADE_SIDE, side)
    store_8(ctx + CTX_ORDER, load_i8(planned + CALL_ORDER))
    store_8(ctx + CTX_FILLED, load_i8(planned + CALL_FILLED))
    store_8(ctx + CTX_REFUSAL, load_i8(planned + CALL_REFUSAL))


@helper
def _take_timers(run: int, desk: int, ctx: int) -> int:
    """Its timers of this call; a status."""
    count, times = load_i8(ctx + CTX_TIMED), load_i8(ctx + CTX_TIMERS)
    if load_i8(desk + DESK_TIMED) + count > TIMERS_ROOM:
        return _DESK
    for k in range(count):
        push_timer(run, desk, load_i8(times + 8 * k), load_i8(ctx + CTX_INDEX))
    return 0


@inline
def _wake(run: int, desk: int, planned: int, wishes: int) -> int:
    """Call a strategy, whose wishes go to ``wishes``; how many there are, or -1 where there is no room."""
    ctx = load_i8(planned + CALL_STRATEGY)
    store_8(planned + CALL_WISHES, wishes)
    store_8(planned + CALL_WISHED, 0)
    if load_i8(ctx + CTX_STOPPED):
        return 0
    _tell(run, planned, ctx)
    store_8(ctx + CTX_WISHES, wishes)
    store_8(ctx + CTX_WISHED, 0)
    store_8(ctx + CTX_TIMED, 0)
    _raise(ctx + CTX_CALLS, 1)
    if call(load_i8(ctx + CTX_FUNCTION), ctx):
        store_8(ctx + CTX_STOPPED, _ERROR)
        store_8(ctx + CTX_STOP_SEQ, load_i8(planned + CALL_SEQ))
        return 0
    wished = load_i8(ctx + CTX_WISHED)
    _raise(ctx + CTX_INTENTS, wished)
    store_8(planned + CALL_WISHED, wished)
    if load_i8(ctx + CTX_TIMED) and _take_timers(run, desk, ctx):
        return -1
    return wished


# carrying out


@inline
def _refused(run: int, ctx: int, slot: int, intent: int, refusal: int, following: int, k: int) -> int:
    """Say that an intent was refused; how many calls of the next round there are."""
    store_8(intent + INTENT_REFUSED, refusal)
    _raise(ctx + CTX_REFUSED, 1)
    if load_i8(ctx + CTX_WAKES) & _OWN_REJECT == 0:
        return k
    made = _planned(following, k, ctx, slot, _OWN_REJECT, load_i8(run + RUN_SEQ_HERE))
    store_8(made + CALL_ORDER, load_i8(intent + INTENT_ORDER))
    store_8(made + CALL_REFUSAL, refusal)
    return k + 1


@inline
def _submit(run: int, desk: int, planned: int, wish: int, following: int, k: int) -> int:
    """One wish; how many calls of the next round there are."""
    ctx = load_i8(planned + CALL_STRATEGY)
    intent = added(run + RUN_INTENTS, INTENT_BYTES)
    copy(intent, wish, WISH_BYTES)
    store_8(intent + INTENT_SEQ, load_i8(planned + CALL_SEQ))
    store_8(intent + INTENT_STRATEGY, load_i8(ctx + CTX_INDEX))
    store_8(intent + INTENT_SENT, load_i8(run + RUN_NOW))
    store_8(intent + INTENT_REFUSED, 0)
    place, slot = load_i8(intent + INTENT_KIND) == _PLACE, load_i8(intent + INTENT_SLOT)
    if not place:
        slot = slot_of(ctx, load_i8(intent + INTENT_ORDER), load_i8(planned + CALL_INSTRUMENT))
        store_8(intent + INTENT_SLOT, slot)
    refusal = refusal_of(desk, ctx, slot, intent) if slot >= 0 else _UNKNOWN_ORDER
    if refusal:
        return _refused(run, ctx, slot, intent, refusal, following, k)
    if place:
        asked(run, desk, ctx, slot, intent)
    send(run, intent)
    return k


@helper
def _wake_all(run: int, desk: int, count: int) -> int:
    """All calls of a round, on the same state; how many wishes they left, -1 where there is no room."""
    calls, wishes = load_i8(desk + DESK_CALLS), load_i8(desk + DESK_WISHES)
    total = 0
    for k in range(count):
        if total > WISHES_ROOM:
            return -1
        wished = _wake(run, desk, calls + k * CALL_BYTES, wishes + total * WISH_BYTES)
        if wished < 0:
            return -1
        total += wished
    return total if total <= WISHES_ROOM else -1


@helper
def _submit_all(run: int, desk: int, count: int) -> int:
    """Their wishes, in order; how many calls follow from them."""
    calls, following = load_i8(desk + DESK_CALLS), load_i8(desk + DESK_NEXT)
    followed = 0
    for k in range(count):
        planned = calls + k * CALL_BYTES
        wishes = load_i8(planned + CALL_WISHES)
        for wish in range(wishes, wishes + load_i8(planned + CALL_WISHED) * WISH_BYTES, WISH_BYTES):
            followed = _submit(run, desk, planned, wish, following, followed)
    store_8(desk + DESK_CALLS, following)
    store_8(desk + DESK_NEXT, calls)
    return followed


@inline
def _stop(run: int, ctx: int, why: int) -> None:
    """Call a strategy no more, unless it was stopped before."""
    if load_i8(ctx + CTX_STOPPED) == 0:
        store_8(ctx + CTX_STOPPED, why)
        store_8(ctx + CTX_STOP_SEQ, load_i8(run + RUN_SEQ_HERE))


@helper
def _carry_out(run: int, desk: int, count: int) -> int:
    """The calls of DESK_CALLS and all that follows from them; a status."""
    for _ in range(MAX_ROUNDS):
        wished = _wake_all(run, desk, count)
        if wished == 0:
            return 0
        rooms = min(room(run + RUN_INTENTS), min(room(run + RUN_REQUESTS), room(run + RUN_REPORTS)))
        if wished < 0 or rooms < wished:
            return _DESK
        count = _submit_all(run, desk, count)
        if count == 0:
            return 0
    for k in range(count):
        _stop(run, load_i8(load_i8(desk + DESK_CALLS) + k * CALL_BYTES + CALL_STRATEGY), _ROUNDS)
    return 0


# what wakes


@helper
def _deliver(run: int, desk: int, change: int) -> int:
    """One change, to all that it wakes; a status."""
    calls, count = load_i8(desk + DESK_CALLS), 0
    for k in range(load_i8(desk + DESK_COUNT)):
        ctx = _strategy(desk, k)
        reasons = load_i8(change + CHANGE_REASONS) & load_i8(ctx + CTX_WAKES)
        if reasons:
            slot, seq = load_i8(change + CHANGE_SLOT), load_i8(change + CHANGE_SEQ)
            made = _planned(calls, count, ctx, slot, reasons, seq)
            store_8(made + CALL_TRADE, load_i8(change + CHANGE_TRADE))
            count += 1
    return _carry_out(run, desk, count) if count else 0


@helper
def desk_changes(run: int) -> int:
    """What a moment brought, in order."""
    desk, changes = load_i8(run + RUN_DESK), load_i8(run + RUN_CHANGES)
    end = changes + load_i8(run + RUN_CHANGES + COLUMN_COUNT) * CHANGE_BYTES
    for change in range(changes, end, CHANGE_BYTES):
        code = _deliver(run, desk, change)
        if code:
            return code
    return 0


@inline
def _count_answer(run: int, ctx: int) -> None:
    """Stop a strategy that goes on answering its own answers while no time passes."""
    now_ns = load_i8(run + RUN_NOW)
    if load_i8(ctx + CTX_ANSWERED) != now_ns:
        store_8(ctx + CTX_ANSWERED, now_ns)
        store_8(ctx + CTX_ANSWERS, 0)
    _raise(ctx + CTX_ANSWERS, 1)
    if load_i8(ctx + CTX_ANSWERS) == MAX_ANSWERS:
        _stop(run, ctx, _ANSWERS)


@helper
def desk_answer(run: int) -> int:
    """An answer of the venue is here, the report at RUN_ANSWER: own orders, position, who is woken."""
    desk, report = load_i8(run + RUN_DESK), load_i8(run + RUN_ANSWER)
    ctx, refusal = _strategy(desk, load_i8(report + REPORT_STRATEGY)), load_i8(report + REPORT_REFUSAL)
    told(desk, ctx, report)
    signed = filled(ctx, report) if load_i8(report + REPORT_FILLED) else 0
    wakes, seq, slot = load_i8(ctx + CTX_WAKES), load_i8(run + RUN_SEQ_HERE), load_i8(report + REPORT_SLOT)
    calls, count = load_i8(desk + DESK_CALLS), 0
    if signed != 0 and wakes & _OWN_FILL:
        made = _planned(calls, count, ctx, slot, _OWN_FILL, seq)
        store_8(made + CALL_ORDER, load_i8(report + REPORT_ORDER))
        store_8(made + CALL_FILLED, signed)
        count += 1
    if refusal:
        _raise(ctx + CTX_REFUSED, 1)
    if refusal and wakes & _OWN_REJECT:
        made = _planned(calls, count, ctx, slot, _OWN_REJECT, seq)
        store_8(made + CALL_ORDER, load_i8(report + REPORT_ORDER))
        store_8(made + CALL_REFUSAL, refusal)
        count += 1
    code = _carry_out(run, desk, count) if count else 0
    _count_answer(run, ctx)
    return code


@helper
def desk_timers(run: int) -> int:
    """The timers of RUN_NEXT_TIMER, one call for each strategy that has any."""
    desk, due_ns = load_i8(run + RUN_DESK), load_i8(run + RUN_NEXT_TIMER)
    calls, count, last = load_i8(desk + DESK_CALLS), 0, -1
    while load_i8(desk + DESK_TIMED) and load_i8(load_i8(desk + DESK_TIMERS)) == due_ns:
        index = pop_timer(run, desk)
        if index != last:
            _planned(calls, count, _strategy(desk, index), -1, _TIMER, load_i8(run + RUN_SEQ_HERE))
            count += 1
            last = index
    return _carry_out(run, desk, count)


@kernel
def desk_end(run: int) -> int:
    """The run ends: strategies that wish it are woken a last time."""
    desk, count = load_i8(run + RUN_DESK), 0
    for k in range(load_i8(desk + DESK_COUNT)):
        ctx = _strategy(desk, k)
        if load_i8(ctx + CTX_WAKES) & _END:
            _planned(load_i8(desk + DESK_CALLS), count, ctx, -1, _END, load_i8(run + RUN_SEQ_HERE))
            count += 1
    return _carry_out(run, desk, count)
