"""A disk in memory that fails on demand, and what it holds after a kill or a loss of power.

`SimulatedDisk` implements `bundle.disk.Disk`. Of every file it knows what the operating system was
given and how much of that was forced to the disk. An `Image` is what a new process finds: after a kill
all that was given (`kill`); after a loss of power at least what was forced, and of the rest whatever
sectors happened to be written (`power_loss`).
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from mm_framework.bundle.disk import DiskFile, DiskLock
from mm_framework.errors import EnvironmentFailed

__all__ = ["Image", "SimulatedDisk"]

SECTOR: Final = 512


@attrs.define(eq=False)
class _Inode:
    """A file: its bytes, and how many of the first ones are on the disk for certain."""

    data: bytearray = attrs.field(factory=bytearray)
    durable: int = 0


@attrs.frozen
class Image:
    """Files by path, as a new process finds them."""

    files: dict[Path, bytes]

    def write_to(self, folder: Path) -> None:
        """Make them real below ``folder``, which takes the place of the root."""
        for path, data in self.files.items():
            target = folder / path.relative_to(path.anchor)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


class SimulatedDisk:
    """Implements `bundle.disk.Disk`. ``room``: bytes that still fit, None for any number.

    ``failing``: fsync fails. `tear` catches the next write half done.
    """

    def __init__(self, draw: random.Random) -> None:
        self.room: int | None = None
        self.failing = False
        self._draw = draw
        self._folders: set[Path] = set()
        self._names: dict[Path, _Inode] = {}
        self._durable: dict[Path, _Inode] = {}
        self._locked: set[Path] = set()
        self._torn: list[Callable[[], None]] = []

    # what goes wrong

    def tear(self, caught: Callable[[], None]) -> None:
        """Call ``caught`` in the midst of the next write, when a part of it was taken."""
        self._torn.append(caught)

    def remove(self, folder: Path) -> None:
        """See `bundle.disk.Disk`; open files go on, without a name."""
        self._folders = {one for one in self._folders if one != folder and folder not in one.parents}
        for names in (self._names, self._durable):
            for path in [path for path in names if folder in path.parents]:
                del names[path]

    # what remains

    def kill(self) -> Image:
        """What the operating system was given."""
        return Image({path: bytes(inode.data) for path, inode in self._names.items()})

    def power_loss(self) -> Image:
        """What is on the disk: of bytes that were not forced any sectors, of names old or new ones."""
        names = dict(self._durable)
        for path, inode in self._names.items():
            if self._draw.random() < 0.5:
                names[path] = inode
        return Image({path: self._survived(inode) for path, inode in names.items()})

    def _survived(self, inode: _Inode) -> bytes:
        draw, data = self._draw, inode.data
        end = draw.randint(inode.durable, len(data))
        survived = bytearray(data[:end])
        for start in range(inode.durable // SECTOR * SECTOR, end, SECTOR):
            if draw.random() < 0.3:
                first, last = max(start, inode.durable), min(start + SECTOR, end)
                survived[first:last] = bytes(last - first)
        return bytes(survived)

    # the disk

    def create(self, path: Path) -> DiskFile:
        """See `bundle.disk.Disk`."""
        self._find(path.parent)
        if path in self._names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        inode = self._names[path] = _Inode()
        return _File(self, inode)

    def replace(self, path: Path, data: bytes) -> None:
        """See `bundle.disk.Disk`."""
        part = path.with_name(path.name + ".part")
        self._find(path.parent)
        inode = self._names[part] = _Inode()
        view = memoryview(data)
        while view:
            view = view[self.take(inode, view) :]
        self.force(inode)
        self._names[path] = self._names.pop(part)
        self.sync_folder(path.parent)

    def make_folder(self, path: Path, *, parents: bool = False) -> None:
        """See `bundle.disk.Disk`."""
        if parents:
            self._folders.update((path, *path.parents))
            return
        self._find(path.parent)
        if path in self._folders:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._folders.add(path)

    def sync_folder(self, folder: Path) -> None:
        """See `bundle.disk.Disk`."""
        self._find(folder)
        self._fail_if_failing()
        for path in [path for path in self._durable if path.parent == folder]:
            del self._durable[path]
        self._durable.update({path: inode for path, inode in self._names.items() if path.parent == folder})

    def lock(self, folder: Path) -> DiskLock:
        """See `bundle.disk.Disk`."""
        self._find(folder)
        if folder in self._locked:
            raise EnvironmentFailed(f"{folder} is being written by another process: wait for its end")
        self._locked.add(folder)
        return _Lock(self._locked, folder)

    # files

    def take(self, inode: _Inode, data: memoryview) -> int:
        """Append bytes to a file, as many as fit."""
        if self._torn:
            caught, self._torn = self._torn, []
            part = self._draw.randrange(len(data) + 1)
            inode.data += data[:part]
            for call in caught:
                call()
            del inode.data[len(inode.data) - part :]
        fit = len(data) if self.room is None else min(len(data), self.room)
        if data and not fit:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.room is not None:
            self.room -= fit
        inode.data += data[:fit]
        return fit

    def force(self, inode: _Inode) -> None:
        """Force a file's bytes to the disk."""
        self._fail_if_failing()
        inode.durable = len(inode.data)

    def _fail_if_failing(self) -> None:
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _find(self, folder: Path) -> None:
        if folder not in self._folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


class _File:
    """Implements `bundle.disk.DiskFile`."""

    def __init__(self, disk: SimulatedDisk, inode: _Inode) -> None:
        self._disk, self._inode = disk, inode

    def write(self, data: memoryview) -> int:
        return self._disk.take(self._inode, data)

    def sync(self) -> None:
        self._disk.force(self._inode)

    def close(self) -> None:
        """A file in memory needs none."""


class _Lock:
    """Implements `bundle.disk.DiskLock`."""

    def __init__(self, locked: set[Path], folder: Path) -> None:
        self._locked, self._folder = locked, folder

    def release(self) -> None:
        self._locked.discard(self._folder)
