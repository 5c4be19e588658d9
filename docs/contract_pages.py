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
    source = (CONTRACTS / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    public = public_names(tree)
    parts = [f"## `contracts.{name}`", *prose(tree)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in public:
            parts += [f"### `{name}.{node.name}`", declared(class_lines(source, node)), *prose(node)]
        elif isinstance(node, ast.FunctionDef) and node.name in public:
            parts += [f"### `{name}.{node.name}`", declared(head(source, node)), *prose(node)]
    constants = [written(source, node) for node in tree.body if assigned(node) in public]
    if constants:
        parts += [f"### Constants of `{name}`", declared(constants)]
    return "\n\n".join([*parts, *offered(tree, public)])


def public_names(tree: ast.Module) -> set[str]:
    """The names of ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and assigned(node) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def prose(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    """The docstring as Markdown: double backquotes become single ones, indented parts become text blocks."""
    for part in re.split(r"\n\n(?=\S)", ast.get_docstring(node) or ""):
        said, *indented = re.split(r"\n\n(?=    )", part, maxsplit=1)
        yield said.replace("``", "`")
        if indented:
            yield declared(textwrap.dedent(indented[0]).splitlines(), "text")


def class_lines(source: str, node: ast.ClassDef) -> list[str]:
    """The class as it is written, with what each method says in a comment before it."""
    bases = [ast.unparse(base) for base in node.bases]
    lines = [f"class {node.name}({', '.join(bases)}):" if bases else f"class {node.name}:"]
    for item in node.body:
        if isinstance(item, ast.AnnAssign | ast.Assign) and not str(assigned(item)).startswith("_"):
            lines.append(textwrap.indent(written(source, item), "    "))
        elif isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            told = (ast.get_docstring(item) or "").replace("``", "`").splitlines()
            method = [*(f"# {line}".rstrip() for line in told), *head(source, item)]
            lines += [""] * (len(lines) > 1) + [textwrap.indent(line, "    ") for line in method]
    return lines if len(lines) > 1 else [f"{lines[0]} ..."]


def head(source: str, node: ast.FunctionDef) -> list[str]:
    """Decorators and signature as they are written, three dots in place of the body."""
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    lines = source.splitlines()[first - 1 : node.body[0].lineno - 1]
    return (textwrap.dedent("\n".join(lines)) + " ...").splitlines()


def written(source: str, node: ast.stmt) -> str:
    """A statement as it is written."""
    return textwrap.dedent(" " * node.col_offset + (ast.get_source_segment(source, node) or ""))


def assigned(node: ast.stmt) -> str | None:
    """The name that a statement gives a value or a type; None for every other statement."""
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.target)
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else None


def offered(tree: ast.Module, public: set[str]) -> Iterator[str]:
    """A sentence for each module whose names are public here, too."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (names := [n.name for n in node.names if n.name in public]):
            yield f"With it come {', '.join(f'`{name}`' for name in names)} of `{node.module}`."


def declared(lines: list[str], language: str = "python") -> str:
    """A block of code."""
    return "\n".join((f"```{language}", *lines, "```"))
