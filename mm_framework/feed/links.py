"""The state of a shard's connections and subscriptions: plain records, kept whole by checkpoints."""

from __future__ import annotations

from typing import Any, Final

import attrs

from mm_framework.contracts.adapter import Subscription
from mm_framework.model.events import Reason
from mm_framework.sync.repeated import Repeated

__all__ = ["NEVER", "Link", "Refreshing", "Spare", "Stream", "ns"]

NEVER: Final = 2**63 - 1


def ns(seconds: float) -> int:
    """Nanoseconds of seconds."""
    return round(seconds * 1e9)


@attrs.define
class Link:
    """A connection. Times are mono_ns, NEVER where nothing is awaited.

    ``memo`` is the normalizer's table; ``requests`` when a request number was sent; ``listed`` the
    names that the venue's metadata told so far; ``closing``: we asked for its end; ``number``: that of
    its last frame, where frames are numbered. ``rotation``: why it is to be replaced, ``rotate_ns`` when
    that is tried next, ``heir_by_ns`` until when its heir should be open. Of an heir: ``replaces`` is
    the connection whose streams it takes over, ``settled_ns`` when those that say nothing may follow.
    ``repeated``: the last row of seeming repetitions.
    """

    index: int
    url: str
    opened_ns: int
    last_ns: int
    memo: dict[str, Any] = attrs.Factory(dict)
    requests: dict[str, int] = attrs.Factory(dict)
    listed: list[str] = attrs.Factory(list)
    ready: bool = False
    closing: bool = False
    ready_by_ns: int = NEVER
    ping_due_ns: int = NEVER
    pong_by_ns: int = NEVER
    number: int | None = None
    rotation: Reason | None = None
    rotate_ns: int = NEVER
    heir_by_ns: int = NEVER
    replaces: int | None = None
    settled_ns: int = NEVER
    repeated: Repeated | None = None


@attrs.define
class Spare:
    """The other connection that carries a stream while one connection replaces another.

    ``heir``: it is the new one, and was asked with ``req_id``; ``tries``: how often it was asked anew.
    """

    connection: int
    heir: bool = True
    req_id: int = 0
    acknowledged: bool = False
    tries: int = 0
    deadline_ns: int = NEVER


@attrs.define
class Refreshing:
    """Requests for a snapshot that is to widen what is known of a book.

    ``due_ns``: ask, or give up what was asked for; ``asked_ns``: when it was asked for last, None before
    the first time; ``asking``: its answer is awaited, for the book of ``epoch``; ``stale``, ``failures``:
    answers in a row that were too old, or of no use at all.
    """

    due_ns: int = NEVER
    asked_ns: int | None = None
    asking: bool = False
    epoch: int = 0
    stale: int = 0
    failures: int = 0


@attrs.define
class Stream:
    """One instrument on one channel.

    ``connection`` feeds it, ``spare`` helps. ``phase``: waiting (for a connection), requested, active,
    refused, unfollowed (by us), ended (by the venue). ``deadline_ns``: the next message is due;
    ``retry_ns``: ask anew whatever comes; ``silences``: probes since the last news,
    ``probed``: the last of them has no answer yet; ``unanswered``: questions in a row without one;
    ``req_id``: the number of its last request;
    ``fetching``: its snapshot was asked for over REST. ``floor``: the number of the last ticker of the
    connection before; ``echoes``: prints without a number (side, price, size, venue time, count) that one
    connection has said more often than the other. ``refreshing``: what is done to know more of its book.
    """

    subscription: Subscription
    carries: str
    connection: int | None = None
    phase: str = "waiting"
    deadline_ns: int = NEVER
    retry_ns: int = NEVER
    last_ns: int | None = None
    silences: int = 0
    probed: bool = False
    req_id: int = 0
    fetching: bool = False
    unanswered: int = 0
    spare: Spare | None = None
    floor: int | None = None
    echoes: list[tuple[int, int, int, int, int]] = attrs.Factory(list)
    refreshing: Refreshing = attrs.Factory(Refreshing)

    @property
    def wanted(self) -> bool:
        """Whether it is asked for on each connection anew."""
        return self.phase != "refused" and not self.over

    @property
    def over(self) -> bool:
        """Whether it was followed once, and nothing of it is taken any more."""
        return self.phase in ("unfollowed", "ended")

    @property
    def alone(self) -> bool:
        """Whether one connection feeds it, and nothing that another has said may be said again."""
        return self.spare is None and self.floor is None and not self.echoes

    def awaits(self, connection: int, req_id: int) -> bool:
        """Whether an answer to this request on this connection is about it."""
        if self.spare is not None and self.spare.connection == connection:
            return self.spare.req_id == req_id
        return self.phase == "requested" and self.connection == connection and self.req_id == req_id

    def follow(self, subscription: Subscription) -> None:
        """Wanted again, as if for the first time."""
        self.subscription, self.phase = subscription, "waiting"
        self.last_ns, self.silences, self.probed, self.unanswered = None, 0, False, 0

    def leave(self, phase: str) -> None:
        """Nothing is awaited of it any more."""
        self.phase, self.connection, self.fetching = phase, None, False
        self.deadline_ns = self.retry_ns = NEVER
        self.spare, self.floor, self.echoes = None, None, []
        self.refreshing = Refreshing(asked_ns=self.refreshing.asked_ns, failures=self.refreshing.failures)

    def is_on(self, connection: int) -> bool:
        """Whether it was asked for on a connection."""
        return connection == self.connection or (
            self.spare is not None and self.spare.connection == connection
        )

    def feed_from(self, connection: int) -> None:
        """This connection alone feeds it from now on."""
        self.connection, self.spare = connection, None
