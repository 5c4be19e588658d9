"""Every check of a normalizer finds the normalizer that breaks it."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec
import pytest
from kit_checks import checks_of, fails, run_check, skips
from toy_conformance import ExactToyNormalizer, _Ticker, toy, toy_shapes

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.errors import MalformedFrame
from mm_framework.kernels.mode import mode
from mm_framework.model.events import ASK
from mm_framework.testing.conformance import Golden, NormalizerConformance, ToldMessage
from mm_framework.testing.simulation import Venue


class Plain(ExactToyNormalizer):
    """Without shapes; the classes below have one bad habit each."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes = ()


class ByFloat(Plain):
    def book(self, body: Any, out: MessageWriter) -> FrameClass:
        body.bids = [(repr(float(price)), size) for price, size in body.bids]
        return super().book(body, out)


class OtherChannel(Plain):
    def ticker(self, body: _Ticker, out: MessageWriter) -> FrameClass:
        if out.begin("tops", "ticker", body.sym):
            out.end()
        return FrameClass.DATA


class AsNumber(Plain):
    def ticker(self, body: _Ticker, out: MessageWriter) -> FrameClass:
        if out.begin("ticker", "ticker", body.sym):
            out.top(float(body.bid), body.bid_size, body.ask, body.ask_size)  # type: ignore[arg-type]
            out.end()
        return FrameClass.DATA


class Unending(Plain):
    def ticker(self, body: _Ticker, out: MessageWriter) -> FrameClass:
        out.begin("ticker", "ticker", body.sym)
        return FrameClass.DATA


class Strict(Plain):
    """Refuses what it does not know."""

    def read(self, body: dict[str, Any], connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        known = {"ch", "op", "sym", "snap", "bids", "asks", "c", "t", "trades", "bid", "ask", "bid_size",
                 "ask_size", "text", "online", "id", "depth", "pd", "sd"}  # fmt: skip
        if not body.keys() <= known:
            raise MalformedFrame("unknown keys")
        return super().read(body, connection, out)


class Lenient(Plain):
    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        try:
            return super().decode(frame, connection, out)
        except MalformedFrame:
            return FrameClass.UNKNOWN


class Raw(Plain):
    """Lets the errors of its library out."""

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        return self.read(msgspec.json.decode(frame), connection, out)


class LoudSent(Plain):
    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        try:
            msgspec.json.decode(message)
        except msgspec.DecodeError as error:
            raise MalformedFrame("not a message of ours") from error
        super().sent(message, connection, out)


class Counting(Plain):
    """Counts its frames, whatever connection they come from."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def read(self, body: dict[str, Any], connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        self.count += 1
        out.sequence(self.count)
        return super().read(body, connection, out)


class Indexed(Counting):
    """Counts the frames of each connection, but in itself."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[int, int] = {}

    def read(self, body: dict[str, Any], connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        self.count = self.counts.get(connection.index, 0)
        self.counts[connection.index] = self.count + 1
        return super().read(body, connection, out)


class Swapped(ExactToyNormalizer):
    """Declares that a buy is a sale."""

    def __init__(self) -> None:
        self.shapes = toy_shapes(buy=ASK)


class Useless(ExactToyNormalizer):
    """Declares shapes that no frame has."""

    def __init__(self) -> None:
        self.shapes = toy_shapes(trade="deal")[:1]


class Blank(ExactToyNormalizer):
    """Refuses blanks, which the scanner skips."""

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        if b"\t" in frame or b"\n" in frame:
            raise MalformedFrame("a blank")
        return super().decode(frame, connection, out)


def toy_with(normalizer: type[Any]) -> Venue:
    return toy(normalizer=normalizer)


CASES: list[tuple[str, str, type[Any]]] = [
    ("golden_frames_say_what_they_say", "no golden frame carries book", ExactToyNormalizer),
    ("messages_are_of_declared_channels", "'tops'", OtherChannel),
    ("numbers_stay_the_texts_that_they_were", "does not stand in|became another number", ByFloat),
    ("unknown_keys_are_tolerated", "with an unknown key", Strict),
    ("what_is_no_frame_is_malformed", "is no frame, but is read as", Lenient),
    ("damage_raises_nothing_but_malformed_frame", "decode of .* raises", Raw),
    ("damage_raises_nothing_but_malformed_frame", "sent of .* raises", LoudSent),
    ("two_connections_do_not_disturb_each_other", "beside another connection", Counting),
    ("all_state_is_in_the_memo", "after a checkpoint", Indexed),
]

COMPILED: list[tuple[str, str, type[Any]]] = [
    ("every_frame_is_read_alike_by_both_paths", "differ in", Swapped),
    ("the_scanner_reads_frames_of_its_shapes", "the scanner left", Useless),
    ("damaged_frames_are_read_alike_by_both_paths", "differ in", Blank),
]


@pytest.mark.parametrize(("name", "match", "normalizer"), CASES)
def test_a_broken_normalizer_is_found(name: str, match: str, normalizer: type[Any]) -> None:
    fails(NormalizerConformance, name, match, venue=toy_with(normalizer))


@pytest.mark.parametrize(("name", "match", "normalizer"), COMPILED)
def test_shapes_that_say_something_else_are_found(name: str, match: str, normalizer: type[Any]) -> None:
    pytest.importorskip("numba")
    if mode() == "off":
        pytest.skip("MM_KERNELS is off")
    fails(NormalizerConformance, name, match, venue=toy_with(normalizer))


def test_a_golden_frame_that_says_something_else_is_found() -> None:
    frame = b'{"ch":"ticker","sym":"A/B","bid":"1.50","bid_size":"1","ask":"1.60","ask_size":"2"}'
    rows = (("1.50", "1", "1.61", "2"),)
    golden = [Golden(frame, (ToldMessage("ticker", "ticker", "A/B", rows),))]
    fails(NormalizerConformance, "golden_frames_say_what_they_say", "expected", venue=toy(), golden=golden)


@pytest.mark.parametrize(
    ("normalizer", "match"), [(AsNumber, "must stay its text"), (Unending, "never ended")]
)
def test_what_the_writer_does_not_allow_is_found(normalizer: type[Any], match: str) -> None:
    frame = b'{"ch":"ticker","sym":"A/B","bid":"1.50","bid_size":"1","ask":"1.60","ask_size":"2"}'
    name = "golden_frames_say_what_they_say"
    fails(NormalizerConformance, name, match, venue=toy_with(normalizer), golden=[Golden(frame)])


def test_a_normalizer_that_refuses_unknown_messages_is_found() -> None:
    with pytest.raises(MalformedFrame, match="unknown keys"):
        run_check(NormalizerConformance, "unknown_messages_are_tolerated", venue=toy_with(Strict))
    known = [b'{"ch":"hb"}']
    fails(NormalizerConformance, "unknown_messages_are_tolerated", "HEARTBEAT", venue=toy(), unknown=known)


def test_each_check_has_a_case() -> None:
    tried = {name for name, _, _ in CASES + COMPILED}
    assert tried | {"unknown_messages_are_tolerated"} == checks_of(NormalizerConformance)


def test_what_is_not_declared_is_skipped_with_a_reason() -> None:
    for name in ("every_frame_is_read_alike_by_both_paths", "damaged_frames_are_read_alike_by_both_paths"):
        skips(NormalizerConformance, name, "no shapes for the kernels", venue=toy_with(Plain))
    bare = attrs.evolve(toy(), dialect=None)
    skips(NormalizerConformance, "all_state_is_in_the_memo", "neither an emulator nor recordings", venue=bare)
