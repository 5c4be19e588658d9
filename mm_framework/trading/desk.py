"""The local half of a run: markets as they are known here, strategies, allocator, own orders. Pure.

    messages -> markets (whole record) -> what changed, in order
        -> every strategy that it wakes, in order of name, on the same state
        -> their intents one by one: hash, allocator, exchange
        -> own fills and refusals wake their strategies, until nobody wishes anything

A `Desk` is told what arrives and when; the exchange behind it answers at once, or later through `tell`.
Messages are numbered from 0 over the whole run; an event carries the number of its message, a timer, a
fill and a refusal that of the last message before them: strategies do not shift each other's numbers. A
timer is due at its own time: before the records that are later, after those that are not.
"""

from __future__ import annotations

import functools
import heapq
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import MAX_ROUNDS, On, Strategy
from mm_framework.errors import StrategyError
from mm_framework.model.events import Message, Row
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Intent, IntentKind, OrderState, Refusal
from mm_framework.model.tops import TopEvent
from mm_framework.trading.actor import Actor
from mm_framework.trading.allocator import Allocator
from mm_framework.trading.exchange import Answer, Exchange
from mm_framework.trading.fees import Fees
from mm_framework.trading.intents import IntentHash
from mm_framework.trading.market import Change, Markets, Slot
from mm_framework.trading.matching import Report
from mm_framework.trading.positions import Positions
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.views import Request

__all__ = ["Desk", "Guard", "Observer", "Probe", "restless"]

Probe = Callable[[str], None]
"""Called at each step of the way with its name: state, strategy, allocator, execution, emitted, done."""

_EVENTS = On.MARKET | On.TRADE | On.RESYNC


class Observer(Protocol):
    """Sees what a run does, in order; it must not change anything."""

    def on_top(self, event: TopEvent) -> None:
        """A canonical top-of-book event."""
        ...

    def on_intent(self, intent: Intent, answer: Answer, definition: Definition | None) -> None:
        """An intent and what became of it; no definition when its order was not open."""
        ...

    def on_report(self, report: Report, definition: Definition) -> None:
        """What the venue says of an order, where it does not answer at once; then its fill, if it has one."""
        ...

    def on_fill(self, fill: Fill, fee: int, definition: Definition) -> None:
        """A fill and its fee, in the money unit of the definition (`ledger.money_scale`)."""
        ...


class Guard(Protocol):
    """Lets orders go out on fresh markets only. While an order waits for that, so does its strategy."""

    def heard(self, slot: Slot, now_ns: int) -> None:
        """There is news of a trusted market."""
        ...

    def untrusted(self, slot: Slot, now_ns: int) -> None:
        """A market is not trusted any more."""
        ...

    def look(self, slot: Slot, now_ns: int) -> None:
        """Strategies are about to look at a market."""
        ...

    def admit(self, slot: Slot, now_ns: int) -> int | None:
        """None where an order may go out now; else until when it waits for that, a time to come."""
        ...

    def timed_out(self, slot: Slot, now_ns: int) -> None:
        """An order has waited in vain: it is refused."""
        ...


@attrs.frozen
class _Call:
    """A wake-up to come."""

    actor: Actor
    instrument: int
    reasons: int
    change: Change | None = None
    order: int = 0
    filled: int = 0
    refusal: int = 0


@attrs.frozen
class _Held:
    """A strategy that waits for a market: its requests from that one on, and the wake-ups meanwhile."""

    slot: Slot
    until_ns: int
    wishes: list[tuple[_Call, Request]] = attrs.field(factory=list)
    calls: list[_Call] = attrs.field(factory=list)


class Desk:
    """Strategies by name and all that they see. ``only``: the instruments to follow, all when empty.

    ``fee_model`` prices fills for loss limits. ``max_events`` ends the run after so many deliveries;
    ``done`` says that nothing more will happen. ``canonical_events``: changes of best prices;
    ``deliveries``: these, prints and resyncs, and book changes where a strategy asks for them.
    ``rounded``: numbers that the view of an observer rounds. ``woken``: told the market and the time of each
    delivery, once all that follows from it is done. ``guard``: holds orders back; None: none is.
    """

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        exchange: Exchange,
        settings: TradingSettings | None = None,
        limits: LimitSettings | None = None,
        *,
        fee_model: FeeModel | None = None,
        only: Sequence[str] = (),
        max_events: int | None = None,
        observer: Observer | None = None,
        probe: Probe | None = None,
        guard: Guard | None = None,
    ) -> None:
        settings = settings or TradingSettings()
        self.markets = Markets(settings.price_source, settings.price_sources, only)
        self.exchange = exchange
        self.positions = Positions()
        fees = None if fee_model is None else Fees.by(fee_model, settings)
        self.allocator = Allocator(limits or LimitSettings(), exchange, self.positions, fees)
        self.actors = [Actor(name, strategies[name], settings.seed) for name in sorted(strategies)]
        self.intents = IntentHash()
        self.canonical_events = self.deliveries = self.submitted = self.rounded = 0
        self.done = max_events == 0
        self._by_name = {actor.name: actor for actor in self.actors}
        self._max_events, self._observer, self._probe = max_events, observer, probe
        self._guard = guard
        self._held: dict[str, _Held] = {}
        self._counted = _EVENTS | _all_wakes(self.actors) & On.BOOK
        self.last_seq = 0
        self.woken: Callable[[Slot, int], None] | None = None
        self._now_ns = 0
        self._timers: list[tuple[int, int]] = []

    # time and messages

    def define(self, definition: Definition) -> tuple[Slot, int, int] | None:
        """A definition comes into force; the slot and its factors as `Markets.define` gives them."""
        defined = self.markets.define(definition)
        if defined is None:
            return None
        slot, price_factor, size_factor = defined
        if price_factor * size_factor > 1:
            self.exchange.rescale(slot, price_factor, size_factor)
            self.positions.rescale(slot, size_factor)
            self.allocator.rescale(slot, price_factor, size_factor)
        for actor in self.actors:
            actor.define(slot, self.positions.of(actor.name, slot), self.exchange, self.last_seq)
        return defined

    def reach(self, now_ns: int) -> bool:
        """What follows is of ``now_ns``: deliver what is whole, then the timers due in between.

        False when the run is done with that.
        """
        if now_ns == self._now_ns:
            return True
        self.settle()
        self.fire_timers(now_ns)
        if self.done:
            return False
        self._advance(now_ns)
        self._now_ns = now_ns
        return True

    def apply(self, message: Message, rows: Iterator[Row], seq: int) -> None:
        """Message ``seq`` of the run, which is no definition."""
        self.last_seq = seq
        self.markets.apply(message, rows, seq)

    def settle(self) -> None:
        """The record is whole: deliver what it changed."""
        changes = self.markets.changes()
        if not changes:
            return
        self._point("state")
        if self.allocator.stale_ns is not None:
            for change in changes:
                if change.reasons & On.BOOK:
                    self.allocator.quoted(change.slot, self._now_ns)
        if self.allocator.losses.limited:
            self._look_at_losses([change.slot for change in changes if change.reasons & On.BOOK])
        if self._guard is not None:
            self._tell_guard(self._guard, changes)
        for change in changes:
            if self.done:
                return
            self._deliver(change)

    def tell(self, answer: Answer, strategy: str, slot: Slot) -> None:
        """An answer of the exchange arrives, ``slot`` being the instrument here."""
        actor = self._by_name[strategy]
        if answer.refusal is not None:
            actor.refusals[answer.refusal] += 1
        self._note(actor, slot, answer)
        self._carry_out(_own_wakes(actor, slot.index, answer))

    def stop(self, strategy: str, error: StrategyError) -> None:
        """Do not call a strategy again; the run reports why."""
        self._by_name[strategy].stop(error)

    def next_timer_ns(self) -> int | None:
        """When the next timer is due, or an order has waited too long; None for never."""
        due_ns = self._timers[0][0] if self._timers else None
        if self._held:
            held_ns = min(held.until_ns for held in self._held.values())
            due_ns = held_ns if due_ns is None else min(due_ns, held_ns)
        return None if self.done else due_ns

    def recheck(self, slot: Slot) -> None:
        """A market may be fresh again: try the orders that wait for it."""
        for name, held in sorted(self._held.items()):
            if held.slot is slot:
                self._release(name, refused=False)

    def fire_timers(self, before_ns: int) -> None:
        """Wake strategies whose timers are due before a time, each at its own."""
        while (due_ns := Desk.next_timer_ns(self)) is not None and due_ns < before_ns:
            self._now_ns = due_ns
            for name, held in sorted(self._held.items()):
                if held.until_ns <= due_ns:
                    self._give_up(name, held)
            due = set()
            while self._timers and self._timers[0][0] == due_ns:
                due.add(heapq.heappop(self._timers)[1])
            if self._guard is not None and due:
                for slot in self.markets.slots:
                    self._guard.look(slot, due_ns)
            self._carry_out([_Call(self.actors[index], -1, int(On.TIMER)) for index in sorted(due)])

    def end(self, mono_ns: int) -> None:
        """The run ends; strategies that wish it are woken a last time."""
        if not self.done and self.reach(mono_ns):
            self.fire_timers(mono_ns + 1)
        for name, held in sorted(self._held.items()):
            self._give_up(name, held)
        self.done = True
        wishing = [actor for actor in self.actors if actor.strategy.wakes & On.END]
        self._carry_out([_Call(actor, -1, int(On.END)) for actor in wishing])

    @property
    def now_ns(self) -> int:
        """The time of what is being done, that of a timer while one is fired."""
        return self._now_ns

    @property
    def errors(self) -> list[StrategyError]:
        """The errors of strategies that were stopped, in order of name."""
        return [actor.error for actor in self.actors if actor.error is not None]

    def _advance(self, now_ns: int) -> None:
        """Time goes on to ``now_ns``."""

    def _deliver(self, change: Change) -> None:
        if not change.reasons & self._counted:
            return
        if change.reasons & On.MARKET:
            self._tell_top(change)
        self.deliveries += 1
        calls = [
            _Call(actor, change.slot.index, reasons, change=change)
            for actor in self.actors
            if (reasons := change.reasons & actor.strategy.wakes)
        ]
        if self._guard is not None:
            self._guard.look(change.slot, self._now_ns)
        self._carry_out(calls)
        if self.woken is not None:
            self.woken(change.slot, self._now_ns)
        self.done = self.done or self.deliveries == self._max_events

    def _tell_top(self, change: Change) -> None:
        self.canonical_events += 1
        if self._observer is not None:
            event, rounded = change.slot.event(change.seq, self._now_ns)
            self.rounded += rounded
            self._observer.on_top(event)

    # one event

    def _carry_out(self, calls: list[_Call]) -> None:
        """Wake strategies, carry out their intents, wake them again for what became of these."""
        for _ in range(MAX_ROUNDS):
            batches = [(call, self._wake(call)) for call in calls]
            calls = [own for call, wishes in batches for wish in wishes for own in self._submit(call, wish)]
            if not calls:
                break
        for call in calls:
            call.actor.stop(restless(call.actor.name, self.last_seq))
        self._withdraw()

    def _look_at_losses(self, slots: Sequence[Slot]) -> None:
        """Markets moved: what that cost, and who is stopped by it."""
        for slot in slots:
            for actor in self.actors:
                self.allocator.losses.refusal(actor.name, slot, self._now_ns)
        self._withdraw()

    def _withdraw(self) -> None:
        """Cancel what rests of those who were stopped for their losses."""
        stops = self.allocator.losses.stops()
        if not stops or self.allocator.limits.on_loss == "keep":
            return
        calls = []
        for slot in self.markets.slots:
            for order in list(self.exchange.orders(slot.id)):
                if any(stop.covers(order.strategy, slot) for stop in stops):
                    call = _Call(self._by_name[order.strategy], slot.index, 0)
                    calls += self._decide(call, Request(IntentKind.CANCEL, order.number))
        self._carry_out(calls)

    def _wake(self, call: _Call) -> list[Request]:
        if self._held and call.actor.name in self._held:
            self._held[call.actor.name].calls.append(call)
            return []
        self._point("strategy")
        requests, timers = call.actor.call(
            self._now_ns,
            self._seq_of(call),
            call.instrument,
            call.reasons,
            trade=None if call.change is None else call.change.trade,
            order=call.order,
            filled=call.filled,
            refusal=call.refusal,
        )
        index = self.actors.index(call.actor)
        for due_ns in timers:
            heapq.heappush(self._timers, (due_ns, index))
        return requests

    def _submit(self, call: _Call, wish: Request) -> list[_Call]:
        """One intent through hash, allocator, exchange and ledger; the wake-ups that follow from it."""
        if self._guard is not None and self._holds(self._guard, call, wish):
            return []
        return self._decide(call, wish)

    def _decide(self, call: _Call, wish: Request, refusal: Refusal | None = None) -> list[_Call]:
        actor, slot = call.actor, self._slot_of(call.actor, wish)
        intent = _intent(wish, actor.name, self._seq_of(call), slot)
        self.intents.add(intent)
        self._point("allocator")
        if slot is None:
            answer = Answer(intent.order, OrderState.REJECTED, Refusal.UNKNOWN_ORDER)
        elif refusal is not None:
            answer = Answer(intent.order, OrderState.REJECTED, refusal)
        else:
            answer = self._execute(intent, slot, actor)
        if self._observer is not None:
            self._observer.on_intent(intent, answer, None if slot is None else slot.definition)
        if answer.refusal is not None:
            actor.refusals[answer.refusal] += 1
        self._point("emitted")
        return _own_wakes(actor, -1 if slot is None else slot.index, answer)

    def _execute(self, intent: Intent, slot: Slot, actor: Actor) -> Answer:
        refusal = self.allocator.check(intent, slot, actor.strategy.orders, self._now_ns)
        if refusal is not None:
            return Answer(intent.order, OrderState.REJECTED, refusal)
        self.submitted += 1
        self._point("execution")
        answer = self.exchange.submit(intent, slot, self._now_ns)
        self._note(actor, slot, answer)
        return answer

    # orders that wait for a market

    def _tell_guard(self, guard: Guard, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.reasons & On.BOOK:
                guard.heard(change.slot, self._now_ns)
                self.recheck(change.slot)
            elif change.reasons & On.RESYNC and not change.slot.trusted:
                guard.untrusted(change.slot, self._now_ns)

    def _holds(self, guard: Guard, call: _Call, wish: Request) -> bool:
        """Whether a request waits: for its market, or behind one of its strategy that does."""
        name = call.actor.name
        if name not in self._held:
            slot = None if wish.kind is IntentKind.CANCEL else self._slot_of(call.actor, wish)
            until_ns = None if slot is None else guard.admit(slot, self._now_ns)
            if slot is None or until_ns is None:
                return False
            self._held[name] = _Held(slot, until_ns)
        self._held[name].wishes.append((call, wish))
        return True

    def _give_up(self, name: str, held: _Held) -> None:
        if self._guard is not None:
            self._guard.timed_out(held.slot, self._now_ns)
        self._release(name, refused=True)

    def _release(self, name: str, *, refused: bool) -> None:
        """A strategy goes on where it waited: with its requests, then with the wake-ups since then.

        ``refused``: what it asks of the market that it waited for fails, but for cancels.
        """
        held = self._held.pop(name)
        calls: list[_Call] = []
        for call, wish in held.wishes:
            fails = refused and wish.kind is not IntentKind.CANCEL
            if fails and self._slot_of(call.actor, wish) is held.slot:
                calls += self._decide(call, wish, Refusal.STALE_DATA)
            else:
                calls += self._submit(call, wish)
        calls += held.calls
        again = self._held.get(name)
        if again is None:
            self._carry_out(calls)
        else:
            again.calls.extend(call for call in calls if call.actor.name == name)
            self._carry_out([call for call in calls if call.actor.name != name])

    def _note(self, actor: Actor, slot: Slot, answer: Answer) -> None:
        """Orders and position after an answer."""
        self.positions.of(actor.name, slot).version += 1
        if answer.fill is not None:
            self.positions.add(actor.name, slot, answer.fill.side * answer.fill.size)
            actor.fills += 1
            self.allocator.filled(answer.fill, slot, self._now_ns)
            self._booked(answer.fill, slot)

    def _booked(self, fill: Fill, slot: Slot) -> None:
        """A fill became known. Here nothing more: the exchange keeps the books."""

    def _slot_of(self, actor: Actor, wish: Request) -> Slot | None:
        if wish.kind is IntentKind.PLACE:
            return self.markets.slots[wish.instrument]
        order = self.exchange.order(actor.name, wish.order)
        return None if order is None else self.markets.by_id[order.instrument]

    def _seq_of(self, call: _Call) -> int:
        return self.last_seq if call.change is None else call.change.seq

    def _point(self, name: str) -> None:
        if self._probe is not None:
            self._probe(name)


def restless(name: str, seq: int) -> StrategyError:
    """What ends a strategy that answers itself without end."""
    text = (
        f"strategy {name}: answered its own fills and refusals {MAX_ROUNDS} times"
        f" within event {seq}; it would never come to rest"
    )
    return StrategyError(text, strategy=name, seq=seq)


def _intent(wish: Request, strategy: str, seq: int, slot: Slot | None) -> Intent:
    return Intent(
        seq=seq,
        strategy=strategy,
        kind=wish.kind,
        order=wish.order,
        instrument=None if slot is None else slot.id,
        side=wish.side,
        price=wish.price,
        size=wish.size,
        tif=wish.tif,
        urgency=wish.urgency,
        tag=wish.tag,
        expires_ns=wish.expires_ns,
    )


def _own_wakes(actor: Actor, instrument: int, answer: Answer) -> list[_Call]:
    wakes, calls = actor.strategy.wakes, []
    if answer.fill is not None and wakes & On.OWN_FILL:
        filled = answer.fill.side * answer.fill.size
        calls.append(_Call(actor, instrument, int(On.OWN_FILL), order=answer.order, filled=filled))
    if answer.refusal is not None and wakes & On.OWN_REJECT:
        code = int(answer.refusal)
        calls.append(_Call(actor, instrument, int(On.OWN_REJECT), order=answer.order, refusal=code))
    return calls


def _all_wakes(actors: Sequence[Actor]) -> int:
    return functools.reduce(operator.or_, (actor.strategy.wakes for actor in actors), 0)
