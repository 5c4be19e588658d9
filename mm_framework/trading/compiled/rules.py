"""Settings of a run as the numbers that kernels read; what has no such numbers is told by name."""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.execution_model import LatencyModel
from mm_framework.contracts.strategy import units
from mm_framework.kernels.memory import Buffer
from mm_framework.num import floor_to
from mm_framework.trading.compiled import layout, way
from mm_framework.trading.compiled.bits import float_bits
from mm_framework.trading.compiled.layout import LIMIT
from mm_framework.trading.compiled.memory import Run
from mm_framework.trading.compiled.queues import CODES
from mm_framework.trading.latency import Constant, FeedDerived, Interpolated, RandomLatency
from mm_framework.trading.market import Slot
from mm_framework.trading.matching import Execution
from mm_framework.trading.queue import model_of
from mm_framework.trading.timeline import Clocks

__all__ = ["cap_of", "set_clocks", "set_execution", "set_latency", "why_not"]

_MASK: Final = 2**64 - 1
_MOST_NS: Final = 1 << 53
_MOST_BPS: Final = 10_000


def why_not(execution: Execution, entry: LatencyModel, response: LatencyModel, clocks: Clocks) -> str | None:
    """Why these settings cannot run compiled, None when they can."""
    if model_of(execution.queue) is None:
        return "its queue model is not one of the built-in ones"
    if not 0 <= execution.slippage_bps <= _MOST_BPS:
        return f"slippage_bps is {execution.slippage_bps}, the compiled run takes 0 to {_MOST_BPS}"
    if not (0 <= clocks.assumed_ns < _MOST_NS and 0 <= clocks.longest_ns < _MOST_NS):
        return "a bound of its clocks is out of range"
    for way_name, model in (("entry", entry), ("response", response)):
        if reason := _latency_refused(model, clocks):
            return f"its {way_name} latency {reason}"
    return None


def _latency_refused(model: LatencyModel, clocks: Clocks) -> str | None:
    if isinstance(model, Constant):
        numbers = [model.ns]
    elif isinstance(model, FeedDerived):
        numbers = [abs(model.base_ns), model.factor_ppm * max(clocks.longest_ns, 1) // 1_000_000]
        if model.factor_ppm * clocks.longest_ns >= LIMIT:
            return f"has factor_ppm {model.factor_ppm}, which may leave int64"
    elif isinstance(model, RandomLatency):
        numbers = [model.base_ns, model.mean_ns]
    elif isinstance(model, Interpolated):
        return None if _fits(model) else "is a table whose products may leave int64"
    else:
        return f"{type(model).__name__} is not a built-in one"
    return None if max(numbers) < _MOST_NS else f"has a number that is not below 2**53 ns: {max(numbers)}"


def _fits(model: Interpolated) -> bool:
    rows = model.rows()
    largest = max(max(abs(value), abs(trip)) for _, value, trip, _ in rows)
    return 2 * largest * (rows[-1][0] - rows[0][0]) < LIMIT and abs(rows[-1][0]) < LIMIT and largest < LIMIT


def set_execution(run: Run, execution: Execution) -> None:
    """The rules of the venue."""
    found = model_of(execution.queue)
    assert found is not None
    name, n = found
    values = {
        layout.RUN_QUEUE: CODES[name],
        layout.RUN_QUEUE_N: float_bits(n),
        layout.RUN_MAKERS: execution.makers,
        layout.RUN_BEST_ONLY: execution.takers == "best",
        layout.RUN_SLIPPAGE: execution.slippage_bps,
        layout.RUN_THROUGH_PRINT: execution.through == "print",
        layout.RUN_BEHIND: execution.vanished == "behind",
        layout.RUN_DEPLETION: execution.depletion,
        layout.RUN_CANCEL_ON_GAP: execution.on_gap == "cancel",
    }
    for offset, value in values.items():
        run[offset] = int(value)


def cap_of(execution: Execution, slot: Slot) -> int | None:
    """The most that one taker fills in a market, None without a cap."""
    if execution.max_fill_size is None:
        return None
    return floor_to(units(execution.max_fill_size, slot.definition.size_scale, up=False), slot.lot)


def set_clocks(run: Run, clocks: Clocks) -> None:
    """The bounds of latency; theta stands with each number."""
    run[layout.RUN_ASSUMED], run[layout.RUN_LONGEST] = clocks.assumed_ns, clocks.longest_ns


def set_latency(run: Run, offset: int, model: LatencyModel) -> Buffer | None:
    """A latency model at RUN_ENTRY or RUN_RESPONSE; its table, which has to be kept."""
    if isinstance(model, Interpolated):
        return _set_table(run, offset, model)
    if isinstance(model, Constant):
        numbers = (way.CONSTANT, model.ns, 0, 0)
    elif isinstance(model, FeedDerived):
        numbers = (way.FEED, model.factor_ppm, model.base_ns, 0)
    else:
        assert isinstance(model, RandomLatency)
        numbers = (way.RANDOM, _signed(model.seed), model.base_ns, model.mean_ns)
    for place, number in enumerate(numbers):
        run[offset + 8 * place] = number
    return None


def _set_table(run: Run, offset: int, model: Interpolated) -> Buffer:
    rows = model.rows()
    table = Buffer(len(rows) * way.MEASURED_BYTES)
    words = table.words()
    for place, row in enumerate(rows):
        for column, value in enumerate(row):
            words[4 * place + column] = int(value)
    run[offset] = way.MEASURED_ENTRY if offset == layout.RUN_ENTRY else way.MEASURED_RESPONSE
    run[offset + layout.LATENCY_TABLE], run[offset + layout.LATENCY_ROWS] = table.address, len(rows)
    return table


def _signed(value: int) -> int:
    """The low 64 bits, as a word holds them."""
    low = value & _MASK
    return low - (1 << 64) if low >> 63 else low
