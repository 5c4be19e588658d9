"""The toy venue and a few strategies as plugins, without an installed distribution."""

from __future__ import annotations

import time
from typing import Any, Literal

import attrs
from toy_venue import VENUE, ToyAdapter, ToyNormalizer, toy_rules

from mm_framework.builtins import mm_register_fee_models
from mm_framework.contracts.spec import (
    AdapterSpec,
    ExecutionModelSpec,
    FeeModelSpec,
    NormalizerSpec,
    StrategySpec,
    SyncEngineSpec,
)
from mm_framework.contracts.strategy import On, Side, Strategy, TimeInForce, Urgency, units
from mm_framework.plugins import Candidate, LoadedPlugin, Plugins
from mm_framework.settings import section, setting


@section("strategy.trader")
@attrs.frozen
class TraderSettings:
    size: str = setting("1", help="Size of each order.")
    side: Literal["buy", "sell", "both"] = setting("both", help="What it does.")


def trader(settings: TraderSettings) -> Strategy:
    """Takes at every change of the best prices: buys when flat, sells what it holds."""

    def define(at: Any, definition: Any) -> None:
        at.size = units(settings.size, definition.size_scale, up=False)

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        i = wake.instrument
        view = market[i]
        if view.position <= 0:
            out.place(i, Side.BUY, view.ask, state.at[i].size, TimeInForce.IOC, Urgency.TAKER, 0)
        else:
            out.place(i, Side.SELL, view.bid, view.position, TimeInForce.IOC, Urgency.TAKER, 0)

    return Strategy(decide, wakes=On.MARKET, at={"size": "i8"}, tags=("take",), define=define)


def failing(settings: None) -> Strategy:
    """Raises at its third call."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.n += 1
        if state.n == 3:
            raise ValueError("three")

    return Strategy(decide, state={"n": "i8"}, python_only=True)


def unsteady(settings: None) -> Strategy:
    """Depends on the hash seed of the process, which no strategy may."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        out.place(0, Side.BUY, 1 + hash("seed") % 1000, 1)

    return Strategy(decide, python_only=True)


def toy_plugins() -> Plugins:
    """What ``App.plugins`` is to be in a test."""
    specs = (
        AdapterSpec(VENUE, lambda settings: ToyAdapter()),
        NormalizerSpec(VENUE, lambda settings: ToyNormalizer()),
        SyncEngineSpec(VENUE, lambda settings: toy_rules()),
        StrategySpec("trader", trader, TraderSettings),
        StrategySpec("failing", failing),
        StrategySpec("unsteady", unsteady),
        StrategySpec("unbuilt", lambda settings: 1 / 0),
        StrategySpec("nothing", lambda settings: None),
        FeeModelSpec("free", lambda settings: Free()),
        ExecutionModelSpec("front", Front, FrontSettings, role="queue"),
        ExecutionModelSpec("broken", lambda settings: Ways(), role="latency"),
        ExecutionModelSpec("none", lambda settings: None, role="queue"),
        *mm_register_fee_models(),
    )
    return Plugins((LoadedPlugin(Candidate("toy", "1", "toy", "toy_plugins"), 0.0, specs),))


@section("execution.front")
@attrs.frozen
class FrontSettings:
    lots: int = setting(0, help="Always so many are ahead.")


@attrs.frozen
class Front:
    """A queue model: always the same lots are ahead."""

    settings: FrontSettings

    def advance(self, ahead: float, old: int, new: int, printed: int) -> float:
        return self.settings.lots


class Ways:
    """A latency model that fails."""

    @property
    def entry(self) -> Ways:
        return self

    response = entry

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        return 1 // 0


class Free:
    """A fee model that takes nothing."""

    name = "free"

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return 0


def slow_toy_plugins() -> Plugins:
    """The same after a while, so that a worker can be killed at its work."""
    time.sleep(0.3)
    return toy_plugins()
