"""The record that a `Feed` is taking, and what it has changed so far."""

from __future__ import annotations

import attrs

from mm_framework.model.events import NULL
from mm_framework.model.frame import Record

__all__ = ["Turn"]


@attrs.define(eq=False)
class Turn:
    """One for a `Feed`; begun anew with each record that the reference path takes.

    ``acted``: the record changed more than the books and streams of ``touched``, which are instruments.
    ``numbered``: the frame has the number that was due on its connection. ``witness``: an HTTP answer that is
    compared with a book and not applied.
    """

    record: Record = Record(0, 0, 0, 0, 0, NULL, memoryview(b""))  # noqa: RUF009  # a tuple
    acted: bool = False
    numbered: bool = False
    witness: bool = False
    touched: set[str] = attrs.Factory(set)

    def begin(self, record: Record) -> None:
        """The next record."""
        self.record, self.acted, self.numbered, self.witness = record, False, False, False
        self.touched.clear()

    @property
    def now_ns(self) -> int:
        """The record's mono_ns."""
        return self.record.mono_ns

    @property
    def connection(self) -> int:
        """The record's connection."""
        return self.record.connection
