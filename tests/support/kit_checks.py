"""Checks of the conformance kit called by name, so that tests can show that each of them can fail."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest

from mm_framework.testing.conformance.base import Conformance


def checks_of(kit: type[Conformance]) -> set[str]:
    """The names of all checks of a class, without ``test_``."""
    return {name.removeprefix("test_") for name in dir(kit) if name.startswith("test_")}


def run_check(kit: type[Conformance], name: str, **attributes: Any) -> None:
    """One check of a class with these attributes (``venue`` and the class's own)."""
    one = type("Checked", (kit,), attributes)()
    check = getattr(one, f"test_{name}")
    known: Mapping[str, Any] = {"recordings": ()}
    check(**{key: value for key, value in known.items() if key in inspect.signature(check).parameters})


def fails(kit: type[Conformance], name: str, match: str, **attributes: Any) -> None:
    """The check finds what is wrong: it raises AssertionError with these words."""
    with pytest.raises(AssertionError, match=match):
        run_check(kit, name, **attributes)


def skips(kit: type[Conformance], name: str, match: str, **attributes: Any) -> None:
    """The check says why it does not apply."""
    with pytest.raises(pytest.skip.Exception, match=match):
        run_check(kit, name, **attributes)
