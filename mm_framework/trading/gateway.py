"""Own orders as they are known here, and the way to the venue and back: latency both ways. Pure.

A request leaves at once and arrives later; until its answer is back the order is pending. Answers do not
overtake each other: they come in the order of the venue. What a strategy knows of its orders is what its
answers said, never what is true at the venue meanwhile.
"""

from __future__ import annotations

import heapq

import attrs

from mm_framework.contracts.execution_model import LatencyModel
from mm_framework.model.orders import Intent, OrderState, Refusal
from mm_framework.trading.exchange import Answer
from mm_framework.trading.market import Slot
from mm_framework.trading.matching import Report
from mm_framework.trading.own_orders import OwnOrders

__all__ = ["Gateway", "Request"]


@attrs.frozen
class Request:
    """An intent on its way; ``instrument`` is an id."""

    intent: Intent
    instrument: str

    def scaled(self, price_factor: int, size_factor: int) -> Request:
        """The same at larger scales."""
        price, size = self.intent.price, self.intent.size
        intent = attrs.evolve(
            self.intent,
            price=None if price is None else price * price_factor,
            size=None if size is None else size * size_factor,
        )
        return Request(intent, self.instrument)


class Gateway(OwnOrders):
    """Implements `exchange.Exchange` with latency. ``fifo``: requests do not overtake each other either.

    ``feed_latency_ns`` is that of the market data that arrived last; whoever drives the run sets it.
    """

    at_once = False

    def __init__(self, entry: LatencyModel, response: LatencyModel, *, fifo: bool = True) -> None:
        super().__init__()
        self._entry, self._response, self._fifo = entry, response, fifo
        self.feed_latency_ns = 0
        self._requests: list[tuple[int, int, Request]] = []
        self._answers: list[tuple[int, int, Report]] = []
        self._sent = self._answered = 0
        self._last_request_ns = self._last_answer_ns = 0

    def submit(self, intent: Intent, slot: Slot, now_ns: int) -> Answer:
        """Send an intent; the answer says only that it left."""
        self.asked(intent, slot)
        self.sent(intent)
        delay = self._entry.latency(now_ns, self.feed_latency_ns, intent.order)
        if delay < 0:
            refused = Report(
                now_ns,
                slot.id,
                intent.strategy,
                intent.order,
                OrderState.REJECTED,
                intent.kind,
                Refusal.NOT_DELIVERED,
            )
            self._push_answer(now_ns - delay, refused)
        else:
            self._push_request(now_ns + delay, Request(intent, slot.id))
        return Answer(intent.order, OrderState.PENDING)

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger; what is on its way follows."""
        super().rescale(slot, price_factor, size_factor)
        factors = (price_factor, size_factor)
        self._requests = [
            (due_ns, n, request.scaled(*factors) if request.instrument == slot.id else request)
            for due_ns, n, request in self._requests
        ]
        self._answers = [
            (due_ns, n, report.scaled(*factors) if report.instrument == slot.id else report)
            for due_ns, n, report in self._answers
        ]

    # the way

    @property
    def next_request_ns(self) -> int | None:
        """When the next request reaches the venue."""
        return self._requests[0][0] if self._requests else None

    @property
    def next_answer_ns(self) -> int | None:
        """When the next answer is here."""
        return self._answers[0][0] if self._answers else None

    def arrived(self) -> Request:
        """The request that reaches the venue next."""
        return heapq.heappop(self._requests)[2]

    def answer(self, report: Report) -> int:
        """The venue says what became of an order: it is on its way back. Returns when it will be here."""
        delay = self._response.latency(report.ts_ns, self.feed_latency_ns, report.order)
        return self._push_answer(report.ts_ns + max(0, delay), report)

    def received(self) -> Report:
        """The answer that is here next; the orders are as it says."""
        report = heapq.heappop(self._answers)[2]
        self.told(report)
        return report

    def _push_request(self, due_ns: int, request: Request) -> None:
        if self._fifo:
            due_ns = self._last_request_ns = max(due_ns, self._last_request_ns)
        self._sent += 1
        heapq.heappush(self._requests, (due_ns, self._sent, request))

    def _push_answer(self, due_ns: int, report: Report) -> int:
        due_ns = self._last_answer_ns = max(due_ns, self._last_answer_ns)
        self._answered += 1
        heapq.heappush(self._answers, (due_ns, self._answered, report))
        return due_ns
