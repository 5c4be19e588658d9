"""Which names have a value when: a variable that may have none is told before a run. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Sequence

__all__ = ["Values"]


class Values:
    """Follows every way through a function. ``refuse(name)`` is called for a use that may come too early."""

    def __init__(self, variables: Collection[str], refuse: Callable[[ast.Name], None]) -> None:
        self._variables, self._refuse = variables, refuse
        self._left: list[list[set[str]]] = []

    def after(self, body: Sequence[ast.stmt], before: set[str]) -> set[str] | None:
        """The names that have a value after a block whatever its way; None when it never gets there."""
        known: set[str] | None = set(before)
        for node in body:
            if known is None:
                return None
            known = self._past(node, known)
        return known

    def _past(self, node: ast.stmt, known: set[str]) -> set[str] | None:
        for part in (getattr(node, "test", None), getattr(node, "iter", None), getattr(node, "value", None)):
            if part is not None:
                self._have_values(part, known)
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Name):
                return known | {target.id}
            self._have_values(target, known)
        elif isinstance(node, ast.If):
            one, two = self.after(node.body, known), self.after(node.orelse, known)
            if one is None or two is None:
                return two if one is None else one
            return one & two
        elif isinstance(node, ast.While):
            left = self._within(node.body, known)
            if isinstance(node.test, ast.Constant) and node.test.value:
                return set.intersection(*left) if left else None
        elif isinstance(node, ast.For):
            assert isinstance(node.target, ast.Name)
            self._within(node.body, known | {node.target.id})
        elif isinstance(node, (ast.Return, ast.Break, ast.Continue)):
            if isinstance(node, ast.Break):
                self._left[-1].append(known)
            return None
        return known

    def _within(self, body: Sequence[ast.stmt], known: set[str]) -> list[set[str]]:
        """A loop; the names that have a value at each of its breaks."""
        self._left.append([])
        self.after(body, known)
        return self._left.pop()

    def _have_values(self, node: ast.expr, known: set[str]) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in self._variables and part.id not in known:
                self._refuse(part)
