"""Ages of data: percentiles and regimes."""

from __future__ import annotations

from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.quality.settings import LatencySettings

__all__ = ["Ages", "AgesReport", "Regime"]

PERCENTILES: Final = (50, 90, 95, 99)
NUMBERS: Final = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "min_ms", "mean_ms")


@attrs.frozen
class Regime:
    """A class of ages: how many, and their share of all (0 to 1)."""

    count: int
    share: float


@attrs.frozen
class AgesReport:
    """Ages in ms; None where there is none. Percentiles are linear between ranks."""

    count: int
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    min_ms: float | None
    mean_ms: float | None
    normal: Regime
    degraded: Regime
    unsafe: Regime

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return attrs.asdict(self)


class Ages:
    """Collects ages, NaN left out, 8 bytes each."""

    def __init__(self, settings: LatencySettings | None = None) -> None:
        self.settings = settings or LatencySettings()
        self._parts: list[npt.NDArray[np.float64]] = []

    def add(self, ages_ms: npt.NDArray[np.float64]) -> None:
        """The next ages, in any order."""
        self._parts.append(ages_ms[~np.isnan(ages_ms)])

    def all(self) -> npt.NDArray[np.float64]:
        """Every age."""
        self._parts = [np.concatenate(self._parts)] if self._parts else []
        return self._parts[0] if self._parts else np.empty(0)

    def report(self) -> AgesReport:
        """What they come to."""
        ages = self.all()
        found: dict[str, Any] = dict.fromkeys(NUMBERS)
        if len(ages):
            numbers = (*np.percentile(ages, PERCENTILES), ages.max(), ages.min(), ages.mean())
            found = {name: round(float(x), 3) for name, x in zip(NUMBERS, numbers, strict=True)}
        normal = int(np.count_nonzero(ages <= self.settings.normal_max_ms))
        unsafe = int(np.count_nonzero(ages > self.settings.degraded_max_ms))
        counts = {"normal": normal, "degraded": len(ages) - normal - unsafe, "unsafe": unsafe}
        for name, count in counts.items():
            found[name] = Regime(count, count / len(ages) if len(ages) else 0.0)
        return AgesReport(count=len(ages), **found)
