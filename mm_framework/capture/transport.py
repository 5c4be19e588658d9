"""The seam to the network: a `Transport` opens connections and hands every message to a `Receiver`.

    transport.connect -> receiver.on_open -> on_frame ... -> on_lost          (or ConnectFailed)
    transport.http -> client.get -> HttpAnswer ... client.close

Three implementations: `ws_websockets` (the default), `ws_picows` (optional extra) and `memory` (an
emulated venue on virtual time). They deliver the same bytes and report the same reasons. The first two
share `http_aiohttp`.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

import attrs

from mm_framework.errors import ConfigError
from mm_framework.model.events import Reason
from mm_framework.model.frame import MAX_FRAME_BYTES

__all__ = [
    "ConnectFailed",
    "Connection",
    "HttpAnswer",
    "HttpClient",
    "HttpOptions",
    "Loss",
    "Receiver",
    "Transport",
    "TransportOptions",
    "connect_loss",
    "is_loopback",
    "make_transport",
    "tls_context",
]


MAX_BODY_BYTES: Final = MAX_FRAME_BYTES - (1 << 16)
"""The largest body of an HTTP answer: it shares a record with its JSON line."""


@attrs.frozen
class Loss:
    """Why a connection ended or did not open.

    ``code``: the close code of the other side, or the HTTP status that refused the connection; None
    when nothing was said. ``detail``: what the network said, for people.
    """

    reason: Reason
    code: int | None = None
    detail: str = ""


class ConnectFailed(Exception):
    """A connection did not open; ``loss`` says why."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(f"{loss.reason.name}: {loss.detail}")


@attrs.frozen
class TransportOptions:
    """``tls`` is for ``wss`` endpoints; None takes the system's trust."""

    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    max_frame_bytes: int = MAX_FRAME_BYTES
    tls: ssl.SSLContext | None = None


class Connection(Protocol):
    """An open connection."""

    async def send(self, message: bytes) -> None:
        """Send a text message. Raises ConnectionError when the connection is gone."""
        ...

    async def ping(self) -> None:
        """Send a WebSocket ping; returns with its pong. Raises ConnectionError, also while it waits."""
        ...

    @property
    def waiting(self) -> int:
        """Messages that were read from the socket and not handed over yet."""
        ...

    def pause(self) -> None:
        """Stop reading the socket; a few messages that were read before may still come."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...

    async def close(self) -> None:
        """Close in order, or abort after the close timeout. From this call on the receiver hears nothing."""
        ...


class Receiver(Protocol):
    """Hears one connection. Its methods do not block and do not raise."""

    def on_open(self, connection: Connection) -> None:
        """The connection is open; called before any message."""
        ...

    def on_frame(self, payload: bytes, binary: bool) -> None:
        """A whole message, its exact bytes."""
        ...

    def on_lost(self, loss: Loss) -> None:
        """The connection ended, not by our `Connection.close`. The last call."""
        ...


@attrs.frozen
class HttpOptions:
    """``timeout_s`` is for a request as a whole; ``tls`` None takes the system's trust."""

    open_timeout_s: float = 10.0
    timeout_s: float = 30.0
    max_body_bytes: int = MAX_BODY_BYTES
    tls: ssl.SSLContext | None = None


@attrs.frozen
class HttpAnswer:
    """The answer to a request, or how far it came.

    ``status`` is None when none came; ``headers`` have lower-case names; ``body`` is decoded (gzip), and
    empty unless it is whole. ``error``: a sentence, when there is no whole answer.
    """

    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    error: str | None = None


class HttpClient(Protocol):
    """Makes HTTP requests, each of them once: no redirects, no repetitions, no cookies."""

    async def get(self, url: str) -> HttpAnswer:
        """The answer to a GET. Whatever goes wrong is an answer, too; it raises nothing."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class Transport(Protocol):
    """``name`` goes into OPEN records."""

    name: str

    async def connect(self, url: str, receiver: Receiver, options: TransportOptions) -> None:
        """Open a connection; returns after ``receiver.on_open``. Raises ConnectFailed."""
        ...

    def http(self, options: HttpOptions) -> HttpClient:
        """A client for HTTP on the same network and clock; to be called in the event loop."""
        ...


def make_transport(name: str) -> Transport:
    """The transport ``websockets`` or ``picows``. Raises ConfigError when it is not installed."""
    if name == "picows":
        try:
            from mm_framework.capture.ws_picows import PicowsTransport
        except ImportError as error:
            raise ConfigError(
                "transport picows is not installed: `pip install 'mm-framework[picows]'`,"
                " or use --transport websockets",
                key="capture.transport",
                value=name,
            ) from error
        return PicowsTransport()
    if name == "websockets":
        from mm_framework.capture.ws_websockets import WebsocketsTransport

        return WebsocketsTransport()
    raise ConfigError(f"no transport {name!r}: websockets or picows", key="capture.transport", value=name)


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine itself, where no proxy is asked."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connect_loss(error: BaseException, options: TransportOptions | HttpOptions) -> Loss:
    """What an error of the operating system means for an attempt to connect."""
    if isinstance(error, ssl.SSLError):
        return Loss(Reason.TLS_FAILED, detail=_tls_detail(error))
    if isinstance(error, TimeoutError):
        return Loss(Reason.CONNECT_FAILED, detail=f"no answer within {options.open_timeout_s:g} s")
    number = getattr(error, "errno", None) or 0
    text = os.strerror(number) if number > 0 else str(error) or type(error).__name__
    return Loss(Reason.CONNECT_FAILED, detail=text)


def _tls_detail(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    return error.reason.replace("_", " ").lower() if error.reason else str(error)


def tls_context(ca_file: str, insecure: bool) -> ssl.SSLContext | None:
    """The TLS settings of a run; None for the system's trust. Raises ConfigError for a bad file."""
    if insecure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    if not ca_file:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise ConfigError(
            f"{ca_file} holds no certificate authorities that can be read: {error.strerror or error}",
            key="capture.ca_file",
            value=ca_file,
        ) from error
