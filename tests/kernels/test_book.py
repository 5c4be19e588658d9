"""The compiled book, held to the plain one after every operation."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import resident_bytes

from mm_framework.kernels.mode import mode
from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID
from mm_framework.model.fixed import MAX, NULL

numba = pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from mm_framework.kernels import book  # noqa: E402
from mm_framework.kernels.book_side import FAR, SIDE_BYTES, STEP, WINDOW  # noqa: E402
from mm_framework.kernels.native_book import NativeBook  # noqa: E402

Change = tuple[int, int, int]

SIDES = st.sampled_from([BID, ASK])
SIZES = st.one_of(st.just(0), st.integers(1, 5), st.just(MAX))
STEPS = st.sampled_from([1, 2, 5, 100, 3 * 2**40])


def around(center: int, spread: int) -> st.SearchStrategy[int]:
    """Prices near each other, on a grid."""
    return st.builds(
        lambda step, tick: min(MAX // step, max(1, center // step + tick)) * step,
        STEPS,
        st.integers(-spread, spread),
    )


PRICES = st.one_of(
    st.integers(1, 40),
    around(10**9, 30),
    around(10**9, 3 * WINDOW),
    around(10**9, 10 * WINDOW).map(lambda price: price // WINDOW * WINDOW or 1),
    st.integers(1, MAX),
    st.sampled_from([0, 1, 2, 3, 2**62, 2**62 - 1, 2**62 + 1, MAX - 1, MAX]),
    st.integers(0, 62).map(lambda bits: 1 << bits),
)
STEPPED = st.one_of(
    st.tuples(SIDES, PRICES, SIZES),
    st.tuples(SIDES, st.integers(1, 6 * WINDOW), SIZES),
    st.integers(0, 8),  # cut to this depth
    st.none(),  # clear
)


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    for entry in (book.start_book, book.set_level, book.top_levels, book.bound_level):
        entry.build()
    for entry in (book.truncate_levels, book.clear_levels, book.move_book, book.load_levels):
        entry.build()


@pytest.fixture(scope="module")
def ask() -> Callable[[int, int, int, int], int]:
    """The parts that other kernels call, by number."""

    @numba.njit("int64(int64, int64, int64, int64)")
    def call(what: int, b: int, side: int, price: int) -> int:
        if what == 0:
            return book.book_size(b, side, price)
        if what == 1:
            return book.book_next(b, side, price)
        if what == 2:
            return book.book_best(b, side)
        if what == 3:
            return book.book_worst(b, side)
        if what == 4:
            return book.book_count(b, side)
        if what == 5:
            return book.book_version(b, side)
        if what == 6:
            return book.book_room(b)
        return book.book_crossed(b)

    return call  # type: ignore[no-any-return]


def equal(native: NativeBook, plain: OrderBook) -> None:
    assert native.bids() == plain.bids()
    assert native.asks() == plain.asks()
    assert native.best_bid == plain.best_bid
    assert native.best_ask == plain.best_ask
    assert native.crossed is plain.crossed
    assert len(native) == len(plain)


def run(native: NativeBook, plain: OrderBook, changes: Iterable[Change], every: int = 1) -> None:
    for number, (side, price, size) in enumerate(changes):
        assert native.apply(side, price, size) is plain.apply(side, price, size)
        if number % every == 0:
            equal(native, plain)
    equal(native, plain)


def word(native: NativeBook, side: int, field: int) -> int:
    """A field of a side's header."""
    return int(native._block.words()[((side == ASK) * SIDE_BYTES + field) // 8])


@given(st.lists(STEPPED, max_size=60))
def test_every_operation_leaves_the_plain_book(steps: list[Change | int | None]) -> None:
    native, plain = NativeBook(), OrderBook()
    for step in steps:
        if step is None:
            native.clear()
            plain.clear()
        elif isinstance(step, int):
            assert native.truncate(step) == plain.truncate(step)
        else:
            assert native.apply(*step) is plain.apply(*step)
        equal(native, plain)
        for n in range(1, 5):
            assert native.bids(n) == plain.bids(n)
            assert native.bound(BID, n) == plain.bound(BID, n)
            assert native.bound(ASK, n) == plain.bound(ASK, n)


@given(st.lists(st.tuples(SIDES, PRICES, SIZES), max_size=40), st.lists(PRICES, max_size=10))
def test_the_parts_for_kernels_answer_the_same(
    ask: Callable[[int, int, int, int], int], changes: list[Change], others: list[int]
) -> None:
    native, plain = NativeBook(), OrderBook()
    versions = {side: ask(5, native.address, side, 0) for side in (BID, ASK)}
    for side, price, size in changes:
        before = dict(plain.bids() if side == BID else plain.asks()).get(price, 0)
        assert book.set_level(native.address, side, price, size) == before
        plain.apply(side, price, size)
        now = {side: ask(5, native.address, side, 0) for side in (BID, ASK)}
        assert (now[side] != versions[side]) is (size != before)
        assert now[-side] == versions[-side]
        versions = now
    fuller = max(len(plain.bids()), len(plain.asks()))
    assert ask(6, native.address, BID, 0) == 256 - fuller
    assert ask(7, native.address, BID, 0) == plain.crossed
    for side, levels in ((BID, plain.bids()), (ASK, plain.asks())):
        prices, sizes = [price for price, _ in levels], dict(levels)
        assert ask(2, native.address, side, 0) == (prices[0] if prices else NULL)
        assert ask(3, native.address, side, 0) == (prices[-1] if prices else NULL)
        assert ask(4, native.address, side, 0) == len(prices)
        for price in [*prices, *others, *(change[1] for change in changes)]:
            worse = [other for other in prices if other * side < price * side]
            assert ask(1, native.address, side, price) == (worse[0] if worse else NULL)
            assert ask(0, native.address, side, price) == sizes.get(price, 0)


@pytest.mark.parametrize("side", [BID, ASK])
@pytest.mark.parametrize("stride", [1, 63, 64, 65, 1000, WINDOW - 1, WINDOW, WINDOW + 1, 10**12])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_price_that_runs_one_way(side: int, stride: int, direction: int) -> None:
    """Each level is placed better, or worse, than all before; then the best, or the worst, go one by one."""
    native, plain = NativeBook(), OrderBook()
    prices = [10**15 + direction * stride * tick for tick in range(300)]
    run(native, plain, [(side, price, 7) for price in prices], every=37)
    assert native.bound(side, 299) == plain.bound(side, 299)
    run(native, plain, [(side, price, 0) for price in prices], every=37)
    assert len(native) == 0


@pytest.mark.parametrize("side", [BID, ASK])
def test_a_walk_far_from_where_it_began(side: int) -> None:
    """The window follows the best down and up again; what it leaves behind is not lost."""
    native, plain, chance = NativeBook(), OrderBook(), random.Random(5)
    middle = 40_000
    for drift in [-40] * 400 + [40] * 800 + [-3] * 400:
        middle += drift
        tick = middle - side * int(chance.expovariate(1 / 400))
        run(native, plain, [(side, max(1, tick) * 25, chance.randint(0, 3))], every=2)
        best = plain.best_bid if side == BID else plain.best_ask
        if best and chance.random() < 0.3:
            run(native, plain, [(side, best[0], 0)], every=2)
    assert word(native, side, STEP) == 25


@pytest.mark.parametrize("side", [BID, ASK])
def test_one_wild_price_and_back(side: int) -> None:
    """All levels become far when one far better level comes, and return when it goes."""
    native, plain = NativeBook(), OrderBook()
    levels = [(side, 10**9 + 5 * tick, tick + 1) for tick in range(200)]
    wild = 10**12 if side == BID else 5
    run(native, plain, levels, every=20)
    for _ in range(3):
        run(native, plain, [(side, wild, 1)])
        assert word(native, side, FAR) == 200
        run(native, plain, [(side, 10**9 - 5, 9), (side, 10**9 + 50, 0), (side, 10**9 + 50, 4)])
        run(native, plain, [(side, 10**9 - 5, 0), (side, wild, 0)])
        assert word(native, side, FAR) == 0


@pytest.mark.parametrize("side", [BID, ASK])
def test_far_levels_come_and_go_in_a_block_that_is_nearly_full(side: int) -> None:
    """Pairs of levels that went are used again, and forgotten when there is no room left."""
    native, plain, chance = NativeBook(), OrderBook(), random.Random(11)
    run(native, plain, [(side, 10**9, 1), (side, 10**9 - side, 1)])
    room, held = native._capacity, set[int]()
    for turn in range(12):
        changes = []
        for _ in range(300):
            if len(held) < room - 60 and chance.random() < 0.6:
                price = 10**9 - side * chance.randint(2 * WINDOW, 12 * WINDOW)
                held.add(price)
                changes.append((side, price, chance.randint(1, 9)))
            else:
                price = chance.choice(sorted(held))
                held.discard(price)
                changes.append((side, price, 0))
        run(native, plain, changes, every=60)
        assert [native.bound(side, n) for n in range(1, 260)] == [plain.bound(side, n) for n in range(1, 260)]
        if turn % 4 == 3:
            assert native.truncate(150) == plain.truncate(150)
            equal(native, plain)
            held = {price for price in held if plain.size(side, price)}
    assert native._capacity == room


@pytest.mark.parametrize("side", [BID, ASK])
def test_thousands_of_far_levels(side: int) -> None:
    native, plain, chance = NativeBook(), OrderBook(), random.Random(12)
    run(native, plain, [(side, 10**9, 1), (side, 10**9 - side, 1)])
    reach = 600 * WINDOW
    first = [(side, 10**9 - side * chance.randint(2 * WINDOW, reach), 5) for _ in range(4000)]
    run(native, plain, first, every=1000)
    assert word(native, side, FAR) > 3000
    prices = [price for _, price, _ in first]
    ends = [2 * WINDOW, reach, reach + 9]
    for price in [*prices[::7], *(10**9 - side * far for far in ends)]:
        for near in (price - 1, price, price + 1):
            native.apply(side, near, 3)
            plain.apply(side, near, 3)
    for price in prices[::3]:
        assert native.apply(side, price, 0) is plain.apply(side, price, 0)
    equal(native, plain)


@pytest.mark.parametrize("side", [BID, ASK])
def test_levels_all_over_the_window_are_counted_named_and_cut_as_in_the_plain_book(side: int) -> None:
    """Each word of the bitset, each word of groups and all three at once come and go."""
    native, plain, chance = NativeBook(), OrderBook(), random.Random(13)
    run(native, plain, [(side, 10**9, 1), (side, 10**9 + side * WINDOW, 0)])
    reach = WINDOW // 2
    prices = [10**9 - side * tick for tick in range(0, reach, 977)]
    prices += [10**9 - side * tick for near in range(0, reach, 4096) for tick in (near, near + 63, near + 64)]
    chance.shuffle(prices)
    run(native, plain, [(side, price, place + 1) for place, price in enumerate(prices)], every=100)
    assert word(native, side, FAR) == 0
    for n in range(1, len(set(prices)) + 2):
        assert native.bound(side, n) == plain.bound(side, n)
    chance.shuffle(prices)
    run(native, plain, [(side, price, 0) for price in prices[: len(prices) // 2]], every=50)
    assert native.truncate(40) == plain.truncate(40)
    equal(native, plain)
    native.clear()
    assert len(native) == 0
    run(native, plain := OrderBook(), [(side, price, 2) for price in prices[::2]], every=100)


def test_the_step_is_the_greatest_common_divisor_since_the_last_clear() -> None:
    native, plain = NativeBook(), OrderBook()
    prices = [2**60, 2**60 - 2**41, 2**59 + 2**33, 3 * 2**40, 1000 * 2**20, 96, 36, 10**18 + 1]
    for count, price in enumerate(prices, 1):
        run(native, plain, [(BID, price, count), (ASK, price, 0)])
        assert word(native, BID, STEP) == math.gcd(*prices[:count])
    native.clear()
    plain.clear()
    run(native, plain, [(BID, 700, 1), (BID, 710, 1), (BID, 333, 0)])
    assert word(native, BID, STEP) == 10
    assert word(native, ASK, STEP) == 0


@pytest.mark.parametrize("side", [BID, ASK])
@pytest.mark.parametrize("first", [0, 1, MAX])
def test_the_ends_of_the_range(side: int, first: int) -> None:
    native, plain = NativeBook(), OrderBook()
    ends = [first, MAX, MAX - 1, 0, 1, MAX - WINDOW, WINDOW, 2**62]
    run(native, plain, [(side, price, price + 1 if price < MAX else 1) for price in ends])
    run(native, plain, [(side, price, 0) for price in ends])


def test_it_grows_as_it_fills() -> None:
    native, plain, chance = NativeBook(), OrderBook(), random.Random(7)
    room = native._capacity
    changes = [(chance.choice([BID, ASK]), chance.randint(1, 60_000) * 5, 3) for _ in range(3000)]
    run(native, plain, changes, every=200)
    assert native._capacity > room
    assert native.truncate(700) == plain.truncate(700)
    equal(native, plain)
    run(native, plain, [(side, price, 0) for side, price, _ in changes], every=200)


def test_a_full_block_refuses_a_new_level_and_keeps_what_it_has() -> None:
    """Wherever the new level would go: into the ring, above it, below it, off the grid."""
    native, plain = NativeBook(), OrderBook()
    run(native, plain, [(BID, 10**6 + 20 * tick, 1) for tick in range(256)], every=64)
    for price in (10**6 + 10, 10**9, 20, 10**6 + 1, MAX, 1):
        assert book.set_level(native.address, BID, price, 5) == -1
        equal(native, plain)
    assert book.set_level(native.address, BID, 10**6, 5) == 1
    assert book.set_level(native.address, BID, 10**6, 0) == 5
    assert book.set_level(native.address, BID, 10**9, 2) == 0
    assert native.best_bid == (10**9, 2)


def test_room_that_was_made_is_there(ask: Callable[[int, int, int, int], int]) -> None:
    native, plain = NativeBook(), OrderBook()
    run(native, plain, [(ASK, 3 * price, price) for price in range(1, 101)], every=50)
    first = native.address
    native.grow(156)
    assert native.address == first
    native.grow(5000)
    grown = native.address
    assert grown != first
    assert ask(6, grown, BID, 0) >= 5000
    run(native, plain, [(ASK, 10**6 * price, 1) for price in range(1, 5001)], every=1000)
    assert native.address == grown


def test_load_replaces_everything() -> None:
    native = NativeBook()
    native.load([(1, 1), (3, 1)], [(9, 9)])
    native.load(iter([(2, 5), (4, 0)]), [])
    assert (native.bids(), native.asks()) == ([(2, 5)], [])
    assert (native.bids(0), native.best_ask, native.bound(ASK, 1)) == ([], None, None)


def test_of_a_price_that_is_loaded_twice_the_last_level_counts() -> None:
    native = NativeBook()
    native.load([(1, 1), (3, 0), (2, 4), (1, 5)], iter([(9, 9), (8, 1), (9, 0)]))
    assert (native.bids(), native.asks()) == ([(2, 4), (1, 5)], [(8, 1)])


def test_more_levels_than_there_is_room_for_are_loaded() -> None:
    native, plain = NativeBook(), OrderBook()
    levels = [(price * 7, price) for price in range(1, 1500)]
    for one in (native, plain):
        one.load(levels, levels[:900:-1])
    assert (native.bids(), native.asks()) == (plain.bids(), plain.asks())


def test_a_locked_book_is_not_crossed() -> None:
    native = NativeBook()
    native.load([(100, 1)], [(100, 1)])
    assert not native.crossed
    native.apply(ASK, 99, 1)
    assert native.crossed


@pytest.mark.skipif(sys.platform != "linux", reason="pages are counted in /proc")
def test_a_book_takes_memory_only_where_it_has_levels() -> None:
    books = [NativeBook() for _ in range(100)]
    before = resident_bytes()
    for native in books:
        for tick in range(20):
            native.apply(BID, 10**9 - tick, 1)
            native.apply(ASK, 10**9 + 1 + tick, 1)
    assert resident_bytes() - before < 100 * 64 * 1024
