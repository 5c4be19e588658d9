"""Known answers of Kraken's checksum, through the core's engine and this venue's rules."""

from __future__ import annotations

import random
import zlib
from decimal import Decimal

import pytest

from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID
from mm_framework.model.fixed import parse
from mm_framework.sync.checksum import checksum, checksum_text, learn
from mm_kraken.sync import CHECKSUM_LEVELS, RULES

SCALES = (10, 8)
Levels = list[tuple[str, str]]

# The worked example of the guide "Book checksum (v2)": BTC/USD, one decimal and eight.
GUIDE_ASKS: Levels = [
    ("45285.2", "0.00100000"), ("45286.4", "1.54571953"), ("45286.6", "1.54571109"),
    ("45289.6", "1.54560911"), ("45290.2", "0.15890660"), ("45291.8", "1.54553491"),
    ("45294.7", "0.04454749"), ("45296.1", "0.35380000"), ("45297.5", "0.09945542"),
    ("45299.5", "0.18772827"),
]  # fmt: skip
GUIDE_BIDS: Levels = [
    ("45283.5", "0.10000000"), ("45283.4", "1.54582015"), ("45282.1", "0.10000000"),
    ("45281.0", "0.10000000"), ("45280.3", "1.54592586"), ("45279.0", "0.07990000"),
    ("45277.6", "0.03310103"), ("45277.5", "0.30000000"), ("45277.3", "1.54602737"),
    ("45276.6", "0.15445238"),
]  # fmt: skip

# The worked example of the guide "Book checksum (v1)": five decimals and eight.
V1_ASKS: Levels = [(f"0.0{price}", "0.00000500") for price in range(5005, 5055, 5)]
V1_BIDS: Levels = [
    (f"0.0{price}", "0.00000500") for price in (5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950)
]


def book(bids: Levels, asks: Levels) -> OrderBook:
    result = OrderBook()
    for side, levels in ((BID, bids), (ASK, asks)):
        for price, size in levels:
            result.apply(side, parse(price, SCALES[0]), parse(size, SCALES[1]))
    return result


def plain(value: int, decimals: int) -> str:
    """Text with exactly so many decimals, as the venue writes it."""
    return f"{Decimal(value).scaleb(-decimals):.{decimals}f}"


def venue_checksum(bids: Levels, asks: Levels) -> int:
    """The rule as the guide words it, on wire text: dots out, leading zeros off, asks before bids."""
    tokens = [token.replace(".", "").lstrip("0") for level in asks[:10] + bids[:10] for token in level]
    return zlib.crc32("".join(tokens).encode())


def test_the_rules_are_those_of_both_wire_versions() -> None:
    spec = RULES.checksum
    assert spec is not None
    assert (spec.depth, spec.order, spec.tokens, spec.form) == (
        10,
        "asks_then_bids",
        ("price", "size"),
        "digits",
    )
    assert (spec.separator, spec.sign_on_asks, spec.signed, spec.when) == ("", False, False, "each_message")
    assert spec.truncate is True
    assert CHECKSUM_LEVELS == 10
    assert RULES.crossed == "resync"
    assert RULES.trade_ids is True


@pytest.mark.parametrize(
    ("bids", "asks", "decimals", "expected"),
    [(GUIDE_BIDS, GUIDE_ASKS, (1, 8), 3310070434), (V1_BIDS, V1_ASKS, (5, 8), 974947235)],
    ids=["v2 guide", "v1 guide"],
)
def test_the_worked_examples_of_the_guides(
    bids: Levels, asks: Levels, decimals: tuple[int, int], expected: int
) -> None:
    assert RULES.checksum is not None
    assert venue_checksum(bids, asks) == expected, "the oracle of these tests knows the published answer"
    assert checksum(RULES.checksum, book(bids, asks), SCALES, decimals) == expected


def test_the_text_of_the_v2_guide() -> None:
    assert RULES.checksum is not None
    text = checksum_text(RULES.checksum, book(GUIDE_BIDS, GUIDE_ASKS), SCALES, (1, 8))
    assert text.startswith("45285210000045286415457195345286615457110945289615456091145290215890660")
    assert len(text) == 140 + 141
    assert text[140:].startswith("452835100000004528341545820154528211000000")


@pytest.mark.parametrize("levels", [0, 1, 3, 9])
def test_a_thin_side_is_taken_as_it_is(levels: int) -> None:
    assert RULES.checksum is not None
    bids, asks = GUIDE_BIDS[:levels], GUIDE_ASKS[:3]
    assert checksum(RULES.checksum, book(bids, asks), SCALES, (1, 8)) == venue_checksum(bids, asks)


def test_levels_deeper_than_the_tenth_do_not_matter() -> None:
    assert RULES.checksum is not None
    deep = book([*GUIDE_BIDS, ("45000.0", "7.00000000")], [*GUIDE_ASKS, ("46000.0", "9.00000000")])
    assert checksum(RULES.checksum, deep, SCALES, (1, 8)) == 3310070434


def test_quantities_below_one_lose_their_leading_zeros_and_keep_those_at_the_end() -> None:
    assert RULES.checksum is not None
    thin = book([("0.00000048", "0.00000500")], [])
    assert checksum_text(RULES.checksum, thin, SCALES, (8, 8)) == "48500"
    assert checksum_text(RULES.checksum, thin, SCALES, (9, 8)) == "480500"


@pytest.mark.parametrize("seed", range(20))
def test_the_engine_agrees_with_the_wording_of_the_guide_on_random_books(seed: int) -> None:
    assert RULES.checksum is not None
    draw = random.Random(seed)
    decimals = (draw.randrange(9), draw.randrange(9))
    middle = draw.randrange(1000, 10**8)

    def level(price: int) -> tuple[str, str]:
        return plain(price, decimals[0]), plain(draw.randrange(1, 10**9), decimals[1])

    bids = [level(middle - offset) for offset in range(1, draw.randrange(1, 15))]
    asks = [level(middle + offset) for offset in range(draw.randrange(15))]
    assert checksum(RULES.checksum, book(bids, asks), SCALES, decimals) == venue_checksum(bids, asks)


def test_the_precision_is_learned_from_one_checksum_where_trailing_zeros_were_lost() -> None:
    assert RULES.checksum is not None
    assert learn(RULES.checksum, book(V1_BIDS, V1_ASKS), SCALES, (5, 6), 974947235) == (5, 8)
    assert learn(RULES.checksum, book(V1_BIDS, V1_ASKS), SCALES, (5, 6), 974947236) is None
