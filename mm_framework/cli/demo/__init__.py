"""The parts of ``mm demo``: the venue, the steps, the checks and the report to look at.

`steps` does the work and gathers the `checks.Evidence`; `checks` judges it, pure; `report` and `chart`
write it down.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MIN_SECONDS"]

MIN_SECONDS: Final = 12.0
"""A venue asks for some seconds of rest before a reconnect, and the book has to come back."""
