"""A server whose every message the test says itself: real sockets, no venue, no clock.

It knows two instruments, and tells of one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import attrs
from serving import running

from mm_framework.model.events import ASK, BID, NULL, Kind, Reason, Row, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.serve.guard import Access
from mm_framework.serve.hub import Hub
from mm_framework.serve.market import Market, Said
from mm_framework.serve.serving import Serving
from mm_framework.serve.settings import ServeSettings

START_MS = 1_795_236_312_000
DEFINITION = Definition(
    0, 0, "kraken:BTC/EUR", "BTC/EUR", 1, 8, tick_size="0.1", price_decimals=1, size_decimals=8
)
Levels = Iterable[tuple[int, int]]


@attrs.define(eq=False)
class Desk:
    """What is said is said in the server's thread. Prices in ticks of 0.1, sizes in lots of 1e-8."""

    hub: Hub
    market: Market
    loop: asyncio.AbstractEventLoop
    port: int
    ms: int = START_MS
    epoch: int = 1

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}/"

    def snapshot(self, bids: Levels, asks: Levels) -> None:
        """A whole book, which is then SYNCED."""
        start = self._row(Kind.SNAPSHOT_START, 0, 0, 0)
        self._say(lambda: self.market.book_rows([start, *self._levels(bids, asks)], self.ms))
        self.state(SyncState.SYNCED, Reason.NONE)

    def diff(self, bids: Levels = (), asks: Levels = ()) -> None:
        """Levels that change."""
        rows = self._levels(bids, asks)
        self._say(lambda: self.market.book_rows(rows, self.ms))

    def trade(self, price: int, size: int, side: int) -> None:
        """A print."""
        row = self._row(Kind.TRADE, price, size, side)
        self._say(lambda: self.market.trade_row(row, self.ms))

    def state(self, state: SyncState, reason: Reason) -> None:
        """The book's state changes."""
        row = self._row(Kind.SYNC_CHANGE, NULL, state, 0)._replace(aux=reason)
        self._say(lambda: self.market.event_row(row, self.ms))

    def gap(self, expected: int, found: int) -> None:
        """A number is missing: the book is lost, and the next one is of a new epoch."""
        row = self._row(Kind.GAP, expected, found, 0)._replace(aux=Reason.SEQUENCE_GAP)
        self._say(lambda: self.market.event_row(row, self.ms))
        self.state(SyncState.RESYNCING, Reason.SEQUENCE_GAP)
        self.epoch += 1

    def status(self, text: str) -> None:
        """What the venue says of the market."""
        self._say(lambda: self.market.status_told(text, self.ms))

    def _say(self, said: Callable[[], Iterable[Said]]) -> None:
        self.ms += 100

        async def speak() -> None:
            self.hub.now_ms = self.ms
            self.hub.say(self.market, said())
            self.hub.flush()

        asyncio.run_coroutine_threadsafe(speak(), self.loop).result(60)

    def _levels(self, bids: Levels, asks: Levels) -> list[Row]:
        return [
            self._row(Kind.LEVEL, price, size, side)
            for side, levels in ((BID, bids), (ASK, asks))
            for price, size in levels
        ]

    def _row(self, kind: Kind, price: int, size: int, side: int) -> Row:
        venue_ns = (self.ms - 12) * 1_000_000
        return Row(self.ms * 1_000_000, venue_ns, 0, price, size, NULL, 0, 0, kind, side, 0, self.epoch, 0)


class _Spoken:
    """Implements `Source`: says nothing itself, knows the loop in which to speak."""

    def __init__(self) -> None:
        self.loop: Future[asyncio.AbstractEventLoop] = Future()

    async def run(self) -> None:
        """See `Source`."""
        self.loop.set_result(asyncio.get_running_loop())
        await asyncio.get_running_loop().create_future()

    def to_json(self) -> dict[str, Any]:
        """See `Source`."""
        run = {"kind": "test", "state": "live", "run": "one", "records": 7, "now_ms": START_MS}
        return {"kind": "tests", "state": "live", "folder": "data/runs", "runs": [run]}


@contextlib.contextmanager
def desk(
    data_dir: Path, token: str | None = None, port: int = 0, origins: tuple[str, ...] = ()
) -> Iterator[Desk]:
    """A server on loopback, in a thread, until the end of the block."""
    hub, spoken = Hub(ServeSettings(port=port, origins=origins)), _Spoken()
    market = hub.market(DEFINITION.id, DEFINITION.venue_symbol)
    hub.say(market, market.define(DEFINITION, START_MS))
    hub.market("binance:SOL/USDC", "SOLUSDC")
    access = Access(hub.settings, token)
    with running(Serving(hub, data_dir, str(data_dir / "store"), [spoken], access)) as place:
        yield Desk(hub, market, spoken.loop.result(60), int(place.rpartition(":")[2]))
