"""``mm capture``: a bundle, an orderly stop, and one clear line for what cannot be."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result
from processes import WAIT_S, Emulated, capture_process, emulated_kraken, ended_at, wait_for_frames

from mm_framework.bundle.run import open_run
from mm_framework.capture.runner import Capture
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.cli.live import LiveRequest, run_live
from mm_framework.errors import EnvironmentFailed

pytest.importorskip("mm_kraken")

pytestmark = pytest.mark.timeout(300)

POSIX = pytest.mark.skipif(os.name == "nt", reason="there are no such signals")


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated_kraken(tmp_path_factory.mktemp("emulator"), "--rate", "50") as running:
        yield running


def invoke(data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["capture", *arguments, "--data-dir", str(data_dir)])


def refused(result: Result, exit_code: int, *words: str) -> None:
    """One line on stderr beside the log, nothing on stdout, the documented exit code."""
    assert result.exit_code == exit_code, result.stderr
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert all(word in errors[0] for word in words), errors[0]


def test_a_capture_makes_a_bundle_and_says_what_is_in_it(emulated: Emulated, tmp_path: Path) -> None:
    with ended_at(tmp_path / "runs" / "r1", 20_000):
        result = invoke(
            tmp_path, "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r1", "--json",
            "--channel", "book", "--channel", "trade", "--channel", "ticker", "--depth", "25",
        )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["ok"] is True
    assert (document["run_id"], document["path"]) == ("r1", str(tmp_path / "runs" / "r1"))
    assert document["stopped_by"] == "SIGINT"
    assert document["checksums"]["verified"] > 10
    assert (document["checksums"]["failed"], document["gaps"], document["epochs"]) == (0, 0, 1)
    assert document["reconnects"] == {"total": 0, "planned": 0, "by_reason": {}}
    assert document["instruments"] == {"kraken:BTC/EUR": {"state": "SYNCED", "epoch": 1}}

    run = open_run(tmp_path / "runs" / "r1")
    assert run.manifest.state == "complete"
    (shard,) = run.manifest.shards
    assert [(s.channel, s.depth) for s in shard.subscriptions] == [
        ("book", 25), ("trade", None), ("ticker", None),
    ]  # fmt: skip
    assert [plugin.entry_point for plugin in run.manifest.plugins].count("kraken") == 1
    assert run.manifest.config["capture"]["transport"] == {"value": "websockets", "origin": "default"}
    assert run.manifest.config["feed"]["ack_timeout_s"]["value"] == 10.0
    assert run.manifest.result is not None
    assert run.manifest.result["frames"] == document["frames"]
    assert run.manifest.clock_samples[0]["connection"] == 0
    assert [line["event"] for line in run.connections()] == ["open", "lost"]


def test_venue_and_symbol_say_the_same_and_the_run_id_is_a_stamp(emulated: Emulated, tmp_path: Path) -> None:
    pytest.importorskip("picows")
    result = invoke(
        tmp_path, "--venue", "kraken", "--symbol", "xbt/eur", "--symbol", "kraken:BTC/EUR",
        "--transport", "picows", "--ws-url", emulated.endpoint, "--max-seconds", "4",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "stopped by max_seconds" in result.stdout
    (path,) = (tmp_path / "runs").iterdir()
    run = open_run(path)
    assert path.name[8] == "T"
    assert [s.instrument for s in run.manifest.shards[0].subscriptions] == ["kraken:BTC/EUR"] * 2
    assert run.connections()[0]["transport"] == "picows"
    assert f"next: mm verify {path}" in result.stdout
    assert "kraken:BTC/EUR: SYNCED, epoch 1" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("nothing to capture",)),
        (("kraken:*/EUR", "--offline"), ("needs the list of kraken", "--universe FILE", "mm discover")),
        (("kraken:BTC/EUR", "--endpoint", "binance=ws://127.0.0.1:1"), ("venue that this run has not",)),
        (("kraken:BTC/EUR", "--endpoint", "kraken/l3=ws://127.0.0.1:1"), ("no channel 'l3'",)),
        (("BTC/EUR",), ("not of the form venue:SYMBOL",)),
        (("--symbol", "BTC/EUR"), ("--symbol needs --venue",)),
        (("krakn:BTC/EUR",), ("krakn", "kraken")),
        (("kraken:BTC/EUR", "--channel", "level3"), ("no channel 'level3'",)),
        (("kraken:BTC/EUR", "--depth", "7"), ("no book of depth 7: choose one of 10, 25, 100, 500, 1000",)),
        (("kraken:BTC/EUR", "--endpoint", "http://127.0.0.1"), ("not of the form ws://",)),
        (("kraken:BTC/EUR", "--transport", "carrier-pigeon"), ("carrier-pigeon", "websockets", "picows")),
        (("kraken:BTC/EUR", "--ca-file", "absent.pem"), ("absent.pem holds no certificate authorities",)),
        (("kraken:BTC/EUR", "--run-id", "../x y"), ("cannot be used",)),
    ],
)
def test_what_cannot_be_planned_is_a_usage_error(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(invoke(tmp_path, *arguments), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_not_touched(emulated: Emulated, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "r1"
    path.mkdir(parents=True)
    (path / "keep").write_text("me")
    arguments = ("kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r1")
    refused(invoke(tmp_path, *arguments), 2, "exists and is never overwritten")
    assert [file.name for file in path.iterdir()] == ["keep"]


def test_an_unknown_symbol_is_refused_with_the_nearest_names(emulated: Emulated, tmp_path: Path) -> None:
    result = invoke(
        tmp_path, "kraken:BTC/EUX", "--endpoint", emulated.endpoint, "--run-id", "r1", "--max-seconds", "240"
    )
    refused(result, 2, "BTC/EUX", "BTC/EUR")
    run = open_run(tmp_path / "runs" / "r1")
    assert run.manifest.state == "interrupted"
    assert run.manifest.result is not None
    assert "BTC/EUX" in run.manifest.result["error"]


def test_without_metadata_the_venues_own_words_are_told(emulated: Emulated, tmp_path: Path) -> None:
    result = invoke(
        tmp_path, "kraken:BTC/EUX", "--endpoint", emulated.endpoint, "--no-venue-kraken-metadata",
        "--max-seconds", "240",
    )  # fmt: skip
    refused(result, 2, "kraken refused", "BTC/EUX", "Currency pair not supported")


def test_a_wrong_endpoint_is_given_up_after_the_first_attempts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    arguments = (
        "kraken:BTC/EUR",
        "--endpoint",
        f"ws://127.0.0.1:{port}",
        "--capture-reconnect-backoff-s",
        "0.01",
    )
    refused(invoke(tmp_path, *arguments), 5, "no connection to ws://127.0.0.1", "3 attempts", "--endpoint")


def test_a_wrong_path_is_told_with_the_servers_status(emulated: Emulated, tmp_path: Path) -> None:
    endpoint = emulated.endpoint.replace("/v2", "/v9")
    arguments = ("kraken:BTC/EUR", "--endpoint", endpoint, "--capture-first-attempts", "1")
    refused(invoke(tmp_path, *arguments), 5, "HTTP 404", "1 attempt")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--bundle-queue-mib", "-1"),
        ("--sinks-queue-mib", "-1"),
        ("--feed-stream-idle-s", "0"),
        ("--capture-reconnect-backoff-s", "-1"),
        ("--sink-day-files-heartbeat-s", "-1"),
        ("--alerts-min-interval-s", "-1"),
    ],
)
def test_a_time_or_a_size_that_cannot_be_is_refused(tmp_path: Path, flag: str, value: str) -> None:
    """A queue of less than nothing is always full: such a run would record nothing, or never end."""
    sink = ("--sink", f"day-files={tmp_path / 'days'}")
    arguments = ("kraken:BTC/EUR", "--endpoint", "ws://127.0.0.1:1", "--capture-first-attempts", "1")
    refused(invoke(tmp_path, *arguments, *sink, flag, value), 2, f"from flag {flag}", "must be >")
    assert not (tmp_path / "runs").exists()


def test_a_run_that_does_not_begin_leaves_no_bundle(tmp_path: Path) -> None:
    """Else the next run would take it for one that was killed."""
    app = App(env={"MM_DATA_DIR": str(tmp_path)})
    request = LiveRequest(
        ("kraken:BTC/EUR",), endpoints=("ws://127.0.0.1:1",), record=tmp_path / "runs" / "r1"
    )

    def attach(run: Capture) -> None:
        assert (tmp_path / "runs" / "r1" / "manifest.json").exists()
        raise EnvironmentFailed("the port is taken")

    with pytest.raises(EnvironmentFailed, match="the port is taken"):
        run_live(app, request, attach=attach)
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_manifest_keeps_who_is_alerted(emulated: Emulated, tmp_path: Path) -> None:
    arguments = ("kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--max-seconds", "0.1")
    result = invoke(tmp_path, *arguments, "--run-id", "r1", "--alerts-disk-low-gib", "0.001")
    assert (tmp_path / "runs" / "r1").exists(), result.stderr
    config = open_run(tmp_path / "runs" / "r1").manifest.config["alerts"]
    assert config["disk_low_gib"] == {"value": 0.001, "origin": "flag --alerts-disk-low-gib"}


def test_tls_needs_a_trusted_authority_or_a_loud_switch(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    pem = str(tmp_path / "server.pem")
    with emulated_kraken(tmp_path, "--tls-cert", pem, "--tls-key", pem) as emulated:
        arguments = ("kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--max-seconds", "2")
        once = ("--capture-first-attempts", "1")
        refused(invoke(tmp_path, *arguments, *once), 5, "TLS fails", "not trusted", "--capture-ca-file")
        trusted = invoke(tmp_path, *arguments, "--run-id", "r1", "--ca-file", str(tmp_path / "ca.pem"))
        careless = invoke(tmp_path, *arguments, "--run-id", "r2", "--insecure-tls")
    assert (trusted.exit_code, careless.exit_code) == (0, 0), careless.stderr
    assert "certificates are NOT checked" in careless.stderr
    config = open_run(tmp_path / "runs" / "r2").manifest.config["capture"]
    assert config["insecure_tls"] == {"value": True, "origin": "flag --insecure-tls"}


def test_a_folder_that_cannot_be_written_is_the_environments_fault(
    emulated: Emulated, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    arguments = ("kraken:BTC/EUR", "--endpoint", emulated.endpoint)
    refused(invoke(tmp_path / "file", *arguments), 5, "file")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_the_environments_fault(emulated: Emulated, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        refused(invoke(tmp_path, "kraken:BTC/EUR", "--endpoint", emulated.endpoint), 5, str(tmp_path))
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on the size of files")
def test_a_full_disk_ends_the_run_with_one_line(emulated: Emulated, tmp_path: Path) -> None:
    import resource

    process = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "mm_framework",
                "capture",
                "kraken:BTC/EUR",
                "--endpoint",
                emulated.endpoint,
            ),
            *("--data-dir", str(tmp_path), "--run-id", "r1", "--max-seconds", "200"),
        ],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        timeout=240,
        check=False,
    )
    assert process.returncode == 5, process.stderr
    (line,) = (line for line in process.stderr.splitlines() if line.startswith("error: "))
    assert "shard_00.frames" in line
    assert "Traceback" not in process.stderr


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_order(emulated: Emulated, tmp_path: Path, number: signal.Signals) -> None:
    process = capture_process(emulated.endpoint, tmp_path, "--run-id", "r1", "--json")
    wait_for_frames([tmp_path / "runs" / "r1"], [process])
    process.send_signal(number)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert document["stopped_by"] == number.name
    run = open_run(tmp_path / "runs" / "r1")
    assert run.manifest.state == "complete"
    assert run.connections()[-1]["reason"] == "SHUTDOWN"


@POSIX
def test_a_second_signal_interrupts(tmp_path: Path) -> None:
    """The venue does not answer the closing handshake, which makes an orderly stop slow."""
    with emulated_kraken(tmp_path, "--fault", "mute:1") as mute:
        process = capture_process(
            mute.endpoint, tmp_path, "--run-id", "r1", "--capture-close-timeout-s", "240"
        )
        try:
            log = tmp_path / "runs" / "r1" / "connections.ndjson"
            end_s = time.monotonic() + WAIT_S
            while not (log.exists() and b'"event":"open"' in log.read_bytes()):
                assert time.monotonic() < end_s
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=240)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "error: interrupted" in err
    assert open_run(tmp_path / "runs" / "r1").manifest.state == "interrupted"
