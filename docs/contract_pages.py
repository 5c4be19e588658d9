"""The page of contracts: what each class and function of `mm_framework.contracts` says of itself.

It is read from the sources: fields and methods in the order in which they stand there, defaults as they are
written. `generate.py` writes one section a module into the region ``contracts``.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

__all__ = ["CONTRACTS", "contracts", "module_names"]

CONTRACTS = Path(__file__).resolve().parent.parent / "mm_framework" / "contracts"

FIRST = ("spec", "adapter", "normalizer", "shapes", "sync_engine", "fee_model", "emulator")
"""What a venue needs, in the order in which it is written; the others follow by name."""


def contracts() -> str:
    """A section for each module."""
    return "\n\n".join(section(name) for name in module_names())


def module_names() -> list[str]:
    """The modules of the package that have public names."""
    found = {path.stem for path in CONTRACTS.glob("*.py") if path.stem != "__init__"}
    return [*FIRST, *sorted(found - set(FIRST))]


def section(name: str) -> str:
    """What a module says of itself, then each of its public names in its order."""
    tree = ast.parse((CONTRACTS / f"{name}.py").read_text(encoding="utf-8"))
    public = public_names(tree)
    parts = [f"## `contracts.{name}`", *prose(tree)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in public:
            parts += [f"### `{name}.{node.name}`", declared(class_lines(node)), *prose(node)]
        elif isinstance(node, ast.FunctionDef) and node.name in public:
            parts += [f"### `{name}.{node.name}`", declared([function_line(node)]), *prose(node)]
    constants = [line for node in tree.body if (line := constant(node, public))]
    if constants:
        parts += [f"### Constants of `{name}`", declared(constants)]
    return "\n\n".join([*parts, *offered(tree, public)])


def public_names(tree: ast.Module) -> set[str]:
    """The names of ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def prose(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    """The docstring as Markdown: double backquotes become single ones, indented parts become code."""
    for part in re.split(r"\n\n(?=\S)", ast.get_docstring(node) or ""):
        head, *indented = re.split(r"\n\n(?=    )", part, maxsplit=1)
        yield head.replace("``", "`")
        if indented:
            yield declared(textwrap.dedent(indented[0]).splitlines())


def class_lines(node: ast.ClassDef) -> list[str]:
    """The class as it is declared, with what each method says in a comment of its own."""
    bases = [ast.unparse(base) for base in node.bases]
    lines = [f"class {node.name}({', '.join(bases)}):" if bases else f"class {node.name}:"]
    for item in node.body:
        if isinstance(item, ast.AnnAssign | ast.Assign) and not ast.unparse(item).startswith("_"):
            lines.append(f"    {ast.unparse(item)}")
        elif isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            lines.append("")
            lines += [f"    {'# ' + line if line else '#'}" for line in documented(item)]
            lines += [f"    @{ast.unparse(one)}" for one in item.decorator_list]
            lines.append(f"    {function_line(item)}")
    return lines


def documented(node: ast.FunctionDef) -> list[str]:
    """The lines of a docstring; none where there is none."""
    return (ast.get_docstring(node) or "").replace("``", "`").splitlines()


def function_line(node: ast.FunctionDef) -> str:
    """``def name(arguments) -> result``."""
    result = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return f"def {node.name}({ast.unparse(node.args)}){result}"


def constant(node: ast.stmt, public: set[str]) -> str | None:
    """A public constant or alias as it is written; None for every other statement."""
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in public:
        return ast.unparse(node)
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in public:
        return ast.unparse(node)
    return None


def offered(tree: ast.Module, public: set[str]) -> Iterator[str]:
    """A sentence for each module whose names are public here, too."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (names := [n.name for n in node.names if n.name in public]):
            yield f"With it come {', '.join(f'`{name}`' for name in names)} of `{node.module}`."


def declared(lines: list[str]) -> str:
    """A block of Python."""
    return "\n".join(("```python", *lines, "```"))
