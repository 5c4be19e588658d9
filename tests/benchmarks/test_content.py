"""The content has the shape of the venues' traffic, and its books are proved."""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path

import msgspec
import pytest

from mm_framework.bundle.verify import verify


@pytest.mark.parametrize("name", ["book10", "book25"])
def test_updates_have_the_shape_of_recorded_ones(name: str) -> None:
    """Recordings: 194 bytes and 1.3 levels, 212 bytes and 2.0 levels in the mean, one side a message."""
    from content import emulate

    frames = [item.payload for item in emulate(name, 0.1) if item.direction == "in"]
    books = [frame for frame in frames if frame.startswith(b'{"channel":"book","type":"update"')]
    assert len(books) > 0.9 * len(frames)
    assert 190 < statistics.mean(map(len, books)) < 215
    updates = [msgspec.json.decode(frame)["data"][0] for frame in books]
    assert 1.3 < statistics.mean(len(one["bids"]) + len(one["asks"]) for one in updates) < 2.0
    assert not any(one["bids"] and one["asks"] for one in updates)


def _updates(name: str, part: float, begins: bytes) -> list[bytes]:
    from content import emulate

    frames = [item.payload for item in emulate(name, part) if item.direction == "in"]
    updates = [frame for frame in frames if frame.startswith(begins)]
    assert len(updates) > 0.98 * len(frames)
    return updates


def test_updates_of_binance_have_40_levels_and_join_the_snapshot() -> None:
    from content import emulate

    frames = _updates("binance", 0.1, b'{"stream":"btcusdt@depth@100ms"')
    updates = [msgspec.json.decode(frame)["data"] for frame in frames]
    assert 35 < statistics.mean(len(one["b"]) + len(one["a"]) for one in updates) < 45
    assert 1250 < statistics.mean(map(len, frames)) < 1650
    assert all(one["U"] == before["u"] + 1 for before, one in itertools.pairwise(updates))
    (snapshot,) = (item for item in emulate("binance", 0.01) if item.direction == "http")
    assert snapshot.url.endswith("/depth?symbol=BTCUSDT&limit=1000")
    body = msgspec.json.decode(snapshot.payload)
    assert updates[0]["U"] < body["lastUpdateId"] < updates[10]["u"]
    assert min(len(body["bids"]), len(body["asks"])) > 500


@pytest.mark.parametrize(("name", "size", "tail"), [("bitfinex", 46, 2), ("bitfinex_seq", 32, 1)])
def test_frames_of_bitfinex_have_a_level_and_are_numbered(name: str, size: int, tail: int) -> None:
    """With its prices of five digits, and times where they are asked for."""
    frames = _updates(name, 0.1, b"[")
    assert size - 3 < statistics.median(map(len, frames)) < size + 5
    numbers = [msgspec.json.decode(frame)[-tail] for frame in frames]
    assert numbers == list(range(1, len(numbers) + 1))
    checksums = [frame for frame in frames if b'"cs"' in frame]
    assert len(checksums) == (pytest.approx(9, abs=2) if tail == 2 else 0)


def test_frames_of_polymarket_change_both_tokens() -> None:
    frames = _updates("polymarket", 0.5, b'{"market":')
    assert 550 < statistics.median(map(len, frames)) < 650
    changes = [msgspec.json.decode(frame)["price_changes"] for frame in frames]
    assert all(len({entry["asset_id"] for entry in entries}) == 2 for entries in changes)


@pytest.mark.parametrize("name", ["binance", "bitfinex", "polymarket"])
def test_the_books_of_a_recording_are_proved(name: str, tmp_path: Path) -> None:
    from content import RECIPES, bundle, emulate, load
    from venues import KITS

    bundle(emulate(name, 0.01), tmp_path / name, RECIPES[name].venue)
    report = verify(load(tmp_path, name).run, KITS)
    assert report.ok
    assert report.counts.epochs == (2 if name == "polymarket" else 1)
    assert report.counts.gaps == report.counts.crossed == report.counts.malformed == 0
    proofs = report.counts.sequence_applied + report.counts.hashes_verified
    assert proofs > 0.9 * report.counts.messages - 10


def test_the_same_recipe_gives_the_same_bytes() -> None:
    from content import RECIPES, emulate

    for name in RECIPES:
        assert emulate(name, 0.01) == emulate(name, 0.01)
