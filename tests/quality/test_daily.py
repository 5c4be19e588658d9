"""Daily reports of a store: what is told, what the store takes over, what stays as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from toy_store import MIDNIGHT_NS, build_toy, opened, toy_run

from mm_framework.contracts.qa_check import Finding, QACheck
from mm_framework.errors import EnvironmentFailed
from mm_framework.quality.check_settings import CrossedLimits, GapLimits
from mm_framework.quality.daily import judge_store, update_store, write_reports
from mm_framework.quality.daily_pages import Plot, markdown, page
from mm_framework.quality.day_checks import Crossed, Gaps
from mm_framework.store.reader import Store
from mm_framework.store.root import locked
from mm_framework.store.verify import verify_store


def make_checks() -> list[QACheck]:
    return [Crossed(CrossedLimits(locked_share_warn=1.0)), Gaps(GapLimits())]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    build_toy(tmp_path / "store", toy_run(tmp_path / "run", disconnect_at=60, steps=400))
    return opened(tmp_path / "store", tmp_path)


def test_every_partition_gets_a_verdict_with_what_it_rests_on(store: Store) -> None:
    reports = judge_store(store, make_checks)
    assert [report.date for report in reports] == ["2023-11-13", "2023-11-14"]
    first, second = reports
    assert (first.status, second.status) == ("QUARANTINE", "PASS")
    body = first.to_json()["partitions"][0]
    assert body["qa_flags"] == ["reset"]
    assert body["excluded_s"] > 0
    assert body["findings"][0]["flag"] == "reset"


def test_dates_may_be_chosen(store: Store) -> None:
    assert [report.date for report in judge_store(store, make_checks, ["2023-11-14"])] == ["2023-11-14"]


class Harsh:
    """Finds fault with everything."""

    name = "harsh"

    def take(self, batch: object) -> None:
        """Look at nothing."""

    def findings(self) -> list[Finding]:
        return [Finding("harsh", "FAIL", "<b>bad</b>|", None, None, {"count": 1})]


def test_a_verdict_that_changes_is_taken_over_and_changes_no_row(store: Store, tmp_path: Path) -> None:
    files = {path: path.read_bytes() for path in (tmp_path / "store" / "events").rglob("*.parquet")}
    update_store(store, judge_store(store, lambda: [Harsh()], ["2023-11-13"]))
    again = opened(tmp_path / "store", tmp_path)
    statuses = {str(one.partition): one.verdict.status for one in again.partitions()}
    assert set(statuses.values()) == {"REJECT", "PASS"}
    assert {path: path.read_bytes() for path in files} == files
    assert again.manifest.digest == store.manifest.digest
    days = {one.partition.date for one in again.partitions(policy="pass")}
    assert days == {"2023-11-14"}
    assert verify_store(again).ok
    assert (
        pq.read_table(tmp_path / "store" / str(again.manifest.qa))["flag"].to_pylist() == ["<b>bad</b>|"] * 2
    )


def test_a_build_keeps_the_verdicts_of_what_it_did_not_touch(store: Store, tmp_path: Path) -> None:
    update_store(store, judge_store(store, lambda: [Harsh()], ["2023-11-13"]))
    later = toy_run(tmp_path / "later", seed=5, start_ns=MIDNIGHT_NS + 3 * 10**9)
    build_toy(tmp_path / "store", later)
    again = opened(tmp_path / "store", tmp_path)
    assert {one.verdict.status for one in again.partitions() if one.partition.date == "2023-11-13"} == {
        "REJECT"
    }


def test_verdicts_do_not_undo_a_build_that_came_in_between(store: Store, tmp_path: Path) -> None:
    reports = judge_store(store, lambda: [Harsh()])
    later = toy_run(tmp_path / "later", seed=5, start_ns=MIDNIGHT_NS + 3 * 10**9)
    built = build_toy(tmp_path / "store", later)
    update_store(store, reports)
    again = opened(tmp_path / "store", tmp_path)
    assert again.manifest.digest == built.digest
    assert {one.run for one in again.manifest.inputs} == {"run", "later"}
    statuses = {one.partition.date: one.verdict.status for one in again.partitions()}
    assert statuses["2023-11-13"] == "REJECT", "as it was judged"
    assert statuses["2023-11-14"] != "REJECT", "has other rows than were judged"
    assert verify_store(again).ok


def test_no_verdict_is_written_while_a_build_is_at_work(store: Store, tmp_path: Path) -> None:
    with locked(store.root), pytest.raises(EnvironmentFailed, match="wait for its end"):
        update_store(store, judge_store(store, lambda: [Harsh()]))
    assert opened(tmp_path / "store", tmp_path).manifest == store.manifest


def test_reports_are_written_and_escaped(store: Store, tmp_path: Path) -> None:
    reports = judge_store(store, lambda: [Harsh()])
    written = write_reports(tmp_path / "reports", reports)
    assert [path.name for path in written[:3]] == [f"qa_2023-11-13.{one}" for one in ("json", "md", "html")]
    assert json.loads(written[0].read_text())["qa_status"] == "REJECT"
    assert "<b>bad" not in page(reports[0])
    assert "bad</b>\\|" in markdown(reports[0])
    assert "http" not in page(reports[0])
    assert "A/B" in page(reports[0])


def test_a_page_draws_each_day_with_what_was_recorded_and_left_out(store: Store) -> None:
    first, second = judge_store(store, make_checks)
    strips = re.findall(r'<svg class="day".*?</svg>', page(first), re.DOTALL)
    assert len(strips) == len(first.partitions) == 2
    assert 'class="rec"' in strips[0]
    assert re.search(r'class="out"[^>]*><title>left out: reset, 23:59:59', strips[0])
    assert 'class="out"' not in page(second)
    xs = [
        float(x) + float(width) for x, width in re.findall(r'x="([\d.]+)" y="0" width="([\d.]+)"', strips[0])
    ]
    assert max(xs) <= 1440


def test_a_rejected_day_is_left_out_as_a_whole(store: Store) -> None:
    report = judge_store(store, lambda: [Harsh()], ["2023-11-14"])[0]
    assert "left out: &lt;b&gt;bad" in page(report)


def test_pictures_of_plots_are_inside_the_page_and_beside_the_markdown(store: Store, tmp_path: Path) -> None:
    png = tmp_path / "plots" / "a.png"
    png.parent.mkdir()
    png.write_bytes(b"\x89PNG")
    reports = judge_store(store, make_checks)
    partition = reports[0].partitions[0].stored.partition
    plots = {partition: [Plot("toy:A/B", png, png.with_suffix(".html"))]}
    _, text, web = write_reports(tmp_path, reports[:1], plots)
    assert "[![toy:A/B](plots/a.png)](plots/a.html)" in text.read_text(encoding="utf-8")
    assert 'href="plots/a.html"><img alt="toy:A/B" src="data:image/png;base64,iVBORw=="' in web.read_text(
        encoding="utf-8"
    )
    assert "<img" not in page(reports[1], plots)
