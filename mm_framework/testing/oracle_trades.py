"""The trades of a capture as the oracle counts them, those of each channel by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

import attrs

from mm_framework.testing.oracle_book import FalseBook

__all__ = ["TradeLedger"]

Key = tuple[str, str | None]


@attrs.define
class _Channel:
    """``captured`` in order; ``altered``: numbers of frames that were changed on the way; ``came``: those
    of frames that were not; ``harmed``: those of frames that were lost with their number; ``holes`` that
    were declared; ``newest``: the highest captured number.
    """

    captured: list[int] = attrs.field(factory=list)
    altered: set[int] = attrs.field(factory=set)
    came: set[int] = attrs.field(factory=set)
    harmed: set[int] = attrs.field(factory=set)
    holes: list[range] = attrs.field(factory=list)
    newest: int = -1


class TradeLedger:
    """``numbered``: True, the numbers of a channel have no holes; "rising", they may have; False: none."""

    def __init__(self, numbered: bool | Literal["rising"]) -> None:
        self.numbered = numbered
        self._channels: dict[Key, _Channel] = {}

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

    def came(self, instrument: str, channel: str | None, numbers: Iterable[int], *, unharmed: bool) -> None:
        """A frame with these trades comes. Of rising numbers an older one tells nothing new.

        A trade whose first frame was harmed is declared lost with it, even if the venue tells it again; a
        rising number that was altered hides those below it.
        """
        one = self._of(instrument, channel)
        newest = one.newest if self.numbered == "rising" else -1
        for number in numbers:
            if not unharmed:
                one.harmed.add(number)
            elif number > newest and number not in one.harmed:
                one.came.add(number)

    def check(self) -> int:
        """How many trades were captured. Raises FalseBook."""
        for (instrument, channel), one in self._channels.items() if self.numbered else ():
            name = f"{instrument} {channel or ''}".rstrip()
            self._check_once(name, one)
            if self.numbered is True:
                self._check_holes(name, one)
        return sum(len(one.captured) - len(one.altered) for one in self._channels.values())

    def counted(self) -> dict[Key, int]:
        """How many trades stand in the rows, by instrument and channel."""
        return {key: len(one.captured) for key, one in self._channels.items()}

    def _of(self, instrument: str, channel: str | None) -> _Channel:
        return self._channels.setdefault((instrument, channel), _Channel())

    def _check_once(self, name: str, one: _Channel) -> None:
        counts = Counter(number for number in one.captured if number not in one.altered)
        if twice := [number for number, count in counts.items() if count > 1]:
            raise FalseBook(f"{name}: trade {twice[0]} was captured twice")
        lost = {number for hole in one.holes for number in hole}
        if missing := sorted(one.came - set(one.captured) - lost):
            raise FalseBook(f"{name}: trade {missing[0]} came unharmed and was not captured")

    def _check_holes(self, name: str, one: _Channel) -> None:
        told = [number for number in one.captured if number not in one.altered]
        for hole in one.holes:
            if doubly := [number for number in told if number in hole]:
                raise FalseBook(f"{name}: trades {doubly} are captured and declared lost")
        known = set(one.captured)
        for number in range(min(told, default=0), max(told, default=-1) + 1):
            if number not in known and not any(number in hole for hole in one.holes):
                raise FalseBook(f"{name}: trade {number} is neither captured nor declared lost")
