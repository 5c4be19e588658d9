"""`verify` reads a bundle to its end and names whatever speaks against it."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import toy_venue as toy
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_venue import write_toy_run

from mm_framework.bundle.run import open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.verify import verify
from mm_framework.bundle.verify_report import Failure, VerifyReport
from mm_framework.errors import MMError
from mm_framework.model.frame import HEADER, RecordKind, encode_record

SMALL = BundleSettings(segment_max_mib=8 / 1024)  # 8 KiB


def report_of(path: Path) -> VerifyReport:
    return verify(open_run(path), toy.toy_kits())


def whats(report: VerifyReport) -> list[str]:
    return [failure.what for failure in report.failures]


def only(report: VerifyReport) -> Failure:
    assert report.n_failures == 1, report.failures
    assert not report.ok
    return report.failures[0]


def replace_record(log: toy.ToyLog, index: int, payload: bytes) -> None:
    """Give a record another payload, with the right CRC."""
    _, _, kind, flags, connection, _, mono_ns, wall_ns = HEADER.unpack_from(log.records[index])
    stamps = {"mono_ns": mono_ns, "wall_ns": wall_ns}
    log.records[index] = encode_record(
        kind, payload, flags=flags, connection=connection, index=index, **stamps
    )


def payload_of(record: bytes) -> Any:
    return json.loads(record[HEADER.size :])


def book_updates(log: toy.ToyLog) -> list[int]:
    """Indexes of the book frames that change levels."""
    found = []
    for index, record in enumerate(log.records):
        if record[8] == RecordKind.FRAME:
            body = payload_of(record)
            if body.get("snap") is False and body["bids"] + body["asks"]:
                found.append(index)
    return found


def prices(log: toy.ToyLog, index: int) -> set[str]:
    body = payload_of(log.records[index])
    return {price for price, _ in body["bids"] + body["asks"]}


def shortest(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def market_top(market: toy.ToyMarket) -> dict[str, str]:
    """The best prices as the market itself knows them."""
    (bid, bid_size), (ask, ask_size) = market.view(1)[0], market.view(-1)[0]
    shown = (toy.plain(bid, 2), toy.plain(ask, 2), toy.plain(bid_size, 3), toy.plain(ask_size, 3))
    return dict(zip(("bid", "ask", "bid_size", "ask_size"), map(shortest, shown), strict=True))


def test_a_clean_run_is_ok_and_its_books_are_the_markets_own(tmp_path: Path) -> None:
    session = toy.toy_session(("A/B", "C/D"), steps=400)
    document = report_of(write_toy_run(tmp_path / "r", {0: session})).to_json()
    assert document["failures"] == []
    assert document["ok"] is True
    assert document["totals"] == {"records": len(session.records), "errors": 0, "crc_mismatch": 0}
    assert document["checksums"]["failed"] == 0
    assert document["checksums"]["verified"] > 250
    assert document["levels"]["covered"] > document["levels"]["not_covered"] > 0
    assert (document["gaps"], document["crossed"], document["epochs"]) == (0, 0, 2)
    assert document["fallback_frames"] == 0
    assert document["unproved_channels"] == []
    for market in session.markets:
        shown = document["instruments"][f"toy:{market.symbol}"]
        assert {key: shown[key] for key in market_top(market)} == market_top(market)
        assert len(shown["book_digest"]) == 64
    json.dumps(document, allow_nan=False)


def test_several_shards_and_segments_are_one_run(tmp_path: Path) -> None:
    logs = {
        shard: toy.toy_session((f"S{shard}/X",), seed=shard + 1, shard=shard, steps=300, checkpoint_every=40)
        for shard in range(3)
    }
    path = write_toy_run(tmp_path / "r", logs, settings=SMALL)
    assert len(list((path / "capture").glob("*.frames"))) > 6
    report = report_of(path)
    assert report.failures == ()
    assert report.records == sum(len(log.records) for log in logs.values())
    assert report.checkpoints > 15
    assert list(report.instruments) == ["toy:S0/X", "toy:S1/X", "toy:S2/X"]


def test_a_lost_connection_is_a_gap_and_the_answer_is_no(tmp_path: Path) -> None:
    session = toy.toy_session(steps=100, disconnect_at=50)
    failure = only(report_of(write_toy_run(tmp_path / "r", {0: session})))
    assert (failure.what, failure.reason, failure.instrument) == ("gap", "RESET", "toy:A/B")
    assert session.records[failure.frame or 0][8] == RecordKind.LOST


@pytest.mark.parametrize("number", [0, 5, 15])
def test_a_changed_digit_among_the_best_levels_fails_at_its_frame_and_names_it(
    tmp_path: Path, number: int
) -> None:
    session = toy.toy_session(steps=100)
    covered = [index for index in book_updates(session) if _touches_top(session, index)]
    index = covered[number]
    body = payload_of(session.records[index])
    side = "bids" if body["bids"] else "asks"
    level = next(level for level in body[side] if float(level[1]) > 0)
    level[1] = ("9" if level[1][0] != "9" else "8") + level[1][1:]
    replace_record(session, index, json.dumps(body).encode())
    failure = report_of(write_toy_run(tmp_path / "r", {0: session})).failures[0]
    assert (failure.what, failure.frame, failure.instrument) == ("checksum", index, "toy:A/B")
    assert failure.expected == str(body["c"])
    assert failure.found is not None
    assert (side[:-1], shortest(level[0]), shortest(level[1])) in failure.levels
    assert f"frame {index} says checksum {body['c']}" in failure.text


def _touches_top(session: toy.ToyLog, index: int) -> bool:
    """Whether a level that the frame sets is among the best 3 after it, by books of this test."""
    books: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}
    for record in session.records[: index + 1]:
        body = payload_of(record) if record[8] == RecordKind.FRAME else {}
        if "snap" not in body:
            continue
        for side, book in books.items():
            if body["snap"]:
                book.clear()
            book |= dict(body[side])
            for price in [price for price, size in book.items() if not float(size)]:
                del book[price]
            best = sorted(book, key=float, reverse=side == "bids")
            for price in best[5:]:
                del book[price]
    return any(
        price in sorted(books[side], key=float, reverse=side == "bids")[:3] and float(size)
        for side in books
        for price, size in body[side]
    )


def test_a_missing_frame_is_found_by_the_checksum(tmp_path: Path) -> None:
    session = toy.toy_session(steps=60)
    index = next(
        index
        for index, following in itertools.pairwise(book_updates(session)[3:])
        if _touches_top(session, index) and not prices(session, index) & prices(session, following)
    )
    replace_record(session, index, toy.HEARTBEAT)
    report = report_of(write_toy_run(tmp_path / "r", {0: session}))
    assert whats(report)[0] == "checksum"
    assert (report.failures[0].frame or 0) > index


def test_a_jump_in_trade_numbers_is_a_gap(tmp_path: Path) -> None:
    session = toy.toy_session(steps=100)
    trades = [
        index
        for index, record in enumerate(session.records)
        if b'"ch": "trade", "sym"' in record and record[8] == 4
    ]
    replace_record(session, trades[2], toy.HEARTBEAT)
    failure = only(report_of(write_toy_run(tmp_path / "r", {0: session})))
    assert (failure.what, failure.reason, failure.frame) == ("gap", "TRADE_ID_GAP", trades[3])


def test_a_frame_that_is_no_frame_is_malformed(tmp_path: Path) -> None:
    session = toy.toy_session(steps=30)
    hb = next(i for i, record in enumerate(session.records) if record[HEADER.size :] == toy.HEARTBEAT)
    replace_record(session, hb, b'{"ch":"book"}')
    report = report_of(write_toy_run(tmp_path / "r", {0: session}))
    assert report.failures[0].what == "malformed"
    assert report.failures[0].frame == hb


def test_a_crossed_book_is_named_with_its_prices(tmp_path: Path) -> None:
    log = toy.ToyLog(toy.toy_config())
    market = toy.ToyMarket()
    toy.connect(log, [market], 0)
    log.frame(market.set(1, 10_050, 500))
    log.stop()
    failure = report_of(write_toy_run(tmp_path / "r", {0: log})).failures[0]
    assert (failure.what, failure.expected, failure.found) == ("crossed", "100.5", "100.01")


def test_a_checkpoint_that_is_not_the_state_before_it_is_named(tmp_path: Path) -> None:
    session = toy.toy_session(steps=200, checkpoint_every=50)
    index = next(i for i, record in enumerate(session.records) if record[8] == RecordKind.CHECKPOINT)
    payload = session.records[index][HEADER.size :]
    replace_record(session, index, payload.replace(b"A/B", b"A/C", 1))
    failure = only(report_of(write_toy_run(tmp_path / "r", {0: session})))
    assert (failure.what, failure.frame) == ("checkpoint", index)
    assert "differs from the state before it, first at $" in failure.text


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two shards in several segments."""
    logs = {
        shard: toy.toy_session((f"S{shard}/X",), seed=shard + 1, shard=shard, steps=120, checkpoint_every=30)
        for shard in range(2)
    }
    return write_toy_run(tmp_path_factory.mktemp("runs") / "whole", logs, settings=SMALL)


def test_damage_ends_its_segment_and_the_next_one_is_verified_from_its_checkpoint(
    whole: Path, tmp_path: Path
) -> None:
    path = tmp_path / "whole"
    shutil.copytree(whole, path)
    segment = path / "capture" / "shard_00.0001.frames"
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    report = report_of(path)
    assert report.crc_mismatch == 1
    assert whats(report)[:2] == ["crc", "missing"]
    assert "gap" not in whats(report)
    assert "checksum" not in whats(report)
    assert "shard_00.0001.frames" in report.failures[0].text
    whole_report = report_of(whole)
    assert report.instruments == whole_report.instruments
    assert 0 < whole_report.records - report.records < 100


def test_a_torn_end_is_no_failure_of_a_run_that_was_killed_but_of_one_that_says_it_is_whole(
    tmp_path: Path,
) -> None:
    session = toy.toy_session(steps=50)
    for state, ok in (("running", True), ("complete", False)):
        path = write_toy_run(tmp_path / state, {0: session}, state=state)
        log = path / "capture" / "shard_00.frames"
        log.write_bytes(log.read_bytes()[:-3])
        report = report_of(path)
        assert report.ok is ok
        assert report.torn_bytes == len(session.records[-1]) - 3
        assert report.records == len(session.records) - 1


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_byte_of_log_index_or_tables_can_change_unnoticed(whole: Path, data: st.DataObject) -> None:
    files = [
        path
        for path in sorted(whole.rglob("*"))
        if path.is_file() and path.name not in (".lock", "manifest.json", "runlog.ndjson")
    ]
    path = data.draw(st.sampled_from(files))
    original = path.read_bytes()
    changed = bytearray(original)
    if data.draw(st.booleans()):
        changed[data.draw(st.integers(0, len(original) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del changed[data.draw(st.integers(0, len(original) - 1)) :]
    path.write_bytes(changed)
    try:
        ok = report_of(whole).ok
    except MMError:
        ok = False
    finally:
        path.write_bytes(original)
    assert not ok


def test_an_index_may_be_absent(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "whole")
    (tmp_path / "whole" / "capture" / "shard_00.idx").unlink()
    assert report_of(tmp_path / "whole").ok


def test_progress_adds_up_to_all_bytes_of_the_log(whole: Path) -> None:
    told: list[int] = []
    run = open_run(whole)
    verify(run, toy.toy_kits(), told.append)
    assert sum(told) == sum(reader.size for reader in run.shards)


def test_failures_beyond_a_thousand_are_counted(tmp_path: Path) -> None:
    log = toy.ToyLog(toy.toy_config())
    log.open(0)
    for _ in range(1200):
        log.frame(b"rubbish")
    report = report_of(write_toy_run(tmp_path / "r", {0: log}))
    assert (report.n_failures, len(report.failures)) == (1200, 1000)


def test_a_book_that_was_given_up_is_still_told(tmp_path: Path) -> None:
    log = toy.ToyLog(toy.toy_config())
    market = toy.ToyMarket()
    toy.connect(log, [market], 0)
    wrong = json.dumps({**json.loads(market.snapshot()), "c": 1}).encode()
    for _ in range(12):
        log.frame(wrong)
    report = report_of(write_toy_run(tmp_path / "r", {0: log}))
    assert report.counts.checksums_failed == 12
    mismatches = [failure for failure in report.failures if failure.reason == "CHECKSUM_MISMATCH"]
    assert 0 < len(mismatches) < 12
    assert ("bid", "99.99", shortest(toy.plain(market.books[1][9999], 3))) in mismatches[0].levels
    assert f"{12 - len(mismatches)} checksums of books kept as unverified failed" in report.failures[-1].text
