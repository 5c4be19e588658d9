"""What kernels need beside loads and stores: floats in words, and calls of functions by their address."""

from __future__ import annotations

import struct
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["bits_of", "call", "float_bits", "float_of"]


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def bits_of(typing_context: Any, value: Any) -> Any:
    """The word that holds a float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def float_of(typing_context: Any, value: Any) -> Any:
    """The float64 that a word holds."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def call(typing_context: Any, address: Any, argument: Any) -> Any:
    """Call the compiled ``int64 f(int64)`` that stands at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word]).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], function), [arguments[1]])

    return types.int64(types.int64, types.int64), generate


def float_bits(value: float) -> int:
    """`bits_of`, in Python."""
    return int(struct.unpack("<q", struct.pack("<d", value))[0])
