"""``mm doctor``: what stands in the way is a failure, what may is a warning."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import socket
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from mm_framework.cli import doctor_cmd, main
from mm_framework.cli.doctor_cmd import Check
from mm_framework.errors import ConfigError
from mm_framework.kernels import loader
from mm_framework.kernels.loader import KernelStatus

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MM_LOAD_PLUGINS", "")
    monkeypatch.chdir(tmp_path)


def checks(*arguments: str, exit_code: int = 0) -> dict[str, tuple[str, str]]:
    result = CliRunner().invoke(main, ["doctor", "--json", *arguments])
    assert result.exit_code == exit_code, result.output
    document = json.loads(result.stdout)
    assert document["ok"] is (exit_code == 0)
    for check in document["checks"]:
        assert check["state"] == "ok" or check["hint"], f"{check['name']} does not say what to do"
    return {check["name"]: (check["state"], check["found"]) for check in document["checks"]}


def test_this_machine_is_fit() -> None:
    found = checks()
    assert {name for name, (state, _) in found.items() if state == "fail"} == set()
    assert found["kernels"][0] == "ok"
    assert set(found) >= {"python", "platform", "clock", "open files", "data folder", "plugins", "msgspec"}


PLACE = Path("cache", "key").absolute()


@pytest.mark.parametrize(
    ("status", "state", "told"),
    [
        (KernelStatus("off", "off"), "ok", "off: the reference path only, as MM_KERNELS says"),
        (KernelStatus("off", "not installed"), "ok", "numba is not installed: the reference path only"),
        (KernelStatus("on", "unavailable", "no LLVM"), "warn", "unavailable: no LLVM"),
        (KernelStatus("checked", "cold", "", str(PLACE), "key"), "ok", f"checked, cold, cache {PLACE}"),
        (
            KernelStatus("on", "warm", "", str(PLACE), "key", 9, 9, 17.84, "2024-05-06T07:08:09Z"),
            "ok",
            f"on, warm, 9 compiled at 2024-05-06T07:08:09Z in 17.8 s, cache {PLACE}",
        ),
    ],
    ids=lambda value: value.state if isinstance(value, KernelStatus) else "",
)
def test_the_state_of_the_kernels_is_told(
    monkeypatch: pytest.MonkeyPatch, status: KernelStatus, state: str, told: str
) -> None:
    monkeypatch.setattr(loader, "status", lambda: status)
    assert checks()["kernels"] == (state, told)
    assert ("mm warmup" in CliRunner().invoke(main, ["doctor"]).stdout) is (status.state == "cold")


def test_a_kernel_cache_that_cannot_be_made_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "key"
    monkeypatch.setattr(loader, "status", lambda: KernelStatus("on", "cold", "", str(place), "key"))
    assert checks()["kernels"] == ("warn", f"on, cold, cache {place} cannot be written")


def test_a_mode_that_does_not_exist_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def status() -> KernelStatus:
        raise ConfigError("MM_KERNELS is 'fast'; expected one of on, off, checked")

    monkeypatch.setattr(loader, "status", status)
    assert checks(exit_code=1)["kernels"] == (
        "fail",
        "MM_KERNELS is 'fast'; expected one of on, off, checked",
    )


def test_the_text_is_a_table() -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["check", "found", "what", "to", "do"]


def test_a_long_finding_goes_on_in_a_next_line_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    many = ", ".join(f"mm-plugin-{number} 0.1.0 ready" for number in range(40))
    monkeypatch.setattr(doctor_cmd, "_plugins", lambda app, import_plugins: Check("plugins", "ok", many))
    lines = CliRunner().invoke(main, ["doctor"]).stdout.splitlines()
    assert max(map(len, lines)) < 220
    assert "mm-plugin-39 0.1.0 ready" in lines[-1]


def test_every_library_that_is_required_is_told_and_the_extras_in_one_row() -> None:
    found = checks()
    lines = importlib.metadata.requires("mm-framework") or []
    names = {Requirement(line).name for line in lines if "extra ==" not in line}
    assert names - {"llvmlite", "numba"} <= set(found)
    assert len(names) > 10
    assert not {"duckdb", "pytest"} & set(found), "of extras"
    assert "query" in found["extras"][1]


def test_a_missing_library_fails_and_an_extra_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("msgspec", "picows"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0" if name == "attrs" else installed(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = checks(exit_code=1)
    assert found["msgspec"] == ("fail", "not installed")
    assert found["attrs"][0] == "fail"
    assert found["attrs"][1].startswith("1.0, needs >=")
    state, told = found["extras"]
    assert state == "ok"
    assert "picows" in told.partition("not installed:")[2]


def test_a_source_tree_that_is_not_installed_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "metadata", nothing)
    assert checks()["libraries"][0] == "warn"


@pytest.mark.parametrize(("free_gib", "state"), [(0.5, "fail"), (5, "warn"), (50, "ok")])
def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, free_gib: float, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1, 1, free_gib * 2**30))
    found = checks("--data-dir", "not/made/yet", exit_code=1 if state == "fail" else 0)
    assert found["data folder"] == (state, f"{Path('not/made/yet')}, {free_gib:.1f} GiB free")


def test_a_data_folder_that_cannot_be_written_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert checks("--data-dir", "file", exit_code=1)["data folder"][0] == "fail"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert checks(exit_code=1)["data folder"][0] == "fail"


def test_a_coarse_clock_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_cmd, "COARSE_CLOCK_S", 0.0)
    assert checks()["clock"][0] == "warn"


@pytest.mark.skipif(os.name == "nt", reason="open files are not limited there")
@pytest.mark.parametrize(("limit", "state"), [(100, "warn"), (4096, "ok"), (-1, "ok")])
def test_a_low_limit_of_open_files_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, limit: int, state: str
) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
    assert checks()["open files"][0] == state


def test_a_wrong_configuration_is_a_finding_and_the_rest_is_told(tmp_path: Path) -> None:
    (tmp_path / "mm.toml").write_text("[dta]\n")
    found = checks(exit_code=1)
    assert found["configuration"][0] == "fail"
    assert "did you mean 'data'" in found["configuration"][1]
    assert found["python"][0] == "ok"


def test_an_old_python_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_cmd, "LEAST_PYTHON", (99, 0))
    assert checks(exit_code=1)["python"][0] == "fail"


class Dated(BaseHTTPRequestHandler):
    """Answers with a Date that is ``ahead_s`` ahead."""

    ahead_s = 0.0

    def do_HEAD(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", formatdate(time.time() + self.ahead_s, usegmt=True))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def dated() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Dated) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("ahead_s", "state"), [(0.0, "ok"), (30.0, "warn"), (-30.0, "warn")])
def test_the_clock_is_compared_with_a_server_on_demand(
    dated: str, monkeypatch: pytest.MonkeyPatch, ahead_s: float, state: str
) -> None:
    monkeypatch.setattr(Dated, "ahead_s", ahead_s)
    found, told = checks("--time-url", dated)["clock, compared"]
    assert found == state
    assert told.startswith(f"{dated} is ahead of us by")


def test_without_a_server_the_clock_is_compared_with_none(dated: str) -> None:
    assert checks()["clock, compared"] == ("ok", "offline: compared with none")
    state, told = checks("--time-url", "http://127.0.0.1:9/")["clock, compared"]
    assert state == "warn"
    assert "did not tell the time" in told


def test_a_port_that_is_taken_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(doctor_cmd, "PORTS", (port,))
        assert checks()["ports"] == ("warn", f"{port} taken")
    assert checks()["ports"] == ("ok", f"{port} free")
