"""What a call of ``Feed.feed`` returns: rows, messages, commands for the runner, notices for its log."""

from __future__ import annotations

import attrs

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.model.events import Reason, SyncState
from mm_framework.model.instrument import Definition

__all__ = [
    "Acknowledged",
    "ClockSample",
    "Command",
    "Defined",
    "DepthRefresh",
    "Fetch",
    "Malformed",
    "Notice",
    "Output",
    "Reconnect",
    "Refusal",
    "Rotate",
    "Send",
    "Silent",
    "StateChanged",
    "StatusChanged",
]


@attrs.frozen
class Send:
    """Send this message on this connection."""

    connection: int
    payload: bytes


@attrs.frozen
class Reconnect:
    """Close this connection and open another in its place."""

    connection: int
    reason: Reason


@attrs.frozen
class Rotate:
    """Open another connection that takes over from this one; its OPEN record says ``replaces``.

    One attempt; when it fails the command comes again later.
    """

    connection: int
    reason: Reason


@attrs.frozen
class Fetch:
    """Make this HTTP request within the budget; the answer, or its failure, comes back as an HTTP record.

    The record's JSON line repeats ``url``, ``what`` and ``instrument`` and adds ``method``, ``status``,
    ``error`` (a sentence, when there is no answer), ``elapsed_ns`` and the headers that matter.
    """

    request: HttpRequest


Command = Send | Reconnect | Rotate | Fetch


@attrs.frozen
class StateChanged:
    """A book's state changed."""

    instrument: str
    old: SyncState
    new: SyncState
    reason: Reason
    epoch: int


@attrs.frozen
class Refusal:
    """The venue refused something, or does not list an instrument; ``text`` says what, in full.

    ``instrument``, ``channel``: what was asked for, None where the venue did not say.
    """

    text: str
    instrument: str | None = None
    channel: str | None = None


@attrs.frozen
class Acknowledged:
    """A subscription began (``active``) or ended."""

    instrument: str | None
    channel: str
    active: bool


@attrs.frozen
class ClockSample:
    """Offset of the venue's clock against ours (server - client) and the round trip's delay.

    ``source``: ``acknowledgement``, ``pong``, or ``http``, whose ``connection`` is -1.
    """

    connection: int
    source: str
    offset_ns: int
    delay_ns: int


@attrs.frozen
class StatusChanged:
    """The venue (or, with ``instrument``, a market) says that its state is ``text``."""

    text: str
    online: bool
    instrument: str | None = None


@attrs.frozen
class Defined:
    """A new definition is in force."""

    definition: Definition


@attrs.frozen
class Malformed:
    """A frame that the venue's rules do not allow; ``error`` says why."""

    connection: int
    frame: int
    error: str


@attrs.frozen
class Silent:
    """A subscription said nothing for ``idle_s`` on a live connection and is asked for anew."""

    instrument: str
    channel: str
    idle_s: float


@attrs.frozen
class DepthRefresh:
    """A snapshot that is to widen what is known of a book.

    ``outcome``: asked; then joined, too_old (it is asked for again), failed, or differs (the book is lost).
    """

    instrument: str
    outcome: str


Notice = (
    StateChanged
    | Refusal
    | Acknowledged
    | ClockSample
    | StatusChanged
    | Defined
    | Malformed
    | Silent
    | DepthRefresh
)


@attrs.define
class Output:
    """Valid until the next call; who keeps it copies.

    ``rows``, ``messages``: 64 bytes each; ``Message.first_row`` counts from the start of ``rows``.
    ``mono_ns``: for each message the stamp of its record (int64). ``commands`` are to be ignored on
    replay.
    """

    rows: memoryview
    messages: memoryview
    mono_ns: memoryview
    commands: list[Command]
    notices: list[Notice]

    def kept(self) -> Output:
        """A copy that stays as it is."""
        return Output(
            memoryview(bytes(self.rows)),
            memoryview(bytes(self.messages)),
            memoryview(bytes(self.mono_ns)).cast("q"),
            self.commands,
            self.notices,
        )

    @property
    def n_rows(self) -> int:
        """How many rows."""
        return len(self.rows) // 64

    @property
    def n_messages(self) -> int:
        """How many messages."""
        return len(self.messages) // 64
