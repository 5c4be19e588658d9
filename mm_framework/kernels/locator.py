"""Where numba finds and saves the code of kernels: in our folder, and nowhere without the lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from mm_framework.kernels.cache import ENGINE, KERNELS, current

__all__ = ["NUMBA_LOCATORS", "Locator", "group_of", "holds", "located"]

# What numba tries itself, unless told otherwise.
NUMBA_LOCATORS: Final = (
    "UserProvidedCacheLocator",
    "InTreeCacheLocator",
    "UserWideCacheLocator",
    "IPythonCacheLocator",
    "ZipCacheLocator",
)

_PACKAGE: Final = __name__.rpartition(".")[0]
_PACKAGES: Final = {f"{_PACKAGE}.": KERNELS, f"{_PACKAGE.partition('.')[0]}.trading.compiled.": ENGINE}


def group_of(function: Callable[..., Any]) -> str | None:
    """The group of a function, by its package; None for another's."""
    for package, group in _PACKAGES.items():
        if function.__module__.startswith(package):
            return group
    return None


def holds(function: Callable[..., Any]) -> bool:
    """Whether the cache is meant for this function."""
    return group_of(function) is not None


class Locator:
    """What numba asks for the place of a function's code."""

    def __init__(self, line: int, py_file: str, group: str) -> None:
        self._line, self._py_file = line, py_file  # numba names the file when it warns
        self._folder = current(group)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Locator | None:
        """The locator of a kernel; None for another function lets numba's own locators follow."""
        group = group_of(py_func)
        return None if group is None else cls(py_func.__code__.co_firstlineno, py_file, group)

    def ensure_cache_path(self) -> None:
        """Called before code is saved. Raises OSError unless this process holds the lock."""
        if not self._folder.held:
            raise OSError(f"{self._folder.path} is not locked by this process")

    def get_cache_path(self) -> str:
        """The folder."""
        return str(self._folder.path)

    def get_source_stamp(self) -> str:
        """What entries must have been made of."""
        return self._folder.key

    def get_disambiguator(self) -> str:
        """The line, as numba's own locators do; it is part of the sources that the key covers."""
        return str(self._line)


@contextlib.contextmanager
def located(config: Any) -> Iterator[None]:
    """Let numba (its ``config``) ask our `Locator` within the block, then its own ones."""
    earlier = config.CACHE_LOCATOR_CLASSES
    ours = f"{__name__}.{Locator.__name__}"
    config.CACHE_LOCATOR_CLASSES = ",".join([ours, *([earlier] if earlier else NUMBA_LOCATORS)])
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES = earlier
