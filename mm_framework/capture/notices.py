"""What `Feed` noticed, as lines of the run log; and a refusal that ends the run."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from mm_framework.errors import VenueRefused
from mm_framework.feed.output import (
    Acknowledged,
    ClockSample,
    Defined,
    DepthRefresh,
    Malformed,
    Notice,
    Refusal,
    Silent,
    StateChanged,
    StatusChanged,
)
from mm_framework.model.events import SyncState

if TYPE_CHECKING:
    from mm_framework.capture.shard import Shard

__all__ = ["NoticeLog"]

MALFORMED_TOLD: Final = 10
"""Malformed frames of a connection that are told one by one; `Feed` counts them all."""


class NoticeLog:
    """Tells notices. A refusal of a subscription that never began is a mistake in what was asked for.

    What is followed later in the run (the venue's universe changes) may be refused: it is told, and the
    run goes on.
    """

    def __init__(self) -> None:
        self._begun: set[tuple[str, str | None]] = set()
        self._malformed: Counter[int] = Counter()

    def tell(self, shard: Shard, notices: list[Notice]) -> VenueRefused | None:
        """Log the notices; the error that ends the run, if they are one."""
        refused: list[Refusal] = []
        for notice in _lasting(notices) if notices else ():
            if isinstance(notice, Refusal):
                shard.log(logging.WARNING, "refused", **attrs.asdict(notice))
                if self._is_mistake(shard, notice):
                    refused.append(notice)
            else:
                self._tell(shard, notice)
        return _refusal(shard.plan.venue, refused) if refused else None

    def _is_mistake(self, shard: Shard, notice: Refusal) -> bool:
        asked = any(
            (one.instrument, one.channel) == (notice.instrument, notice.channel)
            for one in shard.plan.subscriptions
        )
        return asked and (notice.instrument, notice.channel) not in self._begun

    def _tell(self, shard: Shard, notice: Notice) -> None:
        match notice:
            case StateChanged(instrument, old, new, reason, epoch):
                level = logging.WARNING if new is SyncState.RESYNCING else logging.INFO
                shard.log(
                    level,
                    "state",
                    instrument=instrument,
                    old=old.name,
                    new=new.name,
                    reason=reason.name,
                    epoch=epoch,
                )
            case Acknowledged(instrument, channel, active):
                if active and instrument is not None:
                    self._begun.add((instrument, channel))
                shard.log(
                    logging.INFO,
                    "subscribed" if active else "unsubscribed",
                    instrument=instrument,
                    channel=channel,
                )
            case ClockSample():
                shard.log(logging.DEBUG, "clock_sample", **attrs.asdict(notice))
            case StatusChanged(text, online, instrument):
                if instrument is None:
                    shard.online = online
                level = logging.INFO if online else logging.WARNING
                shard.log(level, "venue_status", text=text, online=online, instrument=instrument)
            case Defined(definition):
                shard.log(logging.DEBUG, "definition", instrument=definition.id, index=definition.index)
            case Malformed(connection, frame, error):
                self._malformed[connection] += 1
                if self._malformed[connection] <= MALFORMED_TOLD:
                    shard.log(logging.WARNING, "malformed", connection=connection, frame=frame, error=error)
            case DepthRefresh(instrument, outcome):
                level = logging.WARNING if outcome in ("failed", "differs") else logging.INFO
                shard.log(level, "refresh", instrument=instrument, outcome=outcome)
            case Silent(instrument, channel, idle_s):
                shard.log(logging.WARNING, "silent", instrument=instrument, channel=channel, idle_s=idle_s)


def _lasting(notices: list[Notice]) -> list[Notice]:
    """All but the changes of a proved book that the venue replaces by another proved one in one record.

    A venue may send a whole book after every trade; a line of the log for each would tell nothing.
    """
    passing: set[int] = set()
    begun: dict[str, tuple[int, int]] = {}
    for at, notice in enumerate(notices):
        if isinstance(notice, StateChanged):
            first, epoch = begun.pop(notice.instrument, (at, -1))
            if notice.new is SyncState.SYNCED and notice.epoch == epoch:
                passing |= {first, at}
            elif notice.old is SyncState.SYNCED and notice.new is SyncState.SYNCING:
                begun[notice.instrument] = (at, notice.epoch)
    return [notice for at, notice in enumerate(notices) if at not in passing]


def _refusal(venue: str, refused: list[Refusal]) -> VenueRefused:
    texts = []
    for notice in refused:
        what = f"{notice.channel} of {notice.instrument}"
        texts.append(notice.text if venue in notice.text else f"{venue} refused {what}: {notice.text}")
    return VenueRefused("; ".join(dict.fromkeys(texts)), venue=venue)
