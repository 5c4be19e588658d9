"""Files of other tools in the order of their times, as what `mm import` records.

    files -> groups of lines (one message each) -> merged by time -> items: names, connections, frames

The lines of a symbol in a file are a connection: it opens with the first of them and ends where the next
file of the same kind begins. A snapshot in the middle of a file says that what was recorded broke off
there: the connection ends and opens anew, and with it begins an epoch. From one file to the next nothing
breaks off, unless a day lies between.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from mm_framework.bundle.containers import Item
from mm_framework.bundle.times import DAY_NS
from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import ConfigError, StoreError
from mm_framework.feed.log_bodies import Follow, encode_change
from mm_framework.formats.lines import file_url
from mm_framework.model.events import Reason
from mm_framework.model.frame import MAX_FRAME_BYTES, RecordKind, encode_json

__all__ = ["DataFile", "Group", "Named", "dataset_items"]

_MAX_NS: Final = 1 << 62


@attrs.frozen
class Group:
    """The lines of one message: ``payload`` without the last line's end, ``line`` the number of its first.

    ``time_ns``: when it was received, or else when it happened. ``restart``: a snapshot behind updates.
    """

    symbol: str
    time_ns: int
    payload: bytes
    line: int
    restart: bool = False


@attrs.frozen
class DataFile:
    """A file before it is read: ``container`` and ``kind`` of what is in it, its ``channel``, and how its
    groups are read.
    """

    path: Path
    container: str
    kind: str
    channel: str
    carries: str
    groups: Callable[[], Iterator[Group]]


@attrs.frozen
class Named:
    """An instrument of a symbol."""

    instrument: str
    base_quote: tuple[str, str] | None = None


@attrs.define
class _Link:
    file: DataFile
    url: str
    last_ns: int


def dataset_items(
    files: Sequence[DataFile],
    name: Callable[[str], Named],
    wanted: Sequence[str] = (),
    progress: Callable[[int], object] = lambda _: None,
) -> Iterator[Item]:
    """The items of all files in the order of their times; at one time trades come first.

    ``name`` finds the instrument of a symbol; ``wanted``: only these ids or symbols. Raises StoreError for
    what cannot be read and for files that overlap, ConfigError for a symbol that no file has.
    """
    merging = _Merging(name, wanted)
    for _, _, place, group in heapq.merge(*(_keyed(file, place) for place, file in enumerate(files))):
        progress(len(group.payload))
        yield from merging.take(files[place], group)
    merging.finish()


def _keyed(file: DataFile, place: int) -> Iterator[tuple[int, int, int, Group]]:
    rank = int(file.carries != "trade")
    for group in file.groups():
        where = f"{file.path}, line {group.line}"
        if not 0 <= group.time_ns < _MAX_NS:
            raise StoreError(
                f"{where}: time {group.time_ns} ns, expected one from 1970 to 2116", path=file.path
            )
        if len(group.payload) > MAX_FRAME_BYTES:
            raise StoreError(
                f"{where}: a message of {len(group.payload)} bytes, at most {MAX_FRAME_BYTES}", path=file.path
            )
        yield group.time_ns, rank, place, group


class _Merging:
    """Groups in order; what must be recorded beside them."""

    def __init__(self, name: Callable[[str], Named], wanted: Sequence[str]) -> None:
        self._name, self._wanted = name, frozenset(wanted)
        self._named: dict[str, Named] = {}
        self._links: dict[tuple[str, str], _Link] = {}
        self._left: set[tuple[Path, str]] = set()
        self._seen: set[str] = set()
        self._last_ns = 0

    def take(self, file: DataFile, group: Group) -> Iterator[Item]:
        """The items that a group gives."""
        named = self._named.get(group.symbol)
        if named is None:
            named = self._named[group.symbol] = self._name(group.symbol)
        names = {group.symbol, named.instrument}
        if self._wanted and not names & self._wanted:
            return
        self._seen |= names
        link = self._links.get((group.symbol, file.channel))
        if link is None or link.file is not file:
            yield from self._begin(file, group, named, link)
        elif group.restart:
            yield self._item(RecordKind.OPEN, group, link.url)
        link = self._links[group.symbol, file.channel]
        link.last_ns = group.time_ns
        yield Item(RecordKind.FRAME, group.payload, group.time_ns, link.url, group.line)
        self._last_ns = max(self._last_ns, group.time_ns)

    def finish(self) -> None:
        """All files were read. Raises ConfigError for a wanted symbol that none of them has."""
        for missing in sorted(self._wanted - self._seen):
            raise ConfigError(
                f"the files have no data of {missing}: leave out --symbol to import all of it",
                key="symbol",
                value=missing,
            )

    def _begin(self, file: DataFile, group: Group, named: Named, before: _Link | None) -> Iterator[Item]:
        """A file's first group of a symbol."""
        if before is None:
            yield self._item(RecordKind.CONTROL, group, None, _follow(file, group.symbol, named))
        else:
            if (file.path, group.symbol) in self._left:
                raise StoreError(
                    f"{file.path} and {before.file.path} overlap in time with {file.kind} of {group.symbol}:"
                    " import one of them",
                    path=file.path,
                )
            self._left.add((before.file.path, group.symbol))
            adjacent = group.time_ns // DAY_NS - before.last_ns // DAY_NS <= 1
            reason = Reason.RECORDING_END if adjacent else Reason.DROPPED
            yield self._item(RecordKind.LOST, group, before.url, reason.name.encode())
        url = file_url(file.container, file.kind, file.path.name, group.symbol)
        self._links[group.symbol, file.channel] = _Link(file, url, group.time_ns)
        yield self._item(RecordKind.OPEN, group, url)

    def _item(self, kind: RecordKind, group: Group, url: str | None, payload: bytes = b"") -> Item:
        """An item right before a group, so that the group keeps its own time."""
        return Item(kind, payload, max(self._last_ns, group.time_ns - 3), url, group.line)


def _follow(file: DataFile, symbol: str, named: Named) -> bytes:
    base, quote = named.base_quote or (None, None)
    change = Follow(
        (Subscription(named.instrument, symbol, file.channel),),
        (InstrumentInfo(symbol, base=base, quote=quote),) if named.base_quote else (),
    )
    return encode_json(encode_change(change))


def check_once(files: Sequence[DataFile], alike: Mapping[str, str]) -> None:
    """Two kinds that say the same, such as trades and aggregated trades, are not both imported.

    ``alike``: kind -> what it says. Raises ConfigError.
    """
    said: dict[str, DataFile] = {}
    for file in files:
        what = alike.get(file.kind)
        other = said.setdefault(what, file) if what else file
        if other.kind != file.kind:
            raise ConfigError(
                f"{other.path} ({other.kind}) and {file.path} ({file.kind}) say the same"
                " twice: import one of them",
                key="files",
            )
