"""The validator: a whole day is whole, a hand-made gap is found, what cannot be read says so."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sink_runs import SinkTape, emulated_venue

from mm_framework.cli import main
from mm_framework.errors import CorruptFrame, StoreError
from mm_framework.model.fixed import parse
from mm_framework.sinks.day_files import DayFiles
from mm_framework.sinks.day_reader import DayReader, is_day_folder
from mm_framework.sinks.day_settings import DaySettings
from mm_framework.sinks.day_verify import DayReport, verify_day

pytest.importorskip("mm_kraken")

VENUES = ("binance", "bitfinex", "kraken", "polymarket")
PROVED = VENUES[:3]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A day folder of each venue without a fault."""
    made = {}
    for name in VENUES:
        out = tmp_path_factory.mktemp(name)
        SinkTape.run(name, DayFiles(), out, seconds=20, rate=10.0)
        made[name] = next(out.glob("*/*/*/schema.json")).parent
    return made


@pytest.fixture
def copied(clean: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a venue's folder that may be damaged."""

    def copy(name: str) -> Path:
        source = clean[name]
        target = tmp_path.joinpath(*source.parts[-3:])
        shutil.copytree(source, target)
        return target

    return copy


def verified(folder: Path) -> DayReport:
    reader = DayReader(folder)
    return verify_day(reader, emulated_venue(reader.exchange).rules)


def rewrite(folder: Path, pattern: str, change: Callable[[list[str]], list[str]]) -> None:
    """Replace the lines of a gzip file."""
    (path,) = folder.glob(pattern)
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in change(lines)).encode()))


def without(n: int) -> Callable[[list[str]], list[str]]:
    return lambda lines: lines[:n] + lines[n + 1 :]


@pytest.mark.parametrize("name", VENUES)
def test_a_clean_day_has_no_gap_and_its_frames_are_the_replayed_book(
    clean: dict[str, Path], name: str
) -> None:
    report = verified(clean[name])
    assert report.ok
    assert (report.n_found, report.declared, report.torn) == (0, [], [])
    assert (report.snapshots, report.resyncs) == (1, 0)
    assert report.diffs > 50
    assert report.frames_compared > 50
    assert report.proof == {"binance": "sequence", "polymarket": "none"}.get(name, "checksum")
    assert (report.counts.checksums_verified > 10) == (report.proof == "checksum")
    assert (report.counts.sequence_applied > 50) == (report.proof == "sequence")


@pytest.mark.parametrize("name", PROVED)
def test_a_hand_made_gap_is_found(copied: Callable[[str], Path], name: str) -> None:
    folder = copied(name)
    rewrite(folder, "diffs/*.gz", without(60))
    report = verified(folder)
    assert not report.ok
    assert report.n_found >= 1
    assert {one.what for one in report.found} <= {"gap", "checksum", "frame"}
    assert report.declared == []


@pytest.mark.parametrize("name", PROVED)
def test_a_changed_size_is_found(copied: Callable[[str], Path], name: str) -> None:
    """One of the best bid, which every proof or frame covers."""

    def change(lines: list[str]) -> list[str]:
        for n, line in enumerate(lines):
            diff = json.loads(line)
            best = frames.get(diff["recv_seq"])
            level = next((one for one in diff["b"] if best is not None and parse(one[0], 8) == best), None)
            if n > 20 and level is not None:
                level[1] = "0.12345"
                lines[n] = json.dumps(diff)
                return lines
        raise AssertionError("no update of the best bid")

    folder = copied(name)
    frames = {seq: parse(cells[0], 8) for seq, cells in DayReader(folder).frames()}
    rewrite(folder, "diffs/*.gz", change)
    assert {one.what for one in verified(folder).found} & {"frame", "checksum"}


def test_a_changed_frame_is_found(copied: Callable[[str], Path]) -> None:
    def change(lines: list[str]) -> list[str]:
        lines[30] = lines[30].rsplit(",", 1)[0] + ",7"
        return lines

    folder = copied("kraken")
    rewrite(folder, "orderbook_ws_depth_*.gz", change)
    report = verified(folder)
    assert [one.what for one in report.found] == ["frame"]
    assert report.frames_different == report.gaps == 1


def test_a_missing_snapshot_is_found(copied: Callable[[str], Path]) -> None:
    folder = copied("kraken")
    for path in (folder / "snapshots").iterdir():
        path.unlink()
    report = verified(folder)
    assert [one.what for one in report.found] == ["snapshot"]
    assert report.ignored == report.diffs


@pytest.mark.parametrize("name", PROVED)
def test_what_the_recorder_declared_counts_once_and_the_replay_goes_on_behind_it(
    tmp_path: Path, name: str
) -> None:
    """Losses of messages and connections: each is declared, and nothing is wrong but these."""
    faults = "drop:0.01,disconnect@10"
    SinkTape.run(name, DayFiles(), tmp_path, seconds=40, rate=10.0, faults=faults)
    for folder in (path.parent for path in tmp_path.glob("*/*/*/schema.json")):
        report = verified(folder)
        losses = [one for one in report.declared if one["event"] != "trade_gap"]
        assert losses
        assert report.gaps == len(report.declared)
        assert report.frames_different == 0
        assert report.resyncs >= 1
        assert report.snapshots >= 2
        if name == "binance":
            gaps = [one for one in losses if "SEQUENCE_GAP" in one["details"]]
            assert report.n_found == len(gaps) > 0, "the numbers alone show each of them"


@pytest.mark.parametrize("schema", [b'{"version": 3}', b'{"exchange": "krak\xffn"}', b"{"])
def test_a_folder_of_the_earlier_recorder_is_read_by_its_columns_alone(
    copied: Callable[[str], Path], schema: bytes
) -> None:
    """No schema of ours, or a damaged one, no facts in the ledger beyond the words, no frames of ours."""
    folder = copied("kraken")
    (folder / "schema.json").write_bytes(schema)

    def plain(lines: list[str]) -> list[str]:
        return [lines[0], *map(_bare, lines[1:])]

    rewrite(folder, "events_*.gz", plain)
    report = verified(folder)
    assert (report.ok, report.exchange, report.date) == (True, "kraken", folder.name)
    assert report.counts.checksums_verified > 50


def _bare(line: str) -> str:
    """A line of the ledger without its facts."""
    cells = next(csv.reader([line]))
    return ",".join([*cells[:-1], "{}"])


def test_a_torn_member_is_named_and_left_out(copied: Callable[[str], Path]) -> None:
    folder = copied("kraken")
    (path,) = folder.glob("diffs/*.gz")
    path.write_bytes(path.read_bytes()[:-9])
    report = verified(folder)
    assert report.torn == [path.relative_to(folder).as_posix()]
    assert report.ok, "frames whose updates a kill took are no gap"


# --- what cannot be read


def test_a_folder_without_updates_cannot_be_replayed(tmp_path: Path) -> None:
    settings = DaySettings(store_depth_diffs=False)
    SinkTape.run("kraken", DayFiles(settings), tmp_path, seconds=3)
    folder = next(tmp_path.glob("*/*/*/schema.json")).parent
    assert is_day_folder(folder)
    with pytest.raises(StoreError, match="no recorded updates of the book"):
        DayReader(folder)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("diffs/*.gz", "{"),
        ("diffs/*.gz", '{"recv_seq":1}'),
        ("diffs/*.gz", '{"recv_seq":99999,"b":[["x","1"]],"a":[]}'),
        ("events_*.gz", "a,b,c,d,e,f,g"),
        ("events_*.gz", "1,2,3"),
    ],
)
def test_a_line_that_is_none_is_one_clear_error(
    copied: Callable[[str], Path], pattern: str, line: str
) -> None:
    folder = copied("kraken")
    rewrite(folder, pattern, lambda lines: [*lines, line])
    with pytest.raises(CorruptFrame, match="not readable"):
        verified(folder)


# --- the command


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(
    "words", [("verify",), ("validate-day",), ("verify", "--day-dir"), ("validate-day", "--day-dir")]
)
def test_the_command_takes_a_day_folder_under_each_name(
    clean: dict[str, Path], words: tuple[str, ...]
) -> None:
    result = invoke(*words, str(clean["binance"]), "--json")
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    assert (document["ok"], document["gaps"], document["exchange"]) == (True, 0, "binance")
    assert document["sequence"]["applied"] > 50


def test_the_command_leaves_with_1_when_there_is_a_gap(copied: Callable[[str], Path]) -> None:
    folder = copied("binance")
    rewrite(folder, "diffs/*.gz", without(30))
    result = invoke("verify", str(folder))
    assert result.exit_code == 1
    assert "SEQUENCE_GAP" in result.stdout
    assert "NOT OK" in result.stdout
    brief = invoke("verify", str(folder), "--summary-only", "--json")
    assert "found" not in json.loads(brief.stdout)


def test_the_command_leaves_with_4_without_updates(copied: Callable[[str], Path]) -> None:
    folder = copied("kraken")
    shutil.rmtree(folder / "diffs")
    result = invoke("verify", str(folder))
    assert (result.exit_code, result.stdout) == (4, "")
    assert "no recorded updates" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("run", "--day-dir", "x")])
def test_the_command_wants_one_recording(arguments: tuple[str, ...]) -> None:
    result = invoke("verify", *arguments)
    assert result.exit_code == 2
    assert "name one recording" in result.stderr


def test_a_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    result = invoke("verify", "--day-dir", str(tmp_path))
    assert result.exit_code == 4
    assert "is no day folder" in result.stderr
