"""SHA-1 in portable integer operations, for hashes of whole books.

    state | five words | length in bytes | up to 64 bytes that make no block yet |

A block is 80 rounds in a row, written out as operations on 32 bits, which numba's own integers are not.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir

from mm_framework.kernels.jit import helper, primitive, typed
from mm_framework.kernels.memory import copy, load_i8, store_1, store_8

__all__ = ["SHA1_BYTES", "sha1_add", "sha1_end", "sha1_start"]

_LENGTH: Final = 40
_PENDING: Final = 48
_BLOCK: Final = 64
SHA1_BYTES: Final = _PENDING + 2 * _BLOCK
"""Of a state; the second block is for the padding."""

_START: Final = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
_KEYS: Final = (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)
_WORD: Final = ir.IntType(32)


def _turned(builder: Any, value: Any, bits: int) -> Any:
    left = builder.shl(value, ir.Constant(_WORD, bits))
    return builder.or_(left, builder.lshr(value, ir.Constant(_WORD, 32 - bits)))


def _mixed(builder: Any, turn: int, b: Any, c: Any, d: Any) -> Any:
    """The function of a round: choice, parity, majority, parity."""
    if turn < 20:
        return builder.xor(d, builder.and_(b, builder.xor(c, d)))
    if 40 <= turn < 60:
        return builder.or_(builder.and_(b, c), builder.and_(d, builder.or_(b, c)))
    return builder.xor(builder.xor(b, c), d)


def _schedule(builder: Any, octets: Any) -> list[Any]:
    """The 80 words of a block, which is eight int64s as they are loaded."""
    words = []
    for octet in octets:
        swapped = builder.bswap(octet)
        words.append(builder.trunc(builder.lshr(swapped, ir.Constant(ir.IntType(64), 32)), _WORD))
        words.append(builder.trunc(swapped, _WORD))
    for at in range(16, 80):
        some = builder.xor(words[at - 3], words[at - 8])
        others = builder.xor(words[at - 14], words[at - 16])
        words.append(_turned(builder, builder.xor(some, others), 1))
    return words


@primitive
def _compress(
    typing_context: Any,
    h0: Any, h1: Any, h2: Any, h3: Any, h4: Any,
    w0: Any, w1: Any, w2: Any, w3: Any, w4: Any, w5: Any, w6: Any, w7: Any,
) -> Any:  # fmt: skip
    """The five words after a block, as int64s."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        before = [builder.trunc(word, _WORD) for word in arguments[:5]]
        a, b, c, d, e = before
        for turn, word in enumerate(_schedule(builder, arguments[5:])):
            keyed = builder.add(builder.add(e, ir.Constant(_WORD, _KEYS[turn // 20])), word)
            mixed = builder.add(keyed, _mixed(builder, turn, b, c, d))
            a, b, c, d, e = builder.add(mixed, _turned(builder, a, 5)), a, _turned(builder, b, 30), c, d
        after = [builder.add(old, new) for old, new in zip(before, (a, b, c, d, e), strict=True)]
        wide = [builder.zext(word, ir.IntType(64)) for word in after]
        return context.make_tuple(builder, signature.return_type, wide)

    return typed(f"UniTuple(int64, 5)({', '.join(['int64'] * 13)})"), generate


@helper
def _blocks(state: int, p: int, count: int) -> None:
    """Take ``count`` blocks in."""
    h0, h1, h2 = load_i8(state), load_i8(state + 8), load_i8(state + 16)
    h3, h4 = load_i8(state + 24), load_i8(state + 32)
    for _ in range(count):
        h0, h1, h2, h3, h4 = _compress(
            h0, h1, h2, h3, h4,
            load_i8(p), load_i8(p + 8), load_i8(p + 16), load_i8(p + 24),
            load_i8(p + 32), load_i8(p + 40), load_i8(p + 48), load_i8(p + 56),
        )  # fmt: skip
        p += _BLOCK
    store_8(state, h0)
    store_8(state + 8, h1)
    store_8(state + 16, h2)
    store_8(state + 24, h3)
    store_8(state + 32, h4)


@helper
def sha1_start(state: int) -> None:
    """Begin: of nothing yet."""
    for place in range(5):
        store_8(state + 8 * place, _START[place])
    store_8(state + _LENGTH, 0)


@helper
def sha1_add(state: int, p: int, n: int) -> None:
    """Take ``n`` bytes in."""
    held = load_i8(state + _LENGTH) & (_BLOCK - 1)
    store_8(state + _LENGTH, load_i8(state + _LENGTH) + n)
    if held:
        some = min(n, _BLOCK - held)
        copy(state + _PENDING + held, p, some)
        p, n = p + some, n - some
        if held + some < _BLOCK:
            return
        _blocks(state, state + _PENDING, 1)
    whole = n // _BLOCK
    _blocks(state, p, whole)
    copy(state + _PENDING, p + whole * _BLOCK, n - whole * _BLOCK)


@helper
def sha1_end(state: int) -> None:
    """Finish: the first five words are the digest."""
    length = load_i8(state + _LENGTH)
    held = length & (_BLOCK - 1)
    pending = state + _PENDING
    blocks = 1 if held < _BLOCK - 8 else 2
    for place in range(held, blocks * _BLOCK):
        store_1(pending + place, 128 if place == held else 0)
    for place in range(8):
        store_1(pending + blocks * _BLOCK - 1 - place, length * 8 >> 8 * place)
    _blocks(state, pending, blocks)
