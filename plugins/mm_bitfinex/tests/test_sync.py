"""Known answers of Bitfinex's checksum, through the core's engine and this venue's rules."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from mm_bitfinex.sync import CHECKSUM_LEVELS, RULES
from mm_framework.model.book import OrderBook
from mm_framework.model.fixed import decimals_of, parse
from mm_framework.sync.checksum import checksum, checksum_text

SCALES = (14, 8)


def build(line: Any) -> OrderBook:
    """The book of all that was written."""
    book = OrderBook()
    for rows in line.rows:
        for side, price, size in rows:
            book.apply(side, parse(price, SCALES[0]), parse(size, SCALES[1]))
    return book


def test_the_rules_of_the_venue() -> None:
    spec, sequence = RULES.checksum, RULES.sequence
    assert spec is not None
    assert sequence is not None
    assert (spec.depth, spec.order, spec.tokens, spec.form) == (
        25,
        "interleaved",
        ("price", "size"),
        "js_number",
    )
    assert (spec.separator, spec.sign_on_asks, spec.signed, spec.when) == (":", True, True, "own_frame")
    assert spec.truncate is False
    assert CHECKSUM_LEVELS == 25
    assert sequence.scope == "connection"
    assert (RULES.crossed, RULES.trade_ids) == ("grace", "rising")


@pytest.mark.parametrize(
    ("rows", "text", "expected"),
    [
        (
            "[6000,1,1],[5900,1,2],[6100,1,-3],[6200,1,-4]",
            "6000:1:6100:-3:5900:2:6200:-4",
            1756193398,
        ),
        ("[6000,1,1],[6100,1,-3]", "6000:1:6100:-3", 144322783),
        ("[1.7e-7,1,100],[0.0000082,1,-5]", "1.7e-7:100:0.0000082:-5", -1368202860),
        (
            "[0.1,1,1],[0.09,1,5],[0.089,1,1],[0.15,1,-1],[0.2,1,-3],[0.3,1,-4]",
            "0.1:1:0.15:-1:0.09:5:0.2:-3:0.089:1:0.3:-4",
            -1625836611,
        ),
    ],
)
def test_worked_examples(line: Any, rows: str, text: str, expected: int) -> None:
    assert RULES.checksum is not None
    line.take(f"[7,[{rows}]]")
    book = build(line)
    assert checksum_text(RULES.checksum, book, SCALES, SCALES) == text
    assert checksum(RULES.checksum, book, SCALES, SCALES) == expected


@pytest.mark.parametrize("name", ["tXRPBTC_go", "tXRPBTC_py"])
def test_real_books_with_a_published_checksum(shared_data: Path, new_line: Any, name: str) -> None:
    assert RULES.checksum is not None
    vectors = json.loads((shared_data / "vectors.json").read_text())["bitfinex_p0_book_checksum"]["vectors"]
    (vector,) = [one for one in vectors if one["name"] == name]
    number = json.loads(vector["frames"][0])[0]
    line = new_line(
        f'{{"event":"subscribed","channel":"book","chanId":{number},"symbol":"tXRPBTC","prec":"P0","len":"25"}}'
    )
    for frame in vector["frames"]:
        line.take(frame)
    book = build(line)
    assert checksum_text(RULES.checksum, book, SCALES, SCALES) == vector["string"]
    assert checksum(RULES.checksum, book, SCALES, SCALES) == vector["expected"]
    if "checksum_frame" in vector:
        line.take(vector["checksum_frame"])
        assert line.out.messages[-1]["checksum"] == vector["expected"]


def test_the_published_strings_digest_to_their_values(shared_data: Path) -> None:
    vectors = json.loads((shared_data / "vectors.json").read_text())["bitfinex_checksum_strings"]["vectors"]
    assert len(vectors) == 3
    for vector in vectors:
        assert zlib.crc32(vector["string"].encode()) == vector["expected"] % 2**32


@pytest.mark.parametrize(
    ("written", "scale"), [("2e-8", 14), ("1.1e-7", 14), ("6.6e-7", 14), ("1e-14", 14), ("2.5e3", 10)]
)
def test_exponents_are_exact(written: str, scale: int) -> None:
    mantissa, _, exponent = written.partition("e")
    digits = int(mantissa.replace(".", ""))
    shift = scale + int(exponent) - (len(mantissa.partition(".")[2]))
    assert parse(written, scale) == digits * 10**shift
    assert decimals_of(written) <= scale
