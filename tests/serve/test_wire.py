"""The end of a connection at the server sends at once, whatever was not acknowledged yet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
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
