"""Zip files are read as they are named, and hostile ones are refused with their name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from data_sets import T0_US, archive

from mm_framework.bundle.binance_files import binance_files, check_sum
from mm_framework.errors import StoreError

NAME = "BTCUSDT-aggTrades-2025-01-01"
LINE = f"1,10.5,2,1,1,{T0_US},True,True"


def read(path: Path) -> list[bytes]:
    (file,), _ = binance_files([path], "binance")
    return [group.payload for group in file.groups()]


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def test_lines_of_one_time_are_one_group(tmp_path: Path) -> None:
    later = LINE.replace(str(T0_US), str(T0_US + 1))
    assert read(archive(tmp_path, NAME, [LINE, LINE, later])) == [
        f"{LINE}\n{LINE}".encode(), later.encode(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (
            [("../../evil.csv", b"x")],
            r"holds '../../evil.csv', expected BTCUSDT-aggTrades-2025-01-01.csv alone",
        ),
        ([(f"/{NAME}.csv", b"x")], "holds"),
        ([(f"{NAME}.csv", b"x"), ("more.csv", b"y")], "'more.csv', expected"),
        ([], "holds nothing"),
        ([(f"{NAME}.csv", b"0" * 10_000_000)], "expand to 10000000: over 100 times"),
        ([(f"{NAME}.csv", b"1,2\n")], "line 1: found '1,2', expected 7 or 8 columns of aggTrades"),
        ([(f"{NAME}.csv", LINE.replace(str(T0_US), "now").encode())], "column 6 a time"),
        ([(f"{NAME}.csv", bytes(range(48, 58)) * 500)], "line 1: longer than 4096 bytes"),
    ],
)
def test_what_such_a_file_does_not_hold_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], error: str
) -> None:
    with pytest.raises(StoreError, match=error):
        read(zipped(tmp_path / f"{NAME}.zip", *members))
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.zip"]


def test_a_damaged_zip_and_an_encrypted_one_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, NAME, [LINE] * 100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="damaged zip"):
        read(path)
    flipped = bytearray(whole)
    flipped[60 + len(NAME)] ^= 0xFF
    path.write_bytes(flipped)
    with pytest.raises(StoreError, match="damaged zip"):
        read(path)
    place = whole.index(b"PK\x01\x02")
    path.write_bytes(whole[: place + 8] + b"\x01" + whole[place + 9 :])
    with pytest.raises(StoreError, match="encrypted"):
        read(path)


def test_a_name_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, "stuff", [LINE])
    with pytest.raises(StoreError, match="does not say what is in it"):
        read(path)


def test_a_checksum_beside_must_fit(tmp_path: Path) -> None:
    path = archive(tmp_path, NAME, [LINE])
    beside = path.with_name(f"{NAME}.zip.CHECKSUM")
    digest = beside.read_text().split()[0]
    assert check_sum(path, digest)
    with pytest.raises(StoreError, match=r"its \.CHECKSUM says .*fetch it again"):
        check_sum(path, digest[::-1])
    beside.write_text(f"{digest}  other.zip\n")
    with pytest.raises(StoreError, match="expected one line, the SHA-256 of"):
        check_sum(path, digest)
    beside.unlink()
    assert not check_sum(path, digest)
