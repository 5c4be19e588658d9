"""The prices of Avellaneda and Stoikov, and how they become orders. Pure, and within what can be compiled.

M. Avellaneda, S. Stoikov: High-frequency trading in a limit order book, Quantitative Finance 8 (2008),
equations (2.8) to (3.18). Everything is in ticks, seconds and orders: M the mid, q the inventory, gamma the
risk aversion, sigma the volatility, T - t the time left; fills come at the rate A exp(-k distance).

    r = M - q gamma sigma^2 (T-t)
    spread = gamma sigma^2 (T-t) + (2/gamma) ln(1 + gamma/k)          2/k when gamma is 0
    bid = r - spread/2, ask = r + spread/2
"""

from __future__ import annotations

import math

__all__ = ["ask_price", "bid_price", "liquidity_spread", "reservation_price", "total_spread"]


def liquidity_spread(gamma: float, k: float) -> float:
    """(2/gamma) ln(1 + gamma/k) in ticks: what the rate of fills alone would ask for. For settings only."""
    return 2.0 / k if gamma == 0.0 else 2.0 * math.log1p(gamma / k) / gamma


def reservation_price(mid: float, inventory: float, risk: float) -> float:
    """The price at which it would as soon hold one more as one less; ``risk`` is gamma sigma^2 (T-t)."""
    return mid - inventory * risk


def total_spread(risk: float, liquidity: float) -> float:
    """Distance of ask and bid in ticks; ``liquidity`` is `liquidity_spread`."""
    return risk + liquidity


def bid_price(ticks: float, best_ask: int, tick: int) -> int:
    """A bid at ``ticks``, down to the tick and below the best ask; 0 when that is no price."""
    highest = (best_ask - 1) // tick
    if ticks >= highest:
        return highest * tick
    if ticks < 1.0:
        return 0
    return int(ticks) * tick


def ask_price(ticks: float, best_bid: int, tick: int) -> int:
    """An ask at ``ticks``, up to the tick and above the best bid; 0 beyond twice the best bid."""
    lowest = best_bid // tick + 1
    if ticks <= lowest:
        return lowest * tick
    if ticks > 2.0 * lowest:
        return 0
    whole = int(ticks)
    if whole < ticks:
        whole += 1
    return whole * tick
