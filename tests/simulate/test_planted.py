"""Mistakes planted in the program: the simulation finds each of them within a hundred seeds.

Kernels are left out, since the mistakes are made in the reference path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated import venue

from mm_framework.bundle.disk import AppendFile
from mm_framework.capture.recorder import Recorder
from mm_framework.feed import core
from mm_framework.feed.admission import Admission
from mm_framework.feed.handover import Handover
from mm_framework.feed.links import Link
from mm_framework.feed.session import Session
from mm_framework.model.book import OrderBook
from mm_framework.simulate.report import Found, Wish
from mm_framework.simulate.run import simulate
from mm_framework.sync.book import BookSync
from mm_framework.sync.emit import Emitter
from mm_framework.sync.trades import TradeState, TradeSync

MOST = 100

Plant = Callable[[pytest.MonkeyPatch], None]


def no_gap_check(patch: pytest.MonkeyPatch) -> None:
    """Every update seems to be the next one."""
    patch.setattr(BookSync, "_joins", lambda self, update, number, *, bridging: True)


def no_trade_holes(patch: pytest.MonkeyPatch) -> None:
    """Trades are not counted."""

    def holes(self: TradeSync, trade_id: int, *, snapshot: bool) -> list[tuple[int, int]]:
        self.s.last_id = trade_id
        return []

    patch.setattr(TradeSync, "_holes", holes)


def one_level_too_many(patch: pytest.MonkeyPatch) -> None:
    """A book of ten levels keeps eleven."""
    truncate = OrderBook.truncate
    patch.setattr(OrderBook, "truncate", lambda self, depth: truncate(self, depth + 1))


def swapped_side(patch: pytest.MonkeyPatch) -> None:
    """The rows of every hundredth message have the other side."""
    group, count = Emitter.group, iter(range(10**9))

    def swapped(self: Emitter, kind: int, number: int, epoch: int, entries: Any, **facts: Any) -> None:
        if next(count) % 100 == 99:
            entries = [(kind, -side, price, size, aux) for kind, side, price, size, aux in entries]
        group(self, kind, number, epoch, entries, **facts)

    patch.setattr(Emitter, "group", swapped)


def no_resubscribe(patch: pytest.MonkeyPatch) -> None:
    """What asks for a book anew is not sent."""
    resubscribe = Session.resubscribe

    def silent(self: Session, stream: Any, now_ns: int, *, keep_retry: bool = False) -> None:
        before = len(self.commands)
        resubscribe(self, stream, now_ns, keep_retry=keep_retry)
        del self.commands[before:]

    patch.setattr(Session, "resubscribe", silent)


def late_deadlines(patch: pytest.MonkeyPatch) -> None:
    """Deadlines are served half a minute late."""
    next_ns, overdue, late_ns = Recorder.next_ns, Recorder.overdue, 30_000_000_000

    def later(self: Recorder, shard: int) -> int | None:
        due_ns = next_ns(self, shard)
        return None if due_ns is None else due_ns + late_ns

    patch.setattr(Recorder, "next_ns", later)
    patch.setattr(Recorder, "overdue", lambda self, shard, now_ns: overdue(self, shard, now_ns - late_ns))


def no_sync(patch: pytest.MonkeyPatch) -> None:
    """Nothing is forced to the disk."""
    patch.setattr(AppendFile, "sync", lambda self: None)


def hasty_handover(patch: pytest.MonkeyPatch) -> None:
    """The old connection ends as soon as its heir is open."""

    def look(self: Handover, heir: Link, index: int, now_ns: int) -> bool:
        self._finish(heir, now_ns)
        return True

    patch.setattr(Handover, "_look", look)


def prints_of_both(patch: pytest.MonkeyPatch) -> None:
    """Prints without a number are taken from the old connection and from its heir."""
    patch.setattr(Admission, "_unnumbered", lambda self, stream, trades: True)


def trades_begin_anew(patch: pytest.MonkeyPatch) -> None:
    """What was captured is forgotten when nobody follows it."""
    patch.setattr(TradeSync, "forget", lambda self: setattr(self, "s", TradeState()))


PLANTED: list[tuple[Plant, str, str]] = [
    (no_gap_check, "binance", "false book"),
    (no_trade_holes, "kraken", "neither captured nor declared lost"),
    (one_level_too_many, "kraken", "is declared"),
    (swapped_side, "kraken", ""),
    (no_resubscribe, "kraken", "are not SYNCED"),
    (late_deadlines, "kraken", ""),
    (no_sync, "kraken", "records of shard 0 are lost"),
    (hasty_handover, "binance", "is declared"),
    (prints_of_both, "polymarket", "prints at"),
    (trades_begin_anew, "kraken", "was captured twice"),
]


def hunted(name: str) -> tuple[int, Found | None]:
    """The first seed that finds something, and what."""
    for seed in range(MOST):
        found = simulate(Wish(venue(name), seed=seed)).violation
        if found is not None:
            return seed, found
    return MOST, None


@pytest.mark.parametrize(("plant", "name", "told"), PLANTED, ids=[one[0].__name__ for one in PLANTED])
def test_a_planted_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, name: str, told: str
) -> None:
    monkeypatch.setattr(core, "active", lambda: False)
    plant(monkeypatch)
    seed, found = hunted(name)
    assert found is not None, f"{MOST} seeds found nothing"
    assert told in found.text, f"seed {seed} found something else: {found}"
