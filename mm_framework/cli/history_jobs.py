"""What ``mm history`` does: which range is meant, what is fetched, what our own trades say of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.times import format_utc, parse_utc
from mm_framework.capture.clock import RealClock
from mm_framework.capture.endpoints import Endpoints, served_at
from mm_framework.capture.http import Asker
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.transport import HttpAnswer, HttpOptions, make_transport, tls_context
from mm_framework.cli.app import App
from mm_framework.cli.store_cmd import opened_store
from mm_framework.contracts.adapter import Adapter, HttpRequest
from mm_framework.contracts.history import (
    INTERVALS_MS,
    Candle,
    HistoryKind,
    HistoryQuery,
    HistorySource,
    PastTrade,
)
from mm_framework.errors import ConfigError
from mm_framework.history.candles import candles_of, unbroken_spans
from mm_framework.history.days import DAY_MS, HistoryFiles, Span, days_of
from mm_framework.history.local import folder_trades, stored_trades
from mm_framework.history.settings import HistorySettings
from mm_framework.history.tables import write_candles, write_trades
from mm_framework.history.walk import Rows, walk
from mm_framework.model.instrument import parse_id
from mm_framework.plugins.kits import venue_kits
from mm_framework.settings import DataSettings

__all__ = ["Asked", "Fetched", "compared", "fetch_candles", "fetch_trades", "utc_ms", "write_table"]

SETTLED_MS: Final = 5_000
"""What happened less than this long ago is not asked for: clocks differ, and venues write late."""

CANDLES_A_QUERY: Final = 50_000


def utc_ms(ms: int) -> str:
    """``2026-11-20T00:00:00.000Z`` of epoch ms."""
    return f"{format_utc(ms * 1_000_000)[:-7]}Z"


@attrs.frozen
class Asked:
    """What is meant. ``root``: where the day folders are; ``url``: the endpoint of the venue."""

    instrument: str
    adapter: Adapter
    interval: str
    from_ms: int
    to_ms: int
    url: str
    root: Path

    @classmethod
    def of(
        cls,
        app: App,
        name: str,
        interval: str | None,
        from_time: str | None,
        to_time: str | None,
        endpoint: str | None,
        out: str | None,
    ) -> Asked:
        """Look everything up. Raises ConfigError and PluginError."""
        settings = app.load(HistorySettings).value
        venue = parse_id(name)[0]
        adapter = venue_kits(app.plugins, [venue], lambda cls: app.load(cls).value)[venue].adapter
        endpoints = Endpoints.parse([endpoint] if endpoint else [])
        endpoints.check({venue: adapter})
        from_ms = settings.start_ms if from_time is None else parse_utc(from_time) // 1_000_000
        now_ms = time.time_ns() // 1_000_000 - SETTLED_MS
        given_ms = settings.end_ms if to_time is None else parse_utc(to_time) // 1_000_000
        to_ms = min(given_ms or now_ms, now_ms)
        if not from_ms:
            raise ConfigError("from when on? Give --from, such as --from 2026-11-20", key="from")
        if from_ms >= to_ms:
            raise ConfigError(
                f"--from {utc_ms(from_ms)} is not before {utc_ms(to_ms)} (--to, and at most now)",
                key="from",
            )
        return cls(
            adapter.instrument_id(name.partition(":")[2]),
            adapter,
            interval or settings.interval,
            from_ms,
            to_ms,
            endpoints.url(adapter),
            app.load(DataSettings).value.dir if out is None else Path(out),
        )

    @property
    def source(self) -> HistorySource:
        """The venue's past. Raises ConfigError when it tells none."""
        if not isinstance(self.adapter, HistorySource):
            raise ConfigError(
                f"{self.adapter.venue} tells no history: record it with mm capture",
                key="instrument",
                value=self.instrument,
            )
        return self.adapter

    def files(self, kind: HistoryKind) -> HistoryFiles:
        """Where this kind is kept."""
        symbol = self.adapter.venue_symbol(self.instrument)
        return HistoryFiles(
            self.root, self.instrument, symbol, kind, self.interval if kind == "candles" else ""
        )

    def whole_candles(self) -> Asked:
        """The same range in whole candles: those that begin in it and are over. Raises ConfigError."""
        length = INTERVALS_MS[self.interval]
        begin, end = -(-self.from_ms // length) * length, self.to_ms // length * length
        if begin >= end:
            raise ConfigError(
                f"no candle of {self.interval} lies in this range: take a longer one", key="from"
            )
        return attrs.evolve(self, from_ms=begin, to_ms=end)


@attrs.define
class Fetched:
    """What a fetch came to."""

    asked: Asked
    kind: HistoryKind
    fetched: int = 0
    requests: int = 0
    paths: list[Path] = attrs.field(factory=list)
    built: list[Candle] | None = None

    def rows(self) -> list[Any]:
        """All rows of the range."""
        if self.built is not None:
            return self.built
        return list(self.asked.files(self.kind).read(self.asked.from_ms, self.asked.to_ms))

    def to_json(self) -> dict[str, Any]:
        """Counts, files and what is missing; of candles only the venue that tells empty ones shows that."""
        asked, rows = self.asked, self.rows()
        missing = self._missing(rows)
        return {
            "ok": not missing,
            "type": self.kind,
            "instrument": asked.instrument,
            **(
                {"interval": asked.interval, "from_trades": self.built is not None}
                if self.kind == "candles"
                else {}
            ),
            "from": utc_ms(asked.from_ms),
            "to": utc_ms(asked.to_ms),
            "rows": len(rows),
            "fetched": self.fetched,
            "requests": self.requests,
            "missing": [[utc_ms(one) for one in span] for span in missing],
            "paths": [str(path) for path in self.paths],
        }

    def _missing(self, rows: Sequence[Any]) -> list[Span]:
        if self.kind != "candles" or self.built is not None or not self.asked.source.history_unbroken:
            return []
        told = unbroken_spans(rows, INTERVALS_MS[self.asked.interval])
        times = [self.asked.from_ms, *(one for span in told for one in span), self.asked.to_ms]
        return [(begin, end) for begin, end in zip(times[::2], times[1::2], strict=True) if begin < end]


def fetch_candles(app: App, asked: Asked, *, built: bool) -> Fetched:
    """The candles of a range; ``built`` of the venue's trades, as always where it tells no candles at all.

    Raises ConfigError and what stops a fetch.
    """
    asked = asked.whole_candles()
    words = asked.source.history_intervals
    if built or not words:
        fetched = fetch_trades(app, asked)
        trades = asked.files("trades").read(asked.from_ms, asked.to_ms)
        rows = list(candles_of(_numbers(trades), INTERVALS_MS[asked.interval]))
        return attrs.evolve(fetched, kind="candles", built=rows)
    if asked.interval not in words:
        raise ConfigError(
            f"{asked.adapter.venue} has no candles of {asked.interval}: it has {', '.join(words)}",
            key="interval",
            value=asked.interval,
        )
    return _fetch(app, asked, "candles")


def fetch_trades(app: App, asked: Asked) -> Fetched:
    """The trades of a range."""
    return _fetch(app, asked, "trades")


def compared(app: App, asked: Asked, store: str | None) -> tuple[list[Candle], list[Candle], dict[str, Any]]:
    """Candles of our own trades, and those of the venue with what fetching them came to."""
    asked = asked.whole_candles()
    ours = (
        folder_trades(asked.root, asked.instrument, asked.from_ms, asked.to_ms)
        if store is None
        else stored_trades(opened_store(app, store), asked.instrument, asked.from_ms, asked.to_ms)
    )
    local = list(candles_of(ours, INTERVALS_MS[asked.interval]))
    has_candles = asked.interval in asked.source.history_intervals
    fetched = fetch_candles(app, asked, built=not has_candles)
    return local, fetched.rows(), fetched.to_json()


def write_table(path: Path, asked: Asked, rows: Sequence[Any]) -> None:
    """One file of all rows. Raises ConfigError for an ending that is no table's, EnvironmentFailed."""
    if rows and isinstance(rows[0], PastTrade):
        write_trades(path, asked.instrument, rows)
    else:
        write_candles(path, asked.instrument, asked.interval, rows)


def _numbers(trades: Iterator[PastTrade]) -> Iterator[tuple[int, Decimal, Decimal]]:
    for one in trades:
        yield one.ts_ns // 1_000_000, Decimal(one.price), Decimal(one.size)


def _queries(asked: Asked, kind: HistoryKind, files: HistoryFiles) -> Iterator[HistoryQuery]:
    """What is missing, in pieces that fit into memory: trades a day each, candles by their number."""
    for begin, end in files.missing(asked.from_ms, asked.to_ms):
        if kind == "trades":
            for _, span in days_of(begin, end):
                yield HistoryQuery(kind, asked.instrument, *span)
            continue
        step = max(DAY_MS, CANDLES_A_QUERY * INTERVALS_MS[asked.interval] // DAY_MS * DAY_MS)
        while begin < end:
            until = min(end, begin - begin % DAY_MS + step)
            yield HistoryQuery(kind, asked.instrument, begin, until, asked.interval)
            begin = until


def _told(source: HistorySource, query: HistoryQuery, rows: Rows) -> list[Span]:
    """What need not be asked again: all of the range, or what a venue that leaves nothing out has told."""
    if query.kind == "trades" or not source.history_unbroken:
        return [(query.from_ms, query.to_ms)]
    return unbroken_spans(rows.candles, query.interval_ms)


def _fetch(app: App, asked: Asked, kind: HistoryKind) -> Fetched:
    settings, source, files = app.load(CaptureSettings).value, asked.source, asked.files(kind)
    transport = make_transport(settings.transport)
    options = HttpOptions(
        open_timeout_s=settings.open_timeout_s,
        timeout_s=settings.rest_timeout_s,
        tls=tls_context(settings.ca_file, settings.insecure_tls),
    )
    result = Fetched(asked, kind)

    async def main() -> None:
        async with Asker(lambda: transport.http(options), RealClock(), settings) as ask:

            async def one(request: HttpRequest) -> HttpAnswer:
                result.requests += 1
                return await ask(served_at(asked.url, request), asked.adapter.limits)

            with app.out.progress(f"{kind} of {asked.instrument}", unit=kind) as advance:
                for query in _queries(asked, kind, files):
                    log = files.pages(query)
                    rows: Rows = await walk(source, asked.adapter.venue, query, one, log, advance)
                    found: Sequence[Candle] | Sequence[PastTrade] = rows.candles or rows.trades
                    result.paths += files.put(query, found, _told(source, query, rows))
                    result.fetched += len(found)
                    log.remove()

    asyncio.run(main())
    return result
