"""The writer that keeps what a normalizer says, and refuses what the contract does not allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, Pong
from mm_framework.model.events import NULL
from mm_framework.testing.writer import KeepingWriter, Told, ToldMessage, read


def test_messages_are_kept_with_their_rows_and_the_numbers_that_were_told() -> None:
    out = KeepingWriter()
    assert out.begin("book", "book", "A/B", snapshot=True)
    out.level(1, "1.50", "2")
    out.end(last=7, checksum=NULL, depth=10)
    assert out.begin("trade", "trade", "A/B")
    out.trade(-1, "1.5", "0.1", 4)
    out.end()
    assert out.begin("ticker", "ticker", "A/B", wire="9")
    out.top("1", None, None, None)
    out.end()
    out.sequence(3)
    out.control(Pong(1))
    told = out.told(FrameClass.DATA)
    assert told.messages == (
        ToldMessage("book", "book", "A/B", ((1, "1.50", "2"),), True, {"last": 7, "depth": 10}),
        ToldMessage("trade", "trade", "A/B", ((-1, "1.5", "0.1", 4, NULL),)),
        ToldMessage("ticker", "ticker", "A/B", (("1", None, None, None),)),
    )
    assert (told.controls, told.sequence) == ((Pong(1),), 3)
    assert told.texts() == ["1.50", "2", "1.5", "0.1", "1"]


def test_an_instrument_that_is_not_followed_is_not_written() -> None:
    out = KeepingWriter(followed=lambda symbol: symbol == "A/B")
    assert not out.begin("book", "book", "C/D")
    assert out.told(None) == Told(None)


def book(out: KeepingWriter) -> KeepingWriter:
    out.begin("book", "book", "A/B")
    return out


WRONG: list[tuple[str, Callable[[KeepingWriter], Any]]] = [
    ("not ended", lambda out: book(book(out))),
    ("carries is", lambda out: out.begin("x", "candles", "A/B")),
    ("is not a text", lambda out: out.begin("book", "book", 7)),  # type: ignore[arg-type]
    ("is empty", lambda out: out.begin("book", "book", "")),
    ("not between begin and end", lambda out: out.level(1, "1", "1")),
    ("in a message of book", lambda out: book(out).trade(1, "1", "1")),
    ("must stay its text", lambda out: book(out).level(1, 1.5, "1")),  # type: ignore[arg-type]
    ("side of a level", lambda out: book(out).level(0, "1", "1")),
    ("end without begin", lambda out: out.end()),
    ("expected an integer", lambda out: book(out).end(last="7")),  # type: ignore[arg-type]
    ("expected an integer", lambda out: out.sequence(True)),
    ("never ended", lambda out: book(out).told(FrameClass.DATA)),
]


@pytest.mark.parametrize(("match", "write"), WRONG)
def test_what_the_contract_does_not_allow_is_refused(
    match: str, write: Callable[[KeepingWriter], Any]
) -> None:
    with pytest.raises(AssertionError, match=match):
        write(KeepingWriter())


def test_a_side_of_a_trade_is_one_of_three() -> None:
    out = KeepingWriter()
    out.begin("trade", "trade", "A/B")
    out.trade(0, "1", "1")
    with pytest.raises(AssertionError, match="side of a trade"):
        out.trade(2, "1", "1")


def test_decode_must_say_what_a_frame_was() -> None:
    class Silent:
        version = "1"

        def decode(self, frame: bytes, connection: ConnectionInfo, out: Any) -> Any:
            return None

    with pytest.raises(AssertionError, match="expected a FrameClass"):
        read(Silent(), b"{}")  # type: ignore[arg-type]
