"""One instrument's book and the proof that it is the venue's.

    snapshot or delta -> apply -> cut to the depth -> checksum -> crossed? -> rows, then events

`BookSync.apply` is given one whole message at a time. It emits the message's rows (flagged UNTRUSTED
while the book is not proved) and, after them, what changed: a mismatch or a gap, the new state. It
never asks for anything: the caller reads ``state`` and decides what to send.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.model.book import Book, Level, OrderBook
from mm_framework.model.events import ASK, BID, NULL, Kind, Reason, RowFlag, SyncState
from mm_framework.model.fixed import InexactValue
from mm_framework.sync.book_state import (
    GRACE_NS,
    MAX_EPOCH,
    MAX_REPETITION,
    MAX_WAITING,
    BookMessage,
    BookState,
    Owner,
)
from mm_framework.sync.checksum import checksum, learn
from mm_framework.sync.counts import Counts
from mm_framework.sync.depth import KnownDepth
from mm_framework.sync.doubt import told_book
from mm_framework.sync.emit import Emitter, Entry
from mm_framework.sync.proofs import Proofs
from mm_framework.sync.refresh import Refresh
from mm_framework.sync.repeated import again
from mm_framework.sync.state import Trigger, next_state

__all__ = ["BookMessage", "BookState", "BookSync", "Owner"]


class BookSync:
    """The book of one instrument. ``stable_ns``: SYNCED for so long, a loss counts as the first again.

    ``make_book`` makes the levels' keeper, empty.
    """

    def __init__(
        self,
        owner: Owner,
        rules: SyncRules,
        emitter: Emitter,
        counts: Counts,
        stable_ns: int,
        make_book: Callable[[], Book] = OrderBook,
    ) -> None:
        self.owner, self.rules, self.emitter, self.counts = owner, rules, emitter, counts
        self.stable_ns = stable_ns
        self._make_book = make_book
        self.book = make_book()
        self.s = BookState()
        self.proofs = Proofs()
        self._numbered = False

    def apply(
        self, message: BookMessage, now_ns: int, *, online: bool = True, numbered: bool = False
    ) -> Reason | None:
        """Apply a message; the reason when it broke the book, else None.

        ``online``: the venue trades. ``numbered``: its frame has the number that was due on its connection.
        """
        self._numbered = numbered
        if message.snapshot and self.fetched:
            return self._join(message, now_ns, online=online)
        if message.snapshot:
            self._accept(message, now_ns)
            self.s.number = None if message.last == NULL else message.last
        elif not self.s.built:
            self._keep(message)
            return None
        elif (follow := self._follow(message)) is not Follow.NEXT:
            return self._out_of_order(message, follow, now_ns)
        return self._take(message, now_ns, online=online)

    @property
    def fetched(self) -> bool:
        """Whether the book begins with a snapshot that is fetched."""
        sequence = self.rules.sequence
        return sequence is not None and sequence.bridge == "rest"

    def _take(self, message: BookMessage, now_ns: int, *, online: bool) -> Reason | None:
        """Apply a message that is in order."""
        s = self.s
        s.seen_price = max(s.seen_price, message.decimals[0])
        s.seen_size = max(s.seen_size, message.decimals[1])
        self._apply_levels(message)
        if s.refresh is not None:
            s.refresh.touch(message.levels, message.last)
        proof = self._prove(message)
        broken = proof.reason
        if broken is None:
            broken = self._crossed(message, now_ns, crossed=online and self.book.crossed)
        trusted = broken is None and (proof.holds or s.state is SyncState.SYNCED)
        self._emit(message, 0 if trusted else RowFlag.UNTRUSTED)
        if message.snapshot:
            self._to(Trigger.SNAPSHOT, Reason.SNAPSHOT)
        if broken is None:
            if proof.holds and self.s.state is not SyncState.SYNCED:
                s.synced_ns, s.unverified = now_ns, False
                self._to(Trigger.PROVED, Reason.VERIFIED)
            return self._widen(now_ns, online=online)
        if s.unverified:
            return None
        expected, found = proof.expected, proof.found
        if broken is Reason.CROSSED:
            expected, found = _price(self.book.best_bid), _price(self.book.best_ask)
        self.lose(broken, now_ns, expected, found)
        return broken

    def _crossed(self, message: BookMessage, now_ns: int, *, crossed: bool) -> Reason | None:
        """What the venue's policy says of a book after a message without a mismatch."""
        s, policy = self.s, self.rules.crossed
        # Where the venue's checksum holds it is its own book that is crossed.
        if not crossed or (policy == "grace" and message.checksum != NULL):
            s.crossed_ns = None
            return None
        if policy == "grace":
            s.crossed_ns = now_ns if s.crossed_ns is None else s.crossed_ns
            if now_ns - s.crossed_ns < GRACE_NS:
                return None
        elif policy == "ignore":
            return None
        self.counts.crossed += 1
        return Reason.CROSSED

    def stays_crossed(self, now_ns: int) -> bool:
        """Whether a crossed book has had its time of grace; then it is lost."""
        if self.s.crossed_ns is None or now_ns - self.s.crossed_ns < GRACE_NS:
            return False
        self.counts.crossed += 1
        self.lose(Reason.CROSSED, now_ns, _price(self.book.best_bid), _price(self.book.best_ask))
        return True

    def _join(self, snapshot: BookMessage, now_ns: int, *, online: bool) -> Reason | None:
        """Apply a fetched snapshot, then the updates that waited for it; it may be too old for them."""
        s = self.s
        if s.built:
            return self._refresh(snapshot, now_ns, online=online)
        number = snapshot.last
        waiting = [update for update in s.waiting if not self._contained(update, number, bridging=True)]
        if waiting and not self._joins(waiting[0], number, bridging=True):
            self.counts.stale_snapshots += 1
            return Reason.STALE_SNAPSHOT
        self.count("sequence_dropped", len(s.waiting) - len(waiting))
        self._accept(snapshot, now_ns)
        s.number, s.bridging, s.waiting = number, True, []
        broken = self._take(snapshot, now_ns, online=online)
        for update in waiting:
            broken = self.apply(update, now_ns, online=online) or broken
        return broken

    def begin_refresh(self) -> None:
        """A snapshot is asked for to know more of the book: from now on it is noted what updates touch."""
        if self.s.refresh is None and self.s.number is not None:
            self.s.refresh = Refresh(self.s.number)

    def end_refresh(self) -> None:
        """No such snapshot is awaited any more."""
        self.s.refresh = None

    def _refresh(self, snapshot: BookMessage, now_ns: int, *, online: bool) -> Reason | None:
        """A fetched snapshot of a book that is kept: of use when one was asked for, and not before that."""
        s = self.s
        if s.refresh is None:
            return None
        if snapshot.last < s.refresh.since:
            self.counts.stale_snapshots += 1
            return Reason.STALE_SNAPSHOT
        s.refresh.hold(snapshot.last, snapshot.levels, KnownDepth.of(snapshot.levels, s.asked))
        return self._widen(now_ns, online=online)

    def _widen(self, now_ns: int, *, online: bool) -> Reason | None:
        """Join the snapshot that waits for the book, if there is one and the book has got to its number."""
        s, refresh = self.s, self.s.refresh
        if refresh is None or not refresh.reached(s.number):
            return None
        s.refresh = None
        joined = refresh.join(self.book, s.bound)
        if joined.differs is not None:
            self.counts.refreshes_differing += 1
            self.lose(Reason.SNAPSHOT_DIFFERS, now_ns, *joined.differs)
            return Reason.SNAPSHOT_DIFFERS
        self.counts.refreshes_joined += 1
        told = BookMessage(False, joined.news, last=refresh.number if refresh.number is not None else NULL)
        self._apply_levels(told)
        s.bound.widen(refresh.bound)
        self._emit_known(told)
        broken = self._crossed(told, now_ns, crossed=online and self.book.crossed)
        if broken is not None:
            self.lose(broken, now_ns, _price(self.book.best_bid), _price(self.book.best_ask))
        return broken

    def _keep(self, update: BookMessage) -> None:
        """An update of a book that is not there: it waits for the snapshot, if that is fetched."""
        if not self.fetched:
            self.counts.orphan_deltas += 1
            return
        if len(self.s.waiting) >= MAX_WAITING:
            self.counts.orphan_deltas += 1
            del self.s.waiting[0]
        self.s.waiting.append(update)

    def _follow(self, update: BookMessage) -> Follow:
        """Whether an update is the next one; then it is the last one."""
        spec, s = self.rules.sequence, self.s
        if spec is None or spec.scope != "instrument" or update.last == NULL:
            return Follow.NEXT
        if s.number is not None:
            joins = self._joins(update, s.number, bridging=s.bridging)
            joins = joins or (s.joining and self._overlaps(update))
            by_prev = spec.link == "prev" and not s.bridging
            if not (joins and by_prev) and self._repeats(update, s.number):
                return Follow.OLD
            if not joins:
                return Follow.GAP
        s.number, s.bridging, s.joining = update.last, False, False
        self.count("sequence_applied")
        return Follow.NEXT

    def meets(self, update: BookMessage) -> bool:
        """Whether an update of another connection is the next one, or known, or overlaps what is known."""
        spec, s = self.rules.sequence, self.s
        if spec is None or s.number is None or update.last == NULL:
            return True
        joins = self._joins(update, s.number, bridging=False) or self._overlaps(update)
        return joins or self._repeats(update, s.number)

    def join_next(self) -> None:
        """Another connection feeds the book from now on; it may cut the venue's updates in other places."""
        self.s.joining = self.s.number is not None

    def _overlaps(self, update: BookMessage) -> bool:
        """Whether an update begins within what the book has, and ends behind it. Sizes are absolute."""
        spec, number = self.rules.sequence, self.s.number
        if spec is None or number is None or update.first == NULL or update.last <= number:
            return False
        return update.first <= (number if spec.link == "prev" else number + 1)

    def _contained(self, update: BookMessage, number: int, *, bridging: bool) -> bool:
        """Whether the book at ``number`` has the update already.

        With link ``prev`` the update that joins a snapshot may end at its very number.
        """
        spec = self.rules.sequence
        if bridging and spec is not None and spec.link == "prev":
            return update.last < number
        return update.last <= number

    def _repeats(self, update: BookMessage, number: int) -> bool:
        """Whether an update says again what the book has; numbers that fall far were started anew."""
        old = self._contained(update, number, bridging=self.s.bridging)
        return old and number - update.last <= MAX_REPETITION

    def _joins(self, update: BookMessage, number: int, *, bridging: bool) -> bool:
        spec = self.rules.sequence
        if spec is not None and spec.link == "prev":
            return update.prev == number or (bridging and update.first <= number <= update.last)
        return update.first == number + 1 or (bridging and update.first <= number + 1 <= update.last)

    def _out_of_order(self, update: BookMessage, follow: Follow, now_ns: int) -> Reason | None:
        """A repetition is dropped; a hole loses the book, and the update waits for the next snapshot."""
        s, spec = self.s, self.rules.sequence
        number = s.number if s.number is not None else NULL
        by_prev = spec is not None and spec.link == "prev"
        if follow is Follow.OLD:
            self.count("sequence_dropped")
            first, last = update.first, update.last
            s.repeated = again(s.repeated, above=number, first=first, last=last, now_ns=now_ns)
            if s.bridging or not s.repeated.wrong(now_ns):
                return None
        self.count("sequence_breaks")
        self.lose(
            Reason.SEQUENCE_GAP,
            now_ns,
            number if by_prev else number + 1,
            update.prev if by_prev else update.first,
        )
        self._keep(update)
        return Reason.SEQUENCE_GAP

    def connected(self) -> None:
        """The connection that will feed the book is open."""
        if self.s.state is SyncState.CONNECTING:
            self._to(Trigger.CONNECTED, Reason.CONNECTED)

    def disconnected(self, reason: Reason, now_ns: int) -> None:
        """The connection that fed the book is gone; the end of a run is not a loss."""
        s = self.s
        if s.state is SyncState.STOPPED or reason in (Reason.SHUTDOWN, Reason.RECORDING_END):
            return
        self._declare(reason, now_ns, NULL, NULL)
        s.probing = s.unverified = False
        self._to(Trigger.LOST, reason)

    def lose(self, reason: Reason, now_ns: int, expected: int = NULL, found: int = NULL) -> None:
        """The book is not the venue's any more: declare it, and wait for a snapshot."""
        self._declare(reason, now_ns, expected, found)
        if self.s.state not in (SyncState.CONNECTING, SyncState.STOPPED):
            self._to(Trigger.BROKEN, reason)

    def stop(self) -> None:
        """The run stops; the book stays as it is."""
        if self.s.state is not SyncState.STOPPED:
            self._to(Trigger.STOPPED, Reason.SHUTDOWN)

    def leave(self, reason: Reason) -> None:
        """Nobody follows it any more, or the venue ended it: it is emptied. No loss; a new epoch is next."""
        s = self.s
        if s.state is SyncState.STOPPED:
            return
        self._to(Trigger.STOPPED, reason)
        self.book.clear()
        epoch = min(s.epoch + s.built, MAX_EPOCH)
        self.s = BookState(SyncState.STOPPED, epoch, seen_price=s.seen_price, seen_size=s.seen_size)

    def rest(self) -> None:
        """A book that nobody follows holds no levels: an empty plain one is kept in its place."""
        self.book = OrderBook()

    def wake(self) -> None:
        """There will be levels again."""
        self.book = self._make_book()

    def follow(self) -> None:
        """The book is followed again."""
        if self.s.state is SyncState.STOPPED:
            self._to(Trigger.FOLLOWED, Reason.START)

    def accept_unverified(self) -> None:
        """After too many losses in a row: keep what comes, flagged, and claim nothing."""
        self.s.unverified = True

    def _accept(self, message: BookMessage, now_ns: int) -> None:
        """Make room for a snapshot: same epoch if nothing was lost, else the one that waits for it."""
        s = self.s
        if s.built and s.probing and not self.is_same(message):
            self.lose(Reason.SILENT, now_ns)
        s.probing = False
        self.book.clear()
        if not s.built:
            s.built = True
            self.counts.epochs += 1

    def is_same(self, message: BookMessage) -> bool:
        """Whether a snapshot is the book that is there."""
        told = told_book(message.levels)
        return told.bids() == self.book.bids() and told.asks() == self.book.asks()

    def _apply_levels(self, message: BookMessage) -> None:
        book = self.book
        if message.snapshot:
            bids = [(price, size) for side, price, size in message.levels if side == BID]
            book.load(bids, [(price, size) for side, price, size in message.levels if side != BID])
        else:
            known = [book.apply(side, price, size) for side, price, size in message.levels]
            self.counts.unknown_deletes += known.count(False)
        rules, spec = self.rules, self.rules.checksum
        depth = self.owner.definition.depth if rules.keeps_depth else self.s.asked
        if depth is not None and spec is not None and spec.truncate:
            book.truncate(depth)
        if (rules.keeps_depth and depth is not None) or message.snapshot:
            self.s.bound.update(book, depth)

    def _prove(self, message: BookMessage) -> _Proof:
        spec = self.rules.checksum
        if spec is None:
            sequence = self.rules.sequence
            by_frame = sequence is not None and sequence.scope == "connection"
            return _Proof(holds=self._numbered if by_frame else not self.s.bridging)
        if message.checksum == NULL:
            return _Proof(holds=self._numbered)
        found = self._checksum(message.checksum)
        if found != message.checksum:
            self.counts.checksums_failed += 1
            return _Proof(
                holds=False, reason=Reason.CHECKSUM_MISMATCH, expected=message.checksum, found=found
            )
        self.counts.checksums_verified += 1
        self._count_covered(message, spec.depth)
        return _Proof(holds=True)

    def _checksum(self, expected: int) -> int:
        """The checksum of the book; learns the display precision when nobody told it."""
        spec, definition, s = self.rules.checksum, self.owner.definition, self.s
        assert spec is not None
        scales = (definition.price_scale, definition.size_scale)
        known = (definition.price_decimals, definition.size_decimals)
        seen = (min(s.seen_price, scales[0]), min(s.seen_size, scales[1]))
        told = definition.precision == "metadata"
        # Of nothing, and in a form without fixed decimals, every precision prints the same.
        if not len(self.book) or spec.form == "js_number":
            return checksum(spec, self.book, scales, seen)
        if (
            known[0] is None
            or known[1] is None
            or not (told or (seen[0] <= known[0] and seen[1] <= known[1]))
        ):
            pair = learn(spec, self.book, scales, seen, expected)
            if pair is None:
                return checksum(spec, self.book, scales, seen)
            self.owner.redefine(price_decimals=pair[0], size_decimals=pair[1], precision="learned")
            return expected
        try:
            return checksum(spec, self.book, scales, (known[0], known[1]))
        except InexactValue:
            return checksum(spec, self.book, scales, seen)

    def _count_covered(self, message: BookMessage, depth: int) -> None:
        bid, ask = self.book.bound(BID, depth), self.book.bound(ASK, depth)
        covered = 0
        for side, price, _ in message.levels:
            bound = bid if side == BID else ask
            covered += bound is None or (price >= bound if side == BID else price <= bound)
        self.counts.levels_covered += covered
        self.counts.levels_not_covered += len(message.levels) - covered

    def _emit_known(self, told: BookMessage) -> None:
        """The levels that a refresh told, and what is known by it."""
        self._emit(told, RowFlag.SNAPSHOT)
        number, bound = self.owner.definition.number, self.s.bound
        bid, ask = (NULL if price is None else price for price in (bound.bid, bound.ask))
        self.emitter.event(Kind.KNOWN_DEPTH, number, self.s.epoch, bid, ask, Reason.REFRESHED)

    def _emit(self, message: BookMessage, flags: int) -> None:
        definition = self.owner.definition
        number = message.checksum if message.checksum != NULL else message.last
        entries: list[Entry] = [(Kind.LEVEL, side, price, size, NULL) for side, price, size in message.levels]
        if message.snapshot:
            flags |= RowFlag.SNAPSHOT
            entries.insert(0, (Kind.SNAPSHOT_START, 0, NULL, len(entries), number))
        elif not entries:
            return
        kind, side, price, size, _ = entries[-1]
        entries[-1] = (kind, side, price, size, number)
        if self.s.bound.unproved(self.book):
            flags |= RowFlag.DEPTH_UNPROVED
            self.count("depth_unproved_messages")
        self.counts.levels += len(message.levels)
        self.emitter.group(
            Kind.SNAPSHOT_START if message.snapshot else Kind.LEVEL,
            definition.number, self.s.epoch, entries, flags=flags, first=message.first,
            last=message.last, prev=message.prev, checksum=message.checksum,
            ts_venue_ns=message.ts_venue_ns,
        )  # fmt: skip

    def count(self, name: str, n: int = 1) -> None:
        """Count for the instrument and for all."""
        for counts in (self.counts, self.proofs):
            setattr(counts, name, getattr(counts, name) + n)

    def _declare(self, reason: Reason, now_ns: int, expected: int, found: int) -> None:
        """Write the loss into the rows, in the epoch that ends; then the epoch is another one."""
        s = self.s
        s.waiting = []
        if not s.built:
            return
        kind = Kind.CHECKSUM_MISMATCH if reason is Reason.CHECKSUM_MISMATCH else Kind.GAP
        self.counts.gaps += kind is Kind.GAP
        self.emitter.event(
            kind, self.owner.definition.number, s.epoch, expected, found, reason, flags=RowFlag.UNTRUSTED
        )
        if s.synced_ns is not None and now_ns - s.synced_ns >= self.stable_ns:
            s.attempts = 0
        s.built, s.synced_ns, s.crossed_ns = False, None, None
        s.number, s.bridging, s.joining, s.repeated, s.doubt = None, False, False, None, None
        s.refresh = None
        s.attempts += 1
        s.epoch = min(s.epoch + 1, MAX_EPOCH)

    def _to(self, trigger: Trigger, reason: Reason) -> None:
        s, old = self.s, self.s.state
        s.state = next_state(old, trigger)
        if s.state is old:
            return
        if self.owner.defined:
            self.emitter.event(
                Kind.SYNC_CHANGE, self.owner.definition.number, s.epoch, old, s.state, reason,
                flags=0 if s.state is SyncState.SYNCED else RowFlag.UNTRUSTED,
            )  # fmt: skip
        self.owner.state_changed(old, s.state, reason, s.epoch)


class Follow(enum.Enum):
    """What the numbers say of an update."""

    NEXT = "it follows"
    OLD = "the book has it already"
    GAP = "something is missing before it"


@attrs.frozen
class _Proof:
    """``holds``: the venue's proof covers the book as it is now. ``reason``: it speaks against it."""

    holds: bool
    reason: Reason | None = None
    expected: int = NULL
    found: int = NULL


def _price(level: Level | None) -> int:
    return NULL if level is None else level[0]
