"""The seam to the network: a `Transport` opens connections and hands every message to a `Receiver`.

    transport.connect -> receiver.on_open -> on_frame ... -> on_lost          (or ConnectFailed)

Three implementations: `ws_websockets` (the default), `ws_picows` (optional extra) and `memory` (an
emulated venue on virtual time). They deliver the same bytes and report the same reasons.
"""

from __future__ import annotations

import os
import ssl
from typing import Protocol

import attrs

from mm_framework.errors import ConfigError
from mm_framework.model.events import Reason
from mm_framework.model.frame import MAX_FRAME_BYTES

__all__ = [
    "ConnectFailed",
    "Connection",
    "Loss",
    "Receiver",
    "Transport",
    "TransportOptions",
    "connect_loss",
    "make_transport",
    "tls_context",
]


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


class Transport(Protocol):
    """``name`` goes into OPEN records."""

    name: str

    async def connect(self, url: str, receiver: Receiver, options: TransportOptions) -> None:
        """Open a connection; returns after ``receiver.on_open``. Raises ConnectFailed."""
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


def connect_loss(error: BaseException, options: TransportOptions) -> Loss:
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
