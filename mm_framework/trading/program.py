"""The function of a strategy that a run calls: its own, or the one that means what a machine does. Pure."""

from __future__ import annotations

from mm_framework.contracts.strategy import Decide, Strategy
from mm_framework.errors import PluginError
from mm_framework.trading.source import Refusal
from mm_framework.trading.typed import Typed

__all__ = ["decide_of", "refusals_of", "typed_of"]


def refusals_of(strategy: Strategy) -> tuple[Refusal, ...]:
    """What ``decide`` uses beyond the allow list; nothing for a strategy that is ``python_only``."""
    return () if strategy.python_only else Typed.of(strategy).refusals


def decide_of(name: str, strategy: Strategy) -> Decide:
    """What is called for ``decide``: itself if ``python_only``, else with the arithmetic of a machine.

    Raises PluginError for a strategy that is not ``python_only`` and goes beyond the allow list.
    """
    if strategy.python_only:
        return strategy.decide
    return typed_of(name, strategy).decide.source.function()


def typed_of(name: str, strategy: Strategy) -> Typed:
    """The types of a strategy that is not ``python_only``; PluginError as `decide_of` says."""
    typed = Typed.of(strategy)
    if typed.refusals:
        more = f" (and {len(typed.refusals) - 1} more)" if len(typed.refusals) > 1 else ""
        raise PluginError(
            f"strategy {name}: {typed.refusals[0]}{more}; keep to what can be compiled,"
            " or declare Strategy(python_only=True)",
            phase="decide",
        )
    return typed
