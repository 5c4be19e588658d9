"""What emission is made of: values, loads and stores, the sites that may fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
from llvmlite import ir

from mm_framework.trading.compiled import context as at
from mm_framework.trading.typed import Array, Kind, Typed

__all__ = [
    "F64", "I1", "I64", "ONE", "ZERO", "Module", "Scene", "Site", "Value",
    "constant", "get", "load", "parts_of", "put", "store", "type_of", "word",
]  # fmt: skip

I64, I1, F64 = ir.IntType(64), ir.IntType(1), ir.DoubleType()
ZERO: Final = ir.Constant(I64, 0)
ONE: Final = ir.Constant(I64, 1)


@attrs.frozen
class Site:
    """A place that may fail: which operation, on operands of which types, and where it stands.

    ``what`` is a name of `machine.OPERATIONS` or `num`, a method of ``out``, or loop, range, index or
    instrument; the array of an index is its ``detail``.
    """

    what: str
    kinds: tuple[str, ...]
    place: str
    detail: tuple[Any, ...] = ()


@attrs.frozen
class Value:
    """A number, or the addresses by which a view is known."""

    kind: Kind
    parts: tuple[ir.Value, ...]

    @property
    def one(self) -> ir.Value:
        """The number."""
        return self.parts[0]


class Module:
    """What routines share: the functions by name, the sites, where declared fields stand."""

    def __init__(self, typed: Typed) -> None:
        self.typed, self.strategy = typed, typed.strategy
        self.ir = ir.Module("strategy")
        self.sites: list[Site] = []
        self.functions: dict[str, ir.Function] = {}
        self.fields = {"state": at.Fields(self.strategy.state), "at": at.Fields(self.strategy.at)}
        self.failed = self._failed()

    def _failed(self) -> ir.Function:
        """``failed(ctx, site, a, b)``: the first failure is kept, loops end."""
        kind = ir.FunctionType(ir.VoidType(), [I64] * 4)
        function = ir.Function(self.ir, kind, "failed")
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("cold")
        build = ir.IRBuilder(function.append_basic_block())
        ctx, *words = function.args
        with build.if_then(build.icmp_signed("==", load(build, ctx, at.CTX_ERROR), ZERO)):
            for offset, word in zip((at.CTX_ERROR, at.CTX_OPERANDS, at.CTX_OPERANDS + 8), words, strict=True):
                store(build, word, ctx, offset)
        store(build, ZERO, ctx, at.CTX_STEPS)
        build.ret_void()
        return function


class Scene:
    """The routine that is being written: where, its context, the line of its source."""

    def __init__(self, module: Module, function: ir.Function, file: str, line: int) -> None:
        self.module, self.function = module, function
        self.file, self.line = file, line
        self.build = ir.IRBuilder(function.append_basic_block("body"))
        self.ctx = function.args[0]

    def site(self, what: str, kinds: Sequence[str], detail: tuple[Any, ...] = ()) -> ir.Value:
        """The number of a new site."""
        self.module.sites.append(Site(what, tuple(kinds), f"{self.file}:{self.line}", detail))
        return ir.Constant(I64, len(self.module.sites))

    def fails_if(
        self, bad: ir.Value, what: str, operands: Sequence[Value], detail: tuple[Any, ...] = ()
    ) -> None:
        """Where ``bad``: the site failed, with at most two operands."""
        site = self.site(what, [str(operand.kind) for operand in operands], detail)
        build = self.build
        with build.if_then(bad, likely=False):
            words = [word(build, operand.one) for operand in operands] + [ZERO, ZERO]
            build.call(self.module.failed, [self.ctx, site, *words[:2]])

    def truth(self, value: Value) -> ir.Value:
        """Whether a number is not 0."""
        if value.kind == "f8":
            return self.build.fcmp_unordered("!=", value.one, ir.Constant(F64, 0.0))
        return self.build.icmp_signed("!=", value.one, ZERO)

    def as_float(self, value: Value) -> ir.Value:
        """A number as a float64."""
        return value.one if value.kind == "f8" else self.build.sitofp(value.one, F64)

    def flag(self, bit: ir.Value) -> Value:
        """A truth as 0 or 1."""
        return Value("i8", (self.build.zext(bit, I64),))


def parts_of(kind: Kind) -> list[ir.Type]:
    """What stands for a value of a type."""
    if kind in ("i8", "f8"):
        return [type_of(kind)]
    if isinstance(kind, Array) or kind in ("state", "at"):
        return [I64]
    return [I64, I64] if kind == "view" else []


def type_of(kind: Kind) -> ir.Type:
    """A number's."""
    return F64 if kind == "f8" else I64


def constant(value: object) -> Value:
    """A number of the source."""
    if isinstance(value, float):
        return Value("f8", (ir.Constant(F64, value),))
    assert isinstance(value, int)
    return Value("i8", (ir.Constant(I64, int(value)),))


def load(build: ir.IRBuilder, address: ir.Value, offset: int) -> ir.Value:
    """A word of a record."""
    return get(build, build.add(address, ir.Constant(I64, offset)), "i8")


def get(build: ir.IRBuilder, address: ir.Value, kind: Kind) -> ir.Value:
    """The number at an address."""
    return build.load(build.inttoptr(address, type_of(kind).as_pointer()))


def store(build: ir.IRBuilder, value: ir.Value, address: ir.Value, offset: int) -> None:
    """Set a word of a record."""
    put(build, value, build.add(address, ir.Constant(I64, offset)))


def put(build: ir.IRBuilder, value: ir.Value, address: ir.Value) -> None:
    """Set the number at an address."""
    build.store(value, build.inttoptr(address, value.type.as_pointer()))


def word(build: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A number as the word that holds it."""
    return build.bitcast(value, I64) if value.type == F64 else value
