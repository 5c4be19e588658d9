"""Install the core and its plugins from wheels, in every combination that must stand alone, and try each.

Main path: copy the files that git knows, build one wheel a distribution, fill one environment with the
third-party packages, then give each cell an environment of its own that holds the cell's wheels and sees
those packages. In a cell: the requirements are met, every module imports, ``mm plugins list`` shows
exactly the installed plugins, and the plugins' own tests pass. Standard library only.
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

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


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
        dependencies = make_environment(work / "dependencies", with_pip=True)
        run(
            dependencies, "-m", "pip", "install", "-qq", "-c", ROOT / "constraints.txt", *third_party(plugins)
        )
    failed = []
    for cell in [(), *((name,) for name in plugins), tuple(plugins)]:
        title = " + ".join(("core", *cell))
        with Step(title):
            try:
                try_cell(work, title, cell, wheels, dependencies, options.reports)
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


def make_environment(folder: Path, *, with_pip: bool) -> Path:
    """Create a virtual environment and return its interpreter."""
    venv.EnvBuilder(with_pip=with_pip, symlinks=not WINDOWS).create(folder)
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


def site_packages(python: Path) -> Path:
    """Where an interpreter keeps its packages."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run(python, "-c", code, capture=True).strip())


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


def third_party(plugins: Iterable[str]) -> list[str]:
    """What the distributions declare, with the extras that modules of theirs need; not what is ours."""
    found: list[str] = []
    for folder in (ROOT, *(ROOT / "plugins" / name for name in plugins)):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        found += project.get("dependencies", [])
        for extra, requirements in project.get("optional-dependencies", {}).items():
            found += requirements if extra not in ("dev", "docs") else []
    return [requirement for requirement in found if not re.match(r"mm[-_]", requirement)]


def try_cell(
    work: Path,
    title: str,
    plugins: tuple[str, ...],
    wheels: dict[str, Path],
    dependencies: Path,
    reports: Path | None,
) -> None:
    """Install the wheels of one cell and use them."""
    folder = work / re.sub(r"\W+", "-", title)
    python = make_environment(folder, with_pip=False)
    own = site_packages(python)
    (own / "dependencies.pth").write_text(f"{site_packages(dependencies)}\n", encoding="utf-8")
    pip = ("-m", "pip", "-qq", "--python", python)
    run(
        dependencies,
        *pip,
        "install",
        "--no-index",
        "--no-deps",
        *(wheels[name] for name in ("core", *plugins)),
    )
    run(dependencies, *pip, "check")
    run(python, "-P", "-W", "error", "-c", IMPORT_ALL, "mm_framework", *plugins, cwd=folder)
    check_listing(python, plugins, folder)
    tests = [ROOT / "plugins" / name / "tests" for name in plugins]
    if tests:
        report = [] if reports is None else [f"--junitxml={(reports / folder.name).resolve()}.xml"]
        where = ("-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider")
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
