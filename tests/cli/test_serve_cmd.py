"""``mm serve``: what it refuses before it serves anything, and how a playback looks from outside."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import attrs
import pytest
import toy_venue as toy
from click.testing import CliRunner, Result

from mm_framework.bundle.manifest import Manifest
from mm_framework.cli import main
from mm_framework.cli.app import App


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", toy.toy_plugins())


def mm(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["serve", *arguments, "--data-dir", str(data)])


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--capture", "toy:A/B", "--playback", "x"), 2, "--capture and --playback exclude one another"),
        (("--endpoint", "ws://127.0.0.1:1/"), 2, "--endpoint belongs to --capture"),
        (("--record", "x"), 2, "--record belongs to --capture"),
        (("--playback", "none"), 4, "there is no run bundle"),
        (("--run", "none"), 4, "there is no run bundle"),
        (("--serve-host", "0.0.0.0"), 2, "others can reach 0.0.0.0"),
        (("--serve-token-file", "none"), 5, "cannot read the token"),
        (("--serve-certificate", "none.pem"), 5, "cannot use the certificate"),
        (("--serve-port", "70000"), 2, "port"),
        (("nothing",), 2, "'all', 'metrics', 'relay'"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    arguments: tuple[str, ...], code: int, line: str, tmp_path: Path
) -> None:
    result = mm(tmp_path, "--serve-port", "0", *arguments)
    assert result.exit_code == code, result.output
    assert line in result.stderr
    assert "Traceback" not in result.output


def test_a_port_that_is_taken_is_an_error_of_the_machine(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = mm(tmp_path, "--serve-port", str(port))
    assert result.exit_code == 5
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr


def test_a_run_without_receive_times_has_no_pace(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one"
    toy.write_toy_run(path, {0: toy.toy_session(steps=5)})
    attrs.evolve(Manifest.read(path), flags=("untimed",)).write(path)
    result = mm(tmp_path, "--serve-port", "0", "--playback", "one")
    assert result.exit_code == 2
    assert "play it with --speed 0" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGTERM")
def test_it_says_where_it_is_serves_and_stops_in_order(tmp_path: Path) -> None:
    command = ["serve", "relay", "--serve-port", "0", "--data-dir", str(tmp_path), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mm_framework", *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["ok"] is True
    assert told["token"] is False
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(told["url"] + "nope", timeout=240)
    body = json.loads(caught.value.read())
    caught.value.close()
    assert body["error"]["code"] == "not_found"
    process.send_signal(signal.SIGTERM)
    assert process.wait(240) == 0
    assert process.stdout.read() == ""
    process.stdout.close()
