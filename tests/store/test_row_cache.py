"""The row cache gives what the files hold, survives anything, and keeps its size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_store import build_toy, toy_run

from mm_framework.store.manifest import StoreManifest
from mm_framework.store.root import LocalRoot
from mm_framework.store.row_cache import RowCache, part_rows


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> LocalRoot:
    folder = tmp_path_factory.mktemp("cache")
    build_toy(folder / "store", toy_run(folder / "run", steps=200))
    return LocalRoot(folder / "store")


def manifest(root: LocalRoot) -> StoreManifest:
    found = StoreManifest.read(root)
    assert found is not None
    return found


def test_the_cache_is_the_file(root: LocalRoot, tmp_path: Path) -> None:
    cache = RowCache(tmp_path)
    for part in manifest(root).parts:
        expected = np.concatenate([*part_rows(root, part)])
        for _ in range(2):
            assert cache.rows(root, part).tobytes() == expected.tobytes()


@pytest.mark.parametrize("harm", [b"", b"MMROWS\0\1", b"x" * 640])
def test_a_harmed_file_is_made_anew(root: LocalRoot, tmp_path: Path, harm: bytes) -> None:
    part = manifest(root).parts[0]
    expected = RowCache(tmp_path).rows(root, part).tobytes()
    (path,) = tmp_path.glob("*.rows")
    path.write_bytes(harm)
    assert RowCache(tmp_path).rows(root, part).tobytes() == expected


def test_rows_cannot_be_changed(root: LocalRoot, tmp_path: Path) -> None:
    rows = RowCache(tmp_path).rows(root, manifest(root).parts[0])
    with pytest.raises(ValueError, match="read-only"):
        rows["price"] = 1


def test_files_used_longest_ago_go_first(root: LocalRoot, tmp_path: Path) -> None:
    parts = manifest(root).parts
    size = max(64 * (part.rows + part.synthetic + 1) for part in parts)
    cache = RowCache(tmp_path, max_bytes=size)
    for part in parts:
        cache.rows(root, part)
    assert len(list(tmp_path.glob("*.rows"))) == 1
    assert not list(tmp_path.glob("*.part"))


def test_without_room_files_are_read_each_time(root: LocalRoot, tmp_path: Path) -> None:
    part = manifest(root).parts[0]
    rows = RowCache(tmp_path, max_bytes=0).rows(root, part)
    assert len(rows) == part.rows + part.synthetic
    assert not list(tmp_path.iterdir())
