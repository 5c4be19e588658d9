"""Scores by hand, and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.research.bootstrap import resamples
from mm_framework.research.scores import direction_scores, probability_scores, scores

FORECAST = np.array([1.0, 1.0, -1.0, -1.0, 2.0, 0.0])
LABEL = np.array([2.0, -1.0, -1.0, 1.0, 1.0, 0.0])


def test_scores_by_hand() -> None:
    """Moves: right, wrong, right, wrong, right; the sixth stands still and was said to."""
    found = scores(FORECAST, LABEL, resamples(np.arange(6), 1, 200, 0))
    assert found["hit_moves"] == pytest.approx(3 / 5)
    assert found["hit_all"] == pytest.approx(4 / 6)
    assert found["mae_ticks"] == pytest.approx((1 + 2 + 0 + 2 + 1 + 0) / 6)
    assert found["r2"] == pytest.approx(1 - (1 + 4 + 0 + 4 + 1) / (4 + 1 + 1 + 1 + 1))
    assert found["edge_ticks"] == pytest.approx((2 - 1 + 1 - 1 + 1) / 6)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["mcc"] == pytest.approx((2 * 1 - 1 * 1) / (3 * 3 * 2 * 2) ** 0.5)
    assert found["auc"] == pytest.approx((0.5 + 1 + 0 + 0.5 + 1 + 1) / 6)


@given(st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([-1, 1])), min_size=2, max_size=40))
def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order(
    rows: list[tuple[int, int]],
) -> None:
    forecast, label = np.array(rows, float).T
    ups, downs = forecast[label > 0], forecast[label < 0]
    found = direction_scores(forecast, label)["auc"]
    if not len(ups) or not len(downs):
        assert found is None
    else:
        right = (ups[:, None] > downs[None, :]).mean() + (ups[:, None] == downs[None, :]).mean() / 2
        assert found == pytest.approx(right)


def test_chances_are_scored_over_moves() -> None:
    found = probability_scores(np.array([0.8, 0.4, 0.9]), np.array([1.0, -1.0, 0.0]))
    assert found["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert found["brier"] == pytest.approx((0.04 + 0.16) / 2)


def test_what_is_not_defined_is_none() -> None:
    still = scores(np.ones(5), np.zeros(5), resamples(np.arange(5), 1, 100, 0))
    names = ("hit_moves", "hit_moves_interval", "r2", "information_coefficient", "auc", "mcc")
    assert [still[name] for name in names] == [None] * len(names)
    assert probability_scores(np.ones(5), np.zeros(5)) == {"log_loss": None, "brier": None}
