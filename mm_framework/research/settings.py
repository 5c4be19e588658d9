"""Settings of ``mm research``: what is sampled, what is learned, how results are judged."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs import validators

from mm_framework.settings import section, setting

__all__ = ["CalibrationSettings", "ResearchSettings"]


@section("research")
@attrs.frozen
class ResearchSettings:
    """Sampling, folds and intervals of `mm research features` and `mm research fair-value`."""

    sample_ms: int = setting(100, help="Time between samples.", validator=validators.ge(1))
    horizon_ms: int = setting(
        1000, help="How far ahead a move of the mid is forecast.", validator=validators.ge(1)
    )
    latency_ms: int = setting(
        10,
        help="Time from a sample to when one could act: the horizon begins there.",
        validator=validators.ge(0),
    )
    window_ms: int = setting(
        1000, help="How far back order flow and the last move look.", validator=validators.ge(1)
    )
    levels: int = setting(
        5,
        help="Levels a side whose imbalance and order flow are judged, too, where a book was recorded; 1: the"
        " best alone.",
        validator=validators.ge(1),
    )
    folds: int = setting(
        5, help="Tests, one after the other; each learns from what is before it.", validator=validators.ge(1)
    )
    training: Literal["expanding", "rolling"] = setting(
        "expanding", help="Learn from all that is before a test, or from as much as before the first."
    )
    gap_ms: int = setting(
        2010,
        help="Time between training and test: no less than window, latency and horizon together.",
        validator=validators.ge(0),
    )
    micro_bins: int = setting(
        10,
        help="Imbalance bins of the micro-price; the middle one of an odd number has no direction.",
        validator=validators.ge(2),
    )
    micro_spreads: int = setting(
        4,
        help="Spreads of the micro-price, in ticks; the last stands for wider ones.",
        validator=validators.ge(1),
    )
    micro_max_move_ticks: float = setting(
        1.0,
        help="Pairs of samples between which the mid moved further are left out of the micro-price.",
        validator=validators.ge(0.5),
    )
    resamples: int = setting(2000, help="Resamples of the block bootstrap.", validator=validators.ge(100))
    seed: int = setting(0, help="Seed of the resamples.", validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        least = self.window_ms + self.latency_ms + self.horizon_ms
        if self.gap_ms < least:
            raise ValueError(
                f"gap_ms is {self.gap_ms}, expected {least} or more: window, latency and horizon together"
            )


@section("research-calibrate")
@attrs.frozen
class CalibrationSettings:
    """Fits of `mm research calibrate`: distances in ticks."""

    min_ticks: float = setting(
        0.5, help="Trades that reach less far from the mid are left out.", validator=validators.ge(0)
    )
    max_ticks: float | None = setting(None, help="Trades that reach further are left out; empty: none.")
    cell_ticks: float = setting(
        1.0,
        help="Width of the cells in which distances are counted: the step of the distances, or a multiple.",
        validator=validators.gt(0),
    )
    sigma_s: float = setting(
        1.0, help="Time between two mids whose difference is a move.", validator=validators.gt(0)
    )
    window_s: float = setting(
        600.0, help="Length of the windows of the past that are fitted.", validator=validators.gt(0)
    )
    every_s: float = setting(60.0, help="Time from one window to the next.", validator=validators.gt(0))
    block_s: float = setting(
        10.0, help="Length of the blocks of time that are resampled.", validator=validators.gt(0)
    )
    resamples: int = setting(2000, help="Resamples of the block bootstrap.", validator=validators.ge(100))
    seed: int = setting(0, help="Seed of the resamples.", validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        if self.max_ticks is not None and self.max_ticks < self.min_ticks + 2 * self.cell_ticks:
            raise ValueError(
                f"max_ticks {self.max_ticks} leaves no two cells of {self.cell_ticks} above {self.min_ticks}"
            )
