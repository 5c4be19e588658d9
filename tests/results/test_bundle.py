"""Result bundles: whole or not at all, and clear words for what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mm_framework.errors import ConfigError, EnvironmentFailed, ManifestMismatch, SchemaMismatch, StoreError
from mm_framework.results.bundle import TABLES, Result, read_result, result_path, write_result
from mm_framework.results.parts import TableParts

DOCUMENT: dict[str, Any] = {"format": 1, "ok": True, "summary": {}}


def tables() -> dict[str, pa.Table]:
    return {name: pa.table({"x": [1, 2]}) for name in TABLES}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_result(tmp_path / "results" / "one", DOCUMENT, tables())
    again = read_result(tmp_path / "results" / "one")
    assert again.document == DOCUMENT
    assert again.fills.equals(tables()["fills"])
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["one"]


def test_a_table_that_is_made_in_parts_is_written_whole(tmp_path: Path) -> None:
    """The folder holds what the table in memory does, whatever the parts."""
    whole = pa.table({"x": range(300_000)})
    parts = TableParts(whole.schema, lambda: iter(whole.to_batches(max_chunksize=10_000)))
    result = write_result(tmp_path / "one", DOCUMENT, {**tables(), "equity": parts})
    assert result.equity.equals(whole)
    assert read_result(tmp_path / "one").equity.equals(whole)
    none = TableParts(whole.schema, lambda: iter([]))
    write_result(tmp_path / "two", DOCUMENT, {**tables(), "equity": none})
    assert read_result(tmp_path / "two").equity.equals(whole.slice(0, 0))


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    bad = {**tables(), "tops": None}
    with pytest.raises(AttributeError):
        write_result(tmp_path / "one", DOCUMENT, bad)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailed, match="cannot write"):
        write_result(tmp_path / "file" / "one", DOCUMENT, tables())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(ConfigError, match="never overwritten"):
        write_result(tmp_path / "one", DOCUMENT, tables())


def test_a_result_is_told_in_one_line(tmp_path: Path) -> None:
    """As the last line of a cell of a notebook, where its document would be pages."""
    document = DOCUMENT | {
        "summary": {"fills": 7},
        "configuration": {"strategies": {"maker": {}}},
        "instruments": [{"id": "toy:A/EUR"}],
    }
    assert repr(Result(document)) == "<Result of maker on toy:A/EUR: 7 fills, in memory>"
    failed = Result(document | {"ok": False}, tmp_path)
    assert repr(failed) == f"<Result of maker on toy:A/EUR: 7 fills, a strategy failed, {tmp_path}>"


def test_what_is_no_result_is_told(tmp_path: Path) -> None:
    (tmp_path / "sweep" / "points").mkdir(parents=True)
    with pytest.raises(StoreError, match="sweep is a sweep, told by its table"):
        read_result(tmp_path / "sweep")
    with pytest.raises(StoreError, match="there is no result at"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(ManifestMismatch, match="is not readable"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(SchemaMismatch, match="of format 2, this version knows 1"):
        read_result(tmp_path)


def test_a_table_that_is_gone_or_damaged_is_named(tmp_path: Path) -> None:
    write_result(tmp_path / "one", DOCUMENT, tables())
    (tmp_path / "one" / "fills.parquet").unlink()
    (tmp_path / "one" / "equity.parquet").write_bytes(b"no")
    result = read_result(tmp_path / "one")
    with pytest.raises(ManifestMismatch, match=r"fills.parquet is missing"):
        _ = result.fills
    with pytest.raises(StoreError, match=r"equity.parquet is not readable"):
        _ = result.equity


def test_a_name_is_an_id_or_else_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "one").mkdir(parents=True)
    (tmp_path / "two").mkdir()
    assert result_path(tmp_path / "results", "one") == tmp_path / "results" / "one"
    assert result_path(tmp_path / "results", "two") == Path("two")
    assert result_path(tmp_path / "results", "gone") == tmp_path / "results" / "gone"
