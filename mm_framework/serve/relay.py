"""The relay: ``/ws?exchange=binance&symbol=BTCUSDC`` streams the book and the trades of instruments.

    accept -> first the book as it is, then what comes, until the client goes or is too slow

``symbol`` repeats for more instruments of the exchange; ``types=diff,trade`` wants these messages only.
A client says nothing; what it sends is read and thrown away. Close codes: 1012 the server ends, 1008 too
slow, 1009 it sent too large a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import attrs
from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from mm_framework.serve.guard import Refusal, refuse
from mm_framework.serve.market import Market
from mm_framework.serve.messages import TYPES
from mm_framework.serve.outlet import outlet_of
from mm_framework.serve.serving import Serving

__all__ = ["SUBPROTOCOL", "Request", "read_request", "routes"]

SUBPROTOCOL: Final = "mm.relay"
"""What a client may offer beside its token, since a browser wants one of its offers taken."""

SLOW: Final = "too slow: more waits for this client than the server keeps"
_PARAMETERS: Final = frozenset({"exchange", "symbol", "types"})


@attrs.frozen
class Request:
    """What a client wants: markets with the names that it calls them by, and types."""

    wanted: Sequence[tuple[Market, str]]
    types: frozenset[str]


def routes(serving: Serving) -> Sequence[BaseRoute]:
    """The relay's route."""

    async def handle(websocket: WebSocket) -> None:
        request = read_request(serving, websocket.query_params)
        if isinstance(request, Refusal):
            serving.counters.refused[request.code] += 1
            await refuse(request, websocket.scope, websocket.receive, websocket.send)
            return
        await websocket.accept(subprotocol=_subprotocol(websocket.scope["subprotocols"]))
        await _relay(serving, websocket, request)

    return [WebSocketRoute("/ws", handle)]


def read_request(serving: Serving, query: QueryParams) -> Request | Refusal:
    """What the query asks for, or why that cannot be had."""
    unknown = sorted(set(query) - _PARAMETERS)
    if unknown:
        return Refusal(
            400, "parameter", f"unknown parameter {unknown[0][:40]!r}", ", ".join(sorted(_PARAMETERS))
        )
    exchange, symbols = query.get("exchange", ""), query.getlist("symbol")
    if not exchange or not symbols:
        expected = "/ws?exchange=NAME&symbol=NAME, symbol may repeat"
        return Refusal(400, "parameter", "exchange and symbol are needed", expected)
    most = serving.settings.max_subscriptions
    if len(symbols) > most:
        return Refusal(400, "symbols", f"{len(symbols)} symbols are too many", f"at most {most}")
    types = frozenset(query["types"].split(",")) if "types" in query else TYPES
    if types - TYPES:
        return Refusal(400, "types", f"unknown type {min(types - TYPES)[:40]!r}", ", ".join(sorted(TYPES)))
    wanted: dict[str, tuple[Market, str]] = {}
    for symbol in symbols:
        market = serving.hub.view(exchange, symbol)
        if market is None:
            message = f"nothing is known of {exchange[:40]!r} {symbol[:80]!r}"
            return Refusal(404, "unknown_instrument", message, "an instrument of /v1/instruments")
        wanted[market.id] = market, market.called(symbol)
    return Request(list(wanted.values()), types)


async def _relay(serving: Serving, websocket: WebSocket, request: Request) -> None:
    """One accepted client, to its end."""
    outlet = outlet_of(websocket)
    slow = asyncio.Event()
    subscription = serving.hub.subscribe(outlet, request.wanted, request.types, on_close=slow.set)
    tasks = [asyncio.ensure_future(_listen(websocket)), asyncio.ensure_future(slow.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        serving.hub.unsubscribe(subscription)
        for task in tasks:
            task.cancel()
        outlet.stop()
        serving.counters.closed["slow" if slow.is_set() else "client"] += 1
    if slow.is_set():
        await outlet.close(1008, SLOW)


async def _listen(websocket: WebSocket) -> None:
    """Until the client goes."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def _subprotocol(offered: Sequence[str]) -> str | None:
    """A client that offers subprotocols wants one of them: never the one that is its token."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None
