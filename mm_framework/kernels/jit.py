"""The one typed shim for numba: `inline` and `helper` for the parts, `kernel` for the entry points.

Every value in a kernel is an int64: numbers, flags and raw addresses. Kernels are compiled for one
fixed signature each, by `Kernel.build`, never by a call: nothing compiles in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from mm_framework.kernels import cache, locator

__all__ = ["KERNELS", "Kernel", "helper", "inline", "kernel"]

_F = TypeVar("_F", bound=Callable[..., Any])

if numba.config.DISABLE_JIT:
    raise ImportError("NUMBA_DISABLE_JIT is set: nothing can be compiled")

cache.key()  # before a kernel module is read: it must be the key of the code that runs

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False}


def inline(function: _F) -> _F:
    """A small part, copied into its callers by the compiler."""
    return cast(_F, numba.njit(forceinline=True, **_OPTIONS)(function))


def helper(function: _F) -> _F:
    """A part that is compiled once and called."""
    return cast(_F, numba.njit(**_OPTIONS)(function))


class Kernel:
    """An entry point: int64 arguments, int64 result. Call it after `build`.

    Raises RuntimeError when called before.
    """

    def __init__(self, function: Callable[..., int], parameters: int) -> None:
        self.function = function
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.signature = f"int64({', '.join(['int64'] * parameters)})"
        self.dispatcher: Any = None
        self.unsaved: OSError | None = None
        self.call: Callable[..., int] = self._not_built

    def build(self, *, cached: bool | None = None) -> bool:
        """Load it from the cache, or compile it; True when it was compiled.

        Compiled code is saved if this process holds the lock of the cache; ``unsaved`` is the error if
        that failed. ``cached`` says whether the cache is looked at; unless told, a complete one is.
        """
        if self.dispatcher is None:
            self.unsaved = None
            if cached is None:
                group = locator.group_of(self.function)
                cached = group is not None and cache.current(group).warm() is not None
            try:
                self.dispatcher = self._compiled(cached=cached)
            except Exception:
                if not cached:
                    raise
                self.dispatcher = self._compiled(cached=False)
            self.call = _fastest(self.dispatcher)
        return not self.dispatcher.stats.cache_hits

    def _compiled(self, *, cached: bool) -> Any:
        """numba's callable for the one signature; it will compile no other."""
        with locator.located(numba.config):
            dispatcher = numba.njit(cache=cached, **_OPTIONS)(self.function)
        try:
            dispatcher.compile(self.signature)
        except OSError as error:
            if not dispatcher.overloads:
                raise
            self.unsaved = error
        dispatcher.disable_compile()
        return dispatcher

    def forget(self) -> None:
        """Let the next `build` begin anew."""
        self.dispatcher, self.call = None, self._not_built

    def __call__(self, *arguments: int) -> int:
        """Run it."""
        return self.call(*arguments)

    def _not_built(self, *arguments: int) -> int:
        raise RuntimeError(f"{self.name} was called before it was built")


def _fastest(dispatcher: Any) -> Callable[..., int]:
    """The compiled function without numba's search for a signature, a third of the cost of a call.

    The attribute is undocumented; without it the dispatcher is called. Exceptions are the same; where the
    dispatcher refuses an argument that is no number, this takes what ``int()`` makes of it.
    """
    (overload,) = dispatcher.overloads.values()
    entry = getattr(overload, "entry_point", None)
    return cast(Callable[..., int], entry if callable(entry) else dispatcher)


KERNELS: list[Kernel] = []
"""All entry points, in the order of their definition."""


def kernel(function: Callable[..., int]) -> Kernel:
    """Make a function an entry point."""
    made = Kernel(function, function.__code__.co_argcount)
    KERNELS.append(made)
    return made
