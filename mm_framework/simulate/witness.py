"""What a simulated run was given and said: its records, its output hashed; that it keeps its deadlines."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

from mm_framework.feed import Feed, Output
from mm_framework.model.events import Kind, Reason, Row, SyncState, iter_rows
from mm_framework.model.frame import HEADER, Block, RecordKind
from mm_framework.simulate.harm import Harm

__all__ = ["Digest", "Punctual", "Quiet", "Violation", "Witness"]


LATE_NS = 100_000_000


class Violation(AssertionError):
    """Something does not hold. ``rule``: a word for it."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


class Digest:
    """Hashes rows, and the stamps of messages, in order. A listener of a capture and of a replay."""

    done = False

    def __init__(self) -> None:
        self._rows, self._stamps = hashlib.sha256(), hashlib.sha256()
        self.ended_ns = 0

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`."""
        self._rows.update(output.rows)
        for stamp_ns in output.mono_ns:
            self._stamps.update(f"{shard} {stamp_ns}\n".encode())

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def restore(self, feed: Feed, mono_ns: int) -> None:
        """A whole run begins without a checkpoint."""
        raise RuntimeError("the log of a whole run begins with a checkpoint")

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""
        self.ended_ns = mono_ns

    def told(self) -> tuple[str, str, int]:
        """Digest of the rows, digest of the messages' stamps, the end."""
        return self._rows.hexdigest(), self._stamps.hexdigest(), self.ended_ns


class Witness:
    """Keeps every record; the first listener, so that it knows the record at which another one objects.

    ``now()`` is the time at which the record was handed to the log.
    """

    done = False

    def __init__(self, now: Callable[[], int]) -> None:
        self.records: dict[int, list[bytes]] = {}
        self.given_ns: dict[int, list[int]] = {}
        self.kinds: Counter[str] = Counter()
        self.last: tuple[int, int, int] | None = None
        """Shard, index and mono_ns of the last record."""
        self._now = now

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`."""
        _, _, kind, _, _, index, _, _ = HEADER.unpack_from(record)
        self.records.setdefault(shard, []).append(record)
        self.given_ns.setdefault(shard, []).append(self._now())
        self.kinds[RecordKind(kind).name.lower()] += 1
        self.last = (shard, index, mono_ns)

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""


_LATE = frozenset({Reason.TRADE_ID_GAP, Reason.SILENT, Reason.LIVENESS})
"""Losses that may be found long after they happened."""


class Quiet:
    """The loss of a book that is declared long after anything went wrong, or before, was made up.

    ``harm``: what went wrong; ``settled_ns``: so long after that no book may be lost any more. A hole in the
    trades shows with the next trade, whenever that comes; a silence hides what it hides until the stream is
    asked again, and a quiet one is asked ever more seldom; and a level that an altered digit made false may
    cross the book much later.
    """

    done = False

    def __init__(self, harm: Harm, settled_ns: int) -> None:
        self._harm, self._settled_ns = harm, settled_ns

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`. Raises Violation."""
        until_ns = self._harm.until_ns(mono_ns)
        if not output.n_rows or (until_ns is not None and mono_ns < until_ns + self._settled_ns):
            return
        when = "anything has gone wrong" if until_ns is None else "nothing has gone wrong for long"
        late = _LATE | {Reason.CROSSED} if self._harm.altered else _LATE
        for row in iter_rows(output.rows):
            if _lost(row) and (row.aux not in late or until_ns is None):
                raise Violation(
                    "made up",
                    f"the loss of instrument {row.instrument} is declared ({Reason(row.aux).name})"
                    f" {'before' if until_ns is None else 'although'} {when}",
                )

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""


def _lost(row: Row) -> bool:
    """Whether a row declares a loss, or that a book is no longer SYNCED that was."""
    if row.kind == Kind.SYNC_CHANGE:
        return row.price == SyncState.SYNCED and row.size in (SyncState.RESYNCING, SyncState.CONNECTING)
    return row.kind in (Kind.GAP, Kind.CHECKSUM_MISMATCH)


class Punctual:
    """A `Feed` gets a record when a deadline of it is due, however late the machine was (``excused``).

    ``deadline_ns(shard)``: see `capture.runner.Capture.next_deadline_ns`.
    """

    done = False

    def __init__(self, deadline_ns: Callable[[int], int | None], excused: Callable[[int, int], int]) -> None:
        self._deadline_ns, self._excused = deadline_ns, excused
        self._due_ns: dict[int, int | None] = {}

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`. Raises Violation."""
        due_ns = self._due_ns.get(shard)
        if due_ns is not None and mono_ns - due_ns > LATE_NS:
            late_ns = mono_ns - due_ns - self._excused(due_ns, mono_ns)
            if late_ns > LATE_NS:
                raise Violation("late", f"a deadline of shard {shard} was kept {late_ns / 1e9:.3f} s late")
        self._due_ns[shard] = self._deadline_ns(shard)

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""
