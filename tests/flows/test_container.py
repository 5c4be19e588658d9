"""The image and the compose file: what they say, and that their commands work without a container."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from plugin_environment import PluginEnvironment
from processes import WAIT_S, emulated_venue, wait_for_beats, wait_for_text

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="the image is Linux"),
]


@pytest.fixture(scope="module")
def repository() -> Path:
    folder = Path(__file__).parents[2]
    if not (folder / "Dockerfile").exists():
        pytest.skip("needs the repository")
    return folder


@pytest.fixture(scope="module")
def steps(repository: Path) -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with their arguments, continued lines joined."""
    text = (repository / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", text).splitlines()
    parts = [line.partition(" ") for line in lines if line.strip() and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in parts]


def last(steps: list[tuple[str, str]], word: str) -> str:
    return [rest for one, rest in steps if one == word][-1]


def variables(steps: list[tuple[str, str]]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(last(steps, "ENV")))


def test_the_image_runs_as_nobody_special_on_glibc_and_keeps_data_in_a_volume(
    steps: list[tuple[str, str]],
) -> None:
    bases = [rest.split()[0] for word, rest in steps if word == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases)
    words = [word for word, _ in steps]
    assert last(steps, "USER") == "mm"
    assert words.index("USER") > max(n for n, word in enumerate(words) if word == "FROM")
    assert last(steps, "VOLUME") == "/app/data"
    assert variables(steps)["MM_DATA_DIR"] == "/app/data"
    made = next(rest for word, rest in steps if word == "RUN" and "useradd" in rest)
    assert "chown mm:mm /app/data" in made
    assert "http" not in " ".join(rest for _, rest in steps)


def test_the_compose_file_has_a_recorder_for_each_symbol(repository: Path) -> None:
    yaml = pytest.importorskip("yaml")
    compose: dict[str, Any] = yaml.safe_load((repository / "compose.yaml").read_text(encoding="utf-8"))
    services = {name: one for name, one in compose["services"].items() if "ports" not in one}
    recorded = {one["environment"]["SYMBOL"] for one in services.values()}
    assert recorded == {"BTCUSDC", "ETHUSDC", "SOLUSDC", "XRPUSDC"}
    for name, service in services.items():
        assert service["environment"]["EXCHANGE"] == "binance", name
        assert service["build"] == "."
        assert service["volumes"] == ["data:/app/data"]
        assert service["restart"] == "unless-stopped"  # a window ends with exit code 0
    assert set(compose["volumes"]) == {"data"}


@pytest.mark.parametrize(("name", "port"), [("relay", 8765), ("metrics", 8766)])
def test_the_servers_of_the_compose_file_start_as_they_stand_and_stop_in_order(
    repository: Path, name: str, port: int, tmp_path: Path
) -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((repository / "compose.yaml").read_text(encoding="utf-8"))["services"][name]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["environment"]["MM_SERVE_PORT"] == str(port)
    assert service["volumes"] == ["data:/app/data"]
    program, *arguments = service["command"]
    assert program == "mm"
    env = {**os.environ, **service["environment"], "MM_SERVE_PORT": "0", "MM_DATA_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "mm_framework", "-q", *arguments, "--json"],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    command, check = service["healthcheck"]["test"][0], service["healthcheck"]["test"][1:]
    assert command == "CMD"
    assert check[0] == "python"
    env["MM_SERVE_PORT"] = url.rstrip("/").split(":")[2]
    healthy = subprocess.run([sys.executable, *check[1:]], env=env)
    process.send_signal(signal.SIGTERM)
    assert process.wait(240) == 0
    process.stdout.close()
    assert healthy.returncode == 0


@pytest.fixture(scope="module")
def installed(
    repository: Path, steps: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> PluginEnvironment:
    """A fresh environment with what the image copies, and nothing else of the repository."""
    source = tmp_path_factory.mktemp("src")
    for word, rest in steps:
        if word == "COPY" and not rest.startswith("--from"):
            *names, target = rest.split()
            for name in names:
                copy(repository / name, source / target / (name if target == "./" else ""))
    environment = PluginEnvironment(tmp_path_factory.mktemp("venv"))
    projects = [source, *sorted((source / "plugins").iterdir())]
    for project in projects:
        environment.install(project)
    return environment


def copy(source: Path, target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "tests")
    if source.is_dir():
        shutil.copytree(source, target, ignore=ignored)
    else:
        shutil.copy(source, target)


def arguments_of(rest: str) -> list[str]:
    """``["mm", ...]`` of a CMD, without the program."""
    program, *arguments = json.loads(rest.removeprefix("CMD "))
    assert program == "mm"
    return list(arguments)


def test_with_a_symbol_alone_the_image_records_and_tells_that_it_is_alive(
    steps: list[tuple[str, str]], installed: PluginEnvironment, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    given = {name: value.replace("/app", str(app)) for name, value in variables(steps).items()}
    del given["PATH"], given["MM_KERNEL_CACHE"]
    env = {**given, "SYMBOL": "BTCUSDC", "PATH": "", "HOME": str(Path.home())}  # kernels are compiled there
    program = "import sys; from mm_framework.cli import main; main(prog_name='mm')"
    check = arguments_of(last(steps, "HEALTHCHECK").partition("CMD ")[2])
    mm = [str(installed.python), "-P", "-c", program]

    def healthy() -> subprocess.CompletedProcess[str]:
        return subprocess.run([*mm, *check], cwd=app, env=env, capture_output=True, text=True, timeout=240)

    assert healthy().returncode == 1
    with emulated_venue("binance", tmp_path, "--symbol", "BTC/USDC", "--rate", "50") as venue:
        command = [*mm, *arguments_of(last(steps, "CMD")), "--endpoint", venue.endpoint]
        process = subprocess.Popen(
            command, cwd=app, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        end_s = time.monotonic() + WAIT_S
        while (told := healthy()).returncode and process.poll() is None and time.monotonic() < end_s:
            time.sleep(0.3)
        (run,) = (app / "data" / "runs").iterdir()
        wait_for_text(run / "runlog.ndjson", '"new":"SYNCED"')
        wait_for_beats(run, 2)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=240)
    assert told.returncode == 0, errors
    assert told.stdout.startswith("alive: run ")
    assert process.returncode == 0, errors
    (folder,) = (app / "data" / "binance" / "BTCUSDC").iterdir()
    assert (folder / "schema.json").exists()
    assert list(folder.glob("orderbook_ws_depth_BTCUSDC_*.csv.gz"))
    assert run.name.endswith("-BTCUSDC")
    assert list((app / "data" / "logs").rglob("*.log"))
    assert {path.name for path in app.iterdir()} == {"data"}
