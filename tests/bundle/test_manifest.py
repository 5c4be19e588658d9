"""The manifest: one spelling, read back whole, and plain words for what cannot be read."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import toy_manifest

from mm_framework.bundle.manifest import MANIFEST, Manifest, PluginUsed, ShardInfo
from mm_framework.contracts.adapter import Subscription
from mm_framework.errors import EnvironmentFailed, ManifestMismatch, SchemaMismatch

FULL = attrs.evolve(
    toy_manifest("r1"),
    flags=("untimed",),
    assume_receive="fixed:5",
    shards=(ShardInfo(0, "toy", (Subscription("toy:A/B", "A/B", "book", 5),)),),
    plugins=(PluginUsed("mm-kraken", "0.1.0", "kraken", "v1"),),
    config={"bundle": {"queue_mib": {"value": 64.0, "origin": "default"}}},
    clock_samples=({"offset_ns": -3},),
    source={"files": ["x"]},
    previous_run="r0",
    result={"frames": 3},
)


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    FULL.write(tmp_path)
    assert Manifest.read(tmp_path) == FULL
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    assert Manifest.decode(FULL.encode(), Path("p")).encode() == FULL.encode()
    assert FULL.untimed
    assert not toy_manifest("r").untimed


def test_a_manifest_of_a_newer_release_says_so() -> None:
    body = {**json.loads(FULL.encode()), "version": 2, "something": "new"}
    with pytest.raises(SchemaMismatch, match="has schema 2, this version reads up to 1: use a newer"):
        Manifest.decode(json.dumps(body).encode(), Path("p"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is not the manifest of a run bundle"),
        ({"surplus": 1}, "has keys that schema 1 does not know: ['surplus']"),
        ({"wall0_ns": "soon"}, "does not fit schema 1: Expected `int`, got `str` - at `$.wall0_ns`"),
        ({"state": "asleep"}, "does not fit schema 1: Invalid enum value 'asleep'"),
        ({"run_id": "../x"}, "does not fit schema 1: run id '../x'"),
        ({"shards": [{"shard": 0}]}, "missing required field `venue` - at `$.shards[0]`"),
    ],
)
def test_what_does_not_fit_is_told_by_path(change: dict[str, Any], message: str) -> None:
    body = {**json.loads(FULL.encode()), **change}
    with pytest.raises(ManifestMismatch, match=re.escape(message)):
        Manifest.decode(json.dumps(body).encode(), Path("p"))


@given(st.binary(max_size=40))
def test_no_bytes_do_worse_than_a_typed_error(data: bytes) -> None:
    with pytest.raises((ManifestMismatch, SchemaMismatch)):
        Manifest.decode(data, Path("p"))


@given(position=st.integers(0, len(FULL.encode()) - 1), octet=st.integers(0, 255))
def test_a_damaged_byte_gives_a_manifest_or_a_typed_error(position: int, octet: int) -> None:
    data = bytearray(FULL.encode())
    data[position] = octet
    with contextlib.suppress(ManifestMismatch, SchemaMismatch):
        assert isinstance(Manifest.decode(bytes(data), Path("p")), Manifest)


def test_an_absent_manifest_means_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ManifestMismatch, match=r"has no manifest\.json: it is no run bundle"):
        Manifest.read(tmp_path)


def test_a_manifest_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match=r"cannot write .*manifest\.json"):
        FULL.write(tmp_path / "absent")
