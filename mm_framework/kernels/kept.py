"""Machine code of strategies, kept beside that of the engine: the next process does not compile it again.

A file holds the SHA-256 of the object file behind it. Its name is the hash of the strategy in LLVM's language
and of all that the engine's code depends on, so that a change of either is another file. Where the folder
cannot be used nothing is kept, and nothing is said: to compile takes some tenths of a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import Final

import llvmlite.binding as llvm

from mm_framework.kernels.cache import ENGINE, UNUSED_DAYS, KernelCache, current
from mm_framework.kernels.native import target_machine

__all__ = ["machine_code"]

FOLDER: Final = "strategies"
_HASH: Final = 32
_DAY_S: Final = 86400


def machine_code(text: str) -> bytes:
    """The object file of a module in LLVM's language, from an earlier run or compiled now."""
    engine = current(ENGINE)
    folder = KernelCache(engine.path.parent / FOLDER, engine.key)
    name = hashlib.sha256(f"{engine.key}\n{text}".encode()).hexdigest()
    path = folder.path / f"{name}.o"
    code = _read(folder, path)
    if code is None:
        code = _compile(text)
        _write(folder, path, code)
    return code


def _compile(text: str) -> bytes:
    target = target_machine(2)
    module = llvm.parse_assembly(text)
    passes = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(module, passes)
    return bytes(target.emit_object(module))


def _read(folder: KernelCache, path: Path) -> bytes | None:
    """None where it is not there, not as it was written, or may be another user's."""
    try:
        if not folder.trusted():
            return None
        content = path.read_bytes()
    except OSError:
        return None
    code = content[_HASH:]
    if hashlib.sha256(code).digest() != content[:_HASH]:
        return None
    _used(path)
    return code


def _used(path: Path) -> None:
    """Note a use, once a day."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _DAY_S:
            os.utime(path)


def _write(folder: KernelCache, path: Path, code: bytes) -> None:
    """Keep it; remove what nobody used for long."""
    if folder.problem() is not None:
        return
    with contextlib.suppress(OSError):
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.write_bytes(hashlib.sha256(code).digest() + code)
        made.replace(path)
        for other in folder.path.iterdir():
            if time.time() - other.stat().st_mtime > UNUSED_DAYS * _DAY_S:
                other.unlink()
