"""Until when a shard waits, and what it does when nothing came. Pure.

connection silent, ping unanswered -> Reconnect       old age -> `handover`
stream silent -> asked for anew (a probe)             book crossed too long -> broken
probes unanswered -> Reconnect -> unanswered again -> the book is lost, asked for slowly
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mm_framework.feed.links import NEVER, Link, Stream, ns
from mm_framework.feed.output import Silent
from mm_framework.model.events import Reason, SyncState

if TYPE_CHECKING:
    from mm_framework.feed.session import Session

__all__ = ["Deadlines", "Watch"]


class Watch(Protocol):
    """What has deadlines of its own."""

    def arm(self) -> None:
        """Tell the session of each (`Session.arm`)."""
        ...

    def due(self, now_ns: int) -> None:
        """Act on those that have passed."""
        ...


class Deadlines:
    """The deadlines of a `Session`'s connections and streams. It has no state of its own."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def due(self, now_ns: int) -> None:
        """Act on every deadline that has passed, in the order of connections, then subscriptions."""
        session = self._session
        if now_ns < session.bound_ns:
            return
        for link in list(session.links.values()):
            self._link_due(link, now_ns)
        for watch in session.watched:
            watch.due(now_ns)
        for stream in list(session.streams.values()):
            self._stream_due(stream, now_ns)
        session.refreshes.due(now_ns)
        self.rearm()

    def rearm(self) -> None:
        """Find the next deadline."""
        session = self._session
        session.bound_ns = NEVER
        if not session.config.live:
            return
        for watch in session.watched:
            watch.arm()
        for link in session.links.values():
            if not link.closing:
                session.arm(
                    link.last_ns + session.idle_ns, link.ready_by_ns, link.ping_due_ns, link.pong_by_ns
                )
                session.arm(self.too_old_ns(link))
        for stream in session.streams.values():
            if session.carried(stream):
                session.arm(stream.deadline_ns, stream.retry_ns, stream.refreshing.due_ns)

    def _link_due(self, link: Link, now_ns: int) -> None:
        session = self._session
        if link.closing:
            return
        if now_ns >= link.last_ns + session.idle_ns:
            session.close(link, Reason.IDLE)
        elif now_ns >= link.pong_by_ns:
            session.close(link, Reason.PING_TIMEOUT)
        else:
            if now_ns >= self.too_old_ns(link):
                session.handover.rotate(link, Reason.SESSION_AGE, now_ns)
            if now_ns >= link.ready_by_ns:
                session.begin(link, now_ns)
            if now_ns >= link.ping_due_ns:
                self._ping(link, now_ns)

    def too_old_ns(self, link: Link) -> int:
        """When a connection is replaced, before the venue ends it."""
        age_s = self._session.adapter.limits.max_age_s
        if age_s is None or link.rotation is not None or link.replaces is not None or not link.ready:
            return NEVER
        return link.opened_ns + ns(age_s)

    def _stream_due(self, stream: Stream, now_ns: int) -> None:
        session = self._session
        if not session.carried(stream) or now_ns < min(stream.deadline_ns, stream.retry_ns):
            return
        if not session.online or (stream.spare is not None and not session.lacks_snapshot(stream)):
            self._postpone(stream, now_ns)
            return
        asked = now_ns >= stream.deadline_ns and self._asked(stream)
        instrument = session.instruments.get(stream.subscription.instrument)
        book = instrument.book.s if instrument is not None and stream.carries == "book" else None
        if book is not None and book.state is SyncState.SYNCED and now_ns >= stream.retry_ns:
            stream.retry_ns = NEVER
            if instrument is not None and instrument.book.stays_crossed(now_ns):
                session.broken(instrument, now_ns)
            return
        if now_ns < stream.retry_ns and stream.phase == "active" and (book is None or book.built):
            wanted = stream.subscription
            idle_s = session.idle_s(stream)
            session.notices.append(Silent(wanted.instrument, wanted.channel, idle_s))
            stream.silences += 1
            stream.probed = True
            if book is not None and not session.fetched:
                book.probing = True
        if asked and self._unanswered(stream, now_ns):
            return
        if book is not None and book.unverified:
            stream.retry_ns = now_ns + ns(session.settings.unverified_retry_s)
            session.renew(stream, now_ns, keep_retry=True)
        else:
            session.renew(stream, now_ns)

    def _asked(self, stream: Stream) -> bool:
        """Whether the venue owes an answer about a stream, on its connection."""
        session = self._session
        if stream.phase == "requested" or stream.probed:
            return True
        return stream.carries == "book" and session.missing(stream) and not session.fetched

    def _unanswered(self, stream: Stream, now_ns: int) -> bool:
        """Count a question without an answer; whether something else was done than to ask again.

        A connection that carried the stream and does no longer is replaced; if that does not help, the
        book is declared lost, and asked for slowly.
        """
        session = self._session
        most, index = session.settings.unanswered_reconnect, stream.connection
        if not most or index is None:
            return False
        stream.unanswered += 1
        if stream.unanswered == most and stream.last_ns is not None:
            for other in session.streams.values():
                if other.connection == index and other.unanswered:
                    other.unanswered = most  # one new connection serves them all
            session.close(session.links[index], Reason.LIVENESS)
            return True
        if stream.unanswered < 2 * most:
            return False
        if stream.unanswered == 2 * most and stream.carries == "book":
            session.instruments[stream.subscription.instrument].book.lose(Reason.SILENT, now_ns)
        session.resubscribe(stream, now_ns)
        stream.deadline_ns = now_ns + ns(session.settings.unverified_retry_s)
        return True

    def _postpone(self, stream: Stream, now_ns: int) -> None:
        """The venue does not trade, or a heir brings what is missing: silence means nothing yet."""
        session = self._session
        if now_ns >= stream.deadline_ns:
            stream.deadline_ns = now_ns + ns(session.settings.stream_idle_s)
        if now_ns >= stream.retry_ns:
            stream.retry_ns = now_ns + ns(session.settings.resync_backoff_max_s)

    def _ping(self, link: Link, now_ns: int) -> None:
        session = self._session
        interval_s = session.adapter.ping_interval_s
        message = session.adapter.ping(session.next_req_id())
        if message is None or interval_s is None:
            link.ping_due_ns = NEVER
            return
        session.send(link.index, [message])
        link.ping_due_ns = now_ns + ns(interval_s)
        if link.pong_by_ns == NEVER:
            link.pong_by_ns = now_ns + ns(session.settings.ping_timeout_s)
