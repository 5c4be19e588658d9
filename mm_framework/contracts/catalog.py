"""The catalogue contract: what an adapter offers besides, when its venue lists its instruments over REST.

    requests = list(catalog.catalog_requests())
    while requests:
        page = catalog.read_catalog(request := requests.pop(0), fetch(request))
        requests += page.following

Pure: the caller fetches. `mm discover`, patterns such as ``binance:*/USDT``, definitions before the first
row and the refresh of a universe live on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs
import msgspec

from mm_framework.contracts.adapter import Adapter, HttpRequest
from mm_framework.contracts.normalizer import Control, FrameClass, InstrumentInfo, MessageWriter, Refused
from mm_framework.errors import MalformedFrame, MMError, VenueRefused

__all__ = ["Catalog", "CatalogPage", "ListedInstrument", "described", "listed"]


@attrs.frozen
class ListedInstrument:
    """An instrument as its venue lists it.

    ``instrument`` is our id; ``info.venue_symbol`` the name to subscribe with. ``active``: it can be
    captured now. ``group``: instruments that are followed together or not at all (the two tokens of a
    market), None for one that stands alone. ``ends``: its nominal end as the venue writes it, or None.
    """

    instrument: str
    info: InstrumentInfo
    active: bool = True
    group: str | None = None
    ends: str | None = None

    @property
    def unit(self) -> str:
        """What caps and assignments count by: the group, or the instrument itself."""
        return self.group or self.instrument


@attrs.frozen
class CatalogPage:
    """One answer. ``following``: what is to be asked next; ``skipped``: entries that are no instruments."""

    listed: tuple[ListedInstrument, ...] = ()
    following: tuple[HttpRequest, ...] = ()
    skipped: int = 0


@runtime_checkable
class Catalog(Protocol):
    """An adapter whose venue lists its instruments.

    ``catalog_first``: a capture asks for the list before it subscribes, since definitions come no other
    way. ``catalog_every_s``: least time between two lists, where one is large or seldom changes.
    """

    catalog_first: bool
    catalog_every_s: float

    def catalog_requests(self) -> Sequence[HttpRequest]:
        """What to ask first."""
        ...

    def read_catalog(self, request: HttpRequest, body: bytes) -> CatalogPage:
        """Read the answer to a request. Raises MalformedFrame, or VenueRefused for the venue's own error."""
        ...


def described(venue: str, read: Callable[[MessageWriter], FrameClass]) -> list[InstrumentInfo]:
    """The definitions that ``read`` tells a writer, such as a plugin's reader of REST bodies.

    Raises MalformedFrame for what cannot be read or tells of no instrument, VenueRefused for an error of
    the venue.
    """
    writer = _Definitions()
    try:
        kind = read(writer)
    except (msgspec.DecodeError, MMError) as error:
        raise MalformedFrame(f"{venue} answered with no list of instruments: {error}", venue=venue) from error
    if writer.refusal is not None:
        raise VenueRefused(f"{venue} refused its list of instruments: {writer.refusal}", venue=venue)
    if kind is FrameClass.UNKNOWN:
        raise MalformedFrame(f"{venue} answered with no list of instruments", venue=venue)
    return writer.infos


def listed(
    adapter: Adapter, infos: Iterable[InstrumentInfo], active: Callable[[InstrumentInfo], bool]
) -> tuple[ListedInstrument, ...]:
    """The instruments of these definitions under our ids and the names to subscribe with."""
    found = []
    for info in infos:
        instrument = adapter.instrument_id(info.venue_symbol)
        symbol = adapter.venue_symbol(instrument)
        found.append(ListedInstrument(instrument, attrs.evolve(info, venue_symbol=symbol), active(info)))
    return tuple(found)


class _Definitions:
    """Implements `MessageWriter`: keeps definitions and the last refusal."""

    def __init__(self) -> None:
        self.infos: list[InstrumentInfo] = []
        self.refusal: str | None = None

    def control(self, event: Control) -> None:
        if isinstance(event, InstrumentInfo):
            self.infos.append(event)
        elif isinstance(event, Refused):
            self.refusal = event.text

    def begin(self, *where: Any, **more: Any) -> bool:
        return False

    def level(self, side: int, price: str, size: str) -> None:
        """No message is open."""

    def trade(self, *what: Any, **more: Any) -> None:
        """No message is open."""

    def top(self, *what: Any) -> None:
        """No message is open."""

    def end(self, **what: Any) -> None:
        """No message is open."""

    def sequence(self, number: int) -> None:
        """No frame is numbered here."""
