"""A book as the oracle rebuilds it from rows, and the levels of it that it doubts.

Truth and book are compared as integers at the larger one of their scales.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from mm_framework.contracts.emulator import FrameKind, Level
from mm_framework.emulator.truth import TruthEntry
from mm_framework.model.events import ASK, BID, Row, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.sync.depth import KnownDepth

__all__ = ["HIDDEN_NS", "FalseBook", "Seen"]

MOST_HIDDEN = 3
HIDDEN_NS = 5_000_000_000
"""An altered number may hide so many frames, or more of them for so long after it came, before the loss is
declared.
"""

Sides = dict[int, list[Level]]
"""The levels of both sides, best first."""


class FalseBook(AssertionError):
    """What was captured is not what the venue said."""


@attrs.define
class Seen:
    """An instrument as its rows tell it.

    ``suppressed_ns``: first frame lost since the last message; ``doubted``: (side, price) of levels that an
    altered frame made false, at most ``harm`` more at the next whole message, None: any number of them;
    ``misled``: an altered frame came, so that the numbers may be wrong until a loss is declared; the
    times of the frames that were passed over since, None if there was none. ``harmed_at``: the number of
    the newest frame that was harmed, ``newest``: of those that came, ``whole_at``: of the last whole book;
    all -1 at first. ``units``: what the integers of the definition and of the listing are multiplied with to
    compare. ``fed_by``: the connection of its last levels; ``told_ns``: when the venue made the newest frame
    that gave levels; ``false_ns``: since when a harmed book that is SYNCED is another one than the truth.
    ``known``: the bounds within which absence means zero, at the scale of the definition; ``begins``: a
    snapshot is being told; ``tainted``: an altered frame came since the last one.
    """

    definition: Definition
    state: SyncState = SyncState.CONNECTING
    epoch: int = 0
    fresh: bool = True
    sides: dict[int, dict[int, int]] = attrs.field(factory=lambda: {BID: {}, ASK: {}})
    suppressed_ns: int | None = None
    fed_by: int | None = None
    told_ns: int = -1
    doubted: set[tuple[int, int]] = attrs.field(factory=set)
    harm: int | None = 0
    misled: list[int] | None = None
    harmed_at: int = -1
    newest: int = -1
    whole_at: int = -1
    units: tuple[int, int] = (1, 1)
    false_ns: int | None = None
    known: KnownDepth = attrs.field(factory=KnownDepth)
    begins: bool = False
    tainted: bool = False

    # rows

    def begin(self, epoch: int, *, whole: bool) -> None:
        """A snapshot replaces the book; ``whole``: it has no levels."""
        self.sides = {BID: {}, ASK: {}}
        self.epoch, self.fresh = epoch, False
        self.known, self.begins, self.tainted = KnownDepth(), not whole, False
        self.doubted.clear()

    def begun(self, asked: Callable[[int], int | None]) -> None:
        """The snapshot is whole; ``asked``: of how many levels a side that were asked for, None: all."""
        told = [(side, price, size) for side, levels in self.sides.items() for price, size in levels.items()]
        self.known, self.begins = KnownDepth.of(told, asked(max(map(len, self.sides.values())))), False

    def widened(self, known: KnownDepth) -> None:
        """A refresh told more. What an altered frame did beyond the old bounds is seen only now."""
        self.known = known
        if self.tainted:
            self.harm = None

    def lost(self) -> None:
        """The book is not the venue's any more; what waited for a snapshot is gone."""
        self.fresh, self.harm, self.misled, self.false_ns = True, 0, None, None
        self.doubted.clear()

    def level(self, row: Row, *, cut: bool) -> None:
        """A level of a message, then the ``cut`` to the depth. Raises FalseBook for one of another epoch."""
        if self.fresh or row.epoch != self.epoch:
            raise FalseBook(f"{self.definition.id}: a level of epoch {row.epoch} without a snapshot")
        side = self.sides[row.side]
        if row.size:
            side[row.price] = row.size
        else:
            side.pop(row.price, None)
        self.doubted.discard((row.side, row.price * self.units[0]))
        depth = self.definition.depth
        if cut and depth is not None:
            for sign in (BID, ASK):
                self.sides[sign] = dict(sorted(self.sides[sign].items(), reverse=sign == BID)[:depth])

    def best(self, side: int) -> list[Level]:
        """All levels of a side, best first, at the scales of comparison."""
        price_unit, size_unit = self.units
        levels = sorted(self.sides[side].items(), reverse=side == BID)
        return [(price * price_unit, size * size_unit) for price, size in levels]

    def whole(self, entry: TruthEntry, harmed: int) -> bool:
        """Whether no frame since the last whole book that came was lost, altered or out of order.

        ``harmed``: the number of the newest frame of this book that was, -1 for none.
        """
        self.harmed_at = max(self.harmed_at, harmed)
        if "reorder" in entry.faults:
            self.harmed_at = max(self.harmed_at, self.newest)
        self.newest = max(self.newest, entry.number)
        if entry.kind == FrameKind.SNAPSHOT and not entry.faults and entry.number > self.harmed_at:
            self.whole_at = entry.number
        return self.harmed_at < 0 or self.harmed_at < self.whole_at

    # truth

    def scaled(self, levels: Sequence[Level], scales: tuple[int, int]) -> list[Level]:
        """Levels of the truth log at the scales of comparison."""
        own = self.definition.price_scale, self.definition.size_scale
        self.units = 10 ** max(0, scales[0] - own[0]), 10 ** max(0, scales[1] - own[1])
        prices, sizes = 10 ** max(0, own[0] - scales[0]), 10 ** max(0, own[1] - scales[1])
        return [(price * prices, size * sizes) for price, size in levels]

    def compare(self, truth: Sides, n: int, told: str) -> None:
        """Raises FalseBook unless the best ``n`` levels are the truth's, but for doubted ones."""
        for side, true in truth.items():
            doubted = {price for sign, price in self.doubted if sign == side}
            sure = n - len(doubted)
            best, known = self._against(side, true)
            found = [level for level in best if level[0] not in doubted][:sure]
            expected = [level for level in known if level[0] not in doubted][:sure]
            if found != expected:
                self._false(side, found, expected, told)

    def altered(self, rows: int) -> None:
        """An altered frame came with so many rows for the book; with none it may wait for a snapshot.

        One by which the book was lost has nothing more to harm.
        """
        if self.fresh and rows:
            return
        self.misled, self.tainted = [], True
        if rows == 0:
            self.harm = None
        elif self.harm is not None:
            self.harm += max(2, rows)

    def passed_over(self, mono_ns: int, told: str) -> None:
        """A frame gave a SYNCED book nothing. Raises FalseBook when an altered number has hidden too many."""
        if self.misled is None or self.state is not SyncState.SYNCED:
            return
        self.misled.append(mono_ns)
        self.harm = None
        if len(self.misled) > MOST_HIDDEN and mono_ns - self.misled[0] > HIDDEN_NS:
            raise FalseBook(f"{self.definition.id}: {len(self.misled)} frames were passed over ({told})")

    def harmed(self, truth: Sides, at_ns: int, patience_ns: int, told: str) -> None:
        """Raises FalseBook when the book has been a false one for longer than ``patience_ns``."""
        if self.state is not SyncState.SYNCED or not self._differing(truth):
            self.false_ns = None
        elif self.false_ns is None:
            self.false_ns = at_ns
        elif at_ns - self.false_ns > patience_ns:
            raise FalseBook(
                f"{self.definition.id} is SYNCED, and false for {(at_ns - self.false_ns) / 1e9:.1f} s by now"
                f" ({told})"
            )

    def doubt(self, truth: Sides, told: str) -> int:
        """Doubt what is false by now; how many levels that are. Raises FalseBook for more than may be.

        Of a lost book nothing is claimed until its next snapshot, so that there is nothing to doubt.
        """
        if self.fresh:
            return 0
        new, most = self._differing(truth) - self.doubted, self.harm
        self.harm = 0
        if most is not None and len(new) > most:
            raise FalseBook(f"{self.definition.id}: {most} altered levels made {len(new)} false ({told})")
        self.doubted |= new
        return len(new)

    def cover(self, truth: Sides, levels: int, told: str) -> None:
        """A checksum over the best ``levels`` held: they must be the truth's, and are doubted no more."""
        for side, true in truth.items():
            found = self.best(side)
            if found[:levels] != true[:levels]:
                self._false(side, found[:levels], true[:levels], told)
            worst = found[levels - 1][0] * side if len(found) >= levels else None
            self.doubted = {
                (sign, price)
                for sign, price in self.doubted
                if sign != side or (worst is not None and price * side < worst)
            }

    def _differing(self, truth: Sides) -> set[tuple[int, int]]:
        depth = self.definition.depth
        differing: set[tuple[int, int]] = set()
        for side, true in truth.items():
            best, known = self._against(side, true[:depth])
            differing |= {(side, price) for price, _ in {*best} ^ {*known}}
        return differing

    def _against(self, side: int, true: Sequence[Level]) -> tuple[list[Level], list[Level]]:
        """``(found, expected)`` of a side: beyond its bound what the book does not have may be there."""
        unit = self.units[0]
        known = [level for level in true if self.known.knows(side, level[0] // unit)]
        beyond = {*true} - {*known}
        return [level for level in self.best(side) if level not in beyond], known

    def _false(self, side: int, found: list[Level], expected: list[Level], told: str) -> None:
        wrong = sorted(set(found) ^ set(expected))
        raise FalseBook(
            f"{self.definition.id} is SYNCED in epoch {self.epoch} with a false book after {told}:"
            f" on side {side} {len(wrong)} levels are wrong, such as {wrong[:4]};"
            f" found {found[:3]}, expected {expected[:3]}"
        )
