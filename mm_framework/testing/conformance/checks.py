"""What every check must hold to: findings that depend on the rows alone, and that programs can read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import attrs
import pytest

from mm_framework.contracts.qa_check import Finding, QACheck
from mm_framework.model.events import ASK, BID, Kind, Reason, SyncState
from mm_framework.store import judge
from mm_framework.store.judge import DayRows
from mm_framework.testing.qa_day import QADay, findings_of

__all__ = ["CheckConformance"]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class CheckConformance:
    """``check`` makes a new one. ``days`` may be overridden to add days on which the check has findings."""

    check: Callable[[], QACheck]

    @pytest.fixture
    def days(self) -> list[DayRows]:
        """Days that the check is shown: by default one of every trouble that a book can have."""
        return []

    @pytest.fixture
    def shown(self, days: list[DayRows]) -> list[DayRows]:
        """Those and a troubled one."""
        return [_troubled(), *days]

    def test_it_has_a_name_that_settings_and_flags_can_have(self) -> None:
        """Lower case, as the name of its spec."""
        assert _NAME.fullmatch(type(self).check().name)

    def test_a_day_without_rows_is_no_error(self) -> None:
        """A check that was given no batch reports all the same."""
        assert [one for one in type(self).check().findings() if one.result == "ERROR"] == []

    def test_it_raises_on_no_day(self, shown: list[DayRows]) -> None:
        """An exception would reject the day, whatever its rows are."""
        for day in shown:
            assert [one.detail for one in self._found(day) if one.result == "ERROR"] == []

    def test_how_a_day_is_cut_changes_nothing(
        self, shown: list[DayRows], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Batches are cut where files are; the verdict must not depend on it."""
        whole = [self._found(day) for day in shown]
        for size in (1, 3, 17):
            monkeypatch.setattr(judge, "ROW_GROUP", size)
            # A day keeps the best prices that it found: a new one finds them anew, in other pieces.
            assert [self._found(attrs.evolve(day)) for day in shown] == whole, (
                f"cut into batches of {size} rows"
            )

    def test_one_check_knows_nothing_of_another(self, shown: list[DayRows]) -> None:
        """Nothing is kept in the class or the module: days are judged side by side."""
        first = [self._found(day) for day in shown]
        assert [self._found(day) for day in shown] == first

    def test_findings_can_be_read_by_programs(self, shown: list[DayRows]) -> None:
        """One word as flag, its own name, numbers that JSON has, and a time within the day or none."""
        name = type(self).check().name
        for day in shown:
            times = day.rows["ts_recv_ns"]
            for one in self._found(day):
                assert (one.check, one.result in ("PASS", "WARN", "FAIL")) == (name, True)
                assert _NAME.fullmatch(one.flag), f"the flag {one.flag!r} is no word"
                json.dumps(one.numbers, allow_nan=False)
                assert (one.start_ns is None) == (one.end_ns is None)
                if one.start_ns is not None and one.end_ns is not None:
                    assert times[0] <= one.start_ns < one.end_ns <= times[-1] + 1

    def _found(self, day: DayRows) -> list[Finding]:
        return findings_of(type(self).check(), day)


def _troubled() -> DayRows:
    """Crossed, locked, one-sided, lost and mended, silent; prints that repeat; venue times that go back."""
    day = QADay()
    day.begin()
    day.quiet(50)
    day.level(BID, 10_005, 7)
    day.level(BID, 10_005, 0)
    day.level(BID, 10_002, 7)
    day.level(BID, 10_002, 0)
    for number in (1, 2, 2, 9):
        day.trade(10_001, number)
    day.message([(Kind.GAP, 0, 5, 9, Reason.SEQUENCE_GAP)])
    day.state(SyncState.SYNCED, SyncState.RESYNCING, Reason.SEQUENCE_GAP)
    day.begin()
    day.level(ASK, 10_002, 0)
    day.level(ASK, 10_900, 5)
    day.now += 90 * 10**9
    day.level(BID, 10_000, 1, venue=day.now - 3 * 10**9)
    day.quiet(20)
    day.state(SyncState.SYNCED, SyncState.STOPPED, Reason.SHUTDOWN)
    return day.rows({0: 2.0})
