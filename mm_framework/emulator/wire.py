"""A server's transport whose bytes can be made to trickle, swallowed or cut off.

`FaultyTransport` stands between the WebSocket library and the real transport (TCP or TLS): the
library writes whole frames, this decides when and whether they leave.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import Any, Final

__all__ = ["FaultyTransport"]

_TRICKLE_S: Final = 0.02
_LINGER_NOT: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""SO_LINGER on with zero seconds: closing sends a TCP reset."""


class FaultyTransport:
    """Passes everything on to ``transport`` except what is defined here."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._stalled = False
        self._bytes_per_s: int | None = None
        self._slow_until = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, now or when the time has come."""
        if self._stalled:
            return
        if self._bytes_per_s is not None:
            self._waiting += data
        else:
            self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        """Bytes that have not left the process."""
        return self._transport.get_write_buffer_size() + len(self._waiting)

    def can_write_eof(self) -> bool:
        """Closing one direction would overtake bytes that wait: not while some do."""
        return not self._waiting and self._transport.can_write_eof()

    def close(self) -> None:
        """Close after what waits has been sent."""
        self._flush()
        self._transport.close()

    @property
    def impaired(self) -> bool:
        """Whether a closing handshake would not come through in reasonable time."""
        return self._stalled or self._bytes_per_s is not None

    def slow(self, bytes_per_s: int, seconds: float) -> None:
        """From now on, for some seconds, let bytes trickle."""
        trickling = self._bytes_per_s is not None
        self._bytes_per_s = bytes_per_s
        self._slow_until = self._loop.time() + seconds
        if not trickling:
            self._trickle()

    def stall(self) -> None:
        """Swallow all that is sent and received from now on; the peer sees an open connection."""
        self._stalled = True
        self._waiting.clear()
        self._transport.set_protocol(_Deaf(self._transport.get_protocol()))

    def reset(self) -> None:
        """Cut the connection: the peer gets a TCP reset."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):  # closed by now
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._waiting.clear()
        self._transport.abort()

    def _trickle(self) -> None:
        if self._bytes_per_s is None or self._transport.is_closing():
            return
        if self._loop.time() >= self._slow_until:
            self._bytes_per_s = None
            self._flush()
            return
        share = max(1, round(self._bytes_per_s * _TRICKLE_S))
        if self._waiting:
            self._transport.write(bytes(self._waiting[:share]))
            del self._waiting[:share]
        self._loop.call_later(_TRICKLE_S, self._trickle)

    def _flush(self) -> None:
        if self._waiting and not self._transport.is_closing():
            self._transport.write(bytes(self._waiting))
        self._waiting.clear()


class _Deaf(asyncio.Protocol):
    """Takes the place of a protocol that shall hear of nothing but the connection's end."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
