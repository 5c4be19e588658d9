"""Install the core and its plugins from wheels, in every combination that must stand alone, and try each.

Main path: copy the files that git knows, build one wheel a distribution, fill two environments with
third-party packages (what running needs; what the extras add), then give each cell an environment of its
own that holds the cell's wheels and sees the packages. With what running needs: the requirements are met,
every module imports unless it serves an extra, ``mm plugins list`` shows exactly the installed plugins.
With the extras: every module imports and the plugins' own tests pass. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = os.name == "nt"

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
OF_EXTRAS = ("hypothesis", "picows", "pytest")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "matrix", help="folder for environments"
    )
    parser.add_argument("--reports", type=Path, default=None, help="folder for JUnit reports")
    options = parser.parse_args()
    work: Path = options.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)

    plugins = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
    with Step("build wheels"):
        wheels = build_wheels(work, plugins)
    with Step("install third-party packages"):
        runtime, extras = third_party(plugins)
        make_environment(work / "runtime", runtime)
        make_environment(work / "extras", extras, sees=[work / "runtime"])
    failed = []
    for cell in [(), *((name,) for name in plugins), tuple(plugins)]:
        title = " + ".join(("core", *cell))
        with Step(title):
            try:
                try_cell(work, title, cell, wheels, options.reports)
            except subprocess.CalledProcessError as error:
                shown = " ".join(word for word in error.cmd if "\n" not in word)
                failed.append(f"{title}: exit code {error.returncode} of {shown}")
            except AssertionError as error:
                failed.append(f"{title}: {error}")
    for line in failed:
        print(f"matrix: FAILED {line}")
    return 1 if failed else 0


class Step:
    """Print what is done, and how long it took."""

    def __init__(self, title: str) -> None:
        self.title = title

    def __enter__(self) -> None:
        print(f"matrix: {self.title} ...", flush=True)
        self.began = time.monotonic()

    def __exit__(self, *exc: object) -> None:
        print(f"matrix: {self.title} took {time.monotonic() - self.began:.1f} s", flush=True)


def run(program: Path, *arguments: object, capture: bool = False, cwd: Path | None = None) -> str:
    """Run a program with no settings of this project in its environment; raise when it fails."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MM_", "PYTHON"))}
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(
        command, check=True, text=True, cwd=cwd, env=clean, stdout=subprocess.PIPE if capture else None
    )
    return done.stdout if capture else ""


def make_environment(folder: Path, packages: Iterable[str] = (), *, sees: Iterable[Path] = ()) -> Path:
    """A virtual environment with these packages, which also sees those of others; its interpreter."""
    packages = list(packages)
    venv.EnvBuilder(with_pip=bool(packages), symlinks=not WINDOWS).create(folder)
    python = interpreter(folder)
    see(python, sees)
    if packages:
        run(python, "-m", "pip", "install", "-qq", "-c", ROOT / "constraints.txt", *packages)
    return python


def interpreter(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


def see(python: Path, others: Iterable[Path]) -> None:
    """Let an environment import the packages of others."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    for other in others:
        own, shared = (run(p, "-c", code, capture=True).strip() for p in (python, interpreter(other)))
        (Path(own) / f"{other.name}.pth").write_text(f"{shared}\n", encoding="utf-8")


def build_wheels(work: Path, plugins: Iterable[str]) -> dict[str, Path]:
    """Build from a copy of what git knows, so that nothing stale or ignored gets into a wheel."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    source = work / "source"
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    wheels = {}
    for name, folder in [("core", source), *((plugin, source / "plugins" / plugin) for plugin in plugins)]:
        target = work / "wheels" / name
        arguments = ("wheel", "-qq", "--no-deps", "--no-build-isolation", "-w", target, folder)
        run(Path(sys.executable), "-m", "pip", *arguments)
        (wheels[name],) = target.glob("*.whl")
    return wheels


def third_party(plugins: Iterable[str]) -> tuple[list[str], list[str]]:
    """What the distributions declare for running, and for their extras; without what is ours."""
    runtime: list[str] = []
    extras: list[str] = []
    for folder in (ROOT, *(ROOT / "plugins" / name for name in plugins)):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        runtime += project.get("dependencies", [])
        for extra, requirements in project.get("optional-dependencies", {}).items():
            extras += requirements if extra not in ("dev", "docs") else []
    ours = re.compile(r"mm[-_]")
    return [text for text in runtime if not ours.match(text)], [t for t in extras if not ours.match(t)]


def try_cell(
    work: Path, title: str, plugins: tuple[str, ...], wheels: dict[str, Path], reports: Path | None
) -> None:
    """Install the wheels of one cell and use them."""
    folder = work / re.sub(r"\W+", "-", title)
    python = make_environment(folder, sees=[work / "runtime"])
    pip = (interpreter(work / "runtime"), "-m", "pip", "-qq", "--python", python)
    run(*pip, "install", "--no-index", "--no-deps", *(wheels[name] for name in ("core", *plugins)))
    run(*pip, "check")
    import_all = ("-P", "-W", "error", "-c", IMPORT_ALL, ",".join(("mm_framework", *plugins)))
    run(python, *import_all, ",".join(OF_EXTRAS), cwd=folder)
    check_listing(python, plugins, folder)
    see(python, [work / "extras"])
    run(python, *import_all, "", cwd=folder)
    tests = [ROOT / "plugins" / name / "tests" for name in plugins]
    if tests:
        report = [] if reports is None else [f"--junitxml={(reports / folder.name).resolve()}.xml"]
        where = ("-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider", "-rfE")
        run(python, "-P", "-m", "pytest", "-q", *where, *report, *tests, cwd=folder)


def check_listing(python: Path, plugins: tuple[str, ...], cwd: Path) -> None:
    """The listing names exactly the installed plugins, and the doctor, who imports them, finds no fault."""
    mm = python.with_name("mm.exe" if WINDOWS else "mm")
    listing = json.loads(run(mm, "plugins", "list", "--json", capture=True, cwd=cwd))
    found = {plugin["distribution"].replace("-", "_"): plugin["state"] for plugin in listing["plugins"]}
    expected = dict.fromkeys(plugins, "ready")
    assert found == expected, f"mm plugins list shows {found}, expected {expected}"
    assert json.loads(run(mm, "plugins", "doctor", "--json", capture=True, cwd=cwd))["ok"] is True


if __name__ == "__main__":
    sys.exit(main())
