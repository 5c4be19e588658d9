"""Checksums from integers, held to the reference for every form of `ChecksumSpec`."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.sync_engine import ChecksumSpec
from mm_framework.kernels.mode import mode
from mm_framework.model.book import OrderBook
from mm_framework.model.fixed import MAX, NULL, InexactValue
from mm_framework.sync.checksum import checksum, checksum_text

numba = pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from mm_framework.kernels.checksum import (  # noqa: E402
    checksum_levels,
    compile_spec,
    scratch_bytes,
    side_text,
)
from mm_framework.kernels.memory import Buffer  # noqa: E402

KRAKEN = ChecksumSpec(depth=10)
BITFINEX = ChecksumSpec(
    depth=25, order="interleaved", form="js_number", separator=":", sign_on_asks=True, signed=True
)

Level = tuple[int, int]


@numba.njit(f"int64({', '.join(['int64'] * 10)})")  # type: ignore[untyped-decorator]
def levels_kernel(
    spec: int, bids: int, n_bids: int, asks: int, n_asks: int, p: int, s: int, pd: int, sd: int, scratch: int
) -> int:
    return checksum_levels(spec, bids, n_bids, asks, n_asks, p, s, pd, sd, scratch)


@numba.njit(f"int64({', '.join(['int64'] * 9)})")  # type: ignore[untyped-decorator]
def side_kernel(
    spec: int, levels: int, n: int, is_ask: int, p: int, s: int, pd: int, sd: int, out: int
) -> int:
    return side_text(spec, levels, n, is_ask, p, s, pd, sd, out)


def block_of(levels: list[Level]) -> Buffer:
    block = Buffer(16 * len(levels))
    for place, value in enumerate(number for level in levels for number in level):
        block.words()[place] = value
    return block


def found(spec: ChecksumSpec, book: OrderBook, scales: Level, decimals: Level) -> int:
    compiled, scratch = compile_spec(spec), Buffer(scratch_bytes(spec))
    bids, asks = block_of(book.bids()), block_of(book.asks())
    number: int = levels_kernel(
        compiled.address,
        bids.address,
        len(book.bids()),
        asks.address,
        len(book.asks()),
        *scales,
        *decimals,
        scratch.address,
    )
    return number


def expected(spec: ChecksumSpec, book: OrderBook, scales: Level, decimals: Level) -> int:
    try:
        return checksum(spec, book, scales, decimals)
    except InexactValue:
        return NULL


def printed(form: Any, value: int, scale: int, decimals: int) -> str | None:
    """The text of one price, None when it is inexact."""
    spec = ChecksumSpec(depth=1, tokens=("price",), form=form)
    compiled, level, out = compile_spec(spec), block_of([(value, 0)]), Buffer(scratch_bytes(spec))
    end = side_kernel(compiled.address, level.address, 1, 0, scale, 0, decimals, 0, out.address)
    return bytes(out.view[: end - out.address]).decode() if end else None


def reference(form: Any, value: int, scale: int, decimals: int) -> str | None:
    book = OrderBook()
    book.load([(value, 1)], [])
    spec = ChecksumSpec(depth=1, tokens=("price",), form=form)
    try:
        return checksum_text(spec, book, (scale, 0), (decimals, 0))
    except InexactValue:
        return None


SPECS = st.builds(
    ChecksumSpec,
    depth=st.integers(1, 5),
    order=st.sampled_from(["asks_then_bids", "bids_then_asks", "interleaved"]),
    tokens=st.sampled_from([("price", "size"), ("size", "price"), ("price",), ("size",), ("price",) * 3]),
    form=st.sampled_from(["digits", "plain", "js_number"]),
    separator=st.sampled_from(["", ":", ", ", "<between>", "\N{MIDDLE DOT}"]),
    sign_on_asks=st.booleans(),
    signed=st.booleans(),
)
ROUND = st.builds(lambda digits, zeros: digits * 10**zeros, st.integers(1, 999), st.integers(0, 15))
VALUES = st.integers(1, 10**6) | ROUND | st.integers(1, MAX)
SIDE = st.dictionaries(VALUES | st.integers(-MAX, 0), VALUES, max_size=7)
SCALE = st.integers(0, 18)


@given(spec=SPECS, bids=SIDE, asks=SIDE, scales=st.tuples(SCALE, SCALE), decimals=st.tuples(SCALE, SCALE))
def test_any_book_at_any_precision(
    spec: ChecksumSpec, bids: dict[int, int], asks: dict[int, int], scales: Level, decimals: Level
) -> None:
    book = OrderBook()
    book.load(bids.items(), asks.items())
    assert found(spec, book, scales, decimals) == expected(spec, book, scales, decimals)


@given(spec=SPECS, bids=SIDE, asks=SIDE, scales=st.tuples(SCALE, SCALE))
def test_any_book_at_its_own_scales(
    spec: ChecksumSpec, bids: dict[int, int], asks: dict[int, int], scales: Level
) -> None:
    book = OrderBook()
    book.load(bids.items(), asks.items())
    number = found(spec, book, scales, scales)
    assert number == checksum(spec, book, scales, scales)
    low, high = (-(2**31), 2**31) if spec.signed else (0, 2**32)
    assert low <= number < high


def finer(levels: dict[int, int], places: Level) -> dict[int, int]:
    """The same numbers at finer scales, as far as int64 holds them."""
    return {
        price * 10 ** places[0]: size * 10 ** places[1]
        for price, size in levels.items()
        if abs(price) * 10 ** places[0] <= MAX and size * 10 ** places[1] <= MAX
    }


@given(
    spec=st.builds(ChecksumSpec, depth=st.integers(1, 5), signed=st.booleans()),
    bids=st.dictionaries(VALUES, VALUES, max_size=7),
    asks=SIDE,
    decimals=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    places=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    spoiled=st.booleans(),
)
def test_bare_digits_of_a_book_kept_at_finer_scales(
    spec: ChecksumSpec,
    bids: dict[int, int],
    asks: dict[int, int],
    decimals: Level,
    places: Level,
    spoiled: bool,
) -> None:
    book, scales = OrderBook(), (decimals[0] + places[0], decimals[1] + places[1])
    bids, asks = finer(bids, places), finer(asks, places)
    if spoiled:
        asks[1] = 1
    book.load(bids.items(), asks.items())
    assert found(spec, book, scales, decimals) == expected(spec, book, scales, decimals)


@pytest.mark.parametrize("form", ["digits", "plain", "js_number"])
@pytest.mark.parametrize("scale", range(19))
def test_every_power_of_ten_and_its_neighbours(form: str, scale: int) -> None:
    values = {0, MAX, MAX - 1, 2**62} | {10**power + by for power in range(19) for by in (-1, 0, 1)}
    for value in sorted(values):
        for decimals in (0, scale, min(18, scale + 3), max(0, scale - 2)):
            for signed in (value, -value):
                wanted = reference(form, signed, scale, decimals)
                assert printed(form, signed, scale, decimals) == wanted


@given(value=st.integers(1, MAX), scale=SCALE, decimals=SCALE)
def test_an_inexact_value_has_no_text(value: int, scale: int, decimals: int) -> None:
    assert printed("digits", value, scale, decimals) == reference("digits", value, scale, decimals)


def test_null_has_no_text() -> None:
    assert [printed(form, NULL, 3, 3) for form in ("digits", "plain", "js_number")] == [None] * 3


def test_the_text_of_a_side_ends_each_token_with_the_separator() -> None:
    levels = block_of([(5999_0, 2), (5998_5, 150000000), (1, 1)])
    spec = ChecksumSpec(depth=2, form="js_number", separator=":", sign_on_asks=True)
    compiled, out = compile_spec(spec), Buffer(scratch_bytes(spec))
    end = side_kernel(compiled.address, levels.address, 3, 1, 1, 8, 0, 0, out.address)
    assert bytes(out.view[: end - out.address]) == b"5999:-2e-8:5998.5:-1.5:"


def test_the_worked_example_of_kraken() -> None:
    """Of the guide to the v2 book checksum (BTC/USD)."""
    book = OrderBook()
    asks = (452852, 100000), (452864, 154571953), (452866, 154571109), (452896, 154560911), (452902, 15890660)
    asks += (452918, 154553491), (452947, 4454749), (452961, 35380000), (452975, 9945542), (452995, 18772827)
    bids = (
        (452835, 10000000),
        (452834, 154582015),
        (452821, 10000000),
        (452810, 10000000),
        (452803, 154592586),
    )
    bids += (452790, 7990000), (452776, 3310103), (452775, 30000000), (452773, 154602737), (452766, 15445238)
    book.load(bids, asks)
    assert found(KRAKEN, book, (1, 8), (1, 8)) == 3310070434


def test_the_form_of_bitfinex() -> None:
    book = OrderBook()
    book.load([(6000_1, 1_50000000), (5999_0, 2)], [(6001_0, 25000000)])
    crc = zlib.crc32(b"6000.1:1.5:6001:-0.25:5999:2e-8")
    assert found(BITFINEX, book, (1, 8), (0, 0)) == crc - (2**32 if crc >= 2**31 else 0)


def test_an_empty_book_digests_nothing() -> None:
    assert found(KRAKEN, OrderBook(), (1, 8), (1, 8)) == 0
    assert found(BITFINEX, OrderBook(), (1, 8), (1, 8)) == 0


def test_a_deep_book_of_the_longest_numbers_fits_the_scratch() -> None:
    book = OrderBook()
    book.load([(-MAX + n, MAX - n) for n in range(25)], [(MAX - n, MAX - n) for n in range(25)])
    for order in ("asks_then_bids", "interleaved"):
        spec = ChecksumSpec(depth=25, order=order, form="plain", separator=", ", sign_on_asks=True)
        assert found(spec, book, (0, 0), (18, 18)) == checksum(spec, book, (0, 0), (18, 18))
