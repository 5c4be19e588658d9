"""What an emulated venue asks its shell to do, in order for each connection."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "Action",
    "CloseConnection",
    "ResetConnection",
    "SendFrame",
    "SlowConnection",
    "StallConnection",
]


class SendFrame(NamedTuple):
    """Send a text frame. ``at_ns`` is when its last byte leaves, later than now on a slow connection."""

    connection: int
    payload: bytes
    at_ns: int


class CloseConnection(NamedTuple):
    """Close with a closing handshake, after all that was sent before."""

    connection: int
    code: int
    reason: str
    at_ns: int


class ResetConnection(NamedTuple):
    """Cut the connection (TCP reset), whatever is under way."""

    connection: int
    at_ns: int


class StallConnection(NamedTuple):
    """Leave the connection open, but read and send nothing any more, not even protocol pongs."""

    connection: int
    at_ns: int


class SlowConnection(NamedTuple):
    """Until ``until_ns`` the connection carries ``bytes_per_s`` only.

    `SendFrame.at_ns` has it counted in; a real socket makes the bytes trickle.
    """

    connection: int
    bytes_per_s: int
    until_ns: int
    at_ns: int


Action = SendFrame | CloseConnection | ResetConnection | StallConnection | SlowConnection
