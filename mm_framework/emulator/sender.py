"""Frames on their way to connections: frame faults strike here, and the truth log is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from mm_framework.contracts.emulator import DATA_KINDS, FrameKind, MarketView, Outgoing, Session, Stream
from mm_framework.emulator.actions import Action, CloseConnection, SendFrame
from mm_framework.emulator.faults import FrameFault, corrupt, wrong_checksum
from mm_framework.emulator.flow import NEVER
from mm_framework.emulator.truth import Outcome, TruthEntry, TruthLog

__all__ = ["Connection", "Sender"]

_BOOK_KINDS: Final = frozenset({FrameKind.BOOK, FrameKind.SNAPSHOT, FrameKind.CHECKSUM})
_SECOND: Final = 1_000_000_000


@attrs.define(eq=False)
class Connection:
    """A connection of the emulated venue.

    ``wire`` counts the frames that went out; ``streams`` are subscribed, those in ``silent`` get
    nothing; ``held`` waits for the next data frame; on a slow connection ``clear_ns`` is when the
    bytes handed over so far will have left. ``ended_by``: how its session closed it.
    """

    number: int
    session: Session
    timer_ns: int = NEVER
    wire: int = 0
    stalled_by: str | None = None
    streams: dict[Stream, None] = attrs.field(factory=dict)
    silent: set[Stream] = attrs.field(factory=set)
    held: list[tuple[bytes, TruthEntry]] = attrs.field(factory=list)
    clear_ns: int = 0
    slow_until_ns: int = 0
    bytes_per_s: int = 0
    ended_by: str | None = None

    def look_at_timer(self) -> None:
        """Ask the session for its next timer."""
        timer_ns = self.session.next_timer_ns()
        self.timer_ns = NEVER if timer_ns is None else timer_ns


class Sender:
    """Hands frames to ``actions`` unless a fault strikes them, and logs what became of each.

    ``uncut``: the venue's books have no depths, so each of their frames leaves a whole book.
    """

    def __init__(
        self, faults: Sequence[FrameFault], truth: TruthLog, market: MarketView, *, uncut: bool
    ) -> None:
        self.actions: list[Action] = []
        self._faults = faults
        self._truth = truth
        self._market = market
        self._uncut = uncut
        self._number = 0

    def send(self, connection: Connection, frames: Iterable[Outgoing], at_ns: int) -> None:
        """Send frames that the session made at ``at_ns``, in this order."""
        for frame in frames:
            if frame.kind == FrameKind.CLOSE:
                self._close(connection, frame, at_ns)
                return
            entry = self._entry(connection, frame, at_ns)
            if connection.stalled_by:
                self._suppress(entry, connection.stalled_by)
            elif frame.kind in DATA_KINDS:
                self._send_data(connection, frame, entry)
            else:
                self._follow(connection, frame)
                if frame.payload:
                    self._put(connection, frame.payload, entry, entry.at_ns)

    def _close(self, connection: Connection, frame: Outgoing, at_ns: int) -> None:
        """The session ends its connection; on one that is stalled nobody hears of it."""
        if connection.stalled_by:
            return
        code, _, reason = frame.payload.decode().partition(" ")
        connection.ended_by = f"closed with {code}"
        self.actions.append(
            CloseConnection(connection.number, int(code), reason, max(at_ns, connection.clear_ns))
        )

    def _follow(self, connection: Connection, frame: Outgoing) -> None:
        """Keep the list of streams; a stream that is subscribed anew is silent no more."""
        if frame.channel is None:
            return
        stream = (frame.channel, frame.symbol)
        if frame.kind == FrameKind.SUBSCRIBED:
            connection.streams[stream] = None
            connection.silent.discard(stream)
        elif frame.kind == FrameKind.UNSUBSCRIBED:
            connection.streams.pop(stream, None)
            connection.silent.discard(stream)

    def _send_data(self, connection: Connection, frame: Outgoing, entry: TruthEntry) -> None:
        """Send a frame with market data, unless a fault strikes it."""
        if (frame.channel, frame.symbol) in connection.silent:
            self._suppress(entry, "silent")
            return
        struck = {
            fault.name: fault
            for fault in self._faults
            if (fault.name != "checksum" or frame.checksum is not None) and fault.strikes(entry.at_ns)
        }
        if not struck:
            self._put(connection, frame.payload, entry, entry.at_ns)
        elif "drop" in struck:
            self._suppress(entry, "drop")
            return
        else:
            payload, entry = self._alter(frame, entry, struck)
            if "reorder" in struck:
                entry = entry._replace(faults=(*entry.faults, "reorder"))
                connection.held.append((payload, entry))
                self._truth.add(entry._replace(outcome=Outcome.DELAYED, wire=None))
                return
            self._put(connection, payload, entry, entry.at_ns)
            if "repeat" in struck:
                again = entry._replace(outcome=Outcome.REPEATED, faults=(*entry.faults, "repeat"))
                self._put(connection, payload, again, entry.at_ns)
        if connection.held:
            self._release(connection, entry.at_ns)

    def _alter(
        self, frame: Outgoing, entry: TruthEntry, struck: Mapping[str, FrameFault]
    ) -> tuple[bytes, TruthEntry]:
        """The payload as the faults leave it, and its entry."""
        payload = frame.payload
        altered = tuple(name for name in ("checksum", "corrupt") if name in struck)
        if "checksum" in struck:
            payload = wrong_checksum(frame, struck["checksum"].draw)
        if "corrupt" in struck:
            payload = corrupt(payload, struck["corrupt"].draw)
        if altered:
            entry = entry._replace(outcome=Outcome.ALTERED, faults=altered)
        return payload, entry

    def _release(self, connection: Connection, at_ns: int) -> None:
        """Send what was held back, after a frame that was not."""
        held, connection.held = connection.held, []
        for payload, entry in held:
            self._put(connection, payload, entry, at_ns)

    def _put(self, connection: Connection, payload: bytes, entry: TruthEntry, at_ns: int) -> None:
        leaves_ns = max(at_ns, connection.clear_ns)
        if leaves_ns < connection.slow_until_ns:
            leaves_ns += len(payload) * _SECOND // connection.bytes_per_s
        connection.clear_ns = leaves_ns
        self.actions.append(SendFrame(connection.number, payload, leaves_ns))
        if entry.wire != connection.wire:
            entry = entry._replace(wire=connection.wire)
        connection.wire += 1
        self._truth.add(entry)

    def _entry(self, connection: Connection, frame: Outgoing, at_ns: int) -> TruthEntry:
        """The entry of a frame that goes out unharmed; what becomes of it may replace fields."""
        number = self._number
        self._number += 1
        bids = asks = None
        levels = self._truth.levels
        symbol, whole = frame.symbol, frame.depth is not None or self._uncut
        if levels and whole and frame.kind in _BOOK_KINDS and symbol is not None and self._listed(symbol):
            bids = tuple(self._market.bids(symbol, levels))
            asks = tuple(self._market.asks(symbol, levels))
        return TruthEntry(
            number,
            at_ns,
            connection.number,
            Outcome.SENT,
            frame.kind,
            (),
            connection.wire,
            frame.channel,
            frame.symbol,
            frame.depth,
            frame.trade_ids,
            bids,
            asks,
        )

    def _listed(self, symbol: str) -> bool:
        return symbol in self._market.listings

    def _suppress(self, entry: TruthEntry, fault: str) -> None:
        self._truth.add(entry._replace(outcome=Outcome.SUPPRESSED, faults=(fault,), wire=None))

    def note(
        self,
        outcome: Outcome,
        connection: Connection | None,
        at_ns: int,
        faults: tuple[str, ...] = (),
        detail: str | None = None,
        symbol: str | None = None,
        kind: str = "connection",
    ) -> None:
        """Log an event of a connection, the clock, the market, REST or the venue."""
        number = None if connection is None else connection.number
        self._truth.add(
            TruthEntry(self._number, at_ns, number, outcome, kind, faults, symbol=symbol, detail=detail)
        )
