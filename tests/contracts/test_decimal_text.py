"""Settings that are decimal text: what is a number above 0, and what is told of the rest."""

from __future__ import annotations

import attrs
import pytest

from mm_framework.contracts.decimal_text import above_zero, not_negative
from mm_framework.errors import ConfigError
from mm_framework.model.fixed import parse
from mm_framework.settings import ConfigFile, load, section, setting


@attrs.frozen
class Sizes:
    size: str | None = attrs.field(default=None, validator=above_zero)
    spread: str | None = attrs.field(default=None, validator=not_negative)


@pytest.mark.parametrize("text", ["0.01", "1e-18", "1E3", "9223372036854775807", None])
def test_numbers_that_an_instrument_could_hold_are_taken(text: str | None) -> None:
    assert Sizes(size=text, spread=text) == Sizes(text, text)
    assert Sizes(spread="0").spread == "0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "") for text in ("", "x", "nan", "inf", "1,5", " 1", "+1", "-1", "-0.5")),
        *((text, "below 9223372036854775808") for text in ("1e400", "9223372036854775808")),
    ],
)
def test_anything_else_is_told_with_the_name_and_what_was_found(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"expected a number {expected or 'above 0'}") as told:
        Sizes(size=text)
    assert str(told.value).startswith(f"size is {text!r}, ")
    with pytest.raises(ValueError, match=f"^spread is .* expected a number {expected or 'of 0 or more'}"):
        Sizes(spread=text)


def test_none_is_no_size_above_zero() -> None:
    with pytest.raises(ValueError, match="expected a number above 0"):
        Sizes(size="0.0")


def _parsed(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    parse(value, 2)


@section("strategy.of_this_test")
@attrs.frozen
class Plain:
    price: str = setting("1", help="Read by a validator that knows nothing of settings.", validator=_parsed)
    size: str = setting("1", help="Another.", validator=above_zero)


def test_a_number_that_a_validator_cannot_read_names_its_setting() -> None:
    file = ConfigFile("mm.toml", {"strategy": {"of_this_test": {"price": "x"}}})  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as told:
        load(Plain, file=file)
    assert str(told.value).startswith("strategy.of_this_test.price: found 'x', expected a JSON number;")
    assert "(from file mm.toml)" in str(told.value)
    assert told.value.exit_code == 2
