"""Markets come and go for as long as a shard lives: those that are gone hold next to no memory."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Iterator

import attrs
import pytest
from feed_desk import Desk, book_of, checkpoint_record, read
from toy_venue import ToyLog, ToyMarket, ack, toy_kits
from twin import STRICT, Market, Twin, kits_with, kraken_log

from mm_framework.contracts.adapter import Subscription
from mm_framework.feed import Feed
from mm_framework.model.book import OrderBook
from mm_framework.model.events import SyncState

MARKETS, KEPT_BYTES = 12, 24_000
"""Markets that come and go, and what one may leave behind: its definition, its names, where it stood."""


@attrs.define
class Fair:
    """Kraken's two pairs, the second one as many markets that are followed one after the other."""

    log: ToyLog = attrs.Factory(lambda: kraken_log(symbols=("BTC/USD",)))

    def turn(self, number: int) -> Iterator[bytes]:
        """A market comes, says what there is to say, goes, and says something late."""
        log, market = self.log, Market("MINA/GBP")
        symbol = market.symbol = f"M{number}/GBP"
        wanted = [
            attrs.asdict(Subscription(f"kraken:{symbol}", symbol, channel, 10 if channel == "book" else None))
            for channel in ("book", "trade", "ticker")
        ]
        yield log.control("follow", subscriptions=wanted)
        frames = [market.snapshot(), market.update(), market.trade(), market.ticker(), market.update()]
        for frame in frames:
            yield log.frame(frame)
        yield log.control("unfollow", subscriptions=wanted)
        yield log.frame(market.update())


def test_kernels_and_the_reference_path_agree_on_markets_that_come_go_and_come_again() -> None:
    pytest.importorskip("mm_kraken")
    draw, fair = random.Random(3), Fair()
    twin = Twin(kits_with(STRICT))
    twin.take(fair.log.records[:])
    for turn in range(14):
        twin.take(list(fair.turn(turn % 4)))
        if draw.random() < 0.3:
            twin.settle()
    twin.settle()
    views = {view.id: view for view in twin.compiled.instruments()}
    gone = [view for name, view in views.items() if name != "kraken:BTC/USD"]
    assert len(gone) == 4
    assert all(type(view.book) is OrderBook and view.state is SyncState.STOPPED for view in gone)
    assert max(view.epoch for view in gone) == 5  # of the one after four visits
    assert twin.compiled.counts.unfollowed_frames == 14
    assert twin.compiled.counts.gaps == 0


@pytest.mark.parametrize("reference", [False, True])
def test_a_market_that_is_gone_leaves_little_behind(reference: bool) -> None:
    pytest.importorskip("mm_kraken")
    fair, feed = Fair(), Feed(kits_with(STRICT), reference=reference)
    feed.feed(b"".join(fair.log.records))

    def come_and_go(first: int) -> int:
        for number in range(first, first + MARKETS):
            for record in fair.turn(number):
                feed.feed(record)
        fair.log.records.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = come_and_go(0)
        assert come_and_go(MARKETS) - before < MARKETS * KEPT_BYTES
    finally:
        tracemalloc.stop()


def test_who_comes_again_after_a_restart_goes_on_as_if_there_had_been_none() -> None:
    desk = Desk(channels=("book", "trade"))
    desk.synced()
    market = ToyMarket("C/D", seed=9)
    both = book_of("C/D"), book_of("C/D", "trade")
    desk.markets.append(market)
    for _ in range(2):
        desk.control("follow", *both)
        for frame in (ack("C/D"), market.snapshot(), market.trade(), market.step()):
            desk.frame(frame)
        desk.control("unfollow", *both)
    other = Feed(toy_kits())
    read(other, [checkpoint_record(desk.feed.checkpoint(), desk.log.records[-1])])
    assert other.checkpoint() == desk.feed.checkpoint()
    desk.control("follow", book_of("C/D", "trade"))
    assert bytes(read(other, [desk.log.records[-1]]).rows) == bytes(desk.last.rows)
    desk.control("follow", book_of("C/D"))
    assert bytes(read(other, [desk.log.records[-1]]).rows) == bytes(desk.last.rows)
    for frame in (ack("C/D"), market.snapshot(), market.trade(), market.step()):
        desk.frame(frame)
        assert bytes(read(other, [desk.log.records[-1]]).rows) == bytes(desk.last.rows)
    assert desk.state("C/D") == "SYNCED"
    assert other.checkpoint() == desk.feed.checkpoint()
