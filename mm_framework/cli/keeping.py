"""The keeper of a live run, from what was chosen and the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from mm_framework.capture.confirm import Confirm
from mm_framework.capture.keeper import Keeper
from mm_framework.capture.plant import Plant
from mm_framework.capture.settings import PlantSettings
from mm_framework.cli.app import App
from mm_framework.cli.choice import Choice

__all__ = ["keeper_of"]

T = TypeVar("T")


def keeper_of(app: App, choice: Choice) -> Keeper:
    """What keeps the run at its universe; lists are read in a thread."""
    settings = app.load(PlantSettings).value
    adapters = {venue: kit.adapter for venue, kit in choice.kits.items()}
    plant = Plant(
        choice.plan,
        adapters,
        choice.wanted,
        listed=choice.listed,
        depth=choice.depth,
        levels=choice.levels,
        cap=settings.max_markets,
    )
    confirm = Confirm(choice.plan, adapters, settings.confirm_min_events)
    return Keeper(plant, confirm, adapters, choice.endpoints, settings, _in_thread)


async def _in_thread(work: Callable[[], T], /) -> T:
    """An `Offload` to a thread."""
    return await asyncio.to_thread(work)
