"""Records and what `Feed` made of them, as sinks see them.

    record, output -> the frame read once more, for its texts -> matched with Feed's messages -> Seen

`Feed` keeps integers; files that repeat the venue's words need the texts. The observer reads each frame
with the venue's normalizer, holding the normalizer's tables of connections itself, and leaves every
decision to `Feed`: what it accepted is what has messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import ConnectionInfo, Control
from mm_framework.contracts.sink import Followed, Seen, Told, ToldTrade
from mm_framework.errors import MalformedFrame
from mm_framework.feed import FeedConfig, VenueKit
from mm_framework.feed.log_bodies import Follow, Order, Start, Unfollow, read_control, read_open
from mm_framework.feed.output import Defined, Malformed, Output
from mm_framework.feed.state import FeedState, structure
from mm_framework.model.events import Kind, Message, Row, iter_messages, iter_rows
from mm_framework.model.frame import Record, RecordKind, iter_records, split_http
from mm_framework.model.instrument import Definition
from mm_framework.sinks.told import ToldWriter

__all__ = ["Observer"]

_LEVEL: Final = int(Kind.LEVEL)
_START: Final = int(Kind.SNAPSHOT_START)
_CARRIES: Final[Mapping[int, str]] = {
    Kind.LEVEL: "book",
    Kind.SNAPSHOT_START: "book",
    Kind.TRADE: "trade",
    Kind.TOP: "ticker",
}


class Observer:
    """All shards of a run. ``kits`` are its venues' kits, for the observer alone."""

    def __init__(self, kits: Mapping[str, VenueKit]) -> None:
        self._kits = kits
        self._shards: dict[int, _Shard] = {}
        self.definitions: dict[int, Definition] = {}

    def see(self, shard: int, block: bytes, output: Output) -> Seen:
        """One encoded record; ``output`` must stay as it is (`Output.kept`)."""
        (record,) = iter_records(block)
        for notice in output.notices:
            if isinstance(notice, Defined):
                self.definitions[notice.definition.number] = notice.definition
        one, state = self._shards.get(shard), None
        if one is None:
            config, state = _beginning(record)
            one = self._shards[shard] = _Shard(config, self._kits[config.venue])
            if state is not None:
                self.definitions.update({each.number: each for each in state.definitions})
                one.restore(state)
        told, controls = one.read(record, output)
        messages, rows = tuple(iter_messages(output.messages)), tuple(iter_rows(output.rows))
        return Seen(
            shard=shard,
            venue=one.config.venue,
            block=block,
            record=record,
            ts_recv_ns=one.received_ns(record),
            output=output,
            told=tuple(_matched(told, messages, rows, self.definitions)),
            controls=tuple(controls),
            followed=one.take_followed(),
            unfollowed=one.take_unfollowed(),
            definitions=self.definitions,
            restored=state,
            messages=messages,
            rows=rows,
        )


class _Shard:
    """What the frames of one shard are read with."""

    def __init__(self, config: FeedConfig, kit: VenueKit) -> None:
        self.config, self._kit = config, kit
        self._carries = {channel.name: channel.carries for channel in kit.adapter.channels}
        self._links: dict[int, ConnectionInfo] = {}
        self._streams: dict[tuple[str, str], Followed] = {}
        self._ids: dict[str, str] = {}
        self._writer = ToldWriter(self._resolve)
        self._followed: list[Followed] = []
        self._unfollowed: list[Followed] = []
        for subscription in config.subscriptions:
            self._follow(subscription)

    def restore(self, state: FeedState) -> None:
        """Go on from a checkpoint."""
        self._links = {link.index: ConnectionInfo(link.index, link.url, link.memo) for link in state.links}
        for stream in state.streams:
            if (stream.subscription.instrument, stream.subscription.channel) not in self._streams:
                self._follow(stream.subscription)

    def received_ns(self, record: Record) -> int | None:
        """The receive time of a record, None when untimed."""
        config = self.config
        return None if config.untimed else config.wall0_ns + record.mono_ns - config.mono0_ns

    def read(self, record: Record, output: Output) -> tuple[list[Told], list[Control]]:
        """What a record says; nothing where `Feed` found it malformed."""
        writer, kind = self._writer, record.kind
        writer.reset()
        if kind == RecordKind.FRAME:
            try:
                self._kit.normalizer.decode(bytes(record.payload), self._link(record.connection), writer)
            except MalformedFrame:
                return [], []
        elif kind == RecordKind.SENT:
            self._kit.normalizer.sent(bytes(record.payload), self._link(record.connection), writer)
        elif kind == RecordKind.HTTP:
            self._read_http(record)
        elif kind == RecordKind.OPEN:
            self._links[record.connection] = ConnectionInfo(record.connection, read_open(record))
        elif kind == RecordKind.LOST:
            self._links.pop(record.connection, None)
        elif kind == RecordKind.CONTROL:
            self._obey(read_control(record))
        if output.notices and any(isinstance(notice, Malformed) for notice in output.notices):
            return [], []
        return writer.told, writer.controls

    def take_followed(self) -> tuple[Followed, ...]:
        """The subscriptions that began since the last call."""
        taken, self._followed = tuple(self._followed), []
        return taken

    def take_unfollowed(self) -> tuple[Followed, ...]:
        """The subscriptions that ended since the last call."""
        taken, self._unfollowed = tuple(self._unfollowed), []
        return taken

    def _read_http(self, record: Record) -> None:
        try:
            meta, body = split_http(record.payload)
            bad = bool(meta.get("error")) or not 200 <= int(meta.get("status") or 200) < 300
            if not bad:
                self._kit.normalizer.http(meta, body, self._writer)
        except (MalformedFrame, ValueError, msgspec.DecodeError, RecursionError):
            self._writer.reset()

    def _obey(self, order: Order) -> None:
        """Subscriptions that come and go while the run goes on."""
        if isinstance(order, Follow):
            for subscription in order.subscriptions:
                self._follow(subscription)
        elif isinstance(order, Unfollow):
            for subscription in order.subscriptions:
                ended = self._streams.pop((subscription.instrument, subscription.channel), None)
                self._unfollowed += [] if ended is None else [ended]

    def _follow(self, subscription: Subscription) -> Followed:
        carries = self._carries.get(subscription.channel, subscription.channel)
        followed = Followed(subscription, carries)
        self._streams[subscription.instrument, subscription.channel] = followed
        self._ids[subscription.venue_symbol] = subscription.instrument
        self._followed.append(followed)
        return followed

    def _link(self, connection: int) -> ConnectionInfo:
        if connection not in self._links:
            return ConnectionInfo(connection, "")
        return self._links[connection]

    def _resolve(self, channel: str, carries: str, venue_symbol: str) -> str | None:
        instrument = self._ids.get(venue_symbol)
        if instrument is None:
            instrument = self._ids[venue_symbol] = self._kit.adapter.instrument_id(venue_symbol)
        if (instrument, channel) in self._streams:
            return instrument
        config = self.config
        if not config.discover:
            return None
        if config.symbols and instrument not in config.symbols and venue_symbol not in config.symbols:
            return None
        self._carries.setdefault(channel, carries)
        self._follow(Subscription(instrument, venue_symbol, channel))
        return instrument


def _beginning(record: Record) -> tuple[FeedConfig, FeedState | None]:
    """The configuration of a shard, from its first record, which `Feed` has read already."""
    if record.kind == RecordKind.CHECKPOINT:
        state = structure(msgspec.json.decode(record.payload))
        return FeedConfig.from_json(state.config), state
    order = read_control(record)
    if not isinstance(order, Start):
        raise RuntimeError("Feed takes no log that does not begin with a configuration or a checkpoint")
    return order.config, None


def _matched(
    told: Sequence[Told],
    messages: Sequence[Message],
    rows: Sequence[Row],
    definitions: Mapping[int, Definition],
) -> Iterable[Told]:
    """Each message of a frame with those that `Feed` made of it, in order."""
    if not told:
        return
    waiting: dict[tuple[str, str], list[Message]] = {}
    for message in messages:
        carries = _CARRIES.get(message.kind)
        if carries is not None:
            key = (definitions[message.instrument].id, carries)
            if key in waiting:
                waiting[key].append(message)
            else:
                waiting[key] = [message]
    for one in told:
        mine = waiting.get((one.instrument, one.carries)) or []
        if one.carries == "trade":
            yield _with_trades(one, mine, rows)
        elif one.carries == "ticker":
            yield Told(*one[:-1], tuple(mine[: len(one.tops)]))
            del mine[: len(one.tops)]
        else:
            yield _with_levels(one, mine)


def _with_levels(told: Told, messages: list[Message]) -> Told:
    """The first message of its kind is its own, which leaves ``messages``; one that says nothing has none."""
    kind = _START if told.snapshot else _LEVEL
    for message in messages if told.snapshot or told.levels else ():
        if message.kind == kind:
            messages.remove(message)
            return Told(*told[:-1], (message,))
    return told


def _with_trades(told: Told, messages: list[Message], rows: Sequence[Row]) -> Told:
    """The prints that `Feed` emitted; those that it left out are repetitions."""
    mine: list[Row] = []
    for message in messages:
        mine += rows[message.first_row : message.first_row + message.n_rows]
    news: list[ToldTrade] = []
    for trade in told.trades:
        if len(news) < len(mine) and mine[len(news)].aux == trade.trade_id:
            news.append(trade)
    taken = tuple(messages)
    messages.clear()
    return told._replace(trades=tuple(news), messages=taken)
