"""Fine timers on Windows, by a library that notes what is asked of it."""

from __future__ import annotations

import sys

import pytest

from mm_framework.capture.timer_resolution import fine_timers


class Winmm:
    def __init__(self, answer: int = 0) -> None:
        self.answer, self.calls = answer, list[tuple[str, int]]()

    def timeBeginPeriod(self, period: int) -> int:
        self.calls.append(("begin", period))
        return self.answer

    def timeEndPeriod(self, period: int) -> int:
        self.calls.append(("end", period))
        return 0


def test_the_resolution_is_one_millisecond_within_the_block_also_when_it_fails() -> None:
    library = Winmm()
    with fine_timers(True, library) as granted:
        assert granted
        assert library.calls == [("begin", 1)]
    assert library.calls == [("begin", 1), ("end", 1)]
    with pytest.raises(KeyError), fine_timers(True, library):
        raise KeyError
    assert library.calls[2:] == [("begin", 1), ("end", 1)]


def test_a_refusal_is_not_given_back() -> None:
    library = Winmm(answer=97)
    with fine_timers(True, library) as granted:
        assert not granted
    assert library.calls == [("begin", 1)]


def test_switched_off_nothing_is_asked() -> None:
    library = Winmm()
    with fine_timers(False, library) as granted:
        assert not granted
    assert library.calls == []


@pytest.mark.skipif(sys.platform == "win32", reason="there it is granted")
def test_elsewhere_there_is_nothing_to_do() -> None:
    with fine_timers(True) as granted:
        assert not granted
