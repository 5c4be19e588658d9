"""A block that stands still is ended; one that goes on is left alone."""

from __future__ import annotations

import itertools
import threading

import pytest

from mm_framework.errors import StrategyError
from mm_framework.results.watchdog import watchdog


def test_a_loop_without_end_is_told_with_its_place() -> None:
    def forever() -> None:
        with watchdog(0.2, lambda: (1, "at event 7")):
            while True:
                pass

    with pytest.raises(StrategyError, match=r"nothing went on for 0.2 s at event 7"):
        forever()


def test_what_goes_on_may_take_longer_than_the_limit() -> None:
    steps = itertools.count()
    waited = threading.Event()
    with watchdog(0.2, lambda: (next(steps), "somewhere")):
        waited.wait(0.5)


def test_an_error_of_the_block_is_its_own() -> None:
    with pytest.raises(ZeroDivisionError), watchdog(5, lambda: (1, "here")):
        _ = 1 / 0
