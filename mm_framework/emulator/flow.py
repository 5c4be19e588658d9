"""The order flow of one emulated instrument: a seeded machine that acts when its time has come.

A latent fair price walks at random. Participants place limit orders around it, cancel and resize
them, and send market orders that lean towards it; so the book follows the fair price, spreads open
when large orders sweep levels and close again. Rates change between usual, burst and quiet spells.

The flow draws from its own stream and looks at nothing but its own book: when it is asked does not
matter, and instruments do not influence each other. Prices, sizes: integers at the listing's scales.
The book is never crossed or locked, and a side is never empty.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import Final

import attrs

from mm_framework.contracts.emulator import Change, Listing, MarketEvent, Print
from mm_framework.emulator.ladder import Ladder
from mm_framework.emulator.settings import MarketSettings
from mm_framework.model.events import ASK, BID

__all__ = ["NEVER", "OrderFlow"]

NEVER: Final = 2**63 - 1
"""The time of an event that does not come."""

HISTORY: Final = 1000
"""Trades that a venue still shows; the flow starts with some, made before its time."""

_PRIOR_TRADES: Final = 60
_SECOND: Final = 1_000_000_000
_SWEEP_MAX: Final = 12
_PLACE_NEAR: Final = 2e-5  # mean distance of a near order from the fair price, as a share of it
_NEAR_TICKS: Final = 3.0  # and at least so many ticks
_PULL: Final = 1e-3  # share of the way back to the starting price that the fair price goes in a second
_SPELLS: Final = {"usual": 1.0, "burst": 0.1, "quiet": 0.25}  # mean lengths, in multiples of ``spell_s``


class OrderFlow:
    """One instrument: book, recent trades, the time of its next event."""

    def __init__(
        self, listing: Listing, settings: MarketSettings, seed: str, depths: tuple[int, ...], start_ns: int
    ) -> None:
        self.listing = listing
        self.bids = Ladder(BID)
        self.asks = Ladder(ASK)
        self.prints: deque[Print] = deque(maxlen=HISTORY)
        self.next_ns = NEVER
        self.refined = False
        self._settings = settings
        self._depths = depths
        self._random = random.Random(f"{seed}/{listing.symbol}")
        self._floor = max(1, settings.levels // 10)
        self._near = max(_NEAR_TICKS * listing.tick, _PLACE_NEAR * listing.price)
        self._fair = float(listing.price)
        self._now_ns = start_ns
        self._tick_change_ns = (
            start_ns + int(settings.tick_change_s * _SECOND) if settings.tick_change_s else NEVER
        )
        self._spell = "usual"
        self._spell_end_ns = NEVER
        self._trade_id = self._random.randrange(1_000_000, 90_000_000)
        self._fill_book()
        self._targets = {BID: len(self.bids), ASK: len(self.asks)}
        self._invent_history(start_ns)
        if settings.rate:
            self._base_rate = settings.rate / self._mean_factor()
            self._spell_end_ns = start_ns + self._spell_length()
            self._schedule()
        self.next_ns = min(self.next_ns, self._tick_change_ns)

    # --- time

    def step(self) -> MarketEvent:
        """Let happen what is due at ``next_ns``, and schedule what follows."""
        now_ns = self.next_ns
        event = self.refine_tick(now_ns) if now_ns >= self._tick_change_ns else self._act(now_ns)
        self._schedule()
        return event

    def _schedule(self) -> None:
        """Draw the time of the next event. Spells end where they end, not at an event."""
        settings, draw = self._settings, self._random
        if not settings.rate:
            self.next_ns = self._tick_change_ns
            return
        at = self._now_ns
        while True:
            due = at + 1 + int(draw.expovariate(self._base_rate * self._factor()) * _SECOND)
            if due <= self._spell_end_ns:
                break
            at = self._spell_end_ns
            self._spell = "usual" if self._spell != "usual" else draw.choice(("burst", "quiet"))
            self._spell_end_ns = at + self._spell_length()
        self.next_ns = min(due, self._tick_change_ns)

    def _factor(self) -> float:
        settings = self._settings
        return {"usual": 1.0, "burst": settings.burst_factor, "quiet": settings.quiet_factor}[self._spell]

    def _mean_factor(self) -> float:
        """The factor averaged over time: a usual spell is followed by a burst or a quiet one alike."""
        settings = self._settings
        usual, burst, quiet = _SPELLS["usual"], _SPELLS["burst"] / 2, _SPELLS["quiet"] / 2
        total = usual + burst * settings.burst_factor + quiet * settings.quiet_factor
        return total / (usual + burst + quiet)

    def _spell_length(self) -> int:
        mean_s = self._settings.spell_s * _SPELLS[self._spell]
        return 1 + int(self._random.expovariate(1 / mean_s) * _SECOND)

    # --- actions

    def _act(self, now_ns: int) -> MarketEvent:
        self._walk(now_ns)
        choice = self._random.random()
        trade_share = self._settings.trade_share
        if choice < trade_share:
            return self._market_order(now_ns)
        side = BID if self._random.random() < 0.5 else ASK
        ladder = self.bids if side == BID else self.asks
        target = self._targets[side]
        surplus = (len(ladder) - target) / target
        if choice - trade_share < min(0.7, max(0.3, 0.5 - surplus)) * (1 - trade_share):
            change = self._place(ladder, surplus)
        else:
            change = self._cancel(ladder, surplus)
        return MarketEvent(now_ns, self.listing.symbol, [change], ())

    def _walk(self, now_ns: int) -> None:
        elapsed_s = (now_ns - self._now_ns) / _SECOND
        self._now_ns = now_ns
        step = self._settings.volatility_bps * 1e-4 * math.sqrt(elapsed_s) * self._random.gauss(0.0, 1.0)
        pull = math.log(self.listing.price / self._fair) * min(1.0, _PULL * elapsed_s)
        self._fair *= math.exp(step + pull)

    def _place(self, ladder: Ladder, surplus: float) -> Change:
        """A limit order: usually near the fair price, sometimes deep, never touching the other side."""
        draw, tick, side = self._random, self.listing.tick, ladder.sign
        kind = draw.random()
        if surplus < -0.02 and kind < 0.3:
            price = ladder.worst() - side * tick * (1 + int(draw.expovariate(tick / self._near)))
        else:
            distance = draw.expovariate(1 / (self._near * (40 if kind > 0.85 else 1)))
            price = round((self._fair - side * distance) / tick) * tick
        other = self.asks if side == BID else self.bids
        limit = other.best() - side * tick
        price = max(tick, min(price, limit) if side == BID else max(price, limit))
        if self._too_high(price):
            return self._cancel(ladder, surplus)
        size = ladder.sizes.get(price, 0) + self._order_size()
        return Change(side, price, size, ladder.set(price, size))

    def _too_high(self, price: int) -> bool:
        ceiling = self.listing.ceiling
        return ceiling is not None and price >= ceiling

    def _cancel(self, ladder: Ladder, surplus: float) -> Change:
        """Take away a level or resize it, most often near the top."""
        draw, count = self._random, len(ladder)
        if draw.random() < 0.8:
            rank = min(count - 1, int(draw.expovariate(1 / 8)))
        else:
            rank = int(draw.random() * count)
        if count > self._floor and draw.random() < min(0.95, max(0.05, 0.55 + surplus)):
            return self._remove(ladder, rank)
        price = ladder.price_at(rank)
        old = ladder.sizes[price]
        size = old + self._order_size() if draw.random() < 0.4 else max(1, int(old * draw.random()))
        return Change(ladder.sign, price, size, ladder.set(price, size))

    def _remove(self, ladder: Ladder, rank: int) -> Change:
        price = ladder.remove_at(rank)
        keys, sizes, sign = ladder.keys, ladder.sizes, ladder.sign
        revealed = tuple(
            (depth, keys[-depth] * sign, sizes[keys[-depth] * sign])
            for depth in self._depths
            if rank < depth <= len(keys)
        )
        return Change(sign, price, 0, rank, revealed)

    def _market_order(self, now_ns: int) -> MarketEvent:
        """A taker leans towards the fair price and sweeps levels until its size is done."""
        draw = self._random
        mid = (self.bids.best() + self.asks.best()) / 2
        lean = (self._fair - mid) / (4 * self._near)
        side = BID if draw.random() < 0.5 + min(0.45, max(-0.45, lean)) else ASK
        ladder = self.asks if side == BID else self.bids
        rest = int(self._order_size() * (4.0 if draw.random() < 0.1 else 1.0))
        limit_order = draw.random() < 0.3
        changes: list[Change] = []
        prints: list[Print] = []
        while rest and len(changes) < _SWEEP_MAX:
            price = ladder.best()
            standing = ladder.sizes[price]
            if rest >= standing and len(ladder) <= self._floor:
                break
            taken = min(rest, standing)
            rest -= taken
            prints.append(self._print(side, price, taken, now_ns, limit_order))
            if taken == standing:
                changes.append(self._remove(ladder, 0))
            else:
                changes.append(Change(-side, price, standing - taken, ladder.set(price, standing - taken)))
        if not changes:
            changes.append(self._place(ladder, 0.0))
        return MarketEvent(now_ns, self.listing.symbol, changes, prints)

    def _print(self, side: int, price: int, size: int, time_ns: int, limit_order: bool) -> Print:
        self._trade_id += 1
        made = Print(self._trade_id, side, price, size, time_ns, limit_order)
        self.prints.append(made)
        return made

    def _order_size(self) -> int:
        """Sizes are log-normal; a third are round."""
        draw, usual = self._random, self.listing.size
        if draw.random() < 0.35:
            return max(1, usual // draw.choice((100, 20, 10, 4, 2, 1)))
        return max(1, int(usual * math.exp(draw.gauss(-1.0, 1.2))))

    def refine_tick(self, now_ns: int) -> MarketEvent:
        """The venue makes the tick a tenth: all prices remain, and show one decimal more."""
        self._tick_change_ns, self.refined = NEVER, True
        old = self.listing
        self.listing = attrs.evolve(old, tick=old.tick // 10, price_decimals=old.price_decimals + 1)
        self._now_ns = now_ns
        return MarketEvent(now_ns, old.symbol, (), (), self.listing)

    # --- the state at the start

    def _fill_book(self) -> None:
        """Levels on both sides of the fair price, with gaps that grow with the distance."""
        draw, tick = self._random, self.listing.tick
        gap = max(tick, self._near / 4)
        for ladder in (self.bids, self.asks):
            side = ladder.sign
            price = float(self.listing.price)
            for rank in range(self._settings.levels):
                price -= side * (tick + draw.expovariate(1 / (gap * (1 + rank / 50))))
                rounded = round(price / tick) * tick
                if rounded < tick or self._too_high(rounded):
                    break
                ladder.set(rounded, self._order_size())

    def _invent_history(self, start_ns: int) -> None:
        """Trades from before the start, so that a venue has last trades to show."""
        draw, tick = self._random, self.listing.tick
        ages = sorted((draw.expovariate(1 / 30) for _ in range(_PRIOR_TRADES)), reverse=True)
        for age_s in ages:
            side = BID if draw.random() < 0.5 else ASK
            price = round(self.listing.price + draw.gauss(0.0, self._near))
            if self._too_high(price):
                price = self.listing.price
            self._print(
                side,
                max(tick, price // tick * tick),
                self._order_size(),
                start_ns - 1 - int(age_s * _SECOND),
                draw.random() < 0.3,
            )
