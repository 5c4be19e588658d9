"""What a shard says to its venue: connections, subscriptions and their answers. Pure.

    open -> definitions asked for (where the venue gives them) -> subscribed -> acknowledged -> heard
    book broken -> pause -> unsubscribe, subscribe        nothing came in time -> `deadlines`
    old age, a venue's notice -> `handover`               answers that tell a time -> `clock_samples`
    best price beyond what is known of a book -> `refresh`

Everything here is a function of the records: a replay gives the same commands, which it ignores. A
recording of others (``live`` False) gives none and has no deadlines.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import cast

from mm_framework.contracts.adapter import Adapter, SnapshotSource
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.feed.clock_samples import ClockSamples
from mm_framework.feed.config import FeedConfig
from mm_framework.feed.deadlines import Deadlines, Watch
from mm_framework.feed.handover import Handover
from mm_framework.feed.instrument import Instrument
from mm_framework.feed.links import NEVER, Link, Stream, ns
from mm_framework.feed.output import Command, Fetch, Notice, Reconnect, Refusal, Send
from mm_framework.feed.refresh import Refreshes
from mm_framework.model.events import Reason
from mm_framework.sync.book_state import GRACE_NS

__all__ = ["Session"]

MAX_STREAM_IDLE_S = 3600.0


class Session:
    """All connections and subscriptions of a shard. Commands and notices go to the given lists.

    ``streams``: those that may have something to say or to await; ``known``: all that ever were, in the order
    in which they were followed first. ``watched``: what else has deadlines.

    ``fetched``: books begin with a snapshot over REST (`SequenceSpec.bridge`).
    """

    def __init__(
        self,
        adapter: Adapter,
        rules: SyncRules,
        config: FeedConfig,
        commands: list[Command],
        notices: list[Notice],
    ) -> None:
        self.adapter, self.config, self.settings = adapter, config, config.settings
        self.rules = rules
        self.fetched = rules.sequence is not None and rules.sequence.bridge == "rest"
        self.commands, self.notices = commands, notices
        self.instruments: dict[str, Instrument] = {}
        self.links: dict[int, Link] = {}
        self.streams: dict[tuple[str, str], Stream] = {}
        self.known: dict[tuple[str, str], Stream] = {}
        self.handover, self.refreshes = Handover(self), Refreshes(self)
        self.deadlines, self.clock_samples = Deadlines(self), ClockSamples(self)
        self.watched: list[Watch] = [self.handover]
        self.first_s = max(config.settings.ack_timeout_s, adapter.limits.first_data_s)
        self.req_id = 0
        self.online = True
        self.bound_ns = NEVER
        self.idle_ns = ns(config.settings.idle_timeout_s or adapter.idle_timeout_s)

    # connections

    def opened(self, index: int, url: str, now_ns: int, replaces: int | None = None) -> Link:
        """A connection is open; it may be the heir of another one."""
        link = self.links[index] = Link(index, url, now_ns, now_ns)
        if not self.config.live:
            return link
        if replaces is not None:
            self.handover.opened(link, replaces)
        if self.adapter.ping_interval_s:
            link.ping_due_ns = now_ns + ns(self.adapter.ping_interval_s)
        self.arm(link.ping_due_ns, now_ns + self.idle_ns, self.deadlines.too_old_ns(link))
        if self.adapter.metadata_first:
            self.send(index, self.adapter.metadata_request(self.next_req_id()))
            link.ready_by_ns = now_ns + ns(self.settings.metadata_timeout_s)
            self.arm(link.ready_by_ns)
        else:
            self.begin(link, now_ns)
        return link

    def lost(self, index: int, now_ns: int) -> list[Stream]:
        """A connection is gone; the streams that it fed, or, when it was the only one, was to feed.

        Not those that a heir carries already.
        """
        link = self.links.pop(index, None)
        moved = [] if link is None else self.handover.lost(link, now_ns)
        orphans = [
            stream
            for stream in self.streams.values()
            if stream.connection == index or (stream.connection is None and not self.links)
        ]
        for stream in orphans:
            stream.leave("waiting" if stream.wanted else stream.phase)
        return [*moved, *orphans]

    def lose_thread(self, streams: Sequence[Stream], reason: Reason, now_ns: int) -> None:
        """Streams of a connection that lives were never heard on it: their books are lost, ask anew."""
        for stream in streams:
            if stream.carries == "book":
                self.instruments[stream.subscription.instrument].book.lose(reason, now_ns)
            if stream.connection is not None:
                self.resubscribe(stream, now_ns)

    def reassign(self, streams: Sequence[Stream], now_ns: int) -> None:
        """Streams whose connection is gone go on where another is left."""
        main = self._main()
        if not self.config.live or main is None:
            return
        left = [stream for stream in streams if stream.connection is None and stream.wanted]
        if left:
            self.unsubscribe(main.index, left)
            self._subscribe(main.index, left, now_ns)
        for stream in streams:
            if stream.carries == "book" and stream.connection is not None:
                self.instruments[stream.subscription.instrument].book.connected()
                self.want_snapshot(stream, now_ns)

    def rotate(self, reason: Reason, now_ns: int) -> None:
        """Replace the connections, as planned."""
        for link in list(self.links.values()):
            if self.config.live:
                self.handover.rotate(link, reason, now_ns)

    def going_away(self, index: int, now_ns: int, *, anew: bool) -> None:
        """The venue ends a connection soon: connect anew before that, once; ``anew``: without a handover."""
        link = self.links.get(index)
        if link is None or link.closing or not self.config.live:
            return
        if anew or not self.handover.rotate(link, Reason.VENUE_NOTICE, now_ns):
            self.close(link, Reason.VENUE_NOTICE)

    def listed(self, index: int, venue_symbol: str) -> None:
        """The venue's metadata has this name."""
        link = self.links.get(index)
        if link is not None and self.config.live and not link.ready:
            link.listed.append(venue_symbol)

    def metadata_done(self, index: int, now_ns: int) -> None:
        """All definitions of a connection have arrived: names that the venue does not list are refused.

        A venue that lists nothing here (its answer says only that it is ready) refuses nothing.
        """
        link = self.links.get(index)
        if link is None or link.ready or not self.config.live:
            return
        listed = sorted(set(link.listed))
        for stream in self.streams.values():
            wanted = stream.subscription
            if not listed or wanted.venue_symbol in listed or stream.phase != "waiting":
                continue
            near = difflib.get_close_matches(wanted.venue_symbol, listed, n=3)
            hint = f"; near are {', '.join(near)}" if near else ""
            stream.phase = "refused"
            self.notices.append(
                Refusal(
                    f"{self.config.venue} does not list {wanted.venue_symbol}{hint}",
                    wanted.instrument,
                    wanted.channel,
                )
            )
        link.listed = []
        self.begin(link, now_ns)

    def begin(self, link: Link, now_ns: int) -> None:
        """All that a connection had to wait for is there: ask on it for what waits."""
        link.ready, link.ready_by_ns = True, NEVER
        wanted = [s for s in self.streams.values() if s.phase == "waiting"]
        self._subscribe(link.index, wanted, now_ns)
        self.handover.ready(link, now_ns)

    # requests and their answers

    def pong(self, index: int) -> None:
        """The ping of a connection was answered."""
        if index in self.links:
            self.links[index].pong_by_ns = NEVER

    def acknowledged(self, stream: Stream, index: int, now_ns: int) -> None:
        """The venue accepted a subscription: its first message is due."""
        if stream.over:
            self.unsubscribe(index, [stream])  # it could not be named before
        self.handover.acknowledged(stream, index, now_ns)
        if stream.connection != index:
            return
        stream.phase = "active"
        stream.last_ns = now_ns if stream.last_ns is None else stream.last_ns
        if self.config.live:
            # Where the channel itself begins with nothing the acknowledgement is the whole answer.
            whole = stream.carries != "book" or (self.fetched and not self.lacks_snapshot(stream))
            stream.unanswered = 0 if whole else stream.unanswered
            self.await_by(stream, now_ns + ns(self.idle_s(stream) if whole else self.first_s))
            self.want_snapshot(stream, now_ns)

    def want_snapshot(self, stream: Stream, now_ns: int) -> None:
        """Fetch the snapshot of a book that is not there, unless that is under way."""
        idle = not stream.fetching and stream.retry_ns == NEVER
        if self.lacks_snapshot(stream) and idle and self.carried(stream) and self.config.live:
            self._fetch(stream, now_ns)

    def awaits_snapshot(self, instrument: str) -> bool:
        """Whether the answer to a fetch is of use: not when the connection was lost that was to join it."""
        streams = [one for one in self.streams.values() if one.subscription.instrument == instrument]
        if not (self.config.live and self.fetched) or any(one.fetching for one in streams):
            return True
        known = self.instruments.get(instrument)
        return known is not None and known.book.s.refresh is not None

    def fetched_snapshot(self, instrument: str, now_ns: int, *, good: bool) -> None:
        """The answer to a fetch came; a bad one, or one that is too old, is asked for again after a pause.

        Unless the book is there already, by an answer that overtook this one, or because the snapshot was to
        widen what is known of it.
        """
        for stream in self.streams.values():
            if stream.subscription.instrument != instrument or stream.carries != "book":
                continue
            stream.fetching = False
            missing = self.lacks_snapshot(stream) and self.config.live and self.carried(stream)
            if not good and missing:
                stream.retry_ns = now_ns + ns(self.settings.resync_backoff_s)
                self.arm(stream.retry_ns)
            elif not good:
                self.refreshes.failed(stream, now_ns)

    def stale_snapshot(self, stream: Stream, instrument: Instrument, now_ns: int) -> None:
        """A snapshot came that is too old to be joined."""
        if instrument.book.s.built:
            self.refreshes.too_old(stream, instrument, now_ns)
        else:
            self.fetched_snapshot(instrument.id, now_ns, good=False)

    def spoken_of(self, instrument: Instrument) -> None:
        """The venue answers about an instrument, although what it says is of no use."""
        for stream in self.streams_of(instrument):
            stream.unanswered = 0

    def watch_crossed(self, stream: Stream, instrument: Instrument) -> None:
        """A book that is crossed for now: look again when its time is over."""
        since_ns = instrument.book.s.crossed_ns
        if since_ns is not None and stream.retry_ns == NEVER and self.config.live:
            stream.retry_ns = since_ns + GRACE_NS
            self.arm(stream.retry_ns)

    def refused(self, stream: Stream, text: str) -> None:
        """The venue refused a subscription: it is not asked for again, unless it worked before."""
        wanted = stream.subscription
        self.notices.append(Refusal(text, wanted.instrument, wanted.channel))
        if stream.last_ns is None:
            stream.leave("refused")

    def heard(self, stream: Stream, now_ns: int, *, news: bool = False) -> None:
        """A message of a subscription came; the first after a probe answers it, unless it is ``news``."""
        stream.phase, stream.last_ns, stream.unanswered = "active", now_ns, 0
        if news or not stream.probed:
            stream.silences = 0
        stream.probed = False
        if self.config.live:
            self.await_by(stream, now_ns + ns(self.idle_s(stream)))

    def alive(self, stream: Stream, now_ns: int) -> None:
        """The venue says that a subscription goes on: its silence is none. It answers no question of ours."""
        asked = stream.probed or (stream.carries == "book" and self.missing(stream))
        if stream.phase == "active" and not asked and self.config.live:
            stream.last_ns = now_ns
            self.await_by(stream, now_ns + ns(self.idle_s(stream)))

    def missing(self, stream: Stream) -> bool:
        """Whether there is no book yet of the instrument."""
        instrument = self.instruments.get(stream.subscription.instrument)
        return instrument is not None and not instrument.book.s.built

    def broken(self, instrument: Instrument, now_ns: int) -> None:
        """A book was lost on a live connection: ask for it anew, after a pause that grows."""
        stream = next((s for s in self.streams_of(instrument) if s.carries == "book"), None)
        if stream is None or not self.carried(stream) or not self.config.live:
            return
        state, settings = instrument.book.s, self.settings
        pause_s = 0.0
        if state.attempts > settings.resync_attempts:
            instrument.book.accept_unverified()
            pause_s = settings.resync_backoff_max_s
        elif stream.spare is not None and self.handover.by_snapshot(stream):
            pause_s = settings.ack_timeout_s  # the heir's snapshot comes
        elif state.attempts > 1:
            doubled = settings.resync_backoff_s * 2.0 ** (state.attempts - 2)
            pause_s = min(settings.resync_backoff_max_s, doubled)
        if pause_s:
            stream.retry_ns, stream.deadline_ns = now_ns + ns(pause_s), NEVER
            self.arm(stream.retry_ns)
        else:
            self.renew(stream, now_ns)

    def lacks_snapshot(self, stream: Stream) -> bool:
        """Whether a book waits for a snapshot that is fetched, on a subscription that works."""
        wanted = self.fetched and stream.carries == "book" and stream.phase == "active"
        return wanted and self.missing(stream)

    def renew(self, stream: Stream, now_ns: int, *, keep_retry: bool = False) -> None:
        """Ask anew for what a stream begins with."""
        if self.lacks_snapshot(stream):
            stream.retry_ns = stream.retry_ns if keep_retry else NEVER
            self._fetch(stream, now_ns)
        else:
            self.resubscribe(stream, now_ns, keep_retry=keep_retry)

    def _fetch(self, stream: Stream, now_ns: int) -> None:
        source = cast(SnapshotSource, self.adapter)
        self.commands.append(Fetch(source.snapshot_request(stream.subscription)))
        stream.fetching = True
        self.await_by(stream, now_ns + ns(self.settings.snapshot_timeout_s))

    def carried(self, stream: Stream) -> bool:
        """Whether the stream has a connection whose end we have not asked for."""
        link = None if stream.connection is None else self.links.get(stream.connection)
        return link is not None and not link.closing

    def ends(self, index: int) -> bool:
        """Whether a connection is being replaced or closed: it takes nothing over."""
        link = self.links.get(index)
        return link is not None and (link.closing or link.rotation is not None)

    def close(self, link: Link, reason: Reason) -> None:
        """Ask for a connection to be replaced."""
        link.closing = True
        self.commands.append(Reconnect(link.index, reason))

    # subscriptions

    def add(self, stream: Stream) -> None:
        """A stream that was not known."""
        key = stream.subscription.instrument, stream.subscription.channel
        self.streams[key] = self.known[key] = stream

    def rest(self, instruments: Iterable[str]) -> list[Stream]:
        """Look no more at the streams of those among these instruments of which nothing is followed."""
        busy = {one.subscription.instrument for one in self.streams.values() if not one.over}
        gone = set(instruments) - busy
        resting = [one for one in self.streams.values() if one.subscription.instrument in gone]
        for one in resting:
            del self.streams[one.subscription.instrument, one.subscription.channel]
        return resting

    def wake(self, key: tuple[str, str]) -> None:
        """Look at a known stream again, in its old place."""
        if key not in self.streams:
            self.streams = {one: s for one, s in self.known.items() if one == key or one in self.streams}

    def follow(self, streams: Sequence[Stream], now_ns: int) -> None:
        """Ask for streams that are new, now or as soon as there is a connection."""
        link = self._main()
        if link is None or not self.config.live:
            return
        for stream in streams:
            if stream.carries == "book":
                self.instruments[stream.subscription.instrument].book.connected()
        self._subscribe(link.index, streams, now_ns)

    def unfollow(self, streams: Sequence[Stream], *, phase: str = "unfollowed") -> None:
        """Streams are wanted no longer, or ended: say so on their connections, and await nothing of them."""
        for index in self.links:
            self.unsubscribe(index, [stream for stream in streams if stream.is_on(index)])
        for stream in streams:
            stream.leave(phase)

    def _main(self) -> Link | None:
        """The connection on which new subscriptions are asked for: the last one that is ready."""
        ready = [link for link in self.links.values() if link.ready and not link.closing]
        return ready[-1] if ready else None

    def unsubscribe(self, index: int, streams: Iterable[Stream]) -> None:
        """Say on a connection that these streams are not wanted there."""
        link = self.links.get(index)
        if link is None or link.closing or not self.config.live:
            return
        ordered = sorted(streams, key=_request_key)
        for _, group in groupby(ordered, key=_request_key):
            subscriptions = [stream.subscription for stream in group]
            self.send(index, self.adapter.unsubscribe(subscriptions, self.next_req_id(), link.memo))

    def _subscribe(self, index: int, streams: Iterable[Stream], now_ns: int) -> None:
        for group, req_id, by_ns, silent in self.ask(index, streams, now_ns):
            for stream in group:
                stream.connection, stream.phase, stream.req_id = index, "requested", req_id
                if silent:  # it comes with another channel, whose answer counts for both
                    stream.phase, by_ns = "active", now_ns + ns(self.idle_s(stream))
                self.await_by(stream, by_ns)

    def ask(
        self, index: int, streams: Iterable[Stream], now_ns: int
    ) -> list[tuple[list[Stream], int, int, bool]]:
        """Ask for streams: for each request its streams, its number, when its answer is due, and whether
        nothing had to be said for it.
        """
        asked, sent, rate = [], 0, max(1, int(self.adapter.limits.messages_per_s))
        ordered = sorted(streams, key=_request_key)
        for _, group in groupby(ordered, key=_request_key):
            wanted = list(group)
            req_id = self.next_req_id()
            messages = self.adapter.subscribe([stream.subscription for stream in wanted], req_id)
            self.send(index, messages)
            sent += len(messages)
            # What leaves at the venue's pace is answered at that pace.
            wait_s = self.settings.ack_timeout_s if wanted[0].carries != "book" else self.first_s
            by_ns = now_ns + ns(wait_s + sent // rate)
            asked.append((wanted, req_id, by_ns, not messages))
        return asked

    def resubscribe(self, stream: Stream, now_ns: int, *, keep_retry: bool = False) -> None:
        """Ask for a stream once more where it is carried."""
        index = stream.connection
        if index is None:
            return
        if not keep_retry:
            stream.retry_ns = NEVER
        if not self.adapter.limits.asks_twice:
            self.unsubscribe(index, [stream])
        self._subscribe(index, [stream], now_ns)

    def streams_of(self, instrument: Instrument) -> list[Stream]:
        """All streams of an instrument, followed or not."""
        return [s for s in self.streams.values() if s.subscription.instrument == instrument.id]

    def idle_ns_of(self, stream: Stream) -> int:
        """The silence of a stream after which it is asked for anew."""
        return ns(self.idle_s(stream))

    def idle_s(self, stream: Stream) -> float:
        """The same in seconds; it doubles with each silence."""
        idle_s: float = min(MAX_STREAM_IDLE_S, self.settings.stream_idle_s * 2.0 ** min(stream.silences, 10))
        return idle_s

    def await_by(self, stream: Stream, deadline_ns: int) -> None:
        """Something of a stream is awaited until then."""
        stream.deadline_ns = deadline_ns
        self.arm(deadline_ns, stream.retry_ns)

    def arm(self, *deadlines_ns: int) -> None:
        """Something is due then."""
        self.bound_ns = min(self.bound_ns, *deadlines_ns)

    def send(self, index: int, messages: list[bytes]) -> None:
        """Send messages on a connection."""
        self.commands.extend(Send(index, message) for message in messages)

    def next_req_id(self) -> int:
        """The number of the next request of the shard."""
        self.req_id += 1
        return self.req_id


def _request_key(stream: Stream) -> tuple[str, int]:
    return stream.subscription.channel, stream.subscription.depth or 0
