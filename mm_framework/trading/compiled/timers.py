"""Timers: a heap of (due, strategy), earliest first, then in order of name."""

from __future__ import annotations

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.fixed import MAX
from mm_framework.trading.compiled.desk_memory import DESK_TIMED, DESK_TIMERS, TIMER_BYTES
from mm_framework.trading.compiled.layout import RUN_NEXT_TIMER

__all__ = ["pop_timer", "push_timer"]


@inline
def _before(due_ns: int, index: int, place: int) -> bool:
    """Whether a timer comes before the one at a place."""
    other = load_i8(place)
    return due_ns < other or (due_ns == other and index < load_i8(place + 8))


@inline
def _put(place: int, due_ns: int, index: int) -> None:
    store_8(place, due_ns)
    store_8(place + 8, index)


@helper
def push_timer(run: int, desk: int, due_ns: int, index: int) -> None:
    """A timer more, for which there is room."""
    heap, k = load_i8(desk + DESK_TIMERS), load_i8(desk + DESK_TIMED)
    store_8(desk + DESK_TIMED, k + 1)
    while k > 0:
        parent = heap + ((k - 1) >> 1) * TIMER_BYTES
        if not _before(due_ns, index, parent):
            break
        _put(heap + k * TIMER_BYTES, load_i8(parent), load_i8(parent + 8))
        k = (k - 1) >> 1
    _put(heap + k * TIMER_BYTES, due_ns, index)
    store_8(run + RUN_NEXT_TIMER, load_i8(heap))


@helper
def pop_timer(run: int, desk: int) -> int:
    """The strategy of the next timer, which is gone."""
    heap, count = load_i8(desk + DESK_TIMERS), load_i8(desk + DESK_TIMED) - 1
    first, last = load_i8(heap + 8), heap + count * TIMER_BYTES
    due_ns, index = load_i8(last), load_i8(last + 8)
    store_8(desk + DESK_TIMED, count)
    k = 0
    while 2 * k + 1 < count:
        child = 2 * k + 1
        right = heap + (child + 1) * TIMER_BYTES
        if child + 1 < count and _before(load_i8(right), load_i8(right + 8), heap + child * TIMER_BYTES):
            child += 1
        place = heap + child * TIMER_BYTES
        if _before(due_ns, index, place):
            break
        _put(heap + k * TIMER_BYTES, load_i8(place), load_i8(place + 8))
        k = child
    _put(heap + k * TIMER_BYTES, due_ns, index)
    store_8(run + RUN_NEXT_TIMER, load_i8(heap) if count else MAX)
    return first
