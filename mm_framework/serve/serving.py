"""`Serving`: all that the routes may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs

from mm_framework.serve.counters import ServeCounters
from mm_framework.serve.guard import Access
from mm_framework.serve.hub import Hub
from mm_framework.serve.settings import ServeSettings

__all__ = ["Serving", "Source"]


class Source(Protocol):
    """Where the hub hears from. ``run`` returns at the end of the source; cancelling ends it sooner."""

    async def run(self) -> None:
        """Tell the hub until there is no more. Raises MMError when it cannot go on."""
        ...

    def to_json(self) -> dict[str, Any]:
        """``kind``, ``state`` (waiting, catching_up, live, ended, failed), and what else there is to say."""
        ...


@attrs.frozen(eq=False)
class Serving:
    """``data_dir`` holds ``runs``; ``store_root`` is the store's folder or URL. ``venues``: what `mm venues`
    says of the installed plugins, asked when it is needed. ``sources`` in the order of the command.
    """

    hub: Hub
    data_dir: Path
    store_root: str
    sources: Sequence[Source] = ()
    access: Access = attrs.field()
    venues: Callable[[], Sequence[Mapping[str, Any]]] = tuple

    @access.default
    def _access(self) -> Access:
        return Access(self.hub.settings)

    @property
    def settings(self) -> ServeSettings:
        """The server's settings."""
        return self.hub.settings

    @property
    def counters(self) -> ServeCounters:
        """What the server counts of itself."""
        return self.hub.counters
