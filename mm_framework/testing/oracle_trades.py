"""The trades of a capture as the oracle counts them, those of each channel by themselves.

A stream that is followed again begins a new chapter: its numbers begin anew, and nothing is claimed of
those between; but no trade of an earlier chapter may be captured again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import attrs

from mm_framework.testing.oracle_book import FalseBook

__all__ = ["TradeLedger"]

Key = tuple[str, str | None]
"""Instrument and channel."""


@attrs.define
class _Chapter:
    """``captured`` in order; ``altered``: numbers of frames that were changed on the way; ``came``: those
    of frames that were not; ``harmed``: those of frames that were lost with their number; ``holes`` that
    were declared; ``newest``: the highest captured number. ``later``: an earlier chapter went before it.
    """

    later: bool = False
    captured: list[int] = attrs.field(factory=list)
    altered: set[int] = attrs.field(factory=set)
    came: set[int] = attrs.field(factory=set)
    harmed: set[int] = attrs.field(factory=set)
    holes: list[range] = attrs.field(factory=list)
    newest: int = -1

    @property
    def first(self) -> float:
        """Trades after this number are awaited when they come: all, or those after the first captured one."""
        if not self.later:
            return -1
        return self.captured[0] if self.captured else math.inf


@attrs.define
class _Prints:
    """Prints without a number that the venue made at one time: frames by connection, of these the
    ``unharmed`` ones, frames that gave rows, and those that were altered, which nobody can know for the same.
    """

    said: Counter[int | None] = attrs.field(factory=Counter)
    unharmed: Counter[int | None] = attrs.field(factory=Counter)
    taken: int = 0
    altered: int = 0


class TradeLedger:
    """``numbered``: True, the numbers of a channel have no holes; "rising", they may have; False: none."""

    def __init__(self, numbered: bool | Literal["rising"]) -> None:
        self.numbered = numbered
        self._chapters: dict[Key, list[_Chapter]] = {}
        self._prints: dict[tuple[Key, int], _Prints] = {}
        self._left: set[Key] = set()

    def captured(self, instrument: str, channel: str | None, number: int, *, altered: bool) -> None:
        """A trade stands in the rows."""
        one = self._of(instrument, channel)
        one.captured.append(number)
        one.newest = max(one.newest, number)
        if altered:
            one.altered.add(number)

    def hole(self, instrument: str, channel: str | None, numbers: range) -> None:
        """These trades are declared lost."""
        self._of(instrument, channel).holes.append(numbers)

    def left(self, instrument: str, channel: str | None) -> None:
        """Nobody follows these trades any more; what comes from now on belongs to the next chapter."""
        self._left.add((instrument, channel))
        self._chapters.setdefault((instrument, channel), [_Chapter()]).append(_Chapter(later=True))

    def came(self, instrument: str, channel: str | None, numbers: Iterable[int], *, unharmed: bool) -> None:
        """A frame with these trades comes. Of rising numbers an older one tells nothing new.

        A trade whose first frame was harmed is declared lost with it, even if the venue tells it again; a
        rising number that was altered hides those below it. A later chapter begins with its first captured
        trade.
        """
        one = self._of(instrument, channel)
        newest = one.newest if self.numbered == "rising" else -1
        for number in numbers:
            if not unharmed:
                one.harmed.add(number)
            elif number > max(newest, one.first) and number not in one.harmed:
                one.came.add(number)

    def printed(
        self,
        instrument: str,
        channel: str | None,
        connection: int | None,
        at_ns: int,
        *,
        taken: bool,
        altered: bool,
    ) -> None:
        """A frame with prints without numbers came, and was ``taken`` or not; the venue made it ``at_ns``."""
        key = instrument, channel
        if taken:
            self._left.discard(key)
        elif key in self._left:
            return
        one = self._prints.setdefault((key, at_ns), _Prints())
        one.said[connection] += 1
        one.unharmed[connection] += not altered
        one.taken += taken
        one.altered += altered

    def check(self) -> int:
        """How many trades were captured. Raises FalseBook."""
        for key, chapters in self._chapters.items() if self.numbered else ():
            name = _name(key)
            _check_once(name, chapters)
            for one in chapters:
                _check_captured(name, one)
                if self.numbered is True:
                    _check_holes(name, one)
        self._check_prints()
        numbered = sum(
            len(one.captured) - len(one.altered) for chapters in self._chapters.values() for one in chapters
        )
        return numbered + sum(one.taken for one in self._prints.values())

    def counted(self) -> dict[Key, int]:
        """How many trades stand in the rows, by instrument and channel."""
        return {key: sum(len(one.captured) for one in some) for key, some in self._chapters.items()}

    def _of(self, instrument: str, channel: str | None) -> _Chapter:
        return self._chapters.setdefault((instrument, channel), [_Chapter()])[-1]

    def _check_prints(self) -> None:
        for (key, at_ns), one in self._prints.items():
            least, most = max(one.unharmed.values()), max(one.said.values()) + one.altered
            if not least <= one.taken <= most:
                raise FalseBook(
                    f"{_name(key)}: {one.taken} prints at {at_ns} were captured, expected {least} to {most}"
                )


def _name(key: Key) -> str:
    instrument, channel = key
    return f"{instrument} {channel or ''}".rstrip()


def _check_once(name: str, chapters: list[_Chapter]) -> None:
    counts = Counter(number for one in chapters for number in one.captured if number not in one.altered)
    if twice := [number for number, count in counts.items() if count > 1]:
        raise FalseBook(f"{name}: trade {twice[0]} was captured twice")


def _check_captured(name: str, one: _Chapter) -> None:
    lost = {number for hole in one.holes for number in hole}
    if missing := sorted(one.came - set(one.captured) - lost):
        raise FalseBook(f"{name}: trade {missing[0]} came unharmed and was not captured")


def _check_holes(name: str, one: _Chapter) -> None:
    told = [number for number in one.captured if number not in one.altered]
    for hole in one.holes:
        if doubly := [number for number in told if number in hole]:
            raise FalseBook(f"{name}: trades {doubly} are captured and declared lost")
    known = set(one.captured)
    for number in range(min(told, default=0), max(told, default=-1) + 1):
        if number not in known and not any(number in hole for hole in one.holes):
            raise FalseBook(f"{name}: trade {number} is neither captured nor declared lost")
