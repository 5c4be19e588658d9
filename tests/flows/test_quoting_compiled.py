"""The quoting strategies as machine code leave what they leave interpreted: wishes, memory, every bit."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twin_decide import Seen, Twin, Woken

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.kernels.loader import active
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import IntentKind

pytest.importorskip("mm_avellaneda_stoikov")
pytest.importorskip("mm_glft_grid")

from mm_avellaneda_stoikov.settings import AvellanedaStoikovSettings
from mm_avellaneda_stoikov.strategy import avellaneda_stoikov
from mm_glft_grid.settings import GlftGridSettings
from mm_glft_grid.strategy import glft_grid

pytestmark = pytest.mark.skipif(not active(), reason="kernels are off: nothing is compiled")

DEFINITION = Definition(
    index=0, number=0, id="test:A/B", venue_symbol="A/B", price_scale=2, size_scale=3, quote="B"
)
STRATEGIES = {
    "avellaneda_stoikov": lambda: avellaneda_stoikov(
        AvellanedaStoikovSettings(size="1", max_position="3", sigma_ticks_per_sqrt_s=2.0, rolling=False)
    ),
    "weighted": lambda: avellaneda_stoikov(
        AvellanedaStoikovSettings(size="1", max_position="3", reference="weighted", keep_ticks=2)
    ),
    "glft_grid": lambda: glft_grid(
        GlftGridSettings(size="1", max_position="5", levels=3, step_ticks=2, reference="weighted")
    ),
}


class Watched(Twin):
    """Keeps what the last call asked for."""

    def _compare(self) -> None:
        super()._compare()
        self.asked = list(self.out.requests)


TWINS: dict[str, Watched] = {}


def fresh(name: str) -> Watched:
    """A twin whose memory is that of a strategy that begins; the machine code is made once."""
    if name not in TWINS:
        TWINS[name] = Watched(STRATEGIES[name]())
    twin = TWINS[name]
    strategy: Strategy = twin.strategy
    for record, fields in ((twin.state, strategy.state), (twin.ats[0], strategy.at)):
        for field, kind in fields.items():
            if "[" in kind:
                for k in range(len(getattr(record, field))):
                    getattr(record, field)[k] = 0
            else:
                setattr(record, field, 0)
    assert strategy.start is not None
    assert strategy.define is not None
    strategy.start(twin.state)
    strategy.define(twin.ats[0], DEFINITION)
    twin.compiled.state_fields.write(twin.state, twin.compiled.state)
    twin.compiled.at_fields.write(twin.ats[0], twin.compiled.at[0])
    return twin


class Venue:
    """Own orders as one might see them: requests are carried out now, later or never."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.position = draw, 0
        self.orders: dict[int, list[int]] = {}
        self.waiting: list[Any] = []

    def take(self, requests: list[Any], most: int) -> None:
        for request in requests:
            if request.kind is IntentKind.PLACE and len(self.orders) < most:
                self.orders[request.order] = [int(request.side), request.price, request.size]
            elif request.kind is not IntentKind.PLACE:
                self.waiting.append(request)
        while self.waiting and self.draw.random() < 0.6:
            request = self.waiting.pop(0)
            if request.order in self.orders and self.draw.random() < 0.9:
                if request.kind is IntentKind.CANCEL:
                    del self.orders[request.order]
                else:
                    self.orders[request.order][1:] = [request.price, request.size]

    def trade(self) -> int:
        """Fill a part of an order, or all of it; its number, 0 for none."""
        if not self.orders or self.draw.random() < 0.6:
            return 0
        number = self.draw.choice(sorted(self.orders))
        side, _, leaves = self.orders[number]
        size = self.draw.choice((leaves, max(1, leaves // 3)))
        self.position += side * size
        self.orders[number][2] -= size
        if not self.orders[number][2]:
            del self.orders[number]
        return number


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(STRATEGIES)), st.integers(0, 2**32))
def test_any_market_gives_the_same_wishes_and_memory(name: str, seed: int) -> None:
    draw, twin = random.Random(seed), fresh(name)
    venue, bid, wishes = Venue(draw), 9995, 0
    for k in range(40):
        bid += draw.choice((-30, -3, -1, 0, 0, 1, 3, 30))
        spread = draw.choice((1, 1, 2, 7, 0))
        sizes = draw.randint(0, 9000), draw.randint(1, 9000)
        number = venue.trade()
        reasons = int(draw.choice((On.MARKET, On.RESYNC, On.OWN_REJECT))) if not number else int(On.OWN_FILL)
        seen = {
            "trusted": int(draw.random() < 0.95), "has_bid": int(draw.random() < 0.95), "has_ask": 1,
            "bid": bid, "bid_size": sizes[0], "ask": bid + spread, "ask_size": sizes[1],
            "tick": 1, "lot": draw.choice((1, 1, 100)), "price_scale": 2, "size_scale": 3,
            "position": venue.position,
        }  # fmt: skip
        own = [(order, *facts) for order, facts in venue.orders.items()]
        twin.show([Seen(seen, orders=own)])
        rejected = draw.choice(sorted(venue.orders) or [1])
        woken = Woken(1 + k * 10**9, reasons=reasons, order=number or rejected)
        assert twin(woken) is None
        wishes += len(twin.asked)
        venue.take(twin.asked, twin.strategy.orders)
    assert wishes
