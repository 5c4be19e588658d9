"""When something last went wrong in a simulated run: a loss long after that, or before it, has no cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mm_framework.emulator.truth import TruthLog
from mm_framework.simulate.machine import Excuses
from mm_framework.simulate.network import TroubledNetwork
from mm_framework.simulate.troubles import HARMLESS, Forecast

__all__ = ["Harm"]

HARMLESS_FAULTS: Final = frozenset({"jump", "skew"})
"""Faults of a venue that may cost no book: its clock is not what books hang on."""

LATE_NS: Final = 1_500_000_000
"""A machine that is late for less costs no book."""


class Harm:
    """Looks at everything that may cost a book: what is planned and what is harmless is left out.

    ``dropped()``: messages that were not kept, since the disk did not take them fast enough.
    """

    def __init__(
        self,
        forecast: Forecast,
        truth: TruthLog,
        excuses: Excuses,
        network: TroubledNetwork,
        dropped: Callable[[], int],
    ) -> None:
        self._windows = [one for one in forecast.windows if one.kind not in HARMLESS]
        self._truth, self._excuses, self._network, self._dropped = truth, excuses, network, dropped
        self._begun = self._spans = self._struck = 0
        self._until_ns: int | None = None

    @property
    def altered(self) -> bool:
        """Whether a digit of a frame was changed."""
        return self._truth.faults["corrupt"] > 0

    def until_ns(self, now_ns: int) -> int | None:
        """Until when something was wrong, as far as is known ``now_ns``; None: nothing ever was.

        To be asked at each record: a strike counts from the record at which it is seen.
        """
        while self._begun < len(self._windows) and self._windows[self._begun].start_ns <= now_ns:
            self._harmed(self._windows[self._begun].end_ns)
            self._begun += 1
        for start_ns, end_ns in self._excuses.spans[self._spans :]:
            if end_ns - start_ns >= LATE_NS and start_ns <= now_ns:
                self._harmed(end_ns)
        self._spans = len(self._excuses.spans)
        struck = sum(n for name, n in self._truth.faults.items() if name not in HARMLESS_FAULTS)
        struck += self._network.failed + self._network.cuts + self._dropped()
        if struck != self._struck:
            self._struck = struck
            self._harmed(now_ns)
        return self._until_ns

    def _harmed(self, until_ns: int) -> None:
        self._until_ns = max(self._until_ns or 0, until_ns)
