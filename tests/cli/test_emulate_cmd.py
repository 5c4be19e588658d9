"""``mm emulate``: one endpoint line, an orderly stop, and one clear line for what cannot be."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result
from websockets.sync.client import connect

from mm_framework.cli import main

pytest.importorskip("mm_kraken")

SUBSCRIBE = '{"method":"subscribe","params":{"channel":"book","symbol":["BTC/EUR"]}}'


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["emulate", *arguments])


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mm_framework", "emulate", "kraken", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def test_it_prints_the_endpoint_and_ends_when_the_time_is_over() -> None:
    result = invoke("kraken", "--duration-seconds", "0.05")
    assert result.exit_code == 0
    assert result.stdout.startswith("ws://127.0.0.1:")
    assert result.stdout.endswith("/v2\n")
    assert result.stdout.count("\n") == 1
    assert "frames and connections: none" in result.stderr


def test_with_json_the_one_document_describes_the_venue() -> None:
    result = invoke(
        "kraken", "--json", "--duration-seconds", "0.05", "--seed", "5", "--symbol", "XBT/USD",
        "--symbol", "kraken:ETH/EUR", "--fault", "drop:0.1", "--fault", "reset@3,jump",
    )  # fmt: skip
    document = json.loads(result.stdout)
    assert document.pop("endpoint").startswith("ws://127.0.0.1:")
    assert document == {
        "venue": "kraken",
        "symbols": ["BTC/USD", "ETH/EUR"],
        "seed": 5,
        "faults": ["drop:0.1", "reset@3", "jump"],
    }


@pytest.mark.skipif(os.name == "nt", reason="Windows delivers no SIGTERM to a process group")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_order_with_a_whole_truth_log(number: signal.Signals, tmp_path: Path) -> None:
    truth = tmp_path / "truth.ndjson"
    process = start("--rate", "500", "--truth", str(truth), "--truth-levels", "2", "--seed", "3")
    try:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        with connect(endpoint, compression=None, proxy=None) as client:
            client.send(SUBSCRIBE)
            frames = [client.recv(timeout=240) for _ in range(50)]
            process.send_signal(number)
            _, errors = process.communicate(timeout=240)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    on_wire = [line for line in lines if "wire" in line]
    assert len(on_wire) >= len(frames)
    assert on_wire[2]["kind"] == "snapshot"
    assert len(on_wire[2]["bids"]) == 2
    assert f"1 ended, 1 opened, {len(on_wire)} sent" in errors


def test_the_rate_flag_is_the_setting_and_two_values_are_refused() -> None:
    assert invoke("kraken", "--rate", "0", "--duration-seconds", "0.05").exit_code == 0
    for arguments in (["--rate", "-1"], ["--market-rate", "x"]):
        result = invoke("kraken", *arguments)
        assert result.exit_code == 2
        assert "market.rate" in result.stderr


def test_a_certificate_makes_it_wss(tmp_path: Path) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(paths[0])
    certificate.private_key_pem.write_to_path(paths[1])
    arguments = ("--tls-cert", str(paths[0]), "--tls-key", str(paths[1]), "--duration-seconds", "0.05")
    assert invoke("kraken", *arguments).stdout.startswith("wss://127.0.0.1:")


def test_an_existing_truth_log_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text("kept")
    result = invoke("kraken", "--truth", str(tmp_path / "truth"))
    assert result.exit_code == 2
    assert "never overwritten" in result.stderr
    assert (tmp_path / "truth").read_text() == "kept"


def test_a_port_in_use_is_exit_5() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = invoke("kraken", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 5
    assert "cannot listen on 127.0.0.1" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nowhere"], 2, "no emulator of venue 'nowhere'"),
        (["kraken", "--symbol", "?"], 2, "'?' is no pair of Kraken"),
        (["kraken", "--symbol", "BTC/EUR", "--symbol", "XBTEUR"], 2, "BTC/EUR is listed twice"),
        (["kraken", "--fault", "dorp"], 2, "'dorp' is not known"),
        (["kraken", "--play", "no-such-run"], 4, "no run bundle no-such-run"),
        (["kraken", "--play", "run", "--symbol", "BTC/EUR"], 2, "leave out --symbol"),
        (["kraken", "--tls-cert", "cert.pem"], 2, "needs both --tls-cert and --tls-key"),
        (
            ["kraken", "--tls-cert", "no.pem", "--tls-key", "no.pem"],
            2,
            "cannot use no.pem and no.pem",
        ),
        (["kraken", "--truth", "no-such-folder/truth"], 5, "cannot write the truth log"),
    ],
)
def test_what_cannot_be_is_one_line_and_an_exit_code(arguments: list[str], code: int, sentence: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error:")]) == 1
