"""Who uses kernels asks here: `active` loads all of them, once a process, or says that there are none.

A process that finds the cache warm loads from it in well under a second. With a cold one, the first
process compiles, under a lock; any other uses the reference path for its life, which gives the same
answers later. Nothing that goes wrong here stops a run: one line on stderr, then the reference path.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from mm_framework.kernels import cache
from mm_framework.kernels.mode import installed, mode

if TYPE_CHECKING:
    from mm_framework.kernels.jit import Kernel

__all__ = ["ENGINE_MODULES", "KERNEL_MODULES", "KernelStatus", "active", "names", "ready", "status", "warm"]

KERNEL_MODULES: Final[tuple[str, ...]] = ("advance", "book", "log", "rows")
"""The modules that define kernels."""
ENGINE_MODULES: Final[tuple[str, ...]] = ("desk", "lines", "loop", "tape")
"""Those of the compiled backtest, a group of its own: see `cache.GROUPS`."""

_CHANGED: Final = "their sources changed while they were read"
USUAL_COMPILE_S: Final = 20  # on one core of a small machine; told when no earlier compile is known


@attrs.frozen
class KernelStatus:
    """What kernels this process has, or would have.

    ``state`` is off, not installed, cold (nothing compiled yet), warm (compiled, not loaded), loaded or
    unavailable, with its ``reason``. ``path`` and ``key`` are None where there can be no kernels.
    ``kernels`` and ``specialisations`` count entry points and their compiled forms, ``seconds`` and
    ``compiled_at`` (UTC) tell of the last complete compile, None when there is none. ``compiled`` counts
    the kernels that this process did not find in the cache.
    """

    mode: str
    state: str
    reason: str = ""
    path: str | None = None
    key: str | None = None
    kernels: int = 0
    specialisations: int = 0
    seconds: float | None = None
    compiled_at: str | None = None
    compiled: int = 0


@attrs.frozen
class _Outcome:
    """How the one attempt to load ended."""

    state: str
    reason: str = ""
    compiled: int = 0
    kernels: int = 0
    specialisations: int = 0


_guard = threading.RLock()
_outcomes: dict[str, _Outcome] = {}


def active(group: str = cache.KERNELS) -> bool:
    """Whether this process has the kernels of a group (`cache.GROUPS`); the first call loads them.

    Raises ConfigError for a wrong mode.
    """
    if group not in _outcomes:
        with _guard:
            if group not in _outcomes:
                _outcomes[group] = _load(group)
    return _outcomes[group].state == "loaded"


def ready(group: str = cache.KERNELS) -> bool:
    """Whether this process has the kernels of a group, which asks no file, or finds them compiled."""
    outcome = _outcomes.get(group)
    return (outcome is not None and outcome.state == "loaded") or status(group).state == "warm"


def status(group: str = cache.KERNELS) -> KernelStatus:
    """The state of this process and of the cache. Imports no numba and compiles nothing."""
    if mode() == "off":
        return KernelStatus("off", "off" if installed() else "not installed")
    try:
        folder = cache.current(group)
        stamp = folder.warm()
    except Exception as error:
        return KernelStatus(mode(), "unavailable", _reason(error))
    count = len(stamp.kernels) if stamp else 0
    outcome = _outcomes.get(group) or _Outcome(
        "warm" if stamp else "cold", kernels=count, specialisations=count
    )
    return KernelStatus(
        mode=mode(),
        state=outcome.state,
        reason=outcome.reason,
        path=str(folder.path),
        key=folder.key,
        kernels=outcome.kernels,
        specialisations=outcome.specialisations,
        seconds=round(stamp.seconds, 3) if stamp else None,
        compiled_at=stamp.compiled_at if stamp else None,
        compiled=outcome.compiled,
    )


def names(group: str = cache.KERNELS) -> list[str]:
    """The names of all kernels of a group, imported for that. Raises what a broken compiler raises."""
    return [kernel.name for kernel in _kernels(group)]


def warm(
    built: Callable[[str], None] = lambda name: None, *, anew: bool = False, group: str = cache.KERNELS
) -> dict[str, float]:
    """Compile what the cache lacks, or all of it ``anew``, waiting for a process that does so already.

    ``built`` is called with the name of each kernel that is ready. Gives the seconds of each kernel that
    was compiled here. Raises OSError when the folder cannot be used, and what a broken compiler raises.
    """
    kernels = _kernels(group)
    folder = cache.current(group)
    if problem := folder.problem() or (None if cache.unchanged(group) else _CHANGED):
        raise OSError(f"compiled kernels cannot be kept: {problem}")
    with _guard, contextlib.ExitStack() as stack:
        if not stack.enter_context(folder.locked(wait=False)):
            _tell("another process is compiling the kernels; waiting for it")
            stack.enter_context(folder.locked(wait=True))
        if folder.warm() and not anew:
            return {}
        return _compile(kernels, folder, built, anew=anew)


def _load(group: str) -> _Outcome:
    if mode() == "off":
        return _Outcome("off" if installed() else "not installed")
    try:
        return _loaded(group)
    except MemoryError:
        raise
    except Exception as error:
        reason = _reason(error)
        _tell(f"the kernels cannot be used, the reference path takes their place: {reason}")
        return _Outcome("unavailable", reason)


def _loaded(group: str) -> _Outcome:
    folder = cache.current(group)
    kernels = _kernels(group)
    problem = None if cache.unchanged(group) else _CHANGED
    if problem is None:
        if folder.warm():
            return _from_cache(kernels, folder)
        problem = folder.problem()
    if problem is None:
        try:
            with folder.locked(wait=False) as mine:
                return _compile_or_leave(kernels, folder, mine=mine)
        except OSError as error:
            problem = _reason(error)
    _compiler()
    _tell(f"the compiled kernels serve this process alone, they cannot be kept: {problem}")
    return _done(kernels, sum(kernel.build(cached=False) for kernel in kernels), problem)


def _compile_or_leave(kernels: list[Kernel], folder: cache.KernelCache, *, mine: bool) -> _Outcome:
    if not mine:
        reason = "another process is compiling the kernels"
        _tell(f"{reason}; this one uses the reference path")
        return _Outcome("cold", reason)
    if folder.warm():  # the other one has just come to its end
        return _from_cache(kernels, folder)
    _compiler()
    expected = folder.expected_s() or USUAL_COMPILE_S
    _tell(f"compiling the kernels, once for this machine: about {expected:.0f} s")
    return _done(kernels, len(_compile(kernels, folder)))


def _compiler() -> None:
    """Import it, before anything is said. Raises what a broken one raises."""
    from mm_framework.kernels.jit import compiler

    compiler()


def _from_cache(kernels: list[Kernel], folder: cache.KernelCache) -> _Outcome:
    folder.touch()
    compiled = sum(kernel.build(cached=True) for kernel in kernels)
    if compiled:
        _tell(f"{compiled} kernels were not found in {folder.path}: try mm warmup --force")
    return _done(kernels, compiled)


def _done(kernels: list[Kernel], compiled: int, reason: str = "") -> _Outcome:
    return _Outcome("loaded", reason, compiled, len(kernels), len(kernels))


def _kernels(group: str) -> list[Kernel]:
    """All kernels of a group, imported."""
    package, modules = "mm_framework.kernels", KERNEL_MODULES
    if group == cache.ENGINE:
        package, modules = "mm_framework.trading.compiled", ENGINE_MODULES
    of_group = {importlib.import_module(f"{package}.{name}").__name__ for name in modules}
    from mm_framework.kernels.jit import KERNELS

    return [kernel for kernel in KERNELS if kernel.function.__module__ in of_group]


def _compile(
    kernels: list[Kernel],
    folder: cache.KernelCache,
    built: Callable[[str], None] = lambda name: None,
    *,
    anew: bool = False,
) -> dict[str, float]:
    """Build all under the lock and record each; an earlier attempt that was killed is completed.

    Gives the seconds of each kernel that was compiled. Raises OSError when one could not be kept.
    """
    compiled = {}
    stamp = folder.prepare(anew=anew)
    for kernel in kernels:
        if kernel.name in stamp.kernels:
            kernel.build(cached=True)
        else:
            began = time.perf_counter()
            kernel.forget()
            kernel.build(cached=False)
            compiled[kernel.name] = time.perf_counter() - began
            stamp = folder.add(stamp, kernel.name, compiled[kernel.name], kernel.code)
        built(kernel.name)
    folder.finish(stamp)
    return compiled


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _tell(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
