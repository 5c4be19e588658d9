"""What installed packages import and their metadata does not declare: ``python imports.py PACKAGE ...``.

Run by the interpreter of an environment. Reads sources and executes none; an import inside a function
counts, one for type checkers does not. Prints ``file:line: module`` for each and ends with 1 if there is
any. Standard library only.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

LEFT_OUT = re.compile(r"""extra\s*==\s*['"](dev|docs)['"]""")


def main(packages: list[str]) -> int:
    providers = metadata.packages_distributions()
    found = [line for package in packages for line in undeclared(package, providers)]
    print("\n".join(found) if found else f"all imports of {', '.join(packages)} are declared")
    return 1 if found else 0


def undeclared(package: str, providers: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The imports of a package that no requirement of its distribution brings."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.submodule_search_locations, f"{package} is not a package"
    folder = Path(spec.submodule_search_locations[0])
    own = {canonical(name) for name in providers[package]}
    declared = own | {name for distribution in own for name in requirements(distribution)}
    for path in sorted(folder.rglob("*.py")):
        for line, module in imports(ast.parse(path.read_bytes())):
            if module in sys.stdlib_module_names:
                continue
            bringing = {canonical(name) for name in providers.get(module, (module,))}
            if not bringing & declared:
                yield f"{path.relative_to(folder.parent).as_posix()}:{line}: {module}"


def requirements(distribution: str) -> Iterator[str]:
    """The distributions that one requires, for running and for the extras that users install."""
    for text in metadata.requires(distribution) or ():
        name = re.match(r"[\w.-]+", text)
        if name and not LEFT_OUT.search(text):
            yield canonical(name[0])


def imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and top-level module of every absolute import that runs."""
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]
    else:
        for_checkers = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in node.orelse if for_checkers else ast.iter_child_nodes(node):
            yield from imports(child)


def canonical(name: str) -> str:
    """A distribution's name as comparisons use it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
