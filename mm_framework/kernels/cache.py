"""Where compiled kernels are kept: one folder of the user, for each state of all that they depend on.

The folder's name is a hash of all sources, library versions, the interpreter, the processor and the mode,
and says nothing of paths, so that every clone, environment and installed wheel of a machine shares one
compile. (numba's own cache looks for stale code in the caller's file only: a constant or a helper that
changed in another module is not seen.) A kernel is one object file, see `native`; ``stamp.json`` holds its
hash, and only code that is as it was written is run.

Nothing here imports numba.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import attrs
import msgspec
import platformdirs

from mm_framework.kernels.mode import mode

__all__ = [
    "ENGINE",
    "GROUPS",
    "KERNELS",
    "Built",
    "KernelCache",
    "Stamp",
    "current",
    "group_of",
    "key",
    "source_hash",
    "unchanged",
]

KERNELS: Final = "kernels"
ENGINE: Final = "engine"
GROUPS: Final = {
    KERNELS: ("kernels/*.py", "model/*.py"),
    ENGINE: (
        *("kernels/*.py", "model/*.py", "contracts/strategy.py"),
        *(
            f"trading/compiled/{name}.py"
            for name in (
                *("bits", "columns", "context", "desk", "desk_memory", "grid", "layout", "limits", "lines"),
                *("loop", "market", "own", "places", "queues", "tape", "timers", "venue", "venue_orders"),
                *("venue_requests", "way"),
            )
        ),
    ),
}
"""What is compiled together, and the sources of all that goes into it: the engine is for backtests alone."""

STAMP: Final = "stamp.json"
LOCK: Final = "lock"
UNUSED_DAYS: Final = 30  # after which the code of other sources or versions is removed
_POLL_S: Final = 0.1

# What numba itself reads when it generates code.
_NUMBA_VARIABLES: Final = (
    "NUMBA_BOUNDSCHECK",
    "NUMBA_CPU_FEATURES",
    "NUMBA_CPU_NAME",
    "NUMBA_DEBUGINFO",
    "NUMBA_ENABLE_AVX",
    "NUMBA_LOOP_VECTORIZE",
    "NUMBA_OPT",
    "NUMBA_SLP_VECTORIZE",
)


@attrs.frozen
class Built:
    """One kernel: how long it took to compile, and the SHA-256 of its code."""

    seconds: float
    sha256: str


@attrs.frozen
class Stamp:
    """What a folder holds. ``complete``: all kernels of these sources, compiled at ``compiled_at`` (UTC)."""

    key: str
    numba: str
    kernels: dict[str, Built]
    complete: bool = False
    compiled_at: str = ""

    @property
    def seconds(self) -> float:
        """The time that all kernels took to compile."""
        return sum(built.seconds for built in self.kernels.values())


def source_hash(group: str = KERNELS) -> str:
    """Of all sources of a group, and of the constants that are frozen into them."""
    digest = hashlib.sha256()
    for pattern in GROUPS[group]:
        for path in sorted(Path(__file__).parents[1].glob(pattern)):
            content = path.read_bytes()
            digest.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@cache
def _sources(group: str) -> str:
    """The sources as they were when the process first asked, which is before it imports them."""
    return source_hash(group)


def unchanged(group: str = KERNELS) -> bool:
    """Whether the sources still are what the key was made of."""
    return source_hash(group) == _sources(group)


@cache
def key(group: str = KERNELS) -> str:
    """The name of this process's folder for a group."""
    from llvmlite import binding

    parts = [
        _sources(group),
        mode(),
        *(f"{name} {importlib.metadata.version(name)}" for name in ("numba", "llvmlite", "numpy")),
        *(platform.python_implementation(), platform.python_version(), platform.system()),
        *(platform.machine(), str(sysconfig.get_config_var("EXT_SUFFIX"))),
        *(binding.get_host_cpu_name(), _cpu_features()),
        *(f"{name}={os.environ.get(name, '')}" for name in _NUMBA_VARIABLES),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def _cpu_features() -> str:
    from llvmlite import binding

    try:
        return str(binding.get_host_cpu_features().flatten())
    except RuntimeError:  # LLVM cannot tell them on this processor
        return ""


def group_of(function: Callable[..., Any]) -> str | None:
    """The group of a function, by its package; None for another's."""
    package = __name__.rpartition(".")[0]
    packages = {f"{package}.": KERNELS, f"{package.partition('.')[0]}.trading.compiled.": ENGINE}
    return next((group for start, group in packages.items() if function.__module__.startswith(start)), None)


@cache
def current(group: str = KERNELS) -> KernelCache:
    """A group's folder of this process: below ``MM_KERNEL_CACHE``, else below the user's cache folder."""
    chosen = os.environ.get("MM_KERNEL_CACHE", "").strip()
    base = Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("mm-framework") / "kernels"
    return KernelCache(base.absolute() / key(group), key(group))


@attrs.frozen
class KernelCache:
    """One folder of compiled kernels. Only the holder of its lock writes there."""

    path: Path
    key: str

    def problem(self) -> str | None:
        """Make the folder; None when code can be kept and trusted there, else the reason."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix" and self.path.stat().st_uid == os.geteuid():
                self.path.chmod(0o700)
            tempfile.TemporaryFile(dir=self.path).close()
        except OSError as error:
            return f"{self.path}: {error.strerror or error}"
        if self.trusted():
            return None
        return f"{self.path} belongs to another user, or others can write there"

    def warm(self) -> Stamp | None:
        """The stamp, if all kernels are there, each file as it was written."""
        stamp = self.intact()
        return stamp if stamp is not None and stamp.complete else None

    def intact(self) -> Stamp | None:
        """The stamp, without kernels of which a file is missing or damaged; None without a stamp."""
        stamp = self._stamp()
        if stamp is None:
            return None
        kernels = {
            name: built for name, built in stamp.kernels.items() if self._code(name, built) is not None
        }
        complete = stamp.complete and len(kernels) == len(stamp.kernels)
        return attrs.evolve(stamp, kernels=kernels, complete=complete)

    def code(self, name: str) -> bytes | None:
        """The code of a kernel as it was written; None where it is not there, or damaged."""
        stamp = self._stamp()
        built = None if stamp is None else stamp.kernels.get(name)
        return None if built is None else self._code(name, built)

    def _stamp(self) -> Stamp | None:
        try:
            if not self.trusted():
                return None
            stamp = msgspec.json.decode((self.path / STAMP).read_bytes(), type=Stamp)
        except (OSError, msgspec.DecodeError):
            return None
        return stamp if stamp.key == self.key else None

    def _code(self, name: str, built: Built) -> bytes | None:
        try:
            code = self._file(name).read_bytes()
        except OSError:
            return None
        return code if hashlib.sha256(code).hexdigest() == built.sha256 else None

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.o"

    def trusted(self) -> bool:
        """Whether nobody else can have put code there: it is run."""
        if os.name != "posix":
            return True
        found = self.path.stat()
        return found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022

    @contextlib.contextmanager
    def locked(self, *, wait: bool) -> Iterator[bool]:
        """Hold the lock within the block; False if another process has it. It ends with the process."""
        with (self.path / LOCK).open("ab") as file:
            while not (mine := _try_lock(file)) and wait:
                time.sleep(_POLL_S)
            if not mine:
                yield False
                return
            yield True

    def prepare(self, *, anew: bool = False) -> Stamp:
        """What is intact and may be completed; every other file is removed. ``anew``: all are."""
        stamp = None if anew else self.intact()
        kernels = {} if stamp is None else stamp.kernels
        kept = {LOCK, *(self._file(name).name for name in kernels)}
        for path in self.path.iterdir():
            if path.name not in kept:
                path.unlink()
        prepared = Stamp(self.key, importlib.metadata.version("numba"), kernels)
        self.write(prepared)
        return prepared

    def add(self, stamp: Stamp, name: str, seconds: float, code: bytes) -> Stamp:
        """Keep the code of the kernel ``name`` and record it. Raises OSError when it cannot be written."""
        self._put(self._file(name), code)
        built = Built(round(seconds, 3), hashlib.sha256(code).hexdigest())
        added = attrs.evolve(stamp, kernels={**stamp.kernels, name: built})
        self.write(added)
        return added

    def finish(self, stamp: Stamp) -> Stamp:
        """Say that all kernels are there; remove folders that nobody used for long."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        finished = attrs.evolve(stamp, complete=True, compiled_at=now)
        self.write(finished)
        for other, _, used in self._others():
            if time.time() - used > UNUSED_DAYS * 86400:
                shutil.rmtree(other, ignore_errors=True)
        return finished

    def touch(self) -> None:
        """Say that the folder is in use."""
        with contextlib.suppress(OSError):
            os.utime(self.path / STAMP)

    def expected_s(self) -> float | None:
        """How long the compile took that was last used beside this one; None if there was none."""
        seconds = [(used, stamp.seconds) for _, stamp, used in self._others() if stamp.complete]
        return max(seconds)[1] if seconds else None

    def _others(self) -> list[tuple[Path, Stamp, float]]:
        """Folders of other keys, with the time of their last use."""
        found = []
        for path in self.path.parent.glob(f"*/{STAMP}"):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                stamp = msgspec.json.decode(path.read_bytes(), type=Stamp)
                if stamp.key == path.parent.name != self.key:
                    found.append((path.parent, stamp, path.stat().st_mtime))
        return found

    def write(self, stamp: Stamp) -> None:
        """Put the stamp in place."""
        self._put(self.path / STAMP, msgspec.json.format(msgspec.json.encode(stamp)))

    def _put(self, path: Path, content: bytes) -> None:
        """Write a file, whole or not at all."""
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.write_bytes(content)
        made.replace(path)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
