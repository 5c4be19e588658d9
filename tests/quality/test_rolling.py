"""The rolling summary of ages."""

from __future__ import annotations

import numpy as np
import pytest

from mm_framework.quality.rolling import RollingAges

S = 1_000_000_000


def test_before_the_first_age_there_is_no_summary() -> None:
    assert RollingAges().summary(S) is None


def test_only_the_last_ages_count_and_the_rate_is_that_since_the_summary_before() -> None:
    ages = RollingAges(window=100)
    for age in range(250):
        ages.add(float(age))
    first = ages.summary(10 * S)
    assert first is not None
    assert (first.count, first.window, first.rate) == (250, 100, 0.0)
    assert (first.p50_ms, first.max_ms, first.mean_ms) == (199.5, 249.0, 199.5)
    assert first.p95_ms == pytest.approx(float(np.percentile(np.arange(150, 250), 95)))
    for _ in range(30):
        ages.add(1.0)
    second = ages.summary(15 * S)
    assert second is not None
    assert (second.count, second.rate) == (280, 6.0)
    assert second.text().startswith("count=280 rate=6.0/s p50=")
