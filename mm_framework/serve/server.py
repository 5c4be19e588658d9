"""The server: uvicorn around the application, in the event loop of its sources.

listener = listen(settings, 8080)
await run_server(serving, listener)     until it is told to stop, or a source fails
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import uvicorn

from mm_framework.errors import EnvironmentFailed
from mm_framework.serve.app import PARTS, create_app
from mm_framework.serve.serving import Serving
from mm_framework.serve.settings import ServeSettings
from mm_framework.serve.wire import http_protocol, websocket_protocol

__all__ = ["listen", "run_server", "tls_of"]

BEAT_S: Final = 1.0
GRACE_S: Final = 3
SEND_BUFFER: Final = 1 << 18


class _Server(uvicorn.Server):
    """Signals belong to the caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: ServeSettings, default_port: int) -> socket.socket:
    """The socket to listen on. Raises EnvironmentFailed when the address cannot be had."""
    host, port = settings.host, default_port if settings.port is None else settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise EnvironmentFailed(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    # Connections inherit it: what the system keeps for a slow client is bounded, too.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return listener


def tls_of(settings: ServeSettings) -> ssl.SSLContext | None:
    """The server's TLS, None without a certificate. Raises EnvironmentFailed when it cannot be used."""
    if not settings.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key or None)
    except (OSError, ssl.SSLError) as error:
        raise EnvironmentFailed(f"cannot use the certificate {settings.certificate}: {error}") from error
    return context


async def run_server(
    serving: Serving,
    listener: socket.socket,
    *,
    parts: Iterable[str] = tuple(PARTS),
    tls: ssl.SSLContext | None = None,
    stop: asyncio.Event | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until ``stop`` is set; sources that end leave what they told. ``ready``: connections are taken.

    Raises what a source raises; the server then ends in order, too.
    """
    config = _config(serving, parts, tls)
    server = _Server(config)
    serve = asyncio.create_task(server.serve([listener]))
    stopped = asyncio.create_task((stop or asyncio.Event()).wait())
    running = [asyncio.create_task(source.run()) for source in serving.sources]
    running.append(asyncio.create_task(_beat(serving)))
    try:
        while not server.started and not serve.done():
            await asyncio.sleep(0.01)
        ready()
        await _until({serve, stopped}, running)
    finally:
        for task in (*running, stopped):
            task.cancel()
        server.should_exit = True
        await asyncio.gather(serve, stopped, *running, return_exceptions=True)
        for connection in list(server.server_state.connections):
            connection.transport.abort()


async def _until(ends: set[asyncio.Task[Any]], running: Iterable[asyncio.Task[Any]]) -> None:
    """Until one of ``ends`` is done, or any task fails, which is raised."""
    watched = ends | set(running)
    while not any(task.done() for task in ends):
        done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _beat(serving: Serving) -> None:
    while True:
        await asyncio.sleep(BEAT_S)
        serving.hub.beat()


def _config(serving: Serving, parts: Iterable[str], tls: ssl.SSLContext | None) -> uvicorn.Config:
    settings = serving.settings
    config = uvicorn.Config(
        create_app(serving, parts),
        http=http_protocol(settings, serving.counters),
        ws=websocket_protocol(settings),
        ws_max_size=settings.max_message_kib * 1024,
        ws_ping_interval=settings.ping_interval_s,
        ws_ping_timeout=settings.ping_timeout_s,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    config.load()
    config.ssl = tls
    return config
