"""Trees of ``decide`` made plain: before their types are found, and after. Pure."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

__all__ = ["converted", "lowered"]


def lowered(tree: ast.FunctionDef) -> ast.FunctionDef:
    """A copy in which every assignment is ``one target = value``; texts and annotations are gone."""
    made = _Lowered().visit(copy.deepcopy(tree))
    assert isinstance(made, ast.FunctionDef)
    return made


def converted(
    tree: ast.FunctionDef,
    is_float: Callable[[ast.expr], bool],
    floats: set[str],
    renamed: Callable[[ast.Call], str | None],
    *,
    gives_float: bool,
) -> ast.FunctionDef:
    """The tree with ``float(...)`` where an integer becomes a float, and routines called by their names.

    ``floats``: the variables that are floats; ``renamed`` tells the routine of a call, None for other calls;
    ``gives_float``: what the function returns.
    """
    made = _Converted(is_float, floats, renamed, gives_float=gives_float).visit(tree)
    assert isinstance(made, ast.FunctionDef)
    return made


class _Lowered(ast.NodeTransformer):
    def __init__(self) -> None:
        self._made = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.decorator_list, node.returns = [], None
        for argument in node.args.args:
            argument.annotation = None
        self.generic_visit(node)
        node.body = node.body or [ast.copy_location(ast.Pass(), node)]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node) if isinstance(node.value, ast.Constant) else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        held = _loaded(node.target)
        value = ast.copy_location(ast.BinOp(held, node.op, node.value), node)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        if len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple):
            return node
        made: list[ast.stmt] = []
        values = [self._kept(made, value, node) for value in _elements(node.value)]
        for target in node.targets:
            targets = _elements(target)
            if isinstance(target, ast.Tuple) != isinstance(node.value, ast.Tuple) or len(targets) != len(
                values
            ):
                return node  # its tuple is refused as an expression
            made += [
                ast.copy_location(
                    ast.Assign([one], ast.copy_location(ast.Name(name, ast.Load()), node)), node
                )
                for one, name in zip(targets, values, strict=True)
            ]
        return made

    def _kept(self, made: list[ast.stmt], value: ast.expr, node: ast.stmt) -> str:
        name = f"_kept{self._made}"
        self._made += 1
        target = ast.copy_location(ast.Name(name, ast.Store()), node)
        made.append(ast.copy_location(ast.Assign([target], value), node))
        return name


class _Converted(ast.NodeTransformer):
    def __init__(
        self,
        is_float: Callable[[ast.expr], bool],
        floats: set[str],
        renamed: Callable[[ast.Call], str | None],
        *,
        gives_float: bool,
    ) -> None:
        self._is_float, self._floats, self._renamed = is_float, floats, renamed
        self._gives_float = gives_float

    def _float(self, node: ast.expr) -> ast.expr:
        if self._is_float(node):
            return node
        call = ast.Call(ast.copy_location(ast.Name("float", ast.Load()), node), [node], [])
        return ast.copy_location(call, node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in self._floats:
            node.value = self._float(node.value)
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        assert isinstance(node.target, ast.Name)
        self.generic_visit(node)
        if isinstance(node.iter, ast.Tuple) and node.target.id in self._floats:
            numbers = [float(ast.literal_eval(one)) for one in node.iter.elts]
            node.iter.elts = [ast.copy_location(ast.Constant(one), node) for one in numbers]
        return node

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        self.generic_visit(node)
        if node.value is not None and self._gives_float:
            node.value = self._float(node.value)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if self._is_float(node):
            node.body, node.orelse = self._float(node.body), self._float(node.orelse)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        if self._is_float(node):
            node.values = [self._float(value) for value in node.values]
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        name = self._renamed(node)
        if name is not None:
            node.func = ast.copy_location(ast.Name(name, ast.Load()), node)
        return node


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _loaded(target: ast.expr) -> ast.expr:
    held = copy.deepcopy(target)
    if isinstance(held, (ast.Name, ast.Attribute, ast.Subscript)):
        held.ctx = ast.Load()
    return held
