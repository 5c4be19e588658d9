"""Values are read strictly: what is not exactly of the type is refused with a sentence."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.values import choices, expectation, from_text, from_toml, switch, to_json


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Nested:
    size: int
    name: str = "x"


TEXTS: list[tuple[Any, str, object]] = [
    (bool, "yes", True),
    (bool, " OFF ", False),
    (int, "-12", -12),
    (float, "1e3", 1000.0),
    (float, ".5", 0.5),
    (float, "7", 7.0),
    (str, "", ""),
    (Path, "a/b", Path("a/b")),
    (Color, "blue", Color.BLUE),
    (Literal["maker", "taker"], "taker", "taker"),
    (float | None, "", None),
    (float | None, "2.5", 2.5),
    (str | None, "", None),
    (tuple[str, ...], "a, b", ("a", "b")),
    (tuple[int, ...], "1,2", (1, 2)),
    (tuple[str, ...], "", ()),
    (tuple[str, ...] | None, "", ()),
    (Mapping[str, str], "a=1, b=x=y", {"a": "1", "b": "x=y"}),
    (dict[str, int], "", {}),
]

BAD_TEXTS: list[tuple[Any, str]] = [
    *((bool, text) for text in ("", "2", "ja", "truee")),
    *((int, text) for text in ("", "1.0", "1_000", "0x10", "one", "1e3", "\u0661")),
    *((float, text) for text in ("", "nan", "inf", "-Infinity", "1e999", "1_0", "1,5", "0x1p3")),
    (Path, ""),
    (Color, "RED"),
    (Literal["maker", "taker"], "Maker"),
    (tuple[int, ...], "1,"),
    (dict[str, int], "a"),
    (dict[str, int], "=1"),
    (dict[str, int], "a=b"),
]

TOMLS: list[tuple[Any, object, object]] = [
    (bool, True, True),
    (int, 3, 3),
    (float, 3, 3.0),
    (float | None, 0.5, 0.5),
    (Path, "a", Path("a")),
    (Color, "red", Color.RED),
    (tuple[str, ...], ["a"], ("a",)),
    (Mapping[str, str], {"a": "b"}, {"a": "b"}),
    (Nested, {"size": 1}, Nested(1)),
]

BAD_TOMLS: list[tuple[Any, object]] = [
    *((bool, value) for value in (1, 0, "true")),
    *((int, value) for value in (True, 1.0, "1")),
    *((float, value) for value in (True, "1.0", float("nan"), float("inf"))),
    (str, 1),
    (Path, ""),
    (Path, 1),
    (Color, 1),
    (Literal["maker", "taker"], 1),
    (tuple[str, ...], "ab"),
    (tuple[str, ...], [1]),
    (Mapping[str, str], ["a"]),
    (Mapping[str, str], {"a": 1}),
    (Nested, {"size": 1, "sise": 2}),
    (Nested, {"size": "1"}),
    (Nested, {}),
]


@pytest.mark.parametrize(("target", "text", "value"), TEXTS)
def test_text_of_a_type_is_read(target: Any, text: str, value: object) -> None:
    found = from_text(text, target)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("target", "text"), BAD_TEXTS)
def test_other_text_is_refused(target: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected .+, found"):
        from_text(text, target)


@pytest.mark.parametrize(("target", "raw", "value"), TOMLS)
def test_a_toml_value_of_a_type_is_read(target: Any, raw: object, value: object) -> None:
    found = from_toml(raw, target)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("target", "raw"), BAD_TOMLS)
def test_a_toml_value_of_another_type_is_refused(target: Any, raw: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_toml(raw, target)


def test_an_error_inside_a_table_names_its_key() -> None:
    with pytest.raises(ValueError, match=r"expected a whole number, found '1' @ .*size"):
        from_toml({"size": "1"}, Nested)
    with pytest.raises(ValueError, match="sise"):
        from_toml({"size": 1, "sise": 2}, Nested)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_every_finite_number_survives_text(number: float) -> None:
    assert from_text(repr(number), float) == float(number)


@given(st.text())
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    for target in (bool, int, float, Path, Color, tuple[int, ...], dict[str, float], float | None):
        with contextlib.suppress(ValueError):
            from_text(text, target)


def test_json_has_text_for_paths_and_enumerations() -> None:
    assert to_json({"p": Path("a"), "c": Color.RED, "t": (1, Path("b")), "n": None}) == {
        "p": "a",
        "c": "red",
        "t": [1, "b"],
        "n": None,
    }


def test_what_is_expected_is_told_in_words() -> None:
    assert expectation(float | None) == "a finite number"
    assert expectation(tuple[Color, ...]) == "a list, each one of red, blue"
    assert expectation(Mapping[str, int]) == "a table of names, each with a whole number"
    assert choices(Literal["a", "b"] | None) == ("a", "b")
    assert choices(int) == ()


@pytest.mark.parametrize(
    ("text", "on"), [(None, False), ("", False), ("0", False), ("1", True), ("on", True)]
)
def test_a_switch_is_off_unless_it_says_on(text: str | None, on: bool) -> None:
    assert switch(text) is on


def test_a_switch_refuses_other_words() -> None:
    with pytest.raises(ValueError, match="perhaps"):
        switch("perhaps")
