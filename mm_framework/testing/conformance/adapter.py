"""What every adapter must hold to; the checks that need an emulator are skipped without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest

from mm_framework.contracts.adapter import Adapter, Channel, Subscription, WitnessSource
from mm_framework.contracts.catalog import Catalog, ListedInstrument
from mm_framework.contracts.normalizer import ConnectionInfo, Requested
from mm_framework.errors import ConfigError, MalformedFrame, VenueRefused
from mm_framework.feed.output import Silent
from mm_framework.model.fixed import MAX_SCALE
from mm_framework.model.frame import Record, RecordKind, iter_records
from mm_framework.model.instrument import parse_id
from mm_framework.settings import fields_of, section_of
from mm_framework.testing.conformance.base import QUICK, Conformance, one_of_each, simulated
from mm_framework.testing.simulation import Simulation, Venue
from mm_framework.testing.writer import KeepingWriter, Told

__all__ = ["AdapterConformance"]

PROOFS = ("sequence", "ids", "checksum", "hash", "none")
CARRIES = ("book", "trade", "ticker")
MOST_BYTES = 1 << 20
"""A message that we send is not longer."""

MOST_PAGES = 100
"""Pages of the emulator's catalogue."""

MOST_SILENCE_S = 120.0
"""A dead connection is noticed within this time."""


class AdapterConformance(Conformance):
    """Names, channels, limits, messages, settings; over the emulator reconnect, resubscribe, liveness."""

    # names

    def test_names_lead_to_each_other(self) -> None:
        """id -> the venue's name -> the same id."""
        adapter = self.kit.adapter
        assert len(set(self.venue.instruments)) == len(self.venue.instruments) > 0
        for instrument in self.venue.instruments:
            venue, _ = parse_id(instrument)
            assert venue == adapter.venue, f"{instrument} is not of venue {adapter.venue}"
            symbol = adapter.venue_symbol(instrument)
            found = adapter.instrument_id(symbol)
            assert found == instrument, f"{instrument} -> {symbol} -> {found}"
            pair = adapter.base_quote(symbol)
            assert pair is None or all(pair), f"base and quote of {symbol} are {pair}"

    def test_two_instruments_have_two_names(self) -> None:
        """No two ids are one name at the venue."""
        names = Counter(self.kit.adapter.venue_symbol(one) for one in self.venue.instruments)
        assert max(names.values()) == 1, f"names that stand for several instruments: {names}"

    def test_an_instrument_of_another_venue_is_a_configuration_error(self) -> None:
        """The operator reads a sentence, not a traceback."""
        _, symbol = parse_id(self.venue.instruments[0])
        with pytest.raises(ConfigError, match="not of venue"):
            self.kit.adapter.venue_symbol(f"other-{self.kit.adapter.venue}:{symbol}")

    def test_scales_without_metadata_hold_a_price(self) -> None:
        """Scales from 0 to 18, with and without a first price."""
        adapter = self.kit.adapter
        symbol = adapter.venue_symbol(self.venue.instruments[0])
        for first in (None, "1.5", "0.0001234", "98765.4"):
            scales = adapter.default_scales(symbol, first)
            assert all(0 <= scale <= MAX_SCALE for scale in scales), f"scales {scales} for price {first}"

    # channels and limits

    def test_every_channel_declares_what_it_carries_and_proves(self) -> None:
        """One of the known words each; a checksum says how many levels it covers."""
        channels = self.kit.adapter.channels
        assert channels, "no channel is declared"
        assert len({channel.name for channel in channels}) == len(channels), "two channels of one name"
        for channel in channels:
            assert channel.carries in CARRIES, f"{channel.name} carries {channel.carries!r}"
            assert channel.proof.kind in PROOFS, f"{channel.name} has proof {channel.proof.kind!r}"
            levels = channel.proof.levels
            covers = levels is not None and levels > 0
            assert covers == (channel.proof.kind == "checksum"), f"{channel.name} has proof {channel.proof}"

    def test_depths_are_those_of_books(self) -> None:
        """Depths ascend; the default of a book is one of them; what is no book has none."""
        adapter = self.kit.adapter
        for channel in adapter.channels:
            depths = channel.depths
            assert sorted({*depths}) == [*depths], f"depths of {channel.name} are {depths}"
            assert all(depth > 0 for depth in depths), f"depths of {channel.name} are {depths}"
            assert not depths or channel.carries == "book", f"{channel.name} is no book and has depths"
            for levels in (None, 1, 10, 100_000) if channel.carries == "book" else ():
                told = adapter.default_depth(channel.name, levels)
                fits = told is None or not depths or told in depths
                assert fits, f"{channel.name} with {levels} levels has depth {told}, not one of {depths}"

    def test_limits_and_deadlines_are_sane(self) -> None:
        """Whatever is waited for or counted is positive, and endpoints are WebSockets."""
        adapter = self.kit.adapter
        for name, value in attrs.asdict(adapter.limits).items():
            least = 0 if name in ("reconnect_min_s", "first_data_s", "asks_twice") else 1e-9
            assert value is None or value >= least, f"limit {name} is {value}"
        parts = urlsplit(adapter.url)
        assert parts.scheme in ("ws", "wss"), f"{adapter.url} is not the URL of a WebSocket"
        assert parts.hostname, f"{adapter.url} has no host"
        assert adapter.idle_timeout_s > 0, f"idle_timeout_s is {adapter.idle_timeout_s}"
        ping_s = adapter.ping_interval_s
        assert ping_s is None or ping_s > 0, f"ping_interval_s is {ping_s}: None is for never"

    # messages

    def test_subscriptions_are_read_back(self) -> None:
        """`Normalizer.sent` reads what `subscribe` wrote; a channel that comes with another sends nothing."""
        adapter = self.kit.adapter
        wanted = self._subscriptions(adapter, adapter.channels)
        messages = adapter.subscribe(wanted, 7)
        self._check_messages(messages)
        assert messages, "subscribe gives no message"
        assert messages == self.kit.adapter.subscribe(wanted, 7), "the same call gives other messages"
        asked = self._asked(messages)
        symbols = {one.venue_symbol for one in wanted}
        told = {channel for channel, _ in asked}
        assert told, f"sent reads nothing of {messages}"
        assert told <= {one.channel for one in wanted}, f"sent tells of other channels: {told}"
        for channel in told:
            found = {symbol for name, symbol in asked if name == channel}
            assert found == symbols, f"sent reads {found} on {channel}, asked for were {symbols}"
        for one in wanted:
            alone = adapter.subscribe([one], 7)
            self._check_messages(alone)
            if one.channel in told:
                read = self._asked(alone)
                assert read == {(one.channel, one.venue_symbol)}, f"{one} is read back as {read}"

    def test_a_depth_is_asked_for_and_read_back(self) -> None:
        """Each depth of a book is told apart by `sent`, where the venue has depths."""
        adapter = self.kit.adapter
        books = [channel for channel in adapter.channels if channel.depths]
        if not books:
            pytest.skip(f"{adapter.venue} declares no depths")
        symbol = adapter.venue_symbol(self.venue.instruments[0])
        for channel in books:
            for depth in channel.depths:
                wanted = Subscription(self.venue.instruments[0], symbol, channel.name, depth)
                found = {one.depth for one in self._requested(adapter.subscribe([wanted], 1))}
                told = ", ".join("none" if one is None else str(one) for one in found)
                assert found == {depth}, (
                    f"a request for {channel.name} of depth {depth} is read back with depth {told};"
                    f" where requests name none, sent() tells the only one, or depths is ()"
                )

    def test_what_unsubscribes_is_no_surprise(self) -> None:
        """Messages as of `subscribe`, which `sent` reads without an error."""
        adapter = self.kit.adapter
        wanted = self._subscriptions(adapter, adapter.channels)
        messages = adapter.unsubscribe(wanted, 9)
        self._check_messages(messages)
        assert not set(messages) & set(adapter.subscribe(wanted, 9)), "a message begins and ends at once"
        extra = {name for name, _ in self._asked(messages)} - {channel.name for channel in adapter.channels}
        assert not extra, f"sent reads channels {extra}"

    def test_a_ping_is_read_back(self) -> None:
        """An adapter with a ping interval has a ping, and `sent` knows it."""
        adapter = self.kit.adapter
        if adapter.ping_interval_s is None:
            pytest.skip(f"{adapter.venue} declares no application ping")
        message = adapter.ping(3)
        assert message is not None, "there is a ping interval, but no ping"
        self._check_messages([message])
        asked = self._requested([message])
        assert [one.channel for one in asked] == [None], f"sent reads a ping as {asked}"

    def test_metadata_is_asked_for(self) -> None:
        """Where definitions come first there is a message that asks for them."""
        adapter = self.kit.adapter
        if not adapter.metadata_first:
            pytest.skip(f"{adapter.venue} declares no metadata before subscriptions")
        messages = adapter.metadata_request(1)
        assert messages, "metadata_first, but nothing asks for it"
        self._check_messages(messages)
        self._requested(messages)

    def test_a_snapshot_is_asked_for_within_the_budget(self) -> None:
        """Where books begin with a REST snapshot the adapter says how to get it, and what it weighs."""
        adapter, rules = self.kit.adapter, self.venue.rules
        if rules.sequence is None or rules.sequence.bridge != "rest":
            pytest.skip(f"{adapter.venue} declares no snapshot over REST")
        for wanted in self._subscriptions(adapter, [self.need_channel("book")]):
            source = getattr(adapter, "snapshot_request", None)
            assert source is not None, "books begin with a REST snapshot, but there is no snapshot_request"
            request = source(wanted)
            parts = urlsplit(request.url)
            assert parts.scheme in ("http", "https"), f"{request.url} is not absolute"
            assert parts.hostname, f"{request.url} is not absolute"
            assert (request.what, request.instrument) == ("snapshot", wanted.instrument), request
            assert 0 < request.weight <= adapter.limits.rest_weight, f"{request} is over the budget"

    def test_a_witness_is_asked_for_within_the_budget(self) -> None:
        """Where a hash proves the books and REST has them, the adapter says how to get one to compare."""
        adapter = self.kit.adapter
        if self.venue.rules.hash is None or not isinstance(adapter, WitnessSource):
            pytest.skip(f"{adapter.venue} declares no books with a hash over REST")
        for wanted in self._subscriptions(adapter, [self.need_channel("book")]):
            request = adapter.witness_request(wanted)
            parts = urlsplit(request.url)
            assert parts.scheme in ("http", "https"), f"{request.url} is not absolute"
            assert parts.hostname, f"{request.url} is not absolute"
            assert (request.what, request.instrument) == ("witness", wanted.instrument), request
            assert 0 < request.weight <= adapter.limits.rest_weight, f"{request} is over the budget"

    # catalogue

    def test_the_catalogue_lists_what_can_be_captured(self) -> None:
        """The emulator's list holds its instruments, under the names that the adapter knows them by."""
        adapter = self.kit.adapter
        if not isinstance(adapter, Catalog):
            pytest.skip(f"{adapter.venue} declares no catalogue")
        self.need_emulator()
        listed = _catalogue(self.venue, adapter)
        assert listed, "the catalogue is empty"
        assert len({one.instrument for one in listed}) == len(listed), "an instrument is listed twice"
        names = {one.info.venue_symbol: one for one in listed}
        assert len(names) == len(listed), "two instruments have one name"
        for wanted in self.venue.instruments:
            symbol = adapter.venue_symbol(wanted)
            assert symbol in names, f"{wanted} is not listed"
            assert names[symbol].active, f"{wanted} is listed as inactive"
        for one in listed:
            venue, _ = parse_id(one.instrument)
            assert venue == adapter.venue, f"{one.instrument} is not of venue {adapter.venue}"
            if one.group is None:
                assert adapter.venue_symbol(one.instrument) == one.info.venue_symbol

    def test_what_is_no_catalogue_is_refused(self) -> None:
        """HTML, half a document, nothing, a document of another kind: an error of ours, and no list."""
        adapter = self.kit.adapter
        if not isinstance(adapter, Catalog):
            pytest.skip(f"{adapter.venue} declares no catalogue")
        for request in adapter.catalog_requests():
            for body in (b"", b"<html></html>", b'{"a":', b'"text"', b"7"):
                with pytest.raises((MalformedFrame, VenueRefused)):
                    adapter.read_catalog(request, body)

    def test_the_catalogue_is_asked_for_within_the_budget(self) -> None:
        """Absolute addresses, weights that fit."""
        adapter = self.kit.adapter
        if not isinstance(adapter, Catalog):
            pytest.skip(f"{adapter.venue} declares no catalogue")
        requests = adapter.catalog_requests()
        assert requests, "nothing asks for the catalogue"
        for request in requests:
            parts = urlsplit(request.url)
            assert parts.scheme in ("http", "https"), f"{request.url} is not absolute"
            assert parts.hostname, f"{request.url} is not absolute"
            assert 0 < request.weight <= adapter.limits.rest_weight, f"{request} is over the budget"

    # settings

    def test_every_setting_has_a_help_text(self) -> None:
        """And every class of settings a section of its own."""
        if not self.venue.settings:
            pytest.skip(f"{self.kit.adapter.venue} declares no settings")
        for settings in self.venue.settings:
            assert section_of(settings).partition(".")[2], f"{settings.__name__} has no section of a plugin"
            assert (settings.__doc__ or "").strip(), f"{settings.__name__} has no docstring"
            for field in fields_of(settings):
                assert field.help.strip().endswith("."), (
                    f"{field.key} has no sentence of help: {field.help!r}"
                )

    # over the emulator

    def test_it_connects_and_every_channel_speaks(self) -> None:
        """Messages of every kind of channel arrive; nothing is refused, unknown or malformed."""
        self.need_emulator()
        run = simulated(self.venue, seconds=20.0)
        _check_carries(run, self.kit.adapter.channels)
        counts = run.result.counts
        wrong = (counts.refusals, counts.unknown, counts.malformed, counts.foreign_frames)
        assert not any(wrong), f"refused, unknown, malformed, foreign: {wrong}"

    def test_each_further_channel_speaks_alone(self) -> None:
        """A channel beside the first of its kind can be subscribed in its place."""
        self.need_emulator()
        adapter = self.kit.adapter
        first = one_of_each(adapter)
        others = [channel for channel in adapter.channels if channel.name not in first]
        if not others:
            pytest.skip(f"{adapter.venue} declares one channel of each kind")
        for channel in others:
            run = simulated(self.venue, seconds=20.0, channels=(channel.name,))
            _check_carries(run, [channel])

    def test_after_a_lost_connection_all_is_subscribed_anew(self) -> None:
        """Books and trades go on on the next connection."""
        self.need_emulator()
        for fault in ("disconnect", "reset"):
            run = simulated(self.venue, seconds=40.0, faults=f"{fault}@10")
            self._check_goes_on(run, fault)

    def test_a_connection_that_says_nothing_is_replaced(self) -> None:
        """Half-open or mute: noticed within the deadlines, by silence or an unanswered ping."""
        self.need_emulator()
        adapter = self.kit.adapter
        wait_s = min(MOST_SILENCE_S, adapter.idle_timeout_s, (adapter.ping_interval_s or 1e9) + 15)
        # Silent subscriptions would get another connection in the end: here the connection itself counts.
        settings = attrs.evolve(QUICK, unanswered_reconnect=0)
        run = simulated(
            self.venue,
            seconds=wait_s + 30,
            faults="half-open@5",
            websocket_pings=False,
            feed_settings=settings,
        )
        self._check_goes_on(run, "half-open")

    def test_an_instrument_that_falls_silent_is_asked_for_anew(self) -> None:
        """Its stream is unsubscribed and subscribed; the book is the venue's again."""
        self.need_emulator()
        self.need_channel("book")
        run = simulated(self.venue, seconds=70.0, faults="silent@10")
        silent = [one for one in run.tape.notices if isinstance(one, Silent)]
        assert silent, "nobody noticed that an instrument fell silent"
        states = {one["state"] for one in run.result.instruments.values()}
        assert states == {"SYNCED"}, f"at the end the books are {states}"

    # parts

    def _subscriptions(self, adapter: Adapter, channels: Sequence[Channel]) -> list[Subscription]:
        return [
            Subscription(one, adapter.venue_symbol(one), channel.name, self._depth(adapter, channel))
            for channel in channels
            for one in self.venue.instruments
        ]

    def _depth(self, adapter: Adapter, channel: Channel) -> int | None:
        return adapter.default_depth(channel.name, None) if channel.carries == "book" else None

    def _check_messages(self, messages: list[bytes]) -> None:
        for message in messages:
            assert isinstance(message, bytes), f"{message!r} is not bytes"
            assert 0 < len(message) <= MOST_BYTES, f"a message of {len(message)} bytes"
            assert message.decode().isprintable(), f"{message!r} is not one line of text"

    def _sent(self, messages: list[bytes]) -> Told:
        writer, connection = KeepingWriter(), ConnectionInfo(0, self.kit.adapter.url)
        normalizer = self.kit.normalizer
        for message in messages:
            normalizer.sent(message, connection, writer)
        return writer.told(None)

    def _requested(self, messages: list[bytes]) -> list[Requested]:
        return [one for one in self._sent(messages).controls if isinstance(one, Requested)]

    def _asked(self, messages: list[bytes]) -> set[tuple[str, str]]:
        return {
            (one.channel, symbol)
            for one in self._requested(messages)
            if one.channel is not None
            for symbol in one.venue_symbols
        }

    def _check_goes_on(self, run: Simulation, fault: str) -> None:
        result = run.result
        assert run.emulator.truth.faults[fault], f"the emulator did not strike with {fault}"
        assert result.connections["opened"] > 1, f"no new connection after {fault}"
        opened = [record.index for record in _records(run) if record.kind == RecordKind.OPEN]
        sent = [record for record in _records(run) if record.kind == RecordKind.SENT]
        assert any(record.index > opened[-1] for record in sent), f"nothing is subscribed after {fault}"
        states = {one["state"] for one in result.instruments.values()}
        assert self.venue.channel("book") is None or states == {"SYNCED"}, f"after {fault}: {states}"


def _records(run: Simulation) -> list[Record]:
    return [record for one in run.tape.records for record in iter_records(one)]


def _check_carries(run: Simulation, channels: Sequence[Channel]) -> None:
    """Something of each of these channels must have arrived."""
    counts = run.result.counts
    found = {"book": counts.levels, "trade": counts.trades, "ticker": counts.tops}
    for channel in channels:
        assert found[channel.carries], f"nothing of {channel.name} arrived"


def _catalogue(venue: Venue, adapter: Catalog) -> list[ListedInstrument]:
    """The list that the venue's emulator gives, page by page."""
    emulator = Simulation(venue).emulator
    requests, found, asked = list(adapter.catalog_requests()), list[ListedInstrument](), 0
    while requests:
        request, asked = requests.pop(0), asked + 1
        assert asked <= MOST_PAGES, f"the catalogue has no end: {request}"
        parts = urlsplit(request.url)
        path = f"/{request.mount}{parts.path}" if request.mount else parts.path
        reply = emulator.http("GET", path, dict(parse_qsl(parts.query)), 0)
        assert reply.status == 200, f"the emulator answers {request.url} with {reply.status}"
        page = adapter.read_catalog(request, reply.body)
        found += page.listed
        requests += page.following
    return found
