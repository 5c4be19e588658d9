"""Writing to the disk so that nothing is half there: whole writes, atomic replacement, one lock.

What the operating system refuses becomes EnvironmentFailed, which names the path. A run bundle is
written through a `Disk`: that of the machine (`DISK`), or one of a simulation, which fails on demand.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from mm_framework.errors import EnvironmentFailed

__all__ = [
    "DISK",
    "AppendFile",
    "Disk",
    "DiskFile",
    "DiskLock",
    "FolderLock",
    "move_all",
    "replace_file",
    "sync_folder",
    "writing",
]


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into EnvironmentFailed."""
    try:
        yield
    except OSError as error:
        remedy = "free space or permissions there, or choose another data directory"
        if error.errno in (errno.EMFILE, errno.ENFILE):
            remedy = "raise the limit (ulimit -n), or give the run fewer instruments"
        raise EnvironmentFailed(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DiskFile(Protocol):
    """An open file of a `Disk`. Raises OSError."""

    def write(self, data: memoryview) -> int:
        """Hand bytes to the operating system; how many it took."""
        ...

    def sync(self) -> None:
        """Force what was written to the disk."""
        ...

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        ...


class DiskLock(Protocol):
    """A lock on a folder."""

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        ...


class Disk(Protocol):
    """The file system that a bundle is written to. Raises OSError unless it says otherwise."""

    def create(self, path: Path) -> DiskFile:
        """Open a new file for writing. Raises FileExistsError."""
        ...

    def replace(self, path: Path, data: bytes) -> None:
        """Give ``path`` this content at once: after a crash it holds the old bytes or the new ones."""
        ...

    def make_folder(self, path: Path, *, parents: bool = False) -> None:
        """Make a folder. ``parents``: also those above it, and it may exist; else raises FileExistsError."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Force the names in a folder to the disk, where the system can."""
        ...

    def lock(self, folder: Path) -> DiskLock:
        """Take the writer's lock. Raises EnvironmentFailed when another one holds it."""
        ...

    def remove(self, folder: Path) -> None:
        """Remove a folder with all that it holds, as far as that goes; does not raise."""
        ...


class AppendFile:
    """A new file that only grows. What is written survives the end of the process; `sync` may be called
    from another thread than the one that writes. Raises EnvironmentFailed, also when the file exists.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._dirty, self._closed = True, False
        with writing(path):
            self._file = (disk or DISK).create(path)

    def write(self, data: bytes) -> None:
        """Hand all of ``data`` to the operating system."""
        view = memoryview(data)
        with writing(self.path):
            while view:
                view = view[self._file.write(view) :]
        self._dirty = True

    def sync(self) -> None:
        """Force what was written to the disk; nothing to do after `close`, which waits for it."""
        with self._lock:
            if not self._closed and self._dirty:
                self._dirty = False
                with writing(self.path):
                    self._file.sync()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._closed = True
            self._file.close()


def replace_file(path: Path, data: bytes, disk: Disk | None = None) -> None:
    """`Disk.replace`; raises EnvironmentFailed."""
    with writing(path):
        (disk or DISK).replace(path, data)


def move_all(targets: Mapping[Path, Path]) -> None:
    """Give each path its new name, or none of them when one cannot be moved. Raises OSError."""
    moved: list[tuple[Path, Path]] = []
    try:
        for path, target in targets.items():
            path.rename(target)
            moved.append((path, target))
    except OSError:
        for path, target in moved:
            with contextlib.suppress(OSError):
                target.rename(path)
        raise


class FolderLock:
    """The writer's lock on a folder: the operating system's lock on its file ``.lock``.

    It ends with its process, however that ends; the empty file stays. Raises EnvironmentFailed when
    another process (or another lock of this one) holds it: at once, for a look of `is_held` is waited out.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / ".lock"
        with writing(path):
            self._file = path.open("ab+")
        try:
            with writing(path):
                taken = _take(self._file)
        except EnvironmentFailed:
            self._file.close()
            raise
        if not taken:
            self._file.close()
            raise EnvironmentFailed(f"{folder} is being written by another process: wait for its end")

    @staticmethod
    def is_held(folder: Path) -> bool:
        """Whether a writer holds the lock; also True where the system does not tell. Writes nothing.

        The look takes a shared lock for a moment, so that any number may look at once; where there is none
        (Windows) two that look in the same moment may take each other for a writer.
        """
        try:
            with (folder / ".lock").open("rb") as file:
                return not _try_lock(file, shared=True)
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        self._file.close()


LOOK_WAIT_S: Final = 5.0
"""How long a writer waits for those who look; each is done within microseconds, on a busy machine later."""
LOOK_PAUSE_S: Final = 0.001


def _take(file: BinaryIO) -> bool:
    """Lock for a writer; False when another writer has it, or somebody looks without end."""
    end = time.monotonic() + LOOK_WAIT_S
    while not _try_lock(file):
        if time.monotonic() > end or _is_a_writers(file):
            return False
        time.sleep(LOOK_PAUSE_S)
    return True


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO, *, shared: bool = False) -> bool:
        """Lock without waiting; there is no shared lock, so a writer cannot tell who has it and waits."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _is_a_writers(file: BinaryIO) -> bool:
        return False

else:
    import fcntl

    def _try_lock(file: BinaryIO, *, shared: bool = False) -> bool:
        """Lock without waiting; a shared lock goes with others of its kind only."""
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _is_a_writers(file: BinaryIO) -> bool:
        """Whether the lock that was refused is a writer's: a shared one leaves room for another."""
        if _try_lock(file, shared=True):
            fcntl.flock(file, fcntl.LOCK_UN)
            return False
        return True


class _File:
    """Implements `DiskFile`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)

    def write(self, data: memoryview) -> int:
        return self._file.write(data)

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class _Machine:
    """Implements `Disk`."""

    def create(self, path: Path) -> DiskFile:
        return _File(path)

    def replace(self, path: Path, data: bytes) -> None:
        temporary = path.with_name(path.name + ".part")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)

    def make_folder(self, path: Path, *, parents: bool = False) -> None:
        path.mkdir(parents=parents, exist_ok=parents)

    def sync_folder(self, folder: Path) -> None:
        sync_folder(folder)

    def lock(self, folder: Path) -> DiskLock:
        return FolderLock(folder)

    def remove(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)


DISK: Final[Disk] = _Machine()
"""The machine's own file system."""
