"""The text of files of best prices: what is no text is a bad line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.bundle.bbo_columns import BBO_COLUMNS
from mm_framework.store.bbo_text import BboText, Utf8


def test_bytes_that_are_no_text_are_bad_lines_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A comma that became another byte: the line has a column less, and cannot be told as text."""
    lines = [",".join(BBO_COLUMNS), *(",".join(["x"] * 12) for _ in range(50))]
    data = bytearray("\n".join(lines).encode() + b"\n")
    data[data.index(b",", 400)] ^= 0xFF
    (tmp_path / "best.csv").write_bytes(data)
    text = BboText(tmp_path / "best.csv")
    assert sum(len(columns["bid"]) for columns in text.batches()) == 49
    assert text.bad_lines == 1
    assert capfd.readouterr().err == ""


@given(st.binary(max_size=60), st.integers(5, 9))
def test_a_stream_of_any_bytes_is_text_of_the_same_length(data: bytes, size: int) -> None:
    stream = Utf8(io.BytesIO(data))
    parts = list(iter(lambda: stream.read(size), b""))
    read = b"".join(parts)
    assert all(len(part) <= size for part in parts)
    assert len(read) == len(data)
    assert read == data.decode("utf-8", "surrogateescape").encode("utf-8", "replace")
