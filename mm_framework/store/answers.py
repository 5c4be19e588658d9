"""Answers of queries as text: JSON values, CSV, a Parquet file."""

from __future__ import annotations

import csv
import io
import math
import os
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.disk import sync_folder, writing

__all__ = ["csv_text", "json_rows", "write_parquet"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as JSON values: decimals as exact text, times in ISO 8601, no NaN."""
    return [{name: _json(value) for name, value in row.items()} for row in table.to_pylist()]


def csv_text(table: pa.Table) -> str:
    """The rows as CSV with a header; text that a spreadsheet would take for a formula begins with ``'``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write the file at once. Raises EnvironmentFailed."""
    temporary = path.with_name(path.name + ".part")
    with writing(path):
        pq.write_table(table, temporary, compression="zstd")
        os.replace(temporary, path)
        sync_folder(path.parent)


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _json(one) for key, one in value.items()}
    return value


def _cell(value: Any) -> Any:
    value = _json(value)
    if isinstance(value, list):
        return ";".join(str(one) for one in value)
    is_text = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_text and not _number(value) else value


def _number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
