"""Queue models against their formulas."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.trading.queue import QUEUES, queue_model
from mm_framework.trading.settings import MatchingSettings

LOTS = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("name", "ahead"),
    [
        # 6 ahead of 10; 4 cancelled, 0 printed: K = 4 behind, F = 6
        ("risk_averse", 6),
        ("power", 6 - (1 - 16 / 52) * 4),
        ("power2", 6 - (1 - 16 / 100) * 4),
        ("power3", 6 - (1 - (1 - 0.36)) * 4),
        ("log", 6 - (1 - math.log(5) / (math.log(5) + math.log(7))) * 4),
        ("log2", 6 - (1 - math.log(5) / math.log(11)) * 4),
        ("optimistic", 0),
    ],
)
def test_a_cancel_by_hand(name: str, ahead: float) -> None:
    assert queue_model(name, 2)(6, 10, 6, 0) == pytest.approx(ahead, abs=1e-12)


@pytest.mark.parametrize("name", QUEUES)
@given(ahead=LOTS, more=LOTS, new=LOTS, printed=LOTS)
def test_nobody_is_ahead_but_the_level_and_what_was_ahead(
    name: str, ahead: int, more: int, new: int, printed: int
) -> None:
    after = queue_model(name)(ahead, ahead + more, new, printed)
    assert 0 <= after <= min(ahead, new)


@pytest.mark.parametrize("name", ["power", "power2", "power3"])
def test_the_largest_power_holds_any_size_and_more_is_refused(name: str) -> None:
    ahead, level = 2**61, 2**62
    after = queue_model(name, 16.0)(ahead, level, level // 2, 0)
    assert 0 <= after <= ahead
    assert MatchingSettings(queue_power=16.0).queue_power == 16
    for power in (16.5, 0.0, math.inf):
        with pytest.raises(ValueError, match="expected more than 0 and at most 16"):
            MatchingSettings(queue_power=power)


def test_prints_are_no_cancels() -> None:
    for name in QUEUES[:-1]:
        assert queue_model(name)(6, 10, 7, 3) == 6  # 10 - 3 printed = 7: nothing was cancelled


def test_an_unknown_model_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        queue_model("fifo")
