"""The compiled path of `Feed` beside the reference path: the same records to both, everything compared.

    twin = compare(kits, records, seed=1)     # raises AssertionError for any difference
    twin.frames, twin.slow                    # frames read, and those that the scanner left alone

Compared are rows, messages, stamps, commands, notices and deadlines after every block, and counts (but
those of fallbacks), definitions, books and the checkpoint now and then and at the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from mm_framework.feed import Feed, VenueKit
from mm_framework.feed.output import Output
from mm_framework.model.events import ASK, BID, iter_messages, iter_rows
from mm_framework.model.frame import Record, RecordKind, iter_records

__all__ = ["Twin", "compare"]

SHOWN = 4
"""Frames at the end of a block that the message of a failure shows."""


class _Watched(Feed):
    """Counts the frames that the reference path takes."""

    slow = 0

    def _take(self, record: Record) -> None:
        self.slow += record.kind == RecordKind.FRAME
        super()._take(record)


class Twin:
    """Two feeds of the same shard, one of them without kernels."""

    def __init__(self, kits: Mapping[str, VenueKit], shard: int = 0) -> None:
        self.compiled = _Watched(kits, shard)
        self.reference = Feed(kits, shard, reference=True)

    @property
    def frames(self) -> int:
        """Frames so far."""
        return self.reference.counts.frames

    @property
    def slow(self) -> int:
        """Frames so far that the scanner left to the reference path."""
        return self.compiled.slow

    def take(self, records: Sequence[bytes]) -> None:
        """Feed one block to both. Raises AssertionError for what is not the same."""
        block = b"".join(records)
        expected = _said(self.reference.feed(block), self.reference)
        found = _said(self.compiled.feed(block), self.compiled)
        if found == expected:
            return
        for name, value in expected.items():
            if found[name] != value:
                raise AssertionError(
                    f"the kernels and the reference path differ in {name} after {_shown(records)}: "
                    + _difference(name, found[name], value)
                )

    def settle(self) -> None:
        """Compare the state. Raises AssertionError."""
        for name, read in _STATE.items():
            found, expected = read(self.compiled), read(self.reference)
            if found != expected:
                raise AssertionError(
                    f"the kernels and the reference path differ in {name} after {self.frames} frames: "
                    + _difference(name, found, expected)
                )


def compare(kits: Mapping[str, VenueKit], records: Sequence[bytes], *, seed: int = 0, most: int = 60) -> Twin:
    """Both paths over a log that is cut at random into blocks of at most ``most`` records.

    Raises AssertionError, with the frames of the block, for any difference.
    """
    draw, twin, place = random.Random(seed), Twin(kits), 0
    while place < len(records):
        block = records[place : place + draw.randint(1, most)]
        twin.take(block)
        if draw.random() < 0.1:
            twin.settle()
        place += len(block)
    twin.settle()
    return twin


def _said(output: Output, feed: Feed) -> dict[str, Any]:
    """A copy of what one call gave."""
    return {
        "rows": bytes(output.rows),
        "messages": bytes(output.messages),
        "stamps": list(output.mono_ns),
        "commands": list(output.commands),
        "notices": list(output.notices),
        "the next deadline": feed.next_deadline_ns(),
    }


def _counted(feed: Feed) -> dict[str, int]:
    return {name: n for name, n in attrs.asdict(feed.counts).items() if name != "fallback_frames"}


def _books(feed: Feed) -> list[tuple[Any, ...]]:
    return [
        (
            view.id,
            view.definition,
            view.state,
            view.epoch,
            view.bound,
            view.proofs,
            view.book.bids(),
            view.book.asks(),
            view.book.best_bid,
            view.book.best_ask,
            view.book.crossed,
            [view.book.bound(side, 10) for side in (BID, ASK)],
        )
        for view in feed.instruments()
    ]


_STATE: dict[str, Callable[[Feed], Any]] = {
    "counts": _counted,
    "books": _books,
    "definitions": lambda feed: feed.definitions,
    "the checkpoint": Feed.checkpoint,
}


def _difference(name: str, found: Any, expected: Any) -> str:
    """Both sides, of rows and messages the first that differ."""
    if name in ("rows", "messages"):
        decode = iter_rows if name == "rows" else iter_messages
        first: list[Any] = list(decode(found))
        second: list[Any] = list(decode(expected))
        if len(first) != len(second):
            return f"{len(first)} and {len(second)} of them"
        found, expected = next(pair for pair in zip(first, second, strict=True) if pair[0] != pair[1])
    elif isinstance(found, dict):
        names = [key for key in found if found[key] != expected[key]]
        found, expected = ({key: side[key] for key in names} for side in (found, expected))
    return f"{str(found)[:1500]} against {str(expected)[:1500]}"


def _shown(records: Iterable[bytes]) -> str:
    frames = [
        bytes(record.payload)
        for one in records
        for record in iter_records(one)
        if record.kind == RecordKind.FRAME
    ]
    return f"{len(frames)} frames, the last of them {frames[-SHOWN:]}"
