"""A backtest, interpreted: the reference that says what a run means. Pure.

    tape -> venue order -> matching engine -> reports --latency--> desk
         -> order of receipt -----------------------------------> desk -> intents --latency--> matching engine

Two clocks' worth of events on one time line, that of our own machine. At each moment, in this order: market
data at the venue, in tape order; orders that expire; requests, as they were sent; then here: market data,
answers in the order of the venue, timers. So whatever happens at one nanosecond happens against us.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from mm_framework.contracts.execution_model import LatencyModel
from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import StrategyError
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Intent, Refusal
from mm_framework.model.tops import TopEvent
from mm_framework.trading.desk import Desk, Guard, Observer
from mm_framework.trading.equity import EquityGrid, EquityPoints
from mm_framework.trading.exchange import Answer
from mm_framework.trading.gateway import Gateway
from mm_framework.trading.latency import Constant
from mm_framework.trading.ledger import AccountResult, Ledger
from mm_framework.trading.market import Markets, Slot
from mm_framework.trading.matching import Execution, MatchingEngine, Report
from mm_framework.trading.outcome_columns import OutcomeColumns
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.simulation import FOREVER, Simulation
from mm_framework.trading.timeline import TOLD, Clocks, Stamped, TapeMessage, Timeline, venue_order

__all__ = ["Backtest", "Outcome", "Paid", "Sent"]

_TOLD_EVERY: Final = 4096


@attrs.frozen
class Paid:
    """A fill and its fee, in the money unit of the instrument (`ledger.money_scale`)."""

    fill: Fill
    fee: int


@attrs.frozen
class Sent:
    """When an intent was decided, and the allocator's refusal if it never left."""

    ts_ns: int
    refusal: Refusal | None = None


@attrs.frozen
class Outcome:
    """What a backtest did.

    ``sent`` stands beside ``intents``, one each. ``reports``: all that the venue said, in its order;
    ``known_ns`` beside it: when that is known here. ``undelivered``: answers to requests that never reached
    the venue. ``equity``: the accounts on a grid, empty without one. ``errors``: strategies that were
    stopped. ``start_ns``, ``end_ns``: when the first message that is no definition was at the venue, and the
    last moment. ``engine``: ``compiled`` or ``interpreted``, and ``why`` it is that where the other one was
    wished for. ``columns``: the same as arrays, from an engine that has them.
    """

    intents: Sequence[Intent]
    sent: Sequence[Sent]
    reports: Sequence[Report]
    known_ns: Sequence[int]
    undelivered: Sequence[Report]
    fills: Sequence[Paid]
    accounts: list[AccountResult]
    equity: EquityPoints
    final_hash: str
    errors: list[StrategyError]
    start_ns: int
    end_ns: int
    timeline: Timeline
    engine: str = "interpreted"
    why: str | None = None
    columns: OutcomeColumns | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def refusals(self) -> list[str]:
        """The reasons of the venue's refusals, in words: ``would take``."""
        return [report.refusal.text for report in self.reports if report.refusal is not None]


class _Source:
    """The messages of a tape, once in the order of the venue and once in that of receipt."""

    def __init__(self, tape: Iterable[TapeMessage], timeline: Timeline, until_ns: int) -> None:
        self._waiting: list[Stamped] = []
        self._first = 0
        self._last_ns = until_ns
        self.timeline = timeline
        self._venue = venue_order(self._stamped(tape), timeline.clocks.longest_ns)
        self.at_venue = next(self._venue, None)

    def _stamped(self, tape: Iterable[TapeMessage]) -> Iterator[Stamped]:
        for message in tape:
            stamped = self.timeline.stamp(message)
            self._waiting.append(stamped)
            yield stamped

    def pass_venue(self) -> None:
        """The message at the venue is done with."""
        self.at_venue = next(self._venue, None)

    @property
    def here(self) -> Stamped | None:
        """The message that is received next; the venue has seen all before it."""
        return self._waiting[self._first] if self._first < len(self._waiting) else None

    @property
    def end_ns(self) -> int:
        """The last moment; nobody knows it before the last message is due."""
        return FOREVER - 1 if self.here is not None else self._last_ns

    def pass_here(self) -> None:
        """The received message is done with."""
        self._last_ns = max(self._last_ns, self._waiting[self._first].tape.recv_ns)
        self._first += 1
        if self._first == 4096:
            del self._waiting[: self._first]
            self._first = 0


class Backtest:
    """Strategies by name on a tape. ``entry``, ``response``: latency there and back, none by default.

    ``grid_ns``: the step of `Outcome.equity`; None keeps none. ``venue`` makes the simulated venue.
    ``observe`` makes who hears what the desk does, and the venue's reports as they are booked there.
    """

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        fee_model: FeeModel,
        *,
        entry: LatencyModel | None = None,
        response: LatencyModel | None = None,
        execution: Execution | None = None,
        clocks: Clocks | None = None,
        settings: TradingSettings | None = None,
        limits: LimitSettings | None = None,
        grid_ns: int | None = None,
        venue: Callable[[Markets, Execution | None], MatchingEngine] = MatchingEngine,
        observe: Callable[[Desk, MatchingEngine], Observer] | None = None,
        guard: Guard | None = None,
    ) -> None:
        settings = settings or TradingSettings()
        self.timeline = Timeline(clocks)
        self.gateway = Gateway(entry or Constant(), response or Constant())
        self._log = _Log(lambda: self.desk.now_ns)
        self.desk = Desk(
            strategies, self.gateway, settings, limits, fee_model=fee_model, observer=self._log, guard=guard
        )
        self.venue = venue(Markets(settings.price_source, settings.price_sources), execution)
        self.ledger = Ledger.by(fee_model, settings)
        if observe is not None:
            self._log.then = observe(self.desk, self.venue)
        self._equity = None if grid_ns is None else EquityGrid(self.ledger, grid_ns)
        self._fills: list[Paid] = []
        self._reports: list[Report] = []
        self._known_ns: list[int] = []
        self._received = 0
        self._start_ns: int | None = None
        self.simulation = Simulation(
            self.desk,
            self.gateway,
            self.venue,
            self.ledger,
            self._hear,
            timer_ns=self.desk.next_timer_ns,
            equity=self._equity,
        )

    def run(
        self,
        tape: Iterable[TapeMessage],
        until_ns: int = 0,
        progress: Callable[[int], object] = lambda messages: None,
    ) -> Outcome:
        """Play the whole tape, to its last message or on to ``until_ns``. Messages come as received;
        ``progress`` is told how many, some at a time.
        """
        source = _Source(tape, self.timeline, until_ns)
        simulation = self.simulation
        simulation.now_ns = 0 if source.at_venue is None else source.at_venue.v_ns
        told = 0
        steps: tuple[Callable[[], None], ...] = (
            functools.partial(self._market_at_venue, source),
            simulation.expire,
            simulation.arrive,
            functools.partial(self._market_here, source),
            simulation.answer,
            simulation.wake,
        )
        while True:
            due = self._due(source)
            now_ns = min(due)
            if now_ns > source.end_ns:
                break
            steps[due.index(now_ns)]()
            simulation.now_ns = now_ns
            if self._received - told >= _TOLD_EVERY:
                progress(self._received - told)
                told = self._received
        progress(self._received - told)
        self.desk.end(source.end_ns)
        if self._equity is not None:
            self._equity.end(source.end_ns)
        return Outcome(
            intents=self._log.intents,
            sent=self._log.sent,
            reports=self._reports,
            known_ns=self._known_ns,
            undelivered=simulation.undelivered,
            fills=self._fills,
            accounts=self.ledger.results(),
            equity=EquityPoints() if self._equity is None else self._equity.points,
            final_hash=self.desk.intents.hexdigest(),
            errors=self.desk.errors,
            start_ns=source.end_ns if self._start_ns is None else self._start_ns,
            end_ns=source.end_ns,
            timeline=self.timeline,
        )

    def _due(self, source: _Source) -> tuple[int, ...]:
        """When each kind of thing happens next, in the order in which those of one moment happen."""
        at_venue, here, now_ns = source.at_venue, source.here, self.simulation.now_ns
        market_ns = FOREVER if at_venue is None else max(at_venue.v_ns, now_ns)
        here_ns = FOREVER if here is None else max(here.tape.recv_ns, now_ns)
        expiry_ns, request_ns, answer_ns, timer_ns = self.simulation.due()
        return market_ns, expiry_ns, request_ns, here_ns, answer_ns, timer_ns

    def _market_at_venue(self, source: _Source) -> None:
        stamped = source.at_venue
        assert stamped is not None
        source.pass_venue()
        tape = stamped.tape
        if tape.definition is not None:
            self.simulation.define(tape.definition, stamped.v_ns)
        else:
            if self._start_ns is None:
                self._start_ns = stamped.v_ns
            self.simulation.market(tape.message, tape.rows, tape.seq, stamped.v_ns)

    def _market_here(self, source: _Source) -> None:
        stamped = source.here
        assert stamped is not None
        now_ns = stamped.tape.recv_ns
        self.desk.reach(now_ns)
        while stamped is not None and stamped.tape.recv_ns == now_ns:
            source.pass_here()
            if stamped.tape.message.kind in TOLD:
                self.gateway.feed_latency_ns = now_ns - stamped.v_ns
            self._read(stamped.tape)
            self._received += 1
            stamped = source.here
        self.desk.settle()

    def _read(self, tape: TapeMessage) -> None:
        if tape.definition is not None:
            self.desk.last_seq = tape.seq
            self.desk.define(tape.definition)
        else:
            self.desk.apply(tape.message, iter(tape.rows), tape.seq)

    def _hear(self, report: Report, fee: int, slot: Slot, known_ns: int) -> None:
        then = self._log.then
        if then is not None:
            then.on_report(report, slot.definition)
        if report.fill is not None:
            self._fills.append(Paid(report.fill, fee))
            if then is not None:
                then.on_fill(report.fill, fee, slot.definition)
        self._reports.append(report)
        self._known_ns.append(known_ns)


class _Log:
    """Keeps the intents, with the time that ``clock`` gives; ``then`` hears of them, too."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.intents: list[Intent] = []
        self.sent: list[Sent] = []
        self.then: Observer | None = None
        self._clock = clock

    def on_top(self, event: TopEvent) -> None:
        """See `desk.Observer`."""
        if self.then is not None:
            self.then.on_top(event)

    def on_intent(self, intent: Intent, answer: Answer, definition: Definition | None) -> None:
        """See `desk.Observer`."""
        self.intents.append(intent)
        self.sent.append(Sent(self._clock(), answer.refusal))
        if self.then is not None:
            self.then.on_intent(intent, answer, definition)

    def on_report(self, report: Report, definition: Definition) -> None:
        """See `desk.Observer`."""

    def on_fill(self, fill: Fill, fee: int, definition: Definition) -> None:
        """See `desk.Observer`."""
