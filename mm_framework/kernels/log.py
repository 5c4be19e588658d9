"""The frame log at the speed of its CRCs: check the records of a block, find those that matter.

Records are those of `mm_framework.model.frame`. What is wrong with a record is told by the reference
path, `mm_framework.bundle.segment.scan`; here it is enough that something is.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.crc import crc32
from mm_framework.kernels.jit import kernel
from mm_framework.kernels.memory import load_i8, load_u1, load_u4, store_8
from mm_framework.model.frame import HEADER, MAX_FRAME_BYTES, RecordKind

__all__ = ["CHECKPOINT", "END", "WRONG", "select", "walk"]

END: Final = 0
CHECKPOINT: Final = 1
WRONG: Final = 2

_HEADER_BYTES: Final = HEADER.size
_MAX_BYTES: Final = MAX_FRAME_BYTES
_CHECKPOINT_KIND: Final = int(RecordKind.CHECKPOINT)

# Byte offsets in the header of a record.
_LENGTH: Final = 4
_KIND: Final = 8
_INDEX: Final = 12
_MONO_NS: Final = 16


@kernel
def walk(address: int, end: int, index: int, mono_ns: int, result: int) -> int:
    """Check the records from ``address`` on, the first having ``index``, after ``mono_ns``.

    Stores the address, index and mono_ns after the last good record at ``result`` and returns what
    stopped it: END, a CHECKPOINT that is not the first record, or a record that is WRONG or cut short.
    """
    first, why = address, END
    while address < end:
        if end - address < _HEADER_BYTES:
            why = WRONG
            break
        length = load_u4(address + _LENGTH)
        size = _HEADER_BYTES + length
        if length > _MAX_BYTES or size > end - address:
            why = WRONG
            break
        stamp = load_i8(address + _MONO_NS)
        if load_u4(address + _INDEX) != index or stamp <= mono_ns:
            why = WRONG
            break
        if crc32(0, address + _LENGTH, size - _LENGTH) != load_u4(address):
            why = WRONG
            break
        if load_u1(address + _KIND) == _CHECKPOINT_KIND and address > first:
            why = CHECKPOINT
            break
        address, index, mono_ns = address + size, index + 1, stamp
    store_8(result, address)
    store_8(result + 8, index)
    store_8(result + 16, mono_ns)
    return why


@kernel
def select(address: int, end: int, kinds: int, due: int, stride: int, result: int, capacity: int) -> int:
    """Find the checked records whose bit in ``kinds`` is set, and those at or behind the address ``due``.

    After each one found the next is due ``stride`` bytes behind it. Stores the address to go on from,
    the next due one and at most ``capacity`` addresses of records at ``result``; returns their number.
    """
    count = 0
    while address < end and count < capacity:
        kind = load_u1(address + _KIND)
        if address >= due or (kind < 63 and kinds >> kind & 1):
            store_8(result + 16 + 8 * count, address)
            count += 1
            due = address + stride
        address += _HEADER_BYTES + load_u4(address + _LENGTH)
    store_8(result, address)
    store_8(result + 8, due)
    return count
