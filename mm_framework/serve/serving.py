"""`Serving`: all that the routes may use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import attrs
from starlette.concurrency import run_in_threadpool

from mm_framework.calibrate import families
from mm_framework.serve.answers import StrategyNow
from mm_framework.serve.attached import Attached
from mm_framework.serve.captures import Captures
from mm_framework.serve.counters import ServeCounters
from mm_framework.serve.guard import Access
from mm_framework.serve.hub import Hub
from mm_framework.serve.past import Past
from mm_framework.serve.settings import ServeSettings

__all__ = ["Serving", "Source"]

P = ParamSpec("P")
T = TypeVar("T")

AT_A_TIME: Final = 4


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
    ``metrics``: what the live runs of strategies beside the server show to Prometheus; ``strategy``: the one
    that told last, None without one. ``gate``: so many read files at a time.
    """

    hub: Hub
    data_dir: Path
    store_root: str
    sources: Sequence[Source] = ()
    access: Access = attrs.field()
    venues: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    metrics: families.Source = attrs.field()
    strategy: Callable[[], StrategyNow | None] = attrs.field()
    past: Past = attrs.field(init=False)
    captures: Captures = attrs.field(init=False)
    gate: asyncio.Semaphore = attrs.field(init=False, factory=lambda: asyncio.Semaphore(AT_A_TIME))

    @metrics.default
    def _metrics(self) -> families.Source:
        return Attached(self.data_dir).metrics

    @strategy.default
    def _strategy(self) -> Callable[[], StrategyNow | None]:
        return Attached(self.data_dir).now

    @past.default
    def _past(self) -> Past:
        return Past(self.store_root)

    @captures.default
    def _captures(self) -> Captures:
        return Captures(self.data_dir)

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

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what reads files, in a thread."""
        async with self.gate:
            return await run_in_threadpool(function, *args, **kwargs)
