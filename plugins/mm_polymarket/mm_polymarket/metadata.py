"""Market lists as REST answers them, read from whole bodies: lists, pages, events with their markets.

    [{"conditionId":"0x…",…},…]        {"data":[{"condition_id":"0x…",…},…],"next_cursor":"MTAw"}
    {"slug":"…","markets":[…]}         {"c":"0x…",…}

What is not a market of two tokens is left out and counted; what else stands in a body is handed on.
Source: docs.polymarket.com, gamma and CLOB reference, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs
import msgspec
from msgspec import Raw

from mm_framework.errors import MMError
from mm_polymarket.markets import Described, Market, clob, compact, gamma

__all__ = ["Page", "read_page"]

_NULL: Final = Raw(b"null")


@attrs.frozen
class Page:
    """A body. ``skipped``: markets without two tokens; ``rest``: entries that are no markets.

    ``entries``: markets on the page, of any kind; ``next_cursor`` of CLOB pages; ``last_end``: the
    nominal end of the last market, for date windows.
    """

    markets: tuple[Market, ...] = ()
    skipped: int = 0
    entries: int = 0
    next_cursor: str | None = None
    last_end: str | None = None
    rest: tuple[Raw, ...] = ()


def read_page(body: bytes) -> Page:
    """Read a REST body of markets. Raises msgspec.DecodeError when it is not a JSON document."""
    page = _Reader()
    page.read(Raw(body))
    return Page(tuple(page.markets), page.skipped, page.entries, page.cursor, page.last_end, tuple(page.rest))


class _Reader:
    """Goes through lists, pages and events down to single entries."""

    def __init__(self) -> None:
        self.markets: list[Market] = []
        self.rest: list[Raw] = []
        self.skipped = self.entries = 0
        self.cursor: str | None = None
        self.last_end: str | None = None

    def read(self, raw: Raw) -> None:
        """Read a value: a list, a page, an event, a market, or something else."""
        try:
            for entry in _entries.decode(raw):
                self.read(entry)
            return
        except msgspec.ValidationError:
            pass
        try:
            fields = _fields.decode(raw)
        except msgspec.ValidationError:
            self.rest.append(raw)
            return
        for keys, make in _KINDS.items():
            if fields.keys() >= set(keys):
                self._market(make, raw)
                return
        inner = fields.get("data", fields.get("markets"))
        if inner is None or bytes(inner)[:1] != b"[":
            self.rest.append(raw)
            return
        self.cursor = _cursors.decode(fields.get("next_cursor", _NULL))
        self.read(inner)

    def _market(self, make: Callable[[Raw], Described], raw: Raw) -> None:
        self.entries += 1
        try:
            market, end = make(raw)
        except (msgspec.DecodeError, MMError):
            market, end = None, None
        self.last_end = end or self.last_end
        if market is None:
            self.skipped += 1
        else:
            self.markets.append(attrs.evolve(market, end=end))


_KINDS: Final[Mapping[tuple[str, ...], Callable[[Raw], Described]]] = {
    ("conditionId", "clobTokenIds"): gamma,
    ("condition_id", "tokens"): clob,
    ("c", "t"): compact,
}
_cursors: Final[msgspec.json.Decoder[str | None]] = msgspec.json.Decoder(str | None)
_entries: Final = msgspec.json.Decoder(list[Raw])
_fields: Final = msgspec.json.Decoder(dict[str, Raw])
