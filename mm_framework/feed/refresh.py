"""When a snapshot is asked for to know more of a book that is kept. Pure; `sync.refresh` joins it.

    best price beyond what is known -> (not too soon, not beside another request) -> Fetch
    -> joined: known again          -> too old: asked again after a pause that grows
    -> failed, or no answer: given up, asked again after `refresh_min_interval_s`, doubled each time

One is under way at a time on a shard, and none while a book of the shard waits for its first snapshot or
REST has refused us: what is missing altogether comes first. It is a live feed's affair; a recording of
others has no answers, and a replay takes those of the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from mm_framework.contracts.adapter import SnapshotSource
from mm_framework.feed.instrument import Instrument
from mm_framework.feed.links import NEVER, Stream, ns
from mm_framework.feed.output import DepthRefresh, Fetch
from mm_framework.model.events import Reason, SyncState

if TYPE_CHECKING:
    from mm_framework.feed.session import Session

__all__ = ["REFUSALS", "Refreshes"]

REFUSALS: Final = frozenset({418, 429})
"""Status with which REST refuses all of our requests for a while."""

TURN_NS: Final = 1_000_000_000
"""A request that has to let others pass looks again after so long."""


class Refreshes:
    """The refreshes of a shard. ``from_ns``: none is asked for before, because REST refused us.

    The rest of its state is that of the session's streams and books.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.from_ns = 0
        enabled = session.config.live and session.fetched
        self.enabled = enabled and session.settings.refresh_min_interval_s > 0

    def watches(self, stream: Stream) -> bool:
        """Whether something is done at the next message that leaves the best price beyond what is known."""
        return self.enabled and stream.refreshing.due_ns == NEVER

    def look(self, stream: Stream, instrument: Instrument, broken: Reason | None, now_ns: int) -> None:
        """A message was given to a book; ``broken``: it broke it."""
        if not self.enabled:
            return
        plan, book = stream.refreshing, instrument.book.s
        if plan.asking and book.refresh is None:
            if broken is Reason.SNAPSHOT_DIFFERS:
                self._tell(instrument, "differs")
            elif book.built and book.epoch == plan.epoch:
                plan.failures = 0
                self._tell(instrument, "joined")
            plan.asking, plan.stale, plan.due_ns = False, 0, NEVER
        if plan.due_ns == NEVER and self._wanted(stream, instrument):
            since_ns = -NEVER if plan.asked_ns is None else plan.asked_ns
            from_ns = since_ns + self._pause_ns(stream)
            if from_ns > now_ns:
                self._later(stream, from_ns)
            else:
                self._ask(stream, instrument, now_ns)

    def due(self, now_ns: int) -> None:
        """Act on what is due."""
        for stream in list(self._session.streams.values()):
            if now_ns < stream.refreshing.due_ns or not self._session.carried(stream):
                continue
            instrument = self._session.instruments[stream.subscription.instrument]
            if stream.refreshing.asking:
                self._fail(stream, instrument, now_ns)
            elif self._wanted(stream, instrument):
                self._ask(stream, instrument, now_ns)
            else:
                stream.refreshing.due_ns, stream.refreshing.stale = NEVER, 0
                instrument.book.end_refresh()

    def failed(self, stream: Stream, now_ns: int) -> None:
        """An answer came that is no snapshot."""
        if stream.refreshing.asking:
            self._fail(stream, self._session.instruments[stream.subscription.instrument], now_ns)

    def too_old(self, stream: Stream, instrument: Instrument, now_ns: int) -> None:
        """A snapshot came that is older than the book was when it was asked for."""
        plan, settings = stream.refreshing, self._session.settings
        if not plan.asking:
            return
        plan.stale += 1
        if plan.stale > settings.resync_attempts:
            self._fail(stream, instrument, now_ns)
            return
        self._tell(instrument, "too_old")
        plan.asking = False
        pause_s = min(settings.resync_backoff_max_s, settings.resync_backoff_s * 2.0 ** (plan.stale - 1))
        self._later(stream, now_ns + ns(pause_s))

    def refused(self, meta: Mapping[str, Any], now_ns: int) -> None:
        """REST refused a request, for as long as it says in seconds."""
        told = str(meta.get("retry_after") or "")
        known = told.isdecimal() and len(told) < 7
        pause_s = float(told) if known else self._session.settings.resync_backoff_max_s
        self.from_ns = max(self.from_ns, now_ns + ns(pause_s))

    def _wanted(self, stream: Stream, instrument: Instrument) -> bool:
        book = instrument.book
        synced = book.s.state is SyncState.SYNCED and self._session.carried(stream)
        return synced and book.s.bound.unproved(book.book)

    def _ask(self, stream: Stream, instrument: Instrument, now_ns: int) -> None:
        session, plan = self._session, stream.refreshing
        turn_ns = self._turn_ns(stream, now_ns)
        if turn_ns > now_ns:
            self._later(stream, turn_ns)
            return
        source = cast(SnapshotSource, session.adapter)
        session.commands.append(Fetch(source.snapshot_request(stream.subscription)))
        instrument.book.begin_refresh()
        instrument.book.counts.refreshes += 1
        plan.asking, plan.asked_ns, plan.epoch = True, now_ns, instrument.book.s.epoch
        self._later(stream, now_ns + ns(session.settings.snapshot_timeout_s))
        self._tell(instrument, "asked")

    def _turn_ns(self, stream: Stream, now_ns: int) -> int:
        """When it is this stream's turn, as far as is known."""
        others = (one for one in self._session.streams.values() if one is not stream)
        busy = any(one.refreshing.asking or self._session.lacks_snapshot(one) for one in others)
        return max(self.from_ns, now_ns + TURN_NS if busy else now_ns)

    def _fail(self, stream: Stream, instrument: Instrument, now_ns: int) -> None:
        plan = stream.refreshing
        instrument.book.end_refresh()
        instrument.book.counts.refreshes_failed += 1
        plan.asking, plan.stale, plan.failures = False, 0, plan.failures + 1
        self._later(stream, now_ns + self._pause_ns(stream))
        self._tell(instrument, "failed")

    def _pause_ns(self, stream: Stream) -> int:
        """From one request to the next one."""
        settings, failures = self._session.settings, stream.refreshing.failures
        interval_s = settings.refresh_min_interval_s
        most_s = max(interval_s, settings.unverified_retry_s)
        return ns(min(most_s, interval_s * 2.0 ** min(failures, 20)))

    def _later(self, stream: Stream, due_ns: int) -> None:
        stream.refreshing.due_ns = due_ns
        self._session.arm(due_ns)

    def _tell(self, instrument: Instrument, outcome: str) -> None:
        self._session.notices.append(DepthRefresh(instrument.id, outcome))
