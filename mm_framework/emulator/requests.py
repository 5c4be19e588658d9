"""Faults of REST requests: refusals, bans, failures and old copies, asked of each request in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from mm_framework.contracts.emulator import Frontend, HttpReply, Refusing
from mm_framework.emulator.faults import FrameFault
from mm_framework.emulator.sender import Sender
from mm_framework.emulator.truth import Outcome

__all__ = ["RequestFaults"]

_SECOND: Final = 1_000_000_000
_LONGEST_S: Final = {"429": 10, "418": 60}
_SERVER_FAILS: Final = 503
_GOOD: Final = 200

_Asked = tuple[str, tuple[tuple[str, str], ...]]


class RequestFaults:
    """Answers requests as ``frontend`` does, unless a fault strikes.

    While a refusal lasts every request gets it, whatever it asks for. An old copy has the headers of now.
    """

    def __init__(self, faults: Sequence[FrameFault], frontend: Frontend, sender: Sender) -> None:
        self._faults, self._frontend, self._sender = faults, frontend, sender
        self._refused = 0
        self._refused_until_ns = 0
        self._copies: dict[_Asked, bytes] = {}

    def answer(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """The reply to a request."""
        struck = {fault.name: fault for fault in self._faults if fault.strikes(now_ns)}
        if now_ns < self._refused_until_ns:
            return self._refusal(self._refused, now_ns)
        for name in ("418", "429"):
            if name in struck:
                self._note(name, path, now_ns)
                self._refused = int(name)
                wait_s = struck[name].draw.uniform(1.0, _LONGEST_S[name])
                self._refused_until_ns = now_ns + round(wait_s * _SECOND)
                return self._refusal(self._refused, now_ns)
        if "5xx" in struck:
            self._note("5xx", path, now_ns)
            return self._refuse(_SERVER_FAILS, 0, now_ns)
        reply = self._frontend.http(method, path, query, now_ns)
        if reply.status != _GOOD or all(fault.name != "stale" for fault in self._faults):
            return reply
        return self._copied((path, tuple(sorted(query.items()))), reply, now_ns, stale="stale" in struck)

    def _copied(self, asked: _Asked, reply: HttpReply, now_ns: int, *, stale: bool) -> HttpReply:
        """The reply, or the copy of the one before; the first reply to a request has none."""
        old = self._copies.get(asked)
        if stale and old is not None:
            self._note("stale", asked[0], now_ns)
            return HttpReply(reply.status, old, reply.headers)
        self._copies[asked] = reply.body
        return reply

    def _refusal(self, status: int, now_ns: int) -> HttpReply:
        return self._refuse(status, -(-(self._refused_until_ns - now_ns) // _SECOND), now_ns)

    def _refuse(self, status: int, wait_s: int, now_ns: int) -> HttpReply:
        """As the venue says it, or as a plain server does."""
        if isinstance(self._frontend, Refusing):
            return self._frontend.refusal(status, wait_s, now_ns)
        headers = [("Content-Type", "application/json")]
        if wait_s:
            headers.append(("Retry-After", str(wait_s)))
        return HttpReply(status, msgspec.json.encode({"error": f"status {status}"}), tuple(headers))

    def _note(self, name: str, path: str, now_ns: int) -> None:
        self._sender.note(Outcome.STRUCK, None, now_ns, (name,), path, kind="rest")
