"""The seeded market: plausible, deterministic, never crossed, and its events tell all of its book."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import attrs
import pytest
from toy_dialect import DEPTHS, Follower, ToyDialect

from mm_framework.contracts.emulator import Level, Listing, MarketEvent
from mm_framework.emulator.flow import NEVER
from mm_framework.emulator.market import Market, visible
from mm_framework.emulator.settings import MarketSettings
from mm_framework.errors import ConfigError

SECOND = 1_000_000_000
BTC = Listing("BTC/EUR", "BTC", "EUR", 1, 8, 1, 8, 1, 950_000, 25_000_000)
TOY = ToyDialect().listing("A/B")


def market(*listings: Listing, seed: int = 7, depths: tuple[int, ...] = DEPTHS, **settings: float) -> Market:
    chosen = attrs.evolve(MarketSettings(levels=40, rate=200.0), **settings)
    return Market(listings or (TOY,), chosen, seed=seed, depths=depths)


def events(source: Market, count: int) -> Iterator[MarketEvent]:
    for _ in range(count):
        yield source.step()


@pytest.mark.parametrize("levels", [1, 3, 40, 400])
def test_books_are_never_crossed_locked_or_one_sided(levels: int) -> None:
    source = market(levels=levels)
    for event in events(source, 4000):
        bids, asks = source.bids(event.symbol, 1), source.asks(event.symbol, 1)
        assert bids
        assert asks
        assert 0 < bids[0][0] < asks[0][0]
        assert all(change.size >= 0 for change in event.changes)


@pytest.mark.parametrize("seed", range(5))
def test_changes_replayed_on_a_plain_book_give_the_market_s_book_and_ranks(seed: int) -> None:
    source = market(seed=seed)
    sides = {1: dict(source.bids("A/B")), -1: dict(source.asks("A/B"))}
    for event in events(source, 3000):
        for change in event.changes:
            side = sides[change.side]
            if change.size:
                side[change.price] = change.size
            order = sorted(side, reverse=change.side > 0)
            assert order.index(change.price) == change.rank
            if not change.size:
                del side[change.price]
                order.remove(change.price)
                expected = tuple(
                    (depth, order[depth - 1], side[order[depth - 1]])
                    for depth in DEPTHS
                    if change.rank < depth <= len(order)
                )
                assert change.revealed == expected
        assert source.bids("A/B") == sorted(sides[1].items(), reverse=True)
        assert source.asks("A/B") == sorted(sides[-1].items())


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_subscriber_that_cuts_its_book_after_each_message_has_the_market_s_best_levels(depth: int) -> None:
    source = market(levels=12)
    follower = Follower(depth)
    first = {"b": source.bids("A/B", depth), "a": source.asks("A/B", depth), "snap": True}
    follower.apply(first)
    told = 0
    for event in events(source, 4000):
        bids, asks = visible(event, depth)
        told += bool(bids or asks)
        follower.apply({"b": bids, "a": asks, "snap": False})
        assert follower.bids == source.bids("A/B", depth)
        assert follower.asks == source.asks("A/B", depth)
    assert 0 < told <= 4000


def test_an_event_changes_one_side_and_trades_take_what_stood_there() -> None:
    source = market(trade_share=0.5)
    traded = 0
    for _ in range(3000):
        before = dict(source.bids("A/B") + source.asks("A/B"))
        event = source.step()
        assert len({change.side for change in event.changes}) == 1
        for change, printed in zip(event.changes, event.prints, strict=False):
            assert (change.price, -change.side) == (printed.price, printed.side)
            assert before[printed.price] - printed.size == change.size
            assert printed.time_ns == event.time_ns
            traded += 1
    assert traded > 1000


def test_trades_are_numbered_without_a_hole_from_those_before_the_start_on() -> None:
    source = market()
    prior = source.prints("A/B", 50)
    assert len(prior) == 50
    assert all(one.time_ns < 0 for one in prior)
    numbers = [one.trade_id for one in prior]
    numbers += [one.trade_id for event in events(source, 5000) for one in event.prints]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_bitcoin_in_euro_trades_near_its_price_with_spreads_that_open_and_close() -> None:
    source = market(BTC)
    spreads: Counter[int] = Counter()
    for _ in events(source, 20_000):
        bid, ask = source.bids("BTC/EUR", 1)[0][0], source.asks("BTC/EUR", 1)[0][0]
        spreads[ask - bid] += 1
        assert 900_000 < bid < 1_000_000
    share = {least: sum(n for s, n in spreads.items() if s >= least) / 20_000 for least in (1, 5, 20)}
    assert share[1] == 1.0
    assert share[5] > 0.15
    assert 0.005 < share[20] < 0.5
    assert spreads[1] > 1000


def test_the_rate_is_kept_on_average_through_bursts_and_quiet_spells() -> None:
    source = market(rate=100.0)
    counts: Counter[int] = Counter()
    while source.next_ns < 300 * SECOND:
        counts[source.step().time_ns // (SECOND // 4)] += 1
    mean = sum(counts.values()) / 300
    assert 80 < mean < 120
    quarters = [counts[quarter] for quarter in range(1200)]
    assert max(quarters) > 80
    assert min(quarters) <= 3


def test_a_rate_of_zero_stands_still() -> None:
    assert market(rate=0.0).next_ns == NEVER


def test_levels_stay_near_their_number() -> None:
    source = market(levels=300)
    for _ in events(source, 20_000):
        pass
    assert 150 < len(source.bids("A/B")) < 450
    assert 150 < len(source.asks("A/B")) < 450


def test_instruments_do_not_influence_each_other() -> None:
    alone = [event for event in events(market(TOY), 500)]
    both = [event for event in events(market(TOY, BTC), 2000) if event.symbol == "A/B"]
    assert both[:500] == alone[: len(both)]
    assert len(both) > 500


def test_events_of_all_instruments_come_in_order_of_time() -> None:
    times = [event.time_ns for event in events(market(TOY, BTC), 2000)]
    assert times == sorted(times)


def test_seeds_give_different_markets() -> None:
    assert list(events(market(seed=1), 20)) != list(events(market(seed=2), 20))


def digest() -> str:
    text = repr(list(events(market(TOY, BTC), 3000)))
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_seed_gives_one_market_whatever_the_hash_seed_of_the_process() -> None:
    expected = digest()
    for hash_seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
        assert found.stdout.strip() == expected


def test_a_tick_change_keeps_all_prices_and_shows_one_decimal_more() -> None:
    source = market(BTC, tick_change_s=2.0)
    listing = source.listings["BTC/EUR"]
    assert (listing.price_scale, listing.price_decimals, listing.tick) == (2, 1, 10)
    levels: list[Level] = []
    for event in events(source, 100_000):
        if event.listing is not None:
            break
        assert all(change.price % 10 == 0 for change in event.changes)
        levels = source.bids("BTC/EUR")
    assert event.time_ns == 2 * SECOND
    assert event.changes == ()
    assert source.bids("BTC/EUR") == levels
    assert event.listing == source.listings["BTC/EUR"]
    listing = source.listings["BTC/EUR"]
    assert (listing.price_scale, listing.price_decimals, listing.tick) == (2, 2, 1)
    fine = [change.price % 10 for event in events(source, 300) for change in event.changes]
    assert any(fine)


def test_a_market_that_stands_still_still_changes_its_tick() -> None:
    source = market(rate=0.0, tick_change_s=1.0)
    assert source.next_ns == SECOND
    assert source.step().listing is not None
    assert source.next_ns == NEVER


def test_an_instrument_cannot_be_listed_twice() -> None:
    with pytest.raises(ConfigError, match="A/B is listed twice"):
        market(TOY, TOY)


def test_a_price_of_a_few_ticks_is_refused() -> None:
    with pytest.raises(ConfigError, match="100 ticks"):
        attrs.evolve(TOY, price=99)


if __name__ == "__main__":
    print(digest())
