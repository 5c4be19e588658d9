"""One connection takes over from another, stream by stream, so that nothing is missed.

    rotate -> Rotate command ... the heir opens -> its streams are asked for there as well
           -> each stream follows when the heir has shown that it carries it (`admission`)
           -> all have followed: Reconnect(old)

A heir that does not open, dies or stays silent is given up: the old connection goes on, and another
is tried later. An old connection that dies leaves its streams to the heir.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from mm_framework.feed.links import NEVER, Link, Spare, Stream, ns
from mm_framework.feed.output import Reconnect, Rotate
from mm_framework.model.events import Reason

if TYPE_CHECKING:
    from mm_framework.feed.session import Session

__all__ = ["Handover"]

MAX_TRIES: Final = 3
"""How often a heir is asked for a stream that does not come."""


class Handover:
    """The rotations of a shard. Its state is that of the session's links and streams."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # beginning

    def rotate(self, link: Link, reason: Reason, now_ns: int) -> bool:
        """Replace a connection; False when it is none that can hand over."""
        if link.closing or not link.ready or link.replaces is not None:
            return False
        if link.rotation is None:
            link.rotation = reason
            self._begin(link, now_ns)
        return True

    def _begin(self, link: Link, now_ns: int) -> None:
        session = self._session
        link.rotate_ns, link.heir_by_ns = NEVER, now_ns + ns(session.settings.handover_timeout_s)
        session.commands.append(Rotate(link.index, link.rotation or Reason.NONE))
        session.arm(link.heir_by_ns)

    def opened(self, heir: Link, replaces: int) -> None:
        """The heir of a connection is open."""
        old = self._session.links.get(replaces)
        if old is not None and old.rotation is not None and not old.closing:
            heir.replaces, old.rotate_ns, old.heir_by_ns = old.index, NEVER, NEVER

    def ready(self, heir: Link, now_ns: int) -> None:
        """The heir may be asked for what the old connection carries."""
        if heir.replaces is not None:
            self._ask(heir, self._fed_by(heir.replaces), now_ns)

    def _ask(self, heir: Link, streams: Iterable[Stream], now_ns: int) -> None:
        session = self._session
        for group, req_id, by_ns, silent in session.ask(heir.index, streams, now_ns):
            for stream in group:
                tries = 0 if stream.spare is None else stream.spare.tries
                # What needs no message comes with another channel's.
                stream.spare = Spare(heir.index, req_id=req_id, acknowledged=silent, tries=tries)
                if not silent or self.by_snapshot(stream):
                    stream.spare.deadline_ns = by_ns
                    session.arm(by_ns)

    # going on

    def by_snapshot(self, stream: Stream) -> bool:
        """Whether the heir's snapshot takes over: it comes by itself, or nothing else shows where it stands.

        Updates may be cut in other places on the heir, and what came and went between two cuts is not told;
        so books are merged by their numbers only where a snapshot has to be fetched.
        """
        rules = self._session.rules
        if stream.carries == "book":
            return rules.sequence is None or rules.sequence.bridge == "channel"
        return stream.carries == "trade" and rules.trade_ids == "rising"

    def acknowledged(self, stream: Stream, index: int, now_ns: int) -> None:
        """The venue accepted a stream on a connection that does not feed it."""
        spare = stream.spare
        if spare is None or spare.connection != index:
            return
        spare.acknowledged, spare.deadline_ns = True, NEVER
        if self.by_snapshot(stream):
            spare.deadline_ns = now_ns + ns(self._session.settings.ack_timeout_s)
            self._session.arm(spare.deadline_ns)

    def refused(self, index: int, now_ns: int) -> None:
        """The venue refused something to a heir: it cannot take over."""
        heir = self._session.links.get(index)
        if heir is not None and heir.replaces is not None and not heir.closing:
            self._give_up(heir, now_ns)

    def progress(self, now_ns: int) -> bool:
        """See whether a heir has taken over all; True when it has, and the old connection ends.

        To be asked after each record: what it looks at changes with records, and at deadlines.
        """
        ended = False
        for heir in list(self._session.links.values()):
            if heir.replaces is not None and heir.ready and not heir.closing:
                ended |= self._look(heir, heir.replaces, now_ns)
        return ended

    def _look(self, heir: Link, index: int, now_ns: int) -> bool:
        session = self._session
        behind = self._fed_by(index)
        if all(self._may_follow(stream) for stream in behind):
            if heir.settled_ns == NEVER:
                heir.settled_ns = now_ns
                if behind:  # what is on its way on the old connection comes first
                    heir.settled_ns += ns(session.settings.handover_settle_s)
                    session.arm(heir.settled_ns)
            if now_ns >= heir.settled_ns or not behind:
                self._finish(heir, now_ns)
                return True
        else:
            heir.settled_ns = NEVER
        return False

    def _fed_by(self, index: int) -> list[Stream]:
        return [s for s in self._session.streams.values() if s.connection == index and s.wanted]

    def _may_follow(self, stream: Stream) -> bool:
        """Whether a stream that has said nothing on the heir would have been heard there."""
        spare = stream.spare
        return spare is not None and spare.acknowledged and not self.by_snapshot(stream)

    # ends

    def _finish(self, heir: Link, now_ns: int) -> None:
        """The old connection ends. A stream that the heir never answered has lost its thread."""
        session, old = self._session, self._session.links[heir.replaces or 0]
        heir.replaces, heir.settled_ns, old.closing = None, NEVER, True
        session.commands.append(Reconnect(old.index, old.rotation or Reason.NONE))
        lost: list[Stream] = []
        for stream in session.streams.values():
            if stream.connection == old.index and stream.wanted:
                if not self._may_follow(stream):
                    lost.append(stream)
                self._follow(stream, heir.index)
            elif stream.spare is not None and stream.spare.connection == old.index:
                stream.spare = None
        session.lose_thread(lost, Reason.ACK_TIMEOUT, now_ns)

    def _give_up(self, heir: Link, now_ns: int) -> None:
        """The heir has failed. When some streams follow it already the others have to, too."""
        index = heir.index
        if any(s.connection == index and s.spare is None for s in self._session.streams.values()):
            self._finish(heir, now_ns)
            return
        reason = self._fall_back(heir, now_ns)
        heir.closing = True
        self._session.commands.append(Reconnect(index, reason))

    def _fall_back(self, heir: Link, now_ns: int) -> Reason:
        """Streams go back to the old connection; another heir is tried later."""
        session, old = self._session, self._session.links.get(heir.replaces or 0)
        for stream in session.streams.values():
            if stream.spare is None:
                continue
            if stream.spare.connection == heir.index:
                stream.spare, stream.echoes, stream.floor = None, [], None
            elif stream.connection == heir.index:
                self._follow(stream, stream.spare.connection)
        heir.replaces = None
        if old is None or old.closing:
            return Reason.NONE
        old.rotate_ns = now_ns + ns(session.settings.handover_retry_s)
        session.arm(old.rotate_ns)
        return old.rotation or Reason.NONE

    def lost(self, link: Link, now_ns: int) -> list[Stream]:
        """A connection is gone in the middle; the streams that it fed and that lost their thread by it."""
        if link.replaces is not None:
            self._fall_back(link, now_ns)
            return []
        heir = next((one for one in self._session.links.values() if one.replaces == link.index), None)
        if heir is None:
            return []
        heir.replaces, heir.settled_ns = None, NEVER
        return [s for s in self._session.streams.values() if self._inherit(s, link.index, heir.index)]

    def _inherit(self, stream: Stream, old: int, heir: int) -> bool:
        """Leave a stream to the heir; whether it has lost its thread.

        Where the heir carries a numbered stream its next number tells whether something is missing.
        """
        spare = stream.spare
        if spare is None or old not in (stream.connection, spare.connection):
            return False
        if stream.connection != old:
            stream.spare = None
            return False
        stream.phase = "active" if spare.acknowledged else "requested"
        stream.req_id, stream.deadline_ns = spare.req_id, min(stream.deadline_ns, spare.deadline_ns)
        broken = not self._may_follow(stream)
        self._follow(stream, heir)
        return broken

    def _follow(self, stream: Stream, heir: int) -> None:
        """The heir feeds a stream; what the old connection has said it may say again."""
        stream.echoes = [one for one in stream.echoes if one[4] > 0]
        stream.feed_from(heir)
        if stream.carries == "book":
            self._session.instruments[stream.subscription.instrument].book.join_next()

    # deadlines

    def arm(self) -> None:
        """Find the next deadlines."""
        session = self._session
        for link in session.links.values():
            if not link.closing:
                session.arm(link.rotate_ns, link.heir_by_ns, link.settled_ns)
        for stream in session.streams.values():
            if stream.spare is not None:
                session.arm(stream.spare.deadline_ns)

    def due(self, now_ns: int) -> None:
        """Act on the deadlines that have passed."""
        for link in list(self._session.links.values()):
            if link.closing:
                continue
            if now_ns >= link.rotate_ns:
                self._begin(link, now_ns)
            elif now_ns >= link.heir_by_ns:
                link.heir_by_ns = NEVER
                link.rotate_ns = now_ns + ns(self._session.settings.handover_retry_s)
        self._ask_again(now_ns)
        self.progress(now_ns)

    def _ask_again(self, now_ns: int) -> None:
        links = self._session.links
        for stream in self._session.streams.values():
            spare = stream.spare
            if spare is None or now_ns < spare.deadline_ns:
                continue
            heir = links.get(spare.connection)
            if heir is None or heir.closing:
                spare.deadline_ns = NEVER
            elif spare.tries >= MAX_TRIES:
                self._give_up(heir, now_ns)
                return
            else:
                spare.tries += 1
                self._session.unsubscribe(heir.index, [stream])
                self._ask(heir, [stream], now_ns)
