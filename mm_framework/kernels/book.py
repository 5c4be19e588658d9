"""The L2 book in raw memory, for kernels: set levels, read them best first, cut them to a depth.

    block | bid side | ask side | far bids | far asks |

``b`` is the address of a block of `block_bytes`, made ready by `book_start`; ``side`` is 1 for bids
and -1 for asks; prices and sizes are not below 0. What a book answers is a function of the calls alone;
how `book_side` lays it out is not. The entry points at the end are those of `native_book`.
"""

from __future__ import annotations

from mm_framework.kernels.book_side import (
    BASE,
    BITS,
    CAPACITY,
    COUNT,
    FAR,
    FAR_OFFSET,
    GROUPS,
    INSIDE,
    LIMIT,
    SIDE_BYTES,
    SIZES,
    STEP,
    SUMMARY,
    VERSION,
    WINDOW,
    WORDS,
    anchor_far,
    changed,
    far_index,
    far_level,
    far_size,
    highest,
    lowest_tick,
    quotient_of,
    remove,
    set_outside,
    size_at,
    word_below,
)
from mm_framework.kernels.jit import helper, inline, kernel
from mm_framework.kernels.memory import copy, leading_zeros, load_i8, shift_right, store_8
from mm_framework.model.fixed import NULL

__all__ = [
    "block_bytes",
    "book_best",
    "book_bound",
    "book_clear",
    "book_count",
    "book_crossed",
    "book_next",
    "book_room",
    "book_set",
    "book_size",
    "book_start",
    "book_top",
    "book_truncate",
    "book_version",
    "book_worst",
    "bound_level",
    "clear_levels",
    "load_levels",
    "move_book",
    "set_level",
    "start_book",
    "top_levels",
    "truncate_levels",
]


def block_bytes(capacity: int) -> int:
    """The size of a block for ``capacity`` levels a side."""
    return 2 * SIDE_BYTES + 2 * 16 * capacity


@inline
def _side(b: int, sign: int) -> int:
    return b if sign > 0 else b + SIDE_BYTES


@inline
def _set_inside(s: int, side: int, offset: int, size: int) -> int:
    """`book_set` so many ticks above the base. Whether a level comes, goes or changes is as good as random:
    no jump depends on it.
    """
    bit, word, group = offset & 63, offset >> 6, offset >> 12
    at, above, place = s + BITS + word * 8, s + GROUPS + group * 8, s + SIZES + offset * 8
    bits, words = load_i8(at), load_i8(above)
    held, kept = shift_right(bits, bit) & 1, int(size != 0)
    old = load_i8(place) & -held
    if load_i8(s + COUNT) == load_i8(s + CAPACITY) and held < kept:
        return -1
    bits ^= (held ^ kept) << bit
    words = (words & ~(1 << (word & 63))) | (int(bits != 0) << (word & 63))
    summary = (load_i8(s + SUMMARY) & ~(1 << group)) | (int(words != 0) << group)
    store_8(at, bits)
    store_8(place, size)
    store_8(above, words)
    store_8(s + SUMMARY, summary)
    store_8(s + COUNT, load_i8(s + COUNT) + kept - held)
    store_8(s + VERSION, load_i8(s + VERSION) + int(old != size))
    if summary == 0 and held == 1:
        anchor_far(s, side)
    return int(old)


@helper
def book_set(b: int, side: int, price: int, size: int) -> int:
    """Set a level's absolute size, 0 removes it. The old size, 0 for none.

    -1, and nothing is changed, for a new level when the block has no room for it; see `book_room`.
    """
    s = _side(b, side)
    quotient = quotient_of(s, price)
    offset = side * quotient - load_i8(s + BASE)
    if quotient < 0 or quotient > load_i8(s + LIMIT) or offset & -WINDOW:
        old = set_outside(s, side, price, size)
        if old != INSIDE:
            return old
        offset = side * quotient_of(s, price) - load_i8(s + BASE)
    return _set_inside(s, side, offset, size)


@helper
def book_size(b: int, side: int, price: int) -> int:
    """The size at a price, 0 for none."""
    s = _side(b, side)
    quotient = quotient_of(s, price)
    if quotient < 0 or quotient > load_i8(s + LIMIT):
        return 0
    tick, base = side * quotient, load_i8(s + BASE)
    if tick >= base:
        return 0 if (tick - base) & -WINDOW else size_at(s, tick - base)
    index = far_index(s, side * price)
    found = index < load_i8(s + FAR) and load_i8(far_level(s, index)) == side * price
    return load_i8(far_level(s, index) + 8) if found else 0


@inline
def book_count(b: int, side: int) -> int:
    """How many levels a side holds."""
    return load_i8(_side(b, side) + COUNT)


@inline
def book_version(b: int, side: int) -> int:
    """A number that is another one after every change of the side."""
    return load_i8(_side(b, side) + VERSION)


@inline
def book_best(b: int, side: int) -> int:
    """The best price of a side, NULL when it is empty."""
    s = _side(b, side)
    if load_i8(s + SUMMARY) == 0:
        return NULL
    return side * highest(s) * load_i8(s + STEP)


@helper
def book_worst(b: int, side: int) -> int:
    """The worst price of a side, NULL when it is empty."""
    s = _side(b, side)
    for index in range(load_i8(s + FAR)):
        if far_size(s, index):
            return side * load_i8(far_level(s, index))
    return side * lowest_tick(s) * load_i8(s + STEP) if load_i8(s + SUMMARY) else NULL


@helper
def book_crossed(b: int) -> int:
    """1 when the best ask is below the best bid."""
    bid, ask = book_best(b, 1), book_best(b, -1)
    return 1 if ask != NULL and bid > ask else 0


@helper
def book_next(b: int, side: int, price: int) -> int:
    """The best price that is worse than this one, which need be no level; NULL for none."""
    s = _side(b, side)
    if load_i8(s + COUNT) == 0:
        return NULL
    quotient, base = quotient_of(s, price), load_i8(s + BASE)
    if quotient < 0 or quotient > load_i8(s + LIMIT):
        tick = side * price // load_i8(s + STEP)
    else:
        tick = side * quotient - 1
    if tick >= base:
        offset = min(tick - base, WINDOW - 1)
        word = offset >> 6
        bits = load_i8(s + BITS + word * 8) & ((2 << (offset & 63)) - 1)
        if bits == 0:
            word = word_below(s, word)
            bits = load_i8(s + BITS + word * 8) if word >= 0 else 0
        if bits:
            return side * (base + word * 64 + 63 - leading_zeros(bits)) * load_i8(s + STEP)
    for index in range(far_index(s, side * price) - 1, -1, -1):
        if far_size(s, index):
            return side * load_i8(far_level(s, index))
    return NULL


@helper
def book_top(b: int, side: int, n: int, out: int) -> int:
    """Write the best ``n`` levels as (price, size) pairs, best first; how many there were."""
    s = _side(b, side)
    step, base = load_i8(s + STEP), load_i8(s + BASE)
    word, written = word_below(s, WORDS), 0
    while word >= 0 and written < n:
        bits = load_i8(s + BITS + word * 8)
        while bits and written < n:
            bit = 63 - leading_zeros(bits)
            bits ^= 1 << bit
            store_8(out, side * (base + word * 64 + bit) * step)
            store_8(out + 8, load_i8(s + SIZES + (word * 64 + bit) * 8))
            out += 16
            written += 1
        word = word_below(s, word)
    far = load_i8(s + FAR)
    while far and written < n:
        far -= 1
        if far_size(s, far):
            store_8(out, side * load_i8(far_level(s, far)))
            store_8(out + 8, far_size(s, far))
            out += 16
            written += 1
    return written


@inline
def _ones(bits: int) -> int:
    """How many bits are set."""
    pairs = bits - (shift_right(bits, 1) & 0x5555555555555555)
    nibbles = (pairs & 0x3333333333333333) + (shift_right(pairs, 2) & 0x3333333333333333)
    octets = (nibbles + (nibbles >> 4)) & 0x0F0F0F0F0F0F0F0F
    return int(shift_right(octets * 0x0101010101010101, 56))


@helper
def book_bound(b: int, side: int, n: int) -> int:
    """The price of the n-th best level (1 is the best), NULL when the side holds fewer."""
    s = _side(b, side)
    if n > load_i8(s + COUNT):
        return NULL
    word, rank = word_below(s, WORDS), n
    while word >= 0:
        bits = load_i8(s + BITS + word * 8)
        held = _ones(bits)
        if rank <= held:
            for _ in range(rank - 1):
                bits ^= 1 << (63 - leading_zeros(bits))
            tick = load_i8(s + BASE) + word * 64 + 63 - leading_zeros(bits)
            return side * tick * load_i8(s + STEP)
        rank -= held
        word = word_below(s, word)
    index = load_i8(s + FAR)
    while rank:
        index -= 1
        rank -= int(far_size(s, index) != 0)
    return side * load_i8(far_level(s, index))


@helper
def book_room(b: int) -> int:
    """How many calls of `book_set` are certain to find room, on whichever side."""
    fuller = max(book_count(b, 1), book_count(b, -1))
    return load_i8(b + CAPACITY) - fuller


@helper
def book_truncate(b: int, depth: int) -> int:
    """Cut each side to its best ``depth`` levels; how many levels were dropped."""
    dropped = 0
    for s in (b, b + SIDE_BYTES):
        excess = load_i8(s + COUNT) - depth
        if excess > 0:
            far, cut, gone = load_i8(s + FAR), 0, 0
            while cut < far and gone < excess:
                gone += int(far_size(s, cut) != 0)
                cut += 1
            copy(far_level(s, 0), far_level(s, cut), (far - cut) * 16)
            store_8(s + FAR, far - cut)
            for _ in range(excess - gone):
                remove(s, lowest_tick(s) - load_i8(s + BASE))
            changed(s, -excess)
            dropped += excess
    return dropped


@helper
def book_clear(b: int) -> None:
    """Forget all levels and both steps."""
    for s in (b, b + SIDE_BYTES):
        word = word_below(s, WORDS)
        while word >= 0:
            store_8(s + BITS + word * 8, 0)
            word = word_below(s, word)
        for group in range(WORDS // 64):
            store_8(s + GROUPS + group * 8, 0)
        for field in (STEP, BASE, SUMMARY, FAR):
            store_8(s + field, 0)
        store_8(s + LIMIT, -1)
        changed(s, -load_i8(s + COUNT))


@helper
def book_start(b: int, capacity: int) -> None:
    """Make an empty book of zeroed memory of ``block_bytes(capacity)``."""
    for s, far in ((b, 2 * SIDE_BYTES), (b + SIDE_BYTES, SIDE_BYTES + 16 * capacity)):
        store_8(s + CAPACITY, capacity)
        store_8(s + FAR_OFFSET, far)
    book_clear(b)


@kernel
def start_book(b: int, capacity: int) -> int:
    """`book_start`; 0."""
    book_start(b, capacity)
    return 0


@kernel
def set_level(b: int, side: int, price: int, size: int) -> int:
    """`book_set`."""
    return book_set(b, side, price, size)


@kernel
def top_levels(b: int, side: int, n: int, out: int) -> int:
    """`book_top`."""
    return book_top(b, side, n, out)


@kernel
def bound_level(b: int, side: int, n: int) -> int:
    """`book_bound`."""
    return book_bound(b, side, n)


@kernel
def truncate_levels(b: int, depth: int) -> int:
    """`book_truncate`."""
    return book_truncate(b, depth)


@kernel
def clear_levels(b: int) -> int:
    """`book_clear`; 0."""
    book_clear(b)
    return 0


@kernel
def load_levels(b: int, side: int, pairs: int, n: int) -> int:
    """`book_set` of ``n`` pairs (price, size), which the block has room for; 0."""
    for place in range(n):
        book_set(b, side, load_i8(pairs + 16 * place), load_i8(pairs + 16 * place + 8))
    return 0


@kernel
def move_book(b: int, to: int) -> int:
    """Copy a book into a started one of at least its capacity, which is empty; 0."""
    for s, target in ((b, to), (b + SIDE_BYTES, to + SIDE_BYTES)):
        capacity, offset = load_i8(target + CAPACITY), load_i8(target + FAR_OFFSET)
        copy(target, s, BITS)
        store_8(target + CAPACITY, capacity)
        store_8(target + FAR_OFFSET, offset)
        word = word_below(s, WORDS)
        while word >= 0:
            store_8(target + BITS + word * 8, load_i8(s + BITS + word * 8))
            copy(target + SIZES + word * 512, s + SIZES + word * 512, 512)
            word = word_below(s, word)
        copy(far_level(target, 0), far_level(s, 0), load_i8(s + FAR) * 16)
    return 0
