"""The hub: what clients are told is enough to hold the same book, through gaps and restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kraken_virtual import ALL_FAULTS, VirtualKraken, kraken_kits
from serving import BookReader, Collected

from mm_framework.bundle.run import open_run
from mm_framework.feed import Feed
from mm_framework.model.events import Kind, Row, RowFlag, iter_rows
from mm_framework.model.fixed import parse
from mm_framework.model.instrument import Definition
from mm_framework.serve.hub import Batch, Hub
from mm_framework.serve.market import BookNow
from mm_framework.serve.settings import ServeSettings
from mm_framework.serve.translate import Translator

KINDS = ("snapshot", "diff", "trade")


def captured(
    hub: Hub, seed: int, *, faults: str = "", seconds: float = 20.0, **options: Any
) -> VirtualKraken:
    run = VirtualKraken(seed, seconds, faults, listeners=[Translator(hub)], **options)
    run.run()
    return run


class Late:
    """A listener that subscribes when the hub knows the books, and again at every so many records."""

    done = False

    def __init__(self, hub: Hub, symbol: str) -> None:
        self.hub, self.symbol = hub, symbol
        self.clients: list[Collected] = []
        self.records = 0

    def on_output(self, *_: Any) -> None:
        self.records += 1
        market = self.hub.view("kraken", self.symbol)
        if market is not None and self.records % 20 == 0:
            self.clients.append(Collected())
            self.hub.subscribe(self.clients[-1], [(market, self.symbol)], KINDS)

    def next_timer_ns(self) -> None:
        return None

    def on_end(self, mono_ns: int) -> None:
        pass


def held(run: Path) -> list[list[tuple[int, int]]]:
    """The book of the feed at the end of a recorded run."""
    feed = Feed(kraken_kits())
    for shard in open_run(run).shards:
        for block in shard.blocks():
            feed.feed(block)
    (view,) = (view for view in feed.instruments() if view.id == "kraken:MINA/GBP")
    return [view.book.bids(), view.book.asks()]


def at_scale(book: BookNow, definition: Definition) -> list[list[tuple[int, int]]]:
    """The book as integers."""
    scales = definition.price_scale, definition.size_scale
    return [
        [(parse(price, scales[0]), parse(size, scales[1])) for price, size in side]
        for side in (book.bids, book.asks)
    ]


@pytest.mark.parametrize(("seed", "faults"), [(1, ""), (2, ALL_FAULTS)])
def test_whoever_subscribes_and_whenever_holds_the_book_that_the_feed_holds(
    seed: int, faults: str, tmp_path: Path
) -> None:
    hub = Hub()
    late = Late(hub, "MINA/GBP")
    seconds = 60.0 if faults else 20.0
    VirtualKraken(seed, seconds, faults, listeners=[Translator(hub), late], record=tmp_path / "run").run()
    market = hub.view("kraken", "MINA/GBP")
    assert market is not None
    known = market.book()
    assert known.bids
    assert known.asks
    assert market.definition is not None
    assert at_scale(known, market.definition) == held(tmp_path / "run")
    assert len(late.clients) > 3
    for client in late.clients:
        reader = BookReader()
        for message in client.messages:
            reader.take(message)
        assert reader.book() == (known.bids, known.asks)
        assert reader.seq == known.seq


def test_the_books_of_another_run_belong_to_later_epochs() -> None:
    hub, client, reader = Hub(), Collected(), BookReader()
    captured(hub, 1)
    market = hub.view("kraken", "BTC/EUR")
    assert market is not None
    first = market.epoch
    hub.subscribe(client, [(market, "BTC/EUR")])
    captured(hub, 2)
    for message in client.messages:
        reader.take(message)
    assert reader.epochs[0] == first
    assert reader.epochs[-1] > first
    begun = [one for one in client.messages if one["type"] == "event" and one["data"]["reason"] == "START"]
    assert begun[0]["data"]["new"] == "CONNECTING"
    assert begun[0]["data"]["epoch"] == first + 1


def test_prints_of_a_snapshot_are_told_and_are_in_no_candle_volume_or_age() -> None:
    hub, old, new = Hub(), list[Row](), list[Row]()

    class Prints:
        done = False

        def on_output(self, shard: int, record: Any, mono_ns: int, output: Any) -> None:
            for row in iter_rows(output.rows):
                if row.kind == Kind.TRADE:
                    (old if row.flags & RowFlag.SNAPSHOT else new).append(row)

        def next_timer_ns(self) -> None:
            return None

        def on_end(self, mono_ns: int) -> None:
            pass

    VirtualKraken(1, 20.0, "", listeners=[Translator(hub), Prints()]).run()
    markets = hub.markets()
    assert old, "the venue tells of prints before the connection"
    assert new
    assert sum(market.traded for market in markets) == len(old) + len(new)
    assert sum(market.volume().trades for market in markets) == len(new)
    heard = min(row.ts_venue_ns for row in new) // 1_000_000
    assert min(market.bars.first_ms or heard for market in markets) == heard
    ages = [(row.ts_recv_ns - row.ts_venue_ns) / 1e6 for row in old]
    assert max(market.ages.max_ms for market in markets) < max(ages)


def test_an_instrument_has_two_names_in_any_case_and_messages_say_the_one_that_was_asked() -> None:
    hub = Hub()
    market = hub.market("binance:BTC/USDC", "BTCUSDC")
    for name in ("BTC/USDC", "btc/usdc", "BTCUSDC", "btcusdc"):
        assert hub.view("Binance", name) is market
    assert hub.view("binance", "ETHUSDC") is None
    assert [market.called(name) for name in ("btcusdc", "btc/usdc")] == ["BTCUSDC", "BTC/USDC"]
    ours, theirs = Collected(), Collected()
    hub.subscribe(ours, [(market, "BTC/USDC")])
    hub.subscribe(theirs, [(market, "BTCUSDC")])
    assert [one.messages[0]["symbol"] for one in (ours, theirs)] == ["BTC/USDC", "BTCUSDC"]


def test_a_client_for_whom_too_much_waits_is_closed_and_the_others_hear_on() -> None:
    hub = Hub(ServeSettings(queue_kib=1))
    market = hub.market("kraken:BTC/EUR", "BTC/EUR")
    slow, quick, closed = Collected(), Collected(), []
    hub.subscribe(slow, [(market, "BTC/EUR")], on_close=lambda: closed.append("slow"))
    hub.subscribe(quick, [(market, "BTC/EUR")])
    slow.waiting = 1025
    for status in ("online", "maintenance"):
        hub.say(market, market.status_told(status, 5))
        hub.flush()
    assert closed == ["slow"]
    assert [one["data"]["status"] for one in quick.messages[1:]] == ["online", "maintenance"]
    assert len(slow.messages) == 1


def test_nobody_hears_after_leaving() -> None:
    hub, client = Hub(), Collected()
    market = hub.market("kraken:BTC/EUR", "BTC/EUR")
    subscription = hub.subscribe(client, [(market, "BTC/EUR")])
    hub.unsubscribe(subscription)
    hub.say(market, market.status_told("online", 5))
    hub.flush()
    assert [one["type"] for one in client.messages] == ["status"]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_are_those_of_the_protocol(size: int) -> None:
    from websockets.frames import Frame, Opcode

    message = b"x" * size
    assert Batch([message]).frames == Frame(Opcode.TEXT, message).serialize(mask=False)
