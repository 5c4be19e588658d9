"""The sink contract: an output that is a function of the records, written live or by an export.

A sink is opened, hears every record of a run once and in the order of processing, and is closed. What it
writes, and where a file or a gzip member ends, depends on the records and on its settings, never on a
clock: so an export of the bundle gives the bytes that the live run gave, after decompression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import attrs

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import Control
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.model.events import NULL, Message, Row
from mm_framework.model.frame import Record
from mm_framework.model.instrument import Definition

if TYPE_CHECKING:
    from pathlib import Path

    from mm_framework.feed.clock_offset import ClockSettings
    from mm_framework.feed.output import Output
    from mm_framework.feed.state import FeedState

__all__ = ["Followed", "Seen", "Settling", "Sink", "SinkRun", "Told", "ToldTrade"]


class ToldTrade(NamedTuple):
    """One print in the venue's words. ``side`` is the aggressor's (1 buy, -1 sell, 0 unsaid).

    ``trade_id``, ``ts_venue_ns`` are NULL where unsaid, ``order_type`` is then empty.
    """

    side: int
    price: str
    size: str
    trade_id: int = NULL
    ts_venue_ns: int = NULL
    order_type: str = ""


class Told(NamedTuple):
    """One message of a frame (or HTTP body) about a followed instrument, numbers as the venue wrote them.

    ``levels``: ``(side, price, size)``; ``trades``: those that are news, a repetition is left out;
    ``tops``: ``(bid, bid size, ask, ask size)``, None as in ``MessageWriter.top``. ``first``, ``last``,
    ``prev``, ``checksum``, ``ts_venue_ns`` are NULL where unsaid; ``time_text`` is the venue time as
    written, or None. ``messages``: what `Feed` made of it; empty when it waits for a snapshot, repeats,
    says nothing, or another connection feeds the instrument.
    """

    instrument: str
    venue_symbol: str
    channel: str
    carries: str
    snapshot: bool
    levels: tuple[tuple[int, str, str], ...] = ()
    trades: tuple[ToldTrade, ...] = ()
    tops: tuple[tuple[str | None, str | None, str | None, str | None], ...] = ()
    first: int = NULL
    last: int = NULL
    prev: int = NULL
    checksum: int = NULL
    ts_venue_ns: int = NULL
    time_text: str | None = None
    messages: tuple[Message, ...] = ()


@attrs.frozen
class Followed:
    """A subscription of a shard and what its channel carries: book, trade or ticker."""

    subscription: Subscription
    carries: str


@attrs.frozen
class Seen:
    """One record, and all that is known of it. It stays as it is: a sink may keep it.

    ``block``: the encoded record; ``ts_recv_ns``: None in a recording without receive times; ``output``:
    what `Feed` made of it, its commands included, and ``messages`` and ``rows`` the same read once for all
    sinks; ``told``: what it says in the venue's words;
    ``controls``: what else it says; ``followed``, ``unfollowed``: subscriptions that begin or end with it;
    ``definitions``: instrument number -> definition in force, of all shards; ``restored``: the state with
    which a shard begins whose log begins with a checkpoint. ``spelled``: what sinks that write the same of a
    part of it (by its ``id``) have spelled already, for one another.
    """

    shard: int
    venue: str
    block: bytes
    record: Record
    ts_recv_ns: int | None
    output: Output
    told: tuple[Told, ...]
    controls: tuple[Control, ...]
    followed: tuple[Followed, ...]
    unfollowed: tuple[Followed, ...]
    definitions: Mapping[int, Definition]
    restored: FeedState | None = None
    messages: tuple[Message, ...] = ()
    rows: tuple[Row, ...] = ()
    spelled: dict[int, str] = attrs.field(factory=dict, eq=False, repr=False)

    def rows_of(self, message: Message) -> tuple[Row, ...]:
        """The rows of one of its messages."""
        return self.rows[message.first_row : message.first_row + message.n_rows]


@attrs.frozen
class SinkRun:
    """The run that a sink belongs to.

    ``venues``: sorted; ``rules``: how each proves its books. ``data_dir``: where files go unless ``out``
    (what the user named: a file or a folder) says otherwise. ``clock``: guards of the clock offset.
    ``untimed``: the recording has no receive times; ``start_ns``: the receive time of its first record, or
    a little before that. ``no_data_warn_s``: the silence that is told, 0: none is.
    """

    run_id: str
    wall0_ns: int
    mono0_ns: int
    venues: tuple[str, ...]
    rules: Mapping[str, SyncRules]
    data_dir: Path
    clock: ClockSettings
    out: Path | None = None
    untimed: bool = False
    subscriptions: tuple[Subscription, ...] = ()
    start_ns: int = 0
    no_data_warn_s: float = 10.0


class Sink(Protocol):
    """Files and their boundaries are functions of what is written to it, and of its settings.

    Live, all methods but ``open`` are called from one thread that is not the event loop's.
    """

    def open(self, run: SinkRun) -> None:
        """Make ready to write, before the first record.

        Raises ConfigError when the output exists or cannot be as asked, EnvironmentFailed when the disk
        refuses; nothing is left behind then.
        """
        ...

    def write(self, seen: Seen) -> None:
        """Take one record. Raises EnvironmentFailed; the run then ends, and ``close`` follows."""
        ...

    def close(self) -> None:
        """Write what is left and close; no call follows. Raises EnvironmentFailed."""
        ...


@runtime_checkable
class Settling(Protocol):
    """A sink with files that others read while they grow."""

    def settle(self) -> None:
        """Every record that was there is written: show it. It may come after each record, after many, or
        never before ``close``, and changes no byte of what is written. Raises EnvironmentFailed.
        """
        ...
