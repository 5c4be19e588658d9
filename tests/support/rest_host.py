"""Hosts for tests of HTTP: one on a real socket that sends prepared bytes, and the toy venue in memory."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from toy_server import ToyServer

from mm_framework.contracts.emulator import HttpReply

__all__ = ["RestHost", "RestToy", "answer", "serve_rest"]


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP answer; underscores in names of headers stand for hyphens."""
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if not {"Content_Length", "Transfer_Encoding"} & headers.keys():
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class RestHost:
    """What the host heard: ``heads``, request line and headers of each request, in order.

    ``reply(path)`` gives the bytes to send, after which the host hangs up, unless it ``lingers``.
    ``delay_s`` goes before a reply, ``most``: the most requests that were waiting for their answer together.
    """

    def __init__(self, reply: Callable[[str], bytes] = lambda path: answer()) -> None:
        self.reply = reply
        self.heads: list[list[str]] = []
        self.url = ""
        self.delay_s = 0.0
        self.lingers = False
        self.most = self._waiting = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            self.heads.append([line for line in head if line])
            self._waiting += 1
            self.most = max(self.most, self._waiting)
            await asyncio.sleep(self.delay_s)
            self._waiting -= 1
            writer.write(self.reply(head[0].split(" ")[1]))
            await writer.drain()
            if self.lingers:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def serve_rest(host: RestHost, tls: ssl.SSLContext | None = None) -> AsyncIterator[RestHost]:
    """Serve on loopback; ``host.url`` has no path."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await host.handle(reader, writer)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    host.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
    try:
        yield host
    finally:
        server.close()
        if tasks:
            await asyncio.wait(tasks, timeout=240)


class RestToy(ToyServer):
    """The toy venue with REST: ``asked`` is what it heard, when; ``reply(path)`` what it answers.

    A reply may be an exception, which breaks the connection off.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: list[tuple[int, str, dict[str, str]]] = []
        self.reply: Callable[[str], HttpReply | ConnectionError] = lambda path: HttpReply(200, b"[1]")

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        self.asked.append((now_ns, path, dict(query)))
        reply = self.reply(path)
        if isinstance(reply, ConnectionError):
            raise reply
        return reply
