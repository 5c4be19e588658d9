"""The QA contract: one small accumulator per property of the data of one instrument's day.

    check = factory(settings)
    for batch in day: check.take(batch)
    check.findings()

A check reads no clock and no file, and gives the same findings however the day was cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import attrs

from mm_framework.model.instrument import Definition

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Finding", "QABatch", "QACheck", "Result"]

Result = Literal["PASS", "WARN", "FAIL", "ERROR"]


@attrs.frozen
class Finding:
    """What a check found.

    ``flag``: one word for machines (``crossed``). ``start_ns``, ``end_ns``: the interval of receive time that
    it concerns, half-open; None for the whole day. ``numbers``: what it was found by, the limit among
    them. A FAIL of an interval takes the interval out, a FAIL of the day the day.
    """

    check: str
    result: Result
    flag: str
    start_ns: int | None
    end_ns: int | None
    numbers: dict[str, int | float]
    detail: str = ""


@attrs.frozen(eq=False)
class QABatch:
    """Consecutive rows of one instrument under one definition, and its best prices wherever they changed.

    ``rows``: of `model.events.row_dtype`, without SYNTHETIC ones. ``tops``: fields ``ts_recv_ns``,
    ``ts_venue_ns``, ``bid``, ``bid_size``, ``ask``, ``ask_size`` (null where there is none), ``epoch`` and
    ``trusted``; of the book, or of the ticker where no book was recorded. ``age_ms``: for each of ``tops``
    the age, adjusted by the offset of the venue's clock, NaN where that is not known.
    """

    definition: Definition
    rows: npt.NDArray[Any]
    tops: npt.NDArray[Any]
    age_ms: npt.NDArray[np.float64]


class QACheck(Protocol):
    """Reads the batches of one instrument's day in order, then reports."""

    name: str

    def take(self, batch: QABatch) -> None:
        """The next batch; its arrays are valid during the call only."""
        ...

    def findings(self) -> list[Finding]:
        """All findings, in order of time; those of the whole day first."""
        ...
