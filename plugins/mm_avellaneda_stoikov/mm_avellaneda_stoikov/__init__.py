"""The avellaneda_stoikov plugin of mm-framework: registers one strategy, runs nothing at import."""

from __future__ import annotations

from mm_avellaneda_stoikov.settings import AvellanedaStoikovSettings
from mm_avellaneda_stoikov.strategy import avellaneda_stoikov
from mm_framework.contracts.spec import StrategySpec
from mm_framework.hookspecs import hookimpl

__all__ = ["mm_register_strategies"]


@hookimpl
def mm_register_strategies() -> list[StrategySpec]:
    """The one strategy of this plugin."""
    return [
        StrategySpec(
            name="avellaneda_stoikov",
            factory=avellaneda_stoikov,
            settings=AvellanedaStoikovSettings,
            description="One quote a side around a price that moves against the inventory",
        )
    ]
