"""Every check of an adapter finds the adapter, or the venue, that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from kit_checks import checks_of, fails, run_check, skips
from toy_conformance import PingingToyAdapter, ToyFrontend, ToySession, WholeToyDialect, toy
from toy_venue import ack

from mm_framework.contracts.adapter import Channel, HttpRequest, Proof, Subscription, VenueLimits
from mm_framework.contracts.catalog import CatalogPage, ListedInstrument
from mm_framework.contracts.emulator import FrameKind, HttpReply, Outgoing
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.model.book import Book
from mm_framework.settings import section, setting
from mm_framework.testing.conformance import AdapterConformance
from mm_framework.testing.simulation import Venue

Make = Callable[[], Venue]


def adapter(**overrides: Any) -> Make:
    """The toy venue with an adapter of which these attributes are others."""
    return lambda: toy(adapter=type("Broken", (PingingToyAdapter,), overrides))


def session(**overrides: Any) -> Make:
    """The toy venue with an emulator whose sessions do this."""

    def build(dialect: WholeToyDialect, front: ToyFrontend) -> ToySession:
        return type("Broken", (ToySession,), overrides)(front)  # type: ignore[no-any-return]

    return lambda: toy(dialect=type("Broken", (WholeToyDialect,), {"session": build}))


class OnlyOnce(PingingToyAdapter):
    """Subscribes on its first connection only."""

    def __init__(self) -> None:
        self.symbols: set[tuple[str, str]] = set()

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        new = [one for one in subscriptions if (one.channel, one.venue_symbol) not in self.symbols]
        self.symbols |= {(one.channel, one.venue_symbol) for one in new}
        return super().subscribe(new, req_id)


def no_snapshots(self: ToySession, symbol: str, body: dict[str, Any], now_ns: int) -> list[Outgoing]:
    """Only the first subscription of an instrument begins with a snapshot."""
    frames = ToySession.changed(self, symbol, body, now_ns)
    seen = self.front.__dict__.setdefault("seen", set())
    again = (symbol, body["ch"]) in seen
    seen.add((symbol, body["ch"]))
    return frames[:1] if again else frames


def no_ticker(self: ToySession, symbol: str) -> Outgoing:
    return Outgoing(b'{"ch":"hb"}', FrameKind.HEARTBEAT)


@section("venue.undocumented")
@attrs.frozen
class Undocumented:
    """Settings without help."""

    url: str = setting("ws://x", help="")


def rest(request: HttpRequest | None) -> Make:
    def build() -> Venue:
        overrides = {} if request is None else {"snapshot_request": lambda self, wanted: request}
        rules = SyncRules(sequence=SequenceSpec(bridge="rest"))
        return toy(adapter=type("Broken", (PingingToyAdapter,), overrides), rules=rules)

    return build


class AnyHash:
    """Implements `HashCheck`."""

    def verify(self, book: Book, scales: tuple[int, int], told: str, venue_symbol: str) -> bool | None:
        return None


def witness(request: HttpRequest) -> Make:
    def build() -> Venue:
        overrides = {"witness_request": lambda self, wanted: request}
        return toy(adapter=type("Broken", (PingingToyAdapter,), overrides), rules=SyncRules(hash=AnyHash()))

    return build


def with_silent_channel() -> Venue:
    """A channel that is acknowledged and never speaks."""

    def changed(self: ToySession, symbol: str, body: dict[str, Any], now_ns: int) -> list[Outgoing]:
        if body["ch"] == "trade_all":
            return [Outgoing(ack(symbol, "trade_all", None, body["id"]), FrameKind.SUBSCRIBED)]
        return ToySession.changed(self, symbol, body, now_ns)

    channels = (*PingingToyAdapter.channels, Channel("trade_all", "trade", Proof("none")))
    return attrs.evolve(adapter(channels=channels)(), dialect=session(changed=changed)().dialect)


def lists(read: Callable[..., CatalogPage], weight: int = 1) -> Make:
    """The toy venue with a list of instruments that is read so."""
    overrides = {
        "catalog_first": False,
        "catalog_every_s": 0.0,
        "catalog_requests": lambda self: [HttpRequest("https://toy.invalid/list", "catalog", weight=weight)],
        "read_catalog": read,
    }

    class Listing(ToyFrontend):
        def http(self, *asked: Any) -> HttpReply:
            return HttpReply(200, b"[]")

    frontend = {"frontend": lambda self, market, clock, seed: Listing(self, market, clock)}
    return lambda: toy(
        adapter=type("Broken", (PingingToyAdapter,), overrides),
        dialect=type("ListingDialect", (WholeToyDialect,), frontend),
    )


def empty(self: object, request: HttpRequest, body: bytes) -> CatalogPage:
    """Whatever is answered: nothing is listed."""
    return CatalogPage()


def one_of_two(self: object, request: HttpRequest, body: bytes) -> CatalogPage:
    return CatalogPage((ListedInstrument("toy:A/B", InstrumentInfo("A/B")),))


BOOK = Channel("book", "book", Proof("checksum", 3), depths=(5, 10))
SAME_NAMES = "venue_symbol", lambda self, instrument: "A/B"

CASES: list[tuple[str, str, Make]] = [
    ("names_lead_to_each_other", "toy:C/D -> A/B", adapter(**dict([SAME_NAMES]))),
    ("names_lead_to_each_other", "is not of venue", lambda: toy(instruments=("other:A/B",))),
    ("names_lead_to_each_other", "base and quote", adapter(base_quote=lambda self, symbol: ("A", ""))),
    ("two_instruments_have_two_names", "stand for several", adapter(**dict([SAME_NAMES]))),
    ("scales_without_metadata_hold_a_price", "scales", adapter(default_scales=lambda self, s, p: (19, 8))),
    ("every_channel_declares_what_it_carries_and_proves", "no channel", adapter(channels=())),
    ("every_channel_declares_what_it_carries_and_proves", "one name", adapter(channels=(BOOK, BOOK))),
    (
        "every_channel_declares_what_it_carries_and_proves",
        "carries 'candles'",
        adapter(channels=(Channel("candles", "candles", Proof("none")),)),
    ),
    (
        "every_channel_declares_what_it_carries_and_proves",
        "has proof checksum",
        adapter(channels=(Channel("book", "book", Proof("checksum")),)),
    ),
    (
        "every_channel_declares_what_it_carries_and_proves",
        "has proof 'trust'",
        adapter(channels=(Channel("book", "book", Proof("trust")),)),
    ),
    ("depths_are_those_of_books", "depths of book", adapter(channels=(attrs.evolve(BOOK, depths=(10, 5)),))),
    ("depths_are_those_of_books", "not one of", adapter(default_depth=lambda self, channel, levels: 7)),
    (
        "depths_are_those_of_books",
        "is no book",
        adapter(channels=(attrs.evolve(BOOK, carries="trade"),), default_depth=lambda self, c, n: None),
    ),
    ("limits_and_deadlines_are_sane", "messages_per_s", adapter(limits=VenueLimits(messages_per_s=0))),
    ("limits_and_deadlines_are_sane", "not the URL", adapter(url="https://toy.invalid")),
    ("limits_and_deadlines_are_sane", "idle_timeout_s", adapter(idle_timeout_s=0.0)),
    ("limits_and_deadlines_are_sane", "ping_interval_s", adapter(ping_interval_s=0.0)),
    ("subscriptions_are_read_back", "no message", adapter(subscribe=lambda self, wanted, req_id: [])),
    (
        "subscriptions_are_read_back",
        "sent reads nothing",
        adapter(subscribe=lambda self, wanted, req_id: [b"hello"]),
    ),
    ("subscriptions_are_read_back", "is not bytes", adapter(subscribe=lambda self, wanted, req_id: ["x"])),
    (
        "subscriptions_are_read_back",
        "asked for were",
        adapter(subscribe=lambda self, wanted, n: PingingToyAdapter.subscribe(self, wanted[:1], n)),
    ),
    (
        "a_depth_is_asked_for_and_read_back",
        "is read back with depth",
        adapter(
            subscribe=lambda self, wanted, n: PingingToyAdapter.subscribe(
                self, [attrs.evolve(one, depth=5) for one in wanted], n
            )
        ),
    ),
    (
        "what_unsubscribes_is_no_surprise",
        "begins and ends",
        adapter(unsubscribe=lambda self, wanted, n: self.subscribe(wanted, n)),
    ),
    ("a_ping_is_read_back", "but no ping", adapter(ping=lambda self, n: None)),
    ("a_ping_is_read_back", "reads a ping as", adapter(ping=lambda self, n: b'{"op":"knock"}')),
    ("metadata_is_asked_for", "nothing asks", adapter(metadata_request=lambda self, n: [])),
    ("a_snapshot_is_asked_for_within_the_budget", "no snapshot_request", rest(None)),
    (
        "a_snapshot_is_asked_for_within_the_budget",
        "not absolute",
        rest(HttpRequest("/book", "snapshot", instrument="toy:A/B")),
    ),
    (
        "a_snapshot_is_asked_for_within_the_budget",
        "over the budget",
        rest(HttpRequest("https://toy.invalid/book", "snapshot", weight=61, instrument="toy:A/B")),
    ),
    (
        "a_witness_is_asked_for_within_the_budget",
        "not absolute",
        witness(HttpRequest("/book", "witness", instrument="toy:A/B")),
    ),
    (
        "a_witness_is_asked_for_within_the_budget",
        "snapshot",
        witness(HttpRequest("https://toy.invalid/book", "snapshot", instrument="toy:A/B")),
    ),
    (
        "a_witness_is_asked_for_within_the_budget",
        "over the budget",
        witness(HttpRequest("https://toy.invalid/book", "witness", weight=61, instrument="toy:A/B")),
    ),
    ("the_catalogue_lists_what_can_be_captured", "catalogue is empty", lists(empty)),
    ("the_catalogue_lists_what_can_be_captured", "toy:C/D is not listed", lists(one_of_two)),
    ("the_catalogue_is_asked_for_within_the_budget", "over the budget", lists(empty, weight=61)),
    ("every_setting_has_a_help_text", "no sentence of help", lambda: toy(settings=(Undocumented,))),
    ("it_connects_and_every_channel_speaks", "nothing of ticker", session(ticker=no_ticker)),
    (
        "each_further_channel_speaks_alone",
        "nothing of trade_all",
        with_silent_channel,
    ),
    ("after_a_lost_connection_all_is_subscribed_anew", "after disconnect", lambda: toy(adapter=OnlyOnce)),
    (
        "a_connection_that_says_nothing_is_replaced",
        "no new connection",
        adapter(idle_timeout_s=1e6, ping_interval_s=None),
    ),
    (
        "an_instrument_that_falls_silent_is_asked_for_anew",
        "at the end the books are",
        session(changed=no_snapshots),
    ),
]


@pytest.mark.parametrize(
    ("name", "match", "make"), CASES, ids=lambda one: one if isinstance(one, str) else ""
)
def test_a_broken_adapter_is_found(name: str, match: str, make: Make) -> None:
    fails(AdapterConformance, name, match, venue=make())


def test_an_adapter_that_takes_any_id_is_found() -> None:
    broken = adapter(venue_symbol=lambda self, instrument: instrument.partition(":")[2])()
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        run_check(AdapterConformance, "an_instrument_of_another_venue_is_a_configuration_error", venue=broken)


def test_an_adapter_that_takes_anything_for_a_list_is_found() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        run_check(AdapterConformance, "what_is_no_catalogue_is_refused", venue=lists(empty)())


def test_each_check_has_a_case() -> None:
    other = {
        "an_instrument_of_another_venue_is_a_configuration_error",
        "what_is_no_catalogue_is_refused",
    }
    assert {name for name, _, _ in CASES} | other == checks_of(AdapterConformance)


SKIPS = [
    ("a_depth_is_asked_for_and_read_back", "no depths", adapter(channels=PingingToyAdapter.channels[1:])),
    ("a_ping_is_read_back", "no application ping", adapter(ping_interval_s=None)),
    ("metadata_is_asked_for", "no metadata", adapter(metadata_first=False)),
    ("a_snapshot_is_asked_for_within_the_budget", "no snapshot over REST", toy),
    ("a_witness_is_asked_for_within_the_budget", "no books with a hash", toy),
    ("every_setting_has_a_help_text", "no settings", lambda: toy(settings=())),
    ("each_further_channel_speaks_alone", "one channel of each kind", toy),
    ("it_connects_and_every_channel_speaks", "toy declares no emulator", lambda: toy(dialect=None)),
    (
        "an_instrument_that_falls_silent_is_asked_for_anew",
        "no channel that carries book",
        adapter(channels=PingingToyAdapter.channels[1:]),
    ),
]


@pytest.mark.parametrize(
    ("name", "match", "make"), SKIPS, ids=lambda one: one if isinstance(one, str) else ""
)
def test_what_is_not_declared_is_skipped_with_a_reason(name: str, match: str, make: Make) -> None:
    skips(AdapterConformance, name, match, venue=make())
