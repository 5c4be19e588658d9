"""``MM_KERNELS``: which kernels a process uses. Read once; nothing here imports numba."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import Final

from mm_framework.errors import ConfigError

__all__ = ["MODES", "checked", "installed", "mode"]

MODES: Final = ("on", "off", "checked")
"""``on``: compiled; ``off``: the reference path alone; ``checked``: compiled, every address checked."""


@cache
def mode() -> str:
    """The mode of this process: ``MM_KERNELS``, else on; ``off`` where numba is not installed.

    Raises ConfigError for another word.
    """
    word = os.environ.get("MM_KERNELS", "").strip().lower() or "on"
    if word not in MODES:
        raise ConfigError(f"MM_KERNELS is {word!r}; expected one of {', '.join(MODES)}")
    return word if installed() else "off"


@cache
def installed() -> bool:
    """Whether numba is there; it has no wheels for some platforms, which run the reference path."""
    return importlib.util.find_spec("numba") is not None


def checked() -> bool:
    """Whether the kernels are built with range checks."""
    return mode() == "checked"
