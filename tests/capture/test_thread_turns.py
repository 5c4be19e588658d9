"""While a run goes on threads hand the interpreter over sooner; afterwards all is as before."""

from __future__ import annotations

import sys

import pytest

from mm_framework.capture.thread_turns import SWITCH_S, short_thread_turns


@pytest.fixture(autouse=True)
def _usual() -> None:
    sys.setswitchinterval(0.005)


def test_the_interval_is_shorter_within_and_as_before_afterwards() -> None:
    with short_thread_turns():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
        with short_thread_turns():
            assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_an_error_brings_the_interval_back() -> None:
    with pytest.raises(KeyError), short_thread_turns():
        raise KeyError
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_an_interval_that_is_shorter_already_stays() -> None:
    sys.setswitchinterval(0.0001)
    try:
        with short_thread_turns():
            assert sys.getswitchinterval() == pytest.approx(0.0001, abs=5e-6)  # kept in microseconds
    finally:
        sys.setswitchinterval(0.005)
