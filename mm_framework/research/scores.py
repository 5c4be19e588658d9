"""How good forecasts of a move are: of its direction, of its size, and against another forecast. Pure.

A forecast is the expected move in ticks; its sign is the direction. Moves of zero count in ``hit_all`` and in
the errors, not in the scores of direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_framework.research.bootstrap import Resamples
from mm_framework.research.columns import Floats

__all__ = ["direction_scores", "hits", "probability_scores", "scores"]


def hits(forecast: Floats, label: Floats) -> Floats:
    """1 where the direction was right, among them a forecast of 0 where nothing moved."""
    return np.asarray(np.sign(forecast) == np.sign(label), dtype=np.float64)


def scores(forecast: Floats, label: Floats, resampled: Resamples) -> dict[str, Any]:
    """All scores of one forecast; each interval is of 95 %. None where a score is not defined."""
    moved = (label != 0).astype(np.float64)
    right = hits(forecast, label)
    off = label - forecast
    told: dict[str, Any] = {
        "hit_moves": _ratio(right * moved, moved),
        "hit_moves_interval": _interval(resampled, right * moved, moved),
        "hit_all": _ratio(right, np.ones_like(right)),
        "mae_ticks": float(np.mean(np.abs(off))),
        "r2": _none(1.0 - float(off @ off) / float(label @ label)) if label.any() else None,
        "r2_interval": _interval(resampled, label**2 - off**2, label**2),
        "information_coefficient": _correlation(forecast, label),
        "edge_ticks": float(np.mean(np.sign(forecast) * label)),
        "edge_ticks_interval": _interval(resampled, np.sign(forecast) * label, np.ones_like(label)),
    }
    return told | direction_scores(forecast[label != 0], label[label != 0])


def direction_scores(forecast: Floats, label: Floats) -> dict[str, float | None]:
    """Balanced accuracy, Matthews correlation and area under the curve, of up against down."""
    up, said_up, said_down = label > 0, forecast > 0, forecast < 0
    ups, downs = int(up.sum()), int((~up).sum())
    if not ups or not downs:
        return {"balanced_accuracy": None, "mcc": None, "auc": None}
    tp, tn = int((said_up & up).sum()), int((said_down & ~up).sum())
    fp, fn = int((said_up & ~up).sum()), int((said_down & up).sum())
    under = float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return {
        "balanced_accuracy": (tp / ups + tn / downs) / 2.0,
        "mcc": (tp * tn - fp * fn) / under**0.5 if under else None,
        "auc": (float(_ranks(forecast)[up].sum()) - ups * (ups + 1) / 2.0) / (ups * downs),
    }


def probability_scores(chance: Floats, label: Floats) -> dict[str, float | None]:
    """Log loss and Brier score of the chance that a move is up, over moves."""
    moved = label != 0
    if not moved.any():
        return {"log_loss": None, "brier": None}
    p, up = np.clip(chance[moved], 1e-12, 1.0 - 1e-12), (label[moved] > 0).astype(np.float64)
    return {
        "log_loss": float(-np.mean(up * np.log(p) + (1.0 - up) * np.log1p(-p))),
        "brier": float(np.mean((p - up) ** 2)),
    }


def _ranks(values: Floats) -> Floats:
    """Ranks from 1 on, of equal values their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray(((2 * last - counts + 1) / 2.0)[inverse])


def _ratio(top: Floats, bottom: Floats) -> float | None:
    return float(top.sum() / bottom.sum()) if bottom.sum() else None


def _interval(resampled: Resamples, top: Floats, bottom: Floats) -> list[float] | None:
    low, high = resampled.interval(top, bottom)
    return None if np.isnan(low) else [low, high]


def _correlation(a: Floats, b: Floats) -> float | None:
    if len(a) < 2 or not np.ptp(a) or not np.ptp(b):
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _none(value: float) -> float | None:
    return value if np.isfinite(value) else None
