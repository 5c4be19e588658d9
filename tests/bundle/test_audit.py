"""Every gate of a capture fails by a fault of its own, and for the right reason."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from toy_server import MS, S, ToyServer, World

from mm_framework.bundle.audit import GATES, AuditReport, GateResult, HeartbeatGaps, audit, gather
from mm_framework.bundle.fatal import last_frames_shards, read_fatal, read_last_frames
from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import CAPTURE, RunWriter, open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.writer import Appender, InlineWriter
from mm_framework.capture import memory
from mm_framework.capture.alert_sender import AlertSender
from mm_framework.capture.settings import AlertSettings, CaptureSettings
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.errors import CorruptFrame, ManifestMismatch
from mm_framework.feed import Output, VenueKit
from mm_framework.model.frame import HEADER

NAMES = (
    "heartbeat_gaps", "reconnects", "disconnected", "drops", "loop_lag_p99", "loop_lag_max", "pressure",
    "crc", "fatal", "spoken", "ended",
)  # fmt: skip


class Jammed(InlineWriter):
    """A disk that takes everything, but for a while says that too much waits for it."""

    full = False

    def wait_room(self, timeout_s: float) -> bool:
        return not self.full


class Bench:
    """A captured bundle of a toy venue; a test sets what is to go wrong."""

    def __init__(self, folder: Path, *, settings: CaptureSettings | None = None, **world: Any) -> None:
        self.world = World(ToyServer(["A/X"], rate=40), settings=settings, **world)
        self.folder = folder
        self.disk: Jammed

    def capture(self, seconds: float = 20.5, **options: Any) -> Path:
        plan, clock = self.world.plan(), self.world.clock
        manifest = Manifest(
            run_id=self.folder.name,
            state="running",
            created="2023-11-14T22:13:20Z",
            wall0_ns=clock.wall_ns(),
            mono0_ns=clock.now_ns,
            shards=tuple(ShardInfo(one.shard, one.venue, one.subscriptions) for one in plan.shards),
            made_by="test",
        )

        def jammed(appenders: Sequence[Appender], settings: BundleSettings) -> Jammed:
            self.disk = Jammed(appenders)
            return self.disk

        writer = RunWriter.create(self.folder, manifest, metrics=True, make_writer=jammed)
        self.world.log = writer  # type: ignore[assignment]
        self.world.capture(seconds, **options)
        return self.folder

    def jam(self, since_s: float, until_s: float) -> None:
        self.world.at(since_s, lambda _: setattr(self.disk, "full", True))
        self.world.at(until_s, lambda _: setattr(self.disk, "full", False))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without a fault; tests change copies of it."""
    return Bench(tmp_path_factory.mktemp("audit") / "clean").capture()


def audited(path: Path, threshold_s: float = 2.0) -> AuditReport:
    return audit(gather(open_run(path), threshold_s=threshold_s, name="r"))


def failing(report: AuditReport) -> dict[str, GateResult]:
    assert report.ok is not any(one.status == "FAIL" for one in report.results)
    return {one.name: one for one in report.results if one.status == "FAIL"}


def test_a_clean_run_passes_every_gate(clean: Path) -> None:
    report = audited(clean)
    assert tuple(one.name for one in report.results) == NAMES
    assert {one.status for one in report.results} == {"PASS"}
    document = json.loads(json.dumps(report.to_json()))
    assert document["ok"] is True
    assert (document["threshold_seconds"], document["hb_count"]) == (2.0, 20)
    assert (document["gaps_over_threshold"], document["top_gaps"]) == (0, [])
    assert document["max_gap_seconds"] == pytest.approx(1, abs=0.1)
    assert all(one["command"].startswith("mm ") for one in document["gates"])


def test_a_stall_of_the_process_is_a_gap_between_heartbeats(tmp_path: Path) -> None:
    late = iter([0] * 400 + [3500 * MS] + [0] * 100_000)
    path = Bench(tmp_path / "run", delay=lambda: next(late)).capture()
    report = audited(path)
    found = failing(report)
    assert set(found) == {"heartbeat_gaps", "loop_lag_max", "loop_lag_p99"}
    gaps = report.to_json()
    assert gaps["gaps_over_threshold"] == 1
    (gap,) = gaps["top_gaps"]
    assert 3.5 < gap["gap_seconds"] == gaps["max_gap_seconds"] < 4.6
    assert gap["from"] < gap["to"]
    assert "heartbeat_gaps" not in failing(audited(path, threshold_s=5))


def test_an_end_that_takes_its_time_is_no_gap(tmp_path: Path) -> None:
    """A receiver of alerts that hangs holds the end up."""

    class Hanging(AlertSender):
        async def _post(self, document: dict[str, Any]) -> str | None:
            await asyncio.sleep(60)
            return None

    bench = Bench(tmp_path / "run")
    bench.world.alerts = Hanging(AlertSettings(webhook_url="http://h", timeout_s=8), "r")
    bench.world.at(18, bench.world.server.reset)
    path = bench.capture()
    log = [(line["event"], line["mono_ns"]) for line in open_run(path).runlog()]
    assert [event for event, _ in log[-1:]] == ["stop"]
    assert log[-1][1] - dict(log)["stopping"] > 2.5 * S
    assert set(failing(audited(path))) == {"reconnects", "disconnected"}


def test_a_lost_connection_fails_two_gates_and_a_planned_end_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "lost")
    bench.world.at(5, bench.world.server.reset)
    found = failing(audited(bench.capture()))
    assert set(found) == {"reconnects", "disconnected"}
    assert (found["reconnects"].value, found["reconnects"].limit) == (1, 0)
    assert "1 reset" in found["reconnects"].text
    planned = Bench(tmp_path / "aged", settings=CaptureSettings(jitter_seed=1, max_session_s=5))
    report = audited(planned.capture())
    assert failing(report) == {}
    assert report.evidence.latency.reconnects["planned"] >= 3


def test_messages_that_a_slow_disk_made_us_drop_fail_their_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause still lets messages come that were read before."""
    monkeypatch.setattr(memory._Connection, "pause", lambda connection: None)
    bench = Bench(tmp_path / "run", settings=CaptureSettings(jitter_seed=1, overrun_mib=0))
    bench.jam(5, 6)
    found = failing(audited(bench.capture()))
    assert set(found) == {"drops"}
    assert found["drops"].value > 10


def test_a_busy_machine_fails_the_gates_of_lag(tmp_path: Path) -> None:
    draw = random.Random(1)
    bench = Bench(tmp_path / "p99", delay=lambda: 20 * MS if draw.random() < 0.05 else 0)
    found = failing(audited(bench.capture()))
    assert set(found) == {"loop_lag_p99"}
    assert 10 < found["loop_lag_p99"].value < 100
    once = iter([0] * 300 + [400 * MS] + [0] * 100_000)
    long = Bench(tmp_path / "max", delay=lambda: next(once))
    found = failing(audited(long.capture(150.5)))
    assert set(found) == {"loop_lag_max"}
    assert found["loop_lag_max"].value > 100


class Slow:
    """A listener that takes its time with each record."""

    done = False

    def __init__(self, world: World, late_ns: int) -> None:
        self.world, self.late_ns = world, late_ns

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        self.world.clock.advance(self.late_ns)

    def next_timer_ns(self) -> int | None:
        return None

    def on_end(self, mono_ns: int) -> None:
        pass


class SlowReader:
    """A normalizer that takes its time with each frame."""

    def __init__(self, kit: VenueKit, world: World, late_ns: int) -> None:
        self.normalizer, self.world, self.late_ns = kit.normalizer, world, late_ns
        self.version = kit.normalizer.version

    def __getattr__(self, name: str) -> Any:
        return getattr(self.normalizer, name)

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        self.world.clock.advance(self.late_ns)
        return self.normalizer.decode(frame, connection, out)


def slow_reading(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    bench.world.server._rate = 2
    kits = bench.world.kits
    for venue, kit in kits.items():
        kits[venue] = attrs.evolve(kit, normalizer=SlowReader(kit, bench.world, 60 * MS))
    return {}


def slow_listening(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    bench.world.server._rate = 2
    return {"listeners": [Slow(bench.world, 110 * MS)]}


def slow_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    bench.jam(5, 11)
    return {}


def full_sockets(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(memory._Connection, "waiting", 200)
    return {}


@pytest.mark.parametrize(
    ("spoil", "metric"),
    [
        (slow_reading, "recv_to_parsed_ms"),
        (slow_listening, "recv_to_applied_ms"),
        (slow_disk, "backpressure_ms"),
        (full_sockets, "queue_depth"),
    ],
)
def test_sustained_pressure_fails_its_gate_and_names_the_metric(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Bench, pytest.MonkeyPatch], dict[str, Any]],
    metric: str,
) -> None:
    bench = Bench(tmp_path / "run")
    options = spoil(bench, monkeypatch)
    found = failing(audited(bench.capture(**options)))
    assert "pressure" in found
    assert found["pressure"].value >= 5
    assert f"of {metric}, shard 0" in found["pressure"].text


def test_pressure_of_four_heartbeats_is_not_sustained(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "run")
    bench.jam(5, 8.5)
    report = audited(bench.capture())
    assert failing(report) == {}
    assert report.evidence.latency.pressure_streaks["worst_streak"] == 4


def test_a_flipped_bit_fails_the_crc_and_nothing_else(clean: Path, tmp_path: Path) -> None:
    path = shutil.copytree(clean, tmp_path / "run")
    log = path / CAPTURE / "shard_00.frames"
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 4
    log.write_bytes(data)
    found = failing(audited(path))
    assert set(found) == {"crc"}
    assert found["crc"].value == 1
    assert found["crc"].command == "mm verify r --summary-only"


def test_an_error_of_the_run_is_fatal_and_leaves_the_last_records(tmp_path: Path) -> None:
    class Wrong(Slow):
        def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
            if mono_ns > 7_000_000_000:
                raise ValueError("the strategy fell over")

    bench = Bench(tmp_path / "run")
    with pytest.raises(ValueError, match="fell over"):
        bench.capture(listeners=[Wrong(bench.world, 0)])
    report = audited(bench.folder)
    assert set(failing(report)) == {"fatal"}
    assert failing(report)["fatal"].text == "the strategy fell over"
    assert report.results[-1] == GateResult(
        "ended", "WARN", "interrupted", "complete", report.results[-1].text, "mm inspect r"
    )
    fatal = read_fatal(bench.folder)
    assert fatal is not None
    assert (fatal["type"], fatal["exit_code"], fatal["schema"]) == ("ValueError", None, 1)
    assert "fell over" in fatal["trace"][-1]
    assert last_frames_shards(bench.folder) == [0]
    kept = read_last_frames(bench.folder, 0)
    logged = [bytes(record) for _, record in open_run(bench.folder).records()]
    assert fatal["shards"] == [{"shard": 0, "records": kept[-1].index + 1}]
    assert [HEADER.unpack_from(record)[5] for record in logged] == [record.index for record in kept]


def test_a_killed_run_is_audited_from_its_files_and_warned_about(clean: Path, tmp_path: Path) -> None:
    path = shutil.copytree(clean, tmp_path / "run")
    manifest = Manifest.read(path)
    attrs.evolve(manifest, state="running", result=None).write(path)
    for file in (
        path / "runlog.ndjson",
        path / "metrics" / "shard_00.ndjson",
        path / CAPTURE / "shard_00.frames",
    ):
        file.write_bytes(file.read_bytes()[:-30])
    (path / "latency_report.json").unlink()
    report = audited(path)
    assert failing(report) == {}
    assert report.results[-1].status == "WARN"
    assert "mm recover" in report.results[-1].text
    assert report.evidence.log.torn_bytes > 0


def test_a_recording_of_others_has_no_telemetry_to_judge(clean: Path, tmp_path: Path) -> None:
    path = shutil.copytree(clean, tmp_path / "run")
    attrs.evolve(Manifest.read(path), state="imported").write(path)
    (path / "runlog.ndjson").write_bytes(b"")
    shutil.rmtree(path / "metrics")
    report = audited(path)
    assert report.ok
    words = {one.name: one.status for one in report.results}
    assert {words[name] for name in NAMES[:7]} == {"N/A"}
    assert {words[name] for name in NAMES[7:]} == {"PASS"}


def test_instruments_that_never_spoke_are_warned_about(clean: Path, tmp_path: Path) -> None:
    path = shutil.copytree(clean, tmp_path / "run")
    silent = [{"instrument": f"toy:{n}/X", "shard": 0} for n in range(4)]
    (path / "missing_tokens.json").write_text(json.dumps({"expected": 9, "confirmed": 5, "missing": silent}))
    report = audited(path)
    assert report.ok
    (gate,) = (one for one in report.results if one.name == "spoken")
    assert (gate.status, gate.value) == ("WARN", 4)
    assert gate.text == "silent: toy:0/X, toy:1/X, toy:2/X, ..."
    (path / "missing_tokens.json").write_text("no")
    with pytest.raises(CorruptFrame, match=r"missing_tokens\.json is not readable"):
        audited(path)


def test_a_gate_may_be_softened_and_others_may_be_added(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "run")
    bench.world.at(5, bench.world.server.reset)
    evidence = gather(open_run(bench.capture()))

    def mine(found: Any) -> GateResult:
        return GateResult("mine", "PASS", found.heartbeats.count, 1, "", "mm inspect r")

    report = audit(evidence, (*GATES, mine), only_warn=("reconnects", "disconnected"))
    assert report.ok
    words = {one.name: one.status for one in report.results}
    assert (words["reconnects"], words["disconnected"], words["mine"]) == ("WARN", "WARN", "PASS")


def test_the_longest_gaps_are_kept_longest_first() -> None:
    gaps = HeartbeatGaps(2.0)
    at_ns = 0
    for n in range(30):
        at_ns += (3 + (n * 7) % 30) * 10**9
        gaps.hear({"event": "heartbeat", "mono_ns": at_ns, "wall_ns": at_ns})
    lengths = [gap["gap_seconds"] for gap in gaps.to_json()["top_gaps"]]
    assert lengths == sorted(lengths, reverse=True)
    assert len(lengths) == 10
    assert (gaps.over, lengths[0]) == (29, gaps.max_s)


def test_a_bundle_without_its_run_log_or_with_another_one_cannot_be_audited(
    clean: Path, tmp_path: Path
) -> None:
    path = shutil.copytree(clean, tmp_path / "run")
    (path / "runlog.ndjson").write_bytes(b'{"event":"heartbeat"}\n')
    with pytest.raises(CorruptFrame, match="line 1 of"):
        audited(path)
    (path / "runlog.ndjson").unlink()
    with pytest.raises(ManifestMismatch, match=r"no runlog\.ndjson"):
        audited(path)
