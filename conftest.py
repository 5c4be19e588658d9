"""Fixtures for the tests of the core and of every plugin in this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mm_framework.errors import ConfigError
from mm_framework.kernels import loader
from mm_framework.kernels.mode import mode

REPOSITORY = Path(__file__).resolve().parent

PROCESS_VARIABLES = ("MM_KERNELS", "MM_KERNEL_CACHE")
"""What a developer's shell may choose for a whole run of the tests."""

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of venue recordings beside the repository; a test that asks for it is skipped without."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the venue recordings in ../shared/data, which are not part of the repository")
    return folder


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Long bytes are no part of a test's name: workers must find equal names, and bytes may hold a time."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels before workers start: all but one would use the reference path meanwhile."""
    workers = config.getoption("numprocesses", default=None)
    try:
        without = mode() == "off"
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
    if hasattr(config, "workerinput") or without or not (workers or _kernels_are_asked_for()):
        return
    if loader.status().state == "cold":
        print(f"compiling the kernels (MM_KERNELS={mode()}) before the tests ...", flush=True)
        try:
            seconds = loader.warm()
        except Exception as error:
            print(f"the kernels cannot be compiled: {error}", flush=True)
        else:
            print(f"{len(seconds)} kernels compiled in {sum(seconds.values()):.1f} s", flush=True)


def _kernels_are_asked_for() -> bool:
    return os.environ.get("MM_KERNELS", "").strip().lower() in ("on", "checked")


@pytest.fixture(scope="session", autouse=True)
def _kernels_as_asked_for() -> None:
    """A run that asks for kernels must not pass on the reference path."""
    if _kernels_are_asked_for():
        assert loader.active(), f"MM_KERNELS={os.environ['MM_KERNELS']}, but {loader.status()}"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the developer's shell do not reach a test, but for those of the process."""
    for name in list(os.environ):
        if name.startswith(("MM_", "PM_DATA_")) and name not in PROCESS_VARIABLES:
            monkeypatch.delenv(name)
