"""The in-memory shell: an emulated venue behind the memory transport of captures, on a virtual clock.

`MemoryEmulator` has the shape that `capture.memory.MemoryTransport` asks of a venue, so that a capture
and its venue run in one process as one function of their seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mm_framework.contracts.emulator import HttpReply
from mm_framework.emulator.actions import (
    CloseConnection,
    ResetConnection,
    SendFrame,
    SlowConnection,
    StallConnection,
)
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import VenueRefused

__all__ = ["MemoryEmulator", "Wire"]


class Wire(Protocol):
    """The venue's end of a connection in memory; ``at_ns`` is when it acts."""

    def send(self, payload: bytes, at_ns: int) -> None:
        """Send a text message."""
        ...

    def hang_up(self, code: int, reason: str, at_ns: int) -> None:
        """Close with a closing handshake."""
        ...

    def reset(self, at_ns: int) -> None:
        """Break the connection."""
        ...

    def stall(self) -> None:
        """Answer nothing any more and leave the connection open."""
        ...


class MemoryEmulator:
    """Carries messages to ``venue`` and its actions to the wires, in the order in which they came."""

    def __init__(self, venue: VenueEmulator) -> None:
        self.venue = venue
        self._wires: dict[int, Wire] = {}
        self._numbers: dict[int, int] = {}

    def connect(self, wire: Wire, path: str, now_ns: int) -> None:
        """A client connects. Raises ConnectionRefusedError when the venue has no such path."""
        try:
            number = self.venue.connect(now_ns, path)
        except VenueRefused as error:
            raise ConnectionRefusedError(str(error)) from error
        self._wires[number] = wire
        self._numbers[id(wire)] = number
        self._carry_out()

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        """A message of the client."""
        number = self._numbers.get(id(wire))
        if number is not None:
            self.venue.receive(number, message, now_ns)
        self._carry_out()

    def closed(self, wire: Wire, now_ns: int) -> None:
        """The client is gone."""
        number = self._numbers.get(id(wire))
        if number is not None:
            self.venue.closed(number, now_ns)
            self._carry_out()
            self._forget(number)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request."""
        reply = self.venue.http(method, path, query, now_ns)
        self._carry_out()
        return reply

    def advance(self, now_ns: int) -> None:
        """Do all that is due up to now."""
        self.venue.advance(now_ns)
        self._carry_out()

    def next_event_ns(self) -> int | None:
        """When something will be due, None if nothing will by itself."""
        return self.venue.next_event_ns()

    def _carry_out(self) -> None:
        for action in self.venue.drain():
            wire = self._wires.get(action.connection)
            if wire is None:
                continue
            match action:
                case SendFrame(_, payload, at_ns):
                    wire.send(payload, at_ns)
                case StallConnection():
                    wire.stall()
                case SlowConnection():
                    pass  # the frames' times have it counted in
                case CloseConnection(_, code, reason, at_ns):
                    wire.hang_up(code, reason, at_ns)
                    self._forget(action.connection)
                case ResetConnection(_, at_ns):
                    wire.reset(at_ns)
                    self._forget(action.connection)

    def _forget(self, number: int) -> None:
        wire = self._wires.pop(number, None)
        if wire is not None:
            del self._numbers[id(wire)]
