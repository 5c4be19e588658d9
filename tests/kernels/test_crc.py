"""The compiled CRC-32 is zlib's."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.kernels.mode import mode

numba = pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from mm_framework.kernels.crc import crc32  # noqa: E402
from mm_framework.kernels.memory import Buffer  # noqa: E402


@pytest.fixture(scope="module")
def compiled() -> Callable[[int, int, int], int]:
    @numba.njit("int64(int64, int64, int64)")
    def call(seed: int, address: int, size: int) -> int:
        return crc32(seed, address, size)

    return call  # type: ignore[no-any-return]


@given(data=st.binary(max_size=400), seed=st.integers(0, 2**32 - 1), shift=st.integers(0, 16))
def test_any_bytes_at_any_alignment(
    compiled: Callable[[int, int, int], int], data: bytes, seed: int, shift: int
) -> None:
    buffer = Buffer(shift + len(data))
    buffer.view[shift:] = data
    assert compiled(seed, buffer.address + shift, len(data)) == zlib.crc32(data, seed)


def test_every_length_around_a_step(compiled: Callable[[int, int, int], int]) -> None:
    data = bytes(range(255, 155, -1))
    buffer = Buffer(len(data))
    buffer.view[:] = data
    for size in range(len(data) + 1):
        assert compiled(0, buffer.address, size) == zlib.crc32(data[:size])


def test_the_check_value_of_the_algorithm(compiled: Callable[[int, int, int], int]) -> None:
    buffer = Buffer(9)
    buffer.view[:] = b"123456789"
    assert compiled(0, buffer.address, 9) == 0xCBF43926


def test_parts_continue_one_another(compiled: Callable[[int, int, int], int]) -> None:
    data = bytes(n * 37 & 255 for n in range(1000))
    buffer = Buffer(len(data))
    buffer.view[:] = data
    crc = 0
    for first in range(0, 1000, 77):
        crc = compiled(crc, buffer.address + first, min(77, 1000 - first))
    assert crc == zlib.crc32(data)
