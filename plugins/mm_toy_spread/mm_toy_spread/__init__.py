"""The toy_spread plugin of mm-framework: registers the example strategy, runs nothing at import."""

from __future__ import annotations

from mm_framework.contracts.spec import StrategySpec
from mm_framework.hookspecs import hookimpl
from mm_toy_spread.settings import ToySpreadSettings
from mm_toy_spread.strategy import toy_spread

__all__ = ["mm_register_strategies"]


@hookimpl
def mm_register_strategies() -> list[StrategySpec]:
    """The one strategy of this plugin."""
    return [
        StrategySpec(
            name="toy_spread",
            factory=toy_spread,
            settings=ToySpreadSettings,
            description="Quotes at the best prices while the spread is wide; as a taker it trades",
        )
    ]
