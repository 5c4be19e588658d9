"""Programs, wheels and environments of the matrix, with venv and pip. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = os.name == "nt"

KEPT = ("MM_KERNEL_CACHE",)
"""Variables of this project that cells are given; compiled kernels are shared even without."""

LIMIT_S = 900
"""What one program may take."""

LEFT_OUT = ("dev", "docs")
"""Extras that serve this repository and nobody who installs the wheels."""


def run(
    program: Path, *arguments: object, expect: int = 0, cwd: Path | None = None, log: TextIO | None = None
) -> str:
    """What a program prints, in an environment without settings; ``log`` gets that and its stderr.

    Raises CalledProcessError when it ends with another exit code than ``expect``, TimeoutExpired when it
    does not end.
    """
    clean = {k: v for k, v in os.environ.items() if k in KEPT or not k.startswith(("MM_", "PYTHON"))}
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(
        command,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=clean,
        timeout=LIMIT_S,
        stdout=subprocess.PIPE,
        stderr=log,
    )
    if log is not None:
        log.write(done.stdout)
        log.flush()
    if done.returncode != expect:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout)
    return done.stdout


def interpreter(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


def make_environment(folder: Path, packages: Iterable[str] = (), *, sees: Iterable[Path] = ()) -> Path:
    """A virtual environment with these packages, which also sees those of others; its interpreter."""
    packages = list(packages)
    venv.EnvBuilder(with_pip=bool(packages), symlinks=not WINDOWS).create(folder)
    python = interpreter(folder)
    see(python, sees)
    if packages:
        run(python, "-m", "pip", "install", "-qq", "-c", ROOT / "constraints.txt", *packages)
    return python


def see(python: Path, others: Iterable[Path]) -> None:
    """Let an environment import the packages of others."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    for other in others:
        own, shared = (run(p, "-c", code).strip() for p in (python, interpreter(other)))
        (Path(own) / f"{other.name}.pth").write_text(f"{shared}\n", encoding="utf-8")


def copy_source(target: Path) -> None:
    """Copy what git knows, so that nothing stale or ignored gets into a wheel."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def build_wheel(source: Path, target: Path) -> Path:
    """Build the one wheel of a project."""
    run(
        Path(sys.executable),
        *("-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "-w", target, source),
    )
    (wheel,) = target.glob("*.whl")
    return wheel


def third_party(projects: Iterable[Path]) -> tuple[list[str], list[str]]:
    """What distributions declare for running, and for their extras; without what is ours."""
    runtime: list[str] = []
    extras: list[str] = []
    for folder in projects:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        runtime += project.get("dependencies", [])
        for extra, requirements in project.get("optional-dependencies", {}).items():
            extras += requirements if extra not in LEFT_OUT else []
    ours = re.compile(r"mm[-_]")
    return [text for text in runtime if not ours.match(text)], [t for t in extras if not ours.match(t)]
