"""What kernels need beside loads and stores: floats in words, and calls of functions by their address."""

from __future__ import annotations

import struct
from typing import Any

from llvmlite import ir

from mm_framework.kernels.jit import primitive, typed

__all__ = ["bits_of", "call", "float_bits", "float_of"]


@primitive
def bits_of(typing_context: Any, value: Any) -> Any:
    """The word that holds a float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return typed("int64(float64)"), generate


@primitive
def float_of(typing_context: Any, value: Any) -> Any:
    """The float64 that a word holds."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return typed("float64(int64)"), generate


@primitive
def call(typing_context: Any, address: Any, argument: Any) -> Any:
    """Call the compiled ``int64 f(int64)`` that stands at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word]).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], function), [arguments[1]])

    return typed("int64(int64, int64)"), generate


def float_bits(value: float) -> int:
    """`bits_of`, in Python."""
    return int(struct.unpack("<q", struct.pack("<d", value))[0])
