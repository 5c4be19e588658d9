"""The two ends of a simulated run and the way between them, step by step. Pure.

    market data --> venue (matching engine, ledger) -- reports --latency--> desk
                                    ^------------------latency-- intents ----/

Whoever drives a run brings market data to the venue (`market`) and to the desk, and in between lets happen
what is due: an order expires, a request reaches the venue, an answer is here, a timer wakes a strategy; of
those due at one moment the first kind named goes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from mm_framework.contracts.strategy import MAX_ANSWERS
from mm_framework.errors import StrategyError
from mm_framework.model.events import Message, Row
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Refusal
from mm_framework.trading.desk import Desk
from mm_framework.trading.equity import EquityGrid
from mm_framework.trading.exchange import Answer
from mm_framework.trading.gateway import Gateway
from mm_framework.trading.ledger import Ledger
from mm_framework.trading.market import Slot
from mm_framework.trading.matching import MatchingEngine, Report

__all__ = ["FOREVER", "Hears", "Simulation", "overwhelmed"]

FOREVER: Final = 2**63

Hears = Callable[[Report, int, Slot, int], None]
"""Is told each report in the order of the venue, the fee of its fill (0 without one), its market, and when
it is known here.
"""


class Simulation:
    """``now_ns`` is the time reached. ``timer_ns``: when a timer of the desk is due. ``equity``: kept along.

    ``undelivered``: the answers to requests that never reached the venue.
    """

    def __init__(
        self,
        desk: Desk,
        gateway: Gateway,
        venue: MatchingEngine,
        ledger: Ledger,
        hears: Hears,
        *,
        timer_ns: Callable[[], int | None],
        equity: EquityGrid | None = None,
    ) -> None:
        self.desk, self.gateway, self.venue, self.ledger = desk, gateway, venue, ledger
        self._hears, self._timer_ns, self._equity = hears, timer_ns, equity
        self.undelivered: list[Report] = []
        self.now_ns = self.seq = 0
        self._answered: Counter[str] = Counter()
        self._answered_ns = 0

    # time

    def due(self) -> tuple[int, int, int, int]:
        """When an order expires, a request arrives, an answer is here, a timer is due; FOREVER for never."""
        return (
            self._not_before(self.venue.next_expiry_ns),
            self._not_before(self.gateway.next_request_ns),
            self._not_before(self.gateway.next_answer_ns),
            self._not_before(self._timer_ns()),
        )

    def advance(self, before_ns: int, kinds: int = 4) -> None:
        """Let happen all that is due before a time; of the first ``kinds`` only."""
        steps = (self.expire, self.arrive, self.answer, self.wake)[:kinds]
        while (now_ns := min(due := self.due()[:kinds])) < before_ns:
            steps[due.index(now_ns)]()
            self.now_ns = now_ns

    def _not_before(self, time_ns: int | None) -> int:
        return FOREVER if time_ns is None else max(time_ns, self.now_ns)

    def _advance(self, now_ns: int) -> None:
        """The books, before what happens at ``now_ns``."""
        self.ledger.advance(now_ns)
        if self._equity is not None:
            self._equity.reach(now_ns)

    # at the venue

    def define(self, definition: Definition, now_ns: int) -> None:
        """A definition comes into force there."""
        self._advance(now_ns)
        defined = self.venue.define(definition)
        if defined is not None and defined[1] * defined[2] > 1:
            self.ledger.rescale(*defined)

    def market(self, message: Message, rows: list[Row], seq: int, now_ns: int) -> None:
        """A message reaches its moment there; ``seq`` is its number in the run."""
        self._advance(now_ns)
        self.seq = seq
        self.venue.on_message(message, rows, seq, now_ns)
        self.report()

    def expire(self) -> None:
        """The orders end whose time has come."""
        now_ns = self.venue.next_expiry_ns
        assert now_ns is not None
        self.venue.expire(max(now_ns, self.now_ns))
        self.report()

    def arrive(self) -> None:
        """The next request arrives."""
        now_ns = self.gateway.next_request_ns
        assert now_ns is not None
        request = self.gateway.arrived()
        self._advance(now_ns)
        slot = self.venue.markets.by_id[request.instrument]
        self.venue.request(request.intent, slot, self.seq, now_ns)
        self.report()

    def report(self) -> None:
        """What the venue said is booked and leaves for here."""
        for report in self.venue.take():
            slot = self.venue.markets.by_id[report.instrument]
            fee = 0 if report.fill is None else self.ledger.book(report.fill, slot)
            self._hears(report, fee, slot, self.gateway.answer(report))

    # here

    def answer(self) -> None:
        """The next answer is here."""
        due_ns = self.gateway.next_answer_ns
        assert due_ns is not None
        now_ns = max(due_ns, self.now_ns)
        self.desk.reach(now_ns)
        report = self.gateway.received()
        if report.refusal is Refusal.NOT_DELIVERED:
            self.undelivered.append(report)
        answer = Answer(report.order, report.state, report.refusal, report.fill)
        self.desk.tell(answer, report.strategy, self.desk.markets.by_id[report.instrument])
        self._limit(report.strategy, now_ns)

    def wake(self) -> None:
        """The timers that are due next fire."""
        due_ns = self._timer_ns()
        assert due_ns is not None
        self.desk.fire_timers(due_ns + 1)

    def _limit(self, strategy: str, now_ns: int) -> None:
        """Stop a strategy that goes on answering its own answers while no time passes."""
        if now_ns != self._answered_ns:
            self._answered.clear()
            self._answered_ns = now_ns
        self._answered[strategy] += 1
        if self._answered[strategy] == MAX_ANSWERS:
            self.desk.stop(strategy, overwhelmed(strategy, self.desk.last_seq))


def overwhelmed(name: str, seq: int) -> StrategyError:
    """What ends a strategy that has answers without end while no time passes."""
    text = (
        f"strategy {name}: had {MAX_ANSWERS} answers at one moment, after event {seq}; it would never come to"
        " rest"
    )
    return StrategyError(text, strategy=name, seq=seq)
