"""When market data was at the venue, on the clock of our own machine. Pure.

    v = venue time - theta, or receive time - an assumed latency where the venue tells no time
    v <= receive time - 1 us; v >= receive time - the longest latency believed
    v never falls within one channel of one instrument

Raw venue time is no second clock: it is another machine's, often ahead of ours. ``theta`` is by how much
(`domain`: server - client); where no session measured it, it is estimated as the most by which any message
was stamped later than it arrived, plus half a millisecond. What we noticed ourselves (a gap, a change of
trust) has no venue time, except where it came with a message of its book: then that one's. The first
definition of an instrument is there before all else of it. At the venue messages are ordered by (v, prints
before books, seq).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from mm_framework.model.events import NULL, Kind, Message, Row
from mm_framework.model.instrument import Definition

__all__ = ["TOLD", "Clocks", "Stamped", "TapeMessage", "Timeline", "venue_order"]

LEAST_LATENCY_NS: Final = 1_000
ESTIMATE_MARGIN_NS: Final = 500_000

_BOOK, _PRINTS, _TICKER = 0, 1, 2
_CHANNELS: Final = {Kind.TRADE: _PRINTS, Kind.TOP: _TICKER}
TOLD: Final = frozenset({Kind.LEVEL, Kind.SNAPSHOT_START, Kind.TRADE, Kind.TOP})
"""What a venue tells of a market; the rest we noticed ourselves."""


@attrs.frozen
class TapeMessage:
    """One whole message as it was received: ``seq`` counts messages of the tape. ``definition``: what a
    message of kind DEFINITION brings into force.
    """

    recv_ns: int
    seq: int
    message: Message
    rows: list[Row]
    definition: Definition | None = None


@attrs.frozen
class Stamped:
    """A message and the time ``v_ns`` at which it was at the venue."""

    v_ns: int
    tape: TapeMessage

    @property
    def order(self) -> tuple[int, bool, int]:
        """What venue order sorts by."""
        return self.v_ns, self.tape.message.kind != Kind.TRADE, self.tape.seq


@attrs.frozen
class Clocks:
    """``theta_ns`` by instrument number, 0 for others; ``assumed_ns``: the latency of what has no venue
    time; ``longest_ns``: more is not believed.
    """

    theta_ns: Mapping[int, int] = attrs.field(factory=dict)
    assumed_ns: int = 5_000_000
    longest_ns: int = 60_000_000_000


class Timeline:
    """Stamps messages, in the order of receipt. ``messages``, ``untimed``, ``clipped`` count them."""

    def __init__(self, clocks: Clocks | None = None) -> None:
        self.clocks = clocks or Clocks()
        self.messages = self.untimed = self.clipped = 0
        self._last: dict[tuple[int, int], tuple[int, int]] = {}
        self._defined: set[str] = set()

    def stamp(self, tape: TapeMessage) -> Stamped:
        """The next message with its time at the venue."""
        message, recv_ns = tape.message, tape.recv_ns
        key = (message.instrument, _CHANNELS.get(Kind(message.kind), _BOOK))
        last_ns, last = self._last.get(key, (None, None))
        self.messages += 1
        if tape.definition is not None and tape.definition.id not in self._defined:
            self._defined.add(tape.definition.id)
            return Stamped(recv_ns - self.clocks.longest_ns, tape)
        if message.kind not in TOLD and last is not None and last_ns == recv_ns:
            return Stamped(last, tape)
        if message.ts_venue_ns == NULL:
            self.untimed += 1
            told = recv_ns - self.clocks.assumed_ns
        else:
            told = message.ts_venue_ns - self.clocks.theta_ns.get(message.instrument, 0)
        v_ns = max(min(told, recv_ns - LEAST_LATENCY_NS), recv_ns - self.clocks.longest_ns)
        self.clipped += v_ns != told
        v_ns = v_ns if last is None else max(v_ns, last)
        self._last[key] = (recv_ns, v_ns)
        return Stamped(v_ns, tape)


def venue_order(stamped: Iterable[Stamped], longest_ns: int) -> Iterator[Stamped]:
    """The messages in the order of the venue; ``longest_ns`` as in `Clocks` bounds what has to be held."""
    waiting: list[tuple[tuple[int, bool, int], Stamped]] = []
    for one in stamped:
        while waiting and waiting[0][0][0] < one.tape.recv_ns - longest_ns:
            yield heapq.heappop(waiting)[1]
        heapq.heappush(waiting, (one.order, one))
    while waiting:
        yield heapq.heappop(waiting)[1]
