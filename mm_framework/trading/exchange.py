"""What a desk trades against, and the conservative form of it, which answers each intent at once. Pure.

`SimulatedExchange` is the simulated venue (`matching`) without latency, under rules by which all that
becomes of an order is known when it is placed:

- An instrument whose market is not trusted: every request is refused, ``venue unknown``.
- An accepted price is rounded against us to the tick (a buy down, a sell up), a size down to the lot.
- A taker fills at the best opposite price, moved against us by the slippage buffer and rounded
  against us to the tick, at most the displayed size of that best level and the cap; the rest lapses.
  A limit that does not reach the best price does not fill. FOK fills whole or not at all. The buffer
  is a cost of doubt: it is charged even where it lies beyond the order's own limit.
- A maker order that would take is refused; otherwise it rests and never fills. IOC and FOK makers
  lapse at once, GTD ones at their time.

What flatters us: no latency, and the displayed size is there for every taker of the same moment.
What does not: makers earn nothing, every taker pays the buffer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import attrs

from mm_framework.model.orders import Fill, Intent, Order, OrderState, Refusal
from mm_framework.trading.market import Markets, Slot
from mm_framework.trading.matching import Execution, MatchingEngine, Report
from mm_framework.trading.own_orders import OwnOrders
from mm_framework.trading.settings import TradingSettings

__all__ = ["Answer", "Exchange", "SimulatedExchange", "answers_at_once", "conservative"]


@attrs.frozen
class Answer:
    """What became of an intent: an order's state, a refusal, or both; the fill if there was one."""

    order: int
    state: OrderState
    refusal: Refusal | None = None
    fill: Fill | None = None


class Exchange(Protocol):
    """What strategies trade against, and the open orders as they are known here.

    ``at_once``: nothing happens to an order between a request and its answer.
    """

    at_once: bool

    def __len__(self) -> int:
        """How many orders are open."""
        ...

    def order(self, strategy: str, number: int) -> Order | None:
        """An open order, None when there is none of that number."""
        ...

    def orders(self, instrument: str) -> Iterable[Order]:
        """The open orders of all strategies in one instrument, oldest first."""
        ...

    def may_fill(self, order: Order) -> int:
        """The most that an open order may still add to the position."""
        ...

    def submit(self, intent: Intent, slot: Slot, now_ns: int) -> Answer:
        """Send one intent; what is known of it at once. ``slot`` is the market of its instrument."""
        ...

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        ...


def conservative(settings: TradingSettings) -> Execution:
    """The rules of a run that asks for no other."""
    return Execution(
        makers=False,
        takers="best",
        slippage_bps=settings.slippage_bps,
        max_fill_size=settings.max_fill_size,
    )


def answers_at_once(rules: Execution) -> bool:
    """Whether the market can change nothing about an order that was answered."""
    settled = not rules.makers and rules.takers == "best"
    return settled and not rules.depletion and rules.on_gap == "keep"


class SimulatedExchange(OwnOrders):
    """Implements `Exchange`. The venue behind it is asked with the market as the desk knows it.

    Raises RuntimeError for rules under which more than one answer may come (`answers_at_once`).
    """

    at_once = True

    def __init__(self, rules: Execution) -> None:
        super().__init__()
        if not answers_at_once(rules):
            raise RuntimeError("these rules need a venue that hears the market: use a Gateway")
        self._venue = MatchingEngine(Markets(), rules)

    def submit(self, intent: Intent, slot: Slot, now_ns: int) -> Answer:
        """Carry out one intent. ``slot`` is the market of its instrument."""
        self.asked(intent, slot)
        self._venue.request(intent, slot, intent.seq, now_ns)
        reports = self._reports()
        fill = next((report.fill for report in reports if report.fill is not None), None)
        return Answer(intent.order, reports[-1].state, reports[0].refusal, fill)

    def expire(self, now_ns: int) -> list[Report]:
        """End the GTD orders whose time has come; returns what the venue says of them."""
        due_ns = self._venue.next_expiry_ns
        if due_ns is None or now_ns < due_ns:
            return []
        self._venue.expire(now_ns)
        return self._reports()

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        super().rescale(slot, price_factor, size_factor)
        self._venue.rescale(slot, price_factor, size_factor)

    def _reports(self) -> list[Report]:
        reports = self._venue.take()
        for report in reports:
            self.told(report)
        return reports
