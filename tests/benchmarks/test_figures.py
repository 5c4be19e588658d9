"""A figure is the median of its rounds; a ratio says how many times as fast, for rates and for times."""

from __future__ import annotations

import pytest


def test_a_rate_that_doubles_and_a_time_that_halves_are_both_twice_as_fast() -> None:
    from figures import Figure

    slow, fast = Figure("scan", "off", "rows/s", (10.0, 40.0)), Figure("scan", "on", "rows/s", (20.0, 80.0))
    assert fast.ratios(slow) == [2.0, 2.0]
    slow, fast = Figure("live", "off", "us", (10.0, 40.0)), Figure("live", "on", "us", (5.0, 20.0))
    assert fast.ratios(slow) == [2.0, 2.0]
    assert (fast.median, fast.best) == (12.5, 5.0)


def test_figures_of_different_rounds_have_no_ratio() -> None:
    from figures import Figure

    with pytest.raises(ValueError, match="zip"):
        Figure("scan", "on", "rows/s", (1.0,)).ratios(Figure("scan", "off", "rows/s", (1.0, 2.0)))


def test_a_figure_as_json_keeps_all_rounds() -> None:
    from figures import Figure

    assert Figure("scan", "on", "rows/s", (1234.6, 0.12345, 99.99)).to_json() == {
        "unit": "rows/s",
        "median": 100,
        "best": 1235,
        "rounds": [1235, 0.123, 100],
    }


def test_numbers_ratios_and_tables_for_readers() -> None:
    from figures import number, table, times

    assert [number(value) for value in (17681.4, 3.274, 999.6)] == ["17 681", "3.27", "1 000"]
    assert times([2.0, 1.5, 4.0]) == "2.00x (1.50 to 4.00)"
    assert table(["figure", "on"], [["scan", "7"]]) == "| figure | on |\n| --- | ---: |\n| scan | 7 |\n"


def test_facts_say_what_is_absent() -> None:
    from figures import facts_list

    facts = {"bench": "machine", "versions": {"numpy": "2.4", "numba": None}, "commit": None, "changed": True}
    assert (
        facts_list(facts) == "- versions: numpy 2.4, numba not installed\n- commit: unknown\n- changed: yes\n"
    )
