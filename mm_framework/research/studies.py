"""The two studies of price features: which predictors, what is compared, what is assumed.

    features     every feature of B7 against the baselines and against the fair values
    fair-value   the mid as it is, the size-weighted mid and the micro-price as forecasts of the mid

`study` gives the document, `sections` the page that tells it.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import attrs
import numpy as np

from mm_framework.research.columns import Columns, DataNote
from mm_framework.research.document import Section, document_of, number
from mm_framework.research.evaluation import Evaluation, evaluate
from mm_framework.research.features import sample
from mm_framework.research.predictors import BASELINES, DEEP, FAIR_VALUES, FITTED
from mm_framework.research.settings import ResearchSettings
from mm_framework.values import to_json

__all__ = ["Kind", "sections", "study"]

Kind = Literal["features", "fair-value"]

_MS: Final = 1_000_000
_PREDICTORS: Final[dict[str, tuple[str, ...]]] = {
    "features": (*BASELINES, *FAIR_VALUES, *FITTED),
    "fair-value": (*BASELINES, *FAIR_VALUES),
}
_OF_THE_BEST: Final = {"imbalance_k": "imbalance", "ofi_levels": "ofi"}
_ASSUMPTIONS: Final = (
    "Prices, features and labels are in ticks of the local view: by times of receipt, after all that was"
    " received by then.",
    "The label is the move of the mid from latency to latency + horizon after the sample; moves of zero are"
    " kept.",
    "Nothing crosses a hole of the data, a part that the quality policy leaves out, or the end of a run.",
    "Every predictor is learned from samples before the test alone; training samples whose label is not known"
    " when the test begins are purged, and the test begins after a gap.",
    "Intervals are of 95 %, of a block bootstrap over the tests together: neighbours depend on each other.",
    "Better means: the interval of the difference lies above 0 and most folds agree. It says nothing of"
    " profit: an edge below half the spread and the fees is none.",
    "The predictors were chosen before the data was seen; intervals are not corrected for their number.",
)


def _pairs(predictors: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """What is compared: with the baselines, with fair values that are simpler, with the best prices alone."""
    pairs = []
    for place, one in enumerate(predictors):
        if one in BASELINES:
            continue
        pairs += [(one, other, "hit_moves") for other in ("majority", "last_move")]
        pairs.append((one, "no_change", "r2"))
        for other in predictors[:place]:
            if other in FAIR_VALUES:
                pairs += [(one, other, score) for score in ("hit_moves", "r2")]
        if one in _OF_THE_BEST:
            pairs += [(one, _OF_THE_BEST[one], score) for score in ("hit_moves", "r2")]
    return pairs


def study(kind: Kind, columns: Columns, note: DataNote, settings: ResearchSettings) -> dict[str, Any]:
    """Sample, learn, test. Raises ValueError when there are too few samples for the folds."""
    samples = sample(
        columns,
        settings.sample_ms * _MS,
        settings.horizon_ms * _MS,
        settings.latency_ms * _MS,
        settings.window_ms * _MS,
    )
    names = _PREDICTORS[kind]
    if kind == "features" and columns.levels is not None and len(columns.levels):
        names += DEEP
    found = evaluate(samples, names, _pairs(names), settings)
    candidates = [name for name in names if name not in BASELINES and name in found.scores]
    return document_of(
        kind,
        {
            "data": attrs.asdict(note),
            "settings": {name: to_json(value) for name, value in attrs.asdict(settings).items()},
            "samples": {
                "used": len(samples),
                "dropped": samples.dropped,
                "shallow": int(np.count_nonzero(samples.shallow)),
            },
            "tested": found.tested,
            "folds": found.folds,
            "scores": found.scores,
            "comparisons": [one.to_json() for one in found.comparisons],
            "better": {name: _better(found, name) for name in candidates},
            "missing": found.missing,
            "variants_tried": len(candidates),
            "assumptions": list(_ASSUMPTIONS),
        },
    )


def _better(found: Evaluation, name: str) -> dict[str, bool]:
    """Whether a predictor is better than the baselines, in direction and in size."""
    return {
        "direction": found.better(name, ("majority", "last_move"), "hit_moves"),
        "size": found.better(name, ("no_change",), "r2"),
    }


def sections(document: dict[str, Any]) -> list[Section]:
    """The page of a study."""
    told = [Section("Answer", tuple(_answer(document))), _scored(document), _compared(document)]
    left_out = document["samples"]["dropped"].items()
    data = [f"{key}: {value}" for key, value in document["data"].items()]
    data += [f"grid times left out, {why}: {count}" for why, count in left_out]
    data.append(f"samples with fewer levels than asked for: {document['samples']['shallow']}")
    return [
        *told,
        _folds(document),
        *_micro(document),
        Section("Data", tuple(data)),
        Section("Settings", tuple(f"{key}: {value}" for key, value in document["settings"].items())),
        Section("Assumptions", tuple(document["assumptions"])),
    ]


def _scored(document: dict[str, Any]) -> Section:
    tested = document["tested"]
    return Section(
        "Scores out of sample",
        (
            f"{tested['samples']} samples: the mid rose after {tested['up']}, fell after {tested['down']},"
            f" and stood after {tested['unchanged']}. Mean move {tested['mean_abs_move_ticks']:.3f} ticks,"
            f" half a spread {tested['half_spread_ticks']:.3f} ticks.",
        ),
        (
            "predictor", "hits, moves", "95 %", "hits, all", "balanced", "MCC", "AUC", "log loss", "Brier",
            "R2", "95 %", "MAE, ticks", "IC", "edge, ticks",
        ),
        tuple(_scores(name, one) for name, one in document["scores"].items()),
    )  # fmt: skip


def _compared(document: dict[str, Any]) -> Section:
    return Section(
        "Comparisons",
        (f"{document['variants_tried']} predictors were tried beside the baselines.",),
        ("one", "other", "score", "difference", "95 %", "folds", "verdict"),
        tuple(_comparison(one) for one in document["comparisons"]),
    )


def _folds(document: dict[str, Any]) -> Section:
    counts = ("train_samples", "purged", "test_samples")
    return Section(
        "Folds",
        (),
        ("train", "to", "test", "to", "learned from", "purged", "tested on"),
        tuple(
            (*fold["train"], *fold["test"], *(str(fold[key]) for key in counts)) for fold in document["folds"]
        ),
    )


def _answer(document: dict[str, Any]) -> list[str]:
    lines = []
    for name, better in document["better"].items():
        words = [word for word, is_so in better.items() if is_so]
        lines.append(
            f"{name}: better than the baselines in {' and in '.join(words)}"
            if words
            else f"{name}: not shown to be better than the baselines"
        )
    lines += [f"{name}: could not be learned: {why}" for name, why in document["missing"].items()]
    return lines


def _scores(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        number(one["hit_moves"], 3),
        _between(one["hit_moves_interval"], 3),
        number(one["hit_all"], 3),
        number(one["balanced_accuracy"], 3),
        number(one["mcc"], 3),
        number(one["auc"], 3),
        number(one["log_loss"], 3),
        number(one["brier"], 3),
        number(one["r2"]),
        _between(one["r2_interval"], 4),
        number(one["mae_ticks"]),
        number(one["information_coefficient"], 3),
        number(one["edge_ticks"]),
    )


def _comparison(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["one"],
        one["other"],
        one["score"],
        f"{one['difference']:+.4f}",
        _between(one["interval"], 4),
        f"{one['folds_for']}/{one['folds']}",
        one["verdict"],
    )


def _micro(document: dict[str, Any]) -> list[Section]:
    """The micro-price of the last fold, which learned from most."""
    learned = document["folds"][-1]["learned"].get("micro")
    if learned is None:
        return []
    table = learned["table_ticks"]
    edges = [0.0, *learned["imbalance_edges"], 1.0]
    pairs, dropped = learned["pairs"], learned["dropped_pairs"]
    return [
        Section(
            "Micro-price of the last fold: what it adds to the mid, in ticks",
            (
                f"{pairs} pairs of samples; {dropped} were left out, for the mid moved too far;"
                f" {learned['merged_states']} states never occurred and have the value of a neighbour.",
            ),
            (
                "Qb/(Qb+Qa)",
                *(f"spread {n}" + ("+" if n == len(table[0]) else "") for n in range(1, len(table[0]) + 1)),
            ),
            tuple(
                (f"{edges[n]:.3f} to {edges[n + 1]:.3f}", *(f"{value:+.4f}" for value in row))
                for n, row in enumerate(table)
            ),
        )
    ]


def _between(interval: Any, digits: int) -> str:
    return "-" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"
