"""The QA contract: one small accumulator per property of the data."""

from __future__ import annotations

from typing import Literal, Protocol

import attrs

__all__ = ["Finding", "QACheck"]


@attrs.frozen
class Finding:
    """What a check found: a machine-readable ``flag``, an interval (ns, half-open) and numbers."""

    check: str
    result: Literal["PASS", "WARN", "FAIL", "ERROR"]
    flag: str
    start_ns: int | None
    end_ns: int | None
    numbers: dict[str, int | float]


class QACheck(Protocol):
    """Reads the rows of one instrument in order, then reports."""

    name: str

    def rows(self, buffer: memoryview) -> None:
        """The next rows (64 bytes each, copy to keep)."""
        ...

    def findings(self) -> list[Finding]:
        """All findings, in order of time."""
        ...
