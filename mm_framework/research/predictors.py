"""Forecasts of the next move: baselines, fair values, fitted features; learned from training samples. Pure.

`fit` looks at the training samples and gives a `Model`; its ``forecast`` looks at features, never at labels.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any, Final

import attrs
import numpy as np

from mm_framework.research.columns import Floats
from mm_framework.research.features import Samples
from mm_framework.research.micro_price import fit_micro_price
from mm_framework.research.settings import ResearchSettings

__all__ = ["BASELINES", "DEEP", "FAIR_VALUES", "FITTED", "Model", "fit", "logistic"]

BASELINES: Final = ("no_change", "majority", "last_move")
FAIR_VALUES: Final = ("weighted", "micro")
FITTED: Final = ("spread", "imbalance", "ofi", "all")
DEEP: Final = ("imbalance_k", "ofi_levels")
"""Those of more than the best prices, for samples that have levels."""

Forecast = Callable[[Samples], Floats]


@attrs.frozen(eq=False)
class Model:
    """``forecast`` gives moves in ticks, ``chance`` of them that of an upward move; ``learned``: JSON."""

    name: str
    forecast: Forecast
    chance: Callable[[Floats], Floats]
    learned: dict[str, Any]


def fit(name: str, train: Samples, settings: ResearchSettings) -> Model:
    """One predictor by its name. Raises NoMicroPrice where the training data gives none."""
    forecast, learned = _FITS[name](train, settings)
    moved = train.label != 0
    chance, (level, slope) = logistic(forecast(train)[moved], train.label[moved] > 0)
    return Model(name, forecast, chance, {**learned, "chance": {"level": level, "slope": slope}})


def logistic(score: Floats, up: Any) -> tuple[Callable[[Floats], Floats], tuple[float, float]]:
    """The chance 1/(1 + exp(-(level + slope score/scale))) that fits best; slopes are drawn to 0 a little."""
    scale = float(np.std(score)) if len(score) else 0.0
    scale = scale or 1.0
    design = np.stack([np.ones(len(score)), score / scale], axis=1)
    answer, weights = np.asarray(up, np.float64), np.zeros(2)
    for _ in range(50):
        p = _squashed(design @ weights)
        slope = design.T @ (answer - p) - 1e-3 * weights
        curve = (design * (p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        weights = weights + np.clip(step, -5.0, 5.0)
        if np.max(np.abs(step)) < 1e-10:
            break
    level, slope_ = float(weights[0]), float(weights[1]) / scale
    return (lambda values: _squashed(level + slope_ * values)), (level, slope_)


def _squashed(values: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -500.0, 500.0))))


def _no_change(train: Samples, settings: ResearchSettings) -> tuple[Forecast, dict[str, Any]]:
    return (lambda samples: np.zeros(len(samples))), {}


def _majority(train: Samples, settings: ResearchSettings) -> tuple[Forecast, dict[str, Any]]:
    """Always the more frequent direction, by the mean size of a move."""
    lead = float(np.sign(np.sign(train.label).sum()) or 1.0)
    move = lead * abs(float(np.mean(train.label)))
    said = move or lead * 1e-12
    return (lambda samples: np.full(len(samples), said)), {"move_ticks": said}


def _as_is(name: str) -> Callable[[Samples, ResearchSettings], tuple[Forecast, dict[str, Any]]]:
    return lambda train, settings: ((lambda samples: samples.values[name]), {})


def _micro(train: Samples, settings: ResearchSettings) -> tuple[Forecast, dict[str, Any]]:
    model = fit_micro_price(
        train.values["imbalance"],
        train.values["spread"],
        train.mid,
        train.segment,
        bins=settings.micro_bins,
        spreads=settings.micro_spreads,
        max_move_ticks=settings.micro_max_move_ticks,
    )
    return (
        lambda samples: model.adjustment(samples.values["imbalance"], samples.values["spread"])
    ), model.to_json()


def _linear(
    pattern: str, *, level: bool
) -> Callable[[Samples, ResearchSettings], tuple[Forecast, dict[str, Any]]]:
    """Least squares of the features of such names; with a level only where they have no sign of their own."""

    def learn(train: Samples, settings: ResearchSettings) -> tuple[Forecast, dict[str, Any]]:
        names = fnmatch.filter(train.values, pattern)

        def design(samples: Samples) -> Floats:
            columns = [samples.values[name] / scales[name] for name in names]
            return np.stack([*columns, *([np.ones(len(samples))] if level else [])], axis=1)

        scales = {name: float(np.std(train.values[name])) or 1.0 for name in names}
        weights = np.linalg.lstsq(design(train), train.label, rcond=None)[0]
        told = {name: float(w) / scales[name] for name, w in zip(names, weights, strict=False)}
        learned = {"ticks_per_unit": told, "level_ticks": float(weights[-1]) if level else 0.0}
        return (lambda samples: np.asarray(design(samples) @ weights, np.float64)), learned

    return learn


_FITS: Final[dict[str, Callable[[Samples, ResearchSettings], tuple[Forecast, dict[str, Any]]]]] = {
    "no_change": _no_change,
    "majority": _majority,
    "last_move": _as_is("last_move"),
    "weighted": _as_is("weighted"),
    "micro": _micro,
    "spread": _linear("spread", level=True),
    "imbalance": _linear("imbalance", level=False),
    "ofi": _linear("ofi", level=False),
    "imbalance_k": _linear("imbalance_k", level=False),
    "ofi_levels": _linear("ofi_*", level=False),
    "all": _linear("*", level=True),
}
"""All predictors; ``last_move``, ``weighted`` and ``micro`` say a move themselves: taken as it is."""
