"""Fixed-point numbers, held to `decimal.Decimal`."""

from __future__ import annotations

import contextlib
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.fixed import (
    MAX,
    MAX_SCALE,
    NULL,
    BadNumber,
    InexactValue,
    ValueOverflow,
    decimals_of,
    digits,
    parse,
    parse_plain,
    parse_with_decimals,
    text,
    to_e6,
)

EXACT = Context(prec=2000)
SCALES = st.integers(0, MAX_SCALE)
VALUES = st.integers(-MAX, MAX)

GOOD = ["0", "-0", "0.0", "1", "10", "1.50", "-2.5", "1e3", "1E+3", "1.5e-7", "0e9999", "12.30e1", "9" * 18]
BAD = [
    "", "-", ".", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e3", "e5", " 1", "1 ", "1\n", "0x10",
    "1_000", "NaN", "Infinity", "-Infinity", "null", "1,5", "--1", "1e1.5", "1.2.3",
    "\u0661", "1e10000", "9" * 401,
]  # fmt: skip


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Text of the JSON grammar, with and without fraction and exponent."""
    sign = draw(st.sampled_from(["", "-"]))
    whole = str(draw(st.integers(0, 10**20)))
    fraction = draw(st.text("0123456789", max_size=22))
    exponent = draw(st.sampled_from(["", "e{}", "E{}", "e+{}", "e-{}"]))
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}{exponent.format(draw(st.integers(0, 40)))}"


PLAIN = st.from_regex(r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,6})?", fullmatch=True)


@given(st.lists(PLAIN, max_size=5), st.lists(numbers() | PLAIN | st.sampled_from(BAD), max_size=2), SCALES)
def test_many_plain_numbers_are_parsed_as_each_of_them(
    plain: list[str], others: list[str], scale: int
) -> None:
    texts = [*plain, *others]
    found = parse_plain(texts, scale)
    if found is not None:
        assert list(zip(found[0], map(decimals_of, texts), strict=True)) == [
            parse_with_decimals(one, scale) for one in texts
        ]
        assert found[1] == max(map(decimals_of, texts), default=0)


@given(st.lists(PLAIN, max_size=9), st.integers(6, 8))
def test_plain_numbers_that_fit_are_parsed_at_once(texts: list[str], scale: int) -> None:
    found = parse_plain(texts, scale)
    assert found is not None
    assert found[0] == [parse(one, scale) for one in texts]


@pytest.mark.parametrize("text", [*BAD, "-1", "1e3", "1.1234567", "9" * 18, "1 2", "", " "])
def test_what_is_not_plain_or_does_not_fit_is_left_alone(text: str) -> None:
    assert parse_plain(["1", text, "2"], 6) is None


@given(numbers(), SCALES)
def test_parse_is_exact_or_says_why_not(number: str, scale: int) -> None:
    shifted = EXACT.scaleb(Decimal(number), scale)
    whole = shifted == shifted.to_integral_value()
    try:
        value = parse(number, scale)
    except InexactValue as error:
        assert not whole
        least = EXACT.scaleb(Decimal(number), error.decimals)
        assert least == least.to_integral_value()
        below = EXACT.scaleb(Decimal(number), error.decimals - 1)
        assert below != below.to_integral_value()
    except ValueOverflow:
        assert whole
        assert abs(shifted) > MAX
    else:
        assert whole
        assert value == shifted
        assert abs(value) <= MAX


@given(numbers())
def test_decimals_are_those_of_the_plain_form_trailing_zeros_included(number: str) -> None:
    expected = max(0, -int(Decimal(number).as_tuple().exponent))
    assert decimals_of(number) == expected
    with contextlib.suppress(InexactValue, ValueOverflow):
        assert parse_with_decimals(number, MAX_SCALE)[1] == expected


@given(VALUES, SCALES)
def test_text_is_the_shortest_exact_decimal_and_reads_back(value: int, scale: int) -> None:
    shown = text(value, scale)
    assert Decimal(shown) == EXACT.scaleb(Decimal(value), -scale)
    assert not ("." in shown and shown.endswith(("0", ".")))
    assert parse(shown, scale) == value


@given(VALUES, SCALES, SCALES)
def test_digits_have_exactly_so_many_decimals_or_none_at_all(value: int, scale: int, decimals: int) -> None:
    exact = EXACT.scaleb(Decimal(value), -scale)
    least = len(text(value, scale).partition(".")[2])
    if least > decimals:
        with pytest.raises(InexactValue) as caught:
            digits(value, scale, decimals)
        assert caught.value.decimals == least
        return
    shown = digits(value, scale, decimals)
    assert Decimal(shown) == exact
    assert len(shown.partition(".")[2]) == decimals


@given(numbers())
def test_to_e6_rounds_half_away_from_zero_and_says_whether_it_rounded(number: str) -> None:
    exact = EXACT.scaleb(Decimal(number), 6)
    rounded = exact.to_integral_value(ROUND_HALF_UP)
    try:
        value, told_exact = to_e6(number)
    except ValueOverflow:
        assert abs(rounded) > MAX
    else:
        assert value == rounded
        assert told_exact == (exact == rounded)
        assert abs(value) <= MAX


def test_to_e6_of_ties_and_dust() -> None:
    assert to_e6("0.0000005") == (1, False)
    assert to_e6("-0.0000005") == (-1, False)
    assert to_e6("0.00000049") == (0, False)
    assert to_e6("1e-9999") == (0, False)
    assert to_e6("0.123456") == (123456, True)


def test_to_e6_refuses_what_int64_cannot_hold_even_when_it_would_round() -> None:
    with pytest.raises(ValueOverflow):
        to_e6("99999999999999999999.1234567")


@pytest.mark.parametrize("number", GOOD)
def test_the_json_grammar_is_read(number: str) -> None:
    assert Decimal(text(parse(number, 10), 10) if len(number) < 18 else number) == Decimal(number)


@pytest.mark.parametrize("number", BAD)
def test_what_is_not_of_the_grammar_is_refused(number: str) -> None:
    for read in (lambda: parse(number, 8), lambda: decimals_of(number), lambda: to_e6(number)):
        with pytest.raises(BadNumber, match="expected a JSON number"):
            read()


def test_the_edges_of_int64() -> None:
    assert parse(str(MAX), 0) == MAX
    assert parse("-9223372036854775807", 0) == -MAX
    assert parse("9.223372036854775807", 18) == MAX
    for over in ("9223372036854775808", "-9223372036854775808", "1e19", "1e9999"):
        with pytest.raises(ValueOverflow, match="int64"):
            parse(over, 0)
    assert NULL == -(2**63)
    with pytest.raises(ValueError, match="null"):
        text(NULL, 2)


def test_decimals_that_are_zeros_may_go_and_others_may_not() -> None:
    assert parse_with_decimals("1.5000", 1) == (15, 4)
    with pytest.raises(InexactValue) as caught:
        parse("1.2345000", 2)
    assert caught.value.decimals == 4
