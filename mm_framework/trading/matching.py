"""The simulated venue: recorded market data against our orders, which it never saw. Pure.

    market message -> own prices before -> `Markets` -> own prices after -> queues, crosses, fills
    print          -> orders that it went through, then those at its price, in order of arrival
    request        -> arrives at a moment of the venue: refused, taken, or at the end of the queue

History does not react to us. What fills a resting order: a print through its price (all of it), a print at
its price that is larger than the lots ahead (what is over), a book whose other side moves to its price or
through it (all of it). A queue moves by prints and by what the queue model makes of a level that shrank; a
print and the level change that it caused are the same lots and count once. While a market is not trusted
nothing fills and nothing is accepted. Everything that happens to an order becomes a `Report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import attrs

from mm_framework.contracts.strategy import units
from mm_framework.model.book import Book
from mm_framework.model.events import Kind, Message, Row, RowFlag, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import (
    Fill,
    Intent,
    IntentKind,
    Order,
    OrderState,
    Refusal,
    TimeInForce,
    Urgency,
)
from mm_framework.num import floor_to
from mm_framework.trading.market import Markets, Slot
from mm_framework.trading.order_rules import (
    NEVER,
    expiry_of,
    is_market,
    order_of,
    reaches,
    rounded,
    taker_price,
    unfit,
)
from mm_framework.trading.order_states import OrderTrigger, next_state
from mm_framework.trading.queue import Advance, Ahead, queue_model
from mm_framework.trading.shown import Place, Shown, told_sizes

__all__ = ["Execution", "MatchingEngine", "Report", "Resting"]


@attrs.frozen
class Execution:
    """The rules of the simulated venue.

    ``queue``: what a shrinking level means for the place in the queue. ``makers``: whether resting orders
    fill at all. ``takers``: how far an order takes, all ``levels`` within its limit or the ``best`` one
    only, whose rest lapses; ``slippage_bps`` moves its prices against us, ``max_fill_size`` caps one order.
    ``through``: a print through a resting order fills it ``whole`` or at most with the lots of the
    ``print``. ``vanished``: a level that was empty and returns finds us ``first`` or ``behind``.
    ``depletion``: what we took at a level is gone until the level is told anew. ``on_gap``: what a loss of
    the market does to resting orders.
    """

    queue: Advance = attrs.field(factory=lambda: queue_model("risk_averse"))
    makers: bool = True
    takers: Literal["levels", "best"] = "levels"
    slippage_bps: int = 0
    max_fill_size: str | None = None
    through: Literal["whole", "print"] = "whole"
    vanished: Literal["first", "behind"] = "first"
    depletion: bool = False
    on_gap: Literal["keep", "cancel"] = "keep"


@attrs.frozen
class Report:
    """What became of an order, as the venue tells it at ``ts_ns``.

    ``kind`` is the request that this answers; None when the market or the time caused it. ``price``,
    ``size``, ``leaves``: the order's afterwards. A fill comes with a report of its own. ``ahead``: the
    lots before an order where it comes to rest at once; None when it does not, or nobody can know.
    """

    ts_ns: int
    instrument: str
    strategy: str
    order: int
    state: OrderState
    kind: IntentKind | None = None
    refusal: Refusal | None = None
    fill: Fill | None = None
    price: int = 0
    size: int = 0
    leaves: int = 0
    ahead: Ahead | None = None

    def scaled(self, price_factor: int, size_factor: int) -> Report:
        """The same at larger scales."""
        return attrs.evolve(
            self,
            fill=None if self.fill is None else self.fill.scaled(price_factor, size_factor),
            price=self.price * price_factor,
            size=self.size * size_factor,
            leaves=self.leaves * size_factor,
        )


@attrs.define
class Resting:
    """An order in the venue's book. ``ahead``: lots before it, None when nobody can know.

    ``lot``: the unit of ``ahead``. ``emptied``: its level was empty once. ``through``: its price is at or
    through the other side already, so that only a new move there would fill it.
    """

    order: Order
    slot: Slot
    lot: int
    ahead: Ahead | None
    through: bool = False
    emptied: bool = False


_ENTERED = {IntentKind.PLACE: OrderTrigger.TAKEN, IntentKind.REPLACE: OrderTrigger.REPLACED}
_Key = tuple[str, int]


class MatchingEngine:
    """All orders at one venue, over all its instruments. ``reports`` grows; `take` empties it.

    ``shown``: what the venue shows at its prices.
    """

    def __init__(self, markets: Markets, execution: Execution | None = None) -> None:
        self.markets, self.rules = markets, execution or Execution()
        self.reports: list[Report] = []
        self._resting: dict[int, dict[_Key, Resting]] = {}
        self.shown = Shown()
        self._mids: dict[int, tuple[int, int | None]] = {}
        self._next_expiry_ns = NEVER

    def take(self) -> list[Report]:
        """The reports since the last call."""
        taken, self.reports = self.reports, []
        return taken

    def resting(self, slot: int) -> Iterable[Resting]:
        """The orders in one instrument, in the order of their arrival."""
        return self._resting.get(slot, {}).values()

    def find(self, strategy: str, number: int) -> Resting | None:
        """A resting order; None when there is none of that number."""
        for orders in self._resting.values():
            if (strategy, number) in orders:
                return orders[strategy, number]
        return None

    # the market

    def define(self, definition: Definition) -> tuple[Slot, int, int] | None:
        """See `Markets.define`; resting orders follow a larger scale."""
        defined = self.markets.define(definition)
        if defined is not None and defined[1] * defined[2] > 1:
            self.rescale(*defined)
        return defined

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger: its resting orders follow."""
        for one in self.resting(slot.index):
            order = one.order
            order.price *= price_factor
            order.size *= size_factor
            order.leaves *= size_factor
            one.lot *= size_factor

    def restore(self, definition: Definition, book: Book, state: SyncState, epoch: int, seq: int) -> None:
        """See `Markets.restore`; of a restored book no more is known than its levels."""
        self.markets.restore(definition, book, state, epoch, seq)
        self.markets.changes()
        slot = self.markets.find(definition.number)
        if slot is not None:
            self.shown.bound(slot)

    def lost(self, connection: int, seq: int, now_ns: int) -> None:
        """See `Markets.lost`."""
        trusted = [slot for slot in self.markets.slots if slot.trusted]
        self.markets.lost(connection, seq)
        self.markets.changes()
        for slot in trusted:
            if not slot.trusted:
                self._lost(slot, now_ns)

    def on_message(self, message: Message, rows: list[Row], seq: int, now_ns: int) -> None:
        """A message reaches its moment at the venue."""
        slot = self.markets.find(message.instrument)
        if slot is None:
            return
        if self._mids.get(slot.index, (None,))[0] != now_ns:
            self._mids[slot.index] = (now_ns, slot.mid2)
        if message.kind == Kind.TRADE:
            if slot.trusted and self.rules.makers:
                for row in rows:
                    if not row.flags & RowFlag.SNAPSHOT:
                        self._print(slot, row, seq, now_ns)
            return
        before = {place: self.shown.size(slot, *place) for place in self._places(slot)}
        trusted, epoch = slot.trusted, slot.epoch
        self.markets.apply(message, iter(rows), seq)
        self.markets.changes()
        if message.kind == Kind.SNAPSHOT_START:
            self.shown.bound(slot)
        if trusted and not slot.trusted:
            self._lost(slot, now_ns)
        elif slot.trusted and (not trusted or epoch != slot.epoch):
            self._found(slot, seq, now_ns)
        elif slot.trusted:
            self._moved(slot, before, told_sizes(slot, message, rows))
            self._cross(slot, seq, now_ns)

    def _places(self, slot: Slot) -> Iterator[Place]:
        return ((one.order.side, one.order.price) for one in self.resting(slot.index))

    def _moved(self, slot: Slot, before: dict[Place, int | None], told: dict[Place, int] | None) -> None:
        """Queues after a message that told the sizes ``told``; None: it told all that it knows."""
        for one in self.resting(slot.index):
            place = (int(one.order.side), one.order.price)
            new = self.shown.size(slot, *place) if told is None else told.get(place)
            if new is not None:
                printed = self.shown.printed(slot, place)
                one.ahead = self._advanced(one, before.get(place), new, printed)
                one.emptied = new == 0
        self.shown.forget(slot, told)

    def _advanced(self, one: Resting, old: int | None, new: int, printed: int) -> Ahead:
        shown = _lots(new, one.lot)
        if one.ahead is None or old is None:
            return shown if one.ahead is None else min(one.ahead, shown)
        if one.emptied and new and self.rules.vanished == "behind":
            return shown
        return self.rules.queue(one.ahead, _lots(old, one.lot), shown, printed // one.lot)

    def _cross(self, slot: Slot, seq: int, now_ns: int) -> None:
        """The other side moved to the price of resting orders, or through it: all of them fill."""
        for one in list(self.resting(slot.index)):
            reached = reaches(one.order.side, one.order.price, slot)
            if reached and not one.through and self.rules.makers:
                self._fill(one, one.order.leaves, seq, now_ns)
            one.through = one.through and reached

    def _print(self, slot: Slot, row: Row, seq: int, now_ns: int) -> None:
        """A print: better prices first, then order of arrival; its lots are spent once."""
        side, left = -row.side, row.size
        own = [one for one in self.resting(slot.index) if one.order.side == side]
        for one in sorted(own, key=lambda one: -side * one.order.price):
            distance = side * (one.order.price - row.price)
            if distance < 0:
                break
            if distance > 0:
                most = one.order.leaves if self.rules.through == "whole" else floor_to(left, one.lot)
                size = min(one.order.leaves, most)
            else:
                size = self._at_price(one, left)
            left = max(0, left - size)
            if size:
                self._fill(one, size, seq, now_ns)
        self.shown.note_print(slot, (side, row.price), row.size)

    def _at_price(self, one: Resting, printed: int) -> int:
        """What a print at the order's price leaves for it, after those ahead."""
        if one.ahead is None:
            return 0
        rest = one.ahead - printed // one.lot
        one.ahead = max(rest, 0)
        executable = int(-rest) * one.lot if rest < 0 else 0
        return min(one.order.leaves, executable)

    # trust

    def _lost(self, slot: Slot, now_ns: int) -> None:
        if self.rules.on_gap == "cancel":
            for one in list(self.resting(slot.index)):
                self._end(one, OrderTrigger.CANCELLED, now_ns)

    def _found(self, slot: Slot, seq: int, now_ns: int) -> None:
        """A new book: what crosses it fills, the others are last in line."""
        self.shown.forget(slot, None)
        for one in list(self.resting(slot.index)):
            one.through = False
            shown = self.shown.size(slot, one.order.side, one.order.price)
            one.ahead = None if shown is None else _lots(shown, one.lot)
        self._cross(slot, seq, now_ns)

    # requests

    def request(self, intent: Intent, slot: Slot, seq: int, now_ns: int) -> None:
        """An intent arrives. ``slot``: the instrument's market here."""
        if not slot.trusted:
            self._refuse(intent, slot, Refusal.VENUE_UNKNOWN, now_ns)
        elif intent.kind is IntentKind.PLACE:
            self._place(intent, slot, seq, now_ns)
        elif (one := self._resting.get(slot.index, {}).get((intent.strategy, intent.order))) is None:
            self._refuse(intent, slot, Refusal.UNKNOWN_ORDER, now_ns)
        elif intent.kind is IntentKind.CANCEL:
            self._end(one, OrderTrigger.CANCELLED, now_ns, IntentKind.CANCEL)
        else:
            self._replace(one, intent, seq, now_ns)

    def expire(self, now_ns: int) -> None:
        """End the orders whose time has come."""
        if now_ns < self._next_expiry_ns:
            return
        open_ones = [one for orders in self._resting.values() for one in orders.values()]
        for one in open_ones:
            if expiry_of(one.order) <= now_ns:
                self._end(one, OrderTrigger.LAPSED, now_ns)
        left = [expiry_of(one.order) for orders in self._resting.values() for one in orders.values()]
        self._next_expiry_ns = min(left, default=NEVER)

    @property
    def next_expiry_ns(self) -> int | None:
        """When the next order may expire; None when none will."""
        return None if self._next_expiry_ns == NEVER else self._next_expiry_ns

    def _place(self, intent: Intent, slot: Slot, seq: int, now_ns: int) -> None:
        order = order_of(intent, slot)
        if refusal := unfit(order.price, order.size, market=is_market(order) and intent.price == 0):
            self._refuse(intent, slot, refusal, now_ns)
            return
        one = Resting(order, slot, slot.lot, None)
        if expiry_of(order) <= now_ns:
            order.state = next_state(order.state, OrderTrigger.LAPSED)
            self._report(one, order.state, now_ns, IntentKind.PLACE)
            return
        self._enter(one, IntentKind.PLACE, seq, now_ns)

    def _replace(self, one: Resting, intent: Intent, seq: int, now_ns: int) -> None:
        assert intent.price is not None
        assert intent.size is not None
        order = one.order
        price, size = rounded(order.side, intent.price, intent.size, one.slot)
        refusal = unfit(price, size)
        if refusal is None and order.urgency is Urgency.MAKER and reaches(order.side, price, one.slot):
            refusal = Refusal.WOULD_TAKE
        if refusal is not None:
            self._refuse(intent, one.slot, refusal, now_ns, one)
            return
        keeps_place = price == order.price and size <= order.leaves
        order.price, order.size, order.leaves = price, order.size - order.leaves + size, size
        if keeps_place:
            order.state = next_state(order.state, OrderTrigger.REPLACED)
            self._report(one, order.state, now_ns, IntentKind.REPLACE)
        else:
            self._remove(one)
            one.lot = one.slot.lot
            self._enter(one, IntentKind.REPLACE, seq, now_ns)

    def _enter(self, one: Resting, kind: IntentKind, seq: int, now_ns: int) -> None:
        """An order meets the book: it takes, rests, both, or neither."""
        order, slot = one.order, one.slot
        takes = is_market(order) or reaches(order.side, order.price, slot)
        if order.urgency is Urgency.MAKER and takes:
            order.state = next_state(order.state, OrderTrigger.REFUSED)
            self._report(one, order.state, now_ns, kind, Refusal.WOULD_TAKE)
            return
        fills = list(self._takes(order, slot)) if takes else []
        if order.tif is TimeInForce.FOK and sum(size for _, _, size in fills) < order.leaves:
            fills = []
        lapses = order.tif in (TimeInForce.IOC, TimeInForce.FOK) or is_market(order)
        lapses = lapses or (order.urgency is Urgency.TAKER and self.rules.takers == "best")
        shown = self.shown.size(slot, order.side, order.price)
        one.ahead = None if shown is None else _lots(shown, one.lot)
        if not (lapses and not fills):
            order.state = next_state(order.state, _ENTERED[kind])
            self._report(one, order.state, now_ns, kind, ahead=None if takes or lapses else one.ahead)
        for level, price, size in fills:
            if self.rules.depletion:
                self.shown.take(slot, (int(-order.side), level), size)
            self._execute(one, price, size, seq, now_ns, maker=False, mid2=slot.mid2)
        if not order.leaves:
            return
        if lapses:
            order.state = next_state(order.state, OrderTrigger.LAPSED)
            self._report(one, order.state, now_ns, None if fills else kind)
            return
        one.through = takes
        one.emptied = False
        self._resting.setdefault(slot.index, {})[order.strategy, order.number] = one
        self._next_expiry_ns = min(self._next_expiry_ns, expiry_of(order))

    def _takes(self, order: Order, slot: Slot) -> Iterator[tuple[int, int, int]]:
        """``(level, price paid, size)`` of what an order takes, best level first."""
        left, lot = order.leaves, slot.lot
        if self.rules.max_fill_size is not None:
            cap = units(self.rules.max_fill_size, slot.definition.size_scale, up=False)
            left = min(left, floor_to(cap, lot))
        for level, shown in slot.levels(-order.side, 1 if self.rules.takers == "best" else None):
            if not left or not (is_market(order) or order.side * (order.price - level) >= 0):
                return
            gone = self.shown.taken(slot, (int(-order.side), level))
            size = min(left, floor_to(max(0, shown - gone), lot))
            if size:
                yield level, taker_price(order.side, level, self.rules.slippage_bps, slot.tick), size
            left -= size

    # what becomes of an order

    def _fill(self, one: Resting, size: int, seq: int, now_ns: int) -> None:
        """A resting order executes at its own price."""
        _, mid2 = self._mids[one.slot.index]
        self._execute(one, one.order.price, size, seq, now_ns, maker=True, mid2=mid2)
        if not one.order.leaves:
            self._remove(one)

    def _execute(
        self, one: Resting, price: int, size: int, seq: int, now_ns: int, *, maker: bool, mid2: int | None
    ) -> None:
        order = one.order
        order.leaves -= size
        done = OrderTrigger.EXECUTED if order.leaves else OrderTrigger.COMPLETED
        order.state = next_state(order.state, done)
        fill = Fill(
            seq, now_ns, order.strategy, one.slot.id, order.number, order.side, price, size, maker, mid2
        )
        self._report(one, order.state, now_ns, fill=fill)

    def _end(self, one: Resting, trigger: OrderTrigger, now_ns: int, kind: IntentKind | None = None) -> None:
        one.order.state = next_state(one.order.state, trigger)
        self._remove(one)
        self._report(one, one.order.state, now_ns, kind)

    def _remove(self, one: Resting) -> None:
        self._resting.get(one.slot.index, {}).pop((one.order.strategy, one.order.number), None)

    def _report(
        self,
        one: Resting,
        state: OrderState,
        now_ns: int,
        kind: IntentKind | None = None,
        refusal: Refusal | None = None,
        fill: Fill | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        order = one.order
        report = Report(
            now_ns,
            one.slot.id,
            order.strategy,
            order.number,
            state,
            kind,
            refusal,
            fill,
            order.price,
            order.size,
            order.leaves,
            ahead,
        )
        self.reports.append(report)

    def _refuse(
        self, intent: Intent, slot: Slot, refusal: Refusal, now_ns: int, one: Resting | None = None
    ) -> None:
        """A request is refused; an order that it was about stays as it is."""
        if one is not None:
            self._report(one, one.order.state, now_ns, intent.kind, refusal)
            return
        state = OrderState.REJECTED
        self.reports.append(
            Report(now_ns, slot.id, intent.strategy, intent.order, state, intent.kind, refusal)
        )


def _lots(size: int, lot: int) -> int:
    """Whole lots, a rest counts as one: what is ahead of us is never made less."""
    return -(-size // lot)
