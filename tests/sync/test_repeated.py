"""A row of seeming repetitions: how it goes on, and when it is too long to be one."""

from __future__ import annotations

from mm_framework.sync.repeated import Repeated, again

S = 1_000_000_000


def row(*numbers: int, above: int = 900, step_ns: int = S) -> Repeated | None:
    made: Repeated | None = None
    for place, number in enumerate(numbers):
        made = again(made, above=above, first=number, last=number, now_ns=place * step_ns)
    return made


def test_a_row_goes_on_while_its_numbers_rise() -> None:
    assert row(5, 6, 9) == Repeated(900, 9, 3, 0)


def test_a_number_that_does_not_rise_begins_a_new_row() -> None:
    assert row(5, 6, 6) == Repeated(900, 6, 1, 2 * S)


def test_an_update_that_was_taken_in_between_begins_a_new_row() -> None:
    before = row(5, 6)
    assert again(before, above=901, first=7, last=7, now_ns=5 * S) == Repeated(901, 7, 1, 5 * S)


def test_a_row_is_wrong_when_it_is_both_long_and_lasting() -> None:
    three = row(5, 6, 7)
    assert three is not None
    assert three.wrong(2 * S)
    assert not three.wrong(2 * S - 1)
    two = row(5, 6)
    assert two is not None
    assert not two.wrong(100 * S)
