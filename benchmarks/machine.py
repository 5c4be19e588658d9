"""What figures belong to: the machine, the versions, the commit, the kernels."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from mm_framework.kernels.loader import active, status, warm
from mm_framework.kernels.mode import mode

__all__ = ["kernels", "machine"]

PACKAGES: Final = (
    *("mm-framework", "mm-binance", "mm-bitfinex", "mm-kraken", "mm-polymarket"),
    *("msgspec", "numpy", "numba", "llvmlite", "attrs"),
)


def machine(kernels: Sequence[str]) -> dict[str, Any]:
    """The first line of every output; ``kernels``: the modes that are measured."""
    changes = _git("status", "--porcelain")
    return {
        "bench": "machine",
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: _version(name) for name in PACKAGES},
        "kernels": list(kernels),
        "commit": _git("rev-parse", "HEAD"),
        "changed": None if changes is None else bool(changes),
    }


def kernels() -> str:
    """The mode of this process, with its kernels loaded: call it before anything else.

    A process that compiles them is waited for. Raises RuntimeError when there are none, for the
    reference path would be measured in their place.
    """
    if mode() != "off":
        with contextlib.suppress(OSError):  # what cannot be kept is compiled for this process alone
            warm()
        if not active():
            raise RuntimeError(f"no kernels: {status().reason}")
    return mode()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _git(*words: str) -> str | None:
    """What git says of this repository, None without git or outside of one."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
