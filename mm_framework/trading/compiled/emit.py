"""Machine code for the routines of a strategy: typed trees in, LLVM's language out.

    entry(ctx) -> 0, or the number of the site that failed first

Every operation means what `trading.machine` says. One that fails leaves its site and its operands in the
context, for Python to raise the same error, and goes on with 0: what follows can neither fail over that nor
touch foreign memory, and no loop goes on. Nothing is rearranged: LLVM keeps the order of float operations
and fuses none. The functions of `mm_framework.num` are called by the addresses that Python's own use.
"""

from __future__ import annotations

import ast
import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import attrs
from llvmlite import ir

from mm_framework.contracts.strategy import NO_TAG
from mm_framework.model.fixed import MAX
from mm_framework.model.orders import IntentKind, Side, TimeInForce, Urgency
from mm_framework.trading import machine
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled import layout
from mm_framework.trading.typed import (
    FUNCTIONS,
    VIEW_ARRAYS,
    VIEW_NUMBERS,
    WAKE_NUMBERS,
    Array,
    Kind,
    Routine,
    Typed,
)
from mm_framework.trading.views import MAX_WISHES

__all__ = ["ENTRY", "Site", "emit"]

ENTRY: Final = "strategy"

_I64, _I1, _F64 = ir.IntType(64), ir.IntType(1), ir.DoubleType()
_ZERO, _ONE = ir.Constant(_I64, 0), ir.Constant(_I64, 1)
_MIN: Final = -MAX - 1
_FLOAT_MAX: Final = 2.0**63

_SIGNED: Final = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_CHECKED: Final = {ast.Add: "sadd", ast.Sub: "ssub", ast.Mult: "smul"}
_FLOATS: Final = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul"}
_BITS: Final = {ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}
_OWN_NUMBERS: Final = {"position": at.OWN_POSITION, "open_orders": at.OWN_OPEN}
_DEFAULTS: Final = {"tif": TimeInForce.GTC, "urgency": Urgency.MAKER, "tag": NO_TAG, "expires_ns": 0}
_PARAMETERS: Final = {
    "place": ("i", "side", "price", "size", "tif", "urgency", "tag", "expires_ns"),
    "cancel": ("order", "tag"),
    "replace": ("order", "price", "size", "tag"),
    "timer": ("due_ns",),
}


@attrs.frozen
class Site:
    """A place that may fail: which operation, on operands of which types, and where it stands.

    ``what`` is a name of `machine.OPERATIONS` or `num`, a method of ``out``, or loop, range, index or
    instrument; the array of an index is its ``detail``.
    """

    what: str
    kinds: tuple[str, ...]
    line: int
    detail: tuple[Any, ...] = ()


@attrs.frozen
class _Value:
    """A number, or the addresses by which a view is known."""

    kind: Kind
    parts: tuple[ir.Value, ...]

    @property
    def one(self) -> ir.Value:
        """The number."""
        return self.parts[0]


def emit(typed: Typed) -> tuple[str, list[Site]]:
    """The module as text, and its sites: site ``n`` of the context is ``sites[n - 1]``."""
    module = _Module(typed)
    for routine in typed.routines.values():
        _Emitter(module, routine).emit()
    module.entry(typed.decide)
    return str(module.ir), module.sites


@cache
def _function_address(name: str) -> int:
    """The function of the C library that Python's math module calls."""
    library = ctypes.CDLL(getattr(math, "__file__", None))
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


class _Module:
    """What routines share."""

    def __init__(self, typed: Typed) -> None:
        self.typed, self.strategy = typed, typed.strategy
        self.ir = ir.Module(ENTRY)
        self.sites: list[Site] = []
        self.functions: dict[str, ir.Function] = {}
        self.fields = {"state": at.Fields(self.strategy.state), "at": at.Fields(self.strategy.at)}
        self.failed = self._failed()

    def _failed(self) -> ir.Function:
        """``failed(ctx, site, a, b)``: the first failure is kept, loops end."""
        kind = ir.FunctionType(ir.VoidType(), [_I64] * 4)
        function = ir.Function(self.ir, kind, "failed")
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("cold")
        build = ir.IRBuilder(function.append_basic_block())
        ctx, *words = function.args
        with build.if_then(build.icmp_signed("==", _load(build, ctx, at.CTX_ERROR), _ZERO)):
            for offset, word in zip((at.CTX_ERROR, at.CTX_OPERANDS, at.CTX_OPERANDS + 8), words, strict=True):
                _store(build, word, ctx, offset)
        _store(build, _ZERO, ctx, at.CTX_STEPS)
        build.ret_void()
        return function

    def entry(self, routine: Routine) -> None:
        """The function of the one signature."""
        function = ir.Function(self.ir, ir.FunctionType(_I64, [_I64]), ENTRY)
        build = ir.IRBuilder(function.append_basic_block())
        (ctx,) = function.args
        _store(build, _ZERO, ctx, at.CTX_ERROR)
        _store(build, ir.Constant(_I64, machine.MAX_STEPS), ctx, at.CTX_STEPS)
        build.call(self.functions[routine.name], [ctx, _load(build, ctx, at.CTX_STATE)])
        build.ret(_load(build, ctx, at.CTX_ERROR))


class _Emitter:
    """One routine."""

    def __init__(self, module: _Module, routine: Routine) -> None:
        self._module, self._routine = module, routine
        self._first = int(routine.source.where.rpartition(":")[2])
        kinds = [part for name in routine.arguments for part in _parts(routine.variables[name])]
        result = ir.VoidType() if routine.result == "none" else _type(routine.result)
        self._function = ir.Function(module.ir, ir.FunctionType(result, [_I64, *kinds]), routine.name)
        self._function.linkage = "internal"
        module.functions[routine.name] = self._function
        self._entry = self._function.append_basic_block("entry")
        self._build = ir.IRBuilder(self._function.append_basic_block("body"))
        self._ctx = self._function.args[0]
        self._names: dict[str, list[ir.Value]] = {}
        self._loops: list[tuple[ir.Block, ir.Block]] = []
        self._line = self._first

    def emit(self) -> None:
        """Write the function."""
        start = self._build.block
        with self._build.goto_block(self._entry):
            given = iter(self._function.args[1:])
            for name, kind in self._routine.variables.items():
                self._names[name] = [self._build.alloca(part, name=name) for part in _parts(kind)]
                if name in self._routine.arguments:
                    for slot in self._names[name]:
                        self._build.store(next(given), slot)
        self._block(self._routine.body)
        if not self._build.block.is_terminated:
            self._return()
        ir.IRBuilder(self._entry).branch(start)

    def _return(self, value: ir.Value | None = None) -> None:
        if self._routine.result == "none":
            self._build.ret_void()
        else:
            self._build.ret(ir.Constant(_type(self._routine.result), 0) if value is None else value)

    # failures

    def _site(self, what: str, kinds: Sequence[str], detail: tuple[Any, ...] = ()) -> ir.Value:
        self._module.sites.append(Site(what, tuple(kinds), self._line, detail))
        return ir.Constant(_I64, len(self._module.sites))

    def _fails_if(
        self, bad: ir.Value, what: str, operands: Sequence[_Value], detail: tuple[Any, ...] = ()
    ) -> None:
        """Where ``bad``: the site failed, with at most two operands."""
        site = self._site(what, [str(operand.kind) for operand in operands], detail)
        build = self._build
        with build.if_then(bad, likely=False):
            words = [_word(build, operand.one) for operand in operands] + [_ZERO, _ZERO]
            build.call(self._module.failed, [self._ctx, site, *words[:2]])

    # statements

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if self._build.block.is_terminated:
                return  # what follows is never reached
            self._line = self._first + getattr(statement, "lineno", 1) - 1
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            self._assign(node.targets[0], self._value(node.value))
        elif isinstance(node, ast.If):
            self._if(node)
        elif isinstance(node, ast.While):
            self._while(node)
        elif isinstance(node, ast.For):
            self._for(node)
        elif isinstance(node, ast.Return):
            self._return(None if node.value is None else self._value(node.value).one)
        elif isinstance(node, ast.Break):
            self._build.branch(self._loops[-1][1])
        elif isinstance(node, ast.Continue):
            self._build.branch(self._loops[-1][0])
        elif isinstance(node, ast.Expr):
            self._value(node.value)

    def _assign(self, target: ast.expr, value: _Value) -> None:
        build = self._build
        if isinstance(target, ast.Name):
            for part, slot in zip(value.parts, self._names[target.id], strict=True):
                build.store(part, slot)
            return
        assert isinstance(target, (ast.Attribute, ast.Subscript))
        base = self._value(target.value)
        if isinstance(target, ast.Subscript):
            kind, address = self._element(base, self._value(target.slice))
        else:
            kind, address = self._field(base, target.attr)
        _put(build, self._float(value) if kind == "f8" else value.one, address)

    def _if(self, node: ast.If) -> None:
        build = self._build
        yes, no, end = (self._function.append_basic_block() for _ in range(3))
        build.cbranch(self._truth(self._value(node.test)), yes, no)
        for block, body in ((yes, node.body), (no, node.orelse)):
            build.position_at_end(block)
            self._block(body)
            if not build.block.is_terminated:
                build.branch(end)
        build.position_at_end(end)

    def _turn(self) -> None:
        """One turn of a loop; too many, or a failure before, end the routine."""
        build = self._build
        left = build.sub(_load(build, self._ctx, at.CTX_STEPS), _ONE)
        _store(build, left, self._ctx, at.CTX_STEPS)
        with build.if_then(build.icmp_signed("<", left, _ZERO), likely=False):
            build.call(self._module.failed, [self._ctx, self._site("loop", ()), _ZERO, _ZERO])
            self._return()

    def _while(self, node: ast.While) -> None:
        build = self._build
        head, body, end = (self._function.append_basic_block() for _ in range(3))
        build.branch(head)
        build.position_at_end(head)
        build.cbranch(self._truth(self._value(node.test)), body, end)
        self._body(node, body, head, end)

    def _body(self, node: ast.While | ast.For, body: ir.Block, again: ir.Block, end: ir.Block) -> None:
        build = self._build
        build.position_at_end(body)
        self._turn()
        self._loops.append((again, end))
        self._block(node.body)
        self._loops.pop()
        if not build.block.is_terminated:
            build.branch(again)
        build.position_at_end(end)

    def _for(self, node: ast.For) -> None:
        assert isinstance(node.target, ast.Name)
        if isinstance(node.iter, ast.Tuple):
            self._for_each(node, node.iter)
        else:
            self._for_range(node, node.iter)

    def _for_each(self, node: ast.For, numbers: ast.Tuple) -> None:
        """Over a tuple of numbers, which stands in the module."""
        assert isinstance(node.target, ast.Name)
        kind = _type(self._routine.variables[node.target.id])
        values = [ir.Constant(kind, ast.literal_eval(one)) for one in numbers.elts]
        array = ir.ArrayType(kind, len(values))
        name = f"numbers{len(self._module.ir.globals)}"
        table = ir.GlobalVariable(self._module.ir, array, name)
        table.global_constant, table.linkage = True, "internal"
        table.initializer = ir.Constant(array, values)

        def take(k: ir.Value) -> ir.Value:
            return self._build.load(self._build.gep(table, [_ZERO, k]))

        self._count(node, _ZERO, ir.Constant(_I64, len(values)), _ONE, take)

    def _for_range(self, node: ast.For, call: ast.expr) -> None:
        assert isinstance(call, ast.Call)
        given = [self._value(argument) for argument in call.args]
        first, end, step = (
            (_ZERO, given[0].one, _ONE) if len(given) == 1 else (given[0].one, given[1].one, _ONE)
        )
        if len(given) == 3:
            step = given[2].one
            bad = self._build.icmp_signed("==", step, _ZERO)
            self._fails_if(bad, "range", given[:2])
            step = self._build.select(bad, _ONE, step)
            end = self._build.select(bad, first, end)
        self._count(node, first, end, step, lambda k: k)

    def _count(
        self,
        node: ast.For,
        first: ir.Value,
        end: ir.Value,
        step: ir.Value,
        take: Callable[[ir.Value], ir.Value],
    ) -> None:
        build = self._build
        assert isinstance(node.target, ast.Name)
        with build.goto_block(self._entry):
            counter = build.alloca(_I64)
        head, body, again, out = (self._function.append_basic_block() for _ in range(4))
        build.store(first, counter)
        build.branch(head)
        build.position_at_end(head)
        k = build.load(counter)
        upward = build.icmp_signed(">", step, _ZERO)
        within = build.select(upward, build.icmp_signed("<", k, end), build.icmp_signed(">", k, end))
        build.cbranch(within, body, out)
        build.position_at_end(again)
        added = build.sadd_with_overflow(build.load(counter), step)
        build.store(build.extract_value(added, 0), counter)
        build.cbranch(build.extract_value(added, 1), out, head)
        build.position_at_end(body)
        build.store(take(k), self._names[node.target.id][0])
        self._body(node, build.block, again, out)

    # expressions

    def _value(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node.op, self._value(node.left), self._value(node.right))
        if isinstance(node, ast.UnaryOp):
            return self._unary(node.op, self._value(node.operand))
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.BoolOp):
            return self._bool(node.values, isinstance(node.op, ast.And))
        if isinstance(node, ast.IfExp):
            return self._choice(node)
        assert isinstance(node, ast.Call)
        return self._call(node)

    def _name(self, node: ast.Name) -> _Value:
        if node.id in self._names:
            parts = tuple(self._build.load(slot) for slot in self._names[node.id])
            return _Value(self._routine.variables[node.id], parts)
        return _constant(self._routine.source.constants[node.id])

    def _attribute(self, node: ast.Attribute) -> _Value:
        text = ast.unparse(node)
        if text in self._routine.source.constants:
            return _constant(self._routine.source.constants[text])
        base = self._value(node.value)
        if base.kind == "wake":
            offset = at.CTX_NOW + 8 * WAKE_NUMBERS.index(node.attr)
            return _Value("i8", (_load(self._build, self._ctx, offset),))
        if base.kind == "view":
            return self._seen(base, node.attr)
        if base.kind == "state" and node.attr == "at":
            return _Value("ats", ())
        kind, address = self._field(base, node.attr)
        if isinstance(kind, Array):
            return _Value(kind, (address,))
        return _Value(kind, (_get(self._build, address, kind),))

    def _field(self, base: _Value, name: str) -> tuple[Kind, ir.Value]:
        """The type of a field of state or of an instrument's, and its address."""
        assert isinstance(base.kind, str)
        strategy = self._module.strategy
        declared = (strategy.state if base.kind == "state" else strategy.at)[name]
        kind, _, length = declared.rstrip("]").partition("[")
        offset = self._module.fields[base.kind].offsets[name]
        address = self._build.add(base.one, ir.Constant(_I64, offset))
        return (Array(base.kind, name, kind, int(length)) if length else kind), address

    def _seen(self, base: _Value, name: str) -> _Value:
        """A field of a market's view."""
        build, (view, own) = self._build, base.parts
        strategy = self._module.strategy
        if name in _OWN_NUMBERS:
            return _Value("i8", (_load(build, own, _OWN_NUMBERS[name]),))
        if name in VIEW_ARRAYS:
            k = VIEW_ARRAYS.index(name)
            if k < 4:
                return _Value(
                    Array("view", name, "i8", strategy.depth),
                    (_load(build, view, layout.VIEW_BID_PRICES + 8 * k),),
                )
            offset = ir.Constant(_I64, at.OWN_ARRAYS + (k - 4) * 8 * strategy.orders)
            return _Value(Array("view", name, "i8", strategy.orders), (build.add(own, offset),))
        value = _load(build, view, layout.VIEW_TRUSTED + 8 * VIEW_NUMBERS.index(name))
        if name in ("bids", "asks"):
            depth = ir.Constant(_I64, strategy.depth)
            value = build.select(build.icmp_signed("<", value, depth), value, depth)
        return _Value("i8", (value,))

    def _subscript(self, node: ast.Subscript) -> _Value:
        base, index = self._value(node.value), self._value(node.slice)
        if isinstance(base.kind, Array):
            kind, address = self._element(base, index)
            return _Value(kind, (_get(self._build, address, kind),))
        build = self._build
        k = self._within(index, _load(build, self._ctx, at.CTX_INSTRUMENTS), "instrument")
        if base.kind == "ats":
            return _Value("at", (self._nth(k, at.CTX_AT, at.CTX_AT_BYTES),))
        views = self._nth(k, at.CTX_VIEWS, at.CTX_VIEW_BYTES)
        return _Value("view", (views, self._nth(k, at.CTX_OWN, at.CTX_OWN_BYTES)))

    def _nth(self, k: ir.Value, first: int, stride: int) -> ir.Value:
        build = self._build
        return build.add(_load(build, self._ctx, first), build.mul(k, _load(build, self._ctx, stride)))

    def _element(self, base: _Value, index: _Value) -> tuple[str, ir.Value]:
        assert isinstance(base.kind, Array)
        array = base.kind
        k = self._within(index, ir.Constant(_I64, array.length), "index", (array,))
        return array.kind, self._build.add(base.one, self._build.mul(k, ir.Constant(_I64, 8)))

    def _within(self, index: _Value, count: ir.Value, what: str, detail: tuple[Any, ...] = ()) -> ir.Value:
        """The index, or 0 when there is no such element."""
        bad = self._build.icmp_unsigned(">=", index.one, count)
        self._fails_if(bad, what, (index, _Value("i8", (count,))), detail)
        return self._build.select(bad, _ZERO, index.one)

    def _truth(self, value: _Value) -> ir.Value:
        if value.kind == "f8":
            return self._build.fcmp_unordered("!=", value.one, ir.Constant(_F64, 0.0))
        return self._build.icmp_signed("!=", value.one, _ZERO)

    def _float(self, value: _Value) -> ir.Value:
        return value.one if value.kind == "f8" else self._build.sitofp(value.one, _F64)

    def _flag(self, bit: ir.Value) -> _Value:
        return _Value("i8", (self._build.zext(bit, _I64),))

    def _binary(self, operator: ast.operator, a: _Value, b: _Value) -> _Value:
        build, kind = self._build, type(operator)
        if kind in _BITS:
            return _Value("i8", (getattr(build, _BITS[kind])(a.one, b.one),))
        if kind is ast.Div:
            return self._divide(a, b)
        if kind in (ast.FloorDiv, ast.Mod):
            return self._whole(kind is ast.Mod, a, b)
        if "f8" in (a.kind, b.kind):
            return _Value("f8", (getattr(build, _FLOATS[kind])(self._float(a), self._float(b)),))
        found = getattr(build, f"{_CHECKED[kind]}_with_overflow")(a.one, b.one)
        self._fails_if(build.extract_value(found, 1), kind.__name__, (a, b))
        return _Value("i8", (build.extract_value(found, 0),))

    def _divide(self, a: _Value, b: _Value) -> _Value:
        over, under = self._float(a), self._float(b)
        bad = self._build.fcmp_ordered("==", under, ir.Constant(_F64, 0.0))
        self._fails_if(bad, "Div", (a, b))
        return _Value("f8", (self._build.fdiv(over, under),))

    def _whole(self, modulo: bool, a: _Value, b: _Value) -> _Value:
        """``//`` towards minus infinity, ``%`` with the sign of the divisor."""
        build = self._build
        minus = build.icmp_signed("==", b.one, ir.Constant(_I64, -1))
        bad = build.icmp_signed("==", b.one, _ZERO)
        if not modulo:
            least = build.icmp_signed("==", a.one, ir.Constant(_I64, _MIN))
            bad = build.or_(bad, build.and_(minus, least))
        self._fails_if(bad, "Mod" if modulo else "FloorDiv", (a, b))
        safe = build.select(build.or_(bad, minus), _ONE, b.one)
        quotient, rest = build.sdiv(a.one, safe), build.srem(a.one, safe)
        apart = build.icmp_signed("<", build.xor(rest, safe), _ZERO)
        down = build.and_(build.icmp_signed("!=", rest, _ZERO), apart)
        if modulo:
            found = build.select(down, build.add(rest, safe), rest)
            return _Value("i8", (build.select(minus, _ZERO, found),))
        found = build.sub(quotient, build.zext(down, _I64))
        return _Value("i8", (build.select(minus, build.sub(_ZERO, a.one), found),))

    def _unary(self, operator: ast.unaryop, a: _Value) -> _Value:
        if isinstance(operator, ast.Not):
            return self._flag(self._build.not_(self._truth(a)))
        if isinstance(operator, ast.UAdd):
            return a
        if a.kind == "f8":
            return _Value("f8", (self._build.fneg(a.one),))
        bad = self._build.icmp_signed("==", a.one, ir.Constant(_I64, _MIN))
        self._fails_if(bad, "USub", (a,))
        return _Value("i8", (self._build.sub(_ZERO, a.one),))

    def _compare(self, node: ast.Compare) -> _Value:
        left = self._value(node.left)
        if len(node.ops) == 1:
            return self._flag(self._related(node.ops[0], left, self._value(node.comparators[0])))
        bits: list[Callable[[], ir.Value]] = []
        sides = [node.left, *node.comparators]
        for operator, one, two in zip(node.ops, sides, sides[1:], strict=False):
            bits.append(
                lambda o=operator, a=one, b=two: (
                    self._flag(self._related(o, self._value(a), self._value(b))).one
                )
            )  # type: ignore[misc]
        return _Value("i8", (self._chain(bits, "i8", conjunction=True),))

    def _related(self, operator: ast.cmpop, a: _Value, b: _Value) -> ir.Value:
        sign = _SIGNED[type(operator)]
        if "f8" not in (a.kind, b.kind):
            return self._build.icmp_signed(sign, a.one, b.one)
        compare = self._build.fcmp_unordered if sign == "!=" else self._build.fcmp_ordered
        return compare(sign, self._float(a), self._float(b))

    def _bool(self, nodes: Sequence[ast.expr], conjunction: bool) -> _Value:
        first = self._value(nodes[0])
        rest = [lambda node=node: self._value(node).one for node in nodes[1:]]  # type: ignore[misc]
        return _Value(
            first.kind, (self._chain([lambda: first.one, *rest], str(first.kind), conjunction=conjunction),)
        )

    def _chain(self, values: Sequence[Callable[[], ir.Value]], kind: str, *, conjunction: bool) -> ir.Value:
        """``and``, ``or``: the first value that decides, else the last one."""
        build = self._build
        end = self._function.append_basic_block()
        incoming = []
        for k, make in enumerate(values):
            value = make()
            incoming.append((value, build.block))
            if k == len(values) - 1:
                build.branch(end)
                break
            follow = self._function.append_basic_block()
            truth = self._truth(_Value(kind, (value,)))
            build.cbranch(truth, *((follow, end) if conjunction else (end, follow)))
            build.position_at_end(follow)
        build.position_at_end(end)
        merged = build.phi(_type(kind))
        for value, block in incoming:
            merged.add_incoming(value, block)
        return merged

    def _choice(self, node: ast.IfExp) -> _Value:
        build = self._build
        yes, no, end = (self._function.append_basic_block() for _ in range(3))
        build.cbranch(self._truth(self._value(node.test)), yes, no)
        found = []
        for block, branch in ((yes, node.body), (no, node.orelse)):
            build.position_at_end(block)
            found.append((self._value(branch), build.block))
            build.branch(end)
        build.position_at_end(end)
        parts = []
        for k, part in enumerate(found[0][0].parts):
            merged = build.phi(part.type)
            for value, block in found:
                merged.add_incoming(value.parts[k], block)
            parts.append(merged)
        return _Value(found[0][0].kind, tuple(parts))

    # calls

    def _call(self, node: ast.Call) -> _Value:
        function = node.func
        if isinstance(function, ast.Name) and function.id in self._module.functions:
            return self._routine_call(function.id, [self._value(argument) for argument in node.args])
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if (
            isinstance(function, ast.Attribute)
            and ast.unparse(function.value) not in self._routine.source.modules
        ):
            return self._method(node, name)
        if name == "len":
            return self._length(self._value(node.args[0]))
        values = [self._value(argument) for argument in node.args]
        if name in FUNCTIONS:
            return self._numeric(name, values)
        if name in ("min", "max"):
            return self._extremum(name, values)
        return self._converted(name, values[0])

    def _routine_call(self, name: str, values: Sequence[_Value]) -> _Value:
        routine = self._module.typed.routines[name]
        parts = [part for value in values for part in value.parts]
        result = self._build.call(self._module.functions[name], [self._ctx, *parts])
        return _Value(routine.result, () if routine.result == "none" else (result,))

    def _length(self, value: _Value) -> _Value:
        if isinstance(value.kind, Array):
            return _constant(value.kind.length)
        return _Value("i8", (_load(self._build, self._ctx, at.CTX_INSTRUMENTS),))

    def _extremum(self, name: str, values: Sequence[_Value]) -> _Value:
        build, sign = self._build, "<" if name == "min" else ">"
        floats = any(value.kind == "f8" for value in values)
        numbers = [self._float(value) if floats else value.one for value in values]
        found = numbers[0]
        for number in numbers[1:]:
            compare = build.fcmp_ordered if floats else build.icmp_signed
            found = build.select(compare(sign, number, found), number, found)
        return _Value("f8" if floats else "i8", (found,))

    def _converted(self, name: str, value: _Value) -> _Value:
        """float, bool, int and abs."""
        build = self._build
        if name == "float":
            return _Value("f8", (self._float(value),))
        if name == "bool":
            return self._flag(self._truth(value))
        if name == "int":
            return self._integer(value)
        if value.kind == "f8":
            absolute = self._module.ir.declare_intrinsic("llvm.fabs", [_F64])
            return _Value("f8", (build.call(absolute, [value.one]),))
        bad = build.icmp_signed("==", value.one, ir.Constant(_I64, _MIN))
        self._fails_if(bad, "abs", (value,))
        below = build.icmp_signed("<", value.one, _ZERO)
        return _Value("i8", (build.select(below, build.sub(_ZERO, value.one), value.one),))

    def _integer(self, value: _Value) -> _Value:
        if value.kind == "i8":
            return value
        build = self._build
        low = build.fcmp_ordered(">=", value.one, ir.Constant(_F64, -_FLOAT_MAX))
        good = build.and_(low, build.fcmp_ordered("<", value.one, ir.Constant(_F64, _FLOAT_MAX)))
        self._fails_if(build.not_(good), "int", (value,))
        safe = build.select(good, value.one, ir.Constant(_F64, 0.0))
        return _Value("i8", (build.fptosi(safe, _I64),))

    def _numeric(self, name: str, values: Sequence[_Value]) -> _Value:
        build = self._build
        numbers = [self._float(value) for value in values]
        zero = ir.Constant(_F64, 0.0)
        if name == "sqrt":
            bad = build.fcmp_ordered("<", numbers[0], zero)
            found = build.call(self._module.ir.declare_intrinsic("llvm.sqrt", [_F64]), numbers)
        else:
            kind = ir.FunctionType(_F64, [_F64] * len(numbers))
            address = ir.Constant(_I64, _function_address(name))
            found = build.call(build.inttoptr(address, kind.as_pointer()), numbers)
            if name == "log":
                bad = build.fcmp_ordered("<=", numbers[0], zero)
            else:
                bad = build.not_(self._finite(found))
                for number in numbers:
                    bad = build.and_(bad, self._finite(number))
        self._fails_if(bad, name, values)
        return _Value("f8", (found,))

    def _finite(self, number: ir.Value) -> ir.Value:
        """Neither infinite nor no number: its difference from itself is 0."""
        difference = self._build.fsub(number, number)
        return self._build.fcmp_ordered("==", difference, ir.Constant(_F64, 0.0))

    # wake and out

    def _method(self, node: ast.Call, name: str) -> _Value:
        if name == "uniform":
            return self._uniform()
        given = dict(zip(_PARAMETERS[name], map(self._value, node.args), strict=False))
        given |= {str(keyword.arg): self._value(keyword.value) for keyword in node.keywords}
        values = [given[one] if one in given else _constant(int(_DEFAULTS[one])) for one in _PARAMETERS[name]]
        words = dict(zip(_PARAMETERS[name], (value.one for value in values), strict=True))
        return self._timer(words) if name == "timer" else self._wish(name, words)

    def _uniform(self) -> _Value:
        """splitmix64, as `views.WakeView.uniform`."""
        build = self._build
        z = build.add(_load(build, self._ctx, at.CTX_STREAM), ir.Constant(_I64, 0x9E3779B97F4A7C15))
        _store(build, z, self._ctx, at.CTX_STREAM)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = build.xor(z, build.lshr(z, ir.Constant(_I64, shift)))
            z = build.mul(z, ir.Constant(_I64, factor))
        z = build.lshr(build.xor(z, build.lshr(z, ir.Constant(_I64, 31))), ir.Constant(_I64, 11))
        return _Value("f8", (build.fmul(build.uitofp(z, _F64), ir.Constant(_F64, 2.0**-53)),))

    def _refused(self, name: str, bad: ir.Value, words: Mapping[str, ir.Value], done: ir.Block) -> None:
        """Where ``bad``: the call failed with these arguments, and nothing is left; else go on."""
        build = self._build
        site = self._site(name, ["i8"] * len(words))
        fails, goes = self._function.append_basic_block(), self._function.append_basic_block()
        build.cbranch(bad, fails, goes)
        build.position_at_end(fails)
        with build.if_then(build.icmp_signed("==", _load(build, self._ctx, at.CTX_ERROR), _ZERO)):
            for k, word in enumerate(words.values()):
                _store(build, word, self._ctx, at.CTX_OPERANDS + 8 * k)
            _store(build, site, self._ctx, at.CTX_ERROR)
            _store(build, _ZERO, self._ctx, at.CTX_STEPS)
        build.branch(done)
        build.position_at_end(goes)

    def _timer(self, words: Mapping[str, ir.Value]) -> _Value:
        build, due = self._build, words["due_ns"]
        done = self._function.append_basic_block()
        count = _load(build, self._ctx, at.CTX_TIMED)
        bad = build.icmp_signed("<=", due, _load(build, self._ctx, at.CTX_NOW))
        bad = build.or_(bad, build.icmp_signed(">=", count, ir.Constant(_I64, MAX_WISHES)))
        self._refused("timer", bad, words, done)
        address = build.add(_load(build, self._ctx, at.CTX_TIMERS), build.mul(count, ir.Constant(_I64, 8)))
        _store(build, due, address, 0)
        _store(build, build.add(count, _ONE), self._ctx, at.CTX_TIMED)
        build.branch(done)
        build.position_at_end(done)
        return _Value("none", ())

    def _wish(self, name: str, words: Mapping[str, ir.Value]) -> _Value:
        build = self._build
        done = self._function.append_basic_block()
        count, last = _load(build, self._ctx, at.CTX_WISHED), _load(build, self._ctx, at.CTX_LAST_ORDER)
        bad = build.icmp_signed(">=", count, ir.Constant(_I64, MAX_WISHES))
        bad = build.or_(bad, self._unknown_tag(words["tag"]))
        bad = build.or_(
            bad, self._unplaceable(words) if name == "place" else self._foreign(words["order"], last)
        )
        self._refused(name, bad, words, done)
        number = build.add(last, _ONE) if name == "place" else words["order"]
        if name == "place":
            _store(build, number, self._ctx, at.CTX_LAST_ORDER)
        self._leave(name, words, number, count)
        build.branch(done)
        build.position_at_end(done)
        return (
            _Value("none", ())
            if name != "place"
            else _Value("i8", (_load(build, self._ctx, at.CTX_LAST_ORDER),))
        )

    def _leave(self, name: str, words: Mapping[str, ir.Value], number: ir.Value, count: ir.Value) -> None:
        """Write the wish; fields that its kind does not have are 0."""
        build = self._build
        fields = {
            layout.INTENT_KIND: ir.Constant(_I64, int(IntentKind[name.upper()])),
            layout.INTENT_ORDER: number,
        }
        expires = _ZERO
        if name == "place":
            dated = build.icmp_signed("==", words["tif"], ir.Constant(_I64, int(TimeInForce.GTD)))
            expires = build.select(dated, words["expires_ns"], _ZERO)
        fields |= {
            layout.INTENT_SLOT: words.get("i", ir.Constant(_I64, -1)),
            layout.INTENT_SIDE: words.get("side", _ZERO),
            layout.INTENT_PRICE: words.get("price", _ZERO),
            layout.INTENT_SIZE: words.get("size", _ZERO),
            layout.INTENT_TIF: words.get("tif", _ZERO),
            layout.INTENT_URGENCY: words.get("urgency", _ZERO),
            layout.INTENT_TAG: words["tag"],
            layout.INTENT_EXPIRES: expires,
        }
        address = build.add(
            _load(build, self._ctx, at.CTX_WISHES), build.mul(count, ir.Constant(_I64, at.WISH_BYTES))
        )
        for offset, word in fields.items():
            _store(build, word, address, offset)
        _store(build, build.add(count, _ONE), self._ctx, at.CTX_WISHED)

    def _unknown_tag(self, tag: ir.Value) -> ir.Value:
        build = self._build
        none = build.icmp_signed("!=", tag, ir.Constant(_I64, NO_TAG))
        beyond = build.icmp_unsigned(">=", tag, ir.Constant(_I64, len(self._module.strategy.tags)))
        return build.and_(none, beyond)

    def _foreign(self, order: ir.Value, last: ir.Value) -> ir.Value:
        build = self._build
        return build.or_(build.icmp_signed("<=", order, _ZERO), build.icmp_signed(">", order, last))

    def _unplaceable(self, words: Mapping[str, ir.Value]) -> ir.Value:
        build = self._build
        bad = build.icmp_unsigned(">=", words["i"], _load(build, self._ctx, at.CTX_INSTRUMENTS))
        for name, allowed in (("side", Side), ("tif", TimeInForce), ("urgency", Urgency)):
            known = ir.Constant(_I1, 0)
            for member in allowed:
                same = build.icmp_signed("==", words[name], ir.Constant(_I64, int(member)))
                known = build.or_(known, same)
            bad = build.or_(bad, build.not_(known))
        dated = build.icmp_signed("==", words["tif"], ir.Constant(_I64, int(TimeInForce.GTD)))
        past = build.icmp_signed("<=", words["expires_ns"], _load(build, self._ctx, at.CTX_NOW))
        return build.or_(bad, build.and_(dated, past))


def _parts(kind: Kind) -> list[ir.Type]:
    """What stands for a value of a type."""
    if kind in ("i8", "f8"):
        return [_type(kind)]
    if isinstance(kind, Array) or kind in ("state", "at"):
        return [_I64]
    return [_I64, _I64] if kind == "view" else []


def _type(kind: Kind) -> ir.Type:
    return _F64 if kind == "f8" else _I64


def _constant(value: object) -> _Value:
    if isinstance(value, float):
        return _Value("f8", (ir.Constant(_F64, value),))
    assert isinstance(value, int)
    return _Value("i8", (ir.Constant(_I64, int(value)),))


def _load(build: ir.IRBuilder, address: ir.Value, offset: int) -> ir.Value:
    return _get(build, build.add(address, ir.Constant(_I64, offset)), "i8")


def _get(build: ir.IRBuilder, address: ir.Value, kind: Kind) -> ir.Value:
    return build.load(build.inttoptr(address, _type(kind).as_pointer()))


def _store(build: ir.IRBuilder, value: ir.Value, address: ir.Value, offset: int) -> None:
    _put(build, value, build.add(address, ir.Constant(_I64, offset)))


def _put(build: ir.IRBuilder, value: ir.Value, address: ir.Value) -> None:
    build.store(value, build.inttoptr(address, value.type.as_pointer()))


def _word(build: ir.IRBuilder, value: ir.Value) -> ir.Value:
    return build.bitcast(value, _I64) if value.type == _F64 else value
