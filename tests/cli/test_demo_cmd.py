"""``mm demo``: one real run, what it writes, and that it fails when anything falls short."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from mm_framework.bundle.verify_report import Failure
from mm_framework.cli import main
from mm_framework.cli.demo import steps
from mm_framework.cli.demo.checks import Evidence, judge
from mm_framework.cli.demo.report import html
from mm_framework.cli.demo.steps import Demonstration, StepFailed
from mm_framework.feed.output import StateChanged
from mm_framework.model.events import Reason, SyncState

pytest.importorskip("mm_kraken")
pytest.importorskip("mm_toy_spread")

KEYS = {
    "ok", "verdict", "run_id", "seed", "seconds", "frames", "checksums", "resyncs", "reconnects",
    "hashes", "intents", "fills", "pnl", "accounts", "checks", "files",
}  # fmt: skip


@attrs.frozen
class Ran:
    """A demonstration that was run in this process."""

    demo: Demonstration
    result: Result
    data_dir: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    data_dir = tmp_path_factory.mktemp("demo")
    demos: list[Demonstration] = []
    real = steps.demonstrate

    def keeping(*arguments: Any) -> Demonstration:
        demos.append(real(*arguments))
        return demos[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "demonstrate", keeping)
        words = ["demo", "--seconds", "12", "--seed", "3", "--data-dir", str(data_dir)]
        result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return Ran(demos[0], result, data_dir)


def again(monkeypatch: pytest.MonkeyPatch, demo: Demonstration | Exception, *words: str) -> Result:
    """The command, with this outcome of its steps."""

    def done(*_: object) -> Demonstration:
        if isinstance(demo, Exception):
            raise demo
        return demo

    monkeypatch.setattr(steps, "demonstrate", done)
    return CliRunner().invoke(main, ["demo", *words])


# a run


def test_it_shows_the_summary_and_passes(ran: Ran) -> None:
    lines = ran.result.stdout.splitlines()
    assert lines[-1] == "PASS"
    told = " ".join(ran.result.stdout.split())
    assert "verified, 1 failed" in told
    assert "reconnects 1: remote_closed" in told
    assert "hashes live = replay 1 = replay 2" in told
    assert "capturing:" in ran.result.stderr


def test_each_planted_fault_is_one_resync_and_the_disconnect_one_reconnect(ran: Ran) -> None:
    document = json.loads((ran.demo.folder / "demo.json").read_bytes())
    assert document.keys() == KEYS
    assert [one["reason"] for one in document["resyncs"]] == ["checksum_mismatch", "remote_closed"]
    assert document["reconnects"] == {"total": 1, "reasons": ["remote_closed"]}
    assert document["checksums"]["failed"] == 1
    assert document["checksums"]["verified"] > 50
    assert document["fills"] > 0
    first, second = (one["at_s"] for one in document["resyncs"])
    assert 0 < first < second < 12


def test_everything_that_it_names_is_there(ran: Ran) -> None:
    document = json.loads((ran.demo.folder / "demo.json").read_bytes())
    for path in document["files"].values():
        assert Path(path).exists(), path
    assert ran.demo.folder == ran.data_dir / "demo" / document["run_id"]


def test_the_report_is_one_file_with_a_picture_of_the_fills_and_the_losses(ran: Ran) -> None:
    page = (ran.demo.folder / "report.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert "<script" not in page
    picture = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
    root = ElementTree.fromstring(picture)
    classes = [one.get("class") for one in root.iter()]
    assert classes.count("hole") == 2
    assert classes.count("buy") + classes.count("sell") == ran.demo.evidence.fills
    assert {"checksum mismatch", "remote closed"} <= {one.text for one in root.iter() if one.text}


def test_with_json_stdout_is_the_one_document(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    result = again(monkeypatch, ran.demo, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["verdict"] == "PASS"
    assert document == json.loads((ran.demo.folder / "demo.json").read_bytes())


def test_a_second_run_gets_another_name_even_within_a_second(tmp_path: Path) -> None:
    names = {steps._new_folder(tmp_path).name for _ in range(3)}
    assert len(names) == 3


def test_too_short_a_time_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mm_framework", "demo", "--seconds", "4"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--seconds" in done.stderr


# what falls short


def _more_failures(e: Evidence) -> Evidence:
    failure = Failure("checksum", "another", 0, 5)
    failures = (*e.report.failures, failure)
    return attrs.evolve(
        e, report=attrs.evolve(e.report, failures=failures, n_failures=e.report.n_failures + 1)
    )


def _all_seen(e: Evidence) -> Evidence:
    """As when the venue tells again what was traded while the line was cut."""
    failures = tuple(one for one in e.report.failures if one not in e.unseen)
    return attrs.evolve(e, report=attrs.evolve(e.report, failures=failures, n_failures=len(failures)))


def _trades_unseen(where: int) -> Callable[[Evidence], Evidence]:
    """A hole in the numbers of trades ``where`` frames after the line was cut."""

    def change(e: Evidence) -> Evidence:
        frame = e.lost[0]["frame"] + where
        hole = Failure("gap", "continuity is lost", 0, frame, reason="TRADE_ID_GAP")
        failures = (*e.report.failures, hole)
        return attrs.evolve(e, report=attrs.evolve(e.report, failures=failures, n_failures=len(failures)))

    return change


def _without(what: str) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        failures = tuple(one for one in e.report.failures if one.what != what)
        report = attrs.evolve(e.report, failures=failures, n_failures=len(failures))
        return attrs.evolve(e, report=report)

    return change


def _other_end(e: Evidence) -> Evidence:
    lost = StateChanged("kraken:BTC/EUR", SyncState.RESYNCING, SyncState.STOPPED, Reason.SHUTDOWN, 3)
    return attrs.evolve(e, states=[*e.states[:-1], attrs.evolve(e.states[-1], change=lost)])


def _replayed(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, replayed=[e.replayed[0], e.replayed[1] | changes])


def _live(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, live=e.live | changes)


SHORT: dict[str, tuple[Callable[[Evidence], Evidence], set[str]]] = {
    "a frame was dropped": (_live(dropped=1), {"a feed was captured over a WebSocket, whole"}),
    "nothing was planted": (
        lambda e: attrs.evolve(e, truth=[one for one in e.truth if not one.get("faults")]),
        {
            "the venue corrupted one checksum and cut the line once",
            "verify names exactly the corrupted frame",
            "the disconnect is declared as a gap",
            "nothing else is wrong",
        },
    ),
    "one more frame fails": (
        _more_failures,
        {"verify names exactly the corrupted frame", "nothing else is wrong"},
    ),
    "the corrupted frame is not found": (
        _without("checksum"),
        {"verify names exactly the corrupted frame", "nothing else is wrong"},
    ),
    "the gap is not declared": (
        _without("gap"),
        {"the disconnect is declared as a gap", "nothing else is wrong"},
    ),
    "the book does not come back": (_other_end, {"the book is back in step at the end"}),
    "replays differ": (
        lambda e: attrs.evolve(e, replays=[e.replays[0], b"{}\n"]),
        {"replays print the same bytes"},
    ),
    "a replay has another hash": (
        _replayed(final_hash="0" * 64),
        {"replay and live have the same intent hash"},
    ),
    "a replay has another profit": (_replayed(pnl={}), {"replay and live have the same profit and loss"}),
    "nothing was traded": (_live(callback_stats={"toy_spread": {"fills": 0}}), {"the strategy traded"}),
}


def test_trades_made_while_the_line_was_cut_are_no_fault(ran: Ran) -> None:
    wrong = {"the disconnect is declared as a gap", "nothing else is wrong"}

    def falls_short(*frames: int) -> set[str]:
        e = _all_seen(ran.demo.evidence)
        for frame in frames:
            e = _trades_unseen(frame)(e)
        return {check.name for check in judge(e) if not check.ok}

    assert falls_short() == falls_short(12) == set()
    assert falls_short(-1) == falls_short(12, 14) == wrong


@pytest.mark.parametrize("short", SHORT)
def test_what_falls_short_is_named_and_nothing_else(ran: Ran, short: str) -> None:
    change, expected = SHORT[short]
    assert {check.name for check in judge(ran.demo.evidence) if check.ok} != set()
    assert {check.name for check in judge(change(ran.demo.evidence)) if not check.ok} == expected


def test_a_claim_that_does_not_hold_is_a_fail_with_exit_code_1(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = _replayed(final_hash="0" * 64)(ran.demo.evidence)
    result = again(monkeypatch, attrs.evolve(ran.demo, folder=tmp_path, evidence=evidence))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "FAIL: not so: replay and live have the same intent hash"
    assert "FAIL" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_step_that_breaks_off_is_a_fail_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result = again(monkeypatch, StepFailed("the live run ended with exit code 5: no room"))
    assert result.exit_code == 1
    assert result.stdout == "FAIL\n"
    assert "the live run ended with exit code 5" in result.stderr


def test_the_page_escapes_what_it_shows(ran: Ran) -> None:
    document = json.loads((ran.demo.folder / "demo.json").read_bytes())
    document["checks"][0]["told"] = "<script>"
    assert "<script>" not in html(ran.demo, document)
