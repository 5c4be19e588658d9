"""Ages: percentiles of known numbers, and the regimes with their limits."""

from __future__ import annotations

import numpy as np
import pytest

from mm_framework.errors import ConfigError
from mm_framework.quality.latency import Ages, Regime
from mm_framework.quality.settings import LatencySettings
from mm_framework.settings import Given, load


def test_percentiles_are_linear_between_ranks() -> None:
    ages = Ages()
    ages.add(np.array([4.0, 1.0, np.nan]))
    ages.add(np.array([2.0, 3.0]))
    report = ages.report()
    assert (report.count, report.min_ms, report.max_ms, report.mean_ms) == (4, 1.0, 4.0, 2.5)
    assert (report.p50_ms, report.p90_ms, report.p95_ms, report.p99_ms) == (2.5, 3.7, 3.85, 3.97)


def test_a_limit_belongs_to_the_better_regime() -> None:
    ages = Ages()
    ages.add(np.array([-3.0, 20.0, 20.001, 80.0, 80.001]))
    report = ages.report()
    assert report.normal == Regime(2, 0.4)
    assert report.degraded == Regime(2, 0.4)
    assert report.unsafe == Regime(1, 0.2)


def test_without_an_age_there_are_no_numbers() -> None:
    report = Ages().report()
    assert (report.count, report.p50_ms, report.max_ms) == (0, None, None)
    assert report.unsafe == Regime(0, 0.0)


def test_regimes_that_overlap_are_refused() -> None:
    with pytest.raises(ConfigError, match="degraded_max_ms 10 is below normal_max_ms 20"):
        load(LatencySettings, flags={"degraded_max_ms": Given("10", "flag --degraded-max-ms")})
