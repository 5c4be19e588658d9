"""The metrics stream: ``/metrics?exchange=binance&symbols=A,B&interval=1m&window=30d&metric=correlation``.

One figure a second, of the closes of the window's intervals up to the running one: ``correlation`` of two
instruments, ``volatility`` of one. Time is that of the data: a recording that is played has its own.
Close codes: 1012 the server ends, 1008 too slow, 1011 the data cannot be read.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import attrs
import msgspec
from msgspec import Meta, Struct
from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mm_framework.contracts.history import INTERVALS_MS
from mm_framework.errors import MMError
from mm_framework.serve.bars import MINUTE_MS
from mm_framework.serve.closes import Closes, DayCloses, last_of_each, with_live
from mm_framework.serve.guard import Refusal, refuse
from mm_framework.serve.known import Known, find, latest_ms
from mm_framework.serve.moments import Moment, correlation, volatility
from mm_framework.serve.outlet import outlet_of
from mm_framework.serve.parameters import choice, read, refused, text
from mm_framework.serve.relay import SUBPROTOCOL
from mm_framework.serve.serving import Serving

__all__ = ["Figure", "FigureMessage", "Question", "routes"]

EVERY_S: Final = 1.0
MOST_DAYS: Final = 31
MOST_POINTS: Final = 50_000
YEAR_MS: Final = 365 * 86_400_000
"""Markets here never close."""

Metric = Literal["correlation", "volatility"]

SYMBOLS: Final[Mapping[str, int]] = {"correlation": 2, "volatility": 1}
"""How many instruments a metric is of."""

INTERVALS: Final = tuple(word for word, ms in INTERVALS_MS.items() if ms >= MINUTE_MS)
PARAMETERS: Final = (
    text("exchange", "The exchange.", "binance"),
    text("symbols", "One symbol, or two with a comma between.", "BTCUSDC,ETHUSDC"),
    choice("interval", "The length of a return.", INTERVALS, "1m"),
    text("window", "How far back: a number with m, h or d.", "30d"),
    attrs.evolve(choice("metric", "The figure.", tuple(SYMBOLS), None), required=True),
)

_WINDOW: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])", re.ASCII)
_UNITS_MS: Final = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": 1440 * MINUTE_MS}


class Figure(Struct, frozen=True):
    """The figure of a window."""

    symbols: list[str]
    interval: str
    window: str
    value: Annotated[
        float | None,
        Meta(
            description="Correlation from -1 to 1; volatility as the standard deviation of the log return of"
            " one interval; null while there are too few returns, or none that vary."
        ),
    ]
    annualized: Annotated[float | None, Meta(description="Volatility of a year of 365 days.")]
    points: Annotated[int, Meta(description="Returns that it is of; intervals without a trade have none.")]
    of: Annotated[int, Meta(description="Returns that the window could have.")]
    from_ms: int
    to_ms: Annotated[int, Meta(description="The end of the running interval.")]


class FigureMessage(Struct, frozen=True):
    """A message of the metrics stream. ``symbol``: the symbols with a comma between."""

    type: Metric
    exchange: str
    symbol: str
    ts_ms: int
    data: Figure


@attrs.frozen
class Question:
    """What a client asks for. ``symbols`` as it wrote them, ``known``: which instruments those are."""

    exchange: str
    symbols: tuple[str, ...]
    known: tuple[Known, ...] = attrs.field(eq=False)
    interval: str
    window: str
    metric: Metric
    count: int

    @classmethod
    async def read(cls, serving: Serving, query: QueryParams) -> Question | Refusal:
        """What a query asks for, or why that cannot be had."""
        given = read(PARAMETERS, {}, query)
        if isinstance(given, Refusal):
            return given
        symbols, metric = tuple(given["symbols"].split(",")), given["metric"]
        if len(symbols) != SYMBOLS[metric] or len(set(symbols)) != len(symbols):
            return refused(
                "symbols", f"{metric} of {given['symbols'][:60]!r}", f"{SYMBOLS[metric]} different symbols"
            )
        count = count_of(given["window"], INTERVALS_MS[given["interval"]])
        if isinstance(count, Refusal):
            return count
        known = []
        for symbol in symbols:
            found = await find(serving, given["exchange"], symbol)
            if isinstance(found, Refusal):
                return found
            known.append(found)
        asked = (given["interval"], given["window"], metric, count)
        return cls(given["exchange"], symbols, tuple(known), *asked)


def count_of(window: str, step_ms: int) -> int | Refusal:
    """How many intervals a window has."""
    found = _WINDOW.fullmatch(window)
    span_ms = int(found[1]) * _UNITS_MS[found[2]] if found else 0
    count, rest = divmod(span_ms, step_ms)
    if found and not rest and 2 <= count <= MOST_POINTS and span_ms <= MOST_DAYS * _UNITS_MS["d"]:
        return count
    return refused(
        "window",
        f"window is {window[:40]!r}",
        f"a number with m, h or d, at most {MOST_DAYS}d, of 2 to {MOST_POINTS} whole intervals",
    )


class Figures:
    """Figures, each made once a second however many ask for it."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._days = DayCloses(serving.past, serving.data_dir)
        self._told: dict[Question, tuple[float, bytes]] = {}
        self._locks: dict[Question, asyncio.Lock] = {}

    async def message(self, question: Question) -> bytes:
        """The figure as it is now. Raises StoreError."""
        async with self._locks.setdefault(question, asyncio.Lock()):
            now_s, told = time.monotonic(), self._told.get(question)
            if told is not None and now_s - told[0] < EVERY_S / 2:
                return told[1]
            message = msgspec.json.encode(await self._figure(question))
            self._told[question] = now_s, message
            return message

    def forget(self, question: Question) -> None:
        """Nobody asks any more."""
        self._told.pop(question, None)
        self._locks.pop(question, None)

    async def _figure(self, question: Question) -> FigureMessage:
        serving, step_ms = self._serving, INTERVALS_MS[question.interval]
        known = [attrs.evolve(one, market=serving.hub.view(*one.names)) for one in question.known]
        ts_ms = max([await latest_ms(serving, one) for one in known])
        to_ms = ts_ms - ts_ms % step_ms + step_ms
        from_ms = to_ms - (question.count + 1) * step_ms
        first, end = from_ms // MINUTE_MS, to_ms // MINUTE_MS
        closes: list[Closes] = []
        for one in known:
            past = await serving.read(self._days.between, one.id, first, end)
            bars = None if one.market is None else one.market.bars
            closes.append(last_of_each(with_live(past, bars, first), step_ms // MINUTE_MS))
        moment = correlation(*closes) if question.metric == "correlation" else volatility(*closes)
        figure = _figure_of(question, moment, step_ms, from_ms, to_ms)
        return FigureMessage(question.metric, question.exchange, ",".join(question.symbols), ts_ms, figure)


def _figure_of(question: Question, moment: Moment, step_ms: int, from_ms: int, to_ms: int) -> Figure:
    yearly = None
    if question.metric == "volatility" and moment.value is not None:
        yearly = moment.value * math.sqrt(YEAR_MS / step_ms)
    return Figure(
        symbols=list(question.symbols),
        interval=question.interval,
        window=question.window,
        value=moment.value,
        annualized=yearly,
        points=moment.points,
        of=question.count,
        from_ms=from_ms,
        to_ms=to_ms,
    )


def routes(serving: Serving) -> Sequence[BaseRoute]:
    """The stream's route."""
    figures = Figures(serving)
    asking: dict[Question, int] = {}

    async def handle(websocket: WebSocket) -> None:
        try:
            question = await Question.read(serving, websocket.query_params)
        except MMError as error:
            question = refused("unreadable", str(error), "data that can be read", 503)
        if isinstance(question, Refusal):
            serving.counters.refused[question.code] += 1
            await refuse(question, websocket.scope, websocket.receive, websocket.send)
            return
        offered = websocket.scope["subprotocols"]
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        asking[question] = asking.get(question, 0) + 1
        try:
            await _tell(serving, websocket, figures, question)
        finally:
            asking[question] -= 1
            if not asking[question]:
                del asking[question]
                figures.forget(question)

    return [WebSocketRoute("/metrics", handle)]


async def _tell(serving: Serving, websocket: WebSocket, figures: Figures, question: Question) -> None:
    """One accepted client, to its end."""
    tasks = [
        asyncio.ensure_future(_listen(websocket)),
        asyncio.ensure_future(_speak(serving, websocket, figures, question)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        word = tasks[1].result() if tasks[1] in done else "client"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    serving.counters.closed[word] += 1


async def _listen(websocket: WebSocket) -> str:
    """Until the client goes."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    return "client"


async def _speak(serving: Serving, websocket: WebSocket, figures: Figures, question: Question) -> str:
    """A figure a second, until the client does not take it, or the data cannot be read; gives the reason."""
    loop, outlet = asyncio.get_running_loop(), outlet_of(websocket)
    next_s = loop.time()
    try:
        while True:
            message = await figures.message(question)
            serving.counters.published[question.metric] += 1
            async with asyncio.timeout(serving.settings.ping_timeout_s):
                await websocket.send_text(message.decode())
            serving.counters.sent += 1
            serving.counters.sent_bytes += len(message)
            next_s = max(next_s + EVERY_S, loop.time())
            await asyncio.sleep(next_s - loop.time())
    except MMError:
        await outlet.close(1011, "the data cannot be read")
        return "unreadable"
    except TimeoutError:
        await outlet.close(1008, "too slow: no figure went out to this client in time")
        return "slow"
    except (WebSocketDisconnect, OSError):
        return "client"
    finally:
        outlet.stop()
