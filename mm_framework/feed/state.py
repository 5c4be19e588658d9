"""A Feed's state as JSON values, for checkpoints, and back. Nothing else of a Feed is state."""

from __future__ import annotations

from typing import Any

import attrs
import cattrs
from cattrs.gen import make_dict_unstructure_fn, override

from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.feed.links import Link, Stream
from mm_framework.model.book import Level
from mm_framework.model.instrument import Definition
from mm_framework.sync.book_state import BookState

__all__ = ["FeedState", "InstrumentState", "structure", "unstructure"]


@attrs.frozen
class InstrumentState:
    """One instrument. ``definition``: place in the list of definitions, None before the first.

    ``more_trades``: channel, last and suspect number of trades on a second channel; ``left_trades``: channel
    and last number of those that nobody follows, or that have said nothing new since they are followed again.
    """

    id: str
    venue_symbol: str
    info: InstrumentInfo | None
    definition: int | None
    book: BookState
    bids: list[Level]
    asks: list[Level]
    last_trade_id: int | None
    suspect_trade_id: int | None = None
    more_trades: list[tuple[str, int | None, int | None]] = attrs.Factory(list)
    left_trades: list[tuple[str, int]] = attrs.Factory(list)


@attrs.frozen
class FeedState:
    """All that the records so far have left behind, but for counts.

    ``depths``: levels told for (instrument, channel) before its definition; ``infos``: metadata of
    instruments that have not appeared yet (imports); ``numbers``: instrument numbers given out;
    ``refresh_from_ns``: REST refused us, no refresh is asked for before.
    """

    config: dict[str, Any]
    seq: int
    req_id: int
    online: bool
    stopped: bool
    numbers: int
    definitions: list[Definition]
    links: list[Link]
    streams: list[Stream]
    depths: list[tuple[str, str, int]]
    infos: list[InstrumentInfo]
    instruments: list[InstrumentState]
    format: int = 1
    refresh_from_ns: int = 0


_converter = cattrs.Converter(forbid_extra_keys=True)
# Fields that came after the first release are left out while they say nothing: older logs stay as they are.
_LATER: dict[type, tuple[str, ...]] = {
    BookState: (
        "number",
        "bridging",
        "joining",
        "waiting",
        "asked",
        "repeated",
        "crossed_ns",
        "hashed",
        "doubt",
        "witness_ns",
        "refresh",
    ),
    Link: ("number", "rotation", "rotate_ns", "heir_by_ns", "replaces", "settled_ns", "repeated"),
    Stream: ("fetching", "unanswered", "spare", "floor", "echoes", "refreshing"),
    InstrumentState: ("more_trades", "left_trades"),
    FeedState: ("refresh_from_ns",),
}
# Of thousands of levels each is a JSON array already.
_converter.register_unstructure_hook_func(lambda one: one == list[Level], lambda levels: levels)
for _class, _fields in _LATER.items():
    _overrides: dict[str, Any] = {name: override(omit_if_default=True) for name in _fields}
    _converter.register_unstructure_hook(_class, make_dict_unstructure_fn(_class, _converter, **_overrides))


def unstructure(state: FeedState) -> dict[str, Any]:
    """JSON values only."""
    result: dict[str, Any] = _converter.unstructure(state)
    return result


def structure(value: object) -> FeedState:
    """The inverse. Raises cattrs.BaseValidationError when it is not a state of this format."""
    return _converter.structure(value, FeedState)
