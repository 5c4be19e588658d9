"""Each doubt is told when it is due, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.results.doubts import doubts
from mm_framework.results.summary import summarize
from tests.support.quoted_run import DOCUMENT, quoted_run

GOOD: dict[str, Any] = {
    "models": {"queue": ""},
    "ladder": [{"scale": 0}],
    "timeline": {"clipped_share": 0.0, "clocks": [{"source": "measured"}]},
}


def told(changes: dict[str, Any] | None = None, document: dict[str, Any] | None = None) -> str:
    summary = summarize(quoted_run())
    for key, value in (changes or {}).items():
        part, _, name = key.partition(".")
        account = summary["accounts"][0]
        if name:
            account[part][name] = value
        elif part in account:
            account[part] = value
        else:
            summary[part] = value
    return "\n".join(doubts(summary, GOOD | (document or {})))


@pytest.mark.parametrize(
    ("changes", "document", "sentence"),
    [
        ({}, {"errors": ["strategy maker: decide raised"]}, "a strategy was stopped: strategy maker"),
        (
            {},
            {"instruments": [{"id": "a:B", "tick_size": None, "lot_size": "1"}]},
            "a:B: no tick size is known",
        ),
        ({}, {"timeline": {"clipped_share": 0.02}}, "2.0 % of the venue's times"),
        ({}, {"timeline": {"clocks": [{"source": "estimated"}]}}, "was estimated from the data"),
        ({}, {"timeline": {"clocks": [{"source": "none"}]}}, "a venue tells no time"),
        ({}, {"models": {"queue": "optimistic"}}, "an upper bound of fills"),
        ({}, {"models": {"queue": "risk_averse"}}, "one queue model only (risk_averse)"),
        ({}, {"ladder": []}, "one latency only"),
        ({"trusted_share": {"test:A/EUR": 0.9}}, {}, "10.0 % of the time had no trusted book"),
        ({"orders.fills": 12}, {}, "12 fills are too few"),
        ({"own_share.over_limit": 0.25}, {}, "25.0 % of quotes are larger than 5.0 %"),
        ({"beyond_best_level": 3}, {}, "larger than the best level at times"),
        ({"fills_without_mid": 2}, {}, "2 fills had no mid"),
        ({"stale_mark": True}, {}, "no longer the market's"),
    ],
)
def test_a_doubt_is_told_when_it_is_due(
    changes: dict[str, Any], document: dict[str, Any], sentence: str
) -> None:
    assert sentence in told(changes, document)
    assert sentence not in told()


def test_a_short_run_says_so_and_a_long_one_does_not() -> None:
    run = quoted_run()
    short = doubts(summarize(run), DOCUMENT)
    assert any("too short for ratios by the year" in one for one in short)
    long = summarize(run) | {"end_ns": run.start_ns + 31 * 86_400 * 10**9}
    assert not any("too short" in one for one in doubts(long, DOCUMENT))


def test_a_doubt_of_several_accounts_is_told_once() -> None:
    summary = summarize(quoted_run())
    (account,) = summary["accounts"]
    stale = account | {"stale_mark": True}
    two = summary | {"accounts": [stale, stale | {"strategy": "b"}]}
    lines = [one for one in doubts(two, GOOD) if "no longer the market's" in one]
    assert len(lines) == 1
    assert lines[0].startswith("maker in test:A/EUR, b in test:A/EUR: ")
