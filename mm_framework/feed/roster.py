"""Who is followed: the instruments of a shard by id and by the venue's names, and their subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.feed.config import FeedConfig, VenueKit
from mm_framework.feed.instrument import Definitions, Instrument
from mm_framework.feed.links import Stream
from mm_framework.feed.names import Names
from mm_framework.feed.session import Session
from mm_framework.model.book import Book
from mm_framework.model.events import Reason
from mm_framework.sync.counts import Counts
from mm_framework.sync.proofs import Witness

__all__ = ["Roster"]


class Roster:
    """``depths``: levels told for (instrument, channel) before its definition; ``infos``: metadata of
    instruments that have not appeared yet.
    """

    def __init__(
        self,
        kit: VenueKit,
        config: FeedConfig,
        session: Session,
        definitions: Definitions,
        counts: Counts,
        make_book: Callable[[], Book],
        make_witness: Callable[[], Witness],
        names: Names,
    ) -> None:
        self._names = names
        self._kit, self._config, self._session = kit, config, session
        self._definitions, self._counts = definitions, counts
        self._make_book, self._make_witness = make_book, make_witness
        self._carries = {channel.name: channel.carries for channel in kit.adapter.channels}
        self._trade_channel = next((name for name, what in self._carries.items() if what == "trade"), "")
        self.by_id = session.instruments
        self.by_symbol: dict[str, Instrument] = {}
        self.depths: dict[tuple[str, str], int] = {}
        self.infos: dict[str, InstrumentInfo] = {}

    # following

    def follow(self, subscription: Subscription) -> Stream | None:
        """Follow an instrument on a channel; its stream, None when it is followed already."""
        key = subscription.instrument, subscription.channel
        known = self._session.known.get(key)
        if known is not None and not known.over:
            return None
        instrument = self.by_id.get(subscription.instrument)
        if instrument is None:
            instrument = self.add(subscription.instrument, subscription.venue_symbol)
        elif instrument.resting:
            instrument.wake()
        # A subscription knows the id of its symbol, which the symbol alone may not tell.
        self.by_symbol[subscription.venue_symbol] = instrument
        if known is None:
            channel = subscription.channel
            return self.add_stream(subscription, self._carries.get(channel, channel))
        self._session.wake(key)
        known.follow(subscription)
        if known.carries == "book":
            instrument.book.follow()
        return known

    def unfollow(self, subscription: Subscription) -> Stream | None:
        """Follow it no longer; the stream, None when it is not followed. Its book stops."""
        stream = self._session.known.get((subscription.instrument, subscription.channel))
        if stream is None or stream.phase == "unfollowed":
            return None
        self._forget(self.by_id[subscription.instrument], stream, Reason.UNSUBSCRIBED)
        return stream

    def end(self, instrument: Instrument) -> list[Stream]:
        """The venue trades it no more: its book stops. The streams that were followed until now."""
        ended = [stream for stream in self._session.streams_of(instrument) if stream.wanted]
        for stream in ended:
            self._forget(instrument, stream, Reason.ENDED)
        return ended

    def rest(self, left: Iterable[Stream]) -> None:
        """These streams are followed no more: instruments of which nothing is left keep next to nothing."""
        resting = self._session.rest(one.subscription.instrument for one in left)
        for name in dict.fromkeys(one.subscription.instrument for one in resting):
            self.by_id[name].rest()
        if resting:
            self._names.leave(resting)

    def _forget(self, instrument: Instrument, stream: Stream, reason: Reason) -> None:
        """What a stream has built is gone."""
        if stream.carries == "book":
            instrument.book.leave(reason)
            instrument.forget_tickers()
        elif stream.carries == "trade":
            instrument.trades_on(stream.subscription.channel).forget()

    def add_stream(self, subscription: Subscription, carries: str) -> Stream:
        """A subscription that nobody has asked for yet."""
        stream = Stream(subscription, carries)
        self._session.add(stream)
        return stream

    def add(self, instrument_id: str, venue_symbol: str) -> Instrument:
        """An instrument that is met for the first time."""
        instrument = Instrument(
            instrument_id,
            venue_symbol,
            self._kit.rules,
            self._definitions,
            self._counts,
            round(self._config.settings.stable_s * 1e9),
            self._make_book,
            self._make_witness,
            self._trade_channel,
        )
        self.by_id[instrument_id] = instrument
        return instrument

    # names

    def find(self, venue_symbol: str) -> Instrument | None:
        """The instrument of a name on the wire; None when nobody wants it."""
        if venue_symbol in self.by_symbol:
            return self.by_symbol[venue_symbol]
        instrument_id = self._kit.adapter.instrument_id(venue_symbol)
        instrument = self.by_id.get(instrument_id)
        if instrument is None and self._wanted(instrument_id, venue_symbol):
            instrument = self.add(instrument_id, venue_symbol)
            instrument.info = self.infos.pop(instrument_id, None)
        if instrument is not None:
            self.by_symbol[venue_symbol] = instrument
        return instrument

    def id_of(self, venue_symbol: str) -> str:
        """The id of a name: as subscribed, else as the adapter makes it of the name alone."""
        known = self.by_symbol.get(venue_symbol)
        return self._kit.adapter.instrument_id(venue_symbol) if known is None else known.id

    def _wanted(self, instrument_id: str, venue_symbol: str) -> bool:
        config = self._config
        if not config.discover:
            return False
        return not config.symbols or instrument_id in config.symbols or venue_symbol in config.symbols

    # metadata

    def describe(self, info: InstrumentInfo) -> None:
        """Metadata of an instrument that is followed, or may be found later."""
        instrument_id = self.id_of(info.venue_symbol)
        instrument = self.by_id.get(instrument_id)
        if instrument is not None:
            instrument.describe(info)
        elif self._wanted(instrument_id, info.venue_symbol):
            self.infos[instrument_id] = info

    def told_depth(self, venue_symbol: str | None, channel: str | None, depth: int | None) -> None:
        """The venue, or our request, says how many levels a subscription keeps."""
        if venue_symbol is None or channel is None or depth is None or depth < 1:
            return
        instrument_id = self.id_of(venue_symbol)
        self.depths[instrument_id, channel] = depth
        instrument = self.by_id.get(instrument_id)
        stream = self._session.known.get((instrument_id, channel))
        keeps = self._kit.rules.keeps_depth
        if instrument is not None and stream is not None and stream.carries == "book" and keeps:
            instrument.deepen(depth)

    def define(
        self,
        instrument: Instrument,
        channel: str,
        first_price: str | None,
        depth: int | None,
        levels: int | None,
    ) -> None:
        """Choose the scales before the first value is read; know the depth before the first book."""
        adapter, stream = self._kit.adapter, self._session.known[instrument.id, channel]
        if stream.carries == "book" and depth is None:
            depth = stream.subscription.depth or self.depths.get((instrument.id, channel))
            if depth is None and levels is not None:
                depth = adapter.default_depth(channel, levels)
        if stream.carries == "book" and not self._kit.rules.keeps_depth:
            instrument.book.s.asked, depth = depth if levels is not None else instrument.book.s.asked, None
        if not instrument.defined:
            scales = adapter.default_scales(instrument.venue_symbol, first_price)
            base_quote = adapter.base_quote(instrument.venue_symbol)
            instrument.define(scales, base_quote, depth if stream.carries == "book" else None)
        elif stream.carries == "book" and instrument.definition.depth is None:
            instrument.deepen(depth)
