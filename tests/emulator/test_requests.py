"""Faults of REST requests: what a client is told, and for how long."""

from __future__ import annotations

import json
from typing import Any

from toy_dialect import SECOND, ToyDialect, subscribe

from mm_framework.contracts.emulator import HttpReply
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.truth import TruthEntry
from mm_framework.emulator.venue import VenueEmulator


def venue(faults: str) -> VenueEmulator:
    dialect = ToyDialect()
    return VenueEmulator(dialect, [dialect.listing("A/B")], faults=parse_faults(faults))


def struck(made: VenueEmulator, name: str) -> list[TruthEntry]:
    return [entry for entry in made.truth.entries if name in entry.faults]


def asked(made: VenueEmulator, at_ns: int, **query: str) -> HttpReply:
    return made.http("GET", "/time", query, at_ns)


def header(reply: HttpReply, name: str) -> int:
    return int(dict(reply.headers)[name])


def test_a_refusal_lasts_as_long_as_it_says() -> None:
    for name, most_s in (("429", 10), ("418", 60)):
        made = venue(f"{name}@1")
        assert asked(made, 0).status == 200
        refused = asked(made, 2 * SECOND)
        wait_s = header(refused, "Retry-After")
        assert refused.status == int(name)
        assert 1 <= wait_s <= most_s
        again = asked(made, (1 + wait_s) * SECOND)
        assert again.status == int(name)
        assert header(again, "Retry-After") == 1
        assert asked(made, (2 + wait_s) * SECOND).status == 200
        (entry,) = struck(made, name)
        assert (entry.kind, entry.detail, entry.at_ns) == ("rest", "/time", 2 * SECOND)


def test_a_ban_comes_before_a_mere_refusal() -> None:
    assert asked(venue("429:1,418:1"), 0).status == 418


def test_a_failure_strikes_one_request() -> None:
    made = venue("5xx@1")
    assert [asked(made, at * SECOND).status for at in (0, 1, 2)] == [200, 503, 200]


def test_an_old_copy_is_that_of_the_same_request() -> None:
    made = venue("stale@5")
    times = [json.loads(asked(made, at * SECOND, a="1").body)["now"] for at in range(4)]
    assert json.loads(asked(made, 6 * SECOND, a="1").body)["now"] == times[-1]
    assert json.loads(asked(made, 7 * SECOND, a="1").body)["now"] > times[-1]
    (entry,) = struck(made, "stale")
    assert entry.at_ns == 6 * SECOND


def test_a_request_that_was_never_answered_has_no_old_copy() -> None:
    made = venue("stale:1")
    first = json.loads(asked(made, 0).body)
    assert json.loads(asked(made, SECOND, other="1").body)["now"] > first["now"]
    assert json.loads(asked(made, 2 * SECOND).body) == first


def test_a_venue_may_refuse_in_its_own_way() -> None:
    made = venue("429@0")

    def refusal(status: int, wait_s: int, now_ns: int) -> HttpReply:
        return HttpReply(200, b"slower, please")

    frontend: Any = made._frontend
    frontend.refusal = refusal
    assert asked(made, 0) == HttpReply(200, b"slower, please")


def test_requests_do_not_change_what_strikes_frames() -> None:
    alone, both = venue("drop:0.02"), venue("drop:0.02,5xx:0.5,stale:0.5")
    for made in (alone, both):
        made.receive(made.connect(0, "/ws"), subscribe(), 0)
        for second in range(1, 9):
            asked(made, second * SECOND)
    assert [entry.number for entry in struck(alone, "drop")] == [
        entry.number for entry in struck(both, "drop")
    ]
    assert struck(both, "5xx")
