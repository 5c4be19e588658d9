"""The REST interface: read only, GET only; what it takes and answers stands in `OPERATIONS`.

    /v1/book/kraken/BTC/EUR?depth=10      /v1/candles/binance/BTCUSDT?interval=1m      /openapi.json

A request is checked by its declared parameters, answered, and written as JSON. What the hub knows is read in
the event loop, files in threads, a few at a time. Symbols are ours or the venue's. Instruments are looked up
among those of the sources and of the store; a name never becomes a path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mm_framework import __version__
from mm_framework.contracts.history import INTERVALS_MS, Candle
from mm_framework.errors import MMError
from mm_framework.serve import answers
from mm_framework.serve.bars import MINUTE_MS, joined
from mm_framework.serve.guard import Refusal
from mm_framework.serve.known import Known, find, known_of, latest_ms, now_ms
from mm_framework.serve.market import Market, TradeNow
from mm_framework.serve.openapi import Operation, document
from mm_framework.serve.parameters import Parameter, choice, integer, path_text, read, refused, text
from mm_framework.serve.past import DAY_MS
from mm_framework.serve.serving import Serving

__all__ = ["OPERATIONS", "routes"]

MOST_MS: Final = 31 * DAY_MS
"""An answer covers at most so much of the past."""

LAST_MS: Final = 4_102_444_800_000
"""2100-01-01: times after it are refused."""


# what each operation answers


async def _venues(serving: Serving, given: Mapping[str, Any]) -> answers.Venues:
    return msgspec.convert({"venues": list(await serving.read(serving.venues))}, answers.Venues)


async def _instruments(serving: Serving, given: Mapping[str, Any]) -> answers.Instruments:
    return answers.Instruments([_instrument(one) for one in await known_of(serving)])


def _instrument(one: Known) -> answers.InstrumentNow:
    definition = one.definition
    return answers.InstrumentNow(
        exchange=one.exchange,
        symbol=one.symbol,
        venue_symbol=one.market.venue_symbol if definition is None and one.market else _venue_symbol(one),
        tick_size=None if definition is None else definition.tick_size,
        lot_size=None if definition is None else definition.lot_size,
        live=one.market is not None,
        stored=one.stored is not None,
    )


def _venue_symbol(one: Known) -> str | None:
    return None if one.definition is None else one.definition.venue_symbol


async def _book(serving: Serving, given: Mapping[str, Any]) -> answers.BookAnswer | Refusal:
    market = serving.hub.view(given["venue"], given["symbol"])
    if market is None:
        return refused(
            "unknown_instrument",
            f"no source tells of {given['venue'][:40]!r} {given['symbol'][:80]!r}",
            "an instrument of /v1/instruments that is live",
            404,
        )
    book = market.book(given["depth"])
    return answers.BookAnswer(
        market.exchange,
        market.called(given["symbol"]),
        book.ts_ms,
        book.epoch,
        book.seq,
        book.state,
        book.bids,
        book.asks,
    )


async def _snapshot(serving: Serving, given: Mapping[str, Any]) -> answers.BookAnswer | Refusal:
    return await _book(serving, {**given, "venue": given["exchange"]})


async def _trades(serving: Serving, given: Mapping[str, Any]) -> answers.Trades | Refusal:
    known = await find(serving, given["venue"], given["symbol"])
    if isinstance(known, Refusal):
        return known
    from_ms, limit = given["from_ms"], given["limit"]
    recent = [] if known.market is None else known.market.trades(limit)
    if from_ms is None and recent:
        rows, end_ms = [_trade(one) for one in recent], None
    else:
        end_ms = await latest_ms(serving, known) + 1
        if from_ms is None:
            rows = await serving.read(serving.past.latest, known.id, limit, given["quality"])
        else:
            until_ms = max(from_ms, min(end_ms, from_ms + DAY_MS))
            asked = (known.id, from_ms, until_ms, limit, given["quality"])
            rows, end_ms = await serving.read(serving.past.trades, *asked)
    return answers.Trades(known.exchange, _called(known, given), from_ms, end_ms, rows)


def _trade(one: TradeNow) -> answers.TradeRow:
    told = one.trade
    at_ms = one.ts_ms if told.venue_ms is None else told.venue_ms
    return answers.TradeRow(at_ms, one.ts_ms, told.price, told.size, told.side, told.trade_id)


async def _candles(serving: Serving, given: Mapping[str, Any]) -> answers.Candles | Refusal:
    known = await find(serving, given["venue"], given["symbol"])
    if isinstance(known, Refusal):
        return known
    step_ms, limit = INTERVALS_MS[given["interval"]], given["limit"]
    last_ms = await latest_ms(serving, known)
    from_ms = last_ms - (limit - 1) * step_ms if given["from_ms"] is None else given["from_ms"]
    from_ms = max(0, from_ms - from_ms % step_ms)
    to_ms = from_ms + min(limit, max(1, MOST_MS // step_ms)) * step_ms
    if given["from_ms"] is None:
        from_ms = max(from_ms, to_ms - max(step_ms, MOST_MS // step_ms * step_ms))
    stored = await serving.read(serving.past.candles, known.id, step_ms, from_ms, to_ms, given["quality"])
    live = [] if known.market is None else live_candles(known.market, step_ms, from_ms, to_ms)
    rows = together(stored, live, _whole_from(known.market))
    return answers.Candles(known.exchange, _called(known, given), given["interval"], from_ms, to_ms, rows)


def live_candles(market: Market, step_ms: int, from_ms: int, to_ms: int) -> list[Candle]:
    """Candles of the trades that the server heard; none of less than a minute."""
    if step_ms < MINUTE_MS:
        return []
    return joined(market.bars.candles(from_ms, to_ms), step_ms)


def together(stored: Sequence[Candle], live: Sequence[Candle], whole_ms: int) -> list[answers.Bar]:
    """One candle an interval: ours where it began at ``whole_ms`` or later, else the store's."""
    ours, theirs = ({one.ts_ms: one for one in side} for side in (live, stored))
    return [
        answers.Bar(**attrs.asdict(ours[at]), source="live")
        if at in ours and (at >= whole_ms or at not in theirs)
        else answers.Bar(**attrs.asdict(theirs[at]), source="store")
        for at in sorted({*ours, *theirs})
    ]


def _whole_from(market: Market | None) -> int:
    """From when on the server heard whole minutes."""
    first_ms = None if market is None else market.bars.first_ms
    return LAST_MS if first_ms is None else -(-first_ms // MINUTE_MS) * MINUTE_MS


def _called(known: Known, given: Mapping[str, Any]) -> str:
    return known.symbol if known.market is None else known.market.called(given["symbol"])


async def _runs(serving: Serving, given: Mapping[str, Any]) -> answers.Runs:
    return answers.Runs((await serving.read(serving.captures.runs))[: given["limit"]])


async def _qa(serving: Serving, given: Mapping[str, Any]) -> answers.Quality:
    return answers.Quality((await serving.read(serving.past.verdicts))[: given["limit"]])


async def _status(serving: Serving, given: Mapping[str, Any]) -> answers.StatusAnswer:
    counters, captures = serving.counters, await serving.read(serving.captures.now)
    return answers.StatusAnswer(
        ts_ms=now_ms(),
        symbols=[_symbol(market) for market in serving.hub.markets()],
        captures=captures,
        sources=[told for source in serving.sources for told in _source(source.to_json())],
        server=answers.ServerNow(
            clients=counters.clients,
            requests=counters.requests,
            sent=counters.sent,
            sent_bytes=counters.sent_bytes,
            published=dict(counters.published),
            refused=dict(counters.refused),
            closed=dict(counters.closed),
        ),
    )


def _symbol(market: Market) -> answers.SymbolNow:
    bid, ask = market.best() or (None, None)
    told: dict[str, Any] = msgspec.structs.asdict(market.status())
    told |= {"exchange": market.exchange, "symbol": market.symbol, "bid": bid, "ask": ask}
    return answers.SymbolNow(**told)


def _source(told: Mapping[str, Any]) -> Iterator[answers.SourceNow]:
    """A source, then the runs that it follows."""
    known = ((key, value) for key, value in told.items() if key not in ("kind", "state", "runs"))
    others = {key: str(value) for key, value in known if value is not None}
    yield answers.SourceNow(str(told["kind"]), str(told["state"]), others)
    for run in told.get("runs", ()):
        yield from _source(run)


async def _strategy(serving: Serving, given: Mapping[str, Any]) -> answers.StrategyNow | None:
    return await serving.read(serving.strategy)


VENUE: Final = path_text("venue", "The exchange.", "kraken")
SYMBOL: Final = path_text("symbol", "Our symbol or the venue's, slashes as they are.", "BTC/EUR")
DEPTH: Final = integer("depth", "Levels a side; all if not given.", 1, 10_000)
QUALITY: Final = choice(
    "quality", "Which verdicts of the store are good enough.", ("pass", "warn", "any"), "pass"
)


def _from(help: str) -> Parameter:
    return integer("from_ms", help, 0, LAST_MS)


OPERATIONS: Final = (
    Operation("/v1/venues", "venues", "The installed venues.", answers.Venues, _venues),
    Operation(
        "/v1/instruments",
        "instruments",
        "The instruments of the sources and of the store.",
        answers.Instruments,
        _instruments,
    ),
    Operation(
        "/v1/book/{venue}/{symbol}",
        "book",
        "The book of an instrument as it is now.",
        answers.BookAnswer,
        _book,
        (VENUE, SYMBOL, DEPTH),
    ),
    Operation(
        "/v1/trades/{venue}/{symbol}",
        "trades",
        "The latest trades that the server heard; with from_ms those of the store, a day at most.",
        answers.Trades,
        _trades,
        (
            VENUE,
            SYMBOL,
            integer("limit", "About so many; those of one ms stay together.", 1, 5000, 100),
            _from("The first ones from this time on, of the store."),
            QUALITY,
        ),
    ),
    Operation(
        "/v1/candles/{venue}/{symbol}",
        "candles",
        "Candles of the store's trades and of those that the server heard; 31 days at most.",
        answers.Candles,
        _candles,
        (
            VENUE,
            SYMBOL,
            choice("interval", "The length of a candle.", tuple(INTERVALS_MS), "1m"),
            integer("limit", "Intervals.", 1, 5000, 500),
            _from("The first interval; if not given, the last ones are told."),
            QUALITY,
        ),
    ),
    Operation(
        "/v1/runs",
        "runs",
        "The run bundles of the data directory, the newest first.",
        answers.Runs,
        _runs,
        (integer("limit", "At most so many.", 1, 1000, 100),),
    ),
    Operation(
        "/v1/qa",
        "qa",
        "The verdicts of the store's partitions, the newest day first.",
        answers.Quality,
        _qa,
        (integer("limit", "At most so many.", 1, 10_000, 1000),),
    ),
    Operation(
        "/v1/status",
        "status",
        "How instruments, captures, sources and this server are.",
        answers.StatusAnswer,
        _status,
    ),
    Operation(
        "/v1/strategy",
        "strategy",
        "The run of a strategy that is attached; null without one.",
        answers.StrategyNow | None,
        _strategy,
    ),
    Operation(
        "/snapshot",
        "snapshot",
        "The book of an instrument as it is now, by the words of the earlier tool.",
        answers.BookAnswer,
        _snapshot,
        (
            text("exchange", "The exchange.", "kraken"),
            text("symbol", "Our symbol or the venue's.", "BTC/EUR"),
            DEPTH,
        ),
    ),
)


def routes(serving: Serving) -> Sequence[BaseRoute]:
    """A route for each operation, and the OpenAPI document."""
    told = msgspec.json.encode(document(OPERATIONS, __version__, token=serving.access.token is not None))

    async def openapi(request: Request) -> Response:
        return Response(told, media_type="application/json")

    return [
        *(Route(one.route, _endpoint(serving, one), methods=["GET"]) for one in OPERATIONS),
        Route("/openapi.json", openapi, methods=["GET"]),
    ]


def _endpoint(serving: Serving, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        found: Any = read(operation.parameters, request.path_params, request.query_params)
        if not isinstance(found, Refusal):
            try:
                found = await operation.call(serving, found)
            except MMError as error:
                found = refused("unreadable", str(error), "data that can be read", 503)
        if isinstance(found, Refusal):
            serving.counters.refused[found.code] += 1
            return JSONResponse(found.to_json(), found.status)
        return Response(msgspec.json.encode(found), media_type="application/json")

    return answer
