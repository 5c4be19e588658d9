"""Loads, stores and copies at raw addresses: the only way in which kernels touch memory.

``MM_KERNELS=checked`` builds them with a range check: an address outside of every live `Buffer`
raises IndexError instead of reading what is not ours. Addresses need no alignment; multi-byte values
are little-endian, as all platforms with kernels are.
"""

from __future__ import annotations

import bisect
import contextlib
import mmap
import sys
import weakref
from typing import Any, Final

import numpy as np
from llvmlite import binding, ir
from numpy.typing import NDArray

from mm_framework.kernels.jit import helper, primitive, typed
from mm_framework.kernels.mode import checked

__all__ = [
    "PAD",
    "Buffer",
    "address_of",
    "copy",
    "leading_zeros",
    "load_i8",
    "load_u1",
    "load_u2",
    "load_u4",
    "shift_right",
    "store_1",
    "store_2",
    "store_4",
    "store_8",
    "trailing_zeros",
]

PAD: Final = 64
"""Bytes behind every buffer that may be read, so that words can be loaded at its last byte."""

CHECKED: Final = checked()

HUGE: Final = 1 << 21
"""Memory of at least so many bytes is asked for in pages of that size."""

OWN: Final = 1 << 18
"""Memory of at least so many bytes is a mapping of its own: what is never touched takes no room."""

_MAX_REGIONS: Final = 1 << 16
_regions = np.zeros(1 + 2 * _MAX_REGIONS if CHECKED else 3, dtype=np.int64)
"""Count, then (first, end) addresses of all live buffers, ascending."""

_gone: list[int] = []
"""Addresses of buffers that died: that may be at any moment, even while the table is being changed."""

binding.add_symbol("mm_kernel_regions", _regions.ctypes.data)


class _Octets(np.ndarray[Any, np.dtype[np.uint8]]):
    """The memory of a `Buffer`, by which its views are known."""


def address_of(view: memoryview) -> int | None:
    """Where a view of a `Buffer` begins, so that kernels may read it and PAD bytes more; None for another."""
    return int(np.frombuffer(view, dtype=np.uint8).ctypes.data) if isinstance(view.obj, _Octets) else None


def _zeroed(size: int) -> NDArray[np.uint8]:
    """Memory that reads as 0. To touch a page for the first time costs a microsecond or more: where a system
    has huge pages, the largest is made of them, and only that, for much of a book is never touched.
    """
    if sys.platform != "linux" or size < OWN:
        return np.zeros(size, dtype=np.uint8)
    beyond, advice = (HUGE, mmap.MADV_HUGEPAGE) if size >= HUGE else (0, mmap.MADV_NOHUGEPAGE)
    try:
        memory = mmap.mmap(-1, size + beyond, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        raise MemoryError(f"no {size} bytes of memory") from None
    with contextlib.suppress(OSError):
        memory.madvise(advice)
    octets = np.frombuffer(memory, dtype=np.uint8)
    first = -octets.ctypes.data % HUGE if beyond else 0
    return octets[first : first + size]


class Buffer:
    """Zeroed memory that kernels may touch, with PAD bytes behind it. ``address`` is fixed for its life."""

    __slots__ = ("__weakref__", "_owner", "address", "size", "view")

    def __init__(self, size: int) -> None:
        self.size = size
        self._owner = _zeroed(size + PAD).view(_Octets)
        self.address = int(self._owner.ctypes.data)
        self.view = self._owner.data[:size]
        if CHECKED:
            end = self.address + size + PAD
            _register(self.address, end)
            weakref.finalize(self, _gone.append, self.address)

    def words(self) -> memoryview:
        """The memory as int64s."""
        return self.view[: self.size // 8 * 8].cast("B").cast("q")


def _starts() -> list[int]:
    return [int(address) for address in _regions[1 : 1 + 2 * int(_regions[0]) : 2]]


def _register(first: int, end: int) -> None:
    _forget()
    count = int(_regions[0])
    if count == _MAX_REGIONS:
        raise MemoryError("too many buffers for the range-checked kernels")
    place = 1 + 2 * bisect.bisect_left(_starts(), first)
    _regions[place + 2 : 3 + 2 * count] = _regions[place : 1 + 2 * count].copy()
    _regions[place : place + 2] = first, end
    _regions[0] = count + 1
    _forget()


def _forget() -> None:
    """Take out the buffers that are gone."""
    while _gone:
        count = int(_regions[0])
        place = 1 + 2 * _starts().index(_gone.pop())
        _regions[place : 2 * count - 1] = _regions[place + 2 : 1 + 2 * count].copy()
        _regions[0] = count - 1


def _loader(bits: int) -> Any:
    """A load of ``bits``, zero-extended to int64."""

    @primitive
    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            value = builder.load(builder.inttoptr(arguments[0], word.as_pointer()), typ=word)
            value.align = 1
            return value if bits == 64 else builder.zext(value, ir.IntType(64))

        return typed("int64(int64)"), generate

    return load


def _storer(bits: int) -> Any:
    """A store of the low ``bits`` of an int64."""

    @primitive
    def store(typing_context: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            low = arguments[1] if bits == 64 else builder.trunc(arguments[1], word)
            stored = builder.store(low, builder.inttoptr(arguments[0], word.as_pointer()))
            stored.align = 1
            return context.get_dummy_value()

        return typed("void(int64, int64)"), generate

    return store


@primitive
def _move(typing_context: Any, target: Any, source: Any, size: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        octets = ir.IntType(8).as_pointer()
        function = builder.module.declare_intrinsic("llvm.memmove", [octets, octets, ir.IntType(64)])
        to, origin = (builder.inttoptr(address, octets) for address in arguments[:2])
        builder.call(function, [to, origin, arguments[2], ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return typed("void(int64, int64, int64)"), generate


@primitive
def trailing_zeros(typing_context: Any, value: Any) -> Any:
    """Zero bits below the lowest one; 64 for 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return typed("int64(int64)"), generate


@primitive
def leading_zeros(typing_context: Any, value: Any) -> Any:
    """Zero bits above the highest one; 64 for 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return typed("int64(int64)"), generate


@primitive
def shift_right(typing_context: Any, value: Any, bits: Any) -> Any:
    """The value shifted right by 0 to 63 bits, zeros from above."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.lshr(arguments[0], arguments[1])

    return typed("int64(int64, int64)"), generate


@primitive
def _region_table(typing_context: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        name, module = "mm_kernel_regions", builder.module
        if name in module.globals:
            table = module.globals[name]
        else:
            table = ir.GlobalVariable(module, ir.IntType(64), name)
            table.linkage = "external"
        return builder.ptrtoint(table, ir.IntType(64))

    return typed("int64()"), generate


_raw_u1, _raw_u2, _raw_u4, _raw_i8 = _loader(8), _loader(16), _loader(32), _loader(64)
_put_1, _put_2, _put_4, _put_8 = _storer(8), _storer(16), _storer(32), _storer(64)


@helper
def _check(address: int, size: int) -> None:
    """IndexError unless all bytes are of one live buffer."""
    table = _region_table()
    low, high = 0, _raw_i8(table)
    while low < high:
        middle = (low + high) >> 1
        if _raw_i8(table + 8 + middle * 16) <= address:
            low = middle + 1
        else:
            high = middle
    if low == 0 or size < 0 or address + size > _raw_i8(table + low * 16):
        raise IndexError("a kernel was about to leave its memory")


if CHECKED:

    @helper
    def load_u1(address: int) -> int:
        """One byte."""
        _check(address, 1)
        return int(_raw_u1(address))

    @helper
    def load_u2(address: int) -> int:
        """Two bytes, unsigned."""
        _check(address, 2)
        return int(_raw_u2(address))

    @helper
    def load_u4(address: int) -> int:
        """Four bytes, unsigned."""
        _check(address, 4)
        return int(_raw_u4(address))

    @helper
    def load_i8(address: int) -> int:
        """Eight bytes, signed."""
        _check(address, 8)
        return int(_raw_i8(address))

    @helper
    def store_1(address: int, value: int) -> None:
        """The low byte."""
        _check(address, 1)
        _put_1(address, value)

    @helper
    def store_2(address: int, value: int) -> None:
        """The low two bytes."""
        _check(address, 2)
        _put_2(address, value)

    @helper
    def store_4(address: int, value: int) -> None:
        """The low four bytes."""
        _check(address, 4)
        _put_4(address, value)

    @helper
    def store_8(address: int, value: int) -> None:
        """All eight bytes."""
        _check(address, 8)
        _put_8(address, value)

    @helper
    def copy(target: int, source: int, size: int) -> None:
        """``size`` bytes; the ranges may overlap."""
        _check(target, size)
        _check(source, size)
        _move(target, source, size)

else:
    load_u1, load_u2, load_u4, load_i8 = _raw_u1, _raw_u2, _raw_u4, _raw_i8
    store_1, store_2, store_4, store_8 = _put_1, _put_2, _put_4, _put_8
    copy = _move
