"""Points of a sweep: lists and ranges, all or some, the same for the same seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.errors import ConfigError
from mm_framework.results.grid import grid, parameters, sample


def test_all_combinations_with_the_last_parameter_fastest() -> None:
    points = grid(parameters({"a": "1,2", "b": "x,y"}))
    assert points == [{"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "2", "b": "x"}, {"a": "2", "b": "y"}]


def test_a_range_is_all_decimals_of_the_longer_end() -> None:
    assert [one["a"] for one in grid(parameters({"a": "0.98..1.0"}))] == ["0.98", "0.99", "1.00"]
    assert [one["a"] for one in grid(parameters({"a": "-1..1"}))] == ["-1", "0", "1"]


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_samples_are_different_points_of_the_grid_and_depend_on_the_seed_alone(seed: int, count: int) -> None:
    values = parameters({"a": "1..9", "b": "0.1..0.5"})
    points = sample(values, count, seed)
    assert points == sample(values, count, seed)
    assert len({tuple(one.items()) for one in points}) == len(points) == count
    assert all(one in grid(values) for one in points)


def test_more_samples_than_points_are_the_grid() -> None:
    values = parameters({"a": "1,2,3"})
    assert sample(values, 10, 7) == grid(values)


@pytest.mark.parametrize("text", ["1,1", "5..1"])
def test_values_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected different values"):
        parameters({"a": text})


def test_a_grid_that_is_too_large_asks_for_samples() -> None:
    with pytest.raises(ConfigError, match="--samples N"):
        grid(parameters({"a": "1..1000", "b": "1..1000"}))
    assert len(sample(parameters({"a": "1..1000000", "b": "1..1000000"}), 5, 0)) == 5
