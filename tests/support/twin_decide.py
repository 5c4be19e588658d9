"""One ``decide`` called twice on the same market: interpreted, and as machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np

from mm_framework.contracts.strategy import Strategy
from mm_framework.trading.actor import place_of
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.strategy import CompiledStrategy
from mm_framework.trading.program import decide_of
from mm_framework.trading.records import make_record
from mm_framework.trading.typed import VIEW_NUMBERS, WAKE_NUMBERS
from mm_framework.trading.views import Indexed, OutBox, WakeView

__all__ = ["Seen", "Twin", "Woken"]


@attrs.frozen
class Seen:
    """A view: numbers by name, levels and own orders as tuples of columns."""

    numbers: dict[str, int]
    bids: Sequence[tuple[int, int]] = ()
    asks: Sequence[tuple[int, int]] = ()
    orders: Sequence[tuple[int, int, int, int]] = ()


@attrs.frozen
class Woken:
    """A wake-up."""

    now_ns: int
    instrument: int = 0
    reasons: int = 1
    trade_price: int = 0
    trade_size: int = 0
    trade_side: int = 0
    order: int = 0
    filled: int = 0
    refusal: int = 0


class Twin:
    """Call it for each wake-up; it compares all that both left, and returns the error if there was one."""

    def __init__(self, strategy: Strategy, instruments: int = 1) -> None:
        self.strategy, self.count = strategy, instruments
        self.decide = decide_of("twin", strategy)
        self.ats: Indexed[Any] = Indexed()
        self.ats.items = [make_record(strategy.at) for _ in range(instruments)]
        self.state = make_record(strategy.state, at=self.ats)
        self.wake = WakeView(7, "twin")
        self.market: Indexed[Any] = Indexed()
        self.out = OutBox(strategy, self.wake, self.market)  # type: ignore[arg-type]
        self.compiled = CompiledStrategy("twin", strategy, 7)
        self.compiled.place_instruments(instruments)
        self.compiled.context[at.CTX_INSTRUMENTS // 8] = instruments
        self.views = np.zeros((instruments, layout.VIEW_BYTES // 8), np.int64)
        self.compiled.place_views(self.views.ctypes.data, layout.VIEW_BYTES)
        self.levels = np.zeros((instruments, 4, strategy.depth), np.int64)
        self.function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(self.compiled.address)
        if strategy.start is not None:
            strategy.start(self.state)
            self.compiled.start()

    def show(self, seen: Sequence[Seen]) -> None:
        """The markets of the calls that follow."""
        self.market.items = [self._interpreted(one) for one in seen]
        for k, one in enumerate(seen):
            self._machine(k, one)

    def __call__(self, woken: Woken) -> str | None:
        error = self._call_interpreted(woken)
        assert self._call_machine(woken) == error
        if error is None:
            self._compare()
        self.out.take()
        return error

    def level(self) -> None:
        """After an error: order numbers and random stream of the interpreted one for both."""
        self.compiled.set(at.CTX_LAST_ORDER, self.out.last_order)
        self.compiled.context[at.CTX_STREAM // 8] = np.uint64(self.wake.stream).astype(np.int64)

    def _padded(self, numbers: Sequence[int], length: int) -> list[int]:
        return [*numbers, *[0] * (length - len(numbers))]

    def _interpreted(self, seen: Seen) -> Any:
        depth, orders = self.strategy.depth, self.strategy.orders
        view = SimpleNamespace(**dict.fromkeys(VIEW_NUMBERS, 0), **{})
        vars(view).update(seen.numbers)
        view.bids, view.asks, view.open_orders = len(seen.bids), len(seen.asks), len(seen.orders)
        for side, levels in (("bid", seen.bids), ("ask", seen.asks)):
            for k, name in enumerate(("prices", "sizes")):
                setattr(view, f"{side}_{name}", self._padded([level[k] for level in levels], depth))
        for k, name in enumerate(("numbers", "sides", "prices", "leaves")):
            setattr(view, f"order_{name}", self._padded([order[k] for order in seen.orders], orders))
        return view

    def _machine(self, k: int, seen: Seen) -> None:
        view = self.market.items[k]
        words = self.views[k]
        for j, name in enumerate(VIEW_NUMBERS[:13]):
            words[j] = getattr(view, name)
        for j, name in enumerate(("bid_prices", "bid_sizes", "ask_prices", "ask_sizes")):
            self.levels[k, j] = getattr(view, name)
            words[layout.VIEW_BID_PRICES // 8 + j] = self.levels[k, j].ctypes.data
        own = self.compiled.own[k]
        own[:2] = view.position, view.open_orders
        columns = [view.order_numbers, view.order_sides, view.order_prices, view.order_leaves]
        own[2:] = np.array(columns, np.int64).ravel()

    def _call_interpreted(self, woken: Woken) -> str | None:
        self.wake.set(woken.now_ns, woken.instrument, woken.reasons)
        for name in WAKE_NUMBERS:
            setattr(self.wake, name, getattr(woken, name))
        try:
            self.decide(self.state, self.wake, self.market, self.out)
        except Exception as error:
            raised = error.__traceback__
            here = error.with_traceback(raised and raised.tb_next)  # without this frame
            return f"{type(error).__name__}: {error} at {place_of(here)}"
        return None

    def _call_machine(self, woken: Woken) -> str | None:
        words = self.compiled.context
        for k, name in enumerate(WAKE_NUMBERS):
            words[at.CTX_NOW // 8 + k] = getattr(woken, name)
        words[at.CTX_WISHED // 8] = words[at.CTX_TIMED // 8] = 0
        if self.function(words.ctypes.data) == 0:
            return None
        error = self.compiled.failure()
        return f"{type(error).__name__}: {error} at {self.compiled.failed_at}"

    def _compare(self) -> None:
        compiled, words = self.compiled, self.compiled.context
        assert [self._request(wish) for wish in compiled.wishes[: words[at.CTX_WISHED // 8]]] == [
            self._asked(request) for request in self.out.requests
        ]
        assert compiled.timers[: words[at.CTX_TIMED // 8]].tolist() == self.out.timers
        assert words[at.CTX_LAST_ORDER // 8] == self.out.last_order
        assert words[at.CTX_STREAM // 8] == np.uint64(self.wake.stream).astype(np.int64)
        read = make_record(self.strategy.state, at=None)
        compiled.state_fields.read(read, compiled.state)
        assert self._told(read, self.strategy.state) == self._told(self.state, self.strategy.state)
        for k in range(self.count):
            read = make_record(self.strategy.at)
            compiled.at_fields.read(read, compiled.at[k])
            assert self._told(read, self.strategy.at) == self._told(self.ats[k], self.strategy.at)

    def _told(self, record: Any, fields: Any) -> dict[str, str]:
        """Every bit of a record, but for what kind of no number a NaN is: nothing tells that."""
        return {
            name: repr([value[k] for k in range(len(value))] if "[" in fields[name] else value)
            for name in fields
            for value in [getattr(record, name)]
        }

    def _request(self, wish: Any) -> list[int]:
        """In the order of the layout, from the kind on."""
        return [int(word) for word in wish[layout.INTENT_KIND // 8 : layout.INTENT_DUE // 8]]

    def _asked(self, request: Any) -> list[int]:
        tags = self.strategy.tags
        return [
            int(request.kind),
            request.order,
            request.instrument,
            int(request.side or 0),
            request.price or 0,
            request.size or 0,
            int(request.tif or 0),
            int(request.urgency or 0),
            tags.index(request.tag) if request.tag else -1,
            request.expires_ns or 0,
        ]
