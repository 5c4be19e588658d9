"""An emulated venue without a network: `VenueEmulator` as the in-memory transport drives it.

    transport = MemoryTransport(EmulatedVenue(emulator), clock, latency)

With `capture.virtual_loop` a capture of minutes runs in a second, and twice the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from mm_framework.capture.memory import Wire
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

__all__ = ["EmulatedVenue"]


class EmulatedVenue:
    """Implements `capture.memory.MemoryVenue`."""

    def __init__(self, emulator: VenueEmulator) -> None:
        self.emulator = emulator
        self._wires: dict[int, Wire] = {}
        self._numbers: dict[Wire, int] = {}

    def connect(self, wire: Wire, path: str, now_ns: int) -> None:
        """See `capture.memory.MemoryVenue`."""
        try:
            number = self.emulator.connect(now_ns, path)
        except VenueRefused as error:
            raise ConnectionRefusedError(str(error)) from error
        self._wires[number], self._numbers[wire] = wire, number
        self._act()

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        """See `capture.memory.MemoryVenue`."""
        if wire in self._numbers:
            self.emulator.receive(self._numbers[wire], message, now_ns)
        self._act()

    def closed(self, wire: Wire, now_ns: int) -> None:
        """See `capture.memory.MemoryVenue`."""
        if wire in self._numbers:
            self.emulator.closed(self._forget(wire), now_ns)
        self._act()

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """See `capture.memory.MemoryVenue`."""
        reply = self.emulator.http(method, path, query, now_ns)
        self._act()
        return reply

    def advance(self, now_ns: int) -> None:
        """See `capture.memory.MemoryVenue`."""
        self.emulator.advance(now_ns)
        self._act()

    def next_event_ns(self) -> int | None:
        """See `capture.memory.MemoryVenue`."""
        return self.emulator.next_event_ns()

    def _act(self) -> None:
        """Carry out what the emulator asks for; what concerns a client that has left is dropped."""
        for action in self.emulator.drain():
            wire = self._wires.get(action.connection)
            if wire is None:
                continue
            match action:
                case SendFrame(_, payload, at_ns):
                    wire.send(payload, at_ns)
                case CloseConnection(_, code, reason, at_ns):
                    wire.hang_up(code, reason, at_ns)
                    self._forget(wire)
                case ResetConnection(_, at_ns):
                    wire.reset(at_ns)
                    self._forget(wire)
                case StallConnection():
                    wire.stall()
                case SlowConnection():
                    pass  # the times of its frames tell it all

    def _forget(self, wire: Wire) -> int:
        number = self._numbers.pop(wire)
        del self._wires[number]
        return number
