"""One side of the compiled L2 book: a window of ticks with a tree of bits over it, and sorted far levels.

    side | header (16 words) | groups (16 words) | bitset (1,024 words) | sizes (65,536 words) |

A side counts in *keys*: the price for bids, the negated price for asks, so that the best is the
highest. A key is ``tick * step``; ``step`` is the greatest common divisor of all prices of the side
since it was last cleared (1 if all were 0), and shrinks when a price is no multiple of it. The window
holds the ticks ``[base, base + 65536)``: a bit of the bitset for each that is a level, a bit of groups
for each word of the bitset that is not 0, a bit of SUMMARY for each word of groups that is not 0. What
no level was near to is memory that was never touched. Levels below the window are *far*: (key, size)
pairs elsewhere in the block, ascending. A far level that goes leaves its pair with size 0, which is no
level: the next one near it takes the place, so that little is ever moved. FAR counts pairs, COUNT counts
levels. No level is above the window, and it is never empty while far levels exist, so the best is always
found in it:

    a better price than the window's top     the window moves up; levels that fall out of it become far
    a far price, the best in the lower half  the window moves down; the best far levels return to it
    the last level of the window goes        the window moves to the best far level

A window that moves is laid out anew, which happens once in 16,384 ticks that the best price went.

Division by the step is exact: a product with the inverse of its odd part, modulo 2**64, turned right
by its power of two, is in 0..limit for multiples of the step and for no other price.

``s`` is the address of a side, ``sign`` is 1 for bids and -1 for asks; words are counted from the
window's base.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import copy, leading_zeros, load_i8, shift_right, store_8, trailing_zeros
from mm_framework.model.fixed import MAX, NULL

__all__ = [
    "BASE",
    "BITS",
    "CAPACITY",
    "COUNT",
    "FAR",
    "FAR_OFFSET",
    "GROUPS",
    "INSIDE",
    "INVERSE",
    "LIMIT",
    "SHIFT",
    "SIDE_BYTES",
    "SIZES",
    "STEP",
    "SUMMARY",
    "VERSION",
    "WINDOW",
    "WORDS",
    "anchor_far",
    "changed",
    "far_index",
    "far_level",
    "far_size",
    "highest",
    "lowest_tick",
    "put",
    "quotient_of",
    "remove",
    "set_outside",
    "size_at",
    "word_below",
]

WINDOW: Final = 1 << 16
"""Ticks, less than 2**18. Nine in ten changes of a recorded BTC/USDT book are in reach of it."""
WORDS: Final = WINDOW // 64
BEHIND: Final = WINDOW * 3 // 4
"""Ticks of a window that has just moved which lie below the best level."""
SINK: Final = WINDOW // 2
"""The window moves down for a far level when the best is fewer ticks than this above its base."""

NEAR: Final = 32
"""How far a pair that is no level is looked for, where a new far level needs a place."""

STEP: Final = 0
INVERSE: Final = 8
SHIFT: Final = 16
LIMIT: Final = 24
BASE: Final = 32
SUMMARY: Final = 40
"""One bit for each word of groups that is not 0."""
COUNT: Final = 48
FAR: Final = 56
VERSION: Final = 64
CAPACITY: Final = 72
FAR_OFFSET: Final = 80
GROUPS: Final = 128
"""One bit for each word of the bitset that is not 0."""
BITS: Final = GROUPS + WORDS // 8
SIZES: Final = BITS + WORDS * 8
SIDE_BYTES: Final = SIZES + WINDOW * 8

INSIDE: Final = NULL
"""What `set_outside` returns for a price that the window now covers."""


@inline
def quotient_of(s: int, price: int) -> int:
    """``price / step``; not in 0..limit when the price is no multiple of the step."""
    product, shift = price * load_i8(s + INVERSE), load_i8(s + SHIFT)
    return int(shift_right(product, shift) | ((product << 1) << (63 - shift)))


@inline
def word_below(s: int, word: int) -> int:
    """The highest word of the bitset below this one that is not 0; -1 for none."""
    group = word >> 6
    bits = load_i8(s + GROUPS + group * 8) & ((1 << (word & 63)) - 1)
    if bits == 0:
        groups = load_i8(s + SUMMARY) & ((1 << group) - 1)
        if groups == 0:
            return -1
        group = 63 - leading_zeros(groups)
        bits = load_i8(s + GROUPS + group * 8)
    return int(group * 64 + 63 - leading_zeros(bits))


@inline
def highest(s: int) -> int:
    """The highest tick of a window that is not empty."""
    group = 63 - leading_zeros(load_i8(s + SUMMARY))
    word = group * 64 + 63 - leading_zeros(load_i8(s + GROUPS + group * 8))
    return int(load_i8(s + BASE) + word * 64 + 63 - leading_zeros(load_i8(s + BITS + word * 8)))


@inline
def lowest_tick(s: int) -> int:
    """The lowest tick of a window that is not empty."""
    group = trailing_zeros(load_i8(s + SUMMARY))
    word = group * 64 + trailing_zeros(load_i8(s + GROUPS + group * 8))
    return int(load_i8(s + BASE) + word * 64 + trailing_zeros(load_i8(s + BITS + word * 8)))


@inline
def size_at(s: int, offset: int) -> int:
    """The size so many ticks above the base, 0 for none."""
    held = load_i8(s + BITS + (offset >> 6) * 8) & (1 << (offset & 63))
    return load_i8(s + SIZES + offset * 8) if held else 0


@inline
def put(s: int, offset: int, size: int) -> None:
    """Set the level so many ticks above the base."""
    word, group = offset >> 6, offset >> 12
    store_8(s + SIZES + offset * 8, size)
    at, above = s + BITS + word * 8, s + GROUPS + group * 8
    store_8(at, load_i8(at) | (1 << (offset & 63)))
    store_8(above, load_i8(above) | (1 << (word & 63)))
    store_8(s + SUMMARY, load_i8(s + SUMMARY) | (1 << group))


@inline
def remove(s: int, offset: int) -> None:
    """Remove the level so many ticks above the base."""
    word, group = offset >> 6, offset >> 12
    bits = load_i8(s + BITS + word * 8) & ~(1 << (offset & 63))
    store_8(s + BITS + word * 8, bits)
    if bits == 0:
        words = load_i8(s + GROUPS + group * 8) & ~(1 << (word & 63))
        store_8(s + GROUPS + group * 8, words)
        if words == 0:
            store_8(s + SUMMARY, load_i8(s + SUMMARY) & ~(1 << group))


@inline
def changed(s: int, levels: int) -> None:
    """The side changed, and holds so many levels more."""
    store_8(s + COUNT, load_i8(s + COUNT) + levels)
    store_8(s + VERSION, load_i8(s + VERSION) + 1)


@inline
def far_level(s: int, index: int) -> int:
    """The address of a far level."""
    return s + load_i8(s + FAR_OFFSET) + index * 16


@helper
def far_index(s: int, key: int) -> int:
    """How many far pairs are worse than the key. No jump depends on what is found, and seven pairs are
    looked at together, as long as they are far apart: their loads do not wait for each other.
    """
    index, left = 0, load_i8(s + FAR)
    first = far_level(s, 0)
    while left > 7:
        part, worse = left >> 3, 0
        pair = first + (index + part - 1) * 16
        for place in range(7):
            worse += int(load_i8(pair + place * part * 16) < key)
        index += worse * part
        left = left - 7 * part if worse == 7 else part - 1
    while left > 0:
        half = (left + 1) >> 1
        index += half if load_i8(first + (index + half - 1) * 16) < key else 0
        left -= half
    return index


@inline
def far_size(s: int, index: int) -> int:
    """The size of a far pair, 0 for one that is no level."""
    return load_i8(far_level(s, index) + 8)


@helper
def compact(s: int) -> None:
    """Forget the pairs that are no levels."""
    kept = 0
    for index in range(load_i8(s + FAR)):
        if far_size(s, index):
            copy(far_level(s, kept), far_level(s, index), 16)
            kept += 1
    store_8(s + FAR, kept)


@helper
def spill(s: int) -> None:
    """Make all levels of the window far."""
    step, base, far = load_i8(s + STEP), load_i8(s + BASE), load_i8(s + FAR)
    while load_i8(s + SUMMARY):
        tick = lowest_tick(s)
        if far == load_i8(s + CAPACITY):
            store_8(s + FAR, far)
            compact(s)
            far = load_i8(s + FAR)
        to = far_level(s, far)
        store_8(to, tick * step)
        store_8(to + 8, load_i8(s + SIZES + (tick - base) * 8))
        remove(s, tick - base)
        far += 1
    store_8(s + FAR, far)


@helper
def anchor(s: int, sign: int, best: int) -> None:
    """Move the window so that ``best``, not below any tick of it, has headroom above it."""
    lowest = 0 if sign > 0 else NULL
    base = best - BEHIND if best >= lowest + BEHIND else lowest
    spill(s)
    store_8(s + BASE, base)
    far = load_i8(s + FAR)
    while far:
        level = far_level(s, far - 1)
        tick = sign * quotient_of(s, sign * load_i8(level))
        if tick < base:
            break
        if load_i8(level + 8):
            put(s, tick - base, load_i8(level + 8))
        far -= 1
    store_8(s + FAR, far)


@helper
def anchor_far(s: int, sign: int) -> None:
    """Move an empty window to the best far level, if there is one."""
    far = load_i8(s + FAR)
    while far and far_size(s, far - 1) == 0:
        far -= 1
    store_8(s + FAR, far)
    if far:
        anchor(s, sign, sign * quotient_of(s, sign * load_i8(far_level(s, far - 1))))


@helper
def refine(s: int, sign: int, price: int) -> None:
    """Shrink the step so that it divides the price too, and lay out the side anew."""
    spill(s)
    step, rest = price, load_i8(s + STEP)
    while rest:
        step, rest = rest, step % rest
    step = max(step, 1)
    shift = trailing_zeros(step)
    odd = step >> shift
    inverse = odd
    for _ in range(5):
        inverse *= 2 - odd * inverse
    store_8(s + STEP, step)
    store_8(s + INVERSE, inverse)
    store_8(s + SHIFT, shift)
    store_8(s + LIMIT, MAX // step)
    anchor_far(s, sign)


@helper
def make_far(s: int, index: int) -> int:
    """Make place for a pair before the one at ``index``, for which there is room; where that is."""
    far, level = load_i8(s + FAR), far_level(s, index)
    for free in range(index, min(far, index + NEAR)):
        if far_size(s, free) == 0:
            copy(level + 16, level, (free - index) * 16)
            return index
    for free in range(index - 1, max(-1, index - 1 - NEAR), -1):
        if far_size(s, free) == 0:
            copy(far_level(s, free), far_level(s, free + 1), (index - 1 - free) * 16)
            return index - 1
    copy(level + 16, level, (far - index) * 16)
    store_8(s + FAR, far + 1)
    return index


@helper
def set_far(s: int, key: int, size: int) -> int:
    """`book_set` for a key below the window."""
    index, full = far_index(s, key), load_i8(s + COUNT) == load_i8(s + CAPACITY)
    level = far_level(s, index)
    if index < load_i8(s + FAR) and load_i8(level) == key:
        old = load_i8(level + 8)
        if full and old == 0 and size != 0:
            return -1
        store_8(level + 8, size)
        store_8(s + COUNT, load_i8(s + COUNT) + int(size != 0) - int(old != 0))
        store_8(s + VERSION, load_i8(s + VERSION) + int(old != size))
        return old
    if size == 0:
        return 0
    if full:
        return -1
    if load_i8(s + FAR) == load_i8(s + CAPACITY):
        compact(s)
        index = far_index(s, key)
    level = far_level(s, make_far(s, index))
    store_8(level, key)
    store_8(level + 8, size)
    changed(s, 1)
    return 0


@helper
def set_outside(s: int, sign: int, price: int, size: int) -> int:
    """`book_set` for a price that is off the grid or outside of the window; INSIDE when it no longer is."""
    quotient = quotient_of(s, price)
    if quotient < 0 or quotient > load_i8(s + LIMIT):
        if size == 0:
            return 0
        refine(s, sign, price)
        quotient = quotient_of(s, price)
    tick = sign * quotient
    base = load_i8(s + BASE)
    if load_i8(s + COUNT) == 0 or (tick >= base and (tick - base) & -WINDOW):
        if size == 0:
            return 0
        if load_i8(s + COUNT) == load_i8(s + CAPACITY):
            return -1
        anchor(s, sign, tick)
    elif size and tick < base:
        best = highest(s)
        if best - base < SINK:
            anchor(s, sign, best)
    return INSIDE if tick >= load_i8(s + BASE) else set_far(s, sign * price, size)
