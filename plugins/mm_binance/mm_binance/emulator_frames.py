"""Events of one emulated instrument, as Binance's streams write them, encoded once for all connections.

    {"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[["0.0026","100"]]}

Source: ``web-socket-streams.md`` and the futures market streams, read 2026-11-21; order of keys and spelling
as in recordings of 2021 to 2024: spot pads numbers to 8 decimals, futures write those of the instrument.
Updates gather for a cadence and are sent at its end; every change of a level has a number. Numbers of
spot are an instrument's own, those of futures all instruments share.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

import attrs

from mm_binance.markets import Market
from mm_framework.contracts.emulator import (
    FrameKind,
    Level,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    Print,
    VenueClock,
)
from mm_framework.emulator.history import TRADES, TradeHistory
from mm_framework.model.events import ASK, BID
from mm_framework.model.fixed import digits, text

__all__ = ["PARTIAL_LEVELS", "SNAPSHOT_LEVELS", "Aggregate", "Numbers", "SymbolFrames"]

SNAPSHOT_LEVELS: Final = 5000
"""Levels a side that a REST snapshot may have; books themselves are not cut."""

PARTIAL_LEVELS: Final = (5, 10, 20)


class Aggregate(NamedTuple):
    """A taker's trades at one price: number, stamp, and the trades in it."""

    number: int
    time_ms: int
    prints: Sequence[Print]


_MS: Final = 1_000_000
_SPOT_DECIMALS: Final = 8
_INVERSE_DECIMALS: Final = 8


class Numbers:
    """Where update numbers come from: of one instrument, or with holes of several."""

    def __init__(self, draw: random.Random, *, shared: bool) -> None:
        self._draw, self._shared = draw, shared
        self._last = draw.randrange(10**8, 10**12)

    def take(self) -> int:
        """The next number."""
        self._last += self._draw.randrange(1, 40) if self._shared else 1
        return self._last


@attrs.define
class _Gathering:
    """The changes of one cadence: ``ends_ns`` its end, ``first`` and ``last`` their numbers, ``before`` the
    last one earlier; ``told``: the frame of the cadence that ended at ``told_ns``.
    """

    cadence_ns: int
    before: int
    ends_ns: int = 0
    first: int = 0
    last: int = 0
    levels: dict[tuple[int, int], int] = attrs.Factory(dict)
    told_ns: int = -1
    told: Outgoing | None = None

    def start(self, ends_ns: int) -> None:
        """Forget a cadence that nobody asked for, and gather for the one that ends then."""
        if self.levels:
            self.before = self.last
        self.ends_ns = ends_ns
        self.levels = {}

    def end_of(self, at_ns: int) -> int:
        """The end of the cadence that holds a moment; a moment on the border belongs to what it ends."""
        return -(-at_ns // self.cadence_ns) * self.cadence_ns


class SymbolFrames:
    """One instrument. `observe` an event, then ask for what its streams say."""

    def __init__(
        self, market: Market, listing: Listing, view: MarketView, clock: VenueClock, numbers: Numbers
    ) -> None:
        self._market, self._view, self._clock, self._numbers = market, view, clock, numbers
        self.symbol = listing.symbol
        self.number = numbers.take()
        self.futures = market.futures
        prior = view.prints(self.symbol, TRADES)
        self.inverse, self.listing = bool(market.perpetual), listing
        self.history = TradeHistory(prior, clock, self.worth)
        self.aggregates: deque[Aggregate] = deque(maxlen=TRADES)
        self._aggregated = 0
        self._aggregate(prior)
        self._gathering = {ms: _Gathering(ms * _MS, self.number) for ms in market.depth_ms}
        self._event = MarketEvent(0, self.symbol, (), ())
        self._top = self._best()
        self._frames: dict[str, list[Outgoing]] = {}
        self.relist(listing)

    def relist(self, listing: Listing) -> None:
        """Take over a listing: its decimals may have changed."""
        self.listing = listing
        spot = not self._market.futures
        self._decimals = (
            max(_SPOT_DECIMALS, listing.price_decimals) if spot else listing.price_decimals,
            max(_SPOT_DECIMALS, listing.size_decimals) if spot else listing.size_decimals,
        )

    def observe(self, event: MarketEvent) -> None:
        """Take in an event of this instrument."""
        self._event, self._frames = event, {}
        self.history.add(event.prints)
        self._aggregated = self._aggregate(event.prints)
        if event.listing is not None:
            self.relist(event.listing)
            return
        numbered = [(change, self._numbers.take()) for change in event.changes]
        if not numbered:
            return
        self.number = numbered[-1][1]
        for gathering in self._gathering.values():
            ends_ns = gathering.end_of(event.time_ns)
            if ends_ns != gathering.ends_ns:
                gathering.start(ends_ns)
            if not gathering.levels:
                gathering.first = numbered[0][1]
            gathering.last = self.number
            for change, _ in numbered:
                gathering.levels[change.side, change.price] = change.size

    # --- what goes out at once

    def at_once(self, channel: str) -> list[Outgoing]:
        """The event's frames on ``trade``, ``aggTrade`` or ``bookTicker``."""
        if channel not in self._frames:
            self._frames[channel] = _AT_ONCE[channel](self)
        return self._frames[channel]

    def _trades(self) -> list[Outgoing]:
        return [self._trade(one) for one in self._event.prints]

    def _trade(self, one: Print) -> Outgoing:
        payload = (
            f'{{"e":"trade","E":{self._now()},"s":"{self.symbol}","t":{one.trade_id},"p":'
            f'"{self.price(one.price)}","q":"{self.size(one.size)}","T":{self._ms(one.time_ns)},"m":{_maker(one)},"M":true}}'
        )
        return Outgoing(payload.encode(), FrameKind.TRADE, "trade", self.symbol, trade_ids=(one.trade_id,))

    def _aggregate(self, prints: Sequence[Print]) -> int:
        """Number the prints of a taker's order at one price together; how many numbers that took."""
        groups: dict[tuple[int, int], list[Print]] = {}
        for one in prints:
            groups.setdefault((one.time_ns, one.price), []).append(one)
        for group in groups.values():
            number = self.aggregates[-1].number + 1 if self.aggregates else group[0].trade_id // 3
            self.aggregates.append(Aggregate(number, self._ms(group[0].time_ns), group))
        return len(groups)

    def _agg_trades(self) -> list[Outgoing]:
        new = list(islice(reversed(self.aggregates), self._aggregated))
        return [self._agg_trade(*one) for one in reversed(new)]

    def _agg_trade(self, number: int, time_ms: int, prints: Sequence[Print]) -> Outgoing:
        first, size = prints[0], sum(one.size for one in prints)
        symbol, told = f'"s":"{self.symbol}"', f'"a":{number}'
        named = f"{told},{symbol}" if self._market.futures else f"{symbol},{told}"
        best_match = "" if self._market.futures else ',"M":true'
        payload = (
            f'{{"e":"aggTrade","E":{self._now()},{named},"p":"{self.price(first.price)}",'
            f'"q":"{self.size(size)}","f":{first.trade_id},"l":{prints[-1].trade_id},"T":{time_ms},'
            f'"m":{_maker(first)}{best_match}}}'
        )
        return Outgoing(payload.encode(), FrameKind.TRADE, "aggTrade", self.symbol, trade_ids=(number,))

    def _ticker(self) -> list[Outgoing]:
        """When the best prices or their sizes have changed."""
        if not self._event.changes or (top := self._best()) == self._top:
            return []
        self._top = top
        (bid, bid_size), (ask, ask_size) = top
        named = f'"u":{self.number},"s":"{self.symbol}"'
        best = (
            f'"b":"{self.price(bid)}","B":"{self.size(bid_size)}","a":"{self.price(ask)}",'
            f'"A":"{self.size(ask_size)}"'
        )
        if self._market.futures:
            payload = f'{{"e":"bookTicker",{named},{best},"T":{self._now()},"E":{self._now()}}}'
        else:
            payload = f"{{{named},{best}}}"
        return [Outgoing(payload.encode(), FrameKind.TICKER, "bookTicker", self.symbol)]

    # --- what goes out at the end of a cadence

    def update(self, cadence_ms: int, now_ns: int) -> Outgoing | None:
        """The update of the cadence that ends now, None when nothing changed."""
        gathering = self._gathering[cadence_ms]
        if gathering.told_ns != now_ns:
            changed = gathering.levels and gathering.ends_ns == now_ns
            gathering.told = self._update(gathering, now_ns) if changed else None
            gathering.told_ns = now_ns
            gathering.start(now_ns + gathering.cadence_ns)
        return gathering.told

    def _update(self, gathering: _Gathering, now_ns: int) -> Outgoing:
        sides: dict[int, list[Level]] = {BID: [], ASK: []}
        for (side, price), size in gathering.levels.items():
            sides[side].append((price, size))
        # as recorded: spot from the best price on, futures in the order of prices
        sides[BID].sort(reverse=not self._market.futures)
        sides[ASK].sort()
        numbers = f'"U":{gathering.first},"u":{gathering.last}'
        if self._market.futures:
            numbers += f',"pu":{gathering.before}'
        payload = self._depth(now_ns, numbers, sides[BID], sides[ASK])
        return Outgoing(payload, FrameKind.BOOK, "depth", self.symbol, SNAPSHOT_LEVELS)

    def _depth(self, now_ns: int, numbers: str, bids: list[Level], asks: list[Level]) -> bytes:
        at = self._ms(now_ns)
        times = f'"E":{at},"T":{at}' if self._market.futures else f'"E":{at}'
        return (
            f'{{"e":"depthUpdate",{times},"s":"{self.symbol}",{numbers},"b":[{self.levels(bids)}],'
            f'"a":[{self.levels(asks)}]}}'
        ).encode()

    def partial(self, levels: int, now_ns: int) -> Outgoing:
        """The best levels as they are now."""
        bids, asks = self._view.bids(self.symbol, levels), self._view.asks(self.symbol, levels)
        if self._market.futures:
            numbers = f'"U":{self.number},"u":{self.number},"pu":{self.number - 1}'
            payload = self._depth(now_ns, numbers, bids, asks)
        else:
            payload = self.snapshot(bids, asks, self.number)
        return Outgoing(payload, FrameKind.TICKER, f"depth{levels}", self.symbol)

    def snapshot(self, bids: Sequence[Level], asks: Sequence[Level], number: int, at_ns: int = 0) -> bytes:
        """The body of REST depth; futures tell a time, too."""
        at = self._ms(at_ns)
        times = f'"E":{at},"T":{at},' if self._market.futures else ""
        return (
            f'{{"lastUpdateId":{number},{times}"bids":[{self.levels(bids)}],"asks":[{self.levels(asks)}]}}'
        ).encode()

    # --- text

    def levels(self, levels: Sequence[Level]) -> str:
        """``["61837.63000000","3.78826000"],...``."""
        price, size = self.price, self.size
        return ",".join([f'["{price(level[0])}","{size(level[1])}"]' for level in levels])

    def price(self, value: int) -> str:
        """A price as the wire shows it."""
        return digits(value, self.listing.price_scale, self._decimals[0])

    def size(self, value: int) -> str:
        """A size as the wire shows it."""
        return digits(value, self.listing.size_scale, self._decimals[1])

    @property
    def contract_size(self) -> int:
        """What a contract of COIN-M is worth, in dollars."""
        return 100 if self.listing.base == "BTC" else 10

    def worth(self, made: Print) -> int:
        """What was paid for a trade: price times size; of inverse contracts in the base, 8 decimals."""
        if not self.inverse:
            return made.price * made.size
        listing = self.listing
        up, down = 10 ** (_INVERSE_DECIMALS + listing.price_scale), 10**listing.size_scale
        worth: int = self.contract_size * made.size * up // (made.price * down)
        return worth

    def notional(self, value: int) -> str:
        """What `worth` says as the wire shows it; spot cuts it after 8 decimals."""
        if self.inverse:
            return digits(value, _INVERSE_DECIMALS, _INVERSE_DECIMALS)
        scale = self.listing.price_scale + self.listing.size_scale
        if self.futures:
            return text(value, scale)
        shown = value * 10**_SPOT_DECIMALS // 10**scale
        return digits(shown, _SPOT_DECIMALS, _SPOT_DECIMALS)

    def _now(self) -> int:
        return self._ms(self._event.time_ns)

    def _ms(self, at_ns: int) -> int:
        return self._clock(at_ns) // _MS

    def _best(self) -> tuple[Level, Level]:
        return self._view.bids(self.symbol, 1)[0], self._view.asks(self.symbol, 1)[0]


def _maker(one: Print) -> str:
    """Whether the buyer's order was in the book: the taker sold."""
    return "true" if one.side < 0 else "false"


_AT_ONCE: Final[dict[str, Callable[[SymbolFrames], list[Outgoing]]]] = {
    "trade": SymbolFrames._trades,
    "aggTrade": SymbolFrames._agg_trades,
    "bookTicker": SymbolFrames._ticker,
}
