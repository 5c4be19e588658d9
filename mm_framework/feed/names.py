"""Names on the wire, as the reference path has resolved them."""

from __future__ import annotations

import attrs

from mm_framework.feed.session import Stream

__all__ = ["Name"]


@attrs.frozen
class Name:
    """``text`` stands for ``stream`` in frames of a channel, on one connection or (-1) on all of them.

    ``stream`` None: it stands for nothing any more.
    """

    channel: str
    text: str
    connection: int
    stream: Stream | None
