"""The end of a connection at the server sends at once, whatever was not acknowledged yet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
import websockets
from asking import Asking
from serving import running

from mm_framework.serve import wire
from mm_framework.serve.hub import Hub
from mm_framework.serve.serving import Serving


def test_small_messages_are_not_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it an answer of two writes takes 40 ms: the second waits for the client's delayed ACK."""
    made: list[asyncio.Transport] = []
    begin = wire.H11Protocol.connection_made

    def keep(self: wire.H11Protocol, transport: asyncio.Transport) -> None:
        made.append(transport)
        begin(self, transport)

    monkeypatch.setattr(wire.H11Protocol, "connection_made", keep)
    serving = Serving(Hub(), tmp_path, str(tmp_path / "store"))
    with running(serving, ["exposition"]) as address, contextlib.closing(Asking(address)) as ask:
        assert ask("/healthz").status == 200
        (transport,) = made
        assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_no_limit_of_time_is_left_on_a_websocket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    begin = wire.H11Protocol.connection_made

    def keep(self: wire.H11Protocol, transport: asyncio.Transport) -> None:
        made.append(self)
        begin(self, transport)

    async def ask(address: str) -> None:
        url = f"ws://{address}/ws?exchange=kraken&symbol=BTC/EUR"
        async with websockets.connect(url) as client:
            await asyncio.wait_for(await client.ping(), 60)

    monkeypatch.setattr(wire.H11Protocol, "connection_made", keep)
    hub = Hub()
    hub.market("kraken:BTC/EUR", "BTC/EUR")
    with running(Serving(hub, tmp_path, str(tmp_path / "store")), ["relay"]) as address:
        asyncio.run(ask(address))
        (protocol,) = made
        assert protocol._limit is None
