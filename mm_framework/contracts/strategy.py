"""The strategy contract: one function, called with records of numbers, that leaves its wishes in ``out``.

A plugin's factory returns a `Strategy`; its ``decide(state, wake, market, out)`` is called whenever
something that the strategy declared happens. All four arguments are views with int64 and float64
fields only, so that the same source runs interpreted and, where a compiler is at hand, compiled:

- ``state``: the strategy's own memory, fields as declared, and ``state.at[i]`` for instrument ``i``;
- ``wake``: why, when and for which instrument; the print that woke it; a seeded random stream;
- ``market[i]``: what is known of instrument ``i``: prices, sizes, own position, own open orders;
- ``out``: takes orders, cancels, replacements and timers.

Prices and sizes are integers at the scales of the instrument's definition; ``define`` is the place
to turn settings into such integers. What the function may use is arithmetic, comparisons, loops over
declared arrays and the functions of `mm_framework.num`; a strategy that needs more declares
``python_only`` and runs at interpreted speed everywhere. An exception, or a number that int64 does
not hold, ends the strategy with a StrategyError.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, Protocol

import attrs

from mm_framework.errors import ConfigError
from mm_framework.model.fixed import decimals_of
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Side, TimeInForce, Urgency

__all__ = [
    "MAX_ANSWERS",
    "MAX_ROUNDS",
    "NO_TAG",
    "Decide",
    "Market",
    "On",
    "Out",
    "Side",
    "Strategy",
    "TimeInForce",
    "Urgency",
    "View",
    "Wake",
    "units",
]

NO_TAG: Final = -1
"""The tag index of an intent without a tag."""

MAX_ROUNDS: Final = 32
"""How often strategies may answer their own fills and refusals within one event."""

MAX_ANSWERS: Final = 10_000
"""How many answers one strategy may have at one moment: without latency it might never come to rest."""

_FIELD = re.compile(r"(i8|f8)(?:\[([1-9][0-9]{0,5})\])?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class On(enum.IntEnum):
    """What may wake a strategy: the bits of ``Strategy.wakes`` and of ``wake.reasons``."""

    MARKET = 1  # best price or size of a trusted instrument changed
    BOOK = 2  # a book message was applied, whether or not the best changed
    TRADE = 4  # a print; one call each, also while the book is not trusted
    OWN_FILL = 8  # an own order was filled, wholly or in part
    OWN_REJECT = 16  # an own intent was refused, by the allocator or by the venue
    TIMER = 32  # a timer of ``out.timer`` is due
    RESYNC = 64  # the instrument's market became untrusted, or trusted (again): see ``market[i].trusted``
    END = 128  # the run ends; the last call


class Wake(Protocol):
    """Why ``decide`` is called.

    ``now_ns``: monotonic time of the run; a timer's own due time. ``instrument``: the index that the
    reasons are about, -1 for a timer and the end. ``reasons``: bits of `On`, only declared ones.
    ``trade_price``, ``trade_size``, ``trade_side`` (of the aggressor; 0 unsaid): the print, with
    On.TRADE, else 0. ``filled``: what On.OWN_FILL is about, + bought - sold. ``order``: the order of
    On.OWN_FILL or On.OWN_REJECT, else 0. ``refusal``: the code (`model.orders.Refusal`), else 0.
    """

    now_ns: int
    instrument: int
    reasons: int
    trade_price: int
    trade_size: int
    trade_side: int
    order: int
    filled: int
    refusal: int

    def uniform(self) -> float:
        """The next number of this strategy's seeded stream, uniform in [0, 1)."""
        ...


class View(Protocol):
    """Instrument ``i``. Where ``has_bid`` (``has_ask``) is 0, ``bid`` and its size are 0.

    While ``trusted`` is 0 the prices are the last ones that were; no order is accepted then.
    ``bid_prices[k]``, ``bid_sizes[k]`` for ``k < bids`` are the levels, best first, of the declared
    depth; entries from ``bids`` on are 0. A size of 0 at the best: the venue did not tell it.
    ``tick``, ``lot``: the steps of price and size; where the venue does not tell them those of its
    display precision, else 1. ``position`` is
    this strategy's, signed. Own open orders: ``order_numbers[k]`` and so on for ``k < open_orders``,
    oldest first.
    """

    trusted: int
    has_bid: int
    has_ask: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int
    bids: int
    asks: int
    bid_prices: Sequence[int]
    bid_sizes: Sequence[int]
    ask_prices: Sequence[int]
    ask_sizes: Sequence[int]
    tick: int
    lot: int
    price_scale: int
    size_scale: int
    position: int
    open_orders: int
    order_numbers: Sequence[int]
    order_sides: Sequence[int]
    order_prices: Sequence[int]
    order_leaves: Sequence[int]


class Market(Protocol):
    """The instruments of the run, in the order in which they were defined."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> View: ...


class Out(Protocol):
    """Takes the strategy's wishes; they are carried out, in order, after ``decide`` returned."""

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
        """Ask for an order on instrument ``i``; returns its number, by which it is named from then on.

        ``tag``: index in the declared tags. ``expires_ns``: for GTD, later than now.
        """
        ...

    def cancel(self, order: int, tag: int = NO_TAG) -> None:
        """Ask for the end of an own order. One that is not open any more is refused, not an error."""
        ...

    def replace(self, order: int, price: int, size: int, tag: int = NO_TAG) -> None:
        """Ask for another price and open size of an own order, which keeps its number."""
        ...

    def timer(self, due_ns: int) -> None:
        """Wake me at ``due_ns``, later than now: at the first record at or after it."""
        ...


Decide = Callable[[Any, Any, Any, Any], None]
"""``decide(state, wake, market, out)``."""


def _check_fields(
    _: object, attribute: attrs.Attribute[Mapping[str, str]], fields: Mapping[str, str]
) -> None:
    for name, kind in fields.items():
        if not _NAME.fullmatch(name) or name == "at" or not _FIELD.fullmatch(kind):
            raise ConfigError(
                f"strategy field {attribute.name}.{name}: {kind!r}; expected a lower-case name other than"
                " 'at' and i8, f8, i8[n] or f8[n]"
            )


def _check_tags(_: object, __: attrs.Attribute[tuple[str, ...]], tags: tuple[str, ...]) -> None:
    for tag in tags:
        if not tag.isprintable() or "|" in tag:
            raise ConfigError(
                f"strategy tag {tag!r} holds '|', a line break or another unprintable character"
            )


@attrs.frozen
class Strategy:
    """What a strategy's factory returns.

    ``wakes``: bits of `On`. ``state``, ``at``: fields of ``state`` and of ``state.at[i]``, name to
    ``i8``, ``f8``, ``i8[n]`` or ``f8[n]``; they begin as 0. ``tags``: texts that intents name by
    index. ``depth``: levels of each side in the view. ``orders``: own open orders an instrument, at
    most. ``start(state)`` is called once, ``define(at, definition)`` whenever a definition of an
    instrument comes into force: both are plain Python and fill fields from settings. When scales
    change, the view's numbers are at the new ones and ``define`` has to bring ``at`` along.
    ``python_only``: ``decide`` goes beyond what can be compiled.
    """

    decide: Decide
    wakes: int = attrs.field(default=int(On.MARKET), converter=int, validator=attrs.validators.ge(0))
    state: Mapping[str, str] = attrs.field(factory=dict, validator=_check_fields)
    at: Mapping[str, str] = attrs.field(factory=dict, validator=_check_fields)
    tags: tuple[str, ...] = attrs.field(default=(), validator=_check_tags)
    depth: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    orders: int = attrs.field(default=16, validator=attrs.validators.ge(1))
    start: Callable[[Any], None] | None = None
    define: Callable[[Any, Definition], None] | None = None
    python_only: bool = False


def units(decimal: str, scale: int, *, up: bool) -> int:
    """A decimal text (a setting) as an integer at ``scale``, rounded up or down where it does not fit.

    ``units("0.05", 1, up=True) == 1``. Raises BadNumber when the text is not a number.
    """
    decimals_of(decimal)
    exact = Fraction(decimal) * Fraction(10) ** scale
    return math.ceil(exact) if up else math.floor(exact)
