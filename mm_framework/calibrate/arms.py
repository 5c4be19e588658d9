"""One strategy with two sets of parameters: which one acts is asked for each instrument, each time. Pure.

    two_arms("glft_grid", a, b, arm_of=run.bucket) -> Strategy

Position, open orders and random stream are the strategy's, so that an instrument that changes its arm goes
on where it is; each arm keeps a memory (``state``, ``state.at[i]``) of its own. A wake-up about an instrument
is its arm's; timers and the end are told to both. An arm that asks for something in an instrument of the
other one is not heard: `Out.place` gives 0 then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from mm_framework.contracts.strategy import NO_TAG, Decide, Market, Out, Strategy, TimeInForce, Urgency, Wake
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import Definition
from mm_framework.trading.program import decide_of
from mm_framework.trading.records import make_record
from mm_framework.trading.views import Indexed

__all__ = ["Arm", "two_arms"]

Arm = Literal["A", "B"]

_ARMS: Final[tuple[Arm, Arm]] = ("A", "B")


def two_arms(name: str, a: Strategy, b: Strategy, arm_of: Callable[[str], Arm]) -> Strategy:
    """A strategy that is ``a`` or ``b``, as ``arm_of`` says of the venue's symbol. It is plain Python.

    Raises ConfigError when the two do not name the same tags, PluginError for a function that goes beyond
    what a strategy may use.
    """
    if a.tags != b.tags:
        raise ConfigError(
            f"strategy {name}: A has the tags {', '.join(a.tags) or '-'}, B {', '.join(b.tags) or '-'};"
            " an A/B test compares parameters of one strategy",
            key="ab",
        )
    both = _Arms({"A": _Side(name, a), "B": _Side(name, b)}, arm_of)
    return Strategy(
        both.decide,
        wakes=a.wakes | b.wakes,
        tags=a.tags,
        depth=max(a.depth, b.depth),
        orders=max(a.orders, b.orders),
        start=both.start,
        define=both.define,
        python_only=True,
    )


class _Side:
    """One set of parameters with its memory."""

    def __init__(self, name: str, strategy: Strategy) -> None:
        self.strategy = strategy
        self.decide: Decide = decide_of(name, strategy)
        self.forget()

    def forget(self) -> None:
        """Begin a run."""
        self.at: Indexed[Any] = Indexed()
        self.state = make_record(self.strategy.state, at=self.at)
        if self.strategy.start is not None:
            self.strategy.start(self.state)

    def define(self, index: int, definition: Definition) -> None:
        """A definition of an instrument, the first or a later one."""
        if index == len(self.at):
            self.at.items.append(make_record(self.strategy.at))
        if self.strategy.define is not None:
            self.strategy.define(self.at[index], definition)


class _Arms:
    """Both sets of parameters."""

    def __init__(self, sides: Mapping[Arm, _Side], arm_of: Callable[[str], Arm]) -> None:
        self._sides, self._arm_of = sides, arm_of
        self._symbols: dict[str, str] = {}
        self._by_index: list[str] = []

    def start(self, state: Any) -> None:
        """See the contract: nothing is left of an earlier run."""
        self._symbols.clear()
        self._by_index.clear()
        for side in self._sides.values():
            side.forget()

    def define(self, at: Any, definition: Definition) -> None:
        """See the contract."""
        if definition.id not in self._symbols:
            self._symbols[definition.id] = definition.venue_symbol
            self._by_index.append(definition.venue_symbol)
        index = list(self._symbols).index(definition.id)
        for side in self._sides.values():
            side.define(index, definition)

    def decide(self, state: Any, wake: Wake, market: Market, out: Out) -> None:
        """See the contract."""
        arms = _ARMS if wake.instrument < 0 else (self.arm(wake.instrument),)
        for arm in arms:
            side = self._sides[arm]
            side.decide(side.state, wake, market, _Heard(self, arm, wake.instrument, market, out))

    def arm(self, index: int) -> Arm:
        """Which one acts on an instrument now."""
        return self._arm_of(self._by_index[index])


class _Heard:
    """Implements `contracts.strategy.Out` for one arm."""

    def __init__(self, arms: _Arms, arm: Arm, instrument: int, market: Market, out: Out) -> None:
        self._arms, self._arm, self._market, self._out = arms, arm, market, out
        self._instrument = instrument

    def place(
        self,
        i: int,
        side: int,
        price: int,
        size: int,
        tif: int = TimeInForce.GTC,
        urgency: int = Urgency.MAKER,
        tag: int = NO_TAG,
        expires_ns: int = 0,
    ) -> int:
        """See the contract."""
        if self._arms.arm(i) != self._arm:
            return 0
        return self._out.place(i, side, price, size, tif, urgency, tag, expires_ns)

    def cancel(self, order: int, tag: int = NO_TAG) -> None:
        """See the contract."""
        if self._mine(order):
            self._out.cancel(order, tag)

    def replace(self, order: int, price: int, size: int, tag: int = NO_TAG) -> None:
        """See the contract."""
        if self._mine(order):
            self._out.replace(order, price, size, tag)

    def timer(self, due_ns: int) -> None:
        """See the contract."""
        self._out.timer(due_ns)

    def _mine(self, order: int) -> bool:
        """Whether an order is not known to be one of the other arm."""
        if order == 0:
            return False
        if self._instrument >= 0 and self._rests(order, self._instrument):
            return True
        found = (i for i in range(len(self._market)) if self._rests(order, i))
        return all(self._arms.arm(i) == self._arm for i in found)

    def _rests(self, order: int, i: int) -> bool:
        view = self._market[i]
        return order in view.order_numbers[: view.open_orders]
