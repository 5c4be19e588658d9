"""What results differ in."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mm_framework.errors import ConfigError
from mm_framework.results.differences import (
    difference,
    leaves,
    measures,
    require_same_data,
    settings_that_differ,
)

ONE: dict[str, Any] = {
    "configuration": {"strategies": {"mm": {"size": "1", "k": 2}}, "limits": {"order_size": None}},
    "data": {
        "instruments": ["a:B/C"], "from": None, "to": None, "qa": "pass", "first_ns": 1, "last_ns": 9,
        "partitions": {"p": {"digest": "d", "qa_status": "PASS"}},
    },
    "summary": {"fills": 3, "by_quote": {"C": {"pnl": {"total": "0.1"}, "sharpe": None}}},
}  # fmt: skip


def test_leaves_are_named_by_what_names_the_elements_of_a_list() -> None:
    told = dict(leaves({"a": [{"strategy": "s", "instrument": "i", "n": 1}, {"x": 2}], "b": [3]}))
    assert told == {"a.s/i.strategy": "s", "a.s/i.instrument": "i", "a.s/i.n": 1, "a.1.x": 2, "b.0": 3}


def test_only_settings_that_differ_are_told() -> None:
    two = copy.deepcopy(ONE)
    two["configuration"]["strategies"] = {"mm": {"size": "2", "k": 2}, "other": {"z": 1}}
    assert settings_that_differ([ONE, two]) == {
        "strategies.mm.size": ["1", "2"], "strategies.other.z": [None, 1],
    }  # fmt: skip


def test_measures_are_numbers_and_exact_amounts() -> None:
    two = copy.deepcopy(ONE)
    two["summary"]["by_quote"]["C"]["sharpe"] = 1.5
    found = measures([ONE, two])
    assert found == {
        "fills": [3, 3], "by_quote.C.pnl.total": ["0.1", "0.1"], "by_quote.C.sharpe": [None, 1.5],
    }  # fmt: skip


def test_differences_of_amounts_are_exact_and_of_nothing_there_is_none() -> None:
    assert difference("0.3", "0.1") == "0.2"
    assert difference(2.5, 1) == 1.5
    assert difference(None, 1) is None
    assert difference("toy", "1") is None


@pytest.mark.parametrize(("key", "value"), [("qa", "any"), ("last_ns", 10), ("partitions", {})])
def test_other_data_is_refused(key: str, value: object) -> None:
    two = copy.deepcopy(ONE)
    two["data"][key] = value
    require_same_data(["one", "same"], [ONE, copy.deepcopy(ONE)])
    with pytest.raises(ConfigError, match="one and two were played on different data"):
        require_same_data(["one", "two"], [ONE, two])
