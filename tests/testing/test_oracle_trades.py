from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pytest

from mm_framework.testing.oracle_book import FalseBook
from mm_framework.testing.oracle_trades import TradeLedger

NAME, CHANNEL = "toy:A/B", "trade"


def ledger(*captured: int, numbered: bool | Literal["rising"] = True) -> TradeLedger:
    made = TradeLedger(numbered)
    take(made, captured)
    return made


def take(made: TradeLedger, numbers: Iterable[int]) -> None:
    for number in numbers:
        made.came(NAME, CHANNEL, [number], unharmed=True)
        made.captured(NAME, CHANNEL, number, altered=False)


def says(
    made: TradeLedger, connection: int, at_ns: int = 7, *, taken: bool = True, altered: bool = False
) -> None:
    made.printed(NAME, CHANNEL, connection, at_ns, taken=taken, altered=altered)


def test_trades_that_are_captured_once_each_are_counted() -> None:
    assert ledger(4, 5, 6).check() == 3


@pytest.mark.parametrize("numbered", [True, "rising"])
def test_a_trade_that_is_captured_twice_is_found(numbered: bool | Literal["rising"]) -> None:
    with pytest.raises(FalseBook, match="trade 5 was captured twice"):
        ledger(4, 5, 5, numbered=numbered).check()


def test_a_hole_that_is_not_declared_is_found_and_one_that_is_is_none() -> None:
    made = ledger(4, 7)
    with pytest.raises(FalseBook, match="trade 5 is neither captured nor declared lost"):
        made.check()
    made.hole(NAME, CHANNEL, range(5, 7))
    assert made.check() == 2


def test_a_trade_that_came_unharmed_and_is_not_captured_is_found() -> None:
    made = ledger(4, numbered="rising")
    made.came(NAME, CHANNEL, [9], unharmed=True)
    with pytest.raises(FalseBook, match="trade 9 came unharmed and was not captured"):
        made.check()


def test_what_was_missed_while_nobody_followed_is_no_hole() -> None:
    made = ledger(4, 5)
    made.left(NAME, CHANNEL)
    made.came(NAME, CHANNEL, [6], unharmed=True)
    take(made, (9, 10))
    assert made.check() == 4


def test_after_the_return_a_trade_that_comes_late_and_is_older_than_the_first_one_is_not_awaited() -> None:
    made = ledger(4)
    made.left(NAME, CHANNEL)
    take(made, (9,))
    made.came(NAME, CHANNEL, [8], unharmed=True)
    assert made.check() == 2
    made.came(NAME, CHANNEL, [10], unharmed=True)
    with pytest.raises(FalseBook, match="trade 10 came unharmed"):
        made.check()


def test_a_trade_of_an_earlier_following_that_is_captured_again_is_found() -> None:
    made = ledger(4, 5)
    made.left(NAME, CHANNEL)
    take(made, (5, 6))
    with pytest.raises(FalseBook, match="trade 5 was captured twice"):
        made.check()


def test_a_hole_after_the_return_is_found() -> None:
    made = ledger(4)
    made.left(NAME, CHANNEL)
    take(made, (9, 11))
    with pytest.raises(FalseBook, match="trade 10 is neither"):
        made.check()


def test_prints_are_captured_as_often_as_one_connection_says_them() -> None:
    made = ledger(numbered=False)
    says(made, 0)
    says(made, 0)
    says(made, 1, taken=False)
    assert made.check() == 2
    says(made, 1)
    with pytest.raises(FalseBook, match="3 prints at 7 were captured, expected 2 to 2"):
        made.check()


def test_a_print_that_no_connection_lost_and_is_not_captured_is_found() -> None:
    made = ledger(numbered=False)
    says(made, 0, taken=False)
    says(made, 1, taken=False)
    with pytest.raises(FalseBook, match="0 prints at 7 were captured, expected 1 to 1"):
        made.check()


def test_a_print_that_was_altered_may_be_taken_for_another_one_or_for_none() -> None:
    for taken in (True, False):
        made = ledger(numbered=False)
        says(made, 0)
        says(made, 1, taken=taken, altered=True)
        assert made.check() == 1 + taken


def test_prints_that_nobody_follows_are_not_awaited() -> None:
    made = ledger(numbered=False)
    says(made, 0)
    made.left(NAME, CHANNEL)
    says(made, 0, at_ns=8, taken=False)
    says(made, 0, at_ns=9)
    says(made, 0, at_ns=10, taken=False)
    with pytest.raises(FalseBook, match="0 prints at 10"):
        made.check()
