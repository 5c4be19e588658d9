"""A strategy in a run: its state, its views, and the guard around its function. Pure.

What a strategy raises stops that strategy only: it is not called again, its orders and positions
stay, and the run reports the error.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import StrategyError
from mm_framework.model.events import Row
from mm_framework.model.orders import Refusal
from mm_framework.trading.exchange import Exchange
from mm_framework.trading.market import Slot
from mm_framework.trading.positions import Position
from mm_framework.trading.program import decide_of
from mm_framework.trading.records import make_record
from mm_framework.trading.views import Indexed, InstrumentView, MarketView, OutBox, Request, WakeView

__all__ = ["Actor", "place_of", "raised"]


class Actor:
    """One named strategy. ``error`` is why it was stopped, None while it runs.

    ``calls``, ``intents``, ``fills`` count what the function did and what became of it; ``refusals`` by
    reason.
    """

    def __init__(self, name: str, strategy: Strategy, seed: int) -> None:
        self.name, self.strategy = name, strategy
        self.error: StrategyError | None = None
        self.calls = self.intents = self.fills = 0
        self.refusals: Counter[Refusal] = Counter()
        self.at: Indexed[Any] = Indexed()
        self.state = make_record(strategy.state, at=self.at)
        self.wake = WakeView(seed, name)
        self.market = MarketView()
        self.out = OutBox(strategy, self.wake, self.market)
        self.held: list[Position] = []
        self._decide = decide_of(name, strategy)
        if strategy.start is not None:
            self._guard("start", 0, strategy.start, self.state)

    @property
    def refused(self) -> int:
        """How many intents were refused, by the allocator or by the venue."""
        return self.refusals.total()

    def define(self, slot: Slot, held: Position, exchange: Exchange, seq: int) -> None:
        """A definition came into force, the first of its slot or a later one."""
        if slot.index == len(self.held):
            self.held.append(held)
            self.at.items.append(make_record(self.strategy.at))
            self.market.add(InstrumentView(self.strategy, slot, held, exchange))
        if self.strategy.define is not None:
            self._guard("define", seq, self.strategy.define, self.at[slot.index], slot.definition)

    def call(
        self,
        now_ns: int,
        seq: int,
        instrument: int,
        reasons: int,
        *,
        trade: Row | None = None,
        order: int = 0,
        filled: int = 0,
        refusal: int = 0,
    ) -> tuple[list[Request], list[int]]:
        """Wake the strategy; returns its requests and timers, none when it raises or was stopped."""
        if self.error is not None:
            return [], []
        wake = self.wake
        wake.set(now_ns, instrument, reasons)
        if trade is not None:
            wake.trade_price, wake.trade_size, wake.trade_side = trade.price, trade.size, trade.side
        wake.order, wake.filled, wake.refusal = order, filled, refusal
        self.calls += 1
        self._guard("decide", seq, self._decide, self.state, wake, self.market, self.out)
        wishes = self.out.take()
        if self.error is not None:
            return [], []
        self.intents += len(wishes[0])
        return wishes

    def stop(self, error: StrategyError) -> None:
        """Do not call it again."""
        self.error = self.error or error

    def _guard(self, what: str, seq: int, function: Any, *arguments: Any) -> None:
        if self.error is not None:
            return
        try:
            function(*arguments)
        except Exception as error:
            self.error = raised(self.name, what, seq, error, place_of(error))


_OURS = ("mm_framework.contracts", "mm_framework.model", "mm_framework.num", "mm_framework.trading")
"""Modules whose lines are not the strategy's."""


def place_of(error: Exception) -> str:
    """The line of the strategy at which it raised, ``strategy.py:57``; empty where nothing tells it."""
    place, step = "", error.__traceback__
    while step is not None:
        if str(step.tb_frame.f_globals.get("__name__")).startswith(_OURS):
            if place:
                break
        else:
            file = step.tb_frame.f_code.co_filename.replace("\\", "/")
            place = f"{file.rpartition('/')[2]}:{step.tb_lineno}"
        step = step.tb_next
    return place


def raised(name: str, what: str, seq: int, error: Exception, place: str) -> StrategyError:
    """What ends a strategy whose function ``what`` raised.

    Without its cause: a kept traceback is a cycle of frames around views of records, and CPython 3.11 may
    crash when it collects one.
    """
    at = f" ({place})" if place else ""
    text = f"strategy {name}: {what} raised {type(error).__name__} at event {seq}: {error}{at}"
    return StrategyError(text, strategy=name, seq=seq)
