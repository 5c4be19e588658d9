"""The truth log: every frame that an emulated venue sent, suppressed or altered, and why.

Tests and audits hold a capture to it. The frames with ``wire`` 0, 1, 2, ... of a connection are, in
this order, what its client received (a client that leaves early received the first of them).
"""

from __future__ import annotations

import enum
from collections import Counter
from typing import IO, Any, NamedTuple

import msgspec

from mm_framework.contracts.emulator import Level
from mm_framework.model.fixed import digits

__all__ = ["Outcome", "TruthEntry", "TruthLog", "TruthWriter"]


class Outcome(enum.StrEnum):
    """What became of a frame, or of a connection."""

    SENT = "sent"
    ALTERED = "altered"
    REPEATED = "repeated"
    DELAYED = "delayed"
    SUPPRESSED = "suppressed"
    OPENED = "opened"
    ENDED = "ended"
    STRUCK = "struck"


class TruthEntry(NamedTuple):
    """One line.

    ``number`` counts the frames of the run, over all connections; an event of a connection or the
    clock has the number of the next frame. ``outcome`` of a frame: ``sent``; ``altered`` (sent, with
    other bytes than the truth); ``repeated`` (sent once more); ``delayed`` (held back; a later line
    with the same number says that it was sent); ``suppressed``. Of others: ``opened``, ``ended``
    (``detail`` says how) and ``struck`` (a fault came). ``faults`` names what did it. ``wire`` is the
    frame's index on its connection, None if it was not sent. ``bids``, ``asks``: the best levels of
    the true book when a book frame was made, as integers at the listing's scales, None if not asked
    for. ``at_ns``: monotonic.
    """

    number: int
    at_ns: int
    connection: int | None
    outcome: Outcome
    kind: str
    faults: tuple[str, ...] = ()
    wire: int | None = None
    channel: str | None = None
    symbol: str | None = None
    depth: int | None = None
    trade_ids: tuple[int, ...] = ()
    bids: tuple[Level, ...] | None = None
    asks: tuple[Level, ...] | None = None
    detail: str | None = None


class TruthLog:
    """Collects entries and counts them.

    ``levels``: how many of the best levels of each side go with each book frame, 0 for none. Entries
    gather in ``entries`` (or are only counted, with ``keep`` False) until `drain` takes them.
    """

    def __init__(self, *, levels: int = 0, keep: bool = True) -> None:
        self.levels = levels
        self.keep = keep
        self.entries: list[TruthEntry] = []
        self.outcomes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def add(self, entry: TruthEntry) -> None:
        """Count an entry and keep it."""
        self.outcomes[entry.outcome] += 1
        for fault in entry.faults:
            self.faults[fault] += 1
        if self.keep:
            self.entries.append(entry)

    def drain(self) -> list[TruthEntry]:
        """Take the entries that gathered since the last call."""
        taken, self.entries = self.entries, []
        return taken


class TruthWriter:
    """Writes entries as JSON lines; absent facts are left out, prices and sizes are decimal text.

    ``scales``: symbol to (price, size) scales of the integers.
    """

    def __init__(self, file: IO[bytes], scales: dict[str, tuple[int, int]]) -> None:
        self._file = file
        self._scales = scales

    def write(self, entries: list[TruthEntry]) -> None:
        """Append these entries."""
        self._file.writelines(msgspec.json.encode(self._line(entry)) + b"\n" for entry in entries)

    def _line(self, entry: TruthEntry) -> dict[str, Any]:
        line = {
            name: value
            for name, value in entry._asdict().items()
            if value is not None and not (name in ("faults", "trade_ids") and not value)
        }
        for side in ("bids", "asks"):
            if side in line:
                line[side] = self._levels(entry.symbol, line[side])
        return line

    def _levels(self, symbol: str | None, levels: tuple[Level, ...]) -> list[tuple[str, str]]:
        price_scale, size_scale = self._scales[symbol or ""]
        return [
            (digits(price, price_scale, price_scale), digits(size, size_scale, size_scale))
            for price, size in levels
        ]
