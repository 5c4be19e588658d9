"""Machine code for the routines of a strategy: typed trees in, LLVM's language out.

    entry(ctx) -> 0, or the number of the site that failed first

Every operation means what `trading.machine` says. One that fails leaves its site and its operands in the
context, for Python to raise the same error, and goes on with 0: what follows can neither fail over that nor
touch foreign memory, and no loop goes on. Nothing is rearranged: LLVM keeps the order of float operations
and fuses none. The functions of `mm_framework.num` are called where Python's own are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from llvmlite import ir

from mm_framework.trading import machine
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.emit_base import (
    I64,
    ONE,
    ZERO,
    Module,
    Site,
    Value,
    constant,
    get,
    load,
    parts_of,
    put,
    store,
    type_of,
)
from mm_framework.trading.compiled.emit_numbers import Numbers
from mm_framework.trading.compiled.emit_wishes import Wishes
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

__all__ = ["ENTRY", "emit"]

ENTRY: Final = "strategy"

_OWN_NUMBERS: Final = {"position": at.OWN_POSITION, "open_orders": at.OWN_OPEN}


def emit(typed: Typed) -> tuple[str, list[Site]]:
    """The module as text, and its sites: site ``n`` of the context is ``sites[n - 1]``."""
    module = Module(typed)
    for routine in typed.routines.values():
        _Emitter(module, routine).emit()
    _entry(module, typed.decide)
    return str(module.ir), module.sites


def _entry(module: Module, routine: Routine) -> None:
    """The function of the one signature."""
    function = ir.Function(module.ir, ir.FunctionType(I64, [I64]), ENTRY)
    build = ir.IRBuilder(function.append_basic_block())
    (ctx,) = function.args
    store(build, ZERO, ctx, at.CTX_ERROR)
    store(build, ir.Constant(I64, machine.MAX_STEPS), ctx, at.CTX_STEPS)
    build.call(module.functions[routine.name], [ctx, load(build, ctx, at.CTX_STATE)])
    build.ret(load(build, ctx, at.CTX_ERROR))


class _Emitter(Numbers, Wishes):
    """One routine."""

    def __init__(self, module: Module, routine: Routine) -> None:
        self._routine = routine
        path, _, first = routine.source.where.rpartition(":")
        self._first = int(first)
        kinds = [part for name in routine.arguments for part in parts_of(routine.variables[name])]
        result = ir.VoidType() if routine.result == "none" else type_of(routine.result)
        function = ir.Function(module.ir, ir.FunctionType(result, [I64, *kinds]), routine.name)
        function.linkage = "internal"
        module.functions[routine.name] = function
        self._entry = function.append_basic_block("entry")
        file = path.replace("\\", "/").rpartition("/")[2]
        super().__init__(module, function, file, self._first)
        self._names: dict[str, list[ir.Value]] = {}
        self._loops: list[tuple[ir.Block, ir.Block]] = []

    def emit(self) -> None:
        """Write the function."""
        start = self.build.block
        with self.build.goto_block(self._entry):
            given = iter(self.function.args[1:])
            for name, kind in self._routine.variables.items():
                self._names[name] = [self.build.alloca(part, name=name) for part in parts_of(kind)]
                if name in self._routine.arguments:
                    for slot in self._names[name]:
                        self.build.store(next(given), slot)
        self._block(self._routine.body)
        if not self.build.block.is_terminated:
            self._return()
        ir.IRBuilder(self._entry).branch(start)

    def _return(self, value: ir.Value | None = None) -> None:
        if self._routine.result == "none":
            self.build.ret_void()
        else:
            self.build.ret(ir.Constant(type_of(self._routine.result), 0) if value is None else value)

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if self.build.block.is_terminated:
                return  # what follows is never reached
            self.line = self._first + getattr(statement, "lineno", 1) - 1
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
            self.build.branch(self._loops[-1][1])
        elif isinstance(node, ast.Continue):
            self.build.branch(self._loops[-1][0])
        elif isinstance(node, ast.Expr):
            self._value(node.value)

    def _assign(self, target: ast.expr, value: Value) -> None:
        build = self.build
        if isinstance(target, ast.Name):
            for part, slot in zip(value.parts, self._names[target.id], strict=True):
                build.store(part, slot)
            return
        assert isinstance(target, (ast.Attribute, ast.Subscript))
        base = self._value(target.value)
        kind: Kind
        if isinstance(target, ast.Subscript):
            kind, address = self._element(base, self._value(target.slice))
        else:
            kind, address = self._field(base, target.attr)
        put(build, self.as_float(value) if kind == "f8" else value.one, address)

    def _if(self, node: ast.If) -> None:
        build = self.build
        yes, no, end = (self.function.append_basic_block() for _ in range(3))
        build.cbranch(self.truth(self._value(node.test)), yes, no)
        for block, body in ((yes, node.body), (no, node.orelse)):
            build.position_at_end(block)
            self._block(body)
            if not build.block.is_terminated:
                build.branch(end)
        build.position_at_end(end)

    def _turn(self) -> None:
        """One turn of a loop; too many, or a failure before, end the routine."""
        build = self.build
        left = build.sub(load(build, self.ctx, at.CTX_STEPS), ONE)
        store(build, left, self.ctx, at.CTX_STEPS)
        with build.if_then(build.icmp_signed("<", left, ZERO), likely=False):
            build.call(self.module.failed, [self.ctx, self.site("loop", ()), ZERO, ZERO])
            self._return()

    def _while(self, node: ast.While) -> None:
        build = self.build
        head, body, end = (self.function.append_basic_block() for _ in range(3))
        build.branch(head)
        build.position_at_end(head)
        build.cbranch(self.truth(self._value(node.test)), body, end)
        self._body(node, body, head, end)

    def _body(self, node: ast.While | ast.For, body: ir.Block, again: ir.Block, end: ir.Block) -> None:
        build = self.build
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
        kind = type_of(self._routine.variables[node.target.id])
        values = [ir.Constant(kind, ast.literal_eval(one)) for one in numbers.elts]
        array = ir.ArrayType(kind, len(values))
        name = f"numbers{len(self.module.ir.globals)}"
        table = ir.GlobalVariable(self.module.ir, array, name)
        table.global_constant, table.linkage = True, "internal"
        table.initializer = ir.Constant(array, values)

        def take(k: ir.Value) -> ir.Value:
            return self.build.load(self.build.gep(table, [ZERO, k]))

        self._count(node, ZERO, ir.Constant(I64, len(values)), ONE, take)

    def _for_range(self, node: ast.For, call: ast.expr) -> None:
        assert isinstance(call, ast.Call)
        given = [self._value(argument) for argument in call.args]
        first, end, step = (ZERO, given[0].one, ONE) if len(given) == 1 else (given[0].one, given[1].one, ONE)
        if len(given) == 3:
            step = given[2].one
            bad = self.build.icmp_signed("==", step, ZERO)
            self.fails_if(bad, "range", given[:2])
            step = self.build.select(bad, ONE, step)
            end = self.build.select(bad, first, end)
        self._count(node, first, end, step, lambda k: k)

    def _count(
        self,
        node: ast.For,
        first: ir.Value,
        end: ir.Value,
        step: ir.Value,
        take: Callable[[ir.Value], ir.Value],
    ) -> None:
        build = self.build
        assert isinstance(node.target, ast.Name)
        with build.goto_block(self._entry):
            counter = build.alloca(I64)
        head, body, again, out = (self.function.append_basic_block() for _ in range(4))
        build.store(first, counter)
        build.branch(head)
        build.position_at_end(head)
        k = build.load(counter)
        upward = build.icmp_signed(">", step, ZERO)
        within = build.select(upward, build.icmp_signed("<", k, end), build.icmp_signed(">", k, end))
        build.cbranch(within, body, out)
        build.position_at_end(again)
        added = build.sadd_with_overflow(build.load(counter), step)
        build.store(build.extract_value(added, 0), counter)
        build.cbranch(build.extract_value(added, 1), out, head)
        build.position_at_end(body)
        build.store(take(k), self._names[node.target.id][0])
        self._body(node, build.block, again, out)

    def _value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return constant(node.value)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.BinOp):
            return self.binary(node.op, self._value(node.left), self._value(node.right))
        if isinstance(node, ast.UnaryOp):
            return self.unary(node.op, self._value(node.operand))
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.BoolOp):
            return self._bool(node.values, isinstance(node.op, ast.And))
        if isinstance(node, ast.IfExp):
            return self._choice(node)
        assert isinstance(node, ast.Call)
        return self._call(node)

    def _name(self, node: ast.Name) -> Value:
        if node.id in self._names:
            parts = tuple(self.build.load(slot) for slot in self._names[node.id])
            return Value(self._routine.variables[node.id], parts)
        return constant(self._routine.source.constants[node.id])

    def _attribute(self, node: ast.Attribute) -> Value:
        text = ast.unparse(node)
        if text in self._routine.source.constants:
            return constant(self._routine.source.constants[text])
        base = self._value(node.value)
        if base.kind == "wake":
            offset = at.CTX_NOW + 8 * WAKE_NUMBERS.index(node.attr)
            return Value("i8", (load(self.build, self.ctx, offset),))
        if base.kind == "view":
            return self._seen(base, node.attr)
        if base.kind == "state" and node.attr == "at":
            return Value("ats", ())
        kind, address = self._field(base, node.attr)
        if isinstance(kind, Array):
            return Value(kind, (address,))
        return Value(kind, (get(self.build, address, kind),))

    def _field(self, base: Value, name: str) -> tuple[Kind, ir.Value]:
        """The type of a field of state or of an instrument's, and its address."""
        assert isinstance(base.kind, str)
        strategy = self.module.strategy
        declared = (strategy.state if base.kind == "state" else strategy.at)[name]
        kind, _, length = declared.rstrip("]").partition("[")
        offset = self.module.fields[base.kind].offsets[name]
        address = self.build.add(base.one, ir.Constant(I64, offset))
        return (Array(base.kind, name, kind, int(length)) if length else kind), address

    def _seen(self, base: Value, name: str) -> Value:
        """A field of a market's view."""
        build, (view, own) = self.build, base.parts
        strategy = self.module.strategy
        if name in _OWN_NUMBERS:
            return Value("i8", (load(build, own, _OWN_NUMBERS[name]),))
        if name in VIEW_ARRAYS:
            k = VIEW_ARRAYS.index(name)
            if k < 4:
                return Value(
                    Array("view", name, "i8", strategy.depth),
                    (load(build, view, layout.VIEW_BID_PRICES + 8 * k),),
                )
            offset = ir.Constant(I64, at.OWN_ARRAYS + (k - 4) * 8 * strategy.orders)
            return Value(Array("view", name, "i8", strategy.orders), (build.add(own, offset),))
        value = load(build, view, layout.VIEW_TRUSTED + 8 * VIEW_NUMBERS.index(name))
        if name in ("bids", "asks"):
            depth = ir.Constant(I64, strategy.depth)
            value = build.select(build.icmp_signed("<", value, depth), value, depth)
        return Value("i8", (value,))

    def _subscript(self, node: ast.Subscript) -> Value:
        base, index = self._value(node.value), self._value(node.slice)
        if isinstance(base.kind, Array):
            kind, address = self._element(base, index)
            return Value(kind, (get(self.build, address, kind),))
        build = self.build
        k = self._within(index, load(build, self.ctx, at.CTX_INSTRUMENTS), "instrument")
        if base.kind == "ats":
            return Value("at", (self._nth(k, at.CTX_AT, at.CTX_AT_BYTES),))
        views = self._nth(k, at.CTX_VIEWS, at.CTX_VIEW_BYTES)
        return Value("view", (views, self._nth(k, at.CTX_OWN, at.CTX_OWN_BYTES)))

    def _nth(self, k: ir.Value, first: int, stride: int) -> ir.Value:
        build = self.build
        return build.add(load(build, self.ctx, first), build.mul(k, load(build, self.ctx, stride)))

    def _element(self, base: Value, index: Value) -> tuple[str, ir.Value]:
        assert isinstance(base.kind, Array)
        array = base.kind
        k = self._within(index, ir.Constant(I64, array.length), "index", (array,))
        return array.kind, self.build.add(base.one, self.build.mul(k, ir.Constant(I64, 8)))

    def _within(self, index: Value, count: ir.Value, what: str, detail: tuple[Any, ...] = ()) -> ir.Value:
        """The index, or 0 when there is no such element."""
        bad = self.build.icmp_unsigned(">=", index.one, count)
        self.fails_if(bad, what, (index, Value("i8", (count,))), detail)
        return self.build.select(bad, ZERO, index.one)

    def _compare(self, node: ast.Compare) -> Value:
        sides = [node.left, *node.comparators]
        links = [
            partial(self._link, operator, one, two)
            for operator, one, two in zip(node.ops, sides, sides[1:], strict=False)
        ]
        return Value("i8", (self._chain(links, "i8", conjunction=True),))

    def _link(self, operator: ast.cmpop, one: ast.expr, two: ast.expr) -> ir.Value:
        a = self._value(one)
        return self.flag(self.related(operator, a, self._value(two))).one

    def _bool(self, nodes: Sequence[ast.expr], conjunction: bool) -> Value:
        first = self._value(nodes[0])
        rest = [partial(self._number, node) for node in nodes[1:]]
        found = self._chain([lambda: first.one, *rest], str(first.kind), conjunction=conjunction)
        return Value(first.kind, (found,))

    def _number(self, node: ast.expr) -> ir.Value:
        return self._value(node).one

    def _chain(self, values: Sequence[Callable[[], ir.Value]], kind: str, *, conjunction: bool) -> ir.Value:
        """``and``, ``or``: the first value that decides, else the last one."""
        if len(values) == 1:
            return values[0]()
        build = self.build
        end = self.function.append_basic_block()
        incoming = []
        for k, make in enumerate(values):
            value = make()
            incoming.append((value, build.block))
            if k == len(values) - 1:
                build.branch(end)
                break
            follow = self.function.append_basic_block()
            truth = self.truth(Value(kind, (value,)))
            build.cbranch(truth, *((follow, end) if conjunction else (end, follow)))
            build.position_at_end(follow)
        build.position_at_end(end)
        merged = build.phi(type_of(kind))
        for value, block in incoming:
            merged.add_incoming(value, block)
        return merged

    def _choice(self, node: ast.IfExp) -> Value:
        build = self.build
        yes, no, end = (self.function.append_basic_block() for _ in range(3))
        build.cbranch(self.truth(self._value(node.test)), yes, no)
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
        return Value(found[0][0].kind, tuple(parts))

    def _call(self, node: ast.Call) -> Value:
        function = node.func
        if isinstance(function, ast.Name) and function.id in self.module.functions:
            return self._routine_call(function.id, [self._value(argument) for argument in node.args])
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if (
            isinstance(function, ast.Attribute)
            and ast.unparse(function.value) not in self._routine.source.modules
        ):
            values = [self._value(argument) for argument in node.args]
            named = {str(keyword.arg): self._value(keyword.value) for keyword in node.keywords}
            return self.method(name, values, named)
        if name == "len":
            return self._length(self._value(node.args[0]))
        values = [self._value(argument) for argument in node.args]
        if name in FUNCTIONS:
            return self.numeric(name, values)
        if name in ("min", "max"):
            return self.extremum(name, values)
        return self.converted(name, values[0])

    def _routine_call(self, name: str, values: Sequence[Value]) -> Value:
        routine = self.module.typed.routines[name]
        parts = [part for value in values for part in value.parts]
        result = self.build.call(self.module.functions[name], [self.ctx, *parts])
        return Value(routine.result, () if routine.result == "none" else (result,))

    def _length(self, value: Value) -> Value:
        if isinstance(value.kind, Array):
            return constant(value.kind.length)
        return Value("i8", (load(self.build, self.ctx, at.CTX_INSTRUMENTS),))
