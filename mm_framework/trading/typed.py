"""The types of what ``decide`` says: every name is an int64, a float64 or one of the four views. Pure.

    typed = Typed.of(strategy)
    typed.refusals      what has no type of its own, with its line
    typed.routines      decide and its helpers, once for each types of arguments, conversions written out

Where integers and floats meet in one variable, in the two sides of a choice or in what a helper returns, all
of them are floats. Both modes of a strategy are made from these routines, so that both convert at the same
places.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import attrs

from mm_framework.contracts.strategy import Strategy
from mm_framework.model.fixed import MAX
from mm_framework.trading.assigned import Values
from mm_framework.trading.lowered import converted, lowered
from mm_framework.trading.source import Refusal, Source

__all__ = [
    "FUNCTIONS",
    "INT",
    "VIEW_ARRAYS",
    "VIEW_NUMBERS",
    "WAKE_NUMBERS",
    "Array",
    "Kind",
    "Routine",
    "Typed",
]

INT: Final = "i8"
FLOAT: Final = "f8"

VIEW_NUMBERS: Final = (
    "trusted", "has_bid", "has_ask", "bid", "bid_size", "ask", "ask_size", "bids", "asks",
    "tick", "lot", "price_scale", "size_scale", "position", "open_orders",
)  # fmt: skip
VIEW_ARRAYS: Final = (
    "bid_prices", "bid_sizes", "ask_prices", "ask_sizes",
    "order_numbers", "order_sides", "order_prices", "order_leaves",
)  # fmt: skip
WAKE_NUMBERS: Final = (
    "now_ns", "instrument", "reasons", "trade_price", "trade_size", "trade_side",
    "order", "filled", "refusal",
)  # fmt: skip
FUNCTIONS: Final = frozenset({"exp", "log", "pow", "sqrt"})
"""Of `mm_framework.num`, those that are not made of operators."""

_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "place": ("i", "side", "price", "size", "tif", "urgency", "tag", "expires_ns"),
    "cancel": ("order", "tag"),
    "replace": ("order", "price", "size", "tag"),
    "timer": ("due_ns",),
}
_NEEDED: Final = {"place": 4, "cancel": 1, "replace": 3, "timer": 1}


@attrs.frozen
class Array:
    """An array: of the view, or a declared one of ``state`` or ``at``."""

    owner: str
    name: str
    kind: str
    length: int


Kind = str | Array
"""``i8``, ``f8``, ``none``, an `Array`, or a view: ``state``, ``ats`` (``state.at``), ``at``, ``market``,
``view``, ``wake``, ``out``.
"""


@attrs.define
class Routine:
    """A function for given types: its tree with conversions written out, the types of its names.

    ``source`` has this tree and ``source.constants``; ``result`` is a number's type or ``none``.
    """

    name: str
    source: Source
    arguments: tuple[str, ...]
    variables: dict[str, Kind]
    result: Kind

    @property
    def body(self) -> list[ast.stmt]:
        """The statements."""
        assert self.source.tree is not None
        return self.source.tree.body


@attrs.frozen
class Typed:
    """A strategy's routines by name, ``decide`` last; empty with ``refusals``. ``key``: all that they depend
    on, by which two are equal.
    """

    key: tuple[Any, ...]
    strategy: Strategy = attrs.field(eq=False)
    routines: Mapping[str, Routine] = attrs.field(eq=False)
    refusals: tuple[Refusal, ...] = attrs.field(eq=False)

    @classmethod
    def of(cls, strategy: Strategy) -> Typed:
        """Find the types, once in a process. A function that breaks the allow list is refused for that."""
        source = Source.of(strategy.decide)
        fields = (tuple(strategy.state.items()), tuple(strategy.at.items()))
        key = (source.key, *fields, tuple(strategy.tags), strategy.depth, strategy.orders)
        return attrs.evolve(_typed(_Asked(key, strategy, source)), strategy=strategy)

    @property
    def decide(self) -> Routine:
        """The routine of ``decide``. Raises ValueError with refusals."""
        if self.refusals:
            raise ValueError("\n".join(map(str, self.refusals)))
        return list(self.routines.values())[-1]


@attrs.frozen
class _Asked:
    """A strategy whose types are asked for."""

    key: tuple[Any, ...]
    strategy: Strategy = attrs.field(eq=False)
    source: Source = attrs.field(eq=False)


@lru_cache(maxsize=64)
def _typed(asked: _Asked) -> Typed:
    if asked.source.refusals:
        return Typed(asked.key, asked.strategy, {}, asked.source.refusals)
    maker = _Maker(asked.strategy)
    try:
        maker.routine(asked.source, ("state", "wake", "market", "out"))
    except _Untyped as refused:
        return Typed(asked.key, asked.strategy, {}, (refused.refusal,))
    return Typed(asked.key, asked.strategy, maker.routines, ())


class _Untyped(Exception):
    """Something has no type."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(str(refusal))


class _Maker:
    """Makes routines, each once."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.routines: dict[str, Routine] = {}
        self._known: dict[tuple[str, tuple[Kind, ...]], Routine] = {}

    def routine(self, source: Source, kinds: tuple[Kind, ...]) -> Routine:
        key = (source.where, kinds)
        if key not in self._known:
            made = _Typer(self, source, kinds).routine(f"{source.name}_{len(self._known)}")
            self._known[key] = self.routines[made.name] = made
        return self._known[key]


class _Typer:
    """The types of one function, its arguments' being known."""

    def __init__(self, maker: _Maker, source: Source, kinds: tuple[Kind, ...]) -> None:
        assert source.tree is not None
        self._maker, self._source = maker, source
        self._file, _, line = source.where.rpartition(":")
        self._first = int(line)
        self._tree = lowered(source.tree)
        self.arguments = tuple(argument.arg for argument in self._tree.args.args)
        if len(self.arguments) != len(kinds):
            self.refuse(self._tree, f"takes {len(self.arguments)} arguments, is given {len(kinds)}")
        self.variables: dict[str, Kind] = dict(zip(self.arguments, kinds, strict=True))
        self.result: Kind | None = None

    def routine(self, name: str) -> Routine:
        """Find the types, then write the conversions out."""
        body = self._tree.body
        known: tuple[dict[str, Kind], Kind | None] = ({}, None)
        while known != (self.variables, self.result):
            known = (dict(self.variables), self.result)
            self._block(body)
        values = Values(self.variables, self._refuse_early)
        if values.after(body, set(self.arguments)) is not None and self.result not in (None, "none"):
            self.refuse(body[-1], "may end without a return")
        floats = {one for one, kind in self.variables.items() if kind == FLOAT}
        tree = converted(
            self._tree,
            lambda node: self.kind(node) == FLOAT,
            floats,
            self._renamed,
            gives_float=self.result == FLOAT,
        )
        tree.name = name
        called = set(map(_called, ast.walk(tree)))
        helpers = {one: made.source for one, made in self._maker.routines.items() if one in called}
        source = attrs.evolve(self._source, name=name, tree=tree, helpers=helpers)
        return Routine(name, source, self.arguments, self.variables, self.result or "none")

    def _renamed(self, node: ast.Call) -> str | None:
        routine = self.helper(node)
        return None if routine is None else routine.name

    def _refuse_early(self, name: ast.Name) -> None:
        self.refuse(name, f"{name.id} may have no value here: assign it before")

    def refuse(self, node: ast.AST, text: str) -> None:
        """Raises _Untyped with the line of a node."""
        line = self._first + getattr(node, "lineno", 1) - 1
        raise _Untyped(Refusal(f"{self._file}:{line}", text))

    # statements

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            self._assign(node.targets[0], self.kind(node.value), node)
        elif isinstance(node, (ast.If, ast.While)):
            self.number(node.test)
            self._block(node.body)
            self._block(node.orelse)
        elif isinstance(node, ast.For):
            self._loop(node)
        elif isinstance(node, ast.Return):
            found = "none" if node.value is None else self.number(node.value)
            self.result = found if self.result is None else self._join(self.result, found, node, "the result")
            if self.result != "none" and self.arguments == ("state", "wake", "market", "out"):
                self.refuse(node, "decide returns nothing")
        elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            self.kind(node.value)

    def _assign(self, target: ast.expr, value: Kind, node: ast.stmt) -> None:
        if value == "none":
            self.refuse(node, "this call gives no value")
        if isinstance(target, ast.Name):
            known = self.variables.get(target.id, value)
            self.variables[target.id] = self._join(known, value, node, target.id)
            return
        declared = self.kind(target)
        base = self.kind(target.value) if isinstance(target, (ast.Attribute, ast.Subscript)) else ""
        owner = base.owner if isinstance(base, Array) else base
        if owner not in ("state", "at") or declared not in (INT, FLOAT):
            self.refuse(target, f"{ast.unparse(target)} cannot be set: only fields of state can")
        if value not in (INT, FLOAT):
            self.refuse(node, f"{ast.unparse(target)} holds numbers")
        if declared == INT and value == FLOAT:
            self.refuse(node, f"{ast.unparse(target)} is an integer (i8): convert with int(...)")

    def _loop(self, node: ast.For) -> None:
        if not isinstance(node.target, ast.Name):
            self.refuse(node.target, "a loop has one name")
            return
        if isinstance(node.iter, ast.Tuple):
            found = self._joined(node.iter.elts, node)
        else:
            assert isinstance(node.iter, ast.Call)
            if not 1 <= len(node.iter.args) <= 3:
                self.refuse(node.iter, "range takes one to three integers")
            for argument in node.iter.args:
                self.integer(argument)
            found = INT
        known = self._join(self.variables.get(node.target.id, found), found, node, node.target.id)
        if known != found and not isinstance(node.iter, ast.Tuple):
            self.refuse(node, f"{node.target.id} is a float elsewhere: use another name")
        self.variables[node.target.id] = known
        self._block(node.body)

    def _join(self, one: Kind, two: Kind, node: ast.AST, what: str) -> Kind:
        if one == two:
            return one
        if {one, two} == {INT, FLOAT}:
            return FLOAT
        self.refuse(node, f"{what} is {_told(one)} here and {_told(two)} elsewhere")
        raise AssertionError

    # expressions

    def number(self, node: ast.expr) -> str:
        """The type of a number. Raises _Untyped for anything else."""
        found = self.kind(node)
        if found not in (INT, FLOAT):
            self.refuse(node, f"{ast.unparse(node)} is {_told(found)}, expected a number")
        assert isinstance(found, str)
        return found

    def integer(self, node: ast.expr) -> str:
        """The same for an integer."""
        if self.number(node) != INT:
            self.refuse(node, f"{ast.unparse(node)} is a float, expected an integer: int(...) cuts")
        return INT

    def _joined(self, nodes: Iterable[ast.expr], node: ast.AST) -> str:
        kinds = [self.number(one) for one in nodes]
        return FLOAT if FLOAT in kinds else INT

    def kind(self, node: ast.expr) -> Kind:
        """The type of an expression, as far as the types of variables are known."""
        if isinstance(node, ast.Constant):
            return self._constant(node, node.value)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.UnaryOp):
            found = self.number(node.operand)
            return INT if isinstance(node.op, ast.Not) else found
        if isinstance(node, ast.Compare):
            self._joined([node.left, *node.comparators], node)
            return INT
        if isinstance(node, ast.BoolOp):
            return self._joined(node.values, node)
        if isinstance(node, ast.IfExp):
            self.number(node.test)
            return self._chosen(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        self.refuse(node, "a tuple stands in `for` or on both sides of an assignment")
        raise AssertionError

    def _constant(self, node: ast.expr, value: object) -> Kind:
        if isinstance(value, int) and not -MAX - 1 <= value <= MAX:
            self.refuse(node, f"{value} is beyond int64")
        return FLOAT if isinstance(value, float) else INT

    def _name(self, node: ast.Name) -> Kind:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id in self._source.constants:
            return self._constant(node, self._source.constants[node.id])
        self.refuse(node, f"{node.id} has no value yet: assign it before")
        raise AssertionError

    def _attribute(self, node: ast.Attribute) -> Kind:
        text = ast.unparse(node)
        if text in self._source.constants:
            return self._constant(node, self._source.constants[text])
        base = self.kind(node.value)
        fields = self._fields(base)
        if node.attr not in fields:
            close = difflib.get_close_matches(node.attr, fields, 1)
            near = f"; did you mean {close[0]}?" if close else ""
            self.refuse(node, f"{_told(base)} has no field {node.attr}{near}")
        return fields[node.attr]

    def _fields(self, base: Kind) -> dict[str, Kind]:
        strategy = self._maker.strategy
        if base == "wake":
            return dict.fromkeys(WAKE_NUMBERS, INT)
        if base == "view":
            found: dict[str, Kind] = dict.fromkeys(VIEW_NUMBERS, INT)
            for name in VIEW_ARRAYS:
                length = strategy.orders if name.startswith("order") else strategy.depth
                found[name] = Array("view", name, INT, length)
            return found
        if base == "state":
            return {**_declared("state", strategy.state), "at": "ats"}
        return _declared("at", strategy.at) if base == "at" else {}

    def _subscript(self, node: ast.Subscript) -> Kind:
        base = self.kind(node.value)
        self.integer(node.slice)
        if isinstance(base, Array):
            return base.kind
        if base not in ("market", "ats"):
            self.refuse(node, f"{_told(base)} has no elements")
        return "view" if base == "market" else "at"

    def _binary(self, node: ast.BinOp) -> Kind:
        if isinstance(node.op, (ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor)):
            self.integer(node.left)
            return self.integer(node.right)
        found = self._joined([node.left, node.right], node)
        return FLOAT if isinstance(node.op, ast.Div) else found

    def _chosen(self, node: ast.IfExp) -> Kind:
        return self._join(self.kind(node.body), self.kind(node.orelse), node, "the choice")

    # calls

    def _call(self, node: ast.Call) -> Kind:
        function = node.func
        if isinstance(function, ast.Name) and function.id not in self.variables:
            return self._function(node, function.id)
        if isinstance(function, ast.Attribute) and ast.unparse(function.value) in self._source.modules:
            return self._function(node, function.attr)
        if isinstance(function, ast.Attribute):
            return self._method(node, function)
        self.refuse(node, f"{ast.unparse(function)} is no function")
        raise AssertionError

    def _function(self, node: ast.Call, name: str) -> Kind:
        if node.keywords:
            self.refuse(node, f"{name} takes no names of arguments here")
        if name in self._maker.routines:
            return self._maker.routines[name].result
        if (routine := self.helper(node)) is not None:
            return routine.result
        count = len(node.args)
        if name == "len":
            if count != 1 or not (isinstance(self.kind(node.args[0]), Array) or self._is_many(node.args[0])):
                self.refuse(node, "len is of market, state.at or an array")
            return INT
        if count != (2 if name == "pow" else 1) and not (name in ("min", "max") and count > 1):
            self.refuse(node, f"{name} does not take {count} numbers here")
        found = self._joined(node.args, node)
        if name in FUNCTIONS or name == "float":
            return FLOAT
        return INT if name in ("int", "bool") else found

    def _is_many(self, node: ast.expr) -> bool:
        return self.kind(node) in ("market", "ats")

    def helper(self, node: ast.Call) -> Routine | None:
        """The routine of a helper that is called, for these types; None where another function is."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        source = self._source.helpers.get(ast.unparse(node.func))
        if source is None:
            return None
        kinds = tuple(self.kind(argument) for argument in node.args)
        if len(kinds) != len(source.tree.args.args if source.tree else ()):
            self.refuse(node, f"{name} does not take {len(kinds)} arguments")
        if source.where.rpartition(":")[0] != self._file:
            self._as_annotated(source, node)
        return self._maker.routine(source, kinds)

    def _as_annotated(self, source: Source, node: ast.Call) -> None:
        """A function of `mm_framework.num` is given integers where it says so: refused here, not there."""
        for argument, value in zip(source.tree.args.args if source.tree else (), node.args, strict=False):
            if isinstance(argument.annotation, ast.Name) and argument.annotation.id == "int":
                self.integer(value)

    def _method(self, node: ast.Call, function: ast.Attribute) -> Kind:
        base, name = self.kind(function.value), function.attr
        if base == "wake" and name == "uniform" and not node.args and not node.keywords:
            return FLOAT
        if base != "out" or name not in _METHODS:
            self.refuse(node, f"{_told(base)} has no {name}(...) of that kind")
        names = _METHODS[name]
        if len(node.args) > len(names):
            self.refuse(node, f"out.{name} takes {', '.join(names)}")
        given = list(names[: len(node.args)])
        for keyword in node.keywords:
            if keyword.arg not in names or keyword.arg in given:
                self.refuse(node, f"out.{name} takes {', '.join(names)}")
            given.append(str(keyword.arg))
        if not set(names[: _NEEDED[name]]) <= set(given):
            self.refuse(node, f"out.{name} needs {', '.join(names[: _NEEDED[name]])}")
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.integer(argument)
        return INT if name == "place" else "none"


def _declared(owner: str, fields: Mapping[str, str]) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for name, declared in fields.items():
        kind, _, length = declared.rstrip("]").partition("[")
        found[name] = Array(owner, name, kind, int(length)) if length else kind
    return found


def _told(kind: Kind) -> str:
    if isinstance(kind, Array):
        return f"the array {kind.name}"
    words = {INT: "an integer", FLOAT: "a float", "none": "nothing", "view": "market[i]", "at": "state.at[i]"}
    return words.get(kind, "state.at" if kind == "ats" else kind)


def _called(node: ast.AST) -> str:
    """The name of the function that is called, if it has one alone."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
