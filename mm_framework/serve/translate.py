"""What `Feed` puts out, told to the `Hub`: a listener of captures, of playbacks and of followed logs.

    on_output(shard, record, mono_ns, output) -> messages -> Market -> Hub

One `Translator` for each run: when another run tells of the same instrument, its epochs go on behind
those of the run before, and what an older run still says of it is not heard.
"""

from __future__ import annotations

from collections.abc import Iterator

from mm_framework.feed import Feed, FeedConfig, Output
from mm_framework.feed.log_bodies import Start, read_control
from mm_framework.feed.output import Defined, StatusChanged
from mm_framework.model.events import NULL, Kind, Message, iter_messages, iter_rows
from mm_framework.model.frame import HEADER, Block, RecordKind, iter_records
from mm_framework.model.instrument import Definition
from mm_framework.serve.hub import Hub
from mm_framework.serve.market import MS, Market, Said

__all__ = ["Translator"]

_BOOK = frozenset({Kind.LEVEL, Kind.SNAPSHOT_START})
_EVENTS = frozenset({Kind.SYNC_CHANGE, Kind.GAP, Kind.CHECKSUM_MISMATCH})


class Translator:
    """Implements `capture.recorder.Listener`; ``done`` may be set to end the run that it hears.

    ``frames``: FRAME records so far. ``now_ms``: receive time of the last record, 0 before the first.
    """

    def __init__(self, hub: Hub) -> None:
        self.done = False
        self.frames = 0
        self.now_ms = 0
        self._hub = hub
        self._clocks: dict[int, int] = {}
        self._venues: dict[int, str] = {}
        self._markets: dict[str, Market] = {}
        self._numbers: dict[int, Market] = {}

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See `Listener`; also blocks of several records."""
        if shard not in self._clocks:
            self._begin(shard, record)
        self._pass_to(shard, mono_ns)
        self.frames += record[8] == RecordKind.FRAME
        for notice in output.notices:
            if isinstance(notice, Defined):
                self._define(notice.definition)
            elif isinstance(notice, StatusChanged):
                self._tell_status(shard, notice)
        if len(output.messages):
            for message in iter_messages(output.messages):
                market = self._numbers.get(message.instrument)
                if market is not None and market.teller is self:
                    self._hub.say(market, _told(market, message, output, self.now_ms))
        self._hub.flush()

    def restore(self, feed: Feed, mono_ns: int) -> None:
        """Begin with what ``feed`` holds."""
        self._follow(feed.shard, feed.config, mono_ns)
        for view in feed.instruments():
            market = self._market(view.id, view.definition.venue_symbol)
            self._numbers[view.definition.number] = market
            if market.teller is self:
                self._hub.say(market, market.restore(view, self.now_ms))
        self._hub.flush()

    def next_timer_ns(self) -> int | None:
        """See `Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `Listener`: books that the run did not stop itself are not proved any more."""
        for market in self._markets.values():
            if market.teller is self:
                self._hub.say(market, market.end(self.now_ms))
        self._hub.flush()

    def _begin(self, shard: int, block: Block) -> None:
        order = read_control(next(iter_records(block)))
        if not isinstance(order, Start):
            raise RuntimeError("a log that does not begin with a configuration is restored first")
        self._follow(shard, order.config, HEADER.unpack_from(block)[6])

    def _follow(self, shard: int, config: FeedConfig, mono_ns: int) -> None:
        """The instruments of a shard are known from now on, though nothing was said of them."""
        self._clocks[shard], self._venues[shard] = config.wall0_ns - config.mono0_ns, config.venue
        self._pass_to(shard, mono_ns)
        for subscription in config.subscriptions:
            self._market(subscription.instrument, subscription.venue_symbol)

    def _pass_to(self, shard: int, mono_ns: int) -> None:
        self.now_ms = self._hub.now_ms = (self._clocks[shard] + mono_ns) // MS

    def _define(self, definition: Definition) -> None:
        market = self._numbers[definition.number] = self._market(definition.id, definition.venue_symbol)
        if market.teller is self:
            self._hub.say(market, market.define(definition, self.now_ms))

    def _tell_status(self, shard: int, notice: StatusChanged) -> None:
        """Of one market, or of the venue: then all of its markets hear it."""
        for market in self._markets.values():
            meant = notice.instrument in (None, market.id) and market.exchange == self._venues[shard]
            if meant and market.teller is self:
                self._hub.say(market, market.status_told(notice.text, self.now_ms))

    def _market(self, id: str, venue_symbol: str) -> Market:
        market = self._markets.get(id)
        if market is None:
            market = self._markets[id] = self._hub.market(id, venue_symbol)
            market.teller = self
            self._hub.say(market, market.begin(self.now_ms))
        return market


def _told(market: Market, message: Message, output: Output, now_ms: int) -> Iterator[Said]:
    start = message.first_row * 64
    rows = list(iter_rows(output.rows[start : start + message.n_rows * 64]))
    if not rows:
        return
    ts_ms = now_ms if rows[0].ts_recv_ns == NULL else rows[0].ts_recv_ns // MS
    if message.kind in _BOOK:
        yield from market.book_rows(rows, ts_ms)
    elif message.kind == Kind.TRADE:
        for row in rows:
            yield from market.trade_row(row, ts_ms)
    elif message.kind in _EVENTS:
        for row in rows:
            yield from market.event_row(row, ts_ms)
