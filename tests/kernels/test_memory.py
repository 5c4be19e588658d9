"""Memory that kernels touch: where a view begins, and blocks that are read where they are."""

from __future__ import annotations

import sys

import pytest

from mm_framework.kernels.mode import mode

pytest.importorskip("numba")
pytest.importorskip("mm_kraken")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

import numpy as np
from pages import resident_bytes
from twin import PLAIN, Market, kits_with, kraken_log

from mm_framework.feed import Feed
from mm_framework.kernels.memory import HUGE, OWN, PAD, Buffer, address_of


def test_a_view_of_a_buffer_knows_where_it_begins() -> None:
    buffer = Buffer(100)
    for view in (buffer.view, buffer.view.toreadonly(), buffer.view[:50]):
        assert address_of(view) == buffer.address
    assert address_of(buffer.view[7:]) == buffer.address + 7
    assert address_of(memoryview(buffer.view[7:])[3:].toreadonly()) == buffer.address + 10


@pytest.mark.parametrize(
    "size", [OWN - PAD - 1, OWN - PAD, OWN + 5, HUGE - PAD - 1, HUGE - PAD, 3 * HUGE + 5]
)
def test_large_memory_is_zeroed_and_whole(size: int) -> None:
    buffer = Buffer(size)
    assert len(buffer.view) == buffer.size == size
    assert not np.frombuffer(buffer.view, np.uint8).any()
    buffer.view[-8:] = b"the last"
    assert bytes(buffer.view[-8:]) == b"the last"
    assert address_of(buffer.view[-8:]) == buffer.address + size - 8


@pytest.mark.skipif(sys.platform != "linux", reason="pages are counted in /proc")
def test_what_is_not_touched_takes_no_room_also_when_other_memory_was_given_back() -> None:
    buffers = [Buffer(OWN) for _ in range(100)]
    for buffer in buffers:
        np.frombuffer(buffer.view, np.uint8)[:] = 1
    del buffers, buffer
    before = resident_bytes()
    buffers = [Buffer(OWN) for _ in range(100)]
    assert not any(buffer.view[-1] for buffer in buffers)
    assert resident_bytes() - before < 10 * OWN


def test_memory_that_there_is_not_is_refused() -> None:
    with pytest.raises(MemoryError):
        Buffer(1 << 62)


def test_other_memory_is_not_for_kernels() -> None:
    for other in (b"abc", bytearray(b"abc"), np.zeros(3, dtype=np.uint8)):
        assert address_of(memoryview(other)) is None


def test_a_block_in_a_buffer_is_read_as_its_copy_is() -> None:
    log, market = kraken_log(), Market()
    for frame in [*market.introduction(), *(market.update() for _ in range(50)), market.trade()]:
        log.frame(frame)
    lent, copied = Feed(kits_with(PLAIN)), Feed(kits_with(PLAIN))
    for first, last in ((0, 3), (3, 30), (30, len(log.records))):
        block = b"".join(log.records[first:last])
        buffer = Buffer(len(block) + 9)
        buffer.view[9:] = block
        found, expected = lent.feed(buffer.view[9:].toreadonly()), copied.feed(block)
        assert bytes(found.rows) == bytes(expected.rows)
        assert bytes(found.messages) == bytes(expected.messages)
    assert lent.checkpoint() == copied.checkpoint()
    assert lent.counts == copied.counts
