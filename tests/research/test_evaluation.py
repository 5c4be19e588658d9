"""Out of sample: a planted signal is found, and nothing is found where labels are shifted or shuffled."""

from __future__ import annotations

from functools import cache

import attrs
import numpy as np
import pytest
from research_markets import walk

from mm_framework.research.evaluation import Comparison, Evaluation, evaluate
from mm_framework.research.features import Samples, sample
from mm_framework.research.predictors import fit, logistic
from mm_framework.research.settings import ResearchSettings

NAMES = ("no_change", "majority", "last_move", "weighted", "micro", "imbalance", "ofi", "all")
PAIRS = [
    (one, other, score)
    for one in ("weighted", "micro", "imbalance", "ofi", "all")
    for other, score in (("majority", "hit_moves"), ("last_move", "hit_moves"), ("no_change", "r2"))
]
SETTINGS = ResearchSettings(
    sample_ms=100, horizon_ms=100, latency_ms=0, window_ms=100, gap_ms=200, resamples=500, micro_bins=6
)


@cache
def planted(strength: float = 0.9, count: int = 12_000) -> Samples:
    return sample(walk(count, seed=7, strength=strength), 10**8, 10**8, 0, 10**8)


def judged(samples: Samples, settings: ResearchSettings = SETTINGS) -> Evaluation:
    return evaluate(samples, NAMES, PAIRS, settings)


def test_a_planted_signal_is_better_out_of_sample() -> None:
    found = judged(planted())
    assert found.better("imbalance", ("majority", "last_move"), "hit_moves")
    assert found.better("imbalance", ("no_change",), "r2")
    assert found.better("micro", ("no_change",), "r2")
    # P(up | I) = 1/2 + 0.9 (I - 1/2): the sign of I - 1/2 is right with 1/2 + 0.9 E|I - 1/2|.
    samples = planted()
    expected = 0.5 + 0.9 * float(np.mean(np.abs(samples.values["imbalance"]))) / 2
    assert found.scores["imbalance"]["hit_moves"] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("harm", ["shuffled", "shifted"])
def test_labels_that_belong_to_other_samples_give_chance(harm: str) -> None:
    samples = planted()
    draw = np.random.default_rng(1)
    order = draw.permutation(len(samples)) if harm == "shuffled" else np.roll(np.arange(len(samples)), 5000)
    found = judged(attrs.evolve(samples, label=samples.label[order]))
    for name in ("weighted", "micro", "imbalance", "ofi", "all"):
        low, high = found.scores[name]["hit_moves_interval"]
        assert low - 0.02 < 0.5 < high + 0.02
        assert found.scores[name]["r2"] < 0.005
        assert not found.better(name, ("no_change",), "r2")


def test_a_market_without_a_signal_has_none() -> None:
    found = judged(planted(strength=0.0))
    assert not any(found.better(name, ("no_change",), "r2") for name in ("micro", "imbalance", "ofi", "all"))
    assert found.scores["imbalance"]["hit_moves"] == pytest.approx(0.5, abs=0.03)


def test_what_is_learned_knows_training_samples_alone() -> None:
    """Labels and features of the last test are changed: nothing learned, and no earlier forecast, moves."""
    samples = planted(count=3000)
    cut = int(len(samples) * 5 / 6) + 5
    changed = attrs.evolve(
        samples,
        label=np.concatenate([samples.label[:cut], -7 * samples.label[cut:]]),
        values={
            name: np.concatenate([column[:cut], -0.5 * column[cut:]])
            for name, column in samples.values.items()
        },
    )
    one, other = judged(samples), judged(changed)
    assert [fold["learned"] for fold in one.folds] == [fold["learned"] for fold in other.folds]
    assert one.scores != other.scores


def test_the_same_samples_give_the_same_result() -> None:
    assert judged(planted(count=3000)) == judged(planted(count=3000))


def test_a_predictor_that_cannot_be_learned_is_left_out_and_named() -> None:
    settings = attrs.evolve(SETTINGS, micro_max_move_ticks=0.5)
    found = judged(planted(count=2000), settings)
    assert found.missing == {"micro": "the mid never moved within the training data"}
    assert "micro" not in found.scores
    assert not any(one.one == "micro" for one in found.comparisons)


def test_the_majority_is_that_of_training() -> None:
    samples = planted(count=500)
    falling = attrs.evolve(samples, label=-np.abs(samples.label))
    said = fit("majority", falling, SETTINGS).forecast(samples)
    assert np.all(said < 0)


def test_linear_weights_are_those_of_least_squares() -> None:
    samples = planted(count=3000)
    learned = fit("imbalance", samples, SETTINGS).learned
    x, y = samples.values["imbalance"], samples.label
    assert learned["ticks_per_unit"]["imbalance"] == pytest.approx(float(x @ y / (x @ x)))
    assert learned["level_ticks"] == 0.0


def test_chances_fit_the_shares_that_were_seen() -> None:
    draw = np.random.default_rng(3)
    score = draw.normal(size=50_000)
    up = draw.random(50_000) < 1 / (1 + np.exp(-(0.3 + 2.0 * score)))
    chance, (level, slope) = logistic(score, up)
    assert (level, slope) == pytest.approx((0.3, 2.0), abs=0.05)
    assert chance(np.array([0.0])) == pytest.approx(1 / (1 + np.exp(-0.3)), abs=0.01)
    flat, _ = logistic(np.zeros(0), np.zeros(0, bool))
    assert flat(np.array([5.0])) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("interval", "folds_for", "verdict"),
    [((0.1, 0.2), 3, "better"), ((0.1, 0.2), 2, "undecided"), ((-0.1, 0.2), 5, "undecided"),
     ((-0.2, -0.1), 2, "worse"), (None, 5, "undecided")],
)  # fmt: skip
def test_better_needs_the_interval_and_most_folds(
    interval: tuple[float, float] | None, folds_for: int, verdict: str
) -> None:
    assert Comparison("a", "b", "r2", 0.1, interval, folds_for, 5).verdict == verdict
