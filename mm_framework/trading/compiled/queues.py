"""Queue models in kernels: `trading.queue`, and lots ahead as they are kept in ORDER_AHEAD.

Under ``risk_averse`` and ``optimistic`` lots ahead are an int64; under the others the bits of a float64,
as these models give fractions. NULL is an unknown place under all of them (no model gives -0.0).
"""

from __future__ import annotations

import math
from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.fixed import NULL
from mm_framework.trading.compiled.bits import bits_of, float_of
from mm_framework.trading.compiled.layout import (
    ORDER_AHEAD,
    ORDER_EMPTIED,
    ORDER_LEAVES,
    ORDER_LOT,
    RUN_BEHIND,
    RUN_QUEUE,
    RUN_QUEUE_N,
)

__all__ = ["CODES", "at_price", "kept", "lots", "moved"]

CODES: Final = {
    "risk_averse": 0,
    "optimistic": 1,
    "power": 2,
    "power2": 3,
    "power3": 4,
    "log": 5,
    "log2": 6,
}

_OPTIMISTIC: Final = CODES["optimistic"]
_POWER: Final = CODES["power"]
_POWER2: Final = CODES["power2"]
_POWER3: Final = CODES["power3"]
_LOG: Final = CODES["log"]


@inline
def lots(size: int, lot: int) -> int:
    """Whole lots, a rest counts as one."""
    return -(-size // lot) if lot > 1 else size


@inline
def kept(run: int, ahead: int) -> int:
    """So many lots ahead, as they are kept."""
    return bits_of(float(ahead)) if load_i8(run + RUN_QUEUE) > _OPTIMISTIC else ahead


@helper
def _behind(code: int, n: float, front: float, back: float) -> float:
    """The probability that a cancel was behind us."""
    if code == _POWER:
        return math.pow(back, n) / (math.pow(back, n) + math.pow(front, n))
    if code == _POWER2:
        return math.pow(back, n) / math.pow(back + front, n)
    if code == _POWER3:
        return 1.0 - math.pow(front / (front + back), n)
    if code == _LOG:
        return math.log(1.0 + back) / (math.log(1.0 + back) + math.log(1.0 + front))
    return math.log(1.0 + back) / math.log(1.0 + back + front)


@helper
def _probabilistic(run: int, ahead: float, old: int, new: int, printed: int) -> float:
    drop = old - new - printed
    if drop < 0:
        return min(ahead, float(new))
    if ahead == 0.0:
        return 0.0
    back = float(old) - ahead
    share = 0.0
    if back > 0.0:
        share = _behind(load_i8(run + RUN_QUEUE), float_of(load_i8(run + RUN_QUEUE_N)), ahead, back)
    estimate = ahead - (1.0 - share) * drop + min(back - share * drop, 0.0)
    return max(0.0, min(estimate, float(new)))


@inline
def _advanced(run: int, ahead: int, old: int, new: int, printed: int) -> int:
    """The lots ahead after a level went from ``old`` to ``new`` lots, ``printed`` of them traded."""
    code = load_i8(run + RUN_QUEUE)
    if code > _OPTIMISTIC:
        return int(bits_of(_probabilistic(run, float_of(ahead), old, new, printed)))
    return 0 if code == _OPTIMISTIC else min(ahead, new)


@inline
def _least(run: int, ahead: int, shown: int) -> int:
    if load_i8(run + RUN_QUEUE) > _OPTIMISTIC:
        return int(bits_of(min(float_of(ahead), float(shown))))
    return min(ahead, shown)


@helper
def moved(run: int, order: int, old: int, new: int, printed: int) -> None:
    """The level of a resting order went from ``old`` (NULL: unknown) to ``new``; sizes, not lots."""
    ahead, lot = load_i8(order + ORDER_AHEAD), load_i8(order + ORDER_LOT)
    shown = lots(new, lot)
    if ahead == NULL:
        ahead = kept(run, shown)
    elif old == NULL:
        ahead = _least(run, ahead, shown)
    elif load_i8(order + ORDER_EMPTIED) == 1 and new != 0 and load_i8(run + RUN_BEHIND) == 1:
        ahead = kept(run, shown)
    else:
        ahead = _advanced(run, ahead, lots(old, lot), shown, printed // lot)
    store_8(order + ORDER_AHEAD, ahead)
    store_8(order + ORDER_EMPTIED, 1 if new == 0 else 0)


@helper
def at_price(run: int, order: int, printed: int) -> int:
    """What a print at the order's price leaves for it, after those ahead."""
    ahead, lot = load_i8(order + ORDER_AHEAD), load_i8(order + ORDER_LOT)
    if ahead == NULL:
        return 0
    if load_i8(run + RUN_QUEUE) > _OPTIMISTIC:
        rest = float_of(ahead) - float(printed // lot)
        store_8(order + ORDER_AHEAD, bits_of(max(rest, 0.0)))
        over = int(-rest) if rest < 0.0 else 0
    else:
        left = ahead - printed // lot
        store_8(order + ORDER_AHEAD, max(left, 0))
        over = -left if left < 0 else 0
    return min(load_i8(order + ORDER_LEAVES), over * lot)
