"""Hashes of whole books from integers: the text of a `HashText` as the reference writes it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.sync_engine import HashText
from mm_framework.kernels.mode import mode
from mm_framework.model.events import ASK, BID
from mm_framework.model.fixed import text

numba = pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from mm_framework.kernels import layout  # noqa: E402
from mm_framework.kernels.digest import (  # noqa: E402
    LEVEL_BYTES,
    MAX_HASH_SCALE,
    TEXT_SLACK,
    compile_hash,
    digest_holds,
)
from mm_framework.kernels.loader import active  # noqa: E402
from mm_framework.kernels.memory import Buffer  # noqa: E402
from mm_framework.kernels.native_book import NativeBook  # noqa: E402
from mm_framework.kernels.sha1 import SHA1_BYTES  # noqa: E402

SPEC = HashText(
    head=("<", "market", "|", "symbol", "|", "time", "|"),
    level=("(", " x ", ")"),
    between="|",
    endings=(">", ", the other form>", "!" * 100),
)
MARKET, SYMBOL, TIME = b"0xabc", b"A-B", b"1700000000000"

Level = tuple[int, int, int]


@numba.njit("int64(int64, int64, int64)")  # type: ignore[untyped-decorator]
def holds_kernel(ctx: int, told: int, instrument: int) -> int:
    return digest_holds(ctx, told, instrument)


class Desk:
    """An instrument, a message and what `digest_holds` reads of them."""

    def __init__(self, spec: HashText, levels: list[Level], scales: tuple[int, int]) -> None:
        assert active()
        self.spec, self.scales, self.book = compile_hash(spec), scales, NativeBook()
        for level in levels:
            self.book.apply(*level)
        self.ctx, self.told = Buffer(layout.CTX_BYTES), Buffer(layout.TOLD_BYTES)
        self.instrument, self.states = Buffer(layout.INSTRUMENT_BYTES), Buffer(3 * SHA1_BYTES)
        self.texts = {name: Buffer(len(name)) for name in (MARKET, SYMBOL, TIME)}
        for name, buffer in self.texts.items():
            buffer.view[:] = name
        self.put(self.ctx, layout.CTX_HASH, self.spec.address)
        self.put(self.ctx, layout.CTX_HASH_STATES, self.states.address)
        self.put(self.instrument, layout.INSTRUMENT_BOOK, self.book.address)
        self.put(self.instrument, layout.INSTRUMENT_PRICE_SCALE, *scales)
        for block, at, name in (
            (self.told, layout.TOLD_MARKET, MARKET),
            (self.told, layout.TOLD_TIME_TEXT, TIME),
            (self.instrument, layout.INSTRUMENT_NAME, SYMBOL),
        ):
            self.put(block, at, self.texts[name].address, len(name))
        self.room(max(len(levels), 1) * LEVEL_BYTES + TEXT_SLACK)

    def put(self, block: Buffer, at: int, *words: int) -> None:
        for place, word in enumerate(words):
            block.words()[at // 8 + place] = word

    def room(self, size: int) -> None:
        """So many bytes for the text of a side."""
        self.sides = [Buffer(size), Buffer(size)]
        for kept, side in zip((layout.INSTRUMENT_BIDS, layout.INSTRUMENT_ASKS), self.sides, strict=True):
            self.put(self.instrument, kept + layout.SIDE_TEXT, side.address)
            self.put(self.instrument, kept + layout.SIDE_ROOM, size)
            self.put(self.instrument, kept + layout.SIDE_VERSION, -1)

    def holds(self, digest: str) -> int:
        told = Buffer(len(digest))
        told.view[:] = digest.encode()
        self.put(self.told, layout.TOLD_DIGEST, told.address)
        return int(holds_kernel(self.ctx.address, self.told.address, self.instrument.address))

    def document(self, ending: str) -> str:
        """What is digested, written with the reference's numbers."""
        sides = [
            ",".join(f"({text(p, self.scales[0])} x {text(q, self.scales[1])})" for p, q in reversed(levels))
            for levels in (self.book.bids(), self.book.asks())
        ]
        return f"<0xabc|A-B|1700000000000|{sides[0]}|{sides[1]}{ending}"

    def digest(self, ending: str) -> str:
        return hashlib.sha1(self.document(ending).encode()).hexdigest()


levels_of = st.lists(
    st.tuples(
        st.sampled_from([BID, ASK]),
        st.integers(1, 2**63 - 1) | st.integers(1, 10**6),
        st.integers(1, 2**63 - 1) | st.integers(1, 1000).map(lambda n: n * 10**6),
    ),
    max_size=30,
)
scale = st.integers(0, MAX_HASH_SCALE)


@given(levels=levels_of, scales=st.tuples(scale, scale), ending=st.sampled_from(SPEC.endings))
def test_the_hash_of_any_book_holds_with_any_ending(
    levels: list[Level], scales: tuple[int, int], ending: str
) -> None:
    desk = Desk(SPEC, levels, scales)
    assert desk.holds(desk.digest(ending)) == 1
    assert desk.holds(desk.digest("another ending")) == 0
    for other in SPEC.endings:  # whichever held last
        assert desk.holds(desk.digest(other)) == 1


def test_a_change_of_either_side_makes_its_text_anew() -> None:
    desk = Desk(SPEC, [(BID, 10, 1), (ASK, 20, 1)], (2, 3))
    before = desk.digest(">")
    for change in ((BID, 11, 5), (ASK, 19, 7), (BID, 10, 0), (ASK, 20, 2)):
        assert desk.holds(before) == 1
        desk.book.apply(*change)
        assert desk.holds(before) == 0
        before = desk.digest(">")


@pytest.mark.parametrize("digest", ["g" * 40, "A" * 40, ":" * 40, "`" * 40, "/" * 40, "~" * 40, "!" * 40])
def test_what_is_no_digest_does_not_hold(digest: str) -> None:
    assert Desk(SPEC, [(BID, 10, 1)], (2, 3)).holds(digest) == 0


def test_every_digit_of_a_digest_counts() -> None:
    desk = Desk(SPEC, [(BID, 10, 1)], (2, 3))
    digest = desk.digest(">")
    for place, digit in enumerate(digest):
        wrong = f"{digest[:place]}{(int(digit, 16) + 1) % 16:x}{digest[place + 1 :]}"
        assert desk.holds(wrong) == 0


def test_a_text_without_room_says_so() -> None:
    levels: list[Level] = [(BID, price, 5) for price in range(1, 12)]
    desk = Desk(SPEC, levels, (2, 3))
    desk.room(TEXT_SLACK + 10 * LEVEL_BYTES)
    assert desk.holds(desk.digest(">")) == -1
    desk.room(TEXT_SLACK + 11 * LEVEL_BYTES)
    assert desk.holds(desk.digest(">")) == 1


def test_a_level_that_kernels_cannot_write_is_refused() -> None:
    long: Any = ("(" * 17, ",", ")")
    with pytest.raises(ValueError, match="longer than 16"):
        compile_hash(HashText((" ",), long, "", ("",)))
