"""Names on the wire, as the reference path has resolved them: the scanner learns them from here."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from mm_framework.feed.links import Stream

__all__ = ["Name", "Names"]


@attrs.frozen
class Name:
    """``text`` stands for ``stream`` in frames of a channel, on one connection or (-1) on all of them.

    ``stream`` None: it stands for nothing any more, or (``nobody``) for what nobody follows.
    """

    channel: str
    text: str
    connection: int
    stream: Stream | None
    nobody: bool = False


class Names:
    """``fresh``: what is new since the scanner last emptied it, in order."""

    def __init__(self) -> None:
        self.fresh: list[Name] = []
        self._known: dict[tuple[str, str, int], Stream] = {}
        self._nobodys: dict[tuple[str, str], None] = {}

    def learn(self, channel: str, text: str, connection: int, stream: Stream) -> None:
        """A name stands for a stream."""
        if self._known.get((channel, text, connection)) is not stream:
            self._known[channel, text, connection] = stream
            self.fresh.append(Name(channel, text, connection, stream))

    def forget(self, connection: int) -> None:
        """Channel numbers of a connection may stand for something else from now on: learn them anew."""
        for key in [key for key in self._known if key[2] == connection]:
            del self._known[key]
            self.fresh.append(Name(*key, None))

    def leave(self, streams: Iterable[Stream]) -> None:
        """Names of these streams stand for nothing, until they are learned anew."""
        gone = {id(stream) for stream in streams}
        for key in [key for key, stream in self._known.items() if id(stream) in gone]:
            del self._known[key]
            self.fresh.append(Name(*key, None))

    def ignore(self, channel: str, text: str) -> None:
        """A name is of an instrument that nobody follows."""
        if (channel, text) not in self._nobodys:
            self._nobodys[channel, text] = None
            self.fresh.append(Name(channel, text, -1, None, nobody=True))

    def heed(self) -> None:
        """More is followed now: names that were ignored may be followed, too."""
        self.fresh += [Name(channel, text, -1, None) for channel, text in self._nobodys]
        self._nobodys.clear()
