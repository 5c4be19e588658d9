"""``mm store`` and what is wrong with what it is given: named, refused, nothing lost, no traceback."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bbo_files
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toy_venue as toy
from click.testing import CliRunner, Result
from toy_store import MIDNIGHT_NS, build_toy, toy_run

from mm_framework.bundle.disk import FolderLock
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.store.schema import EVENTS

pytest.importorskip("duckdb")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", toy.toy_plugins())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    run = toy_run(tmp_path / "runs" / "run", steps=60, symbols=("A/B",), start_ns=MIDNIGHT_NS)
    build_toy(tmp_path / "store", run)
    return tmp_path / "store"


def mm(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data-dir", str(data), "--store-cache-max-gb", "0"])


def refused(result: Result, code: int, told: str) -> None:
    assert result.exit_code == code, (result.output, result.stderr)
    assert told in result.stderr
    assert result.stderr.count("\n") == 1, "one line"
    assert "Traceback" not in result.stderr


def events(store: Path) -> Path:
    return next((store / "events").rglob("*.parquet"))


def other_table(path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), path)


def other_types(path: Path) -> None:
    table = pq.read_table(path)
    price = pa.array([str(one) for one in table["price"].to_pylist()])
    pq.write_table(table.set_column(EVENTS.get_field_index("price"), "price", price), path)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(data)


def linked(path: Path) -> None:
    outside = path.parents[5] / "outside.parquet"
    path.rename(outside)
    path.symlink_to(outside)


def bomb(path: Path) -> None:
    """A column of one text of 600 MiB: some kB on the disk."""
    table = pq.read_table(path).slice(0, 1)
    text = pa.array(["x" * (600 << 20)], pa.string()).dictionary_encode()
    table = table.set_column(EVENTS.get_field_index("run"), EVENTS.field("run"), text)
    pq.write_table(table, path, compression="zstd", write_statistics=False)


HARM = [
    (Path.unlink, "is missing"),
    (other_table, "is no events table of schema 1: no column ts_recv_ns"),
    (other_types, "price is string, not int64"),
    (truncated, "is not readable"),
    (damaged, "is not readable"),
    (linked, "is a link that leads out of the store"),
    (bomb, "no store has more than"),
]


@pytest.mark.parametrize(("harm", "told"), HARM, ids=lambda one: getattr(one, "__name__", ""))
def test_a_file_that_is_not_as_named_is_refused_by_name(
    store: Path, harm: Callable[[Path], None], told: str
) -> None:
    path = events(store)
    harm(path)
    sql = "SELECT sum(ts_recv_ns), sum(price) FROM events"
    for arguments in (("store", "verify"), ("replay",), ("store", "query", sql)):
        result = mm(store.parent, *arguments, "--store", str(store))
        if arguments == ("store", "verify"):
            assert result.exit_code == (4 if harm is linked else 1)
            assert path.name in result.output + result.stderr
        elif harm is bomb and "query" in arguments:
            assert result.exit_code in (0, 4, 5), "held by the memory limit of the query"
        else:
            refused(result, 4, told)
            assert path.name in result.stderr


@pytest.mark.parametrize(
    "name", ["../../secret.parquet", "/etc/passwd", "C:\\x.parquet", "notes.txt", "events/../x.parquet"]
)
def test_a_manifest_that_names_what_is_not_the_stores_is_refused(store: Path, name: str) -> None:
    path = store / "manifest.json"
    document = json.loads(path.read_text())
    document["parts"][0]["files"]["events"][0] = name
    path.write_text(json.dumps(document))
    for verb in ("list", "verify"):
        refused(
            mm(store.parent, "store", verb, "--store", str(store)), 4, "manifest.json does not fit schema 1"
        )
    result = mm(store.parent, "store", "build", "run", "--out", str(store))
    refused(result, 4, "manifest.json does not fit schema 1")
    assert json.loads(path.read_text()) == document


def test_a_newer_store_is_refused(store: Path) -> None:
    path = store / "manifest.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 7'))
    refused(mm(store.parent, "store", "list", "--store", str(store)), 4, "use a newer mm-framework")


def test_a_query_has_a_time_and_a_memory_limit(store: Path) -> None:
    where = ("--store", str(store))
    sql = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    refused(mm(store.parent, "store", "query", sql, "--timeout", "0.3", *where), 1, "ran for 0.3 s")
    sql = "SELECT list(a.range) FROM range(100000000) a"
    refused(
        mm(store.parent, "store", "query", sql, "--store-memory-mib", "64", *where), 5, "more than 64 MiB"
    )


def test_two_builders_are_refused(store: Path) -> None:
    lock = FolderLock(store)
    try:
        result = mm(store.parent, "store", "build", "run", "--out", str(store))
    finally:
        lock.release()
    refused(result, 5, "being written by another process")


def test_files_of_prices_and_their_instruments(tmp_path: Path) -> None:
    path = bbo_files.clean_hour(tmp_path / "prices.csv", step_ms=10_000)
    out = ("--out", str(tmp_path / "store"))
    refused(mm(tmp_path, "store", "build", str(path), *out), 2, "name it with --instrument")
    refused(mm(tmp_path, "store", "build", str(path), "--instrument", "btc", *out), 2, "venue:SYMBOL")
    result = mm(tmp_path, "store", "build", str(path), "--instrument", "kraken:*", "--json", *out)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == 2 * 361 + 1
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    refused(mm(tmp_path, "store", "build", str(tmp_path / "other.csv"), *out), 4, "is no file of best prices")


def test_only_runs_that_are_stored_are_pruned(store: Path) -> None:
    data = store.parent
    toy_run(data / "runs" / "new", steps=20, seed=3)
    changed = toy_run(data / "runs" / "changed", steps=20, seed=4)
    build_toy(store, changed)
    other = toy_run(data / "other" / "changed", steps=21, seed=4)
    log = Path("capture") / "shard_00.frames"
    (changed / log).write_bytes((other / log).read_bytes())
    prune = (
        "prune",
        "--keep",
        "1h",
        "--only-stored",
        str(store),
        "--json",
        "--delete",
        "--data-dir",
        str(data),
    )
    result = CliRunner().invoke(main, prune)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {one["run_id"]: one["verdict"] for one in document["runs"]} == {
        "run": "remove", "new": "not stored", "changed": "not stored",
    }  # fmt: skip
    assert document["removed"] == ["run"]
    assert sorted(one.name for one in (data / "runs").iterdir()) == ["changed", "new"]
    result = CliRunner().invoke(main, ["prune", "--keep", "1h", "--only-stored", str(data / "nothing")])
    assert result.exit_code == 4


def program(code: str, *arguments: str, **more: object) -> subprocess.Popen[bytes]:
    """A Python process that has the support modules on its path."""
    path = os.pathsep.join(one for one in sys.path if one)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        **more,  # type: ignore[call-overload]
    )


MM = (
    "import sys, toy_venue as toy\n"
    "from mm_framework.cli import main\n"
    "from mm_framework.cli.app import App\n"
    "App.plugins = toy.toy_plugins()\n"
    "main(sys.argv[1:])\n"
)


PEAK = """
import atexit, pathlib
def told():
    (line,) = (one for one in open("/proc/self/status") if one.startswith("VmHWM"))
    print("peak_kib", line.split()[1], flush=True)
atexit.register(told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told by /proc")
def test_a_bomb_is_refused_in_little_memory(store: Path) -> None:
    """600 MiB, which nobody unpacks to find out."""
    bomb(events(store))
    arguments = ("replay", "--store", str(store), "--store-cache-max-gb", "0")
    process = program(PEAK + MM, *arguments)
    told, error = process.communicate(timeout=240)
    assert process.returncode == 4, error
    assert b"no store has more than" in error
    assert int(told.split()[-1]) < 400 << 10


def test_a_full_disk_ends_the_build_and_the_store_stays(store: Path) -> None:
    """Files may grow to 4 kB only, as if the disk were full there."""
    before = (store / "manifest.json").read_bytes()
    path = bbo_files.clean_hour(store.parent / "kraken_bbo_hour.csv", step_ms=1_000)
    build = ("store", "build", str(path), "--out", str(store))
    process = program(MM, *build, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    _, error = process.communicate(timeout=240)
    assert process.returncode == 5, error
    assert b"Traceback" not in error
    assert b"cannot write" in error
    assert (store / "manifest.json").read_bytes() == before
    assert mm(store.parent, "store", "verify", "--store", str(store)).exit_code == 0
    assert mm(store.parent, *build).exit_code == 0


READY = """
from mm_framework.store import query
class Told(query.ThreadPoolExecutor):
    def submit(self, *given):
        asked = super().submit(*given)
        print("ready", flush=True)
        return asked
query.ThreadPoolExecutor = Told
"""


def test_a_query_is_interrupted_by_ctrl_c(store: Path) -> None:
    sql = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    # Where the tests run in the background of a shell SIGINT is ignored, and a child would inherit that.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = program(READY + MM, "store", "query", sql, "--store", str(store), **heard)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    told, error = process.communicate(timeout=240)
    assert process.returncode == 130, error
    assert told == b"", "nothing but the answer goes to stdout"
    assert b"Traceback" not in error


KILLED = """
import os, pathlib, random, shutil, signal, sys, time, toy_store
import mm_framework.store.builder, pyarrow.parquet, mm_framework.model.events
store, kills, *runs = sys.argv[1:]
runs = [pathlib.Path(run) for run in runs]
chance = random.Random(7)
begun = time.monotonic()
if not (child := os.fork()):
    toy_store.build_toy(f"{store}-alone", *runs)
    os._exit(0)
os.waitpid(child, 0)
whole_s = time.monotonic() - begun
shutil.copytree(store, f"{store}-before")
killed = 0
while killed < int(kills):
    if not (child := os.fork()):
        toy_store.build_toy(store, *runs)
        os._exit(0)
    time.sleep(chance.uniform(0.0, whole_s))
    os.kill(child, signal.SIGKILL)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL:
        killed += 1
    else:  # it was done before: the next one comes earlier, and has something to do
        whole_s *= 0.8
        shutil.rmtree(store)
        shutil.copytree(f"{store}-before", store)
"""


def test_builds_that_are_killed_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    """A store of one run gets two more, again and again killed; it stays readable, and then it is whole."""
    runs = [toy_run(tmp_path / f"run-{n}", seed=n, steps=80, start_ns=MIDNIGHT_NS + n) for n in range(3)]
    build_toy(tmp_path / "store", runs[0])
    process = program(KILLED, str(tmp_path / "store"), "12", *map(str, runs))
    _, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    assert mm(tmp_path, "store", "verify", "--store", str(tmp_path / "store")).exit_code == 0
    report = build_toy(tmp_path / "store", *runs)
    assert report.digest == build_toy(tmp_path / "fresh", *runs).digest
    verified = mm(tmp_path, "store", "verify", "--store", str(tmp_path / "store"), "--json")
    assert json.loads(verified.stdout)["left_over"] == 0
