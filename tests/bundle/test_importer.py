"""An import makes the run bundle that a capture of the same frames would have made, or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toy_venue import HEARTBEAT, ToyAdapter, ToyMarket, ToyNormalizer, ack, toy_rules

from mm_framework.bundle import import_log
from mm_framework.bundle.importer import ImportReport, ImportRequest, import_recording
from mm_framework.bundle.run import Run, open_run
from mm_framework.contracts.normalizer import FrameClass, MessageWriter
from mm_framework.errors import ConfigError, EnvironmentFailed, StoreError
from mm_framework.feed import Feed
from mm_framework.feed.config import VenueKit
from mm_framework.model.book import book_digest
from mm_framework.model.events import NULL, Kind, iter_messages, iter_rows
from mm_framework.model.frame import Record, RecordKind, iter_records, split_http

T0 = 1_700_000_000_000_000_000


class BodyNormalizer(ToyNormalizer):
    """Understands one REST body: ``{"rest": true}``."""

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        return FrameClass.CONTROL if body == b'{"rest":true}' else FrameClass.UNKNOWN


KIT = VenueKit(ToyAdapter(), BodyNormalizer(), toy_rules())


def frames(count: int = 40, *, seed: int = 1, symbol: str = "A/B", timed: bool = False) -> list[bytes]:
    """A snapshot and then changes, each at its venue time when ``timed``."""
    market = ToyMarket(symbol, seed=seed)
    times = [T0 + number * 1_000_000 if timed else None for number in range(count)]
    return [market.snapshot(times[0]), *(market.step(time) for time in times[1:])]


def raw_file(path: Path, payloads: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(payload + b"\n" for payload in payloads))
    return path


def recorder_file(
    path: Path,
    payloads: Sequence[bytes],
    *,
    start_ns: int = T0,
    step_ns: int = 1_000_000,
    url: str | None = "ws://toy",
) -> Path:
    """Container R; without ``url`` no line opens a connection."""

    def line(number: int, direction: str, **rest: str) -> str:
        seconds, ns = divmod(start_ns + number * step_ns, 10**9)
        return json.dumps({"ts": f"{seconds}.{ns:09d}", "dir": direction, **rest})

    opened = [line(0, "open", url=url)] if url else []
    lines = [line(number, "in", raw=payload.decode()) for number, payload in enumerate(payloads, len(opened))]
    path.write_text("\n".join([*opened, *lines]) + "\n")
    return path


@pytest.fixture
def do_import(tmp_path: Path) -> Callable[..., tuple[ImportReport, Run]]:
    """Imports files into the run ``out``; gives the report and the opened bundle."""

    def run(*files: Path, out: str = "out", **options: Any) -> tuple[ImportReport, Run]:
        path = tmp_path / "runs" / out
        request = ImportRequest(files, "toy", path, **options)
        report = import_recording(request, KIT, created="2026-11-21T00:00:00Z", made_by="test")
        return report, open_run(path)

    return run


Import = Callable[..., tuple[ImportReport, Run]]


def records(run: Run) -> list[Record]:
    return [record for _, encoded in run.records() for record in iter_records(bytes(encoded))]


def payload(record: Record) -> dict[str, Any]:
    return msgspec.json.decode(record.payload, type=dict[str, Any])


def read_again(run: Run) -> tuple[Feed, dict[int, int]]:
    """A fresh Feed over the bundle; receive time of each record that gave market data."""
    feed, received = Feed({"toy": KIT}), {}
    for _, encoded in run.records():
        output = feed.feed(encoded)
        rows = list(iter_rows(output.rows))
        for message in iter_messages(output.messages):
            if message.kind in (Kind.LEVEL, Kind.SNAPSHOT_START):
                received[message.frame] = rows[message.first_row].ts_recv_ns
    return feed, received


def digests(feed: Feed) -> dict[str, str]:
    return {
        view.id: book_digest(view.book, view.definition.price_scale, view.definition.size_scale)
        for view in feed.instruments()
        if view.definition is not None
    }


def test_a_recording_without_receive_times_is_an_untimed_run_numbered_by_record(
    tmp_path: Path, do_import: Import
) -> None:
    told = frames()
    report, run = do_import(raw_file(tmp_path / "a", told))
    log = records(run)
    assert [record.kind for record in log] == [
        RecordKind.CONTROL,
        RecordKind.OPEN,
        *[RecordKind.FRAME] * len(told),
        RecordKind.LOST,
        RecordKind.CONTROL,
    ]
    assert [bytes(record.payload) for record in log[2:-2]] == told
    assert [record.mono_ns for record in log] == [record.index for record in log] == list(range(len(log)))
    assert {record.wall_ns for record in log} == {NULL}
    assert payload(log[0])["config"]["untimed"] is True
    assert payload(log[1]) == {"url": "", "transport": "import", "attempt": 1, "venue": "toy"}
    assert payload(log[-2])["reason"] == "RECORDING_END"
    assert payload(log[-1]) == {"op": "stop"}
    assert run.manifest.untimed
    assert report.untimed
    assert set(read_again(run)[1].values()) == {NULL}


def test_the_books_at_the_end_are_those_of_the_last_frame(tmp_path: Path, do_import: Import) -> None:
    market = ToyMarket("A/B", seed=3)
    told = [market.snapshot(), *(market.step() for _ in range(30))]
    report, run = do_import(raw_file(tmp_path / "a", told))
    feed, _ = read_again(run)
    (view,) = feed.instruments()
    unit = 10 ** (view.definition.price_scale - market.price_decimals)
    assert [price for price, _ in view.book.bids()] == [price * unit for price, _ in market.view(1)]
    assert report.counts["checksums_verified"] == 31
    assert report.counts["checksums_failed"] == 0
    assert report.instruments == ("toy:A/B",)


def test_receive_times_are_kept_to_the_nanosecond(tmp_path: Path, do_import: Import) -> None:
    told = frames()
    _, run = do_import(recorder_file(tmp_path / "a", told, step_ns=1_234_567))
    log = records(run)
    expected = [T0 + number * 1_234_567 for number in range(len(told) + 1)]
    assert [record.wall_ns for record in log[1:-2]] == expected
    received = read_again(run)[1]
    assert len(received) > 20
    assert all(log[index].wall_ns == ns for index, ns in received.items())
    assert not run.manifest.untimed


def test_a_receive_time_that_goes_back_is_kept_and_counted_and_the_order_stays(
    tmp_path: Path, do_import: Import
) -> None:
    path = recorder_file(tmp_path / "a", frames(6))
    lines = path.read_text().splitlines()
    jump = json.loads(lines[3])
    jump["ts"] = f"{T0 // 10**9 - 5}.5"
    path.write_text("\n".join([*lines[:3], json.dumps(jump), *lines[4:]]) + "\n")
    report, run = do_import(path)
    log = records(run)
    assert report.steps_back == 1
    assert log[4].wall_ns == T0 - 4_500_000_000
    monos = [record.mono_ns for record in log]
    assert monos == sorted(set(monos))
    assert log[4].mono_ns == log[3].mono_ns + 1
    assert log[5].mono_ns - log[3].mono_ns == 2_000_000


def test_halves_of_a_recording_are_one_run_like_the_whole(tmp_path: Path, do_import: Import) -> None:
    told = frames(60)
    _, whole = do_import(raw_file(tmp_path / "whole", told), out="whole")
    _, halves = do_import(
        raw_file(tmp_path / "a", told[:25]), raw_file(tmp_path / "b", told[25:]), out="halves"
    )
    assert [bytes(r.payload) for r in records(whole)] == [bytes(r.payload) for r in records(halves)]
    assert digests(read_again(whole)[0]) == digests(read_again(halves)[0])
    assert [file["name"] for file in (halves.manifest.source or {})["files"]] == ["a", "b"]


def test_a_later_recording_of_its_own_connection_is_a_new_epoch(tmp_path: Path, do_import: Import) -> None:
    first = recorder_file(tmp_path / "a", frames(10))
    second = recorder_file(tmp_path / "b", frames(10, seed=2), start_ns=T0 + 10**12)
    report, run = do_import(first, second)
    lost = [payload(record)["reason"] for record in records(run) if record.kind == RecordKind.LOST]
    assert lost == ["DROPPED", "RECORDING_END"]
    assert report.counts["epochs"] == 2
    assert report.counts["checksums_failed"] == 0


def test_recordings_of_the_same_time_keep_their_connections_side_by_side(
    tmp_path: Path, do_import: Import
) -> None:
    first = recorder_file(tmp_path / "a", frames(10))
    second = recorder_file(tmp_path / "b", frames(10, symbol="C/D"), start_ns=T0 + 500_000)
    report, run = do_import(first, second)
    log = records(run)
    assert [payload(r)["reason"] for r in log if r.kind == RecordKind.LOST] == ["RECORDING_END"] * 2
    assert {r.connection for r in log if r.kind == RecordKind.FRAME} == {0, 1}
    assert report.steps_back == 1
    assert set(digests(read_again(run)[0])) == {"toy:A/B", "toy:C/D"}


def test_a_recorder_that_opens_an_address_again_has_lost_it_before(tmp_path: Path, do_import: Import) -> None:
    first = recorder_file(tmp_path / "a", frames(5))
    again = recorder_file(tmp_path / "b", frames(5, seed=9), start_ns=T0 + 10**9)
    both = tmp_path / "both"
    both.write_text(first.read_text() + again.read_text())
    report, run = do_import(both)
    assert [payload(r)["reason"] for r in records(run) if r.kind == RecordKind.LOST] == [
        "DROPPED",
        "RECORDING_END",
    ]
    assert report.counts["epochs"] == 2


def test_only_the_symbols_that_are_asked_for_are_followed(tmp_path: Path, do_import: Import) -> None:
    told = [*frames(5), *frames(5, symbol="C/D")]
    report, _ = do_import(raw_file(tmp_path / "a", told), symbols=("c/d",))
    assert report.instruments == ("toy:C/D",)
    assert report.counts["frames"] == 10


def test_a_symbol_that_the_recording_does_not_have_is_an_error_and_leaves_nothing(
    tmp_path: Path, do_import: Import
) -> None:
    with pytest.raises(ConfigError, match="no data of toy:X/Y"):
        do_import(raw_file(tmp_path / "a", frames(5)), symbols=("toy:X/Y",))
    assert list((tmp_path / "runs").iterdir()) == []


def test_fixed_receive_times_are_a_microsecond_apart(tmp_path: Path, do_import: Import) -> None:
    _, run = do_import(raw_file(tmp_path / "a", frames(5)), assume_receive=f"fixed:{T0}")
    assert [r.wall_ns for r in records(run)[2:-2]] == [T0 + number * 1_000 for number in range(5)]
    assert run.manifest.assume_receive == f"fixed:{T0}"
    assert not run.manifest.untimed
    log = records(run)
    assert all(log[index].wall_ns == ns for index, ns in read_again(run)[1].items())


def test_venue_times_can_stand_for_receive_times(tmp_path: Path, do_import: Import) -> None:
    told = frames(4, timed=True)
    payloads = [HEARTBEAT, ack("A/B"), told[0], HEARTBEAT, *told[1:]]
    _, run = do_import(raw_file(tmp_path / "a", payloads), assume_receive="venue")
    walls = [r.wall_ns for r in records(run)[2:-2]]
    assert walls == [T0 - 2, T0 - 1, T0, T0, T0 + 10**6, T0 + 2 * 10**6, T0 + 3 * 10**6]
    log = records(run)
    assert all(log[index].wall_ns == ns for index, ns in read_again(run)[1].items() if index != 4)


@pytest.mark.parametrize(
    "rule", ["fixed", "fixed:", "fixed:-1", "fixed:1.5", "fixed:9999999999999999999", "now"]
)
def test_another_rule_is_refused(tmp_path: Path, do_import: Import, rule: str) -> None:
    with pytest.raises(ConfigError, match="expected venue, or fixed:NS"):
        do_import(raw_file(tmp_path / "a", frames(3)), assume_receive=rule)


def test_venue_times_that_are_nowhere_cannot_stand_for_anything(tmp_path: Path, do_import: Import) -> None:
    with pytest.raises(ConfigError, match="no frame of the recording has a venue time"):
        do_import(raw_file(tmp_path / "a", frames(3)), assume_receive="venue")


def test_receive_times_that_are_there_are_not_assumed(tmp_path: Path, do_import: Import) -> None:
    with pytest.raises(ConfigError, match="has receive times: leave out --assume-receive"):
        do_import(recorder_file(tmp_path / "a", frames(3)), assume_receive="venue")


def test_files_with_and_without_receive_times_are_two_runs(tmp_path: Path, do_import: Import) -> None:
    with pytest.raises(ConfigError, match="import them as two runs"):
        do_import(recorder_file(tmp_path / "a", frames(3)), raw_file(tmp_path / "b", frames(3)))


def test_an_existing_run_is_never_overwritten(tmp_path: Path, do_import: Import) -> None:
    path = raw_file(tmp_path / "a", frames(3))
    _, run = do_import(path)
    before = run.manifest
    with pytest.raises(ConfigError, match="exists and is never overwritten"):
        do_import(path)
    assert open_run(run.path).manifest == before


def test_a_bad_line_leaves_nothing_behind(tmp_path: Path, do_import: Import) -> None:
    path = recorder_file(tmp_path / "a", frames(3))
    path.write_text(path.read_text() + "what?\n")
    with pytest.raises(StoreError, match="a, line 5: no line of format recorder"):
        do_import(path)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("block_bytes", [1, 700, 5000])
def test_how_much_is_read_at_once_changes_no_byte_of_the_bundle(
    tmp_path: Path, do_import: Import, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    """Also where a REST body asks which instrument is alone, a frame is none, and checkpoints fall due."""
    told = [*frames(60), b'{"rest":true}', b"no frame at all", *frames(60, seed=2, symbol="C/D")]
    lines = [b"%d %s" % (T0 + number * 20_000_000_000, one) for number, one in enumerate(told)]
    path = raw_file(tmp_path / "a.log", lines)
    whole, run = do_import(path, out="x")
    assert sum(one.kind == RecordKind.CHECKPOINT for one in records(run)) > 2
    first = {
        one.relative_to(run.path): one.read_bytes() for one in sorted(run.path.rglob("*")) if one.is_file()
    }
    (tmp_path / "runs").rename(tmp_path / "kept")
    monkeypatch.setattr(import_log, "BLOCK_BYTES", block_bytes)
    again, run = do_import(path, out="x")
    assert again == whole
    assert {
        one.relative_to(run.path): one.read_bytes() for one in sorted(run.path.rglob("*")) if one.is_file()
    } == first


def test_an_interrupted_import_leaves_nothing_behind(
    tmp_path: Path, do_import: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_log.ImportLog, "finish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        do_import(raw_file(tmp_path / "a", frames(3)))
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path, do_import: Import) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(EnvironmentFailed, match="cannot write"):
        do_import(raw_file(tmp_path / "a", frames(3)))


def test_a_recording_with_nothing_in_it_says_so(tmp_path: Path, do_import: Import) -> None:
    path = tmp_path / "a"
    path.write_text('{"init": 5, "updates": []}')
    with pytest.raises(ConfigError, match="expected auto, raw"):
        do_import(path, container="parquet")
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with pytest.raises(StoreError, match="nothing was recorded there"):
        do_import(empty, container="raw")


def test_rest_bodies_that_the_venue_understands_are_told_from_frames(
    tmp_path: Path, do_import: Import
) -> None:
    log = tmp_path / "a"
    bodies = [b'{"rest":true}', *frames(3), b'{"rest":false}', b"not json"]
    log.write_bytes(b"".join(b"%d %s\n" % (T0 + number, body) for number, body in enumerate(bodies)))
    _, run = do_import(log)
    kinds = [r.kind for r in records(run)]
    assert kinds[1:-2] == [RecordKind.HTTP, RecordKind.OPEN, *[RecordKind.FRAME] * 5]
    meta, body = split_http(records(run)[1].payload)
    assert body == b'{"rest":true}'
    assert meta["url"] is None


def test_the_manifest_tells_where_the_run_is_from(tmp_path: Path, do_import: Import) -> None:
    path = raw_file(tmp_path / "recording.ndjson", frames(3))
    report, run = do_import(path)
    manifest = run.manifest
    assert manifest.state == "imported"
    assert manifest.created == "2026-11-21T00:00:00Z"
    assert manifest.source == {
        "files": [
            {
                "name": "recording.ndjson",
                "format": "raw",
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        ],
        "symbols": [],
    }
    assert manifest.result == json.loads(json.dumps(report.to_json()))
    assert [line["id"] for line in run.instruments()] == ["toy:A/B", "toy:A/B"]
    assert [line["event"] for line in run.connections()] == ["open", "lost"]


def test_a_malformed_frame_is_counted_and_noted_with_its_number(tmp_path: Path, do_import: Import) -> None:
    report, run = do_import(raw_file(tmp_path / "a", [*frames(3), b'{"ch":"book"}']), container="raw")
    assert report.counts["malformed"] == 1
    (line,) = run.runlog()
    assert line["frame"] == 5
    assert "toy" in line["error"]


def test_a_long_recording_gets_checkpoints_from_which_it_can_be_read(
    tmp_path: Path, do_import: Import
) -> None:
    _, run = do_import(recorder_file(tmp_path / "a", frames(30), step_ns=60 * 10**9))
    log = records(run)
    checkpoints = [r.index for r in log if r.kind == RecordKind.CHECKPOINT]
    assert len(checkpoints) >= 2
    whole, _ = read_again(run)
    rest = Feed({"toy": KIT})
    for _, encoded in run.records():
        (record,) = iter_records(bytes(encoded))
        if record.index >= checkpoints[-1]:
            rest.feed(encoded)
    assert digests(rest) == digests(whole)
