"""The glft_grid plugin of mm-framework: registers one strategy, runs nothing at import."""

from __future__ import annotations

from mm_framework.contracts.spec import StrategySpec
from mm_framework.hookspecs import hookimpl
from mm_glft_grid.settings import GlftGridSettings
from mm_glft_grid.strategy import glft_grid

__all__ = ["mm_register_strategies"]


@hookimpl
def mm_register_strategies() -> list[StrategySpec]:
    """The one strategy of this plugin."""
    return [
        StrategySpec(
            name="glft_grid",
            factory=glft_grid,
            settings=GlftGridSettings,
            description="A grid of quotes a side at the distances of Gueant, Lehalle and Fernandez-Tapia",
        )
    ]
