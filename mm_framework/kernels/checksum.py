"""Checksums of the top of a book from its integers: the text and CRC of every `ChecksumSpec`.

The same answers as `mm_framework.sync.checksum`. A spec is compiled to a block of words once; levels
are pairs of int64s (price, size), best first. Texts are written eight bytes at a time, so that up to
`_SLACK` bytes behind a text are scribbled over; `scratch_bytes` has room for them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mm_framework.contracts.sync_engine import ChecksumSpec
from mm_framework.kernels.crc import crc32
from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import (
    Buffer,
    load_i8,
    load_u1,
    shift_right,
    store_1,
    store_2,
    store_8,
    trailing_zeros,
)
from mm_framework.model.fixed import MAX, MAX_SCALE, NULL

__all__ = ["checksum_levels", "compile_spec", "eight_digits", "put_digits", "scratch_bytes", "side_text"]

_ORDERS: Final = ("asks_then_bids", "bids_then_asks", "interleaved")
_FORMS: Final = ("digits", "plain", "js_number")
_INTERLEAVED: Final = 2
_ASKS_FIRST: Final = 0
_PLAIN: Final = 1
_JS_NUMBER: Final = 2

# The words of a compiled spec, as byte offsets; behind them the separator and the tokens.
_DEPTH: Final = 0
_ORDER: Final = 8
_FORM: Final = 16
_SIGN_ON_ASKS: Final = 24
_SIGNED: Final = 32
_SEPARATOR_BYTES: Final = 40
_TOKENS: Final = 48
_TOKENS_END: Final = 56
_BARE: Final = 64  # prices and sizes as digits and nothing else
_SEPARATOR: Final = 72

_TOKEN_BYTES: Final = 40
"""No number is longer: a sign, 19 digits, 18 zeros behind them, a point, the sign of an ask."""

_SLACK: Final = 64

_MINUS: Final = ord("-")
_POINT: Final = ord(".")
_ZERO: Final = ord("0")
_ZEROS: Final = int.from_bytes(b"00000000", "little")
_E_MINUS: Final = int.from_bytes(b"e-", "little")

_FIVES: Final = tuple(5**places for places in range(MAX_SCALE + 1))
_INVERSES: Final = np.array([pow(five, -1, 2**64) for five in _FIVES] + [0] * 13, dtype=np.uint64).view(
    np.int64
)
"""5**-n modulo 2**64, for n up to 31."""
_LARGEST: Final = np.array([MAX // five for five in _FIVES] + [0] * 13, dtype=np.int64)
"""The largest quotient of an int64 by 5**n."""


def compile_spec(spec: ChecksumSpec) -> Buffer:
    """The spec as the kernels read it; pass on its ``address``."""
    separator = spec.separator.encode()
    tokens = bytes(token == "size" for token in spec.tokens)
    place = _SEPARATOR + (len(separator) + 7) // 8 * 8
    bare = tokens == b"\0\1" and spec.form == "digits" and not (separator or spec.sign_on_asks)
    block = Buffer(place + len(tokens))
    words = (
        spec.depth,
        _ORDERS.index(spec.order),
        _FORMS.index(spec.form),
        spec.sign_on_asks,
        spec.signed,
        len(separator),
        place,
        place + len(tokens),
        bare,
    )
    for number, word in enumerate(words):
        block.words()[number] = word
    block.view[_SEPARATOR : _SEPARATOR + len(separator)] = separator
    block.view[place:] = tokens
    return block


def scratch_bytes(spec: ChecksumSpec) -> int:
    """The room that `checksum_levels` needs at ``scratch``; `side_text` needs half of it."""
    token = _TOKEN_BYTES + len(spec.separator.encode())
    return 2 * (spec.depth * len(spec.tokens) * token + _SLACK)


@inline
def eight_digits(value: int) -> int:
    """The eight digits of a value below 10**8, one a byte, the first in the lowest."""
    fours = value * 109951163 >> 40
    fours |= value - fours * 10000 << 32
    twos = fours * 5243 >> 19 & 0x0000007F0000007F
    twos |= fours - twos * 100 << 16
    ones = twos * 103 >> 10 & 0x000F000F000F000F
    return ones | twos - ones * 10 << 8


@inline
def _put_leading(out: int, value: int) -> int:
    """Write a value below 10**8 without leading zeros, nothing for 0; returns the end."""
    digits = eight_digits(value)
    absent = trailing_zeros(digits) >> 3
    store_8(out, shift_right(digits | _ZEROS, absent << 3 & 63))
    return out + 8 - absent


@inline
def _hundred_millions(value: int) -> int:
    return np.int64(np.uint64(value) // np.uint64(100_000_000))  # type: ignore[return-value]


@helper
def _put_long(out: int, value: int) -> int:
    """Write a value of 17 digits or more."""
    high = _hundred_millions(value)
    highest = _hundred_millions(high)
    out = _put_leading(out, highest)
    store_8(out, eight_digits(high - highest * 100_000_000) | _ZEROS)
    store_8(out + 8, eight_digits(value - high * 100_000_000) | _ZEROS)
    return out + 16


@inline
def put_digits(out: int, value: int) -> int:
    """Write a value (>= 0) without leading zeros, nothing for 0; returns the end."""
    if value < 100_000_000:
        return _put_leading(out, value)
    if value >= 10_000_000_000_000_000:
        return _put_long(out, value)
    high = _hundred_millions(value)
    out = _put_leading(out, high)
    store_8(out, eight_digits(value - high * 100_000_000) | _ZEROS)
    return out + 8


@inline
def _shortened(value: int, places: int) -> int:
    """``value`` (>= 0) by ``10**places``, or -1 when that leaves a remainder.

    By the inverse of the odd factor: the product is the quotient when it is not too large for one,
    and no other value gives such a product.
    """
    quotient = shift_right(value, places) * _INVERSES[np.uint64(places & 31)]
    exact = 0 <= quotient <= _LARGEST[np.uint64(places & 31)] and value & (1 << places) - 1 == 0
    return int(quotient) if exact else -1


@helper
def _move_up(address: int, by: int) -> None:
    """Move the next 24 bytes up."""
    first, second, third = load_i8(address), load_i8(address + 8), load_i8(address + 16)
    store_8(address + by, first)
    store_8(address + by + 8, second)
    store_8(address + by + 16, third)


@helper
def _put_fixed(out: int, value: int, scale: int, decimals: int, form: int) -> int:
    """Write a value with its fixed decimals, with the point when the form is plain; returns the end or 0."""
    if value < 0:
        if value == NULL:
            return 0
        store_1(out, _MINUS)
        out, value = out + 1, -value
    more = decimals - scale
    if more < 0:
        value = _shortened(value, -more)
        if value < 0:
            return 0
    end = put_digits(out, value)
    if more > 0 and value != 0:
        store_8(end, _ZEROS)
        store_8(end + 8, _ZEROS)
        store_8(end + 16, _ZEROS)
        end += more
    if form == _PLAIN:
        while end - out <= decimals:
            _move_up(out, 1)
            store_1(out, _ZERO)
            end += 1
        if decimals > 0:
            _move_up(end - decimals, 1)
            store_1(end - decimals, _POINT)
            end += 1
    return end


@helper
def _put_js_number(out: int, value: int, scale: int) -> int:
    """Write a value as JavaScript prints it; returns the end or 0."""
    if value == 0:
        store_1(out, _ZERO)
        return out + 1
    if value < 0:
        if value == NULL:
            return 0
        store_1(out, _MINUS)
        out, value = out + 1, -value
    end = put_digits(out, value)
    point = end - out - scale  # the value is 0.<digits> * 10**point
    fraction = scale
    while fraction > 0 and load_u1(end - 1) == _ZERO:
        end -= 1
        fraction -= 1
    if fraction == 0:
        return end
    if point > 0:
        _move_up(out + point, 1)
        store_1(out + point, _POINT)
        return end + 1
    if point > -6:
        _move_up(out, 2 - point)
        for place in range(2, 2 - point):
            store_1(out + place, _ZERO)
        store_2(out, _ZERO | _POINT << 8)
        return end + 2 - point
    if end - out > 1:
        _move_up(out + 1, 1)
        store_1(out + 1, _POINT)
        end += 1
    store_2(end, _E_MINUS)
    return _put_leading(end + 2, 1 - point)


@helper
def _put_level(
    spec: int,
    level: int,
    is_ask: int,
    price_scale: int,
    size_scale: int,
    price_decimals: int,
    size_decimals: int,
    out: int,
) -> int:
    """Write the tokens of a level, each followed by the separator; returns the end or 0."""
    form, separator = load_i8(spec + _FORM), load_i8(spec + _SEPARATOR_BYTES)
    token, last = spec + load_i8(spec + _TOKENS), spec + load_i8(spec + _TOKENS_END)
    while token < last:
        value, scale, decimals = load_i8(level), price_scale, price_decimals
        if load_u1(token):
            value, scale, decimals = load_i8(level + 8), size_scale, size_decimals
            if is_ask and load_i8(spec + _SIGN_ON_ASKS):
                store_1(out, _MINUS)
                out += 1
        if form == _JS_NUMBER:
            out = _put_js_number(out, value, scale)
        else:
            out = _put_fixed(out, value, scale, decimals, form)
        if out == 0:
            return 0
        for place in range(0, separator, 8):
            store_8(out + place, load_i8(spec + _SEPARATOR + place))
        out += separator
        token += 1
    return out


@inline
def _put_bare(level: int, price_excess: int, size_excess: int, out: int) -> int:
    """Write the digits of a price and a size (> 0), short of those in excess; returns the end or 0."""
    price, size = load_i8(level), load_i8(level + 8)
    if price_excess:
        price = _shortened(price, price_excess)
    if size_excess:
        size = _shortened(size, size_excess)
    if price < 0 or size < 0:
        return 0
    return put_digits(put_digits(out, price), size)


@helper
def side_text(
    spec: int,
    levels: int,
    count: int,
    is_ask: int,
    price_scale: int,
    size_scale: int,
    price_decimals: int,
    size_decimals: int,
    out: int,
) -> int:
    """Write the tokens of the best levels of a side, each followed by the separator.

    Returns the end, or 0 when a value has more decimals than are printed. Bare digits have a loop of
    their own, with which the checksum of ten levels a side takes 250 ns instead of 440.
    """
    last = levels + 16 * min(count, load_i8(spec + _DEPTH))
    if load_i8(spec + _BARE) and price_decimals <= price_scale and size_decimals <= size_scale:
        while levels < last and out != 0 and load_i8(levels) > 0 and load_i8(levels + 8) > 0:
            out = _put_bare(levels, price_scale - price_decimals, size_scale - size_decimals, out)
            levels += 16
    while levels < last and out != 0:
        out = _put_level(spec, levels, is_ask, price_scale, size_scale, price_decimals, size_decimals, out)
        levels += 16
    return out


@helper
def checksum_levels(
    spec: int,
    bids: int,
    n_bids: int,
    asks: int,
    n_asks: int,
    price_scale: int,
    size_scale: int,
    price_decimals: int,
    size_decimals: int,
    scratch: int,
) -> int:
    """The venue's number for a book; NULL when a value has more decimals than are printed."""
    order, end, rounds = load_i8(spec + _ORDER), scratch, 1
    if order == _INTERLEAVED:
        rounds = min(max(n_bids, n_asks), load_i8(spec + _DEPTH))
    for turn in range(2 * rounds):
        is_ask = turn & 1 ^ (order == _ASKS_FIRST)
        levels, count = (asks, n_asks) if is_ask else (bids, n_bids)
        if order == _INTERLEAVED:
            levels, count = levels + 16 * (turn >> 1), min(1, count - (turn >> 1))
        end = side_text(
            spec, levels, count, is_ask, price_scale, size_scale, price_decimals, size_decimals, end
        )
        if end == 0:
            return NULL
    if end > scratch:
        end -= load_i8(spec + _SEPARATOR_BYTES)
    crc = crc32(0, scratch, end - scratch)
    return crc - (crc >> 31 << 32) if load_i8(spec + _SIGNED) else crc
