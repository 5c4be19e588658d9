"""What a `Feed` is told at its start: venue kit, subscriptions, clock base, deadlines.

The configuration travels in the first record of a shard (CONTROL, op ``start``), so that a frame log
can be read without anything beside it but the plugins.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
import cattrs
from attrs import validators
from cattrs.gen import make_dict_unstructure_fn, override

from mm_framework.contracts.adapter import Adapter, Subscription
from mm_framework.contracts.normalizer import InstrumentInfo, Normalizer
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.settings import section, setting

__all__ = ["FeedConfig", "FeedSettings", "VenueKit"]


@attrs.frozen
class VenueKit:
    """The parts of a venue that `Feed` works with, ready made."""

    adapter: Adapter
    normalizer: Normalizer
    rules: SyncRules


@section("feed")
@attrs.frozen
class FeedSettings:
    """Deadlines of a live feed; they are recorded, a replay uses the recorded ones."""

    idle_timeout_s: float = setting(
        0.0,
        help="Silence of a connection after which it is dead; 0: as the venue's adapter says.",
        validator=validators.ge(0),
    )
    ping_timeout_s: float = setting(
        10.0, help="Longest wait for the answer to an application ping.", validator=validators.gt(0)
    )
    metadata_timeout_s: float = setting(
        5.0,
        help="Longest wait for instrument definitions before the subscriptions go out without them.",
        validator=validators.ge(0),
    )
    ack_timeout_s: float = setting(
        10.0,
        help="Longest wait for an acknowledgement, or for a snapshot after it, before asking again.",
        validator=validators.gt(0),
    )
    snapshot_timeout_s: float = setting(
        60.0,
        help="Longest wait for a snapshot over REST, its place in the queue included.",
        validator=validators.gt(0),
    )
    stream_idle_s: float = setting(
        120.0,
        help="Silence of one subscription on a live connection after which it is subscribed anew.",
        aliases=("ws_data_idle_reconnect_seconds",),
        validator=validators.gt(0),
    )
    unanswered_reconnect: int = setting(
        3,
        help="Questions in a row about one subscription that have no answer, after which its connection is"
        " replaced; after as many more its book is declared lost and asked for slowly; 0: never.",
        validator=validators.ge(0),
    )
    witness_wait_s: float = setting(
        2.0,
        help="How long a book's hash may differ before REST is asked for a witness, and how long frames that"
        " are on their way are awaited before its word counts against the book.",
        validator=validators.ge(0),
    )
    witness_pause_s: float = setting(
        10.0, help="Shortest pause between witnesses of two doubts of one book.", validator=validators.ge(0)
    )
    witness_attempts: int = setting(
        3,
        help="Questions to a witness about one doubt, after which the subscription is asked anew; 0: a hash"
        " that differs is only counted.",
        validator=validators.ge(0),
    )
    handover_timeout_s: float = setting(
        30.0,
        help="Longest wait for the connection that is to replace another one.",
        validator=validators.gt(0),
    )
    handover_retry_s: float = setting(
        60.0,
        help="Pause before a connection that could not be replaced is tried again.",
        validator=validators.ge(0),
    )
    handover_settle_s: float = setting(
        2.0,
        help="How long two connections carry the same at least, when some subscription says nothing on the"
        " new one: what is on its way on the old one still arrives.",
        validator=validators.ge(0),
    )
    refresh_min_interval_s: float = setting(
        30.0,
        help="Least time between two requests for a snapshot that widens what is known of one book, when its"
        " best price lies beyond that; it doubles while they fail; 0: none is asked for.",
        validator=validators.ge(0),
    )
    resync_backoff_s: float = setting(
        1.0, help="Pause before the second resync in a row; it doubles.", validator=validators.ge(0)
    )
    resync_backoff_max_s: float = setting(
        30.0, help="Longest pause between resyncs of one instrument.", validator=validators.ge(0)
    )
    resync_attempts: int = setting(
        5,
        help="Losses in a row after which a book is kept as unverified and retried slowly.",
        validator=validators.ge(0),
    )
    unverified_retry_s: float = setting(
        300.0, help="Pause between resyncs of an unverified book.", validator=validators.ge(0)
    )
    stable_s: float = setting(
        60.0, help="SYNCED for so long, the next loss counts as the first again.", validator=validators.ge(0)
    )


@attrs.frozen
class FeedConfig:
    """Configuration of one shard.

    ``wall0_ns`` is the wall clock at run start and ``mono0_ns`` the monotonic clock then:
    ``ts_recv_ns = wall0_ns + mono_ns - mono0_ns``, null when ``untimed``. ``discover``: follow every
    instrument that appears (imports), only those of ``symbols`` (ids or the venue's names) unless it
    is empty. ``live``: deadlines run and commands are given; False for recordings of others. ``infos``:
    what is known of the instruments before their first row.
    """

    venue: str
    shard: int = 0
    subscriptions: tuple[Subscription, ...] = ()
    wall0_ns: int = 0
    mono0_ns: int = 0
    discover: bool = False
    symbols: tuple[str, ...] = ()
    untimed: bool = False
    live: bool = True
    settings: FeedSettings = attrs.Factory(FeedSettings)
    infos: tuple[InstrumentInfo, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        result: dict[str, Any] = _converter.unstructure(self)
        return result

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> FeedConfig:
        """The inverse of `to_json`. Raises cattrs.BaseValidationError on other values."""
        return _converter.structure(value, cls)


_LATER: Final = (
    "unanswered_reconnect",
    "handover_timeout_s",
    "handover_retry_s",
    "handover_settle_s",
    "witness_wait_s",
    "witness_pause_s",
    "witness_attempts",
    "refresh_min_interval_s",
)
_converter = cattrs.Converter(forbid_extra_keys=True)
# Fields that came after the first release are left out while they say nothing: older logs stay as they are.
_omitted: dict[str, Any] = {name: override(omit_if_default=True) for name in _LATER}
_converter.register_unstructure_hook(
    FeedSettings, make_dict_unstructure_fn(FeedSettings, _converter, **_omitted)
)
_converter.register_unstructure_hook(
    FeedConfig, make_dict_unstructure_fn(FeedConfig, _converter, infos=override(omit_if_default=True))
)
