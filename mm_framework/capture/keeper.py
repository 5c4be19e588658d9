"""Keeps a run at its universe: asks for lists, carries out what the plant decides, waits for first words.

What is decided stands in `plant` and `confirm`; here are the clock and the requests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from mm_framework.capture.catalog import Offload, fetch_catalogue, inline
from mm_framework.capture.confirm import Confirm
from mm_framework.capture.endpoints import Endpoints, served_at
from mm_framework.capture.plant import Follow, Plant, Refreshed
from mm_framework.capture.settings import PlantSettings
from mm_framework.capture.transport import HttpAnswer
from mm_framework.contracts.adapter import Adapter, HttpRequest, Subscription, VenueLimits
from mm_framework.contracts.catalog import Catalog
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import GateFailed, MMError
from mm_framework.feed import Output

__all__ = ["Keeper"]


class Run(Protocol):
    """What a keeper needs of the run."""

    async def ask(self, request: HttpRequest, limits: VenueLimits) -> HttpAnswer:
        """Make an HTTP request in its turn; its answer is no record."""
        ...

    def follow(
        self, shard: int, subscriptions: Iterable[Subscription], infos: Iterable[InstrumentInfo] = ()
    ) -> None:
        """Follow these from now on."""
        ...

    def unfollow(self, shard: int, subscriptions: Iterable[Subscription]) -> None:
        """Follow these no longer."""
        ...

    def missing(self, document: Mapping[str, Any]) -> None:
        """Write down who has not spoken."""
        ...

    def fail(self, error: BaseException) -> None:
        """End the run with an error."""
        ...

    def log(self, level: int, event: str, **facts: Any) -> None:
        """A line in the run log."""
        ...


class Keeper:
    """Of one run; ``offload`` does what would hold up the loop.

    Implements `capture.recorder.Listener`; `Capture` starts `refresh` and `confirm`.
    """

    done = False

    def __init__(
        self,
        plant: Plant,
        confirm: Confirm,
        adapters: Mapping[str, Adapter],
        endpoints: Endpoints,
        settings: PlantSettings,
        offload: Offload = inline,
    ) -> None:
        self._plant, self._confirm = plant, confirm
        self._adapters, self._endpoints, self._settings = adapters, endpoints, settings
        self._offload = offload
        self._waiting = settings.confirm_timeout_s > 0
        self._left_out: dict[str, tuple[int, int]] = {}

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`."""
        if self._waiting:
            self._confirm.heard(output)

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""

    async def refresh(self, run: Run) -> None:
        """Ask for the lists again and again; returns at once when no list matters."""
        settings = self._settings
        if settings.offline or not settings.universe_refresh or not self._plant.venues:
            return
        await asyncio.gather(*(self._refresh_always(run, venue) for venue in self._plant.venues))

    async def _refresh_always(self, run: Run, venue: str) -> None:
        adapter = self._adapters[venue]
        assert isinstance(adapter, Catalog)
        while True:
            await asyncio.sleep(max(self._settings.universe_refresh_interval_s, adapter.catalog_every_s))
            await self._refresh(run, venue)

    async def _refresh(self, run: Run, venue: str) -> None:
        adapter = self._adapters[venue]
        url = self._endpoints.url(adapter)

        async def ask(request: HttpRequest) -> HttpAnswer:
            return await run.ask(served_at(url, request), adapter.limits)

        try:
            catalogue = await fetch_catalogue(adapter, ask, self._offload)
        except MMError as error:
            run.log(logging.WARNING, "universe_failed", venue=venue, error=str(error))
            return
        self._carry_out(run, await self._offload(lambda: self._plant.listed(venue, catalogue.listed)))

    def _carry_out(self, run: Run, refreshed: Refreshed) -> None:
        for action in refreshed.actions:
            if isinstance(action, Follow):
                run.follow(action.shard, action.subscriptions, action.infos)
            else:
                run.unfollow(action.shard, action.subscriptions)
                self._confirm.left(action.subscriptions)
        counts = {
            name: len(getattr(refreshed, name)) for name in ("added", "removed", "changed", "no_room")
        } | {"cut": refreshed.cut}
        left_out = (refreshed.cut, counts["no_room"])
        news = left_out != self._left_out.get(refreshed.venue, (0, 0))
        self._left_out[refreshed.venue] = left_out
        if refreshed.actions or news:
            level = logging.WARNING if any(left_out) and news else logging.INFO
            followed = len(self._plant.followed(refreshed.venue))
            run.log(
                level, "universe", venue=refreshed.venue, followed=followed, **counts, **_remedy(refreshed)
            )

    async def confirm(self, run: Run) -> None:
        """At the end of the first seconds see who has not spoken."""
        timeout_s = self._settings.confirm_timeout_s
        if not self._waiting:
            return
        await asyncio.sleep(timeout_s)
        self._waiting = False
        report = {"timeout_s": timeout_s, **self._confirm.report()}
        counts = {name: report[name] for name in ("expected", "confirmed")}
        if self._confirm.done:
            run.log(logging.INFO, "confirmed", **counts)
            return
        missing = report["missing"]
        run.log(logging.WARNING, "not_confirmed", **counts, first=missing[0]["instrument"])
        run.missing(report)
        if self._settings.confirm_missing == "fatal":
            run.fail(
                GateFailed(
                    f"{len(missing)} of {report['expected']} instruments have not spoken within"
                    f" {timeout_s:g} s, such as {missing[0]['instrument']}: missing_tokens.json lists them,"
                    " --plant-confirm-missing continue goes on without them"
                )
            )


def _remedy(refreshed: Refreshed) -> dict[str, str]:
    """What lets the next run follow what found no room here; connections are not added to a run."""
    if not refreshed.no_room:
        return {}
    return {"remedy": f"start the next run with --plant-shards {refreshed.shards_needed}"}
