"""What ``decide`` may say, and what it then means: its source checked and rewritten. Pure.

    Source.of(decide).refusals        what goes beyond the allow list, each with its line
    Source.of(decide).function(ops)   the same function with `trading.machine` in place of its operators

Allowed are assignments, ``if``, ``while``, ``for`` over ``range`` or a tuple of numbers, arithmetic,
comparisons, the fields of the four arguments, functions of `mm_framework.num`, constants of the module
(enumerations too), and the module's own functions that keep to the same list. So there is no clock, no
file, no container that grows, and no library whose last digit differs between machines.
"""

from __future__ import annotations

import ast
import copy
import difflib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final

import attrs

from mm_framework import num
from mm_framework.trading.machine import OPERATIONS, Steps

__all__ = ["Refusal", "Source"]

_STATEMENTS: Final = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If, ast.While, ast.For,
    ast.Break, ast.Continue, ast.Pass, ast.Return, ast.Expr,
)  # fmt: skip
_EXPRESSIONS: Final = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Attribute,
    ast.Subscript, ast.Name, ast.Constant, ast.Tuple,
)  # fmt: skip
_FUNCTIONS: Final = frozenset({"abs", "bool", "float", "int", "len", "max", "min"})
_HINTS: Final = {
    ast.Pow: "** gives other digits when compiled: use num.pow or num.powi",
    ast.LShift: "shifts leave int64 unseen: multiply",
    ast.RShift: "shifts: use // by a power of two",
    ast.MatMult: "there are no matrices",
    ast.Invert: "~ is not for numbers: use -x - 1",
    ast.In: "`in` needs a container: compare",
    ast.NotIn: "`in` needs a container: compare",
    ast.Is: "`is` compares identity: use ==",
    ast.IsNot: "`is not` compares identity: use !=",
}


@attrs.frozen
class Refusal:
    """One thing that is not allowed: where (``file:line``) and what."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@attrs.frozen
class Source:
    """A function's text, its syntax tree and what its names mean. ``helpers``: the module's functions that
    it calls; ``modules``: the names under which it knows `mm_framework.num`.
    """

    name: str
    where: str
    text: str
    tree: ast.FunctionDef | None
    constants: Mapping[str, int | float]
    helpers: Mapping[str, Source]
    modules: frozenset[str]
    refusals: tuple[Refusal, ...]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Source:
        """Read a function. What cannot be read (a lambda, a builtin, a class) is one refusal."""
        return _read(function, ())

    @property
    def key(self) -> tuple[Any, ...]:
        """All that the function depends on: with equal keys the code is the same, or what forbids it."""
        constants = repr(sorted(self.constants.items()))  # 1 and 1.0 are equal
        helpers = tuple((name, helper.key) for name, helper in sorted(self.helpers.items()))
        return self.where, self.text, constants, helpers, self.modules, self.refusals

    def function(self) -> Callable[..., Any]:
        """The function with the operators of `trading.machine`. Raises ValueError when it has refusals."""
        if self.refusals or self.tree is None:
            raise ValueError("\n".join(map(str, self.refusals)))
        steps = Steps()
        space = self._space(steps)
        entry = space[self.name]

        def checked(*arguments: Any) -> Any:
            steps.reset()
            return entry(*arguments)

        return checked

    def _space(self, steps: Steps) -> dict[str, Any]:
        """A namespace in which the rewritten function stands."""
        assert self.tree is not None
        space: dict[str, Any] = {f"_op_{name}": operation for name, operation in OPERATIONS.items()}
        space |= {"_op_step": steps, "__builtins__": {"len": len, "range": range}}
        space |= {name: getattr(num, name) for name in num.__all__}
        space |= dict.fromkeys(self.modules, num)
        space |= self.constants
        for name, helper in self.helpers.items():
            space[name] = helper._space(steps)[helper.name]
        file, _, line = self.where.rpartition(":")
        tree = _Rewriter(self.constants).visit(copy.deepcopy(self.tree))
        tree.decorator_list = []
        module = ast.fix_missing_locations(ast.Module([tree], []))
        _place_at_statements(module)
        exec(compile(ast.increment_lineno(module, int(line) - 1), file, "exec"), space)
        return space


def _read(function: Callable[..., Any], above: tuple[Any, ...]) -> Source:
    name = getattr(function, "__name__", repr(function))
    if not isinstance(function, FunctionType):
        return Source(name, name, "", None, {}, {}, frozenset(), (Refusal(name, "is no plain function"),))
    file = inspect.getsourcefile(function) or "?"
    text = ""
    try:
        lines, first = inspect.getsourcelines(function)
        text = textwrap.dedent("".join(lines))
        tree = ast.parse(text).body[0]
    except (OSError, SyntaxError, IndexError):
        tree = None
    if not isinstance(tree, ast.FunctionDef):
        where = f"{file}:{function.__code__.co_firstlineno}"
        return Source(
            name,
            where,
            text,
            None,
            {},
            {},
            frozenset(),
            (Refusal(where, "has no source as a def of its own"),),
        )
    reader = _Reader(function, f"{file}", first, (*above, function))
    reader.read(tree)
    return Source(
        name,
        f"{file}:{first}",
        text,
        tree,
        reader.constants,
        reader.helpers,
        frozenset(reader.modules),
        tuple(reader.refusals),
    )


class _Reader:
    """Walks a function's tree; collects constants, helpers, refusals."""

    def __init__(self, function: FunctionType, file: str, first: int, above: tuple[Any, ...]) -> None:
        closure = inspect.getclosurevars(function)
        self._outer = {**closure.globals, **closure.nonlocals}
        self._near = sorted({*function.__globals__, *closure.nonlocals, "range", *_FUNCTIONS})
        self._file, self._first, self._above = file, first, above
        self._local: set[str] = set()
        self.constants: dict[str, int | float] = {}
        self.helpers: dict[str, Source] = {}
        self.modules: set[str] = set()
        self.refusals: list[Refusal] = []

    def read(self, tree: ast.FunctionDef) -> None:
        """The whole function."""
        arguments = tree.args
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults:
            self._refuse(tree, "takes *, ** or defaults: plain arguments only")
        self._local = {argument.arg for argument in arguments.args} | {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        body = tree.body
        if _is_text(body[0]):
            body = body[1:]
        for statement in body:
            self._statement(statement)

    def _refuse(self, node: ast.AST, text: str) -> None:
        line = self._first + getattr(node, "lineno", 1) - 1
        self.refusals.append(Refusal(f"{self._file}:{line}", text))

    def _statement(self, node: ast.stmt) -> None:
        if not isinstance(node, _STATEMENTS):
            self._refuse(node, f"{_word(node)} is not allowed in decide")
            return
        if isinstance(node, ast.For) and not self._loops_well(node):
            self._refuse(node.iter, "for goes over range(...) or a tuple of numbers")
        elif isinstance(node, ast.For):
            for argument in getattr(node.iter, "args", []):
                self._expression(argument)
        if isinstance(node, (ast.For, ast.While)) and node.orelse:
            self._refuse(node, "a loop has no else here")
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call):
            self._refuse(node, "a value that nobody uses")
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child)
            elif isinstance(child, ast.operator):
                self._operator(child, node)
            elif isinstance(child, ast.expr) and child not in (
                getattr(node, "iter", None),
                getattr(node, "annotation", None),
            ):
                self._expression(child)
        if isinstance(node, ast.AugAssign) and _calls(node.target):
            self._refuse(node, "a call on the left of an augmented assignment")

    def _loops_well(self, node: ast.For) -> bool:
        over = node.iter
        if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range":
            return not over.keywords
        if isinstance(over, ast.Tuple):
            return all(isinstance(_constant(element), (int, float)) for element in over.elts)
        return False

    def _operator(self, operator: ast.AST, node: ast.AST) -> None:
        if type(operator) in _HINTS:
            self._refuse(node, _HINTS[type(operator)])

    def _expression(self, node: ast.expr) -> None:
        if not isinstance(node, _EXPRESSIONS):
            self._refuse(node, f"{_word(node)} is not allowed in decide")
            return
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, (int, float)) or isinstance(node.value, complex):
                self._refuse(node, f"{node.value!r} is no number")
            return
        if isinstance(node, ast.Name):
            self._name(node)
            return
        if isinstance(node, ast.Attribute):
            self._attribute(node)
            return
        if isinstance(node, ast.Call):
            self._call(node)
            return
        if isinstance(node, ast.Compare) and len(node.ops) > 1 and any(map(_calls, node.comparators[:-1])):
            self._refuse(node, "a call within a chain of comparisons: compare twice")
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            self._refuse(node, "there are no slices: loop over the elements")
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child)
            else:
                self._operator(child, node)

    def _name(self, node: ast.Name) -> None:
        if node.id in self._local:
            return
        value = self._outer.get(node.id)
        if isinstance(value, (int, float)):
            self.constants[node.id] = float(value) if isinstance(value, float) else int(value)
        elif node.id not in ("True", "False"):
            self._unknown(node, node.id)

    def _attribute(self, node: ast.Attribute) -> None:
        root = _root(node)
        if root is not None and root.id not in self._local:
            value = self._value(node)
            if isinstance(value, (int, float)):
                self.constants[ast.unparse(node)] = value if isinstance(value, float) else int(value)
            else:
                self._unknown(node, ast.unparse(node))
        else:
            self._expression(node.value)

    def _value(self, node: ast.expr) -> Any:
        """What a name outside of the function, with its attributes, stands for; None for nothing."""
        if isinstance(node, ast.Attribute):
            return getattr(self._value(node.value), node.attr, None)
        return self._outer.get(node.id) if isinstance(node, ast.Name) else None

    def _call(self, node: ast.Call) -> None:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if isinstance(argument, ast.Starred):
                self._refuse(argument, "* in a call is not allowed in decide")
            else:
                self._expression(argument)
        if any(keyword.arg is None for keyword in node.keywords):
            self._refuse(node, "** in a call is not allowed in decide")
        root = _root(node.func)
        if root is not None and root.id in self._local:
            return
        if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and node.func.id not in self._outer:
            return
        called = self._value(node.func)
        text = ast.unparse(node.func)
        if self._is_numeric(node.func, called):
            if called in num.MADE_OF_OPERATORS:
                self.helpers[text] = _read(called, self._above)
            return
        if called in self._above:
            self._refuse(node, f"{text} calls itself: loop instead")
        elif isinstance(called, FunctionType) and isinstance(node.func, ast.Name):
            helper = self.helpers[text] = _read(called, self._above)
            self.refusals.extend(helper.refusals)
        else:
            self._unknown(node, text)

    def _is_numeric(self, node: ast.expr, called: Any) -> bool:
        """Whether a function of `mm_framework.num` is called, by its own name."""
        if isinstance(node, ast.Attribute) and self._value(node.value) is num and called is not None:
            self.modules.add(ast.unparse(node.value))
            return True
        return isinstance(node, ast.Name) and node.id in num.__all__ and called is getattr(num, node.id)

    def _unknown(self, node: ast.AST, text: str) -> None:
        root = text.partition(".")[0]
        if isinstance(self._outer.get(root), ModuleType) or root in self._outer:
            self._refuse(node, f"{text} is neither a number nor a function of mm_framework.num")
            return
        close = difflib.get_close_matches(root, [*sorted(self._local), *self._near], 1)
        self._refuse(node, f"{text} is not known here" + (f"; did you mean {close[0]}?" if close else ""))


class _Rewriter(ast.NodeTransformer):
    """Operators become calls, loops count their turns, constants stand as numbers."""

    def __init__(self, constants: Mapping[str, int | float]) -> None:
        self._constants = constants

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return _operation(type(node.op).__name__, node.left, node.right)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Store):
            return node
        return _operation("Item", node.value, node.slice)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _operation("USub", node.operand) if isinstance(node.op, ast.USub) else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) == 1:
            return _operation(type(node.ops[0]).__name__, node.left, node.comparators[0])
        sides = [node.left, *node.comparators]
        links = [
            _operation(type(operator).__name__, left, right)
            for operator, left, right in zip(node.ops, sides, sides[1:], strict=False)
        ]
        return ast.BoolOp(op=ast.And(), values=links)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        target = ast.parse(ast.unparse(node.target), mode="eval").body
        value = _operation(type(node.op).__name__, target, node.value)
        return ast.Assign(targets=[node.target], value=value)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        text = ast.unparse(node)
        if text in self._constants:
            return ast.Constant(self._constants[text])
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in OPERATIONS:
            node.func = ast.Name(f"_op_{node.func.id}", ast.Load())
        return node

    def visit_While(self, node: ast.While) -> ast.stmt:
        self.generic_visit(node)
        node.body.insert(0, _step())
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        node.body.insert(0, _step())
        return node


def _place_at_statements(tree: ast.Module) -> None:
    """Give every expression the line of its statement, which is what an error names in both modes."""
    for statement in ast.walk(tree):
        if isinstance(statement, ast.stmt):
            for part in ast.iter_child_nodes(statement):
                if isinstance(part, ast.expr):
                    for node in ast.walk(part):
                        if isinstance(node, ast.expr):
                            node.lineno = node.end_lineno = statement.lineno
                            node.col_offset = node.end_col_offset = 0


def _operation(name: str, *operands: ast.expr) -> ast.expr:
    return ast.Call(func=ast.Name(f"_op_{name}", ast.Load()), args=list(operands), keywords=[])


def _step() -> ast.stmt:
    return ast.Expr(ast.Call(func=ast.Name("_op_step", ast.Load()), args=[], keywords=[]))


def _root(node: ast.expr) -> ast.Name | None:
    """The name with which a chain of attributes and subscripts begins."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def _calls(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Call) for part in ast.walk(node))


def _constant(node: ast.expr) -> object:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _constant(node.operand)
    return node.value if isinstance(node, ast.Constant) else None


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(_constant(node.value), str)


def _word(node: ast.AST) -> str:
    words = {
        "With": "with", "Try": "try", "Raise": "raise", "Import": "import", "ImportFrom": "import",
        "Lambda": "lambda", "ListComp": "a comprehension", "DictComp": "a comprehension",
        "SetComp": "a comprehension", "GeneratorExp": "a comprehension", "List": "a list", "Dict": "a dict",
        "Set": "a set", "JoinedStr": "an f-string", "FunctionDef": "a function in a function",
        "ClassDef": "a class", "Global": "global", "Nonlocal": "nonlocal", "Delete": "del",
        "Assert": "assert", "NamedExpr": ":=", "Match": "match", "Await": "await", "Yield": "yield",
    }  # fmt: skip
    return words.get(type(node).__name__, type(node).__name__.lower())
