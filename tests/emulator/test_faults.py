"""Faults as text, and what they do to bytes."""

from __future__ import annotations

import random

import pytest

from mm_framework.contracts.emulator import FrameKind, Outgoing
from mm_framework.emulator.faults import (
    FAULTS,
    NOTICE_RATE,
    USUAL_RATES,
    FaultPlan,
    FaultSpec,
    corrupt,
    parse_faults,
    wrong_checksum,
)
from mm_framework.errors import ConfigError


def test_a_text_names_faults_with_a_rate_a_time_or_neither() -> None:
    assert parse_faults("drop:0.01, checksum@12.5,,reset,silent:2") == (
        FaultSpec("drop", rate=0.01),
        FaultSpec("checksum", at_s=12.5),
        FaultSpec("reset"),
        FaultSpec("silent", rate=2.0),
    )
    assert parse_faults("") == ()


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_written_as_it_is_read(name: str) -> None:
    for text in (name, f"{name}:0.5", f"{name}@2.5"):
        assert [str(spec) for spec in parse_faults(text)] == [text]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("drop:", "expected NAME, NAME:RATE or NAME@SECONDS"),
        ("drop:-1", "expected NAME"),
        ("drop@1@2", "expected NAME"),
        ("dorp:0.1", "'dorp' is not known here; known: drop, repeat"),
        ("corrupt:1.5", "a probability, at most 1"),
        ("mute:2", "a probability, at most 1"),
        ("429:2", "a probability, at most 1"),
        ("resolved", "'resolved' is not known here"),
    ],
)
def test_another_text_is_a_usage_error(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_faults(text)


def test_every_fault_has_a_place_in_the_plan() -> None:
    plan = FaultPlan(parse_faults(",".join(FAULTS)), seed=1, start_ns=0)
    placed = [*plan.frames, *plan.connects, *plan.requests, *plan.timed]
    assert sorted(fault.name for fault in placed) == sorted(FAULTS)


def test_every_fault_has_a_usual_rate() -> None:
    assert USUAL_RATES.keys() == FAULTS.keys()


def test_all_stands_for_those_that_are_not_named_beside_it() -> None:
    specs = parse_faults("drop:0.5,all,reset@3", {"shutdown": "the venue leaves"})
    by_name = {spec.name: spec for spec in specs}
    assert len(specs) == len(by_name) == len(FAULTS) + 1
    assert by_name["drop"].rate == 0.5
    assert (by_name["reset"].rate, by_name["reset"].at_s) == (None, 3.0)
    assert by_name["shutdown"].rate == NOTICE_RATE
    assert by_name["slow"].rate == USUAL_RATES["slow"]


def test_the_same_fault_twice_draws_from_two_streams() -> None:
    plan = FaultPlan(parse_faults("reset,reset"), seed=1, start_ns=0)
    assert plan.timed[0].next_ns != plan.timed[1].next_ns


def test_a_timed_fault_with_a_rate_comes_again_and_again() -> None:
    (fault,) = FaultPlan(parse_faults("jump:10"), seed=1, start_ns=0).timed
    times = []
    for _ in range(2000):
        assert fault.next_ns is not None
        times.append(fault.next_ns)
        fault.struck()
    assert times == sorted(set(times))
    assert 180e9 < times[-1] < 220e9


def test_corruption_changes_any_digit_to_any_other() -> None:
    payload = b'{"price":10.5,"x":"a"}'
    results = {corrupt(payload, random.Random(seed)) for seed in range(1000)}
    assert len(results) == 3 * 9
    for result in results:
        assert sum(a != b for a, b in zip(payload, result, strict=True)) == 1


def test_a_payload_without_digits_stays() -> None:
    assert corrupt(b'{"a":"b"}', random.Random(1)) == b'{"a":"b"}'


def test_a_wrong_hash_has_another_digit_at_the_same_place() -> None:
    digest = b"0123456789abcdef0123456789abcdef01234567"
    frame = Outgoing(b'{"hash":"' + digest + b'","x":1}', FrameKind.BOOK, checksum=(9, 49))
    for seed in range(50):
        wrong = wrong_checksum(frame, random.Random(seed))
        assert (wrong[:9], wrong[49:]) == (frame.payload[:9], frame.payload[49:])
        assert sum(a != b for a, b in zip(wrong[9:49], digest, strict=True)) == 1
        assert int(wrong[9:49], 16) >= 0


@pytest.mark.parametrize("crc", ["0", "4294967295", "-17"])
def test_a_wrong_checksum_is_another_number_at_the_same_place(crc: str) -> None:
    payload = f'{{"checksum":{crc},"x":1}}'.encode()
    frame = Outgoing(payload, FrameKind.BOOK, checksum=(12, 12 + len(crc)))
    for seed in range(50):
        wrong = wrong_checksum(frame, random.Random(seed))
        head, _, tail = wrong.partition(b":")
        number = int(tail.partition(b",")[0])
        assert head == b'{"checksum"'
        assert tail.endswith(b',"x":1}')
        assert number != int(crc)
        assert -(2**31) <= number < 2**32


def test_faults_may_wait_for_a_beginning_and_begin_once() -> None:
    specs = parse_faults("checksum@2,reset@3,429")
    plan = FaultPlan(specs, seed=1, start_ns=None)
    assert (plan.frames, plan.timed, plan.requests) == ([], [], [])
    plan.begin(5 * 10**9)
    plan.begin(50 * 10**9)
    assert [one.next_ns for one in plan.timed] == [8 * 10**9]
    (fault,) = plan.frames
    assert [fault.strikes(at_s * 10**9) for at_s in (6, 7, 8)] == [False, True, False]
    assert len(plan.requests) == 1
