"""The way to the venue and back: `trading.gateway` and `trading.latency` in kernels.

A model's three numbers: ``constant`` ns; ``feed`` ppm, base; ``random`` seed, base, mean; the measured ones
have a table instead, of `MEASURED_BYTES` a row.
"""

from __future__ import annotations

import math
from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import copy, load_i8, shift_right, store_8
from mm_framework.model.fixed import NULL
from mm_framework.model.orders import OrderState, Refusal
from mm_framework.trading.compiled.columns import added
from mm_framework.trading.compiled.layout import (
    INTENT_BYTES,
    INTENT_DUE,
    INTENT_KIND,
    INTENT_ORDER,
    INTENT_PRICE,
    INTENT_SIZE,
    INTENT_SLOT,
    INTENT_STRATEGY,
    LATENCY_A,
    LATENCY_B,
    LATENCY_C,
    LATENCY_ROWS,
    LATENCY_TABLE,
    LIMIT,
    REPORT_AHEAD,
    REPORT_BYTES,
    REPORT_FILL,
    REPORT_FILLED,
    REPORT_HERE,
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
    RUN_ENTRY,
    RUN_FEED_LATENCY,
    RUN_LAST_ANSWER,
    RUN_LAST_REQUEST,
    RUN_NOW,
    RUN_REPORTS,
    RUN_REQUESTS,
    RUN_RESPONSE,
    RUN_TOO_LARGE,
)

__all__ = [
    "CONSTANT",
    "FEED",
    "MEASURED_BYTES",
    "MEASURED_ENTRY",
    "MEASURED_RESPONSE",
    "RANDOM",
    "answer",
    "latency",
    "send",
]

CONSTANT: Final = 0
FEED: Final = 1
RANDOM: Final = 2
MEASURED_ENTRY: Final = 3
MEASURED_RESPONSE: Final = 4

MEASURED_BYTES: Final = 32
"""A row: time, latency, round trip, 1 where the request was lost."""

_PPM: Final = 1_000_000
_STREAM: Final = 0x9E3779B97F4A7C15 - (1 << 64)
_ORDER: Final = 0xD1B54A32D192ED03 - (1 << 64)
_FIRST: Final = 0xBF58476D1CE4E5B9 - (1 << 64)
_SECOND: Final = 0x94D049BB133111EB - (1 << 64)
_REJECTED: Final = int(OrderState.REJECTED)
_NOT_DELIVERED: Final = int(Refusal.NOT_DELIVERED)


@helper
def _random(model: int, order: int) -> int:
    z = load_i8(model + LATENCY_A) * _STREAM + order * _ORDER
    z = (z ^ shift_right(z, 30)) * _FIRST
    z = (z ^ shift_right(z, 27)) * _SECOND
    uniform = float(shift_right(z ^ shift_right(z, 31), 11)) * 2.0**-53
    return load_i8(model + LATENCY_B) + int(-math.log(1.0 - uniform) * load_i8(model + LATENCY_C))


@inline
def _between(low: int, high: int, column: int, now_ns: int) -> int:
    """Linear between two rows, cut to whole nanoseconds."""
    first = load_i8(low + column)
    if low == high or now_ns <= load_i8(low):
        return first
    rise = (load_i8(high + column) - first) * (now_ns - load_i8(low))
    span = load_i8(high) - load_i8(low)
    return first + (rise // span if rise >= 0 else -(-rise // span))


@helper
def _measured(model: int, now_ns: int) -> int:
    table, count = load_i8(model + LATENCY_TABLE), load_i8(model + LATENCY_ROWS)
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if load_i8(table + middle * MEASURED_BYTES) <= now_ns:
            low = middle + 1
        else:
            high = middle
    before = table + max(low - 1, 0) * MEASURED_BYTES
    behind = table + min(low, count - 1) * MEASURED_BYTES
    if load_i8(model) == MEASURED_ENTRY and (load_i8(before + 24) == 1 or load_i8(behind + 24) == 1):
        return -_between(before, behind, 16, now_ns)
    return _between(before, behind, 8, now_ns)


@helper
def latency(run: int, model: int, now_ns: int, order: int) -> int:
    """Nanoseconds on the way; below 0: it gets lost, which is known after as many."""
    kind = load_i8(model)
    if kind == CONSTANT:
        return load_i8(model + LATENCY_A)
    if kind == FEED:
        told = max(0, load_i8(run + RUN_FEED_LATENCY))
        return max(0, told * load_i8(model + LATENCY_A) // _PPM + load_i8(model + LATENCY_B))
    return _random(model, order) if kind == RANDOM else _measured(model, now_ns)


@inline
def _due(last: int, due_ns: int) -> int:
    """Nothing overtakes what was sent before it."""
    due_ns = max(due_ns, load_i8(last))
    store_8(last, due_ns)
    return due_ns


@helper
def _lost(run: int, intent: int, here_ns: int) -> None:
    """A request that never arrives: its refusal, as if the venue had sent it."""
    report = added(run + RUN_REPORTS, REPORT_BYTES)
    store_8(report + REPORT_TS, load_i8(run + RUN_NOW))
    store_8(report + REPORT_SLOT, load_i8(intent + INTENT_SLOT))
    store_8(report + REPORT_STRATEGY, load_i8(intent + INTENT_STRATEGY))
    store_8(report + REPORT_ORDER, load_i8(intent + INTENT_ORDER))
    store_8(report + REPORT_STATE, _REJECTED)
    store_8(report + REPORT_KIND, load_i8(intent + INTENT_KIND))
    store_8(report + REPORT_REFUSAL, _NOT_DELIVERED)
    for field in (REPORT_PRICE, REPORT_SIZE, REPORT_LEAVES, REPORT_SIDE, REPORT_FILLED):
        store_8(report + field, 0)
    store_8(report + REPORT_FILL, -1)
    store_8(report + REPORT_HERE, _due(run + RUN_LAST_ANSWER, here_ns))
    store_8(report + REPORT_UNSENT, 1)
    store_8(report + REPORT_AHEAD, NULL)


@helper
def send(run: int, intent: int) -> None:
    """An intent leaves for the venue at RUN_NOW; there is room for a request and a report."""
    now_ns = load_i8(run + RUN_NOW)
    if max(abs(load_i8(intent + INTENT_PRICE)), abs(load_i8(intent + INTENT_SIZE))) >= LIMIT:
        store_8(run + RUN_TOO_LARGE, 1)
    delay = latency(run, run + RUN_ENTRY, now_ns, load_i8(intent + INTENT_ORDER))
    if delay < 0:
        _lost(run, intent, now_ns - delay)
        return
    request = added(run + RUN_REQUESTS, INTENT_BYTES)
    copy(request, intent, INTENT_BYTES)
    store_8(request + INTENT_DUE, _due(run + RUN_LAST_REQUEST, now_ns + delay))


@helper
def answer(run: int, report: int) -> None:
    """A report of the venue is on its way back."""
    ts_ns = load_i8(report + REPORT_TS)
    delay = latency(run, run + RUN_RESPONSE, ts_ns, load_i8(report + REPORT_ORDER))
    store_8(report + REPORT_HERE, _due(run + RUN_LAST_ANSWER, ts_ns + max(0, delay)))
