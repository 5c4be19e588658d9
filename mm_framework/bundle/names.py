"""Names on disk: run ids that cannot lead out of the data directory, and symbols as file names.

Symbols are written from an allow list, everything else as ``%`` and two hex digits of its UTF-8
(the escape that readers of hive partitions undo); a name over 60 characters is shortened for good.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mm_framework.errors import ConfigError

__all__ = [
    "RUNS",
    "check_run_id",
    "default_run_id",
    "new_run_path",
    "run_path",
    "symbol_from_disk",
    "symbol_to_disk",
]

RUNS: Final = "runs"
RESERVED: Final = frozenset({RUNS, "store"})

MAX_SYMBOL_CHARS: Final = 60

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Windows takes these for devices, in any case and with any extension.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]")


def check_run_id(run_id: str) -> str:
    """The id itself, when it can be a folder's name everywhere. Raises ConfigError."""
    if (
        _RUN_ID.fullmatch(run_id)
        and not run_id.endswith(".")
        and not _DEVICE.fullmatch(run_id)
        and run_id.lower() not in RESERVED
    ):
        return run_id
    raise ConfigError(
        f"run id {run_id!r} cannot be used: give 1 to 64 letters, digits, '.', '_' or '-', beginning with a"
        " letter or digit, not ending with '.', and none of runs, store, con, nul and the like",
        key="run_id",
        value=run_id,
    )


def default_run_id(wall_ns: int) -> str:
    """A UTC stamp: ``20261121T044512Z``."""
    return datetime.fromtimestamp(wall_ns // 10**9, UTC).strftime("%Y%m%dT%H%M%SZ")


def run_path(data_dir: Path, run: str) -> Path:
    """The bundle that a user names: a run id under the data directory, or else a path."""
    if _RUN_ID.fullmatch(run):
        known = data_dir / RUNS / run
        if known.is_dir() or not Path(run).exists():
            return known
    return Path(run)


def new_run_path(data_dir: Path, run: str) -> Path:
    """Where a new bundle goes: a run id under the data directory, or a path whose name is one.

    Raises ConfigError for a name that is no run id.
    """
    path = Path(run)
    if path.is_absolute() or len(path.parts) != 1:
        check_run_id(path.name)
        return path
    return data_dir / RUNS / check_run_id(run)


def symbol_to_disk(symbol: str) -> str:
    """The name of a symbol as a file or folder: ``BTC/EUR`` is ``BTC%2FEUR``.

    `symbol_from_disk` undoes it unless the name came out longer than 60 characters: then it is its
    first 24, ``~`` and 12 hex of the symbol's SHA-256, and whoever writes it records the full name.
    """
    name = _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], symbol.encode()).decode("ascii")
    if name.startswith(".") or _DEVICE.fullmatch(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if name.endswith("."):
        name = f"{name[:-1]}%2E"
    if len(name) > MAX_SYMBOL_CHARS:
        return f"{name[:24]}~{hashlib.sha256(symbol.encode()).hexdigest()[:12]}"
    return name


def symbol_from_disk(name: str) -> str | None:
    """The symbol of a name on disk, None when the name is a shortened one or none of ours."""
    if "~" in name:
        return None
    escaped = re.sub(r"%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), name)
    try:
        symbol = escaped.encode("latin-1").decode()
    except UnicodeError:
        return None
    return symbol if symbol_to_disk(symbol) == name else None
