"""``mm doctor``: is this machine and this installation fit to run? No plugin can make it fail."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import attrs
import click
from packaging.requirements import Requirement

import mm_framework
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.installed import extras, fault, required
from mm_framework.cli.open_files import most_open_files
from mm_framework.cli.options import FiniteRange, json_option, settings_options
from mm_framework.errors import MMError
from mm_framework.settings import DataSettings

__all__ = ["Check", "command"]

CORE = "mm-framework"
LEAST_PYTHON = (3, 11)
LEAST_FREE_GIB = 1.0  # below this a capture is not worth starting
LOW_FREE_GIB = 10.0
LOW_OPEN_FILES = 256  # sockets and log segments of a sharded capture
COARSE_CLOCK_S = 0.001
WIDEST = 90  # letters of a line of a finding
CLOCK_OFF_S = 1.0
TIME_URL_TIMEOUT_S = 5.0
PORTS = (8765, 8766)  # relay, metrics

KERNEL_LIBRARIES = ("llvmlite", "numba")  # the row of the kernels tells of them


@attrs.frozen
class Check:
    """One finding. ``state`` is ok, warn or fail; ``found`` what there is, ``hint`` what to do."""

    name: str
    state: str
    found: str
    hint: str = ""


@click.command("doctor")
@click.option("--plugins", "plugins", is_flag=True, help="Import every plugin, too.")
@click.option(
    "--time-url", metavar="URL", help="Compare the clock with what this HTTP server says in Date. [offline]"
)
@click.option(
    "--alive",
    type=FiniteRange(0, min_open=True),
    metavar="X",
    help="Only tell whether a capture of the data folder spoke within X seconds: a health check.",
)
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, plugins: bool, time_url: str | None, alive: float | None) -> int:
    """Look at Python, libraries, clock, disk, limits and plugins; exit 1 if something stands in the way.

    Plugins are told from their metadata, none is imported unless asked. A plugin that failed is a
    warning here: only runs that name it fail.
    """
    if alive is not None:
        from mm_framework.cli.health import health

        told = health(app, alive)
        app.out.emit(told, f"{'alive' if told['ok'] else 'NOT alive'}: {told['found']}")
        return 0 if told["ok"] else 1
    checks = list(_checks(app, import_plugins=plugins, time_url=time_url))
    ok = all(check.state != "fail" for check in checks)
    document = {
        "ok": ok,
        "version": mm_framework.__version__,
        "checks": [attrs.asdict(check) for check in checks],
    }
    rows = [(check.state, check.name, check.found, check.hint) for check in checks]
    app.out.emit(document, lambda: app.out.table(("", "check", "found", "what to do"), rows, WIDEST))
    return 0 if ok else 1


def _checks(app: App, *, import_plugins: bool, time_url: str | None) -> Iterator[Check]:
    yield _python()
    yield Check("platform", "ok", f"{platform.system()} {platform.release()} {platform.machine()}")
    yield from _libraries()
    yield _guarded("kernels", _kernels)
    yield _clock()
    yield _clock_compared(time_url)
    yield _open_files()
    yield _ports()
    yield _guarded("configuration", lambda: _configuration(app))
    yield _guarded("data folder", lambda: _data_folder(app.load(DataSettings).value.dir))
    yield _guarded("plugins", lambda: _plugins(app, import_plugins))


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check that meets a configuration error reports it and lets the others go on."""
    try:
        return check()
    except MMError as error:
        return Check(name, "fail", str(error), "correct the setting")


def _python() -> Check:
    found = f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}"
    if sys.version_info < LEAST_PYTHON:
        return Check("python", "fail", found, "use Python 3.11 or newer")
    return Check("python", "ok", found)


def _libraries() -> Iterator[Check]:
    """What `mm-framework` requires on this machine, and its extras in one row."""
    try:
        metadata = importlib.metadata.metadata(CORE)
    except importlib.metadata.PackageNotFoundError:
        yield Check("libraries", "warn", f"{CORE} is not installed: not known what it needs", "install it")
        return
    lines = metadata.get_all("Requires-Dist") or []
    for one in required(lines):
        if one.name not in KERNEL_LIBRARIES:
            yield _library(one)
    offered = extras(metadata)
    absent = [extra for extra in offered if any(map(fault, required(lines, extra)))]
    found = ", ".join(extra for extra in offered if extra not in absent) or "none"
    if not absent:
        yield Check("extras", "ok", found)
        return
    hint = f"where you need one: pip install '{CORE}[NAME]'"
    yield Check("extras", "ok", f"{found}; not installed: {', '.join(absent)}", hint)


def _library(one: Requirement) -> Check:
    wrong = fault(one)
    if wrong is None:
        return Check(one.name, "ok", importlib.metadata.version(one.name))
    return Check(one.name, "fail", wrong, f"install {CORE} again, with its dependencies")


def _kernels() -> Check:
    from mm_framework.kernels.loader import status

    found = status()
    if found.state == "off":
        return Check("kernels", "ok", "off: the reference path only, as MM_KERNELS says")
    if found.state == "not installed":
        return Check("kernels", "ok", "numba is not installed: the reference path only")
    if found.path is None or found.state == "unavailable":
        return Check("kernels", "warn", f"unavailable: {found.reason}", "repair numba, or set MM_KERNELS=off")
    folder = Path(found.path)
    if found.compiled_at is None:
        told = f"{found.mode}, cold, cache {folder}"
        if not _can_be_made(folder):
            return Check(
                "kernels", "warn", f"{told} cannot be written", "choose another: MM_KERNEL_CACHE=DIR"
            )
        return Check("kernels", "ok", told, "compile them now: mm warmup")
    return Check(
        "kernels",
        "ok",
        f"{found.mode}, {found.state}, {found.kernels} compiled at {found.compiled_at} "
        f"in {found.seconds:.1f} s, cache {folder}",
    )


def _clock() -> Check:
    info = time.get_clock_info("monotonic")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    found = f"{now}, monotonic resolution {info.resolution * 1e6:g} us"
    if info.resolution > COARSE_CLOCK_S:
        return Check("clock", "warn", found, "receive times are as coarse as that")
    return Check("clock", "ok", found)


def _clock_compared(url: str | None) -> Check:
    """The wall clock against the ``Date`` of an HTTP answer, which is cut to whole seconds."""
    name = "clock, compared"
    if url is None:
        return Check(name, "ok", "offline: compared with none", "compare it: --time-url URL")
    before_s = time.time()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, method="HEAD"), timeout=TIME_URL_TIMEOUT_S
        ) as answer:
            told_s = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (OSError, ValueError, TypeError) as error:
        return Check(name, "warn", f"{url} did not tell the time: {error}", "try another: --time-url URL")
    least_s, most_s = told_s - time.time(), told_s + 1 - before_s
    off_s = max(0.0, least_s, -most_s)
    found = f"{url} is ahead of us by {least_s:.1f} to {most_s:.1f} s"
    if off_s > CLOCK_OFF_S:
        return Check(name, "warn", found, "set the clock: ages of data and windows depend on it (NTP)")
    return Check(name, "ok", found)


def _ports() -> Check:
    """Whether what `mm serve` listens on by default is free on loopback."""
    taken = []
    for port in PORTS:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                taken.append(str(port))
    if taken:
        hint = "another program serves there: choose other ports for relay and metrics"
        return Check("ports", "warn", f"{', '.join(taken)} taken", hint)
    return Check("ports", "ok", f"{', '.join(map(str, PORTS))} free")


def _open_files() -> Check:
    """What a capture raises its limit to."""
    limit = most_open_files()
    if limit is None:
        return Check("open files", "ok", "unlimited")
    if limit < LOW_OPEN_FILES:
        return Check(
            "open files", "warn", str(limit), f"raise the hard limit: ulimit -Hn {LOW_OPEN_FILES * 4}"
        )
    return Check("open files", "ok", str(limit))


def _configuration(app: App) -> Check:
    return Check("configuration", "ok", str(app.file.path) if app.file else "no file, defaults and variables")


def _data_folder(folder: Path) -> Check:
    if not _can_be_made(folder):
        return Check("data folder", "fail", f"{folder} cannot be written", "choose another: --data-dir DIR")
    free_gib = shutil.disk_usage(_existing(folder)).free / 2**30
    found = f"{folder}, {free_gib:.1f} GiB free"
    if free_gib < LEAST_FREE_GIB:
        return Check("data folder", "fail", found, "free the disk or choose another: --data-dir DIR")
    if free_gib < LOW_FREE_GIB:
        return Check("data folder", "warn", found, "a long capture may fill the disk")
    return Check("data folder", "ok", found)


def _existing(folder: Path) -> Path:
    """The folder itself, or its nearest parent that exists: there it will be made."""
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    return existing


def _can_be_made(folder: Path) -> bool:
    existing = _existing(folder)
    return existing.is_dir() and os.access(existing, os.W_OK)


def _plugins(app: App, import_plugins: bool) -> Check:
    from mm_framework.cli.plugins_cmd import rows_of, rows_of_selection
    from mm_framework.plugins import PluginSettings, select

    if import_plugins:
        rows = rows_of(app.plugins)
    else:
        rows = rows_of_selection(select(app.load(PluginSettings).value))
    found = ", ".join(_plugin_words(row) for row in rows) or "none installed"
    if any(row["state"] == "failed" for row in rows):
        return Check("plugins", "warn", found, "see mm plugins doctor")
    return Check("plugins", "ok", found)


def _plugin_words(row: dict[str, Any]) -> str:
    note = f" ({row['note']})" if row["note"] else ""
    return f"{row['distribution']} {row['version']} {row['state']}{note}"
