"""``mm warmup``: compile the kernels before they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import json_option
from mm_framework.errors import EnvironmentFailed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mm_framework.kernels.loader import KernelStatus

__all__ = ["command"]


@click.command("warmup")
@click.option("--force", is_flag=True, help="Compile all of them, also what is compiled already.")
@json_option
@click.option("--engine", is_flag=True, help="Compile the engine of backtests.")
@pass_app
def command(app: App, force: bool, engine: bool) -> None:
    """Compile the kernels now, once for this machine, so that no run has to.

    What is compiled is kept in the user's cache folder (or in MM_KERNEL_CACHE) and serves every
    environment of this user. Another process that compiles already is waited for. Stopped half-way, the
    next call goes on from there. The engine of backtests is apart: it is compiled by --engine, or by the
    first backtest of a long tape.
    """
    from mm_framework.kernels import cache
    from mm_framework.kernels.loader import status

    group = cache.ENGINE if engine else cache.KERNELS
    before = status(group)
    if before.state in ("off", "not installed") or (before.compiled_at is not None and not force):
        _tell(app, before, {})
        return
    seconds = _compile(app, group, force=force)
    _tell(app, status(group), seconds)


def _compile(app: App, group: str, *, force: bool) -> dict[str, float]:
    """Seconds of each kernel. Raises EnvironmentFailed when this machine cannot compile or keep them."""
    from mm_framework.kernels import loader

    try:
        total = len(loader.names(group))
        with app.out.progress("compiling kernels", total=total, unit="kernels") as advance:
            return loader.warm(lambda name: advance(1), anew=force, group=group)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise EnvironmentFailed(f"{reason}; without kernels everything runs with MM_KERNELS=off") from error


def _tell(app: App, status: KernelStatus, seconds: dict[str, float]) -> None:
    document = {
        "ok": True,
        **attrs.asdict(status),
        "built": {name: round(took, 3) for name, took in seconds.items()},
    }
    app.out.emit(document, lambda: _shown(app, status, seconds))


def _shown(app: App, status: KernelStatus, seconds: dict[str, float]) -> str | RenderableType:
    if status.state == "off":
        return "kernels are off (MM_KERNELS): the reference path needs no compile"
    if status.state == "not installed":
        return "numba is not installed: the reference path needs no compile"
    if not seconds:
        return f"already compiled: {status.kernels} kernels at {status.compiled_at} in {status.path}"
    from rich.console import Group

    rows = [(name, f"{took:.2f}") for name, took in seconds.items()]
    total = f"{len(rows)} kernels compiled in {sum(seconds.values()):.1f} s, kept in {status.path}"
    return Group(app.out.table(("kernel", "seconds"), rows), total)
