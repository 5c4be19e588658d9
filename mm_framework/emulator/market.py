"""The seeded market: several instruments' order flows, merged in time.

`step` lets exactly one event happen, the earliest; between steps the books are as that event left
them. The same seed, listings and settings give the same events, however the calls are spread.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import attrs

from mm_framework.contracts.emulator import Level, Listing, MarketEvent, Print
from mm_framework.emulator.flow import NEVER, OrderFlow
from mm_framework.emulator.settings import MarketSettings
from mm_framework.errors import ConfigError

__all__ = ["Market", "visible"]


class Market:
    """Implements `contracts.emulator.MarketView`.

    ``depths`` are those for which removals tell what they reveal. ``start_ns`` is the market's first
    moment; ``refines``: tick sizes will be refined. Raises ConfigError when two listings have one symbol.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        settings: MarketSettings,
        *,
        seed: int,
        depths: tuple[int, ...] = (),
        start_ns: int = 0,
        refines: bool = False,
    ) -> None:
        self._flows: dict[str, OrderFlow] = {}
        for listing in listings:
            if listing.symbol in self._flows:
                raise ConfigError(
                    f"{listing.symbol} is listed twice; name each instrument once",
                    key="symbol",
                    value=listing.symbol,
                )
            if settings.tick_change_s or refines:
                listing = _with_room(listing)
            self._flows[listing.symbol] = OrderFlow(listing, settings, str(seed), depths, start_ns)
        self._queue = [
            (flow.next_ns, number, flow)
            for number, flow in enumerate(self._flows.values())
            if flow.next_ns < NEVER
        ]
        heapq.heapify(self._queue)

    @property
    def next_ns(self) -> int:
        """The time of the next event, NEVER if there is none."""
        return self._queue[0][0] if self._queue else NEVER

    def step(self) -> MarketEvent:
        """Let the next event happen. There must be one."""
        _, number, flow = self._queue[0]
        event = flow.step()
        if flow.next_ns < NEVER:
            heapq.heapreplace(self._queue, (flow.next_ns, number, flow))
        else:
            heapq.heappop(self._queue)
        return event

    def unrefined(self) -> list[str]:
        """The symbols whose tick size can still be refined, of a market that was made for it."""
        return [symbol for symbol, flow in self._flows.items() if not flow.refined]

    def refine(self, symbol: str, now_ns: int) -> MarketEvent:
        """The venue makes the tick size of an unrefined instrument a tenth; not before the last event."""
        return self._flows[symbol].refine_tick(now_ns)

    @property
    def listings(self) -> Mapping[str, Listing]:
        """The instruments by symbol, as they are listed now."""
        return {symbol: flow.listing for symbol, flow in self._flows.items()}

    def bids(self, symbol: str, n: int | None = None) -> list[Level]:
        """The best ``n`` buy levels (all when None), best first."""
        return self._flows[symbol].bids.top(n)

    def asks(self, symbol: str, n: int | None = None) -> list[Level]:
        """The best ``n`` sell levels (all when None), best first."""
        return self._flows[symbol].asks.top(n)

    def prints(self, symbol: str, n: int) -> list[Print]:
        """The last ``n`` trades, oldest first."""
        return list(self._flows[symbol].prints)[-n:]


def _with_room(listing: Listing) -> Listing:
    """The listing with one more decimal in its integers, for the tick to become a tenth."""
    return attrs.evolve(
        listing,
        price_scale=listing.price_scale + 1,
        tick=listing.tick * 10,
        price=listing.price * 10,
        ceiling=None if listing.ceiling is None else listing.ceiling * 10,
    )


def visible(event: MarketEvent, depth: int) -> tuple[list[Level], list[Level]]:
    """``(bids, asks)`` that a subscriber to the best ``depth`` levels of each side is told.

    Changes within the depth, and after a removal the level that moves in; a level that is pushed out
    is not mentioned: the subscriber cuts its book after the message. In order of application.
    """
    bids: list[Level] = []
    asks: list[Level] = []
    for side, price, size, rank, revealed in event.changes:
        if rank >= depth:
            continue
        levels = bids if side > 0 else asks
        levels.append((price, size))
        for opened, revealed_price, revealed_size in revealed:
            if opened == depth:
                levels.append((revealed_price, revealed_size))
    return bids, asks
