"""An emulated venue as a pure machine: connections, messages and the time in, frames and truth out.

Main path: `connect`, `receive` what the client sends, `advance` to now, `drain` the actions and carry
them out; `next_event_ns` says when to call again. `server` does so on a socket in real time, tests do
it in memory on a virtual clock. Times are monotonic nanoseconds and never go back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mm_framework.contracts.emulator import (
    Dialect,
    HttpReply,
    Listing,
    MarketEvent,
    Outgoing,
    notices_of,
)
from mm_framework.emulator.actions import (
    Action,
    CloseConnection,
    ResetConnection,
    SlowConnection,
    StallConnection,
)
from mm_framework.emulator.clock import BentClock
from mm_framework.emulator.faults import FaultPlan, FaultSpec, TimedFault
from mm_framework.emulator.flow import NEVER
from mm_framework.emulator.market import Market
from mm_framework.emulator.requests import RequestFaults
from mm_framework.emulator.sender import Connection, Sender
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import Outcome, TruthLog
from mm_framework.errors import VenueRefused

__all__ = ["VenueEmulator"]

_SECOND = 1_000_000_000
_CLOSE_CODES = (1001, 1012, 1013)


class VenueEmulator:
    """One venue.

    ``start_ns`` is the monotonic time at which the market and the faults start, ``wall_ns`` the wall
    clock then; with ``faults_wait`` the faults start with the first connection; those with a rate end at
    ``faults_end_ns`` (None: never). ``market`` is public so that tests can compare books; ``clock`` is the
    venue's.
    """

    def __init__(
        self,
        dialect: Dialect,
        listings: Sequence[Listing],
        *,
        seed: int = 0,
        settings: MarketSettings | None = None,
        faults: Sequence[FaultSpec] = (),
        start_ns: int = 0,
        wall_ns: int = 0,
        truth: TruthLog | None = None,
        faults_end_ns: int | None = None,
        faults_wait: bool = False,
    ) -> None:
        self.dialect = dialect
        self.truth = TruthLog() if truth is None else truth
        self.clock = BentClock(start_ns, wall_ns)
        self.market = Market(
            listings,
            settings or MarketSettings(),
            seed=seed,
            depths=dialect.depths,
            start_ns=start_ns,
            refines=any(spec.name == "tick" for spec in faults),
        )
        self._frontend = dialect.frontend(self.market, self.clock.wall_ns, f"{seed}/{dialect.venue}")
        self._notices = notices_of(dialect)
        self._faults = FaultPlan(faults, seed, None if faults_wait else start_ns, faults_end_ns)
        self._sender = Sender(self._faults.frames, self.truth, self.market, uncut=not dialect.depths)
        self._requests = RequestFaults(self._faults.requests, self._frontend, self._sender)
        self._connections: dict[int, Connection] = {}
        self._accepted = 0
        self._now_ns = start_ns
        self._look_at_timers()

    # --- what a shell calls

    def connect(self, now_ns: int, path: str) -> int:
        """Accept a connection and return its number. Raises VenueRefused for an unknown path."""
        self.advance(now_ns)
        if path.partition("?")[0] not in self.dialect.paths:
            raise VenueRefused(
                f"no WebSocket at {path}; this venue has {', '.join(self.dialect.paths)}",
                venue=self.dialect.venue,
            )
        self._faults.begin(now_ns)
        number = self._accepted
        self._accepted += 1
        connection = Connection(number, self._frontend.session(number))
        self._connections[number] = connection
        self._sender.note(Outcome.OPENED, connection, now_ns)
        for fault in self._faults.connects:
            if fault.strikes(now_ns):
                self._stall(connection, fault.name, now_ns)
        self._send(connection, connection.session.opened(now_ns), now_ns)
        self._touched(connection)
        return number

    def receive(self, connection: int, message: bytes, now_ns: int) -> None:
        """A message of the client. Nothing happens on a connection that is gone or stalled."""
        self.advance(now_ns)
        known = self._connections.get(connection)
        if known is None or known.stalled_by:
            return
        self._send(known, known.session.received(message, now_ns), now_ns)
        self._touched(known)
        self._strike_waiting(now_ns)

    def closed(self, connection: int, now_ns: int, detail: str = "by the client") -> None:
        """The connection is gone. Calling it for one that the venue ended does nothing."""
        self.advance(now_ns)
        known = self._connections.get(connection)
        if known is not None:
            self._forget(known, detail, now_ns)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request, unless a fault strikes it."""
        self.advance(now_ns)
        return self._requests.answer(method, path, query, now_ns)

    def advance(self, now_ns: int) -> None:
        """Let everything happen that is due up to and at ``now_ns``."""
        market = self.market
        while True:
            due_ns = min(self._timer_ns, now_ns)
            while market.next_ns <= due_ns:
                self._market_event()
            if self._timer_ns > now_ns:
                break
            self._timers(self._timer_ns)
        self._now_ns = max(self._now_ns, now_ns)

    def next_event_ns(self) -> int | None:
        """When something will happen by itself, None if nothing will."""
        due_ns = min(self.market.next_ns, self._timer_ns)
        return None if due_ns == NEVER else due_ns

    def drain(self) -> list[Action]:
        """Take the actions since the last call, in order for each connection."""
        actions, self._sender.actions = self._sender.actions, []
        return actions

    @property
    def connections(self) -> list[int]:
        """The numbers of the open connections."""
        return list(self._connections)

    # --- time

    def _market_event(self) -> None:
        self._tell(self.market.step())

    def _tell(self, event: MarketEvent) -> None:
        self._frontend.observe(event)
        for connection in list(self._connections.values()):
            frames = connection.session.event(event)
            if frames:
                self._send(connection, frames, event.time_ns)

    def _send(self, connection: Connection, frames: Iterable[Outgoing], at_ns: int) -> None:
        """Send what a session says; it may end its connection."""
        self._sender.send(connection, frames, at_ns)
        if connection.ended_by is not None:
            self._forget(connection, connection.ended_by, at_ns)

    def _timers(self, now_ns: int) -> None:
        """Faults first, then sessions in the order of their connections."""
        for fault in self._faults.timed:
            if fault.next_ns is not None and fault.next_ns <= now_ns:
                self._strike(fault, now_ns)
        for connection in list(self._connections.values()):
            if connection.timer_ns <= now_ns:
                self._send(connection, connection.session.timer(now_ns), now_ns)
                connection.look_at_timer()
        self._look_at_timers(now_ns)

    def _look_at_timers(self, after_ns: int | None = None) -> None:
        """Find the next timer. A fault that waits for a victim has passed its time: it needs no timer."""
        due = [connection.timer_ns for connection in self._connections.values()]
        due += [
            fault.next_ns
            for fault in self._faults.timed
            if fault.next_ns is not None and (after_ns is None or fault.next_ns > after_ns)
        ]
        self._timer_ns = min(due, default=NEVER)

    def _touched(self, connection: Connection) -> None:
        """A session has done something: its timer may be another one."""
        connection.look_at_timer()
        self._look_at_timers(self._now_ns)

    # --- faults of connections, the clock, the market and the venue

    def _strike_waiting(self, now_ns: int) -> None:
        """Faults whose time has passed without a victim strike as soon as there is one."""
        for fault in self._faults.timed:
            if fault.next_ns is not None and fault.next_ns <= now_ns:
                self._strike(fault, now_ns)

    def _strike(self, fault: TimedFault, now_ns: int) -> None:
        if fault.name in ("jump", "skew"):
            self._bend_clock(fault, now_ns)
            fault.struck()
            return
        victims = [
            connection
            for connection in self._connections.values()
            if not connection.stalled_by and any(symbol is not None for _, symbol in connection.streams)
        ]
        if victims and fault.name == "tick":
            self._refine(fault, now_ns)
        elif victims and fault.name in self._notices:
            self._notice(fault, now_ns)
        elif victims:
            self._strike_connection(fault, fault.draw.choice(victims), now_ns)
        if victims or not fault.waits:
            fault.struck()
            self._look_at_timers(self._now_ns)

    def _refine(self, fault: TimedFault, now_ns: int) -> None:
        symbols = self.market.unrefined()
        if symbols:
            symbol = fault.draw.choice(symbols)
            self._sender.note(Outcome.STRUCK, None, now_ns, ("tick",), symbol=symbol, kind="market")
            self._tell(self.market.refine(symbol, now_ns))

    def _notice(self, fault: TimedFault, now_ns: int) -> None:
        """The venue does something of its own; what it is to an instrument is to one that is drawn."""
        symbol = fault.draw.choice(list(self.market.listings))
        self._sender.note(Outcome.STRUCK, None, now_ns, (fault.name,), symbol=symbol, kind="venue")
        self._tell(MarketEvent(now_ns, symbol, (), (), notice=fault.name))

    def _bend_clock(self, fault: TimedFault, now_ns: int) -> None:
        if fault.name == "jump":
            step_ns = round(fault.draw.uniform(-5.0, 5.0) * _SECOND)
            self.clock.jump(step_ns)
            self._sender.note(Outcome.STRUCK, None, now_ns, ("jump",), f"by {step_ns} ns", kind="clock")
        else:
            ppm = round(fault.draw.uniform(-500.0, 500.0))
            self.clock.skew(ppm, now_ns)
            self._sender.note(Outcome.STRUCK, None, now_ns, ("skew",), f"by {ppm} ppm", kind="clock")

    def _strike_connection(self, fault: TimedFault, victim: Connection, now_ns: int) -> None:
        draw, number = fault.draw, victim.number
        match fault.name:
            case "silent":
                symbols = sorted({symbol for _, symbol in victim.streams if symbol is not None})
                symbol = draw.choice(symbols)
                victim.silent.update(stream for stream in victim.streams if stream[1] == symbol)
                self._sender.note(Outcome.STRUCK, victim, now_ns, ("silent",), symbol=symbol)
            case "half-open":
                self._stall(victim, "half-open", now_ns)
            case "slow":
                victim.bytes_per_s = draw.choice((500, 2_000, 10_000))
                victim.slow_until_ns = now_ns + round(draw.uniform(1.0, 5.0) * _SECOND)
                self._sender.note(Outcome.STRUCK, victim, now_ns, ("slow",), f"{victim.bytes_per_s} bytes/s")
                self._sender.actions.append(
                    SlowConnection(number, victim.bytes_per_s, victim.slow_until_ns, now_ns)
                )
            case "reset":
                self._sender.actions.append(ResetConnection(number, now_ns))
                self._forget(victim, "reset", now_ns, ("reset",))
            case _:
                code = draw.choice(_CLOSE_CODES)
                at_ns = max(now_ns, victim.clear_ns)
                self._sender.actions.append(CloseConnection(number, code, "", at_ns))
                self._forget(victim, f"closed with {code}", now_ns, ("disconnect",))

    def _stall(self, connection: Connection, name: str, now_ns: int) -> None:
        connection.stalled_by = name
        self._sender.note(Outcome.STRUCK, connection, now_ns, (name,))
        self._sender.actions.append(StallConnection(connection.number, now_ns))

    def _forget(self, connection: Connection, detail: str, now_ns: int, faults: tuple[str, ...] = ()) -> None:
        """The connection has ended: a frame held back is lost, as its line in the truth log says."""
        del self._connections[connection.number]
        self._sender.note(Outcome.ENDED, connection, now_ns, faults, detail)
        self._look_at_timers(self._now_ns)
