"""Fixtures for the tests of the core and of every plugin in this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent


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


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the developer's shell do not reach a test; `MM_KERNELS` selects what a run tests."""
    for name in [
        name for name in os.environ if name.startswith(("MM_", "PM_DATA_")) and name != "MM_KERNELS"
    ]:
        monkeypatch.delenv(name)
