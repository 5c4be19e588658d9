"""A window says what the numbers in it say, whatever came before."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.calibrate.ab import AbFill, AbRun
from mm_framework.calibrate.routing import Routing
from mm_framework.calibrate.window import SAMPLES, Window

NUMBERS = st.lists(
    st.tuples(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)), st.booleans()), min_size=1, max_size=60
)


@settings(max_examples=50)
@given(NUMBERS, st.integers(0, 59))
def test_it_is_that_of_the_numbers_left(given_numbers: list[tuple[float, bool]], before: int) -> None:
    window = Window(ranked=True)
    for at, (number, flag) in enumerate(given_numbers):
        window.add(at, number, flag)
    window.forget(before)
    left = given_numbers[before:]
    known = sorted(number for number, _ in left if not math.isnan(number))
    assert len(window) == len(left)
    assert window.known == len(known)
    assert window.share == (sum(flag for _, flag in left) / len(left) if left else None)
    assert window.p95() == (known[math.ceil(0.95 * len(known)) - 1] if known else None)
    if known:
        assert window.mean == pytest.approx(statistics.fmean(known), abs=1e-6)
    else:
        assert window.mean is None


def test_it_keeps_the_last_ones_only() -> None:
    window = Window(ranked=True)
    for number in range(3 * SAMPLES):
        window.add(number, float(number), number % 2 == 0)
    assert len(window) == window.known == SAMPLES
    assert window.p95() == 2 * SAMPLES + math.ceil(0.95 * SAMPLES) - 1
    assert window.mean == 2 * SAMPLES + (SAMPLES - 1) / 2


def test_standard_errors_are_those_of_the_books() -> None:
    window, numbers = Window(), [1.0, 2.0, 4.0, 8.0]
    for at, number in enumerate(numbers):
        window.add(at, number, at == 0)
    assert window.mean_error() == pytest.approx(statistics.stdev(numbers) / 2)
    assert window.share_error() == pytest.approx(math.sqrt(0.25 * 0.75 / 3))
    assert Window().mean_error() == Window().share_error() == Window(ranked=True).p95_error() == math.inf


def test_a_bucket_takes_at_most_50_kb() -> None:
    run = AbRun(Routing(0.0))
    for at in range(5 * SAMPLES):
        run.on_tick(at, "S", at * 0.37 % 10, miss=False)
        run.on_fill(AbFill(at, "S", 1.0, 100.0, 100.0, 0.0, 1.0, taker=False))
    assert len(run.stats["A"].ticks) == len(run.stats["A"].trades) == SAMPLES
    assert run.stats["A"].nbytes <= 50_000
