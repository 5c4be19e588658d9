"""Predictors on folds, pooled: scores, comparisons, and which ones are better out of sample. Pure.

*Better* than another means: the 95 % interval of the difference over all tests together lies above 0, and the
difference is above 0 in more than half of the folds. Everything is of test samples; nothing of training
samples is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np

from mm_framework.bundle.times import format_utc
from mm_framework.research.bootstrap import Resamples, resamples
from mm_framework.research.columns import Floats, Ints
from mm_framework.research.features import Samples
from mm_framework.research.folds import Fold, folds
from mm_framework.research.micro_price import NoMicroPrice
from mm_framework.research.predictors import Model, fit
from mm_framework.research.scores import hits, probability_scores, scores
from mm_framework.research.settings import ResearchSettings

__all__ = ["Comparison", "Evaluation", "evaluate"]

_MS: Final = 1_000_000


@attrs.frozen
class Comparison:
    """``one`` against ``other`` in ``score``: ``hit_moves`` or ``r2``; ``folds``: how many say so."""

    one: str
    other: str
    score: str
    difference: float
    interval: tuple[float, float] | None
    folds_for: int
    folds: int

    @property
    def verdict(self) -> str:
        """better, worse or undecided."""
        if self.interval is None:
            return "undecided"
        if self.interval[0] > 0 and 2 * self.folds_for > self.folds:
            return "better"
        return "worse" if self.interval[1] < 0 and 2 * self.folds_for < self.folds else "undecided"

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {**attrs.asdict(self), "verdict": self.verdict}


@attrs.frozen
class Evaluation:
    """``folds`` with what was learned, ``scores`` by predictor, ``missing``: why one has none."""

    folds: list[dict[str, Any]]
    scores: dict[str, dict[str, Any]]
    comparisons: list[Comparison]
    missing: dict[str, str]
    tested: dict[str, Any]

    def better(self, one: str, others: Sequence[str], score: str) -> bool:
        """Whether it is better than each of the others."""
        found = {c.other: c.verdict for c in self.comparisons if c.one == one and c.score == score}
        return all(found.get(other) == "better" for other in others)


@attrs.frozen(eq=False)
class _Tested:
    """The test samples of all folds: labels, times, fold numbers, forecasts and chances by predictor."""

    label: Floats
    ts_ns: Ints
    spread: Floats
    fold: Ints
    forecasts: dict[str, Floats]
    chances: dict[str, Floats]


def evaluate(
    samples: Samples,
    predictors: Sequence[str],
    pairs: Sequence[tuple[str, str, str]],
    settings: ResearchSettings,
) -> Evaluation:
    """Learn and test on each fold. ``pairs``: (one, other, score) to compare.

    A predictor that a fold cannot learn is left out, with the reason. Raises ValueError for too few samples.
    """
    parts = folds(samples, settings.folds, settings.gap_ms * _MS, settings.training)
    models: list[dict[str, Model]] = []
    missing: dict[str, str] = {}
    for part in parts:
        models.append({})
        for name in predictors:
            try:
                models[-1][name] = fit(name, samples.take(part.train), settings)
            except NoMicroPrice as error:
                missing[name] = str(error)
    names = [name for name in predictors if name not in missing]
    tested = _test(samples, parts, models, names)
    block = -(-5 * (settings.horizon_ms + settings.latency_ms) // settings.sample_ms)
    drawn = resamples(tested.ts_ns, block, settings.resamples, settings.seed)
    return Evaluation(
        folds=[_told(samples, part, models[n], names) for n, part in enumerate(parts)],
        scores={
            name: scores(tested.forecasts[name], tested.label, drawn)
            | probability_scores(tested.chances[name], tested.label)
            for name in names
        },
        comparisons=[
            _compare(tested, drawn, *pair, settings.folds) for pair in pairs if {*pair[:2]} <= {*names}
        ],
        missing=missing,
        tested=_counts(tested, drawn),
    )


def _test(
    samples: Samples, parts: Sequence[Fold], models: Sequence[Mapping[str, Model]], names: Sequence[str]
) -> _Tested:
    rows = np.concatenate([part.test for part in parts])
    forecasts: dict[str, list[Floats]] = {name: [] for name in names}
    chances: dict[str, list[Floats]] = {name: [] for name in names}
    for part, learned in zip(parts, models, strict=True):
        test = samples.take(part.test)
        for name in names:
            said = learned[name].forecast(test)
            forecasts[name].append(said)
            chances[name].append(learned[name].chance(said))
    return _Tested(
        samples.label[rows],
        samples.ts_ns[rows],
        samples.values["spread"][rows],
        np.concatenate([np.full(len(part.test), n) for n, part in enumerate(parts)]),
        {name: np.concatenate(found) for name, found in forecasts.items()},
        {name: np.concatenate(found) for name, found in chances.items()},
    )


def _compare(tested: _Tested, drawn: Resamples, one: str, other: str, score: str, count: int) -> Comparison:
    a, b, label = tested.forecasts[one], tested.forecasts[other], tested.label
    if score == "hit_moves":
        bottom = (label != 0).astype(np.float64)
        top = (hits(a, label) - hits(b, label)) * bottom
    else:
        bottom, top = label**2, (label - b) ** 2 - (label - a) ** 2
    by_fold = [float(top[tested.fold == n].sum()) for n in range(count)]
    low, high = drawn.interval(top, bottom)
    return Comparison(
        one,
        other,
        score,
        difference=float(top.sum() / bottom.sum()) if bottom.sum() else 0.0,
        interval=None if np.isnan(low) else (low, high),
        folds_for=sum(value > 0 for value in by_fold),
        folds=count,
    )


def _told(samples: Samples, part: Fold, models: Mapping[str, Model], names: Sequence[str]) -> dict[str, Any]:
    def span(rows: Ints) -> list[str]:
        return [format_utc(int(samples.ts_ns[rows[0]])), format_utc(int(samples.ts_ns[rows[-1]]))]

    return {
        "train": span(part.train),
        "test": span(part.test),
        "train_samples": len(part.train),
        "test_samples": len(part.test),
        "purged": part.purged,
        "learned": {name: models[name].learned for name in names},
    }


def _counts(tested: _Tested, drawn: Resamples) -> dict[str, Any]:
    label = tested.label
    return {
        "samples": len(label),
        "up": int((label > 0).sum()),
        "down": int((label < 0).sum()),
        "unchanged": int((label == 0).sum()),
        "mean_abs_move_ticks": float(np.mean(np.abs(label))),
        "half_spread_ticks": float(np.mean(tested.spread)) / 2.0,
        "bootstrap": "days" if drawn.days is not None else f"circular blocks of {drawn.block} samples",
        "resamples": len(drawn.starts),
    }
