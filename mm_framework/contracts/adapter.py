"""The adapter contract: how to talk to a venue. Pure; the runner and `Feed` do the talking.

An adapter knows endpoints, names, messages to send and limits. It opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs

__all__ = [
    "Adapter",
    "Channel",
    "HttpRequest",
    "Proof",
    "SnapshotSource",
    "Subscription",
    "TimeSource",
    "VenueLimits",
    "WitnessSource",
]


@attrs.frozen
class Proof:
    """What a channel proves of its continuity.

    ``kind``: ``sequence`` (a loss is found at the next message), ``ids`` (trade numbers),
    ``checksum`` (found when it touches the best ``levels`` of a side; deeper levels are not covered),
    ``hash``, or ``none``.
    """

    kind: str
    levels: int | None = None

    def __str__(self) -> str:
        return self.kind if self.levels is None else f"{self.kind}({self.levels})"


@attrs.frozen
class Channel:
    """A channel of the venue: ``name`` as the venue calls it, ``carries`` one of book, trade, ticker.

    ``depths``: the levels a side that a book subscription may ask for; `Normalizer.sent` tells which one a
    request asks for. Empty where requests name none.
    """

    name: str
    carries: str
    proof: Proof
    depths: tuple[int, ...] = ()


@attrs.frozen
class Subscription:
    """One instrument on one channel. ``depth`` is for books; None takes the venue's default."""

    instrument: str
    venue_symbol: str
    channel: str
    depth: int | None = None


@attrs.frozen
class HttpRequest:
    """A GET of the venue's REST interface. ``url`` is absolute; ``weight`` counts against the budget.

    ``what``: ``snapshot``, ``metadata`` or a word of the venue's; ``instrument``: which one it is about.
    ``mount``: the folder in which an emulator, which has one port for all hosts, serves this host.
    """

    url: str
    what: str
    weight: int = 1
    instrument: str | None = None
    mount: str = ""


@attrs.frozen
class VenueLimits:
    """What one connection may carry, and how fast we may knock.

    ``subscriptions``: instruments a connection; ``messages_per_s``: messages that we send;
    ``connects`` attempts in ``connects_window_s``; ``reconnect_min_s``: least pause after maintenance.
    ``rest_weight`` in ``rest_window_s``: the budget of all HTTP requests of this host together.
    ``max_age_s``: a connection is replaced before it is so old (None: it may live on). ``first_data_s``: what
    a book subscription may take at least until its first message. ``asks_twice``: a subscription that
    exists may be asked for again, and is acknowledged: a silent one is then not ended first.
    """

    subscriptions: int = 100
    messages_per_s: float = 20.0
    connects: int = 150
    connects_window_s: float = 600.0
    reconnect_min_s: float = 0.0
    rest_weight: int = 60
    rest_window_s: float = 60.0
    max_age_s: float | None = None
    first_data_s: float = 0.0
    asks_twice: bool = False


class Adapter(Protocol):
    """A venue.

    ``venue`` is the prefix of its instrument ids, ``channels`` what can be subscribed, ``url`` the
    public endpoint, ``idle_timeout_s`` the silence of a connection (no message of any kind) after
    which it is dead, ``ping_interval_s`` how often an application ping goes out (None: never),
    ``metadata_first`` whether definitions are asked for, and awaited, before the subscriptions.
    """

    venue: str
    channels: tuple[Channel, ...]
    limits: VenueLimits
    url: str
    idle_timeout_s: float
    ping_interval_s: float | None
    metadata_first: bool

    def instrument_id(self, venue_symbol: str) -> str:
        """``kraken:BTC/EUR`` of the venue's own name in any of its spellings."""
        ...

    def venue_symbol(self, instrument_id: str) -> str:
        """The name to subscribe with. Raises ConfigError when the id is of another venue."""
        ...

    def base_quote(self, venue_symbol: str) -> tuple[str, str] | None:
        """``("BTC", "EUR")``, or None where the name does not tell."""
        ...

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        """``(price_scale, size_scale)`` without metadata; ``first_price`` is the first price text."""
        ...

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        """The depth of a book subscription that no acknowledgement tells: by its snapshot's levels."""
        ...

    def metadata_request(self, req_id: int) -> list[bytes]:
        """What to send for definitions, when ``metadata_first``."""
        ...

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        """The messages that subscribe; all acknowledgements of one message share its ``req_id``."""
        ...

    def unsubscribe(
        self, subscriptions: Sequence[Subscription], req_id: int, memo: Mapping[str, Any] | None = None
    ) -> list[bytes]:
        """The messages that unsubscribe. ``memo``: the normalizer's table of the connection, where a venue
        wants the numbers that it gave.
        """
        ...

    def ping(self, req_id: int) -> bytes | None:
        """The application ping, None where the venue has none."""
        ...


class SnapshotSource(Protocol):
    """What an adapter offers besides, when its books begin with a REST snapshot (`SequenceSpec.bridge`)."""

    def snapshot_request(self, subscription: Subscription) -> HttpRequest:
        """The request for a snapshot of a book; its body goes to ``Normalizer.http``, which begins a
        message with ``snapshot`` and ends it with the snapshot's number as ``last``.
        """
        ...


@runtime_checkable
class WitnessSource(Protocol):
    """What an adapter offers besides, when REST tells a whole book with a hash (`SyncRules.hash`)."""

    def witness_request(self, subscription: Subscription) -> HttpRequest:
        """The request for a book that is compared with ours and never applied; its ``what`` is ``witness``.

        Its body goes to ``Normalizer.http``, which writes a snapshot with venue time and digest.
        """
        ...


@runtime_checkable
class TimeSource(Protocol):
    """What an adapter offers besides, when its venue tells the time over HTTP, and no ping does."""

    def time_request(self) -> HttpRequest:
        """The request for the time; its ``what`` is ``time``."""
        ...

    def server_time_ns(self, body: bytes) -> int | None:
        """The venue's time, ns since 1970, in the body of an answer; None when that is none."""
        ...
