"""Every check finds what is planted for it, alone, however the day is cut; and judges by its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mm_framework.contracts.qa_check import Finding, QACheck
from mm_framework.model.events import ASK, BID, Kind, Reason, SyncState, row_dtype
from mm_framework.quality import check_settings as limits
from mm_framework.quality.day_checks import BackwardTime, Crossed, Duplicates, Gaps, NonPositive
from mm_framework.quality.judge import check_day, judge
from mm_framework.quality.price_checks import LatencyRegime, Spikes, Stale, Widths
from mm_framework.store.judge import DayRows
from mm_framework.testing.qa_day import QADay

MS = 1_000_000


def started(messages: int = 50) -> QADay:
    tape = QADay()
    tape.begin()
    tape.quiet(messages)
    return tape


def all_checks() -> list[QACheck]:
    return [
        Crossed(limits.CrossedLimits()),
        NonPositive(),
        BackwardTime(limits.BackwardLimits()),
        Gaps(limits.GapLimits()),
        Duplicates(),
        Spikes(limits.SpikeLimits()),
        Widths(limits.WidthLimits()),
        Stale(limits.StaleLimits()),
        LatencyRegime(limits.LatencyLimits()),
    ]


def found(day: DayRows) -> list[Finding]:
    return check_day(day, all_checks())


def crossed() -> DayRows:
    tape = started()
    tape.level(BID, 10_005, 7)
    tape.level(BID, 10_005, 0)
    tape.quiet(10)
    return tape.rows()


def locked() -> DayRows:
    tape = started()
    tape.level(BID, 10_002, 7)
    tape.level(BID, 10_002, 0)
    return tape.rows()


def negative_size() -> DayRows:
    tape = started()
    tape.trade(10_001, 1, size=0)
    return tape.rows()


def backward() -> DayRows:
    tape = started(100)
    tape.level(BID, 10_000, 1, venue=tape.now - 2_500 * MS)
    tape.quiet(10)
    return tape.rows()


def gap() -> DayRows:
    tape = started(200)
    tape.message([(Kind.GAP, 0, 5, 9, Reason.SEQUENCE_GAP)])
    tape.now -= 10 * MS
    tape.state(SyncState.SYNCED, SyncState.RESYNCING, Reason.SEQUENCE_GAP)
    tape.begin()
    tape.quiet(200)
    return tape.rows()


def mostly_lost() -> DayRows:
    tape = started(5)
    tape.state(SyncState.SYNCED, SyncState.RESYNCING, Reason.SILENT)
    tape.now += 10**10
    tape.begin()
    return tape.rows()


def trade_gap() -> DayRows:
    tape = started(200)
    tape.message([(Kind.GAP, 0, 5, 9, Reason.TRADE_ID_GAP)])
    tape.quiet(5)
    return tape.rows()


def conflicting_trade() -> DayRows:
    tape = started()
    for price in (10_001, 10_002):
        tape.trade(price, 7)
    return tape.rows()


def repeated_trade() -> DayRows:
    tape = started()
    for _ in range(2):
        tape.trade(10_001, 7)
    return tape.rows()


def spike() -> DayRows:
    tape = started()
    for size in (1, 0) * 10:
        tape.level(BID, 10_001, size)
    tape.level(ASK, 10_002, 0)
    tape.level(ASK, 10_900, 5)
    tape.level(ASK, 10_002, 5)
    tape.quiet(10)
    return tape.rows()


def wide() -> DayRows:
    tape = started(1_200)
    tape.level(ASK, 10_900, 5)
    tape.level(ASK, 10_002, 0)
    tape.level(ASK, 10_002, 500)
    return tape.rows()


def stale() -> DayRows:
    tape = started()
    for number in range(3):
        tape.now += 30 * 10**9
        tape.trade(10_100, number)
    tape.quiet(2)
    return tape.rows()


def slow() -> DayRows:
    return started(300).rows({0: 60.0})


def unsafe() -> DayRows:
    return started(300).rows({0: 1_300.0})


def ahead() -> DayRows:
    return started(300).rows({0: -50.0})


PLANTED: list[tuple[Callable[[], DayRows], str, str, str]] = [
    (crossed, "FAIL", "crossed", "QUARANTINE"),
    (locked, "WARN", "locked", "WARN"),
    (negative_size, "FAIL", "non-positive", "QUARANTINE"),
    (backward, "FAIL", "backward_time_books", "REJECT"),
    (gap, "FAIL", "sequence_gap", "QUARANTINE"),
    (mostly_lost, "FAIL", "out_of_sync", "REJECT"),
    (trade_gap, "FAIL", "trade_id_gap", "QUARANTINE"),
    (conflicting_trade, "FAIL", "conflicting_trade", "QUARANTINE"),
    (repeated_trade, "WARN", "repeated_trade", "WARN"),
    (spike, "WARN", "spike", "PASS"),
    (wide, "WARN", "spread", "PASS"),
    (stale, "WARN", "stale", "PASS"),
    (slow, "WARN", "slow_ages", "WARN"),
    (unsafe, "FAIL", "unsafe_ages", "REJECT"),
    (ahead, "WARN", "clock_offset", "WARN"),
]


def test_a_clean_day_passes() -> None:
    assert found(started(300).rows({0: 0.0})) == []


@pytest.mark.parametrize(("plant", "result", "flag", "status"), PLANTED, ids=[one[2] for one in PLANTED])
def test_what_is_planted_is_found_and_judged(
    plant: Callable[[], DayRows], result: str, flag: str, status: str
) -> None:
    findings = found(plant())
    assert (result, flag) in {(one.result, one.flag) for one in findings}
    verdict = judge(findings)
    assert verdict.status == status
    assert flag in verdict.flags


@pytest.mark.parametrize("plant", [one[0] for one in PLANTED], ids=[one[2] for one in PLANTED])
def test_how_a_day_is_cut_changes_nothing(
    plant: Callable[[], DayRows], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found(plant())
    for size in (1, 3, 17):
        monkeypatch.setattr("mm_framework.store.judge.ROW_GROUP", size)
        assert found(plant()) == whole


def test_a_gap_is_out_from_the_loss_until_it_is_mended() -> None:
    ((from_ns, to_ns, _),) = judge(found(gap())).intervals
    rows = gap().rows
    lost = rows[rows["kind"] == Kind.GAP]["ts_recv_ns"][0]
    mended = rows[(rows["kind"] == Kind.SYNC_CHANGE) & (rows["size"] == SyncState.SYNCED)]["ts_recv_ns"][-1]
    assert (from_ns, to_ns) == (lost, mended)


def test_a_value_on_a_limit_belongs_to_the_better_class() -> None:
    tape = started(300)
    assert judge(check_day(tape.rows({0: 15.0}), [LatencyRegime(limits.LatencyLimits())])).status == "PASS"
    assert judge(check_day(tape.rows({0: 15.1}), [LatencyRegime(limits.LatencyLimits())])).status == "WARN"


def test_an_empty_day_fails() -> None:
    rows: Any = np.empty(0, dtype=row_dtype())
    findings = found(DayRows("toy:A/B", rows, ()))
    assert [(one.result, one.flag) for one in findings] == [("FAIL", "empty")]
    assert judge(findings).status == "REJECT"


def test_a_check_that_raises_is_an_error_of_its_own() -> None:
    class Broken:
        name = "broken"

        def take(self, batch: object) -> None:
            raise ZeroDivisionError("no numbers")

        def findings(self) -> list[Finding]:
            return []

    findings = check_day(started().rows(), [Broken(), *all_checks()])
    assert [(one.result, one.flag, one.detail) for one in findings] == [
        ("ERROR", "broken_error", "ZeroDivisionError: no numbers")
    ]
    assert judge(findings).status == "REJECT"


@pytest.mark.parametrize(
    ("every", "back_ms", "outcome"),
    [
        (30, 100, "WARN"),  # 3.3 %
        (17, 100, "FAIL"),  # 5.9 %
        (30, 6_000, "FAIL"),  # one step of more than 5 s is enough
        (30, 10.5, None),  # 0.5 ms back: within the tolerance
    ],
)
def test_best_prices_as_told_have_the_limits_of_their_file(
    every: int, back_ms: float, outcome: str | None
) -> None:
    tape = QADay()
    for n in range(1_000):
        venue = tape.now + 5 * MS - (round(back_ms * MS) if n % every == every - 1 else 0)
        tape.message([(Kind.TOP, BID, 10_000, 5, 0), (Kind.TOP, ASK, 10_002, 5, 0)], venue=venue)
    told = check_day(tape.rows(), [BackwardTime(limits.BackwardLimits())])
    assert [(one.result, one.flag) for one in told] == (
        [] if outcome is None else [(outcome, "backward_time_tickers")]
    )
