"""Install the core and its plugins from wheels, in every combination that must stand alone, and try each.

Main path: copy the files that git knows, build one wheel a distribution, fill two environments with
third-party packages (what running needs; what the extras add), then give each cell an environment of its
own that holds the cell's wheels and sees the packages. Cells: ``core``, each plugin by its folder's name,
``all``, ``broken``, which is all beside a plugin that cannot be imported, and ``demo``, in which `mm demo`
must pass with what running needs; two are tried at a time.
With what running needs: the requirements are met, every module imports unless it serves an extra,
``mm plugins`` shows exactly the installed plugins. With the extras: every module imports, nothing is
imported that metadata does not declare, and the plugins' own tests pass; of plugins together those of what
they register and of their commands. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from environments import (
    ROOT,
    WINDOWS,
    build_wheel,
    copy_source,
    interpreter,
    make_environment,
    run,
    see,
    third_party,
)

# Packages, and top-level modules that may be absent, are the arguments.
IMPORT_ALL = """
import importlib, pkgutil, sys
packages, absent = sys.argv[1].split(","), sys.argv[2].split(",")
for name in packages:
    package = importlib.import_module(name)
    assert package.__file__.startswith(sys.prefix), f"{package.__file__} is not in this environment"
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        try:
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if error.name not in absent:
                raise
"""

BROKEN = "mm_broken"
BROKEN_PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "mm-broken"
version = "0.1.0"
dependencies = ["mm-framework"]

[project.entry-points."mm_framework.v1"]
broken = "mm_broken"
"""
TOGETHER = ("test_plugin.py", "test_cli.py")
"""What is run of plugins that are tried together: `make test` runs all tests with all of them installed."""

DEMO = ("mm_kraken", "mm_toy_spread")
"""What `mm demo` needs beside the core."""

BROKEN_IMPORT = "no_such_module_anywhere"


@dataclass(frozen=True)
class Cell:
    """What is installed together, beside the core, and which of the plugins' test files are run."""

    name: str
    plugins: tuple[str, ...] = ()
    broken: bool = False
    tests: tuple[str, ...] = (".",)
    demo: bool = False

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that must work."""
        return ("mm_framework", *self.plugins)

    @property
    def wheels(self) -> tuple[str, ...]:
        """The wheels that are installed."""
        return (*self.packages, BROKEN) if self.broken else self.packages


def main() -> int:
    plugins = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
    cells = [
        Cell("all", tuple(plugins), tests=TOGETHER),
        Cell("core"),
        *(Cell(name, (name,)) for name in plugins),
        Cell("broken", tuple(plugins), broken=True, tests=TOGETHER),
        Cell("demo", DEMO, demo=True, tests=()),
    ]
    options = arguments([cell.name for cell in cells])
    chosen = [cell for cell in cells if not options.cells or cell.name in options.cells]
    work: Path = options.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)

    with Step("build wheels"):
        wheels = build_wheels(work, {name for cell in chosen for name in cell.wheels})
    with Step("install third-party packages"):
        runtime, extras = third_party([ROOT, *(ROOT / "plugins" / name for name in plugins)])
        make_environment(work / "runtime", runtime)
        make_environment(work / "extras", extras, sees=[work / "runtime"])
    absent = [module_of(requirement) for requirement in extras]
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        tried = pool.map(lambda cell: attempt(work, cell, wheels, absent, options.reports), chosen)
        failed = [line for line in tried if line is not None]
    for line in failed:
        print(f"matrix: FAILED {line}")
    return 1 if failed else 0


def arguments(names: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "cells", nargs="*", metavar="CELL", help=f"cells to try, else all: {', '.join(names)}"
    )
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "matrix", help="folder for environments"
    )
    parser.add_argument("--reports", type=Path, default=None, help="folder for JUnit reports")
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time")
    options = parser.parse_args()
    if unknown := sorted(set(options.cells) - set(names)):
        parser.error(f"no such cell: {', '.join(unknown)}; there are {', '.join(names)}")
    return options


class Step:
    """Print what is done, and how long it took."""

    def __init__(self, title: str) -> None:
        self.title = title

    def __enter__(self) -> None:
        print(f"matrix: {self.title} ...", flush=True)
        self.began = time.monotonic()

    def __exit__(self, *exc: object) -> None:
        print(f"matrix: {self.title} took {time.monotonic() - self.began:.1f} s", flush=True)


def build_wheels(work: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Package -> its wheel."""
    source = work / "source"
    copy_source(source)
    broken = work / "broken-source"
    (broken / BROKEN).mkdir(parents=True)
    (broken / "pyproject.toml").write_text(BROKEN_PROJECT, encoding="utf-8")
    (broken / BROKEN / "__init__.py").write_text(f"import {BROKEN_IMPORT}\n", encoding="utf-8")
    folders = {"mm_framework": source, BROKEN: broken}
    return {
        name: build_wheel(folders.get(name, source / "plugins" / name), work / "wheels" / name)
        for name in sorted(packages)
    }


def module_of(requirement: str) -> str:
    """The top-level module of a requirement; for our extras the names are the same."""
    return re.split(r"[^\w]", requirement.replace("-", "_"), maxsplit=1)[0]


def attempt(
    work: Path, cell: Cell, wheels: dict[str, Path], absent: Sequence[str], reports: Path | None
) -> str | None:
    """Try one cell, with its output in a file that is shown on failure; what failed, or None."""
    began = time.monotonic()
    folder = work / "cells" / cell.name
    folder.mkdir(parents=True)
    log_path = folder / "log.txt"
    failure = None
    with log_path.open("w", encoding="utf-8") as log:
        try:
            try_cell(work, folder, cell, wheels, absent, reports, log)
        except subprocess.CalledProcessError as error:
            shown = " ".join(word for word in error.cmd if "\n" not in word)
            failure = f"{cell.name}: exit code {error.returncode} of {shown}"
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failure = f"{cell.name}: {error}"
    lines = log_path.read_text(encoding="utf-8").splitlines()
    shown_lines = lines if failure else [line for line in lines[-1:] if " passed" in line]
    took = f"matrix: {cell.name} took {time.monotonic() - began:.1f} s"
    print("\n".join([*(f"    {line}" for line in shown_lines), took]), flush=True)
    return failure


def try_cell(
    work: Path,
    folder: Path,
    cell: Cell,
    wheels: dict[str, Path],
    absent: Sequence[str],
    reports: Path | None,
    log: TextIO,
) -> None:
    """Install the wheels of one cell and use them."""
    python = make_environment(folder / "environment", sees=[work / "runtime"])
    pip = (interpreter(work / "runtime"), "-m", "pip", "-qq", "--python", python)
    run(*pip, "install", "--no-index", "--no-deps", *(wheels[name] for name in cell.wheels), log=log)
    run(*pip, "check", log=log)
    import_all = ("-P", "-W", "error", "-c", IMPORT_ALL, ",".join(cell.packages))
    run(python, *import_all, ",".join(absent), cwd=folder, log=log)
    check_listing(python, cell, folder, log)
    if cell.demo:
        told = run(mm_of(python), "demo", "--seconds", "12", cwd=folder, log=log)
        assert "PASS" in told, told
    see(python, [work / "extras"])
    run(python, *import_all, "", cwd=folder, log=log)
    check_imports(python, cell, folder, log)
    run(mm_of(python), "warmup", cwd=folder, log=log)
    folders = [ROOT / "plugins" / name / "tests" for name in cell.plugins]
    tests = [path for folder in folders for name in cell.tests if (path := folder / name).exists()]
    if tests:
        report = [] if reports is None else [f"--junitxml={(reports / f'matrix-{cell.name}').resolve()}.xml"]
        where = ("-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider", "-rfE")
        run(python, "-P", "-m", "pytest", "-q", *where, *report, *tests, cwd=folder, log=log)


def mm_of(python: Path) -> Path:
    """The program ``mm`` of an environment."""
    return python.with_name("mm.exe" if WINDOWS else "mm")


def check_listing(python: Path, cell: Cell, cwd: Path, log: TextIO) -> None:
    """The listing names exactly the installed plugins; the doctor, who imports them, faults the broken one.

    Every venue of the others can be used.
    """
    mm = mm_of(python)
    listed = json.loads(run(mm, "plugins", "list", "--json", cwd=cwd, log=log))
    installed = [name for name in cell.wheels if name != "mm_framework"]
    assert states(listed) == dict.fromkeys(installed, "ready"), f"mm plugins list shows {states(listed)}"
    doctor = json.loads(
        run(mm, "plugins", "doctor", "--json", expect=1 if cell.broken else 0, cwd=cwd, log=log)
    )
    expected = {name: "failed" if name == BROKEN else "loaded" for name in installed}
    assert states(doctor) == expected, f"mm plugins doctor shows {states(doctor)}, expected {expected}"
    offered = {name for row in doctor["plugins"] for name in row.get("registers", ()) if "adapters." in name}
    venues = json.loads(run(mm, "venues", "--json", cwd=cwd, log=log))["venues"]
    assert {f"adapters.{venue['name']}" for venue in venues} == offered, f"mm venues shows {venues}"
    assert all(venue["error"] is None for venue in venues), f"mm venues shows {venues}"


def states(document: dict[str, object]) -> dict[str, str]:
    """Package -> state, of a listing of plugins."""
    rows = document["plugins"]
    assert isinstance(rows, list)
    return {row["distribution"].replace("-", "_"): row["state"] for row in rows}


def check_imports(python: Path, cell: Cell, cwd: Path, log: TextIO) -> None:
    """Nothing is imported that metadata does not declare, but by the broken plugin."""
    script = Path(__file__).with_name("imports.py")
    run(python, "-P", script, *cell.packages, cwd=cwd, log=log)
    if cell.broken:
        told = run(python, "-P", script, BROKEN, expect=1, cwd=cwd, log=log)
        assert told.strip() == f"{BROKEN}/__init__.py:1: {BROKEN_IMPORT}", told


if __name__ == "__main__":
    raise SystemExit(main())
