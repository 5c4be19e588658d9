"""The one typed shim for numba: `inline`, `helper`, `primitive` make parts, `kernel` the entry points.

Every value in a kernel is an int64: numbers, flags and raw addresses. Kernels are compiled for one
fixed signature each, by `Kernel.build`, never by a call: nothing compiles in the middle of a run.

numba is imported when something is compiled; kernels that are in the cache are linked without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar, cast

from mm_framework.kernels import cache, native

__all__ = ["KERNELS", "Kernel", "compiler", "helper", "inline", "kernel", "primitive", "typed"]

_F = TypeVar("_F", bound=Callable[..., Any])

cache.key()  # before a kernel module is read: it must be the key of the code that runs

_OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "boundscheck": False}
_ALONE: Final[dict[str, Any]] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def compiler() -> Any:
    """numba. Raises ImportError where it cannot compile, and what a broken one raises."""
    import numba

    if numba.config.DISABLE_JIT:
        raise ImportError("NUMBA_DISABLE_JIT is set: nothing can be compiled")
    return numba


class Part:
    """What kernels call. numba meets it as a global of theirs, and asks for ``_numba_type_``."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    @cached_property
    def compiled(self) -> Any:
        """numba's form of it."""
        raise NotImplementedError

    @property
    def _numba_type_(self) -> Any:
        return self.compiled._numba_type_


class _Function(Part):
    """A part in Python."""

    def __init__(self, function: Callable[..., Any], **options: bool) -> None:
        super().__init__(function)
        self._options = options

    @cached_property
    def compiled(self) -> Any:
        return compiler().njit(**self._options, **_OPTIONS)(self.function)


class _Primitive(Part):
    """A part in LLVM's language."""

    @cached_property
    def compiled(self) -> Any:
        compiler()
        from numba.extending import intrinsic

        return intrinsic(self.function)

    @property
    def _numba_type_(self) -> Any:
        made = self.compiled
        from numba.core.registry import cpu_target

        cpu_target.typing_context.refresh()
        return cpu_target.typing_context.resolve_value_type(made)


def inline(function: _F) -> _F:
    """A small part, copied into its callers by the compiler."""
    return cast(_F, _Function(function, forceinline=True))


def helper(function: _F) -> _F:
    """A part that is compiled once and called."""
    return cast(_F, _Function(function))


def primitive(function: Callable[..., Any]) -> Any:
    """A part that writes its own code, as numba's ``intrinsic`` describes: gives `typed`, and the writer."""
    return _Primitive(function)


def typed(signature: str) -> Any:
    """The types of a primitive, ``int64(int64, int64)``."""
    from numba.core.sigutils import normalize_signature

    parameters, result = normalize_signature(signature)
    return result(*parameters)


class Kernel:
    """An entry point: int64 arguments, int64 result. Call it after `build`.

    ``code`` is what the cache keeps of it, empty before, ``compiled`` whether this process made it. Raises
    RuntimeError when called before.
    """

    def __init__(self, function: Callable[..., int], parameters: int) -> None:
        self.function = function
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.parameters = parameters
        self.code = b""
        self.compiled = False
        self.call: Callable[..., int] = self._not_built

    def build(self, *, cached: bool | None = None) -> bool:
        """Load it from the cache, or compile it, unless it is ready; True when this process compiled it.

        ``cached`` says whether the cache is looked at; unless told, a complete one is.
        """
        if not self.code:
            code = self._kept(cached)
            self.compiled = code is None
            code = self._made() if code is None else code
            self.call = native.load(code, self.name)
            self.code = code
        return self.compiled

    def _kept(self, cached: bool | None) -> bytes | None:
        group = cache.group_of(self.function)
        if cached is False or group is None:
            return None
        folder = cache.current(group)
        if cached is None and folder.warm() is None:
            return None
        return folder.code(self.name)

    def _made(self) -> bytes:
        """Let numba write the function in LLVM's language, with all its parts, for the one signature."""
        dispatcher = compiler().njit(**_ALONE, **_OPTIONS)(self.function)
        dispatcher.compile(f"int64({', '.join(['int64'] * self.parameters)})")
        (overload,) = dispatcher.overloads.values()
        entry = overload.fndesc.llvm_func_name
        return native.machine_code(overload.library.get_llvm_str(), entry, self.parameters)

    def forget(self) -> None:
        """Let the next `build` begin anew."""
        self.code, self.call = b"", self._not_built

    def __call__(self, *arguments: int) -> int:
        """Run it."""
        return self.call(*arguments)

    def _not_built(self, *arguments: int) -> int:
        raise RuntimeError(f"{self.name} was called before it was built")


KERNELS: list[Kernel] = []
"""All entry points, in the order of their definition."""


def kernel(function: Callable[..., int]) -> Kernel:
    """Make a function an entry point."""
    made = Kernel(function, function.__code__.co_argcount)
    KERNELS.append(made)
    return made
