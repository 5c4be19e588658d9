"""Numbers that seem to be repetitions, one after the other: then it is our number that is wrong.

A number at or below the last one is a repetition, and dropped. But where the last one came wrong, or the
venue counts anew from a little lower, all that follows looks like that, and a book would stand still in
good faith. Repetitions come alone: a row of them whose numbers rise for a while does not repeat anything.
"""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["Repeated", "again"]

MOST: Final = 3
LONGEST_NS: Final = 2_000_000_000


@attrs.frozen
class Repeated:
    """A row of them: ``above``, our number all the while; ``last``, the newest of them; when it began."""

    above: int
    last: int
    count: int
    since_ns: int

    def wrong(self, now_ns: int) -> bool:
        """Whether the row is too long to be one of repetitions."""
        return self.count >= MOST and now_ns - self.since_ns >= LONGEST_NS


def again(row: Repeated | None, *, above: int, first: int, last: int, now_ns: int) -> Repeated:
    """The row with another one, from ``first`` to ``last``; a new row unless its numbers go on rising."""
    if row is None or row.above != above or first <= row.last:
        return Repeated(above, last, 1, now_ns)
    return Repeated(above, last, row.count + 1, row.since_ns)
