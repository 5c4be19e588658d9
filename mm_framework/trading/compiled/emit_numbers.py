"""Arithmetic of `trading.machine` and functions of `mm_framework.num` as machine code."""

from __future__ import annotations

import ast
import ctypes
import math
from collections.abc import Sequence
from functools import cache
from typing import Final

from llvmlite import binding as llvm
from llvmlite import ir

from mm_framework.model.fixed import MAX
from mm_framework.trading.compiled.emit_base import F64, I64, ONE, ZERO, Scene, Value

__all__ = ["Numbers", "link_functions"]

_MIN: Final = -MAX - 1
_FLOAT_MAX: Final = 2.0**63
_SIGNED: Final = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_CHECKED: Final = {ast.Add: "sadd", ast.Sub: "ssub", ast.Mult: "smul"}
_FLOATS: Final = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul"}
_FUNCTIONS: Final = ("exp", "log", "pow")
_BITS: Final = {ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}


@cache
def link_functions() -> None:
    """Tell LLVM where the functions of the C library are that Python's math module calls.

    Under names of ours: LLVM knows those of C, and would compute a call with constants in its own way.
    """
    library = ctypes.CDLL(getattr(math, "__file__", None))
    for name in _FUNCTIONS:
        llvm.add_symbol(f"math.{name}", ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


class Numbers(Scene):
    """Operations on numbers."""

    def binary(self, operator: ast.operator, a: Value, b: Value) -> Value:
        """``a operator b``."""
        build, kind = self.build, type(operator)
        if kind in _BITS:
            return Value("i8", (getattr(build, _BITS[kind])(a.one, b.one),))
        if kind is ast.Div:
            return self._divide(a, b)
        if kind in (ast.FloorDiv, ast.Mod):
            return self._whole(kind is ast.Mod, a, b)
        if "f8" in (a.kind, b.kind):
            return Value("f8", (getattr(build, _FLOATS[kind])(self.as_float(a), self.as_float(b)),))
        found = getattr(build, f"{_CHECKED[kind]}_with_overflow")(a.one, b.one)
        self.fails_if(build.extract_value(found, 1), kind.__name__, (a, b))
        return Value("i8", (build.extract_value(found, 0),))

    def _divide(self, a: Value, b: Value) -> Value:
        over, under = self.as_float(a), self.as_float(b)
        bad = self.build.fcmp_ordered("==", under, ir.Constant(F64, 0.0))
        self.fails_if(bad, "Div", (a, b))
        return Value("f8", (self.build.fdiv(over, under),))

    def _whole(self, modulo: bool, a: Value, b: Value) -> Value:
        """``//`` towards minus infinity, ``%`` with the sign of the divisor."""
        build = self.build
        minus = build.icmp_signed("==", b.one, ir.Constant(I64, -1))
        bad = build.icmp_signed("==", b.one, ZERO)
        if not modulo:
            least = build.icmp_signed("==", a.one, ir.Constant(I64, _MIN))
            bad = build.or_(bad, build.and_(minus, least))
        self.fails_if(bad, "Mod" if modulo else "FloorDiv", (a, b))
        safe = build.select(build.or_(bad, minus), ONE, b.one)
        quotient, rest = build.sdiv(a.one, safe), build.srem(a.one, safe)
        apart = build.icmp_signed("<", build.xor(rest, safe), ZERO)
        down = build.and_(build.icmp_signed("!=", rest, ZERO), apart)
        if modulo:
            found = build.select(down, build.add(rest, safe), rest)
            return Value("i8", (build.select(minus, ZERO, found),))
        found = build.sub(quotient, build.zext(down, I64))
        return Value("i8", (build.select(minus, build.sub(ZERO, a.one), found),))

    def unary(self, operator: ast.unaryop, a: Value) -> Value:
        """``operator a``."""
        if isinstance(operator, ast.Not):
            return self.flag(self.build.not_(self.truth(a)))
        if isinstance(operator, ast.UAdd):
            return a
        if a.kind == "f8":
            return Value("f8", (self.build.fneg(a.one),))
        bad = self.build.icmp_signed("==", a.one, ir.Constant(I64, _MIN))
        self.fails_if(bad, "USub", (a,))
        return Value("i8", (self.build.sub(ZERO, a.one),))

    def related(self, operator: ast.cmpop, a: Value, b: Value) -> ir.Value:
        """Whether ``a operator b``."""
        sign = _SIGNED[type(operator)]
        if "f8" not in (a.kind, b.kind):
            return self.build.icmp_signed(sign, a.one, b.one)
        compare = self.build.fcmp_unordered if sign == "!=" else self.build.fcmp_ordered
        return compare(sign, self.as_float(a), self.as_float(b))

    def extremum(self, name: str, values: Sequence[Value]) -> Value:
        """min or max, as Python folds them."""
        build, sign = self.build, "<" if name == "min" else ">"
        floats = any(value.kind == "f8" for value in values)
        numbers = [self.as_float(value) if floats else value.one for value in values]
        found = numbers[0]
        for number in numbers[1:]:
            compare = build.fcmp_ordered if floats else build.icmp_signed
            found = build.select(compare(sign, number, found), number, found)
        return Value("f8" if floats else "i8", (found,))

    def converted(self, name: str, value: Value) -> Value:
        """float, bool, int and abs."""
        build = self.build
        if name == "float":
            return Value("f8", (self.as_float(value),))
        if name == "bool":
            return self.flag(self.truth(value))
        if name == "int":
            return self._integer(value)
        if value.kind == "f8":
            absolute = self.module.ir.declare_intrinsic("llvm.fabs", [F64])
            return Value("f8", (build.call(absolute, [value.one]),))
        bad = build.icmp_signed("==", value.one, ir.Constant(I64, _MIN))
        self.fails_if(bad, "abs", (value,))
        below = build.icmp_signed("<", value.one, ZERO)
        return Value("i8", (build.select(below, build.sub(ZERO, value.one), value.one),))

    def _integer(self, value: Value) -> Value:
        if value.kind == "i8":
            return value
        build = self.build
        low = build.fcmp_ordered(">=", value.one, ir.Constant(F64, -_FLOAT_MAX))
        good = build.and_(low, build.fcmp_ordered("<", value.one, ir.Constant(F64, _FLOAT_MAX)))
        self.fails_if(build.not_(good), "int", (value,))
        safe = build.select(good, value.one, ir.Constant(F64, 0.0))
        return Value("i8", (build.fptosi(safe, I64),))

    def numeric(self, name: str, values: Sequence[Value]) -> Value:
        """exp, log, pow, sqrt, which fail where those of Python raise."""
        build = self.build
        numbers = [self.as_float(value) for value in values]
        zero = ir.Constant(F64, 0.0)
        if name == "sqrt":
            bad = build.fcmp_ordered("<", numbers[0], zero)
            found = build.call(self.module.ir.declare_intrinsic("llvm.sqrt", [F64]), numbers)
        else:
            found = build.call(self._function(name, len(numbers)), numbers)
            if name == "log":
                bad = build.fcmp_ordered("<=", numbers[0], zero)
            else:
                bad = build.not_(self._finite(found))
                for number in numbers:
                    bad = build.and_(bad, self._finite(number))
        self.fails_if(bad, name, values)
        return Value("f8", (found,))

    def _function(self, name: str, parameters: int) -> ir.Function:
        known = self.module.ir.globals.get(f"math.{name}")
        kind = ir.FunctionType(F64, [F64] * parameters)
        return known or ir.Function(self.module.ir, kind, f"math.{name}")

    def _finite(self, number: ir.Value) -> ir.Value:
        """Neither infinite nor no number: its difference from itself is 0."""
        difference = self.build.fsub(number, number)
        return self.build.fcmp_ordered("==", difference, ir.Constant(F64, 0.0))
