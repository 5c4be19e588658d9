"""What is asked of a simulated capture while it runs: connections replaced, instruments let go and back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Final

from mm_framework.capture.clock import VirtualClock
from mm_framework.capture.plan import Plan
from mm_framework.capture.runner import Capture
from mm_framework.contracts.adapter import Subscription
from mm_framework.feed import Output
from mm_framework.feed.log_bodies import read_replaced
from mm_framework.model.events import Reason
from mm_framework.model.frame import RecordKind, iter_records
from mm_framework.simulate.network import TroubledNetwork
from mm_framework.simulate.troubles import Forecast, Window

__all__ = ["Cutter", "Operator"]

_S: Final = 1_000_000_000
_REASONS: Final = (Reason.CLOCK_REFRESH, Reason.SESSION_AGE, Reason.UNIVERSE_CHANGE)
LONGEST_CUT_S: Final = 4.0
"""A handover is over by then, unless something keeps it up."""


class Operator:
    """Does what the forecast says; `start` in the loop, before the run."""

    def __init__(self, forecast: Forecast, clock: VirtualClock, capture: Capture, plan: Plan) -> None:
        self._forecast, self._clock, self._capture, self._plan = forecast, clock, capture, plan

    def start(self) -> None:
        """Set the times."""
        for window in self._forecast.of("universe"):
            self._at(window.start_ns, self._let_go, window)
            self._at(window.end_ns, self._follow, window)
        for window in self._forecast.of("rotate"):
            self._at(window.start_ns, self._rotate, window)

    def _let_go(self, window: Window) -> None:
        """An instrument leaves all its shards."""
        for shard, some in self._chosen(window):
            self._capture.unfollow(shard, some)

    def _follow(self, window: Window) -> None:
        for shard, some in self._chosen(window):
            self._capture.follow(shard, some)

    def _chosen(self, window: Window) -> Iterator[tuple[int, list[Subscription]]]:
        """An instrument's subscriptions, by shard."""
        name = self._plan.instruments[int(window.pick * len(self._plan.instruments))]
        for shard in self._plan.shards:
            if some := [one for one in shard.subscriptions if one.instrument == name]:
                yield shard.shard, some

    def _rotate(self, window: Window) -> None:
        shard = self._plan.shards[int(window.pick * len(self._plan.shards))]
        reason = _REASONS[int(window.pick * 1000) % len(_REASONS)]
        self._capture.rotate(shard.shard, reason)

    def _at(self, at_ns: int, act: Callable[[Window], None], window: Window) -> None:
        delay_s = max(0, at_ns - self._clock.now_ns) / _S
        asyncio.get_running_loop().call_later(delay_s, act, window)


class Cutter:
    """Implements `capture.recorder.Listener`: breaks a connection soon after a heir has opened.

    ``heirs``: how many have.
    """

    done = False
    heirs = 0

    def __init__(self, forecast: Forecast, network: TroubledNetwork, seed: int) -> None:
        self._chance, self._end_ns = forecast.chances.get("cut", 0.0), forecast.end_ns
        self._network, self._draw = network, random.Random(f"{seed}/cut")

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`."""
        (decoded,) = iter_records(record)
        if decoded.kind != RecordKind.OPEN or read_replaced(decoded) is None:
            return
        self.heirs += 1
        if mono_ns < self._end_ns and self._draw.random() < self._chance:
            delay_s = self._draw.random() ** 2 * LONGEST_CUT_S
            asyncio.get_running_loop().call_later(delay_s, self._network.cut, self._draw.random())

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""
