"""Every recording: what is in it, and what the run that it makes proves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mm_framework.bundle.containers import detect, read
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass
from mm_framework.model.frame import RecordKind
from mm_polymarket.normalizer import PolymarketNormalizer

FILES = {
    "hashed_book_pricechange_rest_20251023.ndjson": (5, {"book": 7}, 2),
    "clob_books_3markets_20260517.json": (1, {"book": 6}, 6),
    "clob_markets_fed_june_20260517.json": (1, {}, 10),
    "gamma_event_fed_june_20260517.json": (1, {}, 10),
    "gamma_markets_202606.json": (1, {}, 4),
    "clob_markets_page.json.gz": (1, {}, 198),
    "ws_market_frames_edited_a_202412.ndjson": (10, {"book": 8, "trade": 1}, 1),
    "ws_book_sample.json": (1, {"book": 1}, 0),
    "ws_price_change_sample.json": (1, {"book": 1}, 0),
    "ws_tick_size_change_sample.json": (1, {}, 1),
}


def read_item(kind: RecordKind | None, payload: bytes, out: Any) -> FrameClass:
    """As the importer does: where the container does not tell, a body is one that is no frame."""
    normalizer = PolymarketNormalizer()
    if kind is RecordKind.HTTP:
        return normalizer.http({}, payload, out)
    found = normalizer.decode(payload, ConnectionInfo(0, ""), out)
    return normalizer.http({}, payload, out) if kind is None and found is FrameClass.UNKNOWN else found


@pytest.mark.parametrize("name", FILES)
def test_a_recording_is_read_to_its_end(shared_data: Path, writer: Any, name: str) -> None:
    path = shared_data / "polymarket" / name
    items, carried, controls = FILES[name]
    found = [read_item(item.kind, item.payload, writer) for item in read(path, detect(path))]
    assert len(found) == items
    assert FrameClass.UNKNOWN not in found
    assert Counter(message["carries"] for message in writer.messages) == carried
    assert len(writer.controls) == controls


def test_no_recording_is_left_out(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "polymarket").iterdir()} == set(FILES)


def test_vectors_are_known(shared_data: Path, rest: Callable[[str], FrameClass]) -> None:
    for vector in json.loads((shared_data / "vectors.json").read_text())["polymarket_book_hash"]["vectors"]:
        assert rest(json.dumps(vector["book"])) is FrameClass.DATA


@pytest.mark.parametrize(
    ("name", "verified_hashes", "unverified", "books"),
    [
        ("hashed_book_pricechange_rest_20251023.ndjson", 5, 0, 1),
        ("clob_books_3markets_20260517.json", 6, 0, 6),
        ("ws_market_frames_edited_a_202412.ndjson", 7, 1, 1),
        ("ws_book_sample.json", 0, 1, 1),
    ],
)
def test_books_of_a_recording_are_proved_by_their_hashes(
    shared_data: Path,
    verified: Callable[..., dict[str, Any]],
    name: str,
    verified_hashes: int,
    unverified: int,
    books: int,
) -> None:
    document = verified(shared_data / "polymarket" / name)
    assert document["ok"], document["failures"]
    assert document["hashes"] == {"verified": verified_hashes, "unverified": unverified, "failed": 0}
    assert document["gaps"] == document["crossed"] == document["malformed"] == document["unknown"] == 0
    assert document["epochs"] == books


def test_the_book_after_both_price_changes_is_that_of_the_last_rest_answer(
    shared_data: Path, verified: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    path = shared_data / "polymarket" / "hashed_book_pricechange_rest_20251023.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    socket, witness = tmp_path / "socket.ndjson", tmp_path / "rest.ndjson"
    socket.write_text("".join(line for line in lines if "rest_book" not in line))
    witness.write_text(lines[-1])
    digests = [
        {book["book_digest"] for book in verified(part)["instruments"].values() if book["levels"]}
        for part in (socket, witness)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 1
