"""Writing to the disk so that nothing is half there: whole writes, atomic replacement, one lock.

What the operating system refuses becomes EnvironmentFailed, which names the path.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mm_framework.errors import EnvironmentFailed

__all__ = ["AppendFile", "FolderLock", "replace_file", "sync_folder", "writing"]


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into EnvironmentFailed."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFailed(
            f"cannot write {path}: {error.strerror or error}; free space or permissions there,"
            " or choose another data directory"
        ) from error


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class AppendFile:
    """A new file that only grows. What is written survives the end of the process; `sync` may be called
    from another thread than the one that writes. Raises EnvironmentFailed, also when the file exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._dirty = True
        with writing(path):
            self._file = path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        """Hand all of ``data`` to the operating system."""
        view = memoryview(data)
        with writing(self.path):
            while view:
                view = view[self._file.write(view) :]
        self._dirty = True

    def sync(self) -> None:
        """Force what was written to the disk; nothing to do after `close`."""
        with self._lock:
            if self._file.closed or not self._dirty:
                return
            self._dirty = False
            descriptor = os.dup(self._file.fileno())
        try:
            with writing(self.path):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._file.close()


def replace_file(path: Path, data: bytes) -> None:
    """Give ``path`` this content at once: after a crash it holds the old bytes or the new ones."""
    temporary = path.with_name(path.name + ".part")
    with writing(path):
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)


class FolderLock:
    """The writer's lock on a folder: the operating system's lock on its file ``.lock``.

    It ends with its process, however that ends; the empty file stays. Raises EnvironmentFailed when
    another process (or another lock of this one) holds it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / ".lock"
        with writing(path):
            self._file = path.open("ab")
        try:
            with writing(path):
                held = not _lock(self._file)
        except EnvironmentFailed:
            self._file.close()
            raise
        if held:
            self._file.close()
            raise EnvironmentFailed(f"{folder} is being written by another process: wait for its end")

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
