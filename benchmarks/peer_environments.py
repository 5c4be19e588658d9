"""Virtual environments of peers: made once, made anew when the pinned versions or the Python change."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Unavailable", "environment", "told_by"]


class Unavailable(Exception):
    """A peer cannot be measured here; the text says why."""


def environment(folder: Path, requirements: Path) -> Path:
    """The interpreter of an environment at ``folder`` that holds the ``requirements``.

    Raises Unavailable when it cannot be made; nothing of it is left then.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "installed.txt"
    wanted = f"# Python {platform.python_version()}\n{requirements.read_text(encoding='utf-8')}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {requirements.stem} into {folder}", file=sys.stderr)
    try:
        venv.create(folder, clear=True, with_pip=True)
        install = ["-m", "pip", "-q", "--disable-pip-version-check", "--no-input", "install"]
        subprocess.run([python, *install, "-r", requirements], check=True, capture_output=True, text=True)
    except OSError as error:
        raise _failed(folder, requirements, str(error)) from None
    except subprocess.CalledProcessError as error:
        lines = f"{error.stdout or ''}\n{error.stderr or ''}".strip().splitlines() or [str(error)]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise _failed(folder, requirements, (errors or lines)[-1]) from None
    stamp.write_text(wanted, encoding="utf-8")
    return python


def told_by(command: Sequence[str], name: str) -> dict[str, Any]:
    """What a program tells in the last line that it prints. Raises Unavailable when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Unavailable(f"{name} failed with exit code {done.returncode}: {last}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _failed(folder: Path, requirements: Path, why: str) -> Unavailable:
    shutil.rmtree(folder, ignore_errors=True)
    return Unavailable(
        f"{requirements.stem} could not be installed: {why}; this needs a network and a package registry"
    )
