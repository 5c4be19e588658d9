"""Where a store is: a folder, or any URL that fsspec knows (``s3://bucket/store``).

Names are relative, with ``/``; none leads out of the root. A file appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

import attrs

from mm_framework.bundle.disk import FolderLock, replace_file, sync_folder, writing
from mm_framework.errors import ConfigError, EnvironmentFailed, StoreError

__all__ = ["Root", "locked", "open_root"]


class Root(Protocol):
    """Files by name. All methods raise EnvironmentFailed when the disk or the network refuses."""

    @property
    def url(self) -> str:
        """How to open it again."""
        ...

    def read(self, name: str) -> bytes | None:
        """The content of a file, None when there is none."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Create or replace a file."""
        ...

    def put(self, local: Path, name: str) -> None:
        """Move a local file here."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading, with seek. Raises StoreError when there is none."""
        ...

    def location(self, name: str) -> str:
        """What other readers of Parquet call the file: a path or a URL."""
        ...

    def size(self, name: str) -> int | None:
        """The bytes of a file, None when there is none."""
        ...

    def names(self, folder: str = "") -> list[str]:
        """All files below a folder, sorted."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...


def open_root(url: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Root:
    """The root at a path or URL; it need not exist. ``options`` go to fsspec.

    Raises ConfigError for a protocol that is unknown or whose library is not installed.
    """
    text = os.fspath(url)
    if "://" not in text:
        return LocalRoot(Path(text))
    if text.startswith("file://"):
        return LocalRoot(Path(text.removeprefix("file://")))
    try:
        import fsspec  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigError(
            f"store {text} is no local folder: install mm-framework[remote] to reach it", key="store"
        ) from None
    try:
        filesystem, path = fsspec.core.url_to_fs(text, **(options or {}))
    except (ImportError, ValueError) as error:
        raise ConfigError(f"store {text} cannot be reached: {error}", key="store", value=text) from None
    return RemoteRoot(text, filesystem, path.rstrip("/"))


def checked(name: str) -> str:
    """The name itself. Raises StoreError for one that leads out of the root."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0]:
        raise StoreError(f"{name!r} is no name of a file in a store: it leads outside", path=name)
    return name


@attrs.frozen
class LocalRoot:
    """A folder."""

    folder: Path

    @property
    def url(self) -> str:
        """The path."""
        return str(self.folder)

    def read(self, name: str) -> bytes | None:
        """See `Root`."""
        with _asking(self.location(name)):
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """See `Root`."""
        path = self._path(name)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)

    def put(self, local: Path, name: str) -> None:
        """See `Root`."""
        path = self._path(name)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(path.name + ".part")
            shutil.move(local, temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)

    def open(self, name: str) -> BinaryIO:
        """See `Root`."""
        with _asking(self.location(name)):
            try:
                return self._path(name).open("rb")
            except FileNotFoundError:
                raise StoreError(f"{self.location(name)} is missing", path=name) from None

    def location(self, name: str) -> str:
        """See `Root`."""
        return str(self._path(name))

    def size(self, name: str) -> int | None:
        """See `Root`."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def names(self, folder: str = "") -> list[str]:
        """See `Root`."""
        base = self.folder / folder
        found = (path for path in base.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def remove(self, name: str) -> None:
        """See `Root`; folders that are left empty go with it."""
        path = self._path(name)
        with writing(path):
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self.folder or not parent.is_dir() or any(parent.iterdir()):
                    break
                parent.rmdir()

    def _path(self, name: str) -> Path:
        path = self.folder / checked(name)
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise StoreError(
                f"{path} is a link that leads out of the store: put the file itself there", path=path
            )
        return path


@attrs.frozen
class RemoteRoot:
    """A folder of an fsspec file system; its protocol must write a file whole or not at all."""

    url: str
    filesystem: Any
    path: str

    def read(self, name: str) -> bytes | None:
        """See `Root`."""
        with _asking(self.location(name)):
            self.filesystem.invalidate_cache()
            try:
                return bytes(self.filesystem.cat_file(self._full(name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """See `Root`."""
        with _asking(self.location(name)):
            self.filesystem.pipe_file(self._full(name), data)

    def put(self, local: Path, name: str) -> None:
        """See `Root`."""
        with _asking(self.location(name)):
            self.filesystem.put_file(str(local), self._full(name))
            local.unlink()

    def open(self, name: str) -> BinaryIO:
        """See `Root`."""
        with _asking(self.location(name)):
            try:
                return self.filesystem.open(self._full(name), "rb")  # type: ignore[no-any-return]
            except FileNotFoundError:
                raise StoreError(f"{self.location(name)} is missing", path=name) from None

    def location(self, name: str) -> str:
        """See `Root`."""
        return posixpath.join(self.url, checked(name))

    def size(self, name: str) -> int | None:
        """See `Root`."""
        with _asking(self.location(name)):
            self.filesystem.invalidate_cache()
            try:
                return int(self.filesystem.size(self._full(name)))
            except FileNotFoundError:
                return None

    def names(self, folder: str = "") -> list[str]:
        """See `Root`."""
        with _asking(self.url):
            self.filesystem.invalidate_cache()
            try:
                found = self.filesystem.find(posixpath.join(self.path, folder))
            except FileNotFoundError:
                return []
        return sorted(posixpath.relpath(one, self.path) for one in found)

    def remove(self, name: str) -> None:
        """See `Root`."""
        with _asking(self.location(name)), contextlib.suppress(FileNotFoundError):
            self.filesystem.rm_file(self._full(name))

    def _full(self, name: str) -> str:
        return posixpath.join(self.path, checked(name))


@contextlib.contextmanager
def locked(root: Root) -> Iterator[None]:
    """Who changes a store is alone; a remote one has no lock, the last manifest wins there.

    Raises EnvironmentFailed while another process changes it.
    """
    if not isinstance(root, LocalRoot):
        yield
        return
    with writing(root.folder):
        root.folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(root.folder)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _asking(place: str) -> Iterator[None]:
    """Errors of the disk or the network become EnvironmentFailed, which names the place."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EnvironmentFailed(f"cannot use {place}: {error.strerror or error}") from error
