"""What the demonstration has to show, judged from what its steps left behind. Pure.

Main path: `judge` makes a `Check` of each claim; the demonstration passes when all are ``ok``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from mm_framework.bundle.verify_report import Failure, VerifyReport
from mm_framework.feed.output import StateChanged
from mm_framework.model.events import Reason, SyncState

__all__ = ["Check", "Evidence", "StateAt", "judge"]


@attrs.frozen
class Check:
    """One claim: what it says, whether it holds, and the facts."""

    name: str
    ok: bool
    told: str


@attrs.frozen
class StateAt:
    """A change of a book's state, at this monotonic time."""

    mono_ns: int
    change: StateChanged


@attrs.frozen(kw_only=True)
class Evidence:
    """What the steps found.

    ``truth``: the lines of the venue's truth log. ``connections``: those of the bundle's table.
    ``frame_places``: record index of each frame that arrived, by ``(connection, number of the frame
    on it)``. ``states``: every change of a book's state, in order, as the recording gives them.
    ``live``: the JSON line of the live run; ``summary``: its ``summary.json``; ``replays``: the bytes
    that each replay printed; ``replayed``: the same, decoded.
    """

    truth: list[dict[str, Any]]
    report: VerifyReport
    connections: list[dict[str, Any]]
    frame_places: dict[tuple[int, int], int]
    states: list[StateAt]
    live: dict[str, Any]
    summary: dict[str, Any]
    replays: list[bytes]
    replayed: list[dict[str, Any]]

    @property
    def corrupted(self) -> list[dict[str, Any]]:
        """Lines of the truth log: frames that left with a wrong checksum."""
        return [one for one in self.truth if "checksum" in one.get("faults", ()) and "wire" in one]

    @property
    def cut(self) -> list[dict[str, Any]]:
        """Lines of the truth log: connections that the venue closed by order."""
        return [one for one in self.truth if one["outcome"] == "ended" and one.get("faults")]

    @property
    def lost(self) -> list[dict[str, Any]]:
        """Lines of the connections table: losses that nobody on our side asked for."""
        return [one for one in self.connections if one["event"] == "lost" and not one["planned"]]

    @property
    def gaps(self) -> list[Failure]:
        """Losses of continuity that the recording declares."""
        return [one for one in self.report.failures if one.what == "gap"]

    @property
    def unseen(self) -> list[Failure]:
        """Of these, the first hole in the numbers of trades after each loss: what was traded while the line
        was cut, and the venue does not tell any more.
        """
        holes = [one for one in self.gaps if one.reason == Reason.TRADE_ID_GAP.name]
        first = (next((one for one in holes if (one.frame or 0) > lost["frame"]), None) for lost in self.lost)
        return [one for one in first if one is not None]

    @property
    def resyncs(self) -> list[StateAt]:
        """Where a book that was in step got lost, but for the planned end."""
        return [
            one
            for one in self.states
            if one.change.old == SyncState.SYNCED and one.change.new != SyncState.STOPPED
        ]

    @property
    def fills(self) -> int:
        """Fills of the live run."""
        return sum(one["fills"] for one in self.live["callback_stats"].values())


def judge(evidence: Evidence) -> list[Check]:
    """Every claim of the demonstration."""
    return [check(evidence) for check in CHECKS]


def _captured(e: Evidence) -> Check:
    live, counts = e.live, e.report.counts
    ok = live["ok"] and counts.data > 0 and not live["decode_errors"] and not live["dropped"]
    told = f"{counts.frames} frames, {live['decode_errors']} malformed, {live['dropped']} dropped"
    return Check("a feed was captured over a WebSocket, whole", ok, told)


def _planted(e: Evidence) -> Check:
    told = f"checksums corrupted {len(e.corrupted)}, disconnects {len(e.cut)}"
    ok = len(e.corrupted) == len(e.cut) == 1
    return Check("the venue corrupted one checksum and cut the line once", ok, told)


def _checksums(e: Evidence) -> Check:
    planted = {e.frame_places.get((one["connection"], one["wire"])) for one in e.corrupted}
    found = {one.frame for one in e.report.failures if one.what == "checksum"}
    told = f"corrupted: frame {_listed(planted)}; failed: frame {_listed(found)}"
    verified = e.report.counts.checksums_verified
    return Check("verify names exactly the corrupted frame", planted == found and verified > 0, told)


def _gaps(e: Evidence) -> Check:
    unseen = e.unseen
    gaps = [(one.frame, one.reason) for one in e.gaps if one not in unseen]
    losses = [(one["frame"], one["reason"]) for one in e.lost]
    told = ", ".join(f"frame {one.frame} {one.reason}" for one in e.gaps) or "no gap"
    return Check("the disconnect is declared as a gap", gaps == losses and len(gaps) == len(e.cut), told)


def _nothing_else(e: Evidence) -> Check:
    counts = e.report.counts
    others = e.report.n_failures - len(e.corrupted) - len(e.cut) - len(e.unseen)
    told = f"{others} other failures, {counts.unknown} unknown frames, the bundle is {e.report.state}"
    ok = not others and not counts.unknown and e.report.state == "complete"
    return Check("nothing else is wrong", ok, told)


def _resynced(e: Evidence) -> Check:
    ends = [one.change for one in e.states if one.change.new == SyncState.STOPPED]
    ok = bool(ends) and all(one.old == SyncState.SYNCED and one.reason == Reason.SHUTDOWN for one in ends)
    lost = ", ".join(one.change.reason.name for one in e.resyncs) or "nothing"
    told = f"state {_listed({one.old.name for one in ends})} until the planned stop, after {lost}"
    return Check("the book is back in step at the end", ok, told)


def _replays(e: Evidence) -> Check:
    ok = len(e.replays) > 1 and len(set(e.replays)) == 1
    told = f"{len(e.replays)} processes, {len(e.replays[0])} bytes each" if ok else "the printed lines differ"
    return Check("replays print the same bytes", ok, told)


def _hashes(e: Evidence) -> Check:
    hashes = {str(one["final_hash"]) for one in (e.live, *e.replayed)}
    intents = {one["intents"] for one in (e.live, *e.replayed)}
    told = f"{_listed(intents)} intents, {_listed({one[:16] for one in hashes})}"
    return Check("replay and live have the same intent hash", len(hashes) == 1 and len(intents) == 1, told)


def _pnl(e: Evidence) -> Check:
    ok = all(one["pnl"] == e.live["pnl"] for one in e.replayed)
    told = "equal to the last digit" if ok else "it differs"
    return Check("replay and live have the same profit and loss", ok, told)


def _traded(e: Evidence) -> Check:
    return Check("the strategy traded", e.fills > 0, f"{e.fills} fills")


def _listed(values: set[Any]) -> str:
    return ", ".join(sorted(map(str, values))) or "none"


CHECKS: tuple[Callable[[Evidence], Check], ...] = (
    _captured,
    _planted,
    _checksums,
    _gaps,
    _nothing_else,
    _resynced,
    _replays,
    _hashes,
    _pnl,
    _traded,
)
