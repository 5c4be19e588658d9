"""How many files a verb may hold open: a day folder takes ten an instrument, and systems often allow 1024.

Every process may raise its own limit up to the hard one, which the operator sets; so a capture does.
"""

from __future__ import annotations

import contextlib
from typing import Final

__all__ = ["most_open_files", "raise_open_files"]

ENOUGH: Final = 1 << 20
"""Asked for where the hard limit is none."""

MACOS_MOST: Final = 10_240
"""OPEN_MAX of macOS, which refuses more, whatever its hard limit says."""


def most_open_files() -> int | None:
    """The hard limit of this process; None where there is none, or the platform knows none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def raise_open_files() -> None:
    """Let this process, and those that it starts, open as many files as the hard limit allows."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (most_open_files() or ENOUGH, MACOS_MOST):
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return
