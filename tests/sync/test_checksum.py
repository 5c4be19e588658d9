"""Checksums of every declared form, held to slow and obvious ones, and known answers of venues."""

from __future__ import annotations

import itertools
import zlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.sync_engine import ChecksumSpec
from mm_framework.model.book import OrderBook
from mm_framework.model.fixed import InexactValue, parse
from mm_framework.sync.checksum import checksum, checksum_text, learn

KRAKEN = ChecksumSpec(depth=10)
BITFINEX = ChecksumSpec(
    depth=25, order="interleaved", form="js_number", separator=":", sign_on_asks=True, signed=True
)

# The worked example of Kraken's guide to the v2 book checksum (BTC/USD), as its texts.
ASKS = """45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660
45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827"""
BIDS = """45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586
45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238"""


def kraken_book(scales: tuple[int, int]) -> OrderBook:
    book = OrderBook()
    bids, asks = (
        [
            (parse(price, scales[0]), parse(size, scales[1]))
            for price, size in zip(w[::2], w[1::2], strict=True)
        ]
        for w in (BIDS.split(), ASKS.split())
    )
    book.load(bids, asks)
    return book


def one(price: int, size: int) -> OrderBook:
    book = OrderBook()
    book.load([(price, size)], [])
    return book


def test_the_worked_example_of_kraken() -> None:
    assert checksum(KRAKEN, kraken_book((10, 8)), (10, 8), (1, 8)) == 3310070434
    assert checksum_text(KRAKEN, kraken_book((10, 8)), (10, 8), (1, 8)).startswith(
        "45285210000045286415457195"
    )


def test_levels_beyond_the_depth_are_not_digested() -> None:
    book = kraken_book((1, 8))
    book.apply(1, 100, 5)
    book.apply(-1, 900_000, 5)
    assert checksum(KRAKEN, book, (1, 8), (1, 8)) == 3310070434


@pytest.mark.parametrize("scales", [(1, 8), (2, 9), (10, 8)])
def test_learn_finds_the_precision_of_the_worked_example(scales: tuple[int, int]) -> None:
    assert learn(KRAKEN, kraken_book(scales), scales, (1, 8), 3310070434) == (1, 8)
    assert learn(KRAKEN, kraken_book(scales), scales, (1, 8), 3310070435) is None


def slow_text(spec: ChecksumSpec, book: OrderBook, scales: Any, decimals: Any) -> str:
    """The same, written to be read: through Decimal and lists."""

    def number(value: int, scale: int, places: int) -> str:
        exact = Decimal(value).scaleb(-scale)
        if spec.form == "js_number":
            return format(exact.normalize(), "f")
        shown = format(exact, f".{places}f")
        return shown if spec.form == "plain" else shown.replace(".", "").lstrip("0")

    def level(pair: tuple[int, int], sign: str) -> list[str]:
        shown = {
            "price": number(pair[0], scales[0], decimals[0]),
            "size": sign + number(pair[1], scales[1], decimals[1]),
        }
        return [shown[token] for token in spec.tokens]

    bids = [level(pair, "") for pair in book.bids()[: spec.depth]]
    asks = [level(pair, "-" if spec.sign_on_asks else "") for pair in book.asks()[: spec.depth]]
    if spec.order == "asks_then_bids":
        ordered = asks + bids
    elif spec.order == "bids_then_asks":
        ordered = bids + asks
    else:
        ordered = [side[n] for n in range(spec.depth) for side in (bids, asks) if n < len(side)]
    return spec.separator.join(token for tokens in ordered for token in tokens)


SPECS = st.builds(
    ChecksumSpec,
    depth=st.integers(1, 4),
    order=st.sampled_from(["asks_then_bids", "bids_then_asks", "interleaved"]),
    tokens=st.sampled_from([("price", "size"), ("size", "price"), ("price",), ("size",)]),
    form=st.sampled_from(["digits", "plain", "js_number"]),
    separator=st.sampled_from(["", ":", ","]),
    sign_on_asks=st.booleans(),
    signed=st.booleans(),
)
SIDE = st.dictionaries(st.integers(1, 10**6), st.integers(1, 10**6), max_size=6)


@given(SPECS, SIDE, SIDE)
def test_every_form_is_the_obvious_text(
    spec: ChecksumSpec, bids: dict[int, int], asks: dict[int, int]
) -> None:
    book, scales = OrderBook(), (3, 4)
    book.load(bids.items(), asks.items())
    expected = slow_text(spec, book, scales, scales)
    assert checksum_text(spec, book, scales, scales) == expected
    value = zlib.crc32(expected.encode())
    if spec.signed and value >= 2**31:
        value -= 2**32
    assert checksum(spec, book, scales, scales) == value


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 4), st.integers(0, 4))
def test_learn_finds_the_least_pair_by_trying_all(price: int, size: int, p: int, s: int) -> None:
    scales, book = (4, 4), one(price, size)
    try:
        expected = checksum(KRAKEN, book, scales, (p, s))
    except InexactValue:
        return
    holds = []
    seen = (len(_decimals(price)), len(_decimals(size)))
    for pair in itertools.product(range(seen[0], 5), range(seen[1], 5)):
        if checksum(KRAKEN, book, scales, pair) == expected:
            holds.append(pair)
    found = learn(KRAKEN, book, scales, seen, expected)
    assert found == min(holds, key=lambda pair: (sum(pair), pair))
    assert (p, s) in holds


def _decimals(value: int) -> str:
    return f"{value:05d}"[-4:].rstrip("0")


@pytest.mark.parametrize(
    ("value", "scale", "printed"),
    [
        # what JavaScript prints (ECMA-262, Number::toString)
        (0, 8, "0"), (1, 0, "1"), (-15, 1, "-1.5"), (150, 2, "1.5"), (100, 0, "100"), (123456, 3, "123.456"),
        (1, 6, "0.000001"), (1, 7, "1e-7"), (15, 8, "1.5e-7"), (-15, 8, "-1.5e-7"), (123, 10, "1.23e-8"),
        (9223372036854775807, 0, "9223372036854775807"), (100, 9, "1e-7"), (12, 7, "0.0000012"),
    ],
)  # fmt: skip
def test_js_numbers(value: int, scale: int, printed: str) -> None:
    book = OrderBook()
    book.apply(1, value, 1)
    spec = ChecksumSpec(depth=1, tokens=("price",), form="js_number")
    assert checksum_text(spec, book, (scale, 0), (0, 0)) == printed


def test_a_signed_checksum_is_the_same_32_bits() -> None:
    book = kraken_book((1, 8))
    assert checksum(ChecksumSpec(depth=10, signed=True), book, (1, 8), (1, 8)) == 3310070434 - 2**32


def test_the_form_of_bitfinex() -> None:
    book = OrderBook()
    book.load([(6000_1, 1_50000000), (5999_0, 2)], [(6001_0, 25000000)])
    assert checksum_text(BITFINEX, book, (1, 8), (0, 0)) == "6000.1:1.5:6001:-0.25:5999:2e-8"


def test_an_empty_book_digests_nothing() -> None:
    assert checksum(KRAKEN, OrderBook(), (1, 8), (1, 8)) == 0


def test_too_few_decimals_are_an_error_not_a_rounding() -> None:
    with pytest.raises(InexactValue):
        checksum(KRAKEN, one(15, 1), (1, 0), (0, 0))
