"""Stores of older schemas: read, and built anew as a whole; newer ones are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from toy_store import build_toy, opened, toy_run

from mm_framework.errors import SchemaMismatch
from mm_framework.store import builder, manifest
from mm_framework.store.verify import verify_store

FIXTURE = Path(__file__).parent / "fixtures" / "store_v1"


def test_a_store_of_schema_1_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = opened(FIXTURE, tmp_path)
    assert store.manifest.schema == 1
    assert (store.manifest.rows, store.manifest.digest) == (
        106,
        "0578f5e8ffa4f78f7440fb5b6c3d650f0abf6d878359cfecf8f19989571b33c6",
    )
    assert store.events(policy="any").digest() == (
        "bcf014b82347018daf9ed6bff24050693e8430be98c1ee82048b0aac67ebed6a"
    )
    assert verify_store(store).ok


@pytest.fixture
def of_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next release, whose tables are of schema 2."""
    monkeypatch.setattr(manifest, "SCHEMA_VERSION", 2)
    monkeypatch.setattr(builder, "SCHEMA_VERSION", 2)
    fresh = manifest.StoreManifest
    monkeypatch.setattr(builder, "StoreManifest", _Schema2(fresh))


class _Schema2:
    """Makes manifests as the next release would."""

    def __init__(self, made: type[manifest.StoreManifest]) -> None:
        self._made, self.read, self.decode = made, made.read, made.decode

    def __call__(self, **fields: object) -> manifest.StoreManifest:
        return self._made(**{**fields, "schema": 2})  # type: ignore[arg-type]


@pytest.mark.usefixtures("of_tomorrow")
def test_a_build_derives_everything_anew_also_what_is_not_named(tmp_path: Path) -> None:
    first, second = toy_run(tmp_path / "first", steps=20), toy_run(tmp_path / "second", steps=20, seed=2)
    build_toy(tmp_path / "store", first)
    path = tmp_path / "store" / "manifest.json"
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 1'))
    assert opened(tmp_path / "store", tmp_path).manifest.schema == 1
    report = build_toy(tmp_path / "store", second)
    assert report.read == ("first", "second")
    assert opened(tmp_path / "store", tmp_path).manifest.schema == 2


@pytest.mark.usefixtures("of_tomorrow")
def test_an_input_that_is_gone_stops_the_upgrade_and_the_store_stays(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "store")
    before = (tmp_path / "store" / "manifest.json").read_bytes()
    with pytest.raises(SchemaMismatch, match="input first is not where it was"):
        build_toy(tmp_path / "store", toy_run(tmp_path / "second", steps=20))
    assert (tmp_path / "store" / "manifest.json").read_bytes() == before
    assert verify_store(opened(tmp_path / "store", tmp_path)).ok


def test_a_newer_store_is_refused_and_not_touched(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "store")
    path = tmp_path / "store" / "manifest.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 99'))
    before = sorted(one for one in (tmp_path / "store").rglob("*") if one.is_file() and one.name != ".lock")
    for _ in range(2):
        with pytest.raises(SchemaMismatch, match="schema 99"):
            build_toy(tmp_path / "store", toy_run(tmp_path / "run", steps=20))
        shutil.rmtree(tmp_path / "run")
    after = sorted(one for one in (tmp_path / "store").rglob("*") if one.is_file() and one.name != ".lock")
    assert before == after
