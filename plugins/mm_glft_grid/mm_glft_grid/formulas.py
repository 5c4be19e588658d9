"""The distances of Gueant, Lehalle and Fernandez-Tapia, and how they become prices. Pure.

O. Gueant, C.-A. Lehalle, J. Fernandez-Tapia: Dealing with the inventory risk, Mathematics and Financial
Economics 7 (2013). Everything is in ticks, seconds and orders: q the inventory, gamma the risk aversion,
sigma the volatility of the mid; fills come at the rate A exp(-k distance). An order size D other than 1 is
the same as orders of size 1 with gamma D and q / D.

The distances are computed once, before a run; `bid_price` and `ask_price` are within what can be compiled.
"""

from __future__ import annotations

import math

__all__ = ["ask_price", "bid_price", "closed_form", "closed_table", "exact_table"]


def closed_form(
    q: float, *, gamma: float, sigma: float, a: float, k: float, size: float = 1.0, xi: float | None = None
) -> tuple[float, float]:
    """Distances of bid and ask from the mid, in ticks, far from the end of time and for small ``|q|``.

        c1 = ln(1 + xi D/k) / (xi D)                                         1/k when xi is 0
        c2 = sqrt(gamma / (2 A D k) (1 + xi D/k)^(k / (xi D) + 1))
        bid = c1 + (2q + D)/2 sigma c2, ask = c1 - (2q - D)/2 sigma c2

    ``size`` is D; ``xi`` is gamma unless given. They may be negative.
    """
    x = (gamma if xi is None else xi) * size / k
    c1 = _log1p_over(x) / k
    c2 = math.sqrt(gamma / (2.0 * a * size * k) * math.exp(_log1p_over(x) + math.log1p(x)))
    return c1 + (2.0 * q + size) / 2.0 * sigma * c2, c1 - (2.0 * q - size) / 2.0 * sigma * c2


def closed_table(largest: int, *, gamma: float, sigma: float, a: float, k: float) -> list[float]:
    """`closed_form` of bids for q from ``-largest`` to ``largest - 1``; an ask's is that of the bid at -q."""
    return [closed_form(q, gamma=gamma, sigma=sigma, a=a, k=k)[0] for q in range(-largest, largest)]


def exact_table(largest: int, *, gamma: float, sigma: float, a: float, k: float) -> list[float]:
    """The distances of bids for q from ``-largest`` to ``largest - 1``, exact far from the end of time.

    They are ln(1 + gamma/k)/gamma + ln(f(q) / f(q+1))/k, with the positive, even eigenvector f of

        (k/2) gamma sigma^2 q^2 f(q) - eta (f(q-1) + f(q+1)) = lambda f(q),   f = 0 beyond +-largest,
        eta = A (1 + gamma/k)^-(1 + k/gamma)

    The ratios f(q)/f(q-1) come from the outside in as a continued fraction, so that the smallest ones are as
    exact as the largest; lambda is searched for between the bounds within which it lies.
    """
    x = gamma / k
    eta = a * math.exp(-_log1p_over(x) - math.log1p(x))
    steep = k * gamma * sigma**2 / 2.0
    low, high = -2.0 * eta, 0.0
    while low < (middle := (low + high) / 2.0) < high:
        if _ratios(middle, largest, steep, eta):
            low = middle
        else:
            high = middle
    ratios = _ratios(low, largest, steep, eta)
    outward = [-math.log(ratio) / k for ratio in ratios]
    alone = _log1p_over(x) / k
    return [alone - skew for skew in reversed(outward)] + [alone + skew for skew in outward]


def _ratios(value: float, largest: int, steep: float, eta: float) -> list[float]:
    """f(q)/f(q-1) for q from 1 on if ``value`` is below the lowest eigenvalue, else nothing."""
    ratios, beyond = [], 0.0
    for q in range(largest, 0, -1):
        rest = steep * q * q - value - eta * beyond
        if rest <= 0.0:
            return []
        beyond = eta / rest
        ratios.append(beyond)
    return ratios[::-1] if -value >= 2.0 * eta * beyond else []


def _log1p_over(x: float) -> float:
    """ln(1 + x) / x, 1 at 0."""
    return math.log1p(x) / x if x else 1.0


def bid_price(steps: float, best_ask: int, step: int) -> int:
    """A bid at ``steps`` times ``step``, down to a whole step and below the best ask; 0 if no price."""
    highest = (best_ask - 1) // step
    if steps >= highest:
        return highest * step
    if steps < 1.0:
        return 0
    return int(steps) * step


def ask_price(steps: float, best_bid: int, step: int) -> int:
    """An ask at ``steps`` times ``step``, up to a whole step, above the best bid; 0 beyond twice of that."""
    lowest = best_bid // step + 1
    if steps <= lowest:
        return lowest * step
    if steps > 2.0 * lowest:
        return 0
    whole = int(steps)
    if whole < steps:
        whole += 1
    return whole * step
