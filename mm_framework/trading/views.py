"""What ``decide`` is handed: the views of the strategy contract, interpreted. Pure.

Views are brought up to date when a strategy reads ``market[i]``, by the version counters of slot and
position. `OutBox` checks every argument at once, so that the error is raised where it was made.
"""

from __future__ import annotations

import hashlib
from typing import Final, Generic, TypeVar

import attrs

from mm_framework.contracts.strategy import NO_TAG, Strategy
from mm_framework.model.events import ASK, BID
from mm_framework.model.orders import IntentKind, Side, TimeInForce, Urgency
from mm_framework.trading.exchange import Exchange
from mm_framework.trading.market import Slot
from mm_framework.trading.positions import Position
from mm_framework.trading.records import int64

__all__ = ["MAX_WISHES", "Indexed", "InstrumentView", "MarketView", "OutBox", "Request", "WakeView"]

MAX_WISHES: Final = 1024
"""Requests that one call of ``decide`` may leave, and timers."""

T = TypeVar("T")

_MASK = 2**64 - 1


class WakeView:
    """Implements `contracts.strategy.Wake`; the stream is splitmix64, seeded by run and strategy."""

    __slots__ = (
        "filled",
        "instrument",
        "now_ns",
        "order",
        "reasons",
        "refusal",
        "stream",
        "trade_price",
        "trade_side",
        "trade_size",
    )

    def __init__(self, seed: int, strategy: str) -> None:
        digest = hashlib.sha256(f"{seed}|{strategy}".encode()).digest()
        self.stream = int.from_bytes(digest[:8], "little")
        self.set(0, -1, 0)

    def set(self, now_ns: int, instrument: int, reasons: int) -> None:
        """The next call: time, instrument, reasons; nothing else is told."""
        self.now_ns, self.instrument, self.reasons = now_ns, instrument, reasons
        self.trade_price = self.trade_size = self.trade_side = 0
        self.order = self.filled = self.refusal = 0

    def uniform(self) -> float:
        """See the contract."""
        self.stream = (self.stream + 0x9E3779B97F4A7C15) & _MASK
        z = self.stream
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return float((z ^ (z >> 31)) >> 11) * 2.0**-53


class InstrumentView:
    """Implements `contracts.strategy.View` for one strategy and one slot."""

    __slots__ = (
        "_depth",
        "_exchange",
        "_held",
        "_max_orders",
        "_seen",
        "_slot",
        "ask",
        "ask_prices",
        "ask_size",
        "ask_sizes",
        "asks",
        "bid",
        "bid_prices",
        "bid_size",
        "bid_sizes",
        "bids",
        "has_ask",
        "has_bid",
        "lot",
        "open_orders",
        "order_leaves",
        "order_numbers",
        "order_prices",
        "order_sides",
        "position",
        "price_scale",
        "size_scale",
        "tick",
        "trusted",
    )

    def __init__(self, strategy: Strategy, slot: Slot, held: Position, exchange: Exchange) -> None:
        self._depth, self._max_orders = strategy.depth, strategy.orders
        self._slot, self._held, self._exchange = slot, held, exchange
        self._seen = (-1, -1)

    def refresh(self) -> InstrumentView:
        """Take over what changed since the last look."""
        versions = (self._slot.version, self._held.version)
        if versions != self._seen:
            if versions[0] != self._seen[0]:
                self._read_market()
            self._read_own()
            self._seen = versions
        return self

    def _read_market(self) -> None:
        slot = self._slot
        bid, ask = slot.top
        self.trusted = int(slot.trusted)
        self.has_bid, self.has_ask = int(bid is not None), int(ask is not None)
        self.bid, self.bid_size = bid or (0, 0)
        self.ask, self.ask_size = ask or (0, 0)
        self.tick, self.lot = slot.tick, slot.lot
        self.price_scale = slot.definition.price_scale
        self.size_scale = slot.definition.size_scale
        self.bids, self.bid_prices, self.bid_sizes = self._side(BID)
        self.asks, self.ask_prices, self.ask_sizes = self._side(ASK)

    def _side(self, side: int) -> tuple[int, list[int], list[int]]:
        levels = self._slot.levels(side, self._depth)
        missing = [0] * (self._depth - len(levels))
        return len(levels), [p for p, _ in levels] + missing, [s for _, s in levels] + missing

    def _read_own(self) -> None:
        held = self._held
        self.position = held.position
        own = [o for o in self._exchange.orders(held.slot.id) if o.strategy == held.strategy]
        missing = [0] * (self._max_orders - len(own))
        self.open_orders = len(own)
        self.order_numbers = [o.number for o in own] + missing
        self.order_sides = [int(o.side) for o in own] + missing
        self.order_prices = [o.price for o in own] + missing
        self.order_leaves = [o.leaves for o in own] + missing


class MarketView:
    """Implements `contracts.strategy.Market` for one strategy."""

    def __init__(self) -> None:
        self._views: Indexed[InstrumentView] = Indexed()

    def add(self, view: InstrumentView) -> None:
        """The next instrument."""
        self._views.items.append(view)

    def __len__(self) -> int:
        return len(self._views.items)

    def __getitem__(self, i: int) -> InstrumentView:
        return self._views[i].refresh()


class Indexed(Generic[T]):
    """A list that has no negative index: -1 is the instrument of a wake-up that is about none."""

    def __init__(self) -> None:
        self.items: list[T] = []

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> T:
        if 0 <= i < len(self.items):
            return self.items[i]
        raise IndexError(f"instrument {i}, of {len(self.items)}")


@attrs.frozen
class Request:
    """What a strategy asked for, before it is given its number in the run."""

    kind: IntentKind
    order: int
    tag: str = ""
    instrument: int = -1
    side: Side | None = None
    price: int | None = None
    size: int | None = None
    tif: TimeInForce | None = None
    urgency: Urgency | None = None
    expires_ns: int | None = None


class OutBox:
    """Implements `contracts.strategy.Out`. ``requests`` and ``timers`` hold one call's wishes."""

    def __init__(self, strategy: Strategy, wake: WakeView, market: MarketView) -> None:
        self._tags, self._wake, self._market = strategy.tags, wake, market
        self.requests: list[Request] = []
        self.timers: list[int] = []
        self.last_order = 0

    def take(self) -> tuple[list[Request], list[int]]:
        """The wishes of the call, which are forgotten here."""
        taken = (self.requests, self.timers)
        self.requests, self.timers = [], []
        return taken

    def place(
        self,
        i: int,
        side: int,
        price: int,
        size: int,
        tif: int = TimeInForce.GTC,
        urgency: int = Urgency.MAKER,
        tag: int = NO_TAG,
        expires_ns: int = 0,
    ) -> int:
        """See the contract. Raises TypeError, ValueError, IndexError or OverflowError."""
        if not 0 <= int64(i, "instrument") < len(self._market):
            raise IndexError(f"instrument {i}, of {len(self._market)}")
        good_till = TimeInForce(tif) is TimeInForce.GTD
        if good_till and int64(expires_ns, "expires_ns") <= self._wake.now_ns:
            raise ValueError(f"GTD order that expires at {expires_ns}, now is {self._wake.now_ns}")
        request = Request(
            IntentKind.PLACE,
            self.last_order + 1,
            self._tag(tag),
            instrument=i,
            side=Side(side),
            price=int64(price, "price"),
            size=int64(size, "size"),
            tif=TimeInForce(tif),
            urgency=Urgency(urgency),
            expires_ns=expires_ns if good_till else None,
        )
        self._wish(request)
        self.last_order += 1
        return self.last_order

    def cancel(self, order: int, tag: int = NO_TAG) -> None:
        """See the contract. Raises as `place`."""
        self._wish(Request(IntentKind.CANCEL, self._own(order), self._tag(tag)))

    def replace(self, order: int, price: int, size: int, tag: int = NO_TAG) -> None:
        """See the contract. Raises as `place`."""
        request = Request(
            IntentKind.REPLACE,
            self._own(order),
            self._tag(tag),
            price=int64(price, "price"),
            size=int64(size, "size"),
        )
        self._wish(request)

    def timer(self, due_ns: int) -> None:
        """See the contract. Raises as `place`."""
        if int64(due_ns, "timer") <= self._wake.now_ns:
            raise ValueError(f"timer at {due_ns}, now is {self._wake.now_ns}")
        if len(self.timers) == MAX_WISHES:
            raise RuntimeError(f"more than {MAX_WISHES} timers in one call")
        self.timers.append(due_ns)

    def _wish(self, request: Request) -> None:
        if len(self.requests) == MAX_WISHES:
            raise RuntimeError(f"more than {MAX_WISHES} requests in one call")
        self.requests.append(request)

    def _own(self, order: int) -> int:
        number = int64(order, "order")
        if not 0 < number <= self.last_order:
            raise ValueError(f"order {order} was never placed; the last one is {self.last_order}")
        return number

    def _tag(self, tag: int) -> str:
        if int64(tag, "tag") == NO_TAG:
            return ""
        if 0 <= tag < len(self._tags):
            return self._tags[tag]
        raise IndexError(f"tag {tag}, of {len(self._tags)}")
