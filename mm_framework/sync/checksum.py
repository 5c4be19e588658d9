"""Checksums of the top of a book, by `ChecksumSpec`, and the precision that they print.

A venue prints prices and sizes with a fixed number of decimals that it may not tell. `learn` finds
it: the least pair of decimals, not below those seen, under which a checksum holds.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import zip_longest

from mm_framework.contracts.sync_engine import ChecksumSpec
from mm_framework.model.book import Book, Level
from mm_framework.model.fixed import digits, rescale, text

__all__ = ["checksum", "checksum_text", "learn"]


def checksum_text(spec: ChecksumSpec, book: Book, scales: tuple[int, int], decimals: tuple[int, int]) -> str:
    """The text that the venue digests. ``scales`` and ``decimals`` are (price, size).

    Raises InexactValue when a value of the top levels has more decimals than are printed.
    """
    bids, asks = book.bids(spec.depth), book.asks(spec.depth)
    return spec.separator.join(_tokens(spec, bids, asks, scales, decimals))


def _tokens(
    spec: ChecksumSpec,
    bids: list[Level],
    asks: list[Level],
    scales: tuple[int, int],
    decimals: tuple[int, int],
) -> Iterator[str]:
    for is_ask, (price, size) in _ordered(spec, bids, asks):
        for token in spec.tokens:
            if token == "price":
                yield _number(spec.form, price, scales[0], decimals[0])
            else:
                sign = "-" if is_ask and spec.sign_on_asks else ""
                yield sign + _number(spec.form, size, scales[1], decimals[1])


def _ordered(spec: ChecksumSpec, bids: list[Level], asks: list[Level]) -> Iterator[tuple[bool, Level]]:
    if spec.order == "interleaved":
        for bid, ask in zip_longest(bids, asks):
            if bid is not None:
                yield False, bid
            if ask is not None:
                yield True, ask
        return
    sides = [(True, asks), (False, bids)]
    for is_ask, levels in sides if spec.order == "asks_then_bids" else reversed(sides):
        for level in levels:
            yield is_ask, level


def _number(form: str, value: int, scale: int, decimals: int) -> str:
    if form == "js_number":
        return _js_number(value, scale)
    if form == "plain":
        return digits(value, scale, decimals)
    return str(rescale(value, scale, decimals)).lstrip("0")


def _js_number(value: int, scale: int) -> str:
    """As ECMA-262 Number::toString prints it: plain from 1e-6 to 1e21, else with an exponent."""
    plain = text(value, scale)
    significant = plain.lstrip("-").replace(".", "").lstrip("0")
    point = len(str(abs(value))) - scale  # the value is 0.<significant> * 10**point
    if not significant or -6 < point <= 21:
        return plain
    significant = significant.rstrip("0")
    mantissa = significant[0] + ("." + significant[1:] if len(significant) > 1 else "")
    exponent = point - 1
    return f"{'-' if value < 0 else ''}{mantissa}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def checksum(spec: ChecksumSpec, book: Book, scales: tuple[int, int], decimals: tuple[int, int]) -> int:
    """The venue's number for the book as it is. Raises as `checksum_text`."""
    value = zlib.crc32(checksum_text(spec, book, scales, decimals).encode())
    return value - 2**32 if spec.signed and value >= 2**31 else value


def learn(
    spec: ChecksumSpec,
    book: Book,
    scales: tuple[int, int],
    seen: tuple[int, int],
    expected: int,
) -> tuple[int, int] | None:
    """The least (price, size) decimals, from ``seen`` up to the scales, that give ``expected``.

    Least is by their sum, then by price. None when no pair does.
    """
    pairs = (
        (price, size) for price in range(seen[0], scales[0] + 1) for size in range(seen[1], scales[1] + 1)
    )
    for pair in sorted(pairs, key=lambda pair: (sum(pair), pair)):
        if checksum(spec, book, scales, pair) == expected:
            return pair
    return None
