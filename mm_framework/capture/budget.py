"""How many HTTP requests a host bears: its budget of weights, and what its answers say about it. Pure.

    delay_ns(now, weight) -> 0: take(now, weight) -> ticket ... done(ticket, now) or refused(ticket, now)

A host counts a request at some time between its leaving and its answer, which we do not learn. So a
weight is held from the leaving until a window after the answer: whatever windows the host counts by,
sliding or fixed, no more than the budget falls into one.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import attrs

__all__ = ["REFUSALS", "Budget", "Ticket", "refusal_pause_ns", "used_weight"]

REFUSALS: Final = frozenset({429, 418})
"""Status with which a host refuses all of our requests for a while."""

SECOND: Final = 1_000_000_000
MILLISECOND: Final = 1_000_000

_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z")
_BANNED_UNTIL: Final = re.compile(rb"until\D{0,8}([0-9]{13})(?![0-9])")
_BAN_TEXT_BYTES: Final = 4096
_USED: Final = re.compile(r"x-mbx-used-weight-([0-9]{1,4})([smhd])\Z")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@attrs.frozen
class Ticket:
    """A request that has left."""

    number: int
    weight: int
    sent_ns: int


@attrs.frozen
class _Spent:
    """A weight whose answer came at ``done_ns``."""

    ticket: Ticket
    done_ns: int


class Budget:
    """At most ``weight`` in any ``window_s``, and ``concurrent`` requests under way.

    After a refusal without a time nothing leaves for ``backoff_s``, doubled with each that follows
    without a good answer, at most ``backoff_max_s``. ``blocked_ns``: nothing leaves before.
    ``window_s`` is the longest that was asked for.
    """

    def __init__(
        self, weight: int, window_s: float, *, concurrent: int, backoff_s: float, backoff_max_s: float
    ) -> None:
        self.blocked_ns = 0
        self.window_s = window_s
        self._weight, self._window_ns = weight, round(window_s * SECOND)
        self._concurrent, self._backoff_s, self._backoff_max_s = concurrent, backoff_s, backoff_max_s
        self._number = 0
        self._under_way: dict[int, Ticket] = {}
        self._spent: deque[_Spent] = deque()
        self._held = 0
        self._told = 0
        self._told_until_ns = 0
        self._refusals = 0
        self._refused_ns = 0

    def tighten(self, weight: int, window_s: float) -> None:
        """Another venue asks the same host: the stricter limits hold."""
        self._weight = min(self._weight, weight)
        self.window_s = max(self.window_s, window_s)
        self._window_ns = round(self.window_s * SECOND)

    def fits(self, weight: int) -> bool:
        """Whether a request of this weight can ever leave."""
        return weight <= self._weight

    def delay_ns(self, now_ns: int, weight: int) -> int | None:
        """How long a request has to wait, as far as is known now; None: until an answer comes."""
        self._forget(now_ns)
        under_way = sum(ticket.weight for ticket in self._under_way.values())
        if len(self._under_way) >= self._concurrent or under_way + weight > self._weight:
            return None
        at_ns = max(now_ns, self.blocked_ns)
        if self._told + weight > self._weight and at_ns < self._told_until_ns:
            at_ns = self._told_until_ns
        held = under_way + self._held
        for spent in self._spent:  # in the order in which they end
            if at_ns < spent.done_ns + self._window_ns:
                if held + weight <= self._weight:
                    break
                at_ns = spent.done_ns + self._window_ns
            held -= spent.ticket.weight
        return at_ns - now_ns

    def take(self, now_ns: int, weight: int) -> Ticket:
        """A request leaves now."""
        self._number += 1
        ticket = Ticket(self._number, weight, now_ns)
        self._under_way[ticket.number] = ticket
        self._told += weight
        return ticket

    def done(self, ticket: Ticket, now_ns: int, *, used: int | None = None, good: bool = True) -> None:
        """A request has ended, with an answer or without.

        ``used``: what the answer says of the weight used in this window, by everybody at our address;
        ``good``: it is an answer that ends a row of refusals.
        """
        del self._under_way[ticket.number]
        if used is not None:
            self._tell(ticket, now_ns, used)
        self._spent.append(_Spent(ticket, now_ns))
        self._held += ticket.weight
        if good and ticket.sent_ns >= self._refused_ns:
            self._refusals = 0

    def refused(self, ticket: Ticket, now_ns: int, pause_ns: int | None, *, used: int | None = None) -> int:
        """A request was refused; the time at which the next may leave. ``pause_ns``: the host's word."""
        self.done(ticket, now_ns, used=used, good=False)
        if ticket.sent_ns >= self._refused_ns:  # else it left before we knew of the last refusal
            self._refusals += 1
            self._refused_ns = now_ns
        if pause_ns is None:
            doubled_s = self._backoff_s * 2.0 ** min(self._refusals - 1, 30)
            pause_ns = round(min(self._backoff_max_s, doubled_s) * SECOND)
        self.blocked_ns = max(self.blocked_ns, now_ns + pause_ns)
        return self.blocked_ns

    def _forget(self, now_ns: int) -> None:
        """Drop what is no longer held."""
        while self._spent and self._spent[0].done_ns + self._window_ns <= now_ns:
            self._held -= self._spent.popleft().ticket.weight

    def _tell(self, ticket: Ticket, now_ns: int, used: int) -> None:
        """Count from what the host says.

        It said so while ``ticket`` was under way. What else was then under way, or left since, may
        stand in its number or not: we add it.
        """
        since = sum(other.weight for other in self._under_way.values())
        for other in reversed(self._spent):
            if other.done_ns < ticket.sent_ns:
                break
            since += other.ticket.weight
        self._told = used + since
        self._told_until_ns = now_ns + self._window_ns


def used_weight(headers: Mapping[str, str], window_s: float) -> int | None:
    """The weight used in a window of this length, by Binance's header ``X-MBX-USED-WEIGHT-1M``.

    ``headers`` have lower-case names. The name ends with the window's length. None: not told.
    Source: Binance REST API, "General information on limits", read 2026-11-21.
    """
    for name, value in headers.items():
        match = _USED.match(name)
        if match is not None and int(match[1]) * _UNIT_S[match[2]] == window_s and _SECONDS.match(value):
            return int(float(value))
    return None


def refusal_pause_ns(headers: Mapping[str, str], body: bytes, wall_ns: int) -> int | None:
    """How long a refusal holds: the longest time that it names, None when it names none to come.

    ``Retry-After`` is seconds or a date (RFC 9110, section 10.2.3); the body of a ban at Binance says
    ``IP banned until 1763712000000`` (ms). A date is set against the answer's own ``Date``, since the
    clocks may differ; without one against ``wall_ns``.
    """
    now_ns = _date_ns(headers.get("date", ""))
    if now_ns is None:
        now_ns = wall_ns
    pauses = []
    told = headers.get("retry-after", "").strip()
    if _SECONDS.match(told):
        pauses.append(round(float(told) * SECOND))
    elif (until_ns := _date_ns(told)) is not None:
        pauses.append(until_ns - now_ns)
    banned = _BANNED_UNTIL.search(body[:_BAN_TEXT_BYTES])
    if banned is not None:
        pauses.append(int(banned[1]) * MILLISECOND - now_ns)
    longest = max(pauses, default=0)
    return longest if longest > 0 else None


def _date_ns(text: str) -> int | None:
    """Nanoseconds since 1970 of an HTTP date, None for any other text."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return round(date.replace(tzinfo=date.tzinfo or UTC).timestamp()) * SECOND
