"""Thirty mistakes that a programmer could make, each a change of a line: the checks find them.

A mistake is planted in a copy of the repository, and what should find it is run there, without kernels,
since the mistakes are in the reference path. A sample draws five of them by its seed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import attrs
from hunt import FOUND
from trial import Room, Tried

__all__ = ["Mistake", "hunted", "mistakes", "planted_mistakes"]

REPOSITORY = Path(__file__).resolve().parent.parent
COPIED: Final = ("mm_framework", "plugins", "tests", "torture", "conftest.py", "pyproject.toml")
DRAWN = 5
LIMIT_S = 900.0


@attrs.frozen
class Mistake:
    """``old`` stands once in ``file`` and becomes ``new``. ``hunt``: the arguments of `hunt.py`."""

    name: str
    file: str
    old: str
    new: str
    hunt: tuple[str, ...]


def mistakes() -> list[Mistake]:
    """All of them, from ``mistakes.toml``."""
    table = tomllib.loads((REPOSITORY / "torture" / "mistakes.toml").read_text())["mistake"]
    return [Mistake(**{**one, "hunt": tuple(one["hunt"])}) for one in table]


def planted_mistakes(room: Room) -> Tried:
    """Each mistake in turn; one that nothing finds is a violation."""
    done, copy = Tried(), room.folder / "repository"
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            copy.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy / name)
    chosen = mistakes() if room.whole else room.draw("planted").sample(mistakes(), DRAWN)
    for mistake in chosen:
        done.tried += 1
        wrong = hunted(mistake, copy)
        if wrong:
            done.violation(f"{mistake.name}: {wrong}")
    return done


def hunted(mistake: Mistake, copy: Path) -> str | None:
    """What is wrong: None when the mistake was found."""
    path = copy / mistake.file
    whole = path.read_text()
    if whole.count(mistake.old) != 1:
        return f"its place stands {whole.count(mistake.old)} times in {mistake.file}"
    path.write_text(whole.replace(mistake.old, mistake.new))
    try:
        ran = _hunt(mistake.hunt, copy)
    except subprocess.TimeoutExpired:
        return f"what should find it does not end within {LIMIT_S:g} s"
    finally:
        path.write_text(whole)
    return None if ran.returncode == FOUND else f"not found: {(ran.stdout + ran.stderr)[-300:]}"


def _hunt(hunt: tuple[str, ...], copy: Path) -> subprocess.CompletedProcess[str]:
    plugins = sorted(str(path) for path in (copy / "plugins").glob("mm_*"))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(copy), *plugins]),
        "MM_KERNELS": "off",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "torture/hunt.py", *hunt],
        cwd=copy, env=environment, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
