"""Queue models: how many lots stand ahead of a resting order after its level changed. Pure.

A level goes from ``old`` to ``new`` displayed lots, ``printed`` of them since its last change. What left
without a print was cancelled; the models differ in where in the queue. All take and give lots.

- ``risk_averse``: every cancel was behind us. Whole numbers, and the lower bound on fills.
- probabilistic ones: a cancel is behind us with a probability that grows with the lots behind. The
  functions are those of the open-source hftbacktest (its ``LogProbQueueModel``, ``PowerProbQueueModel``
  and so on), in float64; sizes must stay below 2**53 lots.
- ``optimistic``: nothing is ahead of us. The upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from mm_framework.num import pow as power

__all__ = ["QUEUES", "Advance", "Ahead", "model_of", "queue_model"]

Ahead = int | float
"""Lots ahead. A fraction only under a probabilistic model."""

Advance = Callable[[Ahead, int, int, int], Ahead]
"""``advance(ahead, old, new, printed) -> ahead``."""


def risk_averse(ahead: Ahead, old: int, new: int, printed: int) -> Ahead:
    """Cancels happen behind us; a level that shrinks below our place takes the place along."""
    return min(ahead, new)


def optimistic(ahead: Ahead, old: int, new: int, printed: int) -> Ahead:
    """Nobody is ahead of us."""
    return 0


def _probabilistic(
    behind: Callable[[float, float], float], ahead: Ahead, old: int, new: int, printed: int
) -> Ahead:
    """``behind(front, back)`` is the probability that a cancel was behind us."""
    drop = old - new - printed
    if drop < 0:
        return min(ahead, new)
    if ahead == 0:
        return 0
    front, back = float(ahead), float(old) - float(ahead)
    share = behind(front, back) if back > 0 else 0.0
    estimate = front - (1.0 - share) * drop + min(back - share * drop, 0.0)
    return max(0.0, min(estimate, float(new)))


def _power(n: float, front: float, back: float) -> float:
    return power(back, n) / (power(back, n) + power(front, n))


def _power2(n: float, front: float, back: float) -> float:
    return power(back, n) / power(back + front, n)


def _power3(n: float, front: float, back: float) -> float:
    return 1.0 - power(front / (front + back), n)


def _log(front: float, back: float) -> float:
    return math.log(1.0 + back) / (math.log(1.0 + back) + math.log(1.0 + front))


def _log2(front: float, back: float) -> float:
    return math.log(1.0 + back) / math.log(1.0 + back + front)


_POWERS: Final[Mapping[str, Callable[[float, float, float], float]]] = {
    "power": _power,
    "power2": _power2,
    "power3": _power3,
}
_LOGS: Final[Mapping[str, Callable[[float, float], float]]] = {"log": _log, "log2": _log2}

QUEUES: Final = ("risk_averse", *_POWERS, *_LOGS, "optimistic")
"""The names of the built-in models."""


def queue_model(name: str, n: float = 2.0) -> Advance:
    """A built-in model by name; ``n`` is the exponent of the power models. KeyError for another name."""
    if name == "risk_averse":
        return risk_averse
    if name == "optimistic":
        return optimistic
    if name in _POWERS:
        return partial(_probabilistic, partial(_POWERS[name], n))
    return partial(_probabilistic, _LOGS[name])


def model_of(advance: Advance) -> tuple[str, float] | None:
    """The name and the exponent of a built-in model (0 where it has none), None for another."""
    if advance in (risk_averse, optimistic):
        return ("risk_averse" if advance is risk_averse else "optimistic"), 0.0
    if not isinstance(advance, partial) or advance.func is not _probabilistic or len(advance.args) != 1:
        return None
    (behind,) = advance.args
    for name, function in _LOGS.items():
        if behind is function:
            return name, 0.0
    for name, power_of in _POWERS.items():
        if isinstance(behind, partial) and behind.func is power_of:
            return name, float(behind.args[0])
    return None
