"""`Hub`: what is known now of every instrument, and who wants to hear of it. Pure of sockets.

    hub.say(market, messages)      collect what a record gives
    hub.flush()                    hand it to the subscribers, encoded once for all of them

A subscriber names instruments and types. What it is given goes to its `Outlet`, which tells how much
waits there; one for which too much waits is closed. All calls are made in one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Protocol

import attrs

from mm_framework.serve.counters import ServeCounters
from mm_framework.serve.market import Market, Said
from mm_framework.serve.messages import TYPES, body, names
from mm_framework.serve.settings import ServeSettings

__all__ = ["Batch", "Hub", "Outlet", "Subscription"]


@attrs.define(slots=False)
class Batch:
    """Messages for one client at a time; ``frames`` are the same as WebSocket text frames, made once."""

    messages: Sequence[bytes]

    @cached_property
    def frames(self) -> bytes:
        """Unmasked, as a server sends them (RFC 6455, section 5.2)."""
        return b"".join(map(_frame, self.messages))


class Outlet(Protocol):
    """The way to one client."""

    @property
    def waiting(self) -> int:
        """Bytes that were written and have not gone out."""
        ...

    def write(self, batch: Batch) -> None:
        """Send these messages; returns at once."""
        ...


class Subscription:
    """One client. ``on_close`` is called once, when more than ``limit`` bytes wait for it."""

    def __init__(self, outlet: Outlet, on_close: Callable[[], None], limit: int) -> None:
        self._outlet, self._on_close, self._limit = outlet, on_close, limit
        self.closed = False

    def take(self, batch: Batch) -> int:
        """Hand over; the bytes that went, 0 when it is closed."""
        if self.closed:
            return 0
        if self._outlet.waiting > self._limit:
            self.closed = True
            self._on_close()
            return 0
        self._outlet.write(batch)
        return len(batch.frames)


Wish = tuple[str, frozenset[str]]
"""The name that a client calls the instrument by, and the types that it wants."""


@attrs.define(eq=False)
class _Audience:
    """Who hears of one market, by wish, and what they have not been told yet."""

    market: Market
    wishes: dict[Wish, list[Subscription]] = attrs.Factory(dict)
    pending: list[tuple[str, bytes, bytes]] = attrs.Factory(list)


class Hub:
    """Markets by exchange and symbol, which may be ours (``BTC/EUR``) or the venue's, in any case."""

    def __init__(self, settings: ServeSettings | None = None, counters: ServeCounters | None = None) -> None:
        self.settings = settings or ServeSettings()
        self.counters = counters or ServeCounters()
        self.now_ms = 0
        self._markets: dict[str, Market] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._audiences: dict[str, _Audience] = {}
        self._spoken: dict[str, _Audience] = {}

    # what is known

    def symbols(self) -> list[tuple[str, str]]:
        """``(venue, symbol)`` of all instruments, sorted."""
        return sorted((market.exchange, market.symbol) for market in self._markets.values())

    def view(self, exchange: str, symbol: str) -> Market | None:
        """An instrument by our symbol or by the venue's, None if nobody told of it."""
        id = self._names.get((exchange.lower(), symbol)) or self._names.get(
            (exchange.lower(), symbol.upper())
        )
        return None if id is None else self._markets[id]

    def markets(self) -> list[Market]:
        """All instruments, in the order of `symbols`."""
        return sorted(self._markets.values(), key=lambda market: (market.exchange, market.symbol))

    def market(self, id: str, venue_symbol: str) -> Market:
        """The instrument, made when it is new."""
        found = self._markets.get(id)
        if found is None:
            settings = self.settings
            found = Market(id, venue_symbol, trades=settings.trades, levels=settings.levels)
            self._markets[id] = found
            for name in (found.venue_symbol, found.symbol):
                self._names[found.exchange, name.upper()] = self._names[found.exchange, name] = id
        return found

    # who hears

    def subscribe(
        self,
        outlet: Outlet,
        wanted: Iterable[tuple[Market, str]],
        types: Iterable[str] = TYPES,
        *,
        on_close: Callable[[], None] = lambda: None,
    ) -> Subscription:
        """Hear of markets, each with the name to call it by: first the book as it is, then what comes."""
        subscription = Subscription(outlet, on_close, self.settings.queue_kib * 1024)
        kinds = frozenset(types)
        for market, name in wanted:
            audience = self._audiences.setdefault(market.id, _Audience(market))
            self._flush(audience)
            audience.wishes.setdefault((name, kinds), []).append(subscription)
            first = [said for said in self._beginning(market) if said[0] in kinds]
            parts = [(type, *body(type, ts_ms, data)) for type, ts_ms, data in first]
            self._hand(audience, (name, kinds), [subscription], parts)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hear no more."""
        for audience in self._audiences.values():
            for wish, subscribers in list(audience.wishes.items()):
                if subscription in subscribers:
                    subscribers.remove(subscription)
                if not subscribers:
                    del audience.wishes[wish]

    def say(self, market: Market, messages: Iterable[Said]) -> None:
        """Collect messages; they are counted, and encoded only if somebody hears."""
        audience, published = self._audiences.get(market.id), self.counters.published
        for type, ts_ms, data in messages:
            published[type] += 1
            if audience is not None and audience.wishes:
                audience.pending.append((type, *body(type, ts_ms, data)))
                self._spoken[market.id] = audience

    def flush(self) -> None:
        """Hand out what was collected."""
        spoken, self._spoken = self._spoken, {}
        for audience in spoken.values():
            self._flush(audience)

    def beat(self) -> None:
        """Once a second: what is told so often, at the receive time of the latest record."""
        for market in self._markets.values():
            self.say(market, market.beat(self.now_ms))
        self.flush()

    def _beginning(self, market: Market) -> list[Said]:
        if market.ts_ms is None:
            return [("status", 0, market.status())]
        ts_ms = market.ts_ms
        said: list[Said] = [("snapshot", ts_ms, market.snapshot()), ("status", ts_ms, market.status())]
        return said + [("spread", ts_ms, one) for one in market.spread()]

    def _flush(self, audience: _Audience) -> None:
        parts, audience.pending = audience.pending, []
        if parts:
            for wish, subscribers in list(audience.wishes.items()):
                self._hand(audience, wish, tuple(subscribers), parts)

    def _hand(
        self,
        audience: _Audience,
        wish: Wish,
        subscribers: Sequence[Subscription],
        parts: Sequence[tuple[str, bytes, bytes]],
    ) -> None:
        name, kinds = wish
        called = names(audience.market.exchange, name)
        batch = Batch([head + called + tail for type, head, tail in parts if type in kinds])
        if not batch.messages:
            return
        for subscription in subscribers:
            size = subscription.take(batch)
            if size:
                self.counters.sent += len(batch.messages)
                self.counters.sent_bytes += size


def _frame(message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + message
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + message
    return b"\x81\x7f" + size.to_bytes(8, "big") + message
