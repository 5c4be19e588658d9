"""The intents of a compiled run: their hash at once, objects when somebody looks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Final

import attrs

from mm_framework.kernels.memory import Buffer
from mm_framework.model.fixed import MAX
from mm_framework.model.orders import Intent, IntentKind, Refusal, Side, TimeInForce, Urgency
from mm_framework.trading.backtest import Sent
from mm_framework.trading.compiled import layout, lines
from mm_framework.trading.compiled.lines import intent_lines
from mm_framework.trading.compiled.memory import Part

__all__ = ["IntentColumn"]

_WORD: Final = 8
_AT_ONCE: Final = 4096
_FIELDS: Final = {
    name.removeprefix("INTENT_"): offset // _WORD
    for name, offset in vars(layout).items()
    if name.startswith("INTENT_") and name != "INTENT_BYTES"
}


@attrs.frozen(eq=False)
class IntentColumn:
    """INTENTs; ``names`` and ``tags`` of the strategies, ``ids`` of the instruments by index."""

    parts: Sequence[Part]
    names: Sequence[str]
    tags: Sequence[Sequence[str]]
    ids: Sequence[str]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(part.count for part in self.parts)

    def intents(self) -> list[Intent]:
        """As strategies asked."""
        return [self._intent(record) for record in self._records()]

    def sent(self) -> list[Sent]:
        """When each was decided on, and why it did not leave."""
        when, why = _FIELDS["SENT"], _FIELDS["REFUSED"]
        return [Sent(one[when], Refusal(one[why]) if one[why] else None) for one in self._records()]

    def hexdigest(self) -> str:
        """The intent hash, as `trading.intents` defines it."""
        texts, block = _Texts(self.names, self.ids, self.tags), Buffer(lines.LINES_TABLES)
        out, words = Buffer(_AT_ONCE * texts.longest_line), block.words()
        words[lines.LINES_OUT // _WORD] = out.address
        words[lines.LINES_TEXTS // _WORD] = texts.table.address
        words[lines.LINES_STRATEGIES // _WORD] = len(self.names)
        words[lines.LINES_TAGS // _WORD] = texts.tags.address
        words[lines.LINES_PAIRS // _WORD] = texts.pairs.address
        digest = hashlib.sha256()
        for part in self.parts:
            for first in range(0, part.count, _AT_ONCE):
                words[lines.LINES_FIRST // _WORD] = part.memory.address + first * layout.INTENT_BYTES
                words[lines.LINES_COUNT // _WORD] = min(_AT_ONCE, part.count - first)
                digest.update(out.view[: intent_lines(block.address)])
        return digest.hexdigest()

    def _records(self) -> Iterator[list[int]]:
        for part in self.parts:
            yield from part.table.tolist()

    def _intent(self, record: Sequence[int]) -> Intent:
        one = {name: record[place] for name, place in _FIELDS.items()}
        kind = IntentKind(one["KIND"])
        place, cancel = kind is IntentKind.PLACE, kind is IntentKind.CANCEL
        return Intent(
            seq=one["SEQ"],
            strategy=self.names[one["STRATEGY"]],
            kind=kind,
            order=one["ORDER"],
            instrument=None if one["SLOT"] < 0 else self.ids[one["SLOT"]],
            side=Side(one["SIDE"]) if place else None,
            price=None if cancel else one["PRICE"],
            size=None if cancel else one["SIZE"],
            tif=TimeInForce(one["TIF"]) if place else None,
            urgency=Urgency(one["URGENCY"]) if place else None,
            tag="" if one["TAG"] < 0 else self.tags[one["STRATEGY"]][one["TAG"]],
            expires_ns=one["EXPIRES"] if one["TIF"] == TimeInForce.GTD else None,
        )


class _Texts:
    """The texts of lines as `lines` wants them."""

    def __init__(self, names: Sequence[str], ids: Sequence[str], tags: Sequence[Sequence[str]]) -> None:
        fixed = [""] * lines.TEXT_FIXED
        enums: dict[int, type[IntEnum]] = {
            lines.TEXT_KINDS: IntentKind,
            lines.TEXT_SIDES + 1: Side,
            lines.TEXT_TIFS: TimeInForce,
            lines.TEXT_URGENCIES: Urgency,
        }
        for first, enum in enums.items():
            for member in enum:
                fixed[first + member] = member.name.lower()
        fixed[lines.TEXT_LEAST] = str(-MAX - 1)
        texts = [*fixed, *names, *ids]
        self.tags = Buffer(max(1, len(names)) * _WORD)
        for index, own in enumerate(tags):
            self.tags.words()[index] = len(texts)
            texts += own
        encoded = [text.encode() for text in texts]
        longest = max(map(len, encoded))
        self.longest_line = 7 * longest + lines.NUMBERS_ROOM
        self.pairs = Buffer(200)
        self.pairs.view[:] = "".join(f"{number:02}" for number in range(100)).encode()
        self.table = Buffer(len(encoded) * lines.TEXT_BYTES)
        self._bytes = Buffer(sum(map(len, encoded)))
        self._place(encoded)

    def _place(self, encoded: Sequence[bytes]) -> None:
        words, at = self.table.words(), 0
        for index, text in enumerate(encoded):
            words[2 * index], words[2 * index + 1] = self._bytes.address + at, len(text)
            self._bytes.view[at : at + len(text)] = text
            at += len(text)
