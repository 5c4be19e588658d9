"""Samples of a venue's clock, from answers that tell its time; `clock_offset` weighs them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm_framework.contracts.adapter import TimeSource
from mm_framework.feed.output import ClockSample

if TYPE_CHECKING:
    from mm_framework.feed.session import Session

__all__ = ["ClockSamples"]

MAX_REQUESTS = 1024


class ClockSamples:
    """The requests of a `Session`'s connections that wait for an answer, and what the answers tell."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def requested(self, index: int, req_id: int | None, now_ns: int) -> None:
        """A message with this number went out."""
        link = self._session.links.get(index)
        if link is None or req_id is None:
            return
        if len(link.requests) >= MAX_REQUESTS:
            del link.requests[next(iter(link.requests))]
        link.requests[str(req_id)] = now_ns

    def answered(
        self,
        index: int,
        req_id: int | None,
        times: tuple[int | None, int | None],
        now_ns: int,
        source: str,
    ) -> None:
        """An answer came; the first one of a request is a sample of the venue's clock."""
        session = self._session
        link = session.links.get(index)
        sent_ns = None if link is None else link.requests.pop(str(req_id), None)
        time_in, time_out = times
        if sent_ns is None or time_in is None or time_out is None or session.config.untimed:
            return
        wall = session.config.wall0_ns - session.config.mono0_ns
        sent, received = sent_ns + wall, now_ns + wall
        offset = ((time_in - sent) + (time_out - received)) // 2
        delay = (received - sent) - (time_out - time_in)
        session.notices.append(ClockSample(index, source, offset, delay))

    def told_time(self, body: bytes, elapsed_ns: int, now_ns: int) -> None:
        """An HTTP answer with the venue's time came, ``elapsed_ns`` after it was asked for."""
        session = self._session
        if not isinstance(session.adapter, TimeSource) or session.config.untimed:
            return
        time_ns = session.adapter.server_time_ns(body)
        if time_ns is not None:
            middle_ns = now_ns - elapsed_ns // 2 + session.config.wall0_ns - session.config.mono0_ns
            session.notices.append(ClockSample(-1, "http", time_ns - middle_ns, elapsed_ns))
