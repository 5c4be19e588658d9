"""A strategy in plain Python under the compiled engine: its function is called back by its address.

    called = CalledStrategy(name, strategy, seed)
    called.address          int64(int64 ctx), which calls ``decide`` with views of the memory

It takes the place of a `strategy.CompiledStrategy`: what wakes it, its own orders and its limits are matters
of the kernels. Its state is a record of Python's; its wishes are checked by `views.OutBox` and written as
the kernels read them. What ``decide`` raises stops it alone. An interruption (Ctrl-C, the watchdog) is kept
in ``interruption``, for a kernel cannot pass it on. One that came while kernels worked is raised where Python
is entered next, before the first line of a function: a generator is entered within its ``try``.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Generator, Sequence
from typing import Any, Final

from mm_framework.contracts.strategy import Strategy
from mm_framework.trading.actor import place_of
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.strategy_memory import StrategyMemory
from mm_framework.trading.records import make_record
from mm_framework.trading.typed import VIEW_NUMBERS
from mm_framework.trading.views import Indexed, MarketView, OutBox, Request, WakeView

__all__ = ["CalledStrategy"]

_FUNCTION: Final = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
_WORD: Final = 8
_WAKE: Final = struct.Struct("=9q")
_MARKET: Final = struct.Struct("=13q")
_OWN: Final = struct.Struct("=2q")
_WISH: Final = struct.Struct(f"={at.WISH_BYTES // _WORD}q")


def _array(address: int, words: int) -> Any:
    """Numbers that stand at an address, which somebody else keeps."""
    return (ctypes.c_int64 * words).from_address(address)


def _level(k: int) -> property:
    return property(lambda view: view._levels[k][:])


def _order(k: int) -> property:
    first = at.OWN_ARRAYS // _WORD
    return property(lambda view: view._own[first + k * view._orders : first + (k + 1) * view._orders])


class InstrumentView:
    """Implements `contracts.strategy.View` over a VIEW and an OWN; arrays are read when asked for.

    Its name is that of `views.InstrumentView`, which Python tells where a field is misspelt. ``kept``: what
    holds the memory, which has to be there as long as plain Python keeps a view.
    """

    __slots__ = ("_depth", "_kept", "_levels", "_market", "_orders", "_own", *VIEW_NUMBERS)

    bid_prices, bid_sizes, ask_prices, ask_sizes = map(_level, range(4))
    order_numbers, order_sides, order_prices, order_leaves = map(_order, range(4))

    def __init__(self, strategy: Strategy, view: int, own: int, kept: object) -> None:
        self._kept = kept
        self._depth, self._orders = strategy.depth, strategy.orders
        self._market = _array(view, layout.VIEW_BYTES // _WORD)
        self._own = _array(own, at.own_bytes(strategy.orders) // _WORD)
        first = layout.VIEW_BID_PRICES // _WORD
        self._levels = [_array(address, strategy.depth) for address in self._market[first : first + 4]]

    def refresh(self) -> InstrumentView:
        """Take over what stands there now."""
        (
            self.trusted, self.has_bid, self.has_ask, self.bid, self.bid_size, self.ask, self.ask_size,
            bids, asks, self.tick, self.lot, self.price_scale, self.size_scale,
        ) = _MARKET.unpack_from(self._market)  # fmt: skip
        self.bids, self.asks = min(bids, self._depth), min(asks, self._depth)
        self.position, self.open_orders = _OWN.unpack_from(self._own)
        return self


class CalledStrategy(StrategyMemory):
    """One strategy of a run, as it is written."""

    def __init__(self, name: str, strategy: Strategy, seed: int) -> None:
        super().__init__(name, strategy, seed)
        self._words = self._memory["context"].view
        self._ats: Indexed[Any] = Indexed()
        self._record = make_record(strategy.state, at=self._ats)
        self._wake, self._market = WakeView(seed, name), MarketView()
        self._out = OutBox(strategy, self._wake, self._market)
        self._tags = {tag: k for k, tag in reversed(list(enumerate(strategy.tags)))} | {"": -1}
        self._error: tuple[Exception, str] | None = None
        self.interruption: BaseException | None = None
        answers = self._answers()
        next(answers)
        self._function = _FUNCTION(answers.send)
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value or 0

    def start(self) -> None:
        """Let ``Strategy.start`` fill the state. Raises what that raises."""
        if self.strategy.start is not None:
            self.strategy.start(self._record)

    def define(self, index: int, definition: Any) -> None:
        """Let ``Strategy.define`` bring the record of an instrument along. Raises what that raises."""
        if index == len(self._market):
            self._ats.items.append(make_record(self.strategy.at))
            view = self.word(at.CTX_VIEWS) + index * self.word(at.CTX_VIEW_BYTES)
            own = self.word(at.CTX_OWN) + index * self.word(at.CTX_OWN_BYTES)
            kept = (self._views, self._memory["own"])
            self._market.add(InstrumentView(self.strategy, view, own, kept))  # type: ignore[arg-type]
            self.set(at.CTX_INSTRUMENTS, index + 1)
        if self.strategy.define is not None:
            self.strategy.define(self._ats[index], definition)

    @property
    def failed_at(self) -> str:
        """The line at which the last call failed, ``strategy.py:57``."""
        return "" if self._error is None else self._error[1]

    def failure(self) -> Exception:
        """What the last call raised."""
        assert self._error is not None
        return self._error[0]

    def _answers(self) -> Generator[int, int, None]:
        """The answer to each wake-up, see `_call`; 1 to one that was interrupted, the last."""
        answer = 0
        try:
            while True:
                yield answer
                answer = self._call()
        except GeneratorExit:
            raise
        except BaseException as interruption:
            self.interruption = interruption
        yield 1

    def _call(self) -> int:
        """One wake-up; 0, or 1 when it raised."""
        wake = self._wake
        try:
            (
                wake.now_ns, wake.instrument, wake.reasons, wake.trade_price, wake.trade_size,
                wake.trade_side, wake.order, wake.filled, wake.refusal,
            ) = _WAKE.unpack_from(self._words, at.CTX_NOW)  # fmt: skip
            self.strategy.decide(self._record, wake, self._market, self._out)
            self._leave(*self._out.take())
        except Exception as error:
            self._error = (error, place_of(error))
            error.__traceback__ = error.__context__ = error.__cause__ = None
            return 1
        except BaseException as interruption:
            self.interruption = interruption
            return 1
        return 0

    def _leave(self, requests: Sequence[Request], timers: Sequence[int]) -> None:
        """Write the wishes of a call where the kernels look for them."""
        if requests:
            wishes = b"".join(map(self._wish, requests))
            ctypes.memmove(self.word(at.CTX_WISHES), wishes, len(wishes))
            self.set(at.CTX_WISHED, len(requests))
        if timers:
            self.timers[: len(timers)] = timers
            self.set(at.CTX_TIMED, len(timers))

    def _wish(self, request: Request) -> bytes:
        """The words of an INTENT, in the order of `layout`."""
        return _WISH.pack(
            0,
            0,
            request.kind,
            request.order,
            request.instrument,
            request.side or 0,
            request.price or 0,
            request.size or 0,
            request.tif or 0,
            request.urgency or 0,
            self._tags[request.tag],
            request.expires_ns or 0,
            0,
            0,
            0,
        )
