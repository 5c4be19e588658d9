"""What an adapter's history must hold to: over the emulator, the trades that happened and candles of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.history import (
    INTERVALS_MS,
    HistoryKind,
    HistoryPage,
    HistoryQuery,
    HistorySource,
)
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import MalformedFrame, VenueRefused
from mm_framework.history.candles import candles_of, compare
from mm_framework.history.walk import Kept, Rows, walk
from mm_framework.testing.conformance.base import Conformance

__all__ = ["HistoryConformance"]

_SECOND: Final = 1_000_000_000
_WALL_NS: Final = 1_795_000_020 * _SECOND  # a whole minute
_SECONDS: Final = 190
_PAGE: Final = 150
"""Rows of a page (``history_page``): so few that there are many pages."""


@attrs.frozen
class _Reply:
    status: int | None
    body: bytes = b""
    error: str | None = None


class _Log:
    """Keeps pages in memory; after ``breaks_after`` of them the program ends."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.kept = Kept()
        self.pages = 0
        self._breaks_after = breaks_after

    def read(self) -> Kept:
        """See `walk.PageLog`."""
        return attrs.evolve(self.kept, candles=list(self.kept.candles), trades=list(self.kept.trades))

    def add(self, page: HistoryPage) -> None:
        """See `walk.PageLog`."""
        if self.pages == self._breaks_after:
            raise KeyboardInterrupt
        self.pages += 1
        self.kept = Kept(
            [*self.kept.candles, *page.candles], [*self.kept.trades, *page.trades], page.cursor, True
        )


class _Past:
    """A market that ran for some minutes, and a client that asks its REST, whatever stands in the way."""

    def __init__(self, conformance: HistoryConformance) -> None:
        dialect, name = conformance.venue.dialect, conformance.venue.instruments[0]
        assert dialect is not None
        adapter = conformance.kit.adapter
        self.adapter = conformance.history_source()
        self.adapter.history_page = _PAGE
        self.instrument = name
        self._pace_ns = adapter.limits.rest_window_s / adapter.limits.rest_weight * _SECOND
        listing = dialect().listing(adapter.venue_symbol(name))
        self.emulator = VenueEmulator(
            dialect(),
            [listing],
            seed=4,
            settings=MarketSettings(rate=20.0, levels=40, trade_share=0.3),
            wall_ns=_WALL_NS,
        )
        self.now_ns = 0
        self._random = random.Random(1)
        self._unit = (Decimal(1).scaleb(-listing.price_scale), Decimal(1).scaleb(-listing.size_scale))
        self.made: dict[int, tuple[int, Decimal, str, Decimal]] = {}
        for second in range(_SECONDS + 1):
            self.now_ns = second * _SECOND
            self.emulator.advance(self.now_ns)
            self.emulator.drain()
            for one in self.emulator.market.prints(listing.symbol, 1000):
                if one.time_ns >= 0:
                    side = "buy" if one.side > 0 else "sell"
                    price, size = one.price * self._unit[0], one.size * self._unit[1]
                    self.made[one.trade_id] = ((_WALL_NS + one.time_ns) // 1_000_000, price, side, size)

    async def ask(self, request: HttpRequest) -> _Reply:
        """An answer, as fast as the budget allows; one in four is a refusal, a failure or none."""
        self.now_ns += round(request.weight * self._pace_ns)
        match self._random.randrange(12):
            case 0:
                return _Reply(429, b"{}")
            case 1:
                return _Reply(503, b"<html></html>")
            case 2:
                return _Reply(None, error="the connection was cut")
        parts = urlsplit(request.url)
        path = f"/{request.mount}{parts.path}" if request.mount else parts.path
        reply = self.emulator.http("GET", path, dict(parse_qsl(parts.query)), self.now_ns)
        return _Reply(reply.status, reply.body)

    def fetch(self, query: HistoryQuery, log: _Log) -> Rows:
        """All that a query asks for."""
        venue = self.instrument.partition(":")[0]
        return asyncio.run(walk(self.adapter, venue, query, self.ask, log, pause_s=0.0))

    def query(self, kind: HistoryKind, interval: str = "") -> HistoryQuery:
        """Three whole minutes."""
        begin = _WALL_NS // 1_000_000
        return HistoryQuery(kind, self.instrument, begin, begin + 180_000, interval)


class HistoryConformance(Conformance):
    """Pages that join, rows that come once, candles of the trades, errors that are told.

    ``resolution_ms``: how exactly the venue tells when a trade was.
    """

    resolution_ms: ClassVar[int] = 1

    def test_pages_of_trades_are_the_trades_that_happened(self) -> None:
        """Each once, whatever fails between; interrupted after any page it goes on from there."""
        past = self._past()
        query = past.query("trades")
        whole = past.fetch(query, log := _Log()).trades
        assert log.pages > 3, "the pages are few: nothing is shown"
        assert len({one.id for one in whole}) == len(whole) > 100
        told = [(one.ts_ns // 1_000_000, Decimal(one.price), one.side, Decimal(one.size)) for one in whole]
        made = [one for one in past.made.values() if query.from_ms <= one[0] < query.to_ms]
        assert _volumes(told, self.resolution_ms) == _volumes(made, self.resolution_ms)
        for pages in (0, 1, log.pages // 2, log.pages - 1):
            cut = _Log(breaks_after=pages)
            with pytest.raises(KeyboardInterrupt):
                past.fetch(query, cut)
            rest = _Log()
            rest.kept = cut.kept
            assert past.fetch(query, rest).trades == whole, f"interrupted after {pages} pages"

    def test_candles_are_those_of_the_trades(self) -> None:
        """Open, high, low, close and volume, in order, each interval once."""
        past = self._past()
        if "1m" not in past.adapter.history_intervals:
            pytest.skip(f"{past.instrument} has no candles of a minute")
        query = past.query("candles", "1m")
        candles = past.fetch(query, _Log()).candles
        trades = past.fetch(past.query("trades"), _Log()).trades
        numbers = [(one.ts_ns // 1_000_000, Decimal(one.price), Decimal(one.size)) for one in trades]
        built = list(candles_of(numbers, INTERVALS_MS["1m"]))
        assert len(built) == 3
        assert compare(built, candles) == []
        if past.adapter.history_unbroken:
            assert [one.ts_ms for one in candles] == [query.from_ms + 60_000 * n for n in range(3)]

    def test_intervals_are_known_words(self) -> None:
        """They are keys of `INTERVALS_MS`."""
        source = self.history_source()
        assert set(source.history_intervals) <= set(INTERVALS_MS)

    def test_history_is_asked_for_within_the_budget(self) -> None:
        """Absolute addresses of the instrument, weights that fit."""
        source = self.history_source()
        for kind in self._kinds(source):
            query = self._query(source, kind)
            request = source.history_request(query, source.history_begin(query))
            parts = urlsplit(request.url)
            assert parts.scheme in ("http", "https"), f"{request.url} is not absolute"
            assert parts.hostname, f"{request.url} is not absolute"
            assert (request.what, request.instrument) == (kind, query.instrument), request
            assert 0 < request.weight <= self.kit.adapter.limits.rest_weight, f"{request} is over the budget"

    def test_what_is_no_history_is_refused(self) -> None:
        """HTML, half a document, nothing, a document of another kind: an error of ours, and no rows."""
        source = self.history_source()
        for kind in self._kinds(source):
            query = self._query(source, kind)
            cursor = source.history_begin(query)
            for body in (b"", b"<html></html>", b'{"a":', b'"text"', b"7", b'[{"x":1}]', b"\xff"):
                with pytest.raises((MalformedFrame, VenueRefused)):
                    source.read_history(query, cursor, body)

    def history_source(self) -> HistorySource:
        """A new adapter; skip the check where it tells no history."""
        adapter = self.kit.adapter
        if not isinstance(adapter, HistorySource):
            pytest.skip(f"{adapter.venue} declares no history")
        return adapter

    def _kinds(self, source: HistorySource) -> Sequence[HistoryKind]:
        return ("candles", "trades") if source.history_intervals else ("trades",)

    def _query(self, source: HistorySource, kind: HistoryKind) -> HistoryQuery:
        interval = source.history_intervals[0] if kind == "candles" else ""
        return HistoryQuery(kind, self.venue.instruments[0], 1_795_000_020_000, 1_795_000_200_000, interval)

    def _past(self) -> _Past:
        self.history_source()
        self.need_emulator()
        return _Past(self)


def _volumes(
    rows: Sequence[tuple[int, Decimal, str, Decimal]], resolution_ms: int
) -> dict[tuple[int, Decimal, str], Decimal]:
    """What traded by moment, price and side: the same whether or not the venue joins prints."""
    found: dict[tuple[int, Decimal, str], Decimal] = {}
    for at_ms, price, side, size in rows:
        key = at_ms - at_ms % resolution_ms, price, side
        found[key] = found.get(key, Decimal(0)) + size
    return found
