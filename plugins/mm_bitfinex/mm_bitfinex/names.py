"""Bitfinex's names of one pair, and ours: ``bitfinex:BTC/USD``.

The wire says ``tBTCUSD``; a code longer than three letters brings a colon (``tAAVE:USD``,
``tTESTBTC:TESTUSD``). A perpetual has ``F0`` behind both codes: ``tBTCF0:USTF0`` is
``bitfinex:BTC/USDT:PERP``. Some codes are the venue's own, such as UST for USDT.

Source: docs.bitfinex.com, "Introduction" (symbols) and ``/v2/conf/pub:map:currency:sym``, read 2026-11-21.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["VENUE", "canonical", "split_pair", "wire_symbol"]

VENUE: Final = "bitfinex"

ALIASES: Final = {
    "ALG": "ALGO", "ATO": "ATOM", "BCHN": "BCH", "DOG": "MDOGE", "DSH": "DASH", "IOT": "IOTA",
    "LUNA": "LUNC", "LUNA2": "LUNA", "MNA": "MANA", "QTM": "QTUM", "TSD": "TUSD", "UDC": "USDC",
    "UST": "USDT",
}  # fmt: skip
"""The venue's codes that others call differently."""

_WIRE_CODES: Final = {ours: wire for wire, ours in ALIASES.items()}
_PERPETUAL: Final = "F0"
_JOINED: Final = re.compile(r"([A-Z0-9]{3})([A-Z0-9]{3})")
_COLON: Final = re.compile(r"([A-Z0-9]{2,16}):([A-Z0-9]{2,16})")
_SLASH: Final = re.compile(r"([A-Z0-9]{2,16})/([A-Z0-9]{2,16})(:PERP)?")


def canonical(name: str) -> str:
    """Our name of a pair in any of its spellings: ``BTC/USD``. What is no pair stays as it is."""
    pair = _codes(name)
    if pair is None:
        return name
    base, quote, perpetual = pair
    return f"{base}/{quote}:PERP" if perpetual else f"{base}/{quote}"


def wire_symbol(name: str) -> str:
    """The wire's name of a pair in any of its spellings: ``tBTCUSD``. What is no pair stays as it is."""
    pair = _codes(name)
    if pair is None:
        return name
    base, quote, perpetual = pair
    codes = [_WIRE_CODES.get(code, code) + (_PERPETUAL if perpetual else "") for code in (base, quote)]
    return "t" + ("" if [len(code) for code in codes] == [3, 3] else ":").join(codes)


def split_pair(name: str) -> tuple[str, str] | None:
    """``("BTC", "USD")`` of a pair in any of its spellings, None where the name does not tell."""
    pair = _codes(name)
    return None if pair is None else pair[:2]


def _codes(name: str) -> tuple[str, str, bool] | None:
    """Base, quote, both in our codes, and whether it is a perpetual."""
    ours = _SLASH.fullmatch(name.upper())
    if ours is not None:
        base, quote = (_our_code(code) for code in ours.group(1, 2))
        return base, quote, ours[3] is not None
    pair = _pair(name)
    wire = _JOINED.fullmatch(pair) or _COLON.fullmatch(pair)
    if wire is None:
        return None
    base, quote = wire.groups()
    perpetual = base.endswith(_PERPETUAL) and quote.endswith(_PERPETUAL)
    if perpetual:
        base, quote = base.removesuffix(_PERPETUAL), quote.removesuffix(_PERPETUAL)
    return ALIASES.get(base, base), ALIASES.get(quote, quote), perpetual


def _our_code(code: str) -> str:
    """A code in a name with a slash: ours, or the venue's where that is not ours, too."""
    return code if code in _WIRE_CODES else ALIASES.get(code, code)


def _pair(name: str) -> str:
    """The wire's name without its ``t``; a name in lower case loses one if three and three are left."""
    if name[:1] != "t":
        return name.upper()
    if name[1:].upper() == name[1:] or (len(name) == 7 and ":" not in name):
        return name[1:].upper()
    return name.upper()
