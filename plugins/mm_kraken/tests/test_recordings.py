"""Recordings of Kraken, imported and verified: every checksum that the venue sent holds for our books."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kraken_tape import as_v1, books

from mm_framework.bundle.containers import detect, read
from mm_framework.model.frame import RecordKind
from mm_framework.testing.recordings import Recorded, write_raw, write_recorder

Verified = Callable[..., dict[str, Any]]

MINA = "v2_book25_MINA-GBP_20260816.ndjson"
RESTORED = "v2_book10_BTC-USD_20230730_restored.ndjson.gz"
AS_FOUND = "v2_book10_BTC-USD_20230730_asfound.json.gz"
V1_BOOK = "v1_book1000_5pairs_20210417.ndjson.gz"


def frames_of(path: Path) -> list[bytes]:
    return [item.payload for item in read(path, detect(path)) if item.kind is RecordKind.FRAME]


def assert_tops(document: dict[str, Any], frames: list[bytes], depth: int | None) -> None:
    """The books at the end have the best levels that the oracle of the tests has."""
    last = {message.symbol.replace("XBT", "BTC"): book for _, message, book in books(frames, depth)}
    assert set(document["instruments"]) == {f"kraken:{symbol}" for symbol in last}
    for symbol, book in last.items():
        shown = document["instruments"][f"kraken:{symbol}"]
        for side, price_key, size_key in ((1, "bid", "bid_size"), (-1, "ask", "ask_size")):
            price, size = book.best(side)[0]
            assert shown[price_key] == f"{price.normalize():f}"
            assert shown[size_key] == f"{size.normalize():f}"


@pytest.mark.parametrize(
    ("name", "checksums", "frames", "depth", "precision"),
    [
        (MINA, 30, 92, 25, (4, 8)),
        (RESTORED, 510, 510, 10, (1, 8)),
        (AS_FOUND, 510, 510, 10, (1, 8)),
        (V1_BOOK, 2106, 2148, 1000, None),
    ],
    ids=["v2 MINA", "v2 restored", "v2 as found", "v1"],
)
def test_every_checksum_of_a_recording_holds(
    shared_data: Path,
    verified: Verified,
    name: str,
    checksums: int,
    frames: int,
    depth: int,
    precision: tuple[int, int] | None,
) -> None:
    path = shared_data / "kraken" / name
    document = verified(path)
    assert document["ok"], document["failures"]
    assert document["checksums"] == {"verified": checksums, "failed": 0}
    assert document["frames"] == frames
    assert document["totals"]["errors"] == document["totals"]["crc_mismatch"] == 0
    assert document["gaps"] == document["crossed"] == document["malformed"] == document["unknown"] == 0
    assert document["epochs"] == len(document["instruments"])
    assert_tops(document, frames_of(path), depth)


@pytest.mark.parametrize(
    ("symbol", "checksums"),
    [("XMR/USD", 846), ("WAVES/EUR", 576), ("ADA/XBT", 347), ("ETH/CHF", 317), ("GRT/ETH", 20)],
)
def test_each_pair_of_the_old_recording_can_be_imported_alone(
    shared_data: Path, verified: Verified, symbol: str, checksums: int
) -> None:
    document = verified(shared_data / "kraken" / V1_BOOK, symbols=(symbol,))
    assert document["ok"]
    assert document["checksums"] == {"verified": checksums, "failed": 0}
    assert list(document["instruments"]) == [f"kraken:{symbol.replace('XBT', 'BTC')}"]


def test_the_old_recordings_of_one_moment_are_one_run(shared_data: Path, verified: Verified) -> None:
    folder = shared_data / "kraken"
    parts = [V1_BOOK, "v1_trade_5pairs_20210417.ndjson.gz", "v1_ticker_5pairs_20210417.ndjson.gz"]
    document = verified(folder / "rest_asset_pairs_20210417.ndjson.gz", *(folder / part for part in parts))
    assert document["ok"], document["failures"]
    assert document["checksums"] == {"verified": 2106, "failed": 0}
    assert document["trades"] == 4, "three frames, one of them with two prints"
    assert document["counts"]["tops"] == 8
    assert document["counts"]["http"] == 1
    assert_tops(document, frames_of(folder / V1_BOOK), 1000)


@pytest.mark.parametrize(
    ("name", "data", "unknown"),
    [
        ("v1_trade_5pairs_20210417.ndjson.gz", 3, 0),
        ("v1_ticker_5pairs_20210417.ndjson.gz", 8, 0),
        ("rest_asset_pairs_20210417.ndjson.gz", 0, 0),
        ("single_frames_cryptocrawler_a.ndjson", 3, 8),
    ],
)
def test_recordings_without_checksums_are_read_and_other_products_count_as_unknown(
    shared_data: Path, verified: Verified, name: str, data: int, unknown: int
) -> None:
    document = verified(shared_data / "kraken" / name)
    assert document["counts"]["data"] == data
    assert document["unknown"] == unknown
    assert document["malformed"] == 0


def test_the_published_vectors_agree_with_those_of_these_tests(shared_data: Path) -> None:
    vectors = json.loads((shared_data / "vectors.json").read_text())
    for name, decimals in (("kraken_v2_book_checksum", (1, 8)), ("kraken_v1_book_checksum", (5, 8))):
        (vector,) = vectors[name]
        assert vector_checksum(vector, decimals) == vector["expected"]


def vector_checksum(vector: dict[str, Any], decimals: tuple[int, int]) -> int:
    from mm_framework.model.book import OrderBook
    from mm_framework.model.fixed import parse
    from mm_framework.sync.checksum import checksum
    from mm_kraken.sync import RULES

    book = OrderBook()
    for side, key in ((1, "bids_high_to_low"), (-1, "asks_low_to_high")):
        for price, size in vector[key]:
            book.apply(side, parse(price, 10), parse(size, 8))
    assert RULES.checksum is not None
    return checksum(RULES.checksum, book, (10, 8), decimals)


def test_a_refusal_as_published_is_a_control_frame(
    shared_data: Path, decode: Callable[[str], Any], writer: Any
) -> None:
    vectors = json.loads((shared_data / "vectors.json").read_text())
    decode(vectors["kraken_v2_control_frames"][0]["received"])
    assert writer.controls[0].text == "Subscription depth not supported"


# The same, on data that is made here.


def test_an_emulated_recording_verifies_whatever_container_it_comes_in(
    tmp_path: Path, verified: Verified, emulated: list[Recorded]
) -> None:
    timed = verified(write_recorder(emulated, tmp_path / "recorder"))
    untimed = verified(write_raw(emulated, tmp_path / "raw"))
    zipped = tmp_path / "zipped"
    zipped.write_bytes(gzip.compress((tmp_path / "raw").read_bytes()))
    for document in (timed, untimed, verified(zipped)):
        assert document["ok"], document["failures"]
        assert document["checksums"]["verified"] > 300
        assert document["checksums"]["failed"] == 0
        assert document["instruments"] == timed["instruments"]
        assert_tops(document, [item.payload for item in emulated if not item.sent], 25)
    assert untimed["flags"] == ["untimed"]
    assert timed["trades"] > 0
    assert timed["unproved_channels"] == ["ticker"]


def test_trailing_zeros_that_a_recorder_lost_are_learned(
    tmp_path: Path, verified: Verified, emulated: list[Recorded]
) -> None:
    def lossy(payload: bytes) -> bytes:
        return json.dumps(json.loads(payload)).encode()

    kept = [item._replace(payload=lossy(item.payload)) for item in emulated if b'"book"' in item.payload]
    assert b"0000}" in b"".join(item.payload for item in emulated)
    assert b"0000}" not in b"".join(item.payload for item in kept)
    document = verified(write_raw(kept, tmp_path / "lossy"))
    assert document["ok"], document["failures"]
    assert document["checksums"]["verified"] > 300


def test_wire_version_1_verifies_like_version_2(
    tmp_path: Path, verified: Verified, emulated: list[Recorded]
) -> None:
    books_v2 = [item for item in emulated if not item.sent and item.payload.startswith(b'{"channel":"book"')]
    old = [item._replace(payload=as_v1(item.payload, 25)) for item in books_v2]
    new_document = verified(write_raw(books_v2, tmp_path / "v2"))
    old_document = verified(write_raw(old, tmp_path / "v1"))
    snapshots = sum(b'"snapshot"' in item.payload for item in books_v2)
    assert old_document["ok"], old_document["failures"]
    assert old_document["checksums"]["verified"] == new_document["checksums"]["verified"] - snapshots
    digests = [
        {name: book["book_digest"] for name, book in document["instruments"].items()}
        for document in (new_document, old_document)
    ]
    assert digests[0] == digests[1]
