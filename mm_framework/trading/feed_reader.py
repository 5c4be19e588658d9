"""Messages of a run from what `Feed` puts out: numbered, with their definitions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mm_framework.feed.output import Defined, Output
from mm_framework.model.events import Kind, Message, Reason, Row, iter_messages, iter_rows
from mm_framework.model.frame import Block, RecordKind, iter_records
from mm_framework.model.instrument import Definition

if TYPE_CHECKING:
    from mm_framework.feed import Feed

__all__ = ["FeedReader", "Heard", "lost_connection"]


class Heard(NamedTuple):
    """Message ``seq`` of the run, at ``mono_ns``. ``definition``: what a DEFINITION brings into force."""

    mono_ns: int
    seq: int
    message: Message
    rows: memoryview
    definition: Definition | None = None

    def events(self) -> Iterator[Row]:
        """Its rows; to be read during the call of the listener only."""
        return iter_rows(self.rows)


class FeedReader:
    """Numbers messages from 0 over all shards and remembers the definitions that they name."""

    def __init__(self) -> None:
        self._definitions: dict[int, Definition] = {}
        self._messages = 0

    def restored(self, feed: Feed) -> None:
        """A shard begins with a checkpoint: ``feed`` holds definitions that are in force."""
        for definition in feed.definitions:
            self._definitions[definition.index] = definition

    def read(self, output: Output) -> Iterator[Heard]:
        """The messages of an output, in order."""
        for notice in output.notices:
            if isinstance(notice, Defined):
                self._definitions[notice.definition.index] = notice.definition
        for message, mono_ns in zip(iter_messages(output.messages), output.mono_ns, strict=True):
            start = message.first_row * 64
            rows = output.rows[start : start + message.n_rows * 64]
            definition = None
            if message.kind == Kind.DEFINITION:
                definition = self._definitions[next(iter_rows(rows)).aux]
            yield Heard(mono_ns, self._messages, message, rows, definition)
            self._messages += 1


def lost_connection(record: Block) -> int | None:
    """The connection that a LOST record is about; None for others and for the end of a run or recording."""
    lost = next(iter_records(record))
    if lost.kind != RecordKind.LOST:
        return None
    reason = Reason[msgspec.json.decode(lost.payload)["reason"]]
    return None if reason in (Reason.SHUTDOWN, Reason.RECORDING_END) else lost.connection
