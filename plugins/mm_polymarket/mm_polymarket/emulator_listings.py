"""Markets that the Polymarket emulator can list: some invented ones, and any other token.

A market is listed under its YES token; condition, NO token and the rest follow from it. Prices have
the room that the emulated market needs above and below; sizes have two decimals, as in recordings.
"""

from __future__ import annotations

import hashlib
from typing import Final

import attrs

from mm_framework.contracts.emulator import Listing
from mm_framework.errors import ConfigError
from mm_framework.model.fixed import decimals_of, parse
from mm_polymarket.markets import Market
from mm_polymarket.names import YES, is_token, outcome_symbol

__all__ = ["MIN_SIZE", "TOKENS", "Identity", "identity", "listing"]

MIN_SIZE: Final = "5"
SIZE_DECIMALS: Final = 2

_PRICES: Final = {
    "will-it-rain-in-lisbon-tomorrow": "0.350",
    "will-the-home-team-win": "0.480",
    "will-rates-be-cut-in-june": "0.120",
    "will-the-record-fall-this-year": "0.640",
}
_OTHER: Final = ("a-market-of-its-own", "0.400")
_USUAL_SIZE: Final = "250"


@attrs.frozen
class Identity:
    """What the venue knows of a market beside its book."""

    slug: str
    market: Market

    @property
    def condition_id(self) -> str:
        """As the venue writes it."""
        return self.market.condition_id


def _digits(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _token(name: str) -> str:
    return str(int(_digits(name), 16))


_SLUGS: Final = {_token(f"yes/{slug}"): slug for slug in _PRICES}

TOKENS: Final = tuple(_SLUGS)
"""The YES tokens of the invented markets."""


def identity(yes: str) -> Identity:
    """The market of a YES token."""
    slug = _SLUGS.get(yes, _OTHER[0])
    market = Market(
        f"0x{_digits(f'condition/{yes}')}", yes, _token(f"no/{yes}"), min_size=MIN_SIZE, slug=slug
    )
    return Identity(slug, market)


def _names(yes: str) -> set[str]:
    market = identity(yes).market
    return {name for pair in market.names() for name in pair}


def listing(symbol: str) -> Listing:
    """The market of a token, or of a name such as ``0123456789ab-YES``, under its YES token.

    A token that is none of the invented markets' is the YES token of a market of its own. Raises
    ConfigError for what is no token.
    """
    yes = next((token for token in TOKENS if symbol in _names(token)), symbol)
    if not is_token(yes):
        raise ConfigError(
            f"{symbol!r} is no token of Polymarket: expected decimal digits, or one of "
            f"{', '.join(outcome_symbol(identity(token).condition_id, YES) for token in TOKENS)}",
            key="symbol",
            value=symbol,
        )
    price = _PRICES.get(_SLUGS.get(yes, ""), _OTHER[1])
    decimals = decimals_of(price)
    return Listing(
        symbol=yes,
        base=outcome_symbol(identity(yes).condition_id, YES),
        quote="USD",
        price_scale=decimals,
        size_scale=SIZE_DECIMALS,
        price_decimals=decimals,
        size_decimals=SIZE_DECIMALS,
        tick=1,
        price=parse(price, decimals),
        size=parse(_USUAL_SIZE, SIZE_DECIMALS),
        ceiling=10**decimals,
    )
