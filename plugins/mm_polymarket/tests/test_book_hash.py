"""Hashes of whole books: known answers, forms that are tried, and what is not claimed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.normalizer import ConnectionInfo
from mm_framework.contracts.sync_engine import HashCheck
from mm_framework.model.book import OrderBook
from mm_framework.model.fixed import parse
from mm_polymarket.book_hash import BookHash, Told
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.sync import RULES

SCALES = (6, 6)
REST: dict[str, Any] = {
    "market": "0xaabbcc",
    "asset_id": "100",
    "timestamp": "123456789",
    "hash": "",
    "bids": [{"price": "0.3", "size": "100"}, {"price": "0.4", "size": "100.5"}],
    "asks": [{"price": "0.7", "size": "100"}, {"price": "0.6", "size": "20"}],
    "min_order_size": "5",
    "tick_size": "0.01",
    "neg_risk": False,
    "last_trade_price": "0.5",
}


def sha(document: dict[str, Any]) -> str:
    """The rule as the venue's client words it."""
    return hashlib.sha1(json.dumps(document | {"hash": ""}, separators=(",", ":")).encode()).hexdigest()


@attrs.define
class Follower:
    """Keeps one book, as the messages of a normalizer say, and verifies each message."""

    check: HashCheck
    books: dict[str, OrderBook] = attrs.Factory(dict)
    verdicts: list[tuple[str, bool | None]] = attrs.Factory(list)
    symbol: str = ""

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        self.symbol = venue_symbol
        if snapshot:
            self.books[venue_symbol] = OrderBook()
        return carries == "book" and venue_symbol in self.books

    def level(self, side: int, price: str, size: str) -> None:
        assert self.books[self.symbol].apply(side, parse(price, 6), parse(size, 6))

    def trade(self, *numbers: Any) -> None:
        raise AssertionError("not followed")

    def top(self, *prices: Any) -> None:
        raise AssertionError("not followed")

    def end(self, *, digest: str | None = None, **numbers: Any) -> None:
        if digest is not None:
            verdict = self.check.verify(self.books[self.symbol], SCALES, digest, self.symbol)
            self.verdicts.append((self.symbol, verdict))

    def sequence(self, number: int) -> None:
        raise AssertionError("frames have no numbers")

    def control(self, event: object) -> None:
        pass


@pytest.fixture
def follower() -> Follower:
    assert RULES.hash is not None
    return Follower(RULES.hash)


def frame(follower: Follower, body: dict[str, Any] | str, *, rest: bool = False) -> bool | None:
    raw = (body if isinstance(body, str) else json.dumps(body)).encode()
    before = len(follower.verdicts)
    if rest:
        PolymarketNormalizer().http({}, raw, follower)
    else:
        PolymarketNormalizer().decode(raw, ConnectionInfo(0, ""), follower)
    assert len(follower.verdicts) == before + 1
    return follower.verdicts[-1][1]


def test_the_rules_know_no_numbers_but_a_hash() -> None:
    assert (RULES.checksum, RULES.sequence, RULES.crossed, RULES.trade_ids) == (None, None, "resync", False)
    assert isinstance(RULES.hash, BookHash)


def test_a_rest_book_is_proved_or_refuted(follower: Follower) -> None:
    good = REST | {"hash": sha(REST)}
    assert frame(follower, good, rest=True) is True
    assert frame(follower, good | {"timestamp": "123456790"}, rest=True) is False
    assert frame(follower, good | {"last_trade_price": "0.4"}, rest=True) is False
    assert frame(follower, good | {"neg_risk": True}, rest=True) is False
    assert frame(follower, good | {"asks": REST["asks"][:1]}, rest=True) is False


def test_a_rest_book_without_a_last_trade_is_hashed_without_it(follower: Follower) -> None:
    older = {key: value for key, value in REST.items() if key != "last_trade_price"}
    assert frame(follower, older | {"hash": sha(older)}, rest=True) is True
    assert frame(follower, older | {"hash": sha(REST)}, rest=True) is False


@pytest.mark.parametrize(
    "kept", [("tick_size", "last_trade_price"), ("tick_size",), ("last_trade_price",), ()]
)
@pytest.mark.parametrize("risk", [True, False])
def test_what_a_socket_book_leaves_out_is_tried(
    follower: Follower, kept: tuple[str, ...], risk: bool
) -> None:
    whole = REST | {"neg_risk": risk}
    left_out = {"min_order_size", "tick_size", "neg_risk", "last_trade_price"} - set(kept)
    if "last_trade_price" not in kept:
        del whole["last_trade_price"]
    sent = {key: value for key, value in whole.items() if key not in left_out}
    sent |= {"event_type": "book", "hash": sha(whole)}
    assert frame(follower, sent) is True
    assert frame(follower, sent | {"timestamp": "1"}) is None


def test_a_socket_hash_over_a_later_trade_is_unknown_and_not_wrong(follower: Follower) -> None:
    sent = REST | {"event_type": "book", "hash": sha(REST | {"last_trade_price": "0.49"})}
    del sent["neg_risk"]
    assert frame(follower, sent) is None


def test_every_known_tick_is_tried(follower: Follower) -> None:
    finer = REST | {"tick_size": "0.0025", "bids": [{"price": "0.3025", "size": "1"}]}
    del finer["last_trade_price"]
    sent = {key: finer[key] for key in ("market", "asset_id", "timestamp", "bids", "asks")}
    assert frame(follower, sent | {"event_type": "book", "hash": sha(finer)}) is True
    coarse = finer | {"tick_size": "0.01"}
    assert frame(follower, sent | {"event_type": "book", "hash": sha(coarse)}) is True
    odd = finer | {"tick_size": "0.02"}
    assert frame(follower, sent | {"event_type": "book", "hash": sha(odd)}) is None


def test_a_price_change_carries_the_hash_of_the_book_after_it(follower: Follower) -> None:
    frame(follower, REST | {"hash": sha(REST)}, rest=True)
    after = REST | {"timestamp": "5", "bids": REST["bids"][:1], "asks": REST["asks"]}
    del after["last_trade_price"]
    entry = {"asset_id": "100", "price": "0.4", "size": "0", "side": "BUY", "hash": sha(after)}
    change = {"event_type": "price_change", "market": "0xaabbcc", "timestamp": "5", "price_changes": [entry]}
    assert frame(follower, change) is True
    wrong = change | {"price_changes": [entry | {"price": "0.3", "size": "1"}]}
    assert frame(follower, wrong) is None


@given(st.sampled_from(["bids", "asks"]), st.integers(1, 99), st.integers(1, 10**9))
def test_a_changed_level_is_noticed(side: str, price: int, size: int) -> None:
    follower = Follower(BookHash())
    level = {"price": f"{price / 100:g}", "size": str(size)}
    changed = sorted([*REST[side], level], key=lambda one: float(one["price"]), reverse=side == "asks")
    if level["price"] in {one["price"] for one in REST[side]}:
        return
    assert frame(follower, REST | {side: changed, "hash": sha(REST)}, rest=True) is False
    assert frame(follower, REST | {side: changed, "hash": sha(REST | {side: changed})}, rest=True) is True


def test_what_is_told_is_text_that_can_be_kept() -> None:
    told = Told("ab", "0x1", "5", neg_risk=True).encode()
    assert json.loads(told) == {"hash": "ab", "market": "0x1", "timestamp": "5", "neg_risk": True}


def test_the_published_vectors(shared_data: Path) -> None:
    vectors = json.loads((shared_data / "vectors.json").read_text())["polymarket_book_hash"]["vectors"]
    assert len(vectors) == 2
    for vector in vectors:
        follower = Follower(BookHash())
        assert frame(follower, vector["book"] | {"hash": vector["expected"]}, rest=True) is True


def test_six_of_six_recorded_rest_books(shared_data: Path) -> None:
    follower = Follower(BookHash())
    for answer in json.loads((shared_data / "polymarket" / "clob_books_3markets_20260517.json").read_text()):
        assert frame(follower, answer, rest=True) is True
    assert len(follower.books) == 6


def test_recorded_price_changes_reproduce_the_rest_levels_and_hashes(
    shared_data: Path, follower: Follower
) -> None:
    path = shared_data / "polymarket" / "hashed_book_pricechange_rest_20251023.ndjson"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds == ["ws_book", "ws_price_change", "rest_book", "ws_price_change", "rest_book"]
    for line in lines:
        if line["kind"] != "rest_book":
            assert frame(follower, line["raw"]) is True
            continue
        ((token, kept),) = follower.books.items()
        witness = Follower(BookHash())
        assert frame(witness, line["raw"], rest=True) is True
        assert (kept.bids(), kept.asks()) == (witness.books[token].bids(), witness.books[token].asks())


def test_books_of_2024_have_the_short_form(shared_data: Path, follower: Follower) -> None:
    path = shared_data / "polymarket" / "ws_market_frames_edited_a_202412.ndjson"
    for line in path.read_bytes().splitlines():
        if line.strip():
            PolymarketNormalizer().decode(line.strip(), ConnectionInfo(0, ""), follower)
    verdicts = [verdict for _, verdict in follower.verdicts]
    assert verdicts == [True] * 5 + [None] + [True] * 2, "one frame holds two changes of different times"
