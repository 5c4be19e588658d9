"""An hour of best prices on virtual time, captured and accepted: ``mm audit --profile 1h``.

A clean hour passes every gate, as a bundle. One whose venue hangs up again and again fails; and each limit of
the profile fails the hour's file when just that one is broken.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kraken_virtual import VirtualKraken

from mm_framework.cli import main
from mm_framework.feed import FeedSettings

pytestmark = pytest.mark.timeout(300)

HOUR_S = 3600.0
RATE = 10.0
"""Market events a second, half of them market orders on a thin book: enough for 20,833 changes of the best
prices within the hour."""

Rows = list[dict[str, str]]
AGES = ("raw_age_ms", "adjusted_age_ms")


def captured(path: Path, seconds: float, faults: str = "") -> Path:
    VirtualKraken(
        seed=5,
        seconds=seconds,
        faults=faults,
        symbols=("BTC/EUR",),
        rate=RATE,
        levels=10,
        trade_share=0.5,
        channels=("ticker",),
        record=path,
        feed_settings=FeedSettings(stream_idle_s=60.0),
    ).run()
    return path


def audited(path: Path, profile: str = "1h") -> tuple[int, dict[str, Any], dict[str, str]]:
    """Exit code, document, and the status of each gate."""
    result = CliRunner().invoke(main, ["audit", str(path), "--profile", profile, "--json"])
    assert result.exit_code in (0, 1), result.output
    document = json.loads(result.stdout)
    return result.exit_code, document, {gate["name"]: gate["status"] for gate in document["gates"]}


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return captured(tmp_path_factory.mktemp("runs") / "hour", HOUR_S)


@pytest.fixture(scope="module")
def prices(hour: Path) -> Rows:
    """What the hour's bundle gives as a file of best prices."""
    file = hour.parent / "hour.csv"
    made = CliRunner().invoke(main, ["export", str(hour), "--to", "bbo-csv", "--out", str(file)])
    assert made.exit_code == 0, made.output
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_clean_hour_passes_every_gate(hour: Path) -> None:
    code, document, words = audited(hour)
    assert (code, document["ok"]) == (0, True), words
    assert set(words.values()) == {"PASS"}
    assert {"heartbeat_gaps", "drops", "crc", "hours", "samples", "p99_ms", "unsafe"} <= words.keys()
    (file,) = document["files"]
    assert file["qa_status"] == "PASS"
    assert file["hours"] > 58 / 60
    assert file["count"] > 20_833


def test_a_venue_that_hangs_up_three_times_in_ten_minutes_is_not_accepted(tmp_path: Path) -> None:
    """The capture's own gate on reconnects only warns here: the profile has one of its own."""
    faults = "disconnect@60,disconnect@120,disconnect@180"
    code, _, words = audited(captured(tmp_path / "run", 300, faults))
    assert code == 1
    assert words["reconnects"] == words["disconnected"] == "WARN"
    assert {name for name, word in words.items() if word == "FAIL"} == {
        "reconnect_loop", "runs_detected", "hours", "samples",
    }  # fmt: skip


def aged(share: float, age_ms: float, first: float = 0.0) -> Callable[[Rows], Rows]:
    """Of the rows from ``first`` on, as a share of all, every so many have that age."""

    def change(rows: Rows) -> Rows:
        begin, every = round(first * len(rows)), round(1 / share)
        return [
            row | dict.fromkeys(AGES, f"{age_ms:.3f}") if n >= begin and n % every == 0 else row
            for n, row in enumerate(rows)
        ]

    return change


def crossed(rows: Rows) -> Rows:
    return [row | {"ask": row["bid"], "bid": row["ask"]} if n == 500 else row for n, row in enumerate(rows)]


def silent(rows: Rows) -> Rows:
    """Two minutes say nothing; what is left is still enough."""
    first = float(rows[0]["recv_ts_ms"])
    return [row for row in rows if not 1_000_000 < float(row["recv_ts_ms"]) - first < 1_120_000]


def short(rows: Rows) -> Rows:
    """57 minutes; as many rows as are asked for all the same."""
    first = float(rows[0]["recv_ts_ms"])
    return [row for row in rows if float(row["recv_ts_ms"]) - first < 57 * 60_000]


BROKEN: list[tuple[str, Callable[[Rows], Rows], str]] = [
    ("hours", short, "FAIL"),
    ("samples", lambda rows: rows[::2], "FAIL"),
    ("qa", crossed, "FAIL"),
    ("p50_ms", aged(1, 16.0), "FAIL"),
    ("p95_ms", aged(1 / 15, 101.0), "FAIL"),
    ("p99_ms", aged(1 / 60, 401.0), "FAIL"),
    ("unsafe", aged(1 / 11, 81.0), "FAIL"),
    ("silence_s", silent, "WARN"),
]


@pytest.mark.parametrize(("gate", "change", "word"), BROKEN, ids=[gate for gate, _, _ in BROKEN])
def test_each_limit_of_the_profile_is_one(
    prices: Rows, tmp_path: Path, gate: str, change: Callable[[Rows], Rows], word: str
) -> None:
    file = tmp_path / "broken.csv"
    rows = change(prices)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    code, _, words = audited(file)
    others = {name: found for name, found in words.items() if found in ("FAIL", "WARN") and name != gate}
    assert words[gate] == word
    assert code == int("FAIL" in words.values())
    assert not others
