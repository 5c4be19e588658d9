"""The compiled SHA-1 is hashlib's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.kernels.mode import mode

numba = pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from mm_framework.kernels.memory import Buffer  # noqa: E402
from mm_framework.kernels.sha1 import SHA1_BYTES, sha1_add, sha1_end, sha1_start  # noqa: E402

Hash = Callable[[list[bytes], int], str]


@pytest.fixture(scope="module")
def compiled() -> Hash:
    @numba.njit("int64(int64, int64, int64, int64)")
    def step(state: int, what: int, p: int, n: int) -> int:
        if what == 0:
            sha1_start(state)
        elif what == 1:
            sha1_add(state, p, n)
        else:
            sha1_end(state)
        return 0

    def digest(parts: list[bytes], shift: int) -> str:
        state, data = Buffer(SHA1_BYTES), b"".join(parts)
        buffer = Buffer(shift + len(data))
        buffer.view[shift:] = data
        step(state.address, 0, 0, 0)
        place = buffer.address + shift
        for part in parts:
            step(state.address, 1, place, len(part))
            place += len(part)
        step(state.address, 2, 0, 0)
        return "".join(f"{word:08x}" for word in state.words()[:5])

    return digest


@given(parts=st.lists(st.binary(max_size=200), max_size=6), shift=st.integers(0, 8))
def test_any_bytes_in_any_parts(compiled: Hash, parts: list[bytes], shift: int) -> None:
    assert compiled(parts, shift) == hashlib.sha1(b"".join(parts)).hexdigest()


def test_every_length_around_a_block(compiled: Hash) -> None:
    for length in range(200):
        data = bytes(range(length))
        assert compiled([data[: length // 3], data[length // 3 :]], 1) == hashlib.sha1(data).hexdigest()


def test_the_words_of_the_standard(compiled: Hash) -> None:
    assert compiled([b"abc"], 0) == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert compiled([], 0) == "da39a3ee5e6b4b0d3255bfef95601890afd80709"
