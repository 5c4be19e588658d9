"""Execution models of plugins, guarded: what they raise, or say wrongly, is told with their name. Pure.

queue = guarded_queue("mine", model)              instead of `queue.queue_model`
latencies = guarded_latency("mine", model, 1)     instead of `models.latencies_of`
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import attrs

from mm_framework.contracts.execution_model import LatencyModel, OrderLatency, QueueModel
from mm_framework.errors import PluginError
from mm_framework.trading.models import Latencies
from mm_framework.trading.queue import Advance, Ahead

__all__ = ["check_latency", "check_queue", "guarded_latency", "guarded_queue"]


def check_queue(name: str, model: Any) -> QueueModel:
    """What a factory made, if it is a queue model. Raises PluginError."""
    _require(name, model, model, "advance", "a queue model")
    made: QueueModel = model
    return made


def check_latency(name: str, model: Any) -> OrderLatency:
    """What a factory made, if it is a latency model of both ways. Raises PluginError."""
    for way in ("entry", "response"):
        _require(
            name, model, getattr(model, way, None), "latency", f"an object whose {way} is a latency model"
        )
    made: OrderLatency = model
    return made


def _require(name: str, made: Any, part: Any, method: str, expected: str) -> None:
    if not callable(getattr(part, method, None)):
        raise PluginError(
            f"execution model {name!r}: its factory gave {type(made).__name__}, expected {expected} (with"
            f" `{method}`)",
            phase="factory",
        )


def guarded_queue(name: str, model: QueueModel) -> Advance:
    """The model as the venue calls it. A call may raise PluginError."""

    def advance(ahead: Ahead, old: int, new: int, printed: int) -> Ahead:
        try:
            found: Any = model.advance(ahead, old, new, printed)
        except Exception as error:
            raise _failed(name, "advance", error) from error
        if not (isinstance(found, int | float) and math.isfinite(found) and found >= 0):
            raise PluginError(
                f"execution model {name!r}: advance({ahead}, {old}, {new}, {printed}) gave {found!r},"
                " expected lots of 0 or more",
                phase="advance",
            )
        return found

    return advance


def guarded_latency(name: str, model: OrderLatency, scale: float) -> Latencies:
    """Both ways, times ``scale``. A call of `LatencyModel.latency` may raise PluginError."""
    factor = Fraction(scale)
    return Latencies(_Guarded(name, model.entry, factor), _Guarded(name, model.response, factor))


@attrs.frozen
class _Guarded:
    """Implements `contracts.execution_model.LatencyModel`."""

    name: str
    model: LatencyModel
    factor: Fraction

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        try:
            found: Any = self.model.latency(now_ns, feed_latency_ns, order_number)
        except Exception as error:
            raise _failed(self.name, "latency", error) from error
        if not (isinstance(found, int) and found >= 0):
            raise PluginError(
                f"execution model {self.name!r}: latency gave {found!r}, expected whole nanoseconds of 0 or"
                " more",
                phase="latency",
            )
        return round(found * self.factor)


def _failed(name: str, what: str, error: Exception) -> PluginError:
    return PluginError(f"execution model {name!r}: {what} raised {type(error).__name__}: {error}", phase=what)
